"""One line for monitoring systems, as `crm_mon --simple-status` prints it."""

from __future__ import annotations

from hashell.status.cluster_status import ClusterStatus
from hashell.status.words import plural


def warnings(status: ClusterStatus) -> list[str]:
    """What is wrong: that nobody leads, and nodes that are offline."""
    offline = [f"offline node: {node.name}" for node in status.nodes if not node.online]
    return [*(["No DC"] if status.dc is None else []), *([" ".join(offline)] if offline else [])]


def render(status: ClusterStatus) -> str:
    """`CLUSTER OK: …` with counts, or `CLUSTER WARN: …` with what is wrong."""
    wrong = warnings(status)
    if wrong:
        return f"CLUSTER WARN: {', '.join(wrong)}\n"
    standby = sum(1 for node in status.nodes if node.standby)
    maintenance = sum(1 for node in status.nodes if node.maintenance and not node.standby)
    online = len(status.nodes) - standby - maintenance
    text = f"CLUSTER OK: {online} node{plural(online)} online"
    if standby:
        text += f", {standby} standby node{plural(standby)}"
    if maintenance:
        text += f", {maintenance} maintenance node{plural(maintenance)}"
    count = status.summary.resources
    return f"{text}, {count} resource instance{plural(count)} configured\n"
