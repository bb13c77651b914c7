"""The ra level: agents, listed and described."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hashell.errors import BadUsage
from hashell.shell.grammar.words import Command, Level
from hashell.values.agent_names import AgentName

if TYPE_CHECKING:
    from hashell.shell.session import Session

_HERE = "hashell.shell.crm.ra"

LEVEL = Level(
    "ra", "Agents: list and describe them.",
    commands=(
        Command("classes", "", "Classes of agents, with providers.", f"{_HERE}:classes"),
        Command("list", "CLASS [PROVIDER]", "Agents of a class.", f"{_HERE}:list_all"),
        Command("providers", "TYPE [CLASS]", "Who provides an agent of this type.", f"{_HERE}:providers"),
        Command("info", "AGENT", "What an agent says of itself.", f"{_HERE}:info", aliases=("meta",)),
    ),
)


def classes(session: Session, words: list[str]) -> int:
    from hashell.agents.find import list_providers, list_standards

    for name in list_standards():
        session.out(f"{name} / {' '.join(list_providers())}\n" if name == "ocf" else f"{name}\n")
    return 0


def list_all(session: Session, words: list[str]) -> int:
    from hashell.agents.find import list_agents, list_standards

    if words[0] not in (*list_standards(), "service"):
        raise BadUsage(f"no agents of class {words[0]} are here", "classes: " + ", ".join(list_standards()))
    found = sorted({name.type for name in list_agents(words[0], words[1] if len(words) > 1 else "")})
    session.out("  ".join(found) + "\n")
    return 0


def providers(session: Session, words: list[str]) -> int:
    from hashell.agents.find import list_providers

    session.out(" ".join(list_providers(words[0])) + "\n")
    return 0


def info(session: Session, words: list[str]) -> int:
    from hashell.commands.agents import agent_of
    from hashell.shell.output import page

    page(session, "".join(f"{line}\n" for line in description(AgentName(*agent_of(words[0])))))
    return 0


def description(name: AgentName) -> Iterator[str]:
    """An agent in words: what it is for, its parameters, the operations it advises. Raises AgentMissing, BadMetadata."""
    from hashell.agents.run import read_metadata

    said = read_metadata(name)
    yield f"{said.shortdesc or said.name} ({name})"
    if said.longdesc:
        yield ""
        yield from said.longdesc.split("\n")
    yield ""
    yield "Parameters (*: required, []: default):"
    for one in sorted(said.parameters, key=lambda parameter: not parameter.required):
        star = "*" if one.required else ""
        kind = "" if one.type == "string" else f"{one.type}"
        default = f"[{one.default}]" if one.default else ""
        head = ", ".join(filter(None, [f"{kind} {default}".strip()]))
        yield ""
        yield f"{one.name}{star}" + (f" ({head})" if head else "") + (f": {one.shortdesc}" if one.shortdesc else "")
        text = one.longdesc if one.longdesc != one.shortdesc else ""
        yield from (f"    {line}" for line in textwrap.wrap(" ".join(text.split()), 76))
    yield ""
    yield "Operations' defaults (advisory minimum):"
    yield ""
    for action in said.actions:
        if action.name in ("meta-data", "validate-all"):
            continue
        times = [("timeout", action.timeout), ("interval", action.interval), ("role", action.role)]
        yield f"    {action.name:<14}" + " ".join(f"{key}={value}" for key, value in times if value)
