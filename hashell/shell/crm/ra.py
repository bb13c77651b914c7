"""The ra level: which agents are installed, and what they say of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.errors import BadInput, BadUsage, NotFound
from hashell.shell.grammar.words import Command, Level

if TYPE_CHECKING:
    from hashell.agents.metadata import AgentMetadata, AgentParameter
    from hashell.shell.session import Session
    from hashell.values.agent_names import AgentName

_HERE = "hashell.shell.crm.ra"

LEVEL = Level(
    "ra",
    "Agents: list and describe them.",
    commands=(
        Command("classes", "", "Classes of agents, with the providers of those that have some.", f"{_HERE}:classes"),
        Command(
            "list",
            "CLASS [PROVIDER]",
            "The agents of a class.",
            f"{_HERE}:list_agents",
            example="list ocf\nlist ocf pacemaker",
        ),
        Command("providers", "TYPE [CLASS]", "Who provides an agent of this type.", f"{_HERE}:providers"),
        Command(
            "info",
            "AGENT",
            "What an agent does, its parameters and operations.",
            f"{_HERE}:info",
            aliases=("meta",),
            example="info IPaddr2\ninfo stonith:fence_ipmilan",
        ),
        Command(
            "validate", "AGENT {PARAM=VALUE}", "Let an agent judge parameters, nothing is started.", f"{_HERE}:validate"
        ),
    ),
)
#: Operations that an agent has for the cluster's use; the advice of others is what people look for.
_NOT_ADVISED = frozenset({"meta-data", "validate-all"})
#: Seconds that an agent has to judge parameters.
VALIDATE_TIMEOUT_S = 20


def _columns(session: Session, names: list[str]) -> None:
    """One name a line where a program reads, columns where a person does."""
    if not session.interactive or not names:
        session.out("".join(f"{name}\n" for name in names))
        return
    import shutil

    width = max(len(name) for name in names) + 2
    per_line = max(1, shutil.get_terminal_size().columns // width)
    rows = -(-len(names) // per_line)
    for row in range(rows):
        session.out("".join(f"{name:{width}}" for name in names[row::rows]).rstrip() + "\n")


def classes(session: Session, words: list[str]) -> int:
    from hashell.agents.find import list_providers, list_standards

    for standard in list_standards():
        session.out(standard + (" / " + " ".join(list_providers()) if standard == "ocf" else "") + "\n")
    return 0


def list_agents(session: Session, words: list[str]) -> int:
    from hashell.agents import find

    standard, provider = words[0].lower(), words[1] if len(words) > 1 else ""
    known = find.list_standards()
    if standard not in known:
        raise NotFound(f"class {standard} does not exist", "classes here: " + ", ".join(known))
    if provider and provider not in find.list_providers():
        raise NotFound(
            f"there is no provider {provider} for class {standard}",
            "providers here: " + ", ".join(find.list_providers()),
        )
    _columns(session, list(dict.fromkeys(name.type for name in find.list_agents(standard, provider))))
    return 0


def providers(session: Session, words: list[str]) -> int:
    from hashell.agents import find

    standard = words[1].lower() if len(words) > 1 else "ocf"
    found = find.list_providers(words[0]) if standard == "ocf" else ()
    if not found:
        raise NotFound(f"nobody provides an agent {standard}:{words[0]} here", "see `ra list ocf`")
    session.out(" ".join(found) + "\n")
    return 0


def _agent(text: str) -> AgentName:
    from hashell.commands.agents import agent_of
    from hashell.values.agent_names import AgentName

    return AgentName(*agent_of(text))


def info(session: Session, words: list[str]) -> int:
    from hashell.shell.output import page

    page(session, "".join(f"{line}\n" for line in description(_agent(words[0]))))
    return 0


def description(name: AgentName) -> list[str]:
    """What an agent says of itself, as lines. Raises AgentMissing, BadMetadata."""
    from hashell.agents.run import read_metadata

    found = read_metadata(name)
    title = " ".join(found.shortdesc.split())
    lines = [f"{title} ({name})" if title else str(name), ""]
    if found.longdesc:
        lines += [*found.longdesc.splitlines(), ""]
    if found.parameters:
        lines += ["Parameters (*: required, []: default):", ""]
        # The required ones first, what hardly anybody sets last.
        for one in sorted(found.parameters, key=lambda one: (not one.required, one.advanced, one.deprecated)):
            lines += [*_parameter(one), ""]
    return lines + _operations(found)


def _parameter(one: AgentParameter) -> list[str]:
    kind = one.type if not one.values else f"select: {', '.join(one.values)}"
    default = f", [{one.default}]" if one.default not in (None, "") else ""
    marks = ", deprecated" + (f": use {one.replaced_by}" if one.replaced_by else "") if one.deprecated else ""
    head = f"{one.name}{'*' if one.required else ''} ({kind}{default}{marks})"
    short = " ".join(one.shortdesc.split())
    lines = [f"{head}: {short}" if short else head]
    longer = one.longdesc.strip()
    if longer and longer != one.shortdesc.strip():
        lines += [f"    {line.strip()}" for line in longer.splitlines()]
    return lines


def _operations(found: AgentMetadata) -> list[str]:
    shown = [one for one in found.actions if one.name not in _NOT_ADVISED]
    if not shown:
        return []
    lines = ["Operations' defaults (advisory minimum):", ""]
    for one in shown:
        name = f"{one.name}_{one.role}" if one.role else one.name
        values = [
            ("timeout", one.timeout),
            ("interval", one.interval),
            ("start-delay", one.start_delay),
            ("depth", one.depth_text),
        ]
        # An interval or delay of nothing says nothing.
        said = [f"{key}={value}" for key, value in values if value and (key == "timeout" or value.rstrip("s") != "0")]
        lines.append(f"    {name:<13} {' '.join(said)}".rstrip())
    return lines


def validate(session: Session, words: list[str]) -> int:
    """Runs the agent's validate-all with the parameters given, and nothing else."""
    from hashell.agents import find
    from hashell.agents.call import Place, build_call
    from hashell.agents.run import read_metadata, run

    name = _agent(words[0])
    parameters = dict(word.split("=", 1) for word in words[1:])
    found = read_metadata(name)
    unknown = [one for one in parameters if found.parameter(one) is None]
    missing = [
        one.name for one in found.parameters if one.required and one.name not in parameters and one.default is None
    ]
    for one in unknown:
        session.err(f"WARNING: {name} has no parameter {one}")
    if missing:
        raise BadInput(f"{name} needs {', '.join(missing)}", f"see `ra info {words[0]}`")
    if not found.supports("validate-all"):
        raise BadUsage(f"{name} cannot validate parameters", "its agent has no validate-all")
    place = Place(ocf_root=find.ocf_root())
    call = build_call(
        place, name, find.resolve(name), "validate-all", "validate", parameters, timeout_ms=VALIDATE_TIMEOUT_S * 1000
    )
    ended = run(call)
    for line in (ended.stdout + ended.stderr).decode(errors="replace").splitlines():
        session.err(line)
    if ended.timed_out:
        raise BadInput(f"{name} did not answer within {VALIDATE_TIMEOUT_S} s", "try it by hand")
    if ended.exit_code:
        raise BadInput(f"{name} refuses these parameters (exit code {ended.exit_code})", f"see `ra info {words[0]}`")
    session.err(f"INFO: {name} takes these parameters")
    return 0
