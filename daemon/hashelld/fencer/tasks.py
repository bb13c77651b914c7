"""Tasks: one fencing that this node leads, the order in which devices are tried for it, and its whole time. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hashell.cib.document import Cib
from hashelld.fencer import topology
from hashelld.fencer.devices import WATCHDOG, Ability, Device

#: A task's longest life whatever anybody asks.
TIMEOUT_MAX_MS = 3_600_000
#: How much longer than the sum of its agents' times a fencing may take. Source: TIMEOUT_MULTIPLY_FACTOR, fenced.
FACTOR_PERCENT = 120


@dataclass(slots=True)
class Task:
    """`levels` are still to be tried, `steps` of the present one still to be done: (device, action)."""

    id: str
    target: str
    action: str
    timeout_ms: int
    delay_ms: int
    client: str
    requests: list[str] = field(default_factory=list)
    clients: list[int] = field(default_factory=list)
    levels: list[tuple[str, ...]] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    """Devices whose hosts are to be asked for before they are used."""
    steps: list[tuple[str, str]] = field(default_factory=list)
    tries: int = 0
    tried: list[str] = field(default_factory=list)
    attempt: int = 0
    asked: str = ""
    asking_hosts: bool = False
    device: str = ""
    executor: str = ""
    told_to_end: bool = False
    """The target could still hear when its watchdog was relied on, and was told to end itself."""
    off: bool = False
    """All of a level turned it off: turning it on again may fail, fenced it is."""
    life: int = 0
    """The target's boot number when it began; 0: not known."""
    error: str = "no device can fence it"

    @property
    def ends_itself(self) -> bool:
        """Whether the target's own watchdog is waited for."""
        return bool(self.steps) and self.steps[0][0] == WATCHDOG and not self.asking_hosts


def plan(
    task: Task, cib: Cib, devices: Mapping[str, Device], abilities: Mapping[str, Ability | None], *, watchdog: bool
) -> None:
    """Fill in which devices are tried. `watchdog`: the target's own end can be relied on when nothing else is there."""
    if task.action == "on":
        required = [
            one.id for one in devices.values()
            if one.enabled and _may_fit(one, task.target, abilities.get(one.id))
            and (one.unfences or _is_automatic(abilities.get(one.id)))
        ]
        if required:
            # A node has joined the storage when all devices that guard it say so.
            task.levels = [tuple(required)]
            return
    configured = topology.levels(cib, task.target)
    if configured:
        task.levels = list(configured)
        return
    # Without a topology each device is a level of its own: who has priority is tried first.
    fit = [
        one for one in devices.values()
        if one.enabled and one.id != WATCHDOG and _may_fit(one, task.target, abilities.get(one.id))
        and (task.action != "on" or one.can("on", abilities.get(one.id)))
    ]
    fit.sort(key=lambda one: -one.priority)
    task.levels = [(one.id,) for one in fit]
    task.unsure = [
        one.id for one in fit if one.check(abilities.get(one.id)) in ("dynamic-list", "status")
    ]
    if watchdog and task.action != "on":
        task.levels.append((WATCHDOG,))


def budget_ms(
    levels: list[tuple[str, ...]], target: str, action: str, devices: Mapping[str, Device], default_ms: int,
    watchdog_ms: int, delay_ms: int,
) -> int:
    """The whole time of a fencing: what all levels take at most, delays among it, and some more."""
    total = delay_ms
    for level in levels:
        for name in level:
            device = devices.get(name)
            if name == WATCHDOG:
                total += watchdog_ms
            elif device is not None:
                retries = device.retries(action)
                total += retries * device.timeout_ms(action, default_ms) + device.longest_delay_ms(target)
    return min(max(total, default_ms) * FACTOR_PERCENT // 100, TIMEOUT_MAX_MS)


def _may_fit(device: Device, target: str, ability: Ability | None) -> bool:
    """Whether it is named for the target, or may yet say that it can fence it."""
    return device.lists(target) if device.check(ability) == "static-list" else True


def _is_automatic(ability: Ability | None) -> bool:
    return ability is not None and ability.automatic
