"""LSB init scripts: their words, their other exit codes for status, and the header that describes them.

Source: LSB 5.0 core, "Init script actions" and "Comment conventions for init scripts".
"""

from __future__ import annotations

import re

from hashell.agents.metadata import AgentAction, AgentMetadata
from hashell.values.outcomes import OcfCode

_HEADER = re.compile(r"###\s*BEGIN INIT INFO(.*?)###\s*END INIT INFO", re.DOTALL)
_FIELD = re.compile(r"#\s*([A-Za-z-]+):\s*(.*)")
#: What the exit code of `status` means: 1 and 2 are dead with traces left, 3 is not running, 4 unknown.
_STATUS = {
    0: OcfCode.OK, 1: OcfCode.NOT_RUNNING, 2: OcfCode.NOT_RUNNING, 3: OcfCode.NOT_RUNNING,
    4: OcfCode.INSUFFICIENT_PRIV, 150: OcfCode.NOT_INSTALLED,
}


def word(action: str) -> str:
    """The script's word for an action of a resource."""
    return "status" if action == "monitor" else action


def result(action: str, exit_code: int) -> int:
    """The OCF code. For actions other than status both share the codes 0 to 7."""
    if action in ("monitor", "status"):
        return _STATUS.get(exit_code, OcfCode.UNKNOWN_ERROR)
    if 0 <= exit_code <= OcfCode.NOT_RUNNING:
        return exit_code
    return OcfCode.UNKNOWN_ERROR


def metadata(kind: str, script: str) -> AgentMetadata:
    """What the comment header of a script says; actions and their times are the usual ones of the class."""
    header = _HEADER.search(script)
    fields: dict[str, str] = {}
    last = ""
    for line in header[1].splitlines() if header else ():
        match = _FIELD.match(line)
        if match:
            last = match[1].lower()
            fields[last] = match[2].strip()
        elif last == "description" and re.match(r"#(\t|  )", line):
            fields[last] += " " + line.lstrip("#").strip()
    short = fields.get("short-description", "")
    return AgentMetadata(
        name=kind, version="1.0", shortdesc=short or kind,
        longdesc=fields.get("description", "") or short or kind,
        actions=tuple(
            AgentAction(name, timeout_ms=15_000, interval_ms=15_000 if name == "monitor" else 0)
            for name in ("start", "stop", "restart", "force-reload", "monitor", "status", "meta-data")
        ),
    )
