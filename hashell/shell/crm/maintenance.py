"""The maintenance level: leave the cluster, or one resource, alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.shell.grammar.words import Command, Danger, Level

if TYPE_CHECKING:
    from hashell.shell.session import Session

_HERE = "hashell.shell.crm.maintenance"

LEVEL = Level(
    "maintenance",
    "Maintenance mode.",
    commands=(
        Command("on", "[RESOURCE]", "Leave everything alone, or one resource.", f"{_HERE}:on", danger=Danger.CHANGES),
        Command("off", "[RESOURCE]", "Take it back.", f"{_HERE}:off", danger=Danger.CHANGES),
        Command(
            "action",
            "PRIMITIVE (start|stop|monitor|meta-data|validate-all|promote|demote|notify|reload) [ssh]",
            "Run an action of a resource's agent on this machine, by hand.",
            "hashell.shell.crm.trying:action", danger=Danger.INTERRUPTS, example="action web monitor",
        ),
    ),
)


def on(session: Session, words: list[str]) -> int:
    return _switch(session, words, "true")


def off(session: Session, words: list[str]) -> int:
    return _switch(session, words, "false")


def _switch(session: Session, words: list[str], value: str) -> int:
    from hashell.commands import options, resources

    env = session.env()
    if words:
        resources.set_meta_deep(env, words[0], "maintenance", value)
    else:
        options.set_options(env, {"maintenance-mode": value})
    session.finish(env)
    return 0
