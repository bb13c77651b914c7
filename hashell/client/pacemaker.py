"""A real Pacemaker cluster, through the tools that it ships: cibadmin, crm_attribute, crm_resource, crm_node …

A change is applied to a copy of the CIB first and sent as one patch, so several edits are all or none, and a patch
does not fit any more when somebody else was faster.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from hashell.cib.document import Cib
from hashell.client import offline
from hashell.client.api import Unsupported
from hashell.errors import (
    BadInput,
    Conflict,
    HashellError,
    NoQuorum,
    NotFound,
    NotReachable,
    Refused,
    TimedOut,
)
from hashell.wire.messages import Change, EventInfo, HistoryRow, Info, MemberInfo

#: Seconds for a tool that asks or writes; fencing and cleaning up get more.
TOOL_TIMEOUT_S = 30.0
LONG_TIMEOUT_S = 120.0
#: Characters of a tool's complaint that are shown.
TEXT_MAX = 500
#: Pacemaker's exit codes that mean one of our cases; any other is Refused.
_BY_EXIT_CODE: dict[int, type[HashellError]] = {
    6: BadInput, 65: BadInput, 78: BadInput, 102: NotReachable, 103: Conflict, 105: NotFound,
    106: NoQuorum, 113: NoQuorum, 124: TimedOut,
}


def runs_here() -> bool:
    """Whether the tools are installed and a CIB manager listens; a look, no connection."""
    if shutil.which("cibadmin") is None:
        return False
    try:
        listening = Path("/proc/net/unix").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "cib_ro" in listening


class PacemakerClient:
    """Raises NotReachable when made where no Pacemaker answers."""

    kind = "pacemaker"

    def __init__(self, *, read_only: bool = False) -> None:
        self.where = "pacemaker"
        self.read_only = read_only
        if shutil.which("cibadmin") is None:
            raise NotReachable("Pacemaker's tools are not installed here", "install pacemaker-cli-utils")
        self.cib()

    def _tool(self, *argv: str, stdin: bytes = b"", timeout_s: float = TOOL_TIMEOUT_S) -> str:
        try:
            done = subprocess.run(
                argv, input=stdin, capture_output=True, timeout=timeout_s, check=False
            )
        except FileNotFoundError:
            raise NotReachable(f"{argv[0]} is not installed here", "install Pacemaker's tools") from None
        except subprocess.TimeoutExpired:
            raise TimedOut(f"{argv[0]} did not end within {timeout_s:g} s") from None
        if done.returncode:
            said = (done.stderr or done.stdout).decode(errors="replace").strip()[-TEXT_MAX:]
            kind = _BY_EXIT_CODE.get(done.returncode, Refused)
            raise kind(f"{argv[0]}: {said or f'exit code {done.returncode}'}")
        return done.stdout.decode(errors="replace")

    def _write(self, *argv: str, timeout_s: float = TOOL_TIMEOUT_S) -> str:
        offline.refuse_read_only(self.read_only, self.where)
        return self._tool(*argv, timeout_s=timeout_s).strip()

    def cib(self) -> Cib:
        return Cib.parse(self._tool("cibadmin", "--query"))

    def info(self) -> Info:
        """Members, quorum and DC by the CIB and crm_node."""
        info = offline.info_of(self.cib())
        members = []
        for line in self._tool("crm_node", "--list").splitlines():
            words = line.split()
            if len(words) >= 2:
                state = words[2] if len(words) > 2 else "lost"
                members.append(
                    MemberInfo(int(words[0]) if words[0].isdigit() else 0, words[1], state)
                )
        try:
            node = self._tool("crm_node", "--name").strip()
        except HashellError:
            node = ""
        quorate = self._tool("crm_node", "--quorum").strip() == "1"
        return msgspec.structs.replace(
            info, node=node, quorate=quorate, members=tuple(members) or info.members,
            votes=sum(member.state == "member" for member in members),
            expected_votes=max(info.expected_votes, len(members)),
        )

    def apply(self, changes: Sequence[Change], *, command: str = "", message: str = "") -> str:
        from lxml import etree

        from hashell.cib.diff import make_patch

        offline.refuse_read_only(self.read_only, self.where)
        before = self.cib()
        after = offline.changed(before, changes)
        if after is not before:
            patch = etree.tostring(make_patch(before, after))
            self._tool("cibadmin", "--patch", "--xml-pipe", stdin=patch)
            # Pacemaker counts versions by itself: what it made of the patch's is known only by asking.
            after = self.cib()
        return str(after.version)

    def set_attribute(self, node: str, name: str, value: str | None) -> None:
        words = ["--delete"] if value is None else ["--update", value]
        self._write(
            "crm_attribute", "--node", node, "--lifetime", "reboot", "--name", name, *words
        )

    def clean_up(
        self, resource: str = "", node: str = "", *, task: str = "", interval_ms: int = -1,
        refresh: bool = False,
    ) -> str:
        words = ["crm_resource", "--refresh" if refresh else "--cleanup"]
        for option, value in (("--resource", resource), ("--node", node), ("--operation", task)):
            words += [option, value] if value else []
        if interval_ms >= 0:
            words += ["--interval", f"{interval_ms}ms"]
        return self._write(*words, timeout_s=LONG_TIMEOUT_S)

    def fail_resource(self, resource: str, node: str) -> str:
        return self._write("crm_resource", "--fail", "--resource", resource, "--node", node)

    def fence(self, node: str, action: str = "reboot", *, confirm: bool = False) -> str:
        option = "--confirm" if confirm else {"off": "--fence", "on": "--unfence"}.get(action, "--reboot")
        return self._write("stonith_admin", option, node, timeout_s=LONG_TIMEOUT_S)

    def forget_fencing(self, node: str = "") -> str:
        return self._write("stonith_admin", "--cleanup", "--history", node or "*")

    def set_secret(self, resource: str, name: str, value: str | None) -> str:
        if value is None:
            return self._write("cibsecret", "delete", resource, name)
        raise Unsupported(
            "Pacemaker's cibsecret takes a secret as an argument, where every user sees it",
            f"run `cibsecret set {resource} {name}` yourself",
        )

    def get_secret(self, resource: str, name: str) -> str | None:
        return self._tool("cibsecret", "get", resource, name).strip()

    def stop_node(self, node: str = "") -> str:
        raise Unsupported(
            "Pacemaker's daemons are stopped by their init system", "use `systemctl stop pacemaker`"
        )

    def forget_node(self, node: str) -> str:
        return self._write("crm_node", "--force", "--remove", node)

    def wait_idle(self, timeout_s: float) -> None:
        seconds = max(1, round(timeout_s))
        self._tool("crm_resource", "--wait", "--timeout", f"{seconds}s", timeout_s=timeout_s + 5)

    def events(self, limit: int = 200) -> tuple[EventInfo, ...]:
        return ()

    def history(self, limit: int = 100) -> tuple[HistoryRow, ...]:
        raise Unsupported("Pacemaker keeps no history of who changed what", "attach to a hashelld for that")

    def version(self, version: str) -> Cib:
        raise Unsupported("Pacemaker answers only with its current CIB", "attach to a hashelld for that")

    def close(self) -> None:
        """Nothing is held open."""
