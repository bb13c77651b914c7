"""Losses: what becomes of a cluster when nodes are lost, one after another or in pairs, on paper.

A loss is a node that is silent without having said goodbye, as a power cut is; for a remote node, that its connection
fails and cannot be had again from anywhere. What the cluster does about it is walked to the end, transition after
transition, and what runs then is held against what ran before. Guests go down with the node that hosts them, as the
history of their containers says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from lxml import etree
from msgspec import Struct

from hashell.cib.document import Cib
from hashell.errors import BadUsage
from hashell.model.nodes import NodeKind
from hashell.scheduler.summary import NodeChange
from hashell.scheduler.trace import trace
from hashell.scheduler.why import WANTED, instances, tell
from hashell.simulate import inject
from hashell.simulate.run import Decision, FailureWish, decide, walk
from hashell.state.cluster_state import ClusterState, read_cluster_state
from hashell.state.resources import Resource
from hashell.transition.graph import ActionKind
from hashell.values.roles import Role

#: Transitions until a cluster is at rest, and one more for each node, as what is tried on one after another takes one
#: each; what finds no rest by then is told as that.
TRANSITIONS_MAX = 12
#: Resources that stay down for which it is said why.
REASONS_MAX = 8
#: Losses in one rehearsal: all pairs of 60 nodes. Each takes the scheduler a few runs.
LOSSES_MAX = 2000


class TooManyLosses(BadUsage):
    id = "losses-too-many"


class Held(Struct, frozen=True):
    """Where a configured resource runs: node → its highest role there."""

    places: Mapping[str, Role]
    cloned: bool

    @property
    def promoted(self) -> tuple[str, ...]:
        return tuple(sorted(node for node, role in self.places.items() if role is Role.PROMOTED))


class Move(Struct, frozen=True):
    """A resource that ran elsewhere before; names of nodes."""

    resource: str
    source: tuple[str, ...]
    target: tuple[str, ...]


class Loss(Struct, frozen=True):
    """What came of losing some nodes.

    moved       resources that run elsewhere then
    promoted    resources that are promoted elsewhere then
    down        resources that ran before and run nowhere then; nobody promoted any more counts, too
    fewer       clones with fewer instances: resource, before, after
    fenced      nodes that are fenced
    unfenced    lost nodes that cannot be fenced, so that what ran there is not recovered
    quorum      whether what is left has quorum
    at_rest     whether the cluster came to rest
    reasons     why what is down stays down: resource, words
    """

    lost: tuple[str, ...]
    moved: tuple[Move, ...]
    promoted: tuple[Move, ...]
    down: tuple[str, ...]
    fewer: tuple[tuple[str, int, int], ...]
    fenced: tuple[str, ...]
    unfenced: tuple[str, ...]
    quorum: bool
    at_rest: bool = True
    reasons: tuple[tuple[str, str], ...] = ()

    @property
    def survived(self) -> bool:
        """Whether everything that ran before runs after."""
        return not self.down and self.at_rest


class Rehearsal(Struct, frozen=True):
    """`down_before` are resources that are to run and do not even with all nodes; they count in no loss."""

    nodes: tuple[str, ...]
    down_before: tuple[str, ...]
    losses: tuple[Loss, ...]


class Plan(Struct, frozen=True):
    """A cluster at rest, and the losses that are to be rehearsed; each can be done for itself, by `lose`."""

    cib: Cib
    nodes: tuple[str, ...]
    remote: frozenset[str]
    quorate: Mapping[tuple[str, ...], bool]
    runs: Mapping[str, Held]
    down_before: tuple[str, ...]
    now_s: float
    utc_offset_s: int

    @property
    def cases(self) -> tuple[tuple[str, ...], ...]:
        return tuple(self.quorate)

    def lose(self, lost: tuple[str, ...]) -> Loss:
        """Lose these nodes at the same time."""
        return _lose(self, lost)


def plan(
    cib: Cib, now_s: float, *, together: int = 1, only: Sequence[str] = (), keep_quorum: bool | None = None,
    utc_offset_s: int = 0,
) -> Plan:
    """Let the cluster come to rest, and list the losses: every node, and with `together` 2 every pair as well.

    `only`: losses that take in one of these. `keep_quorum` None: quorum is lost where half of the nodes or fewer are
    left, but with two nodes it is kept, as corosync's two_node does. Raises TooManyLosses.
    """
    cib, before, _, _ = _settle(cib, now_s, int(now_s), utc_offset_s)
    members = [node for node in before.nodes.values() if node.kind is NodeKind.CLUSTER]
    up = tuple(node.name for node in members if node.online)
    remote = tuple(node.name for node in before.nodes.values() if node.is_remote_node and node.online)
    nodes = (*up, *remote)
    cases = [
        lost for size in range(1, together + 1) for lost in combinations(nodes, size)
        if len(set(up) - set(lost)) > 0 and (not only or set(only) & set(lost))
    ]
    if len(cases) > LOSSES_MAX:
        raise TooManyLosses(f"{len(cases)} losses are too many to rehearse (at most {LOSSES_MAX})", "name some nodes")
    runs = held(before)
    return Plan(
        cib, nodes, frozenset(remote),
        {lost: quorum_after(before, len(set(up) - set(lost)), len(members), keep_quorum) for lost in cases},
        runs, tuple(name for name in _wanted(before) if name not in runs), now_s, utc_offset_s,
    )


def rehearse(
    cib: Cib, now_s: float, *, together: int = 1, only: Sequence[str] = (), keep_quorum: bool | None = None,
    utc_offset_s: int = 0, progress: Callable[[int, int, str], object] | None = None,
) -> Rehearsal:
    """All losses of a `plan`, one after another. `progress` is told how many of how many are done, and what comes."""
    planned = plan(
        cib, now_s, together=together, only=only, keep_quorum=keep_quorum, utc_offset_s=utc_offset_s
    )
    losses = []
    for number, lost in enumerate(planned.cases):
        if progress is not None:
            progress(number, len(planned.cases), " + ".join(lost))
        losses.append(planned.lose(lost))
    return told(planned, losses)


def told(planned: Plan, losses: Iterable[Loss]) -> Rehearsal:
    """What came of a plan."""
    return Rehearsal(planned.nodes, planned.down_before, tuple(losses))


def quorum_after(state: ClusterState, left: int, known: int, keep: bool | None) -> bool:
    """Whether `left` of `known` members have quorum; `keep` says so outright."""
    if keep is not None:
        return keep and state.has_quorum
    return state.has_quorum and (known <= 2 or left * 2 > known)


def _settle(
    cib: Cib, now_s: float, clock_s: int, utc_offset_s: int, failures: Sequence[FailureWish] = ()
) -> tuple[Cib, ClusterState, list[Decision], bool]:
    """The cluster at rest, the decisions that were carried out on the way, and whether it came to rest."""
    done: list[Decision] = []
    while True:
        decision = decide(cib, now_s, 0, utc_offset_s=utc_offset_s)
        if not _is_work(decision):
            return cib, decision.state, done, True
        if len(done) >= TRANSITIONS_MAX + len(decision.state.nodes):
            return cib, decision.state, done, False
        done.append(decision)
        cib = walk(decision, failures, clock_s).cib


def _is_work(decision: Decision) -> bool:
    """Whether anything is to be done that changes what runs: not events alone, nor a node that leaves by itself."""
    return any(
        synapse.action.kind is not ActionKind.PSEUDO and synapse.action.task != "do_shutdown"
        for synapse in decision.graph.synapses
    )


def lost_cib(planned: Plan, lost: tuple[str, ...]) -> tuple[Cib, list[FailureWish]]:
    """The cluster just after a loss, and operations that will fail."""
    root = planned.cib.copy_root()
    failures: list[FailureWish] = []
    for node in lost:
        if node not in planned.remote:
            inject.node_fail(root, node)
    root.set("have-quorum", "1" if planned.quorate[lost] else "0")
    for node in lost:
        if node in planned.remote:
            failures += _cut_off(root, node, planned)
    if root.get("dc-uuid"):
        # The coordinator may be among the lost: another node takes over.
        first = read_cluster_state(Cib(root), planned.now_s, planned.utc_offset_s)
        left = next((node for node in first.nodes.values() if node.kind is NodeKind.CLUSTER and node.online), None)
        if left is not None:
            root.set("dc-uuid", left.id)
    return Cib(root), failures


def _cut_off(root: etree._Element, name: str, planned: Plan) -> list[FailureWish]:
    """A remote node's connection fails where it is, and cannot be made from anywhere."""
    state = read_cluster_state(planned.cib, planned.now_s, planned.utc_offset_s)
    connection = state.by_id.get(name)
    if connection is None:
        return []
    monitors = [one.interval_ms for one in connection.config.operations if one.name == "monitor" and one.interval_ms]
    agent = inject.Agent("ocf", "pacemaker", "remote")
    for ident in connection.active_on:
        host = state.nodes.get(ident)
        if host is None:
            continue
        where = inject.node_state(root, host.name, host.id)
        result = inject.Result(
            name, "monitor", monitors[0] if monitors else 60_000, 1, 0, "the remote node was lost",
            int(planned.now_s), {},
        )
        inject.count_failure(where, result, name, infinity=False)
        inject.record(inject.resource_history(where, name, name, agent), result, host.name)
    return [
        FailureWish(f"{name}_start_0@{node.name}=1") for node in state.nodes.values() if node.kind is NodeKind.CLUSTER
    ]


