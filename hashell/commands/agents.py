"""What the agents say of themselves, asked once each, and which agent a short name means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.commands.binding import Element, find_resource
from hashell.commands.env import Env
from hashell.errors import HashellError
from hashell.values.agent_names import AgentName

if TYPE_CHECKING:
    from hashell.agents.metadata import AgentMetadata

#: Seconds that an agent has to describe itself.
METADATA_TIMEOUT_S = 10
_known: dict[AgentName, AgentMetadata | None] = {}


def metadata(name: AgentName) -> AgentMetadata | None:
    """What an agent says; None for one that is not here or does not answer well."""
    if name not in _known:
        try:
            from hashell.agents.run import read_metadata

            _known[name] = read_metadata(name, timeout_s=METADATA_TIMEOUT_S)
        except (ImportError, HashellError):
            _known[name] = None
    return _known[name]


def agent_name(env: Env, primitive: Element) -> AgentName | None:
    """The agent of a primitive or template, through its template if it has one."""
    template = primitive.get("template")
    if template is not None:
        found = find_resource(env.root, template)
        return agent_name(env, found) if found is not None and found.get("template") is None else None
    standard, kind = primitive.get("class"), primitive.get("type")
    if not standard or not kind:
        return None
    return AgentName(standard, primitive.get("provider") or "", kind)


def metadata_of(env: Env, primitive: Element) -> AgentMetadata | None:
    """What the agent of a primitive or template says, or None."""
    name = agent_name(env, primitive)
    return metadata(name) if name is not None else None


def advised_timeout(found: AgentMetadata, action: str, role: str = "") -> str:
    """The timeout that an agent advises for an action; among several the one of that role."""
    fitting = [one for one in found.actions if one.name == action and one.timeout]
    for one in fitting:
        if role and _same_role(one.role, role):
            return str(one.timeout)
    return str(fitting[0].timeout) if fitting else ""


def _same_role(one: str, other: str) -> bool:
    alike = {"master": "promoted", "slave": "unpromoted"}
    return alike.get(one.lower(), one.lower()) == alike.get(other.lower(), other.lower())


def agent_of(text: str) -> tuple[str, str, str]:
    """`[class:[provider:]]type` → class, provider, type; a bare type is searched as the CRM shell does.

    heartbeat's agents come first, then pacemaker's, then other providers; what is found nowhere counts as heartbeat's.
    """
    parts = text.split(":")
    if len(parts) >= 3 and parts[0] == "ocf":
        return "ocf", parts[1], ":".join(parts[2:])
    if len(parts) > 1 and parts[0] != "ocf":
        return parts[0], "", ":".join(parts[1:])
    kind = parts[-1]
    providers = [name.provider for name in installed("ocf") if name.type == kind]
    for provider in ("heartbeat", "pacemaker", *sorted(providers)):
        if provider in providers:
            return "ocf", provider, kind
    if len(parts) == 1:
        for standard in ("stonith", "lsb", "systemd"):
            if any(name.type == kind for name in installed(standard)):
                return standard, "", kind
    return "ocf", "heartbeat", kind


def installed(standard: str = "", provider: str = "") -> tuple[AgentName, ...]:
    """The agents of a class, or all; none where they cannot be listed."""
    try:
        from hashell.agents.find import list_agents

        return tuple(list_agents(standard, provider))
    except (ImportError, HashellError):
        return ()


def can_ask() -> bool:
    """Whether agents can be found at all on this machine; without any, none can be called missing."""
    return bool(installed("ocf"))
