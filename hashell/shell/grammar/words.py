"""The declaration of a command: its words, its usage, what it does and how dangerous it is.

A usage is read by pattern.py: `word` is itself, `NAME` a value from the source of that name (sources.py), `[x]`
may be left
out, `{x}` may be repeated or left out, `(a|b)` one of two, `x...` once or more.
"""

from __future__ import annotations

import enum
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from hashell.shell.session import Session

#: What carries out a command: the session and the words after the command's own; returns the exit code or None for 0.
Handler = Callable[["Session", list[str]], int | None]


#: The end of the usage of commands that can wait until the cluster has done what they made it do.
WAIT = " [--wait]"


class Danger(enum.IntEnum):
    """What a command can do at worst. Read-only sessions run READS only."""

    READS = 0
    CHANGES = 1
    INTERRUPTS = 2
    FENCES = 3


class Command(msgspec.Struct, frozen=True):
    """`usage` is what follows the name; `where` is MODULE:FUNCTION of the handler, imported when it is called."""

    name: str
    usage: str
    help: str
    where: str
    aliases: tuple[str, ...] = ()
    danger: Danger = Danger.READS
    #: Words after the command are kept as they are: its own parser reads them.
    free: bool = False
    example: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    def handler(self) -> Handler:
        module, _, function = self.where.partition(":")
        found: Handler = getattr(importlib.import_module(module), function)
        return found


class Level(msgspec.Struct, frozen=True):
    """A place with commands of its own; `levels` lists the names of those that can be entered from it."""

    name: str
    help: str
    commands: tuple[Command, ...]
    levels: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)


class LevelName(msgspec.Struct, frozen=True):
    """A level that is not loaded yet: enough to find it and to list it."""

    name: str
    help: str
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    def load(self) -> Level:
        level: Level = importlib.import_module(f"hashell.shell.crm.{self.name}").LEVEL
        return level
