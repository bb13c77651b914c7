"""Help from the declarations: of the shell, of a level, of a command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hashell.shell.grammar.words import Command, Danger, Level, LevelName

if TYPE_CHECKING:
    from hashell.model.options.row import Row

_DANGER = {
    Danger.READS: "",
    Danger.CHANGES: "Changes the configuration.",
    Danger.INTERRUPTS: "Can interrupt a service.",
    Danger.FENCES: "Can stop a node for good.",
}


def command_help(command: Command) -> str:
    """Usage, what it does, its other names, an example."""
    lines = [f"usage: {command.name} {command.usage}".rstrip(), "", command.help]
    if _DANGER[command.danger]:
        lines.append(_DANGER[command.danger])
    if command.aliases:
        lines.append("Also called: " + ", ".join(command.aliases))
    if command.example:
        lines += ["", "Example:", *(f"    {line}" for line in command.example.split("\n"))]
    return "\n".join(lines) + "\n"


def property_help(names: Sequence[str]) -> str:
    """What options of the cluster mean; empty for names that are none."""
    from hashell.model.options.cluster import BY_NAME

    rows = dict.fromkeys(BY_NAME[name] for name in names if name in BY_NAME)
    return "".join(f"{line}\n" for row in rows for line in option_lines(row))


def option_lines(row: Row) -> list[str]:
    lines = [row.name, f"  Description: {row.text}", f"  Type: {row.type}"]
    if row.values:
        lines.append("  Allowed values: " + ", ".join(f"'{value}'" for value in row.values))
    if row.default is not None:
        lines.append(f"  Default: {row.default}")
    return lines


def level_help(level: Level, levels: tuple[LevelName, ...]) -> str:
    """The commands of a level and the levels below it, with a line each."""
    lines = [level.help, ""]
    names = [*(one.name for one in level.commands), *(one.name for one in levels)]
    width = max(map(len, names), default=0)
    lines += [f"  {one.name:{width}}  {_first_line(one.help)}" for one in level.commands]
    if levels:
        lines += ["", "Levels:", *(f"  {one.name:{width}}  {_first_line(one.help)}" for one in levels)]
    if level.name == "root":
        lines += [
            "",
            "help COMMAND, help LEVEL COMMAND, and COMMAND --help say more. Lines that begin with pcs are read as pcs.",
        ]
    return "\n".join(lines) + "\n"


def _first_line(text: str) -> str:
    return text.split("\n", 1)[0]
