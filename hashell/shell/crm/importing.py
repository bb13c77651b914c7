"""`import`: files of other cluster software, as settings, a corosync.conf, and lines of the crm language."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hashell.errors import BadUsage

if TYPE_CHECKING:
    from hashell.commands.foreign.imported import Imported
    from hashell.shell.session import Session

_PARTS = ("settings", "corosync", "crm", "left")


def import_files(session: Session, words: list[str]) -> int:
    """One part to standard output, so that it can be sent on; without a part all of them, secrets starred."""
    from hashell.commands.foreign.detect import read
    from hashell.shell.crm.loading import read_source

    parts = [word.lower() for word in words if word.lower() in _PARTS]
    addresses = dict(word.split("=", 1) for word in words if "=" in word and "/" not in word.partition("=")[0])
    files = [word for word in words if word.lower() not in _PARTS and word.partition("=")[0] not in addresses]
    if not files:
        raise BadUsage("which file is to be imported?", "name a corosync.conf, cluster.conf, or ha.cf and haresources")
    made = read({name: read_source(name) for name in files})
    made.with_addresses(addresses)
    for one in made.left:
        if parts != ["left"]:
            session.err(f"WARNING: not carried over: {one.text()}")
    writers: dict[str, Callable[[], str]] = {
        "settings": made.settings_text, "corosync": made.corosync_text, "crm": made.crm_text,
        "left": lambda: "".join(f"{one.text()}\n" for one in made.left),
    }
    if parts:
        session.out("".join(writers[part]() for part in parts))
        return 0
    session.out(_all_of(made))
    session.err("INFO: one part alone: import settings|corosync|crm FILE")
    session.err("INFO: `hashell import crm FILE | hashell configure load update -` makes the resources")
    return 0


def _all_of(made: Imported) -> str:
    from hashell.errors import HashellError
    from hashell.shell.scrub import scrub

    lines = []
    for title, writer in (("settings of hashelld (TOML)", made.settings_text),
                          ("corosync.conf, should corosync be the engine", made.corosync_text)):
        try:
            text = writer()
        except HashellError as error:
            text = f"# {error}\n"
        lines.append(f"### {title}\n{text}\n")
    crm = "".join(f"{scrub(line)}\n" for line in made.crm)
    lines.append(f"### configuration (crm)\n{crm or '# it has no resources' + chr(10)}")
    return "".join(lines)
