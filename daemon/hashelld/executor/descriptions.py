"""Descriptions: what agents say about themselves, asked once each before results are recorded that depend on it."""

from __future__ import annotations

from collections.abc import Callable

from hashell.agents.call import Place, metadata_call
from hashell.agents.metadata import AgentMetadata, BadMetadata, parse_metadata
from hashell.errors import NotFound
from hashell.values.agent_names import AgentName
from hashelld.core.effects import AgentEnded, Effect, Log, RunAgent
from hashelld.executor.history import Operation

#: An agent that does not describe itself in this time is run without knowing what it can.
METADATA_TIMEOUT_MS = 5000
_WANTED = frozenset({
    "start", "monitor", "promote", "demote", "reload", "reload-agent", "migrate_to", "migrate_from", "notify",
})


class Descriptions:
    """One node's knowledge of its agents. None: an agent's description could not be read."""

    def __init__(self, resolve: Callable[[AgentName], str]) -> None:
        self._resolve = resolve
        self._known: dict[AgentName, AgentMetadata | None] = {}
        self._asking: dict[str, AgentName] = {}

    @property
    def tokens(self) -> tuple[str, ...]:
        """Of the agents that are just being asked."""
        return tuple(self._asking)

    def of(self, agent: AgentName) -> AgentMetadata | None:
        return self._known.get(agent)

    def awaited(self, agent: AgentName) -> bool:
        return agent in self._asking.values()

    def ask(self, place: Place, operation: Operation) -> list[Effect]:
        """Ask the operation's agent, unless it was asked before or its class says nothing."""
        agent = operation.agent
        if agent.standard != "ocf" or operation.task not in _WANTED or agent in self._known or self.awaited(agent):
            return []
        try:
            call = metadata_call(place, agent, self._resolve(agent), METADATA_TIMEOUT_MS)
        except NotFound:
            return []
        assert call is not None, "OCF agents describe themselves"
        token = f"meta:{agent}"
        self._asking[token] = agent
        return [RunAgent(token, call.program, call.arguments, call.environment, call.timeout_ms, call.stdin)]

    def told(self, event: AgentEnded) -> tuple[AgentName | None, list[Effect]]:
        """(the agent whose description this was, what is to be done); None: it was none."""
        agent = self._asking.pop(event.token, None)
        if agent is None:
            return None, []
        try:
            self._known[agent] = parse_metadata(event.stdout, f"the meta-data of {agent}")
        except BadMetadata as error:
            self._known[agent] = None
            return agent, [Log("warning", error.message)]
        return agent, []

    def reload_word(self, agent: AgentName) -> str:
        """How this agent calls what takes over changed parameters: the OCF 1.1 way, or the older one."""
        known = self.of(agent)
        if known is not None and not known.supports("reload-agent") and known.supports("reload"):
            return "reload"
        return "reload-agent"