def _lose(planned: Plan, lost: tuple[str, ...]) -> Loss:
    return outcome(planned, lost, *lost_cib(planned, lost))[0]


def outcome(
    planned: Plan, lost: tuple[str, ...], start: Cib, failures: Sequence[FailureWish]
) -> tuple[Loss, Mapping[str, Held]]:
    """What comes of a CIB that was changed on paper, held against what ran before; and where everything runs then."""
    runs = planned.runs
    cib, after, done, at_rest = _settle(
        start, planned.now_s, int(planned.now_s), planned.utc_offset_s, failures
    )
    then = held(after)
    fenced = {
        change.node for decision in done for change in decision.schedule.changes
        if isinstance(change, NodeChange) and change.what.startswith("Fence")
    }
    unfenced = tuple(node.name for node in after.nodes.values() if node.name in lost and node.unclean)
    moved, promoted, down, fewer = [], [], [], []
    for name, was in runs.items():
        now = then.get(name)
        if now is None:
            if name not in lost:  # the connection of a lost remote node is the loss itself
                down.append(name)
            continue
        came = tuple(sorted(set(now.places) - set(was.places)))
        went = tuple(sorted(set(was.places) - set(now.places)))
        if came:
            moved.append(Move(name, went, came))
        if len(now.places) < len(was.places):
            fewer.append((name, len(was.places), len(now.places)))
        if was.promoted and not now.promoted:
            down.append(f"{name} (nobody is promoted)")
        elif set(now.promoted) - set(was.promoted):
            promoted.append(Move(name, was.promoted, now.promoted))
    return Loss(
        lost, tuple(moved), tuple(promoted), tuple(down), tuple(fewer), tuple(sorted(fenced)), unfenced,
        planned.quorate[lost], at_rest, tuple(_reasons(cib, planned, down)) if down else (),
    ), then


