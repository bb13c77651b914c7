"""The options level: settings of this session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.errors import BadUsage
from hashell.shell.grammar.words import Command, Level

if TYPE_CHECKING:
    from hashell.shell.session import Session

_HERE = "hashell.shell.crm.options"
_SETTINGS = {"output": "display", "wait": "wait", "force": "force", "theme": "theme", "output-as": "output_as"}

LEVEL = Level(
    "options", "Your own settings.",
    commands=(
        Command("show", "[TEXT]", "The settings of this session.", f"{_HERE}:show", aliases=("list",)),
        Command("set", "TEXT TEXT", "Change one: set wait yes.", f"{_HERE}:set_one"),
        Command("wait", "(yes|no)", "Whether each command waits until the cluster has nothing to do.", f"{_HERE}:wait"),
        Command("output", "(plain|color|color-always|uppercase)", "How output looks.", f"{_HERE}:output"),
    ),
)


def show(session: Session, words: list[str]) -> int:
    for name, attribute in _SETTINGS.items():
        if not words or name == words[0]:
            value = getattr(session.options, attribute)
            session.out(f"{name} = {('yes' if value else 'no') if isinstance(value, bool) else value or '-'}\n")
    return 0


def set_one(session: Session, words: list[str]) -> int:
    attribute = _SETTINGS.get(words[0])
    if attribute is None:
        raise BadUsage(f"no setting is called {words[0]}", "there are " + ", ".join(_SETTINGS))
    old = getattr(session.options, attribute)
    setattr(session.options, attribute, words[1].lower() in ("yes", "true", "on", "1") if isinstance(old, bool) else words[1])
    return 0


def wait(session: Session, words: list[str]) -> int:
    return set_one(session, ["wait", words[0]])


def output(session: Session, words: list[str]) -> int:
    return set_one(session, ["output", words[0]])
