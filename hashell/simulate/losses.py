"""Losses: what becomes of a cluster when nodes are lost, one after another or in pairs, on paper.

A loss is a node that is silent without having said goodbye, as a power cut is. What the cluster does about it is
walked to the end, transition after transition, and what runs then is held against what ran before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from msgspec import Struct

from hashell.cib.document import Cib
from hashell.errors import BadUsage
from hashell.model.nodes import NodeKind
from hashell.scheduler.summary import NodeChange
from hashell.simulate import inject
from hashell.simulate.run import Decision, decide, walk
from hashell.state.cluster_state import ClusterState, read_cluster_state
from hashell.state.resources import Resource
from hashell.transition.graph import ActionKind
from hashell.values.roles import Role

#: Transitions until a cluster is at rest; what finds no rest by then is told as that.
TRANSITIONS_MAX = 12
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

    @property
    def survived(self) -> bool:
        """Whether everything that ran before runs after."""
        return not self.down and self.at_rest


class Rehearsal(Struct, frozen=True):
    """`down_before` are resources that are to run and do not even with all nodes; they count in no loss."""

    nodes: tuple[str, ...]
    down_before: tuple[str, ...]
    losses: tuple[Loss, ...]


def rehearse(
    cib: Cib, now_s: float, *, together: int = 1, only: Sequence[str] = (), keep_quorum: bool | None = None,
    utc_offset_s: int = 0,
) -> Rehearsal:
    """Lose every node, and with `together` 2 every pair as well.

    `only`: losses that take in one of these. `keep_quorum` None: quorum is lost where half of the nodes or fewer are
    left, but with two nodes it is kept, as corosync's two_node does. Raises TooManyLosses.
    """
    clock_s = int(now_s)
    cib, before, _ = _settle(cib, now_s, clock_s, utc_offset_s)
    nodes = tuple(
        node.name for node in before.nodes.values() if node.kind is NodeKind.CLUSTER and node.online
    )
    known = sum(node.kind is NodeKind.CLUSTER for node in before.nodes.values())
    runs = held(before)
    cases = [
        lost for size in range(1, together + 1) for lost in combinations(nodes, size)
        if len(lost) < len(nodes) and (not only or set(only) & set(lost))
    ]
    if len(cases) > LOSSES_MAX:
        raise TooManyLosses(f"{len(cases)} losses are too many to rehearse (at most {LOSSES_MAX})", "name some nodes")
    losses = []
    for lost in cases:
        quorum = _quorum(before, len(nodes) - len(lost), known, keep_quorum)
        losses.append(_lose(cib, runs, lost, quorum, now_s, clock_s, utc_offset_s))
    down = tuple(name for name in _wanted(before) if name not in runs)
    return Rehearsal(nodes, down, tuple(losses))


def _quorum(state: ClusterState, left: int, known: int, keep: bool | None) -> bool:
    if keep is not None:
        return keep and state.has_quorum
    return state.has_quorum and (known <= 2 or left * 2 > known)


def _settle(
    cib: Cib, now_s: float, clock_s: int, utc_offset_s: int
) -> tuple[Cib, ClusterState, list[Decision]]:
    """The cluster at rest, and the decisions that were carried out on the way."""
    done: list[Decision] = []
    for _ in range(TRANSITIONS_MAX):
        decision = decide(cib, now_s, 0, utc_offset_s=utc_offset_s)
        if not _is_work(decision):
            return cib, decision.state, done
        done.append(decision)
        cib = walk(decision, (), clock_s).cib
    return cib, decide(cib, now_s, 0, utc_offset_s=utc_offset_s).state, done


def _is_work(decision: Decision) -> bool:
    """Whether anything is to be done that changes what runs: not events alone, nor a node that leaves by itself."""
    return any(
        synapse.action.kind is not ActionKind.PSEUDO and synapse.action.task != "do_shutdown"
        for synapse in decision.graph.synapses
    )


def _lose(
    cib: Cib, runs: Mapping[str, Held], lost: tuple[str, ...], quorum: bool, now_s: float, clock_s: int,
    utc_offset_s: int,
) -> Loss:
    root = cib.copy_root()
    for node in lost:
        inject.node_fail(root, node)
    root.set("have-quorum", "1" if quorum else "0")
    if root.get("dc-uuid"):
        # The coordinator may be among the lost: another node takes over.
        first = read_cluster_state(Cib(root), now_s, utc_offset_s)
        left = next((node for node in first.nodes.values() if node.kind is NodeKind.CLUSTER and node.online), None)
        if left is not None:
            root.set("dc-uuid", left.id)
    _, after, done = _settle(Cib(root), now_s, clock_s, utc_offset_s)
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
    at_rest = len(done) < TRANSITIONS_MAX
    return Loss(
        lost, tuple(moved), tuple(promoted), tuple(down), tuple(fewer), tuple(sorted(fenced)), unfenced, quorum, at_rest
    )


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
