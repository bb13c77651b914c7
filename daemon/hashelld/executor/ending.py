"""Ending: this node ends itself, its processes are dead already, and what is more than a process is to go too.

An address or a mount has no process to kill; left behind it would stand against whoever takes it over. So every
resource that may be active gets one stop, all at once, and a short time for it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hashell.agents.call import Place, UnknownStandard, build_call
from hashell.errors import NotFound
from hashell.values.agent_names import AgentName
from hashelld.core.effects import RunAgent
from hashelld.executor.resources import Resource
from hashelld.executor.secrets import MissingSecret, Secrets

#: What one stop may take.
STOP_MS = 4000


def stops(
    place: Place, resources: Mapping[str, Resource], resolve: Callable[[AgentName], str], secrets: Secrets
) -> tuple[RunAgent, ...]:
    """One stop for each resource that may be active here, with the parameters that it runs with."""
    found = []
    for name, resource in resources.items():
        if resource.agent.standard == "stonith" or not _may_be_active(resource):
            continue
        try:
            call = build_call(
                place, resource.agent, resolve(resource.agent), "stop", name,
                secrets.put_in(name, resource.start_parameters or {}), STOP_MS,
            )
        except (NotFound, UnknownStandard, MissingSecret):
            continue
        found.append(RunAgent(
            f"end:{name}", call.program, call.arguments, call.environment, call.timeout_ms, call.stdin
        ))
    return tuple(found)


def _may_be_active(resource: Resource) -> bool:
    if resource.running is not None:
        return True
    last = next((one for name, one in resource.entries.items() if name.endswith("_last_0")), None)
    if last is None:
        return bool(resource.entries)
    stopped = last.get("operation") == "stop" or (last.get("operation") == "monitor" and last.get("rc-code") == "7")
    return not (stopped and last.get("op-status") == "0")
