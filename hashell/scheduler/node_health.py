"""Node health: health attributes of nodes → points for every resource there.

Source: lib/pacemaker/pcmk_sched_nodes.c, lib/pengine/pe_health.c; Pacemaker Explained, "Tracking
node health".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.cluster_options import HealthStrategy
from hashell.scheduler.node_criteria import new_location
from hashell.scheduler.scores import add
from hashell.values.booleans import is_true
from hashell.values.scores import parse_score

if TYPE_CHECKING:
    from hashell.scheduler.workspace import Node, Workspace


def _health(workspace: Workspace, node: Node, base: int) -> int:
    options = workspace.options
    words = {
        "red": options.health_red, "yellow": options.health_yellow, "green": options.health_green,
    }
    total = base
    for name, value in node.attributes.items():
        if name.startswith("#health"):
            word = value.lower()
            total = add(words[word] if word in words else parse_score(value), total)
    return total


def apply_node_health(workspace: Workspace) -> None:
    """Unhealthy nodes are avoided, healthy ones preferred, as the strategy says."""
    options = workspace.options
    strategy = options.node_health_strategy
    if strategy is HealthStrategy.NONE:
        return
    base = options.node_health_base if strategy is HealthStrategy.PROGRESSIVE else 0
    for node in workspace.nodes:
        health = _health(workspace, node, base)
        if health == 0:
            continue
        for resource in workspace.resources:
            if health < 0 and is_true(resource.meta.get("allow-unhealthy-nodes")):
                continue
            new_location(
                strategy.value, resource, None, [(node, health)]
            )
