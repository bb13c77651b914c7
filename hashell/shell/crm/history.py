"""The history level: what happened, and the versions of the configuration."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hashell.shell.grammar.words import Command, Danger, Level

if TYPE_CHECKING:
    from hashell.cib.document import Cib
    from hashell.shell.session import Session

_HERE = "hashell.shell.crm.history"

LEVEL = Level(
    "history", "What happened: events, versions of the configuration.",
    commands=(
        Command("log", "[COUNT]", "Versions of the configuration, newest first: who, when, with which command.", f"{_HERE}:log"),
        Command("events", "[COUNT]", "The last events of the cluster.", f"{_HERE}:events"),
        Command("resource", "RESOURCE...", "Events about resources.", f"{_HERE}:about"),
        Command("node", "NODE...", "Events about nodes.", f"{_HERE}:about"),
        Command("show", "VERSION", "A kept version of the configuration.", f"{_HERE}:show"),
        Command("diff", "VERSION [VERSION]", "How versions differ; the second is the present one unless named.", f"{_HERE}:diff"),
        Command("undo", "[VERSION]", "Go back to the version before, or before a named one.", f"{_HERE}:undo", danger=Danger.INTERRUPTS),
        Command("restore", "VERSION", "Make a kept version the present one again.", f"{_HERE}:restore", danger=Danger.INTERRUPTS),
    ),
)


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def log(session: Session, words: list[str]) -> int:
    from hashell.shell.output import page

    rows = session.client.history(int(words[0]) if words and words[0].isdigit() else 20)
    lines = [
        f"{row.version:<10} {_when(row.when_s)}  {row.user or '?'}@{row.node or '?'}  {row.command or row.message}\n" for row in rows
    ]
    page(session, "".join(lines))
    return 0


def events(session: Session, words: list[str]) -> int:
    count = int(words[0]) if words and words[0].isdigit() else 50
    return _print(session, count, ())


def about(session: Session, words: list[str]) -> int:
    return _print(session, 500, tuple(words))


def _print(session: Session, count: int, names: tuple[str, ...]) -> int:
    for one in session.client.events(count):
        if not names or any(name in one.about or name in one.text for name in names):
            session.out(f"{_when(one.when_s)} {one.node or '-'} {one.level or 'info'}: {one.text}\n")
    return 0


def _printed(cib: Cib) -> list[str]:
    from hashell.shell.crm.configure_print import Printer, objects

    return Printer(cib.root).show(objects(cib.root)).splitlines()


def show(session: Session, words: list[str]) -> int:
    session.out("".join(f"{line}\n" for line in _printed(session.client.version(words[0]))))
    return 0


def diff(session: Session, words: list[str]) -> int:
    import difflib

    before = session.client.version(words[0])
    after = session.client.version(words[1]) if len(words) > 1 else session.client.cib()
    name = words[1] if len(words) > 1 else "now"
    lines = difflib.unified_diff(_printed(before), _printed(after), words[0], name, lineterm="")
    session.out("".join(f"{line}\n" for line in lines))
    return 0


def undo(session: Session, words: list[str]) -> int:
    from hashell.errors import NotFound

    versions = [row.version for row in session.client.history(100)]
    place = versions.index(words[0]) if words and words[0] in versions else 0
    if words and words[0] not in versions:
        raise NotFound(f"no version {words[0]} is kept", "see history log")
    if place + 1 >= len(versions):
        raise NotFound("there is no version before", "see history log")
    return restore(session, [versions[place + 1]])


def restore(session: Session, words: list[str]) -> int:
    """As a new version: nothing is lost by going back."""
    import copy

    wanted = session.client.version(words[0]).configuration
    env = session.env()
    assert wanted is not None
    env.root.replace(env.configuration(), copy.deepcopy(wanted))
    env.commit(f"back to {words[0]}")
    session.err(f"INFO: the configuration is that of {words[0]} again")
    session.wait_if_asked()
    return 0
