"""Schedule: the stages, in order. Read this first.

    start         copy the state, make the actions that reading forces
    health        points for healthy nodes
    constraints   location, colocation, order, ticket → their tables
    criteria      points of nodes: locks, locations, stickiness, failures
    internal      what kinds of resources imply: orderings, colocations
    changes       what is configured otherwise than it runs: restart, reload, cancel, clean up
    assign        each resource its node, each instance its role
    actions       probes, starts, stops, promotions, monitors, migrations
    remote        round the connections of remote nodes
    fencing       fence and shut down
    orderings     let actions make one another required or impossible
    graph         what is left to do

The order is Pacemaker's, since actions get their numbers as they are made.

Source: lib/pacemaker/pcmk_scheduler.c.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import Struct

from hashell.model.constraints import (
    ColocationConstraint,
    LocationConstraint,
    OrderConstraint,
    TicketConstraint,
)
from hashell.scheduler import (
    assign,
    config_changes,
    fencing,
    make_graph,
    node_criteria,
    probes,
    remote,
    start,
    summary,
    tickets,
)
from hashell.scheduler.colocation import from_constraints as colocations
from hashell.scheduler.node_health import apply_node_health
from hashell.scheduler.ordering import from_constraints as orders
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.apply import apply_orderings
from hashell.state.garbage import collection_paused
from hashell.transition.dot import DotEdge, DotNode
from hashell.transition.graph import Graph

if TYPE_CHECKING:
    from hashell.scheduler.explain import Line
    from hashell.scheduler.scores import ScoreChange
    from hashell.scheduler.summary import Change
    from hashell.scheduler.workspace import Workspace
    from hashell.state.cluster_state import ClusterState

#: Chains of orderings are followed by recursion; a group of a thousand members is one.
_RECURSION = 100_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to keep besides graph and summary.

    `sanitized`: the input had secrets taken out, so changed secrets are no change. `reasons`: what waits for what, why.
    """

    scores: bool = False
    utilization: bool = False
    dot: bool = False
    all_actions: bool = False
    verbose: bool = False
    sanitized: bool = False
    reasons: bool = False


class PlannedAction(Struct, frozen=True, gc=False):
    """An action that was thought of, also one that is not in the graph."""

    id: int
    key: str
    task: str
    resource: str
    node: str
    optional: bool
    runnable: bool
    pseudo: bool
    in_graph: bool
    reason: str


class Relation(Struct, frozen=True, gc=False):
    """One action comes before another, by ids of actions.

    why      who asked for that: ids of constraints and words of the scheduler, with spaces between several
    graphed  whether `then` waits for `first` in the graph
    blocks   whether `then` can only be done if `first` can
    """

    first: int
    then: int
    why: tuple[str, ...]
    graphed: bool
    blocks: bool


@dataclass(frozen=True, slots=True)
class Schedule:
    """What one run decided, and why.

    changes         what happens to nodes and resources, as crm_simulate lists it
    placements      resource id → name of its node, empty for none; instances and primitives
    roles           resource id → next role
    parents         resource id → ids of its parents, nearest first
    score_changes   every change of points, in order
    lines           points, promotion points, capacities as they were shown (when asked for)
    relations       what comes before what, and who asked for that (when asked for)
    recheck_at      seconds since 1970 at which the answer can differ without any event
    notices         what a person should hear; problems: complaints about constraints
    """

    graph: Graph
    changes: tuple[Change, ...]
    actions: tuple[PlannedAction, ...]
    placements: Mapping[str, str]
    roles: Mapping[str, str]
    parents: Mapping[str, tuple[str, ...]]
    score_changes: Sequence[ScoreChange]
    lines: tuple[Line, ...] = ()
    relations: tuple[Relation, ...] = ()
    dot_nodes: tuple[DotNode, ...] = ()
    dot_edges: tuple[DotEdge, ...] = ()
    recheck_at: int | None = None
    notices: tuple[str, ...] = ()
    problems: tuple[str, ...] = field(default=())

    @property
    def scores(self) -> tuple[Line, ...]:
        return self.lines


