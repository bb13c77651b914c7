"""Relations: what binds the services of a simulated life to one another, and what must hold for it.

A group, services that go where the first is, in order or not, and services that keep away from the first. The daemon
cannot know at once of a service that somebody ended (`Machine.died`): what stood on that one is excused.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from hashelld.simulation.machines import Machines

#: Name → weight in lives with more than one service.
RELATIONS = {"": 3, "group": 3, "colocated": 2, "ordered": 2, "apart": 1}
#: Those whose services start one after the other, each on the node of the one before.
_IN_ORDER = ("group", "ordered")


def draw(seed: int, resources: Sequence[str]) -> str:
    """What binds the services of this life."""
    chance = random.Random(f"relation:{seed}")  # noqa: S311 - to be repeated
    return chance.choices(list(RELATIONS), list(RELATIONS.values()))[0] if len(resources) > 1 else ""


def configured(relation: str, resources: Sequence[str], services: str) -> tuple[str, str]:
    """The elements `services` as the relation wants them, and its constraints."""
    if relation == "group":
        return f'<group id="together">{services}</group>', ""
    score = "-INFINITY" if relation == "apart" else "INFINITY"
    pairs = list(zip(resources[1:], resources, strict=False)) if relation else []
    if relation == "apart":
        pairs = pairs[:1]
    found = "".join(
        f'<rsc_colocation id="{one}-with-{other}" rsc="{one}" with-rsc="{other}" score="{score}"/>'
        for one, other in pairs
    )
    if relation == "ordered":
        found += "".join(
            f'<rsc_order id="{other}-then-{one}" first="{other}" then="{one}" kind="Mandatory"/>'
            for one, other in pairs
        )
    return services, found


def at_start(relation: str, resources: Sequence[str], machines: Machines, node: str, resource: str) -> str:
    """[A4] What is wrong with a start: what it stands on does not run there yet."""
    place = resources.index(resource) if resource in resources else 0
    if relation not in _IN_ORDER or not place:
        return ""
    before, machine = resources[place - 1], machines.all[node]
    if before in machine.died or machine.starting.get(before, machine.life) != machine.life:
        return ""
    if before not in machine.services or before in machine.starting:
        return f"{resource} starts on {node} before {before} runs there [A4]"
    return ""


def at_stop(relation: str, resources: Sequence[str], machines: Machines, node: str, resource: str) -> str:
    """[A4] What is wrong with a stop: what stands on it runs still."""
    if relation not in _IN_ORDER or resource not in resources or resource not in machines.all[node].services:
        return ""
    place = resources.index(resource) + 1
    after = resources[place] if place < len(resources) else ""
    if after not in machines.all[node].services:
        return ""
    return f"{resource} is stopped on {node} while {after} runs there [A4]"


def at_rest(relation: str, resources: Sequence[str], machines: Machines) -> str:
    """[A6] What is wrong when nothing is under way: one is where the other is not, or both are where they must not."""
    if not relation:
        return ""
    for place, resource in enumerate(resources[1:], 1):
        first = resources[0 if relation == "apart" else place - 1]
        if relation == "apart" and place > 1:
            break
        for node in machines.running(resource):
            machine = machines.all[node]
            if (first in machine.services) == (relation == "apart") and first not in machine.died:
                return f"{resource} is on {node}, {first} on {machines.running(first)}: they are {relation} [A6]"
    return ""
