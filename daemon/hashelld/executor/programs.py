"""Programs: which agent an operation runs, and what it is given; and what is known without running any."""

from __future__ import annotations

from collections.abc import Callable

from hashell.agents import find
from hashell.agents.call import Answer, Place, UnknownStandard, build_call
from hashell.errors import NotFound
from hashell.values.agent_names import AgentName
from hashell.values.outcomes import ExecStatus, OcfCode
from hashelld.core.effects import RunAgent
from hashelld.executor.descriptions import Descriptions
from hashelld.executor.history import Operation
from hashelld.executor.resources import Resource
from hashelld.executor.secrets import MissingSecret, Secrets

#: After these a resource runs with the parameters that they were given.
_RUNS_WITH = frozenset({"start", "migrate_from", "reload", "reload-agent"})
_RELOADS = frozenset({"reload-agent", "reload"})


def real_agent(agent: AgentName) -> AgentName:
    """What stands behind a "service"."""
    return AgentName(find.standard_of(agent), "", agent.type) if agent.standard == "service" else agent


def device_answer(operation: Operation, resource: Resource) -> Answer | None:
    """Fence devices are not processes: they are started where the cluster said so. None: ask an agent."""
    if operation.agent.standard != "stonith":
        return None
    if operation.task == "stop":
        return Answer(OcfCode.OK, ExecStatus.DONE)
    if operation.is_probe:
        rc = OcfCode.OK if resource.started else OcfCode.NOT_RUNNING
        return Answer(rc, ExecStatus.DONE)
    if operation.task == "monitor" and not resource.started:
        return Answer(OcfCode.NOT_RUNNING, ExecStatus.DONE)
    return None


class Programs:
    """`place` is where agents find themselves; `resolve` tells where an agent's file is (it raises NotFound)."""

    def __init__(
        self, place: Place, resolve: Callable[[AgentName], str], about: Descriptions, secrets: Secrets,
    ) -> None:
        self.place = place
        self._resolve = resolve
        self._about = about
        self._secrets = secrets

    def program(self, operation: Operation, resource: Resource, token: str) -> RunAgent | Answer:
        """What to run, or why nothing can be. Notes what the resource runs with."""
        try:
            return self._program(operation, resource, token)
        except NotFound as error:
            return Answer(OcfCode.NOT_INSTALLED, ExecStatus.NOT_INSTALLED, error.message)
        except MissingSecret as error:
            return Answer(OcfCode.INSUFFICIENT_PRIV, ExecStatus.NO_SECRETS, str(error))
        except UnknownStandard as error:
            return Answer(OcfCode.UNKNOWN_ERROR, ExecStatus.ERROR_FATAL, error.message)

    def _program(self, operation: Operation, resource: Resource, token: str) -> RunAgent:
        parameters = dict(operation.parameters)
        if operation.task in _RUNS_WITH or (operation.task == "monitor" and resource.start_parameters is None):
            # A probe after this daemon's restart finds what runs with the parameters of now, as far as anybody knows.
            resource.start_parameters = parameters
        elif operation.task == "stop" and resource.start_parameters is not None:
            # What was started with old parameters is stopped with them, meta ones apart.
            parameters = {
                **{k: v for k, v in resource.start_parameters.items() if not k.startswith("CRM_")},
                **{k: v for k, v in parameters.items() if k.startswith("CRM_")},
            }
        task = operation.task
        if task in _RELOADS:
            task = self._about.reload_word(operation.agent)
        agent = real_agent(operation.agent)
        if agent.standard == "stonith" and task == "start":
            task = "monitor"
        call = build_call(
            self.place, agent, self._resolve(agent), task, operation.resource,
            self._secrets.put_in(operation.resource, parameters), operation.timeout_ms,
        )
        return RunAgent(token, call.program, call.arguments, call.environment, call.timeout_ms, call.stdin)
