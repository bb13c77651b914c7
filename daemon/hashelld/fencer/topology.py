"""Topology: which devices are tried for a node, level by level. Pure.

Source: Pacemaker Explained, "Fencing Topologies".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lxml import etree

from hashell.cib.document import Cib
from hashelld.fencer.devices import WATCHDOG, Ability, Device


def levels(cib: Cib, target: str) -> tuple[tuple[str, ...], ...]:
    """Device ids of each level for a node, lowest index first; empty when nothing is said of it.

    A level that names the node wins over one that matches its name, and that over one for an
    attribute's value.
    """
    section = cib.section("fencing-topology")
    if section is None:
        return ()
    attributes = _attributes(cib, target)
    all_levels = section.findall("fencing-level")
    chosen = [one for one in all_levels if one.get("target") == target]
    if not chosen:
        # Levels belong together by their pattern: the first that matches is the node's.
        pattern = next((
            one.get("target-pattern") for one in all_levels if _matches(one.get("target-pattern"), target)
        ), None)
        chosen = [one for one in all_levels if pattern is not None and one.get("target-pattern") == pattern]
    if not chosen:
        pair = next((
            (one.get("target-attribute"), one.get("target-value")) for one in all_levels
            if one.get("target-attribute") is not None
            and attributes.get(one.get("target-attribute", "")) == one.get("target-value")
        ), None)
        chosen = [
            one for one in all_levels
            if pair is not None and (one.get("target-attribute"), one.get("target-value")) == pair
        ]
    found: dict[int, list[str]] = {}
    for one in chosen:
        text = one.get("index", "")
        names = [part.strip() for part in one.get("devices", "").split(",")]
        found.setdefault(int(text) if text.isdigit() else 0, []).extend(name for name in names if name)
    return tuple(tuple(found[index]) for index in sorted(found))


def steps(
    level: Sequence[Device], action: str, abilities: Mapping[str, Ability | None]
) -> tuple[tuple[str, str], ...]:
    """(device id, action) in order. Several devices of one level cut several supplies: all must be
    off before the first goes on again, so a reboot becomes off and on.

    `abilities` says of each device what its agent can do; one that cannot reboot turns off and on. A device that is
    meant to leave the node off, or that cannot turn on, is not asked to turn it on.
    """
    if action != "reboot":
        return tuple((device.id, action) for device in level)
    if len(level) == 1 and level[0].can("reboot", abilities.get(level[0].id)):
        return ((level[0].id, "reboot"),)
    return (
        *((device.id, "off") for device in level),
        *(
            (device.id, "on") for device in level
            if device.id != WATCHDOG and not device.stays_off and device.can("on", abilities.get(device.id))
        ),
    )


def _matches(pattern: str | None, target: str) -> bool:
    if not pattern:
        return False
    try:
        return re.search(pattern, target) is not None
    except re.error:
        return False


def _attributes(cib: Cib, target: str) -> dict[str, str]:
    """A node's permanent attributes."""
    found: dict[str, str] = {}
    nodes = cib.section("nodes")
    elements: list[etree._Element] = [] if nodes is None else nodes.findall("node")
    for node in elements:
        if node.get("uname") == target:
            for pair in node.iterfind("instance_attributes/nvpair"):
                found[pair.get("name", "")] = pair.get("value", "")
    return found