def schedule(
    state: ClusterState, transition_id: int = 0, wanted: Wanted = Wanted()
) -> Schedule:
    """Decide what is to be done, from a state alone: the same state gives the same answer."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION))
    try:
        with collection_paused():
            return _run(state, transition_id, wanted)
    finally:
        sys.setrecursionlimit(limit)


def _run(state: ClusterState, transition_id: int, wanted: Wanted) -> Schedule:
    workspace = start.begin(state)
    workspace.show_scores = wanted.scores
    workspace.show_utilization = wanted.utilization
    workspace.sanitized = wanted.sanitized
    apply_node_health(workspace)
    _add_constraints(workspace)
    node_criteria.apply_node_criteria(workspace)
    for resource in workspace.resources:
        resource.internal_constraints()
    config_changes.handle_config_changes(workspace)
    assign.assign_all(workspace)
    config_changes.check_late(workspace)
    probes.schedule_probes(workspace)
    config_changes.clear_failures_of_removed(workspace)
    for resource in workspace.resources:
        resource.create_actions()
    remote.order_connection_actions(workspace)
    fencing.fence_and_shut_down(workspace)
    apply_orderings(workspace)
    # Pacemaker logs the changes here and lists them again when asked. Looking gives actions without
    # a node the one that was looked at, which the graph then shows.
    summary.list_changes(workspace)
    workspace.changes.clear()
    graph = make_graph.make_graph(workspace, transition_id)
    nodes: tuple[DotNode, ...] = ()
    edges: tuple[DotEdge, ...] = ()
    if wanted.dot:
        nodes, edges = make_graph.dot(
            workspace, everything=wanted.all_actions, verbose=wanted.verbose
        )
    summary.list_changes(workspace)
    relations = tuple(_relations(workspace)) if wanted.reasons else ()
    decided = _frozen(workspace, graph, nodes, edges, relations)
    workspace.dissolve()
    return decided


def _relations(workspace: Workspace) -> Iterator[Relation]:
    for then in workspace.actions:
        for link in then.before:
            if link.flags != rel.NONE:
                yield Relation(
                    link.action.id, then.id, tuple(link.why.split()), link.graphed,
                    bool(link.flags & rel.UNRUNNABLE_FIRST_BLOCKS),
                )


def _add_constraints(workspace: Workspace) -> None:
    for constraint in workspace.configuration.constraints:
        match constraint:
            case OrderConstraint():
                orders.add_constraint(workspace, constraint)
            case ColocationConstraint():
                colocations.add_constraint(workspace, constraint)
            case LocationConstraint():
                node_criteria.add_constraint(workspace, constraint)
            case TicketConstraint():
                tickets.add_constraint(workspace, constraint)
            case _:
                workspace.problem(f"Unsupported constraint type: {constraint.tag}")


def _frozen(
    workspace: Workspace, graph: Graph, nodes: tuple[DotNode, ...], edges: tuple[DotEdge, ...],
    relations: tuple[Relation, ...],
) -> Schedule:
    placements: dict[str, str] = {}
    roles: dict[str, str] = {}
    parents: dict[str, tuple[str, ...]] = {}
    for resource in workspace.by_id.values():
        place = resource.assigned_place()
        placements[resource.id] = "" if place is None else place.name
        roles[resource.id] = resource.planned_role().text
        above = []
        holder = resource.parent
        while holder is not None:
            above.append(holder.id)
            holder = holder.parent
        parents[resource.id] = tuple(above)
    in_graph = {action.id for action in graph.actions}
    return Schedule(
        graph=graph, changes=tuple(workspace.changes),
        actions=tuple(
            PlannedAction(
                action.id, action.key, action.task,
                "" if action.resource is None else action.resource.id,
                "" if action.node is None else action.node.name,
                action.optional, action.runnable, action.pseudo, action.id in in_graph,
                action.reason or "",
            )
            for action in workspace.actions
        ),
        placements=placements, roles=roles, parents=parents,
        score_changes=workspace.scores.frozen(), lines=tuple(workspace.lines),
        relations=relations,
        dot_nodes=nodes, dot_edges=edges, recheck_at=workspace.recheck_at,
        notices=tuple(workspace.notices), problems=tuple(workspace.problems),
    )
