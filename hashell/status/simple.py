"""One line for monitoring systems, as `crm_mon --simple-status` prints it."""

from __future__ import annotations

from hashell.status.cluster_status import ClusterStatus
from hashell.status.words import plural


def render(status: ClusterStatus) -> str:
    """`CLUSTER OK: …` with counts, or `CLUSTER WARN: …` with what is wrong."""
    online = standby = maintenance = 0
    offline: list[str] = []
    for node in status.nodes:
        if not node.online:
            offline.append(f"offline node: {node.name}")
        elif node.standby:
            standby += 1
        elif node.maintenance:
            maintenance += 1
        else:
            online += 1
    warnings = ["No DC"] if status.dc is None else []
    if offline:
        warnings.append(" ".join(offline))
    if warnings:
        return f"CLUSTER WARN: {', '.join(warnings)}\n"
    text = f"CLUSTER OK: {online} node{plural(online)} online"
    if standby:
        text += f", {standby} standby node{plural(standby)}"
    if maintenance:
        text += f", {maintenance} maintenance node{plural(maintenance)}"
    count = status.summary.resources
    return f"{text}, {count} resource instance{plural(count)} configured\n"
