"""Text: transition summary, scores and utilization as crm_simulate prints them.

Source: lib/pacemaker/pcmk_output.c, lib/pengine/pe_output.c.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from hashell.scheduler.explain import (
    CapacityLine,
    Line,
    PromotionLine,
    ScoreLine,
    UtilizationLine,
)
from hashell.scheduler.summary import Change, NodeChange, ResourceChange
from hashell.simulate.inject import Injected
from hashell.transition.graph import Action, ActionKind
from hashell.values.roles import Role
from hashell.values.scores import show_score
from hashell.values.table_order import in_table_order

#: Columns are at least this wide, and grow with what was printed before.
_WIDTH_MIN = 5


def _details(change: ResourceChange) -> str:
    """From where to where, and in which roles, as far as that matters."""
    role, following = change.role, change.next_role
    shown = role.rank > Role.STARTED.rank or following.rank > Role.UNPROMOTED.rank
    same_role, same_host = role is following, change.source == change.target
    source, target = change.source, change.target
    if not source:
        return f"{role} -> {following} {target}" if shown else target
    if not target:
        return f"{role} {source}" if shown else source
    if same_role and same_host:
        return f"{role} {source}" if shown else source
    if same_role:
        return f"{source} -> {target} {role}" if shown else f"{source} -> {target}"
    if same_host:
        return f"{role} -> {following} {source}"
    return f"{role} {source} -> {following} {target}"


def _because(change: ResourceChange) -> str:
    if change.reason:
        return f"  due to {change.reason}" + (" (blocked)" if change.blocked else "")
    return "  blocked" if change.blocked else ""


def change_lines(changes: Iterable[Change]) -> Iterator[str]:
    """One line a change, without the bullet."""
    name_width = detail_width = _WIDTH_MIN
    for change in changes:
        if isinstance(change, NodeChange):
            # As in Pacemaker, what has no reason (a shutdown that somebody asked for) is not listed.
            guest = f" (resource: {change.resource})" if change.resource else ""
            if change.reason:
                yield f"{change.what} {change.node}{guest} '{change.reason}'"
            continue
        details = _details(change)
        if len(change.resource) > name_width:
            name_width = len(change.resource) + 2
        detail_width = max(detail_width, len(details))
        yield (
            f"{change.what:<8}   {change.resource:<{name_width}}   "
            f"( {details:>{detail_width}} ){_because(change)}"
        )


STAGES = {
    "primitive": "pcmk__primitive_assign", "group": "pcmk__group_assign",
    "clone": "pcmk__clone_assign", "bundle": "pcmk__bundle_assign",
}


def _pairs(values: dict[str, int] | object) -> str:
    assert isinstance(values, dict)
    return "".join(f" {name}={values[name]}" for name in in_table_order(values))


def score_lines(lines: Iterable[Line]) -> Iterator[str]:
    """One line a score or capacity, without the bullet."""
    for line in lines:
        match line:
            case ScoreLine():
                yield (
                    f"{STAGES[line.stage]}: {line.resource} allocation score on {line.node}: "
                    f"{show_score(line.score)}"
                )
            case PromotionLine():
                where = f" on {line.node}" if line.node else " (inactive)"
                yield f"{line.resource} promotion score{where}: {show_score(line.score)}"
            case CapacityLine():
                yield f"{line.comment}: {line.node} capacity:{_pairs(dict(line.capacity))}"
            case UtilizationLine():
                yield (
                    f"pcmk__assign_resource: {line.resource} utilization on {line.node}:"
                    f"{_pairs(dict(line.used))}"
                )


def action_step(action: Action, resource: str) -> tuple[str, Mapping[str, str]]:
    """An action that is being simulated, as an element: its name and attributes."""
    if action.kind is ActionKind.PSEUDO:
        where = {"node": action.node} if action.node else {}
        return "pseudo_action", {"task": action.key_clone or action.key, **where}
    if action.task == "stonith":
        return "fencing_action", {"target": action.node, "op": action.attributes.get("CRM_meta_stonith_action") or ""}
    if action.kind is ActionKind.CLUSTER:
        whom = {"id": action.primitive.id} if action.primitive is not None else {}
        return "cluster_action", {"task": action.task, "node": action.node, **whom}
    interval = {"interval": str(action.interval_ms)} if action.interval_ms else {}
    return "rsc_action", {"resource": resource, "op": action.task, "node": action.node, **interval}


def injected_step(one: Injected) -> tuple[str, Mapping[str, str]]:
    """An attribute that was set, as an element."""
    return "inject_attr", {
        "name": one.name, "value": one.value, "node_path": one.place, "cib_node": one.node_id,
    }


def action_line(action: Action, resource: str) -> str:
    """An action that is being simulated, without the bullet; `resource` is the name to show."""
    if action.kind is ActionKind.PSEUDO:
        where = f" on {action.node}" if action.node else ""
        return f"Pseudo action:   {action.key_clone or action.key}{where}"
    if action.task == "stonith":
        return f"Fencing {action.node} ({action.attributes.get('CRM_meta_stonith_action')})"
    if action.kind is ActionKind.CLUSTER:
        whom = f" for {action.primitive.id}" if action.primitive is not None else ""
        return f"Cluster action:  {action.task}{whom} on {action.node}"
    task = f"{action.task}={action.interval_ms}" if action.interval_ms else action.task
    return f"Resource action: {resource:<15} {task} on {action.node}"