def _reasons(cib: Cib, planned: Plan, down: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Why they stay down, as explained in the end."""
    decision = decide(cib, planned.now_s, 0, WANTED, planned.utc_offset_s)
    for name in down[:REASONS_MAX]:
        names = instances(decision.state, name)
        if not names:
            continue
        why = tell(decision.state, decision.schedule, trace(decision.state, names[:1]), names[0])
        if why.stopped:
            yield name, "; ".join(way.text for way in why.stopped[:len(planned.nodes) + 1])


def held(state: ClusterState) -> dict[str, Held]:
    """Configured resource → where it runs. A node that is unclean holds nothing that can be counted on."""
    found: dict[str, dict[str, Role]] = {}
    cloned: set[str] = set()
    for resource in _primitives(state):
        name = resource.config.id
        for ident in resource.active_on:
            node = state.nodes.get(ident)
            if node is None or not node.online or node.unclean:
                continue
            places = found.setdefault(name, {})
            if node.name not in places or resource.role.rank > places[node.name].rank:
                places[node.name] = resource.role
        if resource.parent is not None and resource.config.id != resource.id:
            cloned.add(name)
    return {name: Held(places, name in cloned) for name, places in found.items()}


def _primitives(state: ClusterState) -> Iterator[Resource]:
    for top in state.resources:
        for resource in top.primitives():
            if not resource.removed:
                yield resource


def _wanted(state: ClusterState) -> tuple[str, ...]:
    """Resources that nobody disabled."""
    names = [
        one.config.id for one in _primitives(state) if (one.meta.get("target-role") or "").lower() != "stopped"
    ]
    return tuple(dict.fromkeys(names))
