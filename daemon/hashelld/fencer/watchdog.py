"""Watchdog: when a node that nobody can reach may be held for dead, because its own watchdog has reset it. Pure.

That holds only for a node whose watchdog is known to us, seen from a side of the cluster that the node itself cannot
belong to: a strict majority. There the node has no quorum, so it stopped feeding its watchdog.
Source: Pacemaker Explained, "stonith-watchdog-timeout" (since 3.0.2 also fencing-watchdog-timeout).
"""

from __future__ import annotations

from collections.abc import Mapping

from hashell.agents.stonith import host_list
from hashell.cib.document import Cib
from hashell.values.intervals import interval_ms
from hashelld.core.events import View
from hashelld.fencer.devices import WATCHDOG, Device

#: The wait must be longer than the target's watchdog by at least this much: it noticed a little later than we did.
MARGIN_MS = 1000


def option(cib: Cib, *names: str) -> str:
    """A cluster option, by the first of its names that is set."""
    section = cib.section("crm_config")
    found: dict[str, str] = {}
    for pair in () if section is None else section.iterfind("cluster_property_set/nvpair"):
        found.setdefault(pair.get("name", ""), pair.get("value", ""))
    return next((found[name] for name in names if name in found), "")


def timeout_ms(cib: Cib, guarded_ms: int) -> int:
    """How long to wait for a node to end itself; 0: watchdogs are not relied on. A negative value stands for twice the
    time of the watchdog."""
    text = option(cib, "fencing-watchdog-timeout", "stonith-watchdog-timeout").strip()
    if text.startswith("-"):
        return 2 * guarded_ms
    return interval_ms(text or None)


def relied_on(cib: Cib) -> bool:
    """Whether the configuration lets watchdogs fence at all."""
    return timeout_ms(cib, 1) > 0


def wait_ms(
    cib: Cib, view: View, target: str, guards: Mapping[str, int], device: Device | None
) -> tuple[int, str]:
    """(how long to wait for a target's own end, why that cannot be relied on); one of both is empty.

    `device` is the one that the configuration calls watchdog, if any: its host list says whom it may fence.
    """
    guarded = guards.get(target, 0)
    wait = timeout_ms(cib, guarded)
    if wait <= 0:
        return 0, "fencing by watchdog is not switched on"
    if not guarded:
        return 0, f"{target} is not known to have a watchdog"
    if device is not None and host_list(device.parameters) and target not in host_list(device.parameters):
        return 0, f"the device {WATCHDOG} is not for {target}"
    if wait < guarded + MARGIN_MS:
        return 0, f"fencing-watchdog-timeout {wait} ms is too short for a watchdog of {guarded} ms on {target}"
    if option(cib, "no-quorum-policy") == "ignore":
        return 0, "with no-quorum-policy=ignore a node feeds its watchdog however alone it is"
    if not view.unique:
        return 0, "without a majority of all votes the other side may have quorum too"
    return wait, ""
