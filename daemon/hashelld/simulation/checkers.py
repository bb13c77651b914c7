"""Checkers: what must hold at every moment and at the end of a simulated life.

Letters in brackets are those of the audits in the documentation of the cluster layer: A of the state of a cluster, B of
what it promised.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hashell.simulate.run import decide
from hashell.transition.graph import ActionKind
from hashelld.cib_manager.messages import Entry
from hashelld.core.events import ChangeAnswered, CibChanged, Event, MembersChanged, View
from hashelld.simulation import relations
from hashelld.simulation.cluster import EPOCH_S, Cluster, Node

ViewKey = tuple[int, str]


class Broken(AssertionError):
    """A promise did not hold; the message names the seed."""


@dataclass(slots=True)
class Checker:
    """Hears what every node hears, and looks at a node after every event of its."""

    seed: int
    cluster: Cluster | None = None
    acknowledged: dict[str, bool] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    views: dict[ViewKey, View] = field(default_factory=dict)
    changes: int = 0
    services: int = 0
    fenced: list[str] = field(default_factory=list)
    suspects: set[str] = field(default_factory=set)
    #: Nodes whose state folder somebody removed: what they alone had is gone.
    wiped: set[str] = field(default_factory=set)
    resources: tuple[str, ...] = ()
    #: What binds the services to one another, by its name in relations.py.
    relation: str = ""
    _entries: dict[tuple[int, str, int], tuple[str, int, int] | None] = field(default_factory=dict)
    _acknowledged_by: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _acknowledged_in: dict[str, int] = field(default_factory=dict)
    _versions: dict[tuple[str, int], tuple[int, int, int]] = field(default_factory=dict)
    _heads: dict[tuple[str, int], int] = field(default_factory=dict)
    _ready_in: dict[tuple[str, int], View] = field(default_factory=dict)
    _checked_views: set[tuple[str, ViewKey]] = field(default_factory=set)

    def watch(self, cluster: Cluster) -> None:
        """Look at this cluster from now on."""
        self.cluster = cluster
        cluster.after_event = self.after_event
        cluster.service_started = self.service_started
        cluster.service_stops = self.service_stops
        cluster.node_fenced = self.node_fenced
        cluster.left = self.left

    @property
    def _cluster(self) -> Cluster:
        assert self.cluster is not None, "it watches a cluster"
        return self.cluster

    # --- what a node hears

    def hear(self, node: str, event: Event) -> None:
        match event:
            case MembersChanged(view):
                self._view(node, view)
            case ChangeAnswered(request, _, error_id, error):
                if ":" in request or not request:
                    return
                if error_id:
                    self.refused[request] = error
                    return
                self._acknowledge(node, request)
            case CibChanged(_, after):
                self.changes += 1
                version = after.version
                now = (version.admin_epoch, version.epoch, version.num_updates)
                life = (node, self._cluster.nodes[node].life)
                if now < self._versions.get(life, now):
                    self.fail(f"the version of {node} went back from {self._versions[life]} to {now} [B3]")
                self._versions[life] = now

    def _acknowledge(self, node: str, request: str) -> None:
        """Note what was promised: that it is held by a majority of a view, or by a branch alone.

        What is known to be committed when a view ends is answered when the next one has begun. And a node that took a
        copy answers what is in it already: who committed that is not known, so it is counted as a branch's.
        """
        manager = self._cluster.nodes[node].cib_manager
        view = manager.view
        assert view is not None, "only members acknowledge"
        applied = manager.ledger.applied
        if manager.phase == "gathering":
            view = self._ready_in.get((node, self._cluster.nodes[node].life), view)
        known = (applied.view, applied.proposer) == (view.number, view.proposer)
        self.acknowledged[request] = view.unique and known
        self._acknowledged_in[request] = view.number
        self._acknowledged_by[request] = tuple(one.name for one in view.holders)

    def _view(self, node: str, view: View) -> None:
        """[A1] A view is the same for all its members."""
        key = (view.number, view.proposer)
        first = self.views.setdefault(key, view)
        if (first.names, first.arbiters) != (view.names, view.arbiters):
            self.fail(f"view {key} is {view.names} at {node}, {first.names} elsewhere [A1]")
        if (first.quorate, first.unique, first.votes) != (view.quorate, view.unique, view.votes):
            self.fail(f"{node} counts other votes in view {key} than others do [A1]")
        if all(node != one.name for one in view.holders):
            self.fail(f"{node} is told of view {key} without it [A1]")
        if view.unique and 2 * view.votes <= view.expected_votes:
            self.fail(f"view {key} with {view.votes} of {view.expected_votes} votes is called unique [A1]")

    # --- after each event

    def after_event(self, node: Node) -> None:
        if node.failed:
            self.fail(f"{node.name}: {node.failed}")
        manager = node.cib_manager
        ledger = manager.ledger
        life = (node.name, node.life)
        head = ledger.head.index
        if self._heads.get(life) != head:
            self._heads[life] = head
            for entry in reversed(ledger.held):
                if not self._same_entry(node, entry):
                    break
        view = manager.view
        if view is None or manager.phase != "ready":
            return
        key = (view.number, view.proposer)
        self._ready_in[life] = view
        applied = ledger.applied
        if (applied.view, applied.proposer) == key and (node.name, key) not in self._checked_views:
            self._checked_views.add((node.name, key))
            self._view_begins(node, view, key)

    def _same_entry(self, node: Node, entry: Entry) -> bool:
        """[B3] One entry at one place; whether it was not known yet."""
        write = entry.write
        name = (write.origin, write.boot, write.counter) if write else None
        place = (entry.position.view, entry.position.proposer, entry.position.index)
        if place not in self._entries:
            self._entries[place] = name
            return True
        if self._entries[place] != name:
            self.fail(f"at {place} {node.name} has {name}, another node {self._entries[place]} [B3]")
        return False

    def _view_begins(self, node: Node, view: View, key: ViewKey) -> None:
        """A node applies the first entry of a view: all that a majority promised is there [B1]."""
        if not view.unique:
            return
        there = set(node.cib_manager.cib.ids())
        for request, unique in self.acknowledged.items():
            if unique and request not in there and self._acknowledged_in[request] < view.number:
                self.fail(
                    f"{request}, which a majority acknowledged, is not at {node.name} when view {key} begins [B1]"
                )

    # --- services, fencing

    def service_started(self, node: str, resource: str) -> None:
        """[A3] Nothing starts while it runs elsewhere: fencing comes before takeover [B5]."""
        self.services += 1
        machines = self._cluster.machines
        others = [name for name in machines.running(resource) if name != node]
        if others and not machines.lied:
            self.fail(f"{resource} starts on {node} while it runs on {', '.join(others)} [A3]")
        self._related(relations.at_start(self.relation, self.resources, machines, node, resource))

    def service_stops(self, node: str, resource: str) -> None:
        """[A4] What stands on something is stopped before it."""
        self._related(relations.at_stop(self.relation, self.resources, self._cluster.machines, node, resource))

    def _related(self, broken: str) -> None:
        if broken and not self._cluster.machines.lied:
            self.fail(broken)

    def node_fenced(self, executor: str, target: str, action: str) -> None:
        """[B5] Nobody is fenced without having been lost or having failed to stop something."""
        self.fenced.append(target)
        self._cluster.log(executor, "notice", f"fences {target}", action)
        if target not in self.suspects:
            self.fail(f"{executor} fences {target}, with which nothing was wrong [B5]")

    def left(self, node: Node) -> None:
        """[B8] A node that left has stopped everything, unless its stop failed."""
        machine = self._cluster.machines.all[node.name]
        if machine.services and node.name not in self.suspects and self._cluster.whole:
            self.fail(f"{node.name} left while {sorted(machine.services)} run on it [B8]")

    # --- now and then

    def together(self) -> None:
        """[A2] Members that have applied the same entry of the same view have the same CIB."""
        seen: dict[tuple[int, str, int], tuple[str, str]] = {}
        for name, node in self._cluster.nodes.items():
            if not node.up or node.cib_manager.phase != "ready" or not node.cib_manager.view:
                continue
            manager = node.cib_manager
            applied = manager.ledger.applied
            if not manager.view or applied.view != manager.view.number:
                continue
            key = (applied.view, applied.proposer, applied.index)
            digest = manager.digest()
            other = seen.setdefault(key, (digest, name))
            if other[0] != digest:
                self.fail(f"after entry {key} the CIBs of {other[1]} and {name} differ [A2]")
        if self.relation and not self.unsteady():
            self._related(relations.at_rest(self.relation, self.resources, self._cluster.machines))

    def unsteady(self) -> str:
        """Why the cluster has not come to rest; empty when it has: one view, all ready, the DC idle."""
        cluster = self._cluster
        down = [name for name, node in cluster.nodes.items() if not node.up]
        if down:
            return f"down: {down}"
        managers = {name: node.cib_manager for name, node in cluster.nodes.items()}
        views = {name: (m.view.number, m.view.proposer) if m.view else None for name, m in managers.items()}
        if len(set(views.values())) != 1:
            return f"no one view: {views}"
        view = next(iter(managers.values())).view
        if view is None or len(view.holders) < len(cluster.names):
            return f"not all are in the view: {view and view.names}"
        if not view.quorate:
            return f"all are in the view, without quorum: {view.votes} of {view.expected_votes} votes"
        phases = {name: m.phase for name, m in managers.items() if m.phase != "ready"}
        if phases:
            return f"not ready: {phases}"
        if len({m.ledger.applied for m in managers.values()}) != 1 or any(m.ledger.held for m in managers.values()):
            return "not all entries are applied everywhere"
        if not cluster.whole:
            return ""
        states = {name: cluster.nodes[name].controller.state for name in cluster.names if name not in cluster.arbiters}
        idle = [name for name, state in states.items() if state == "S_IDLE"]
        others = {state for name, state in states.items() if name != view.dc}
        if idle != [view.dc] or others - {"S_NOT_DC"}:
            return f"the DC is {view.dc}, states: {states}"
        busy = [name for name, machine in cluster.machines.all.items() if machine.busy]
        return f"agents run on {busy}" if busy else ""

    # --- the end

    def at_the_end(self) -> None:
        """All faults healed and time given: one view, one CIB, no acknowledged write lost, none of a branch dropped;
        what runs is what the scheduler wants, and what the CIB says."""
        cluster = self._cluster
        reason = self.unsteady()
        if reason:
            self.fail(f"not at rest at the end: {reason} [A7]")
        self.together()
        managers = {name: node.cib_manager for name, node in cluster.nodes.items()}
        digests = {name: m.digest() for name, m in managers.items()}
        if len(set(digests.values())) != 1:
            self.fail(f"the CIBs differ at the end: {digests} [A2]")
        there = set(next(iter(managers.values())).cib.ids())
        archived = b" ".join(archive.cib for node in cluster.nodes.values() for archive in node.disk.archives)
        for request, unique in sorted(self.acknowledged.items()):
            if request in there:
                continue
            if unique:
                self.fail(f"{request} was acknowledged by a majority and is lost [B1]")
            wiped = self.wiped.issuperset(self._acknowledged_by[request])
            if b'"' + request.encode() + b'"' not in archived and not wiped:
                self.fail(f"{request} was acknowledged in a branch and is neither there nor archived [B2]")
        if cluster.whole and not cluster.machines.lied:
            self._services_at_the_end()

    def _services_at_the_end(self) -> None:
        cluster = self._cluster
        cib = next(iter(cluster.nodes.values())).cib_manager.cib
        decision = decide(cib, EPOCH_S + cluster.world.now_ms / 1000)
        left = [a.key for a in decision.graph.actions if a.kind is not ActionKind.PSEUDO]
        if left:
            self.fail(f"the DC is idle and the scheduler still wants {left[:5]} [A7]")
        known: dict[str, set[str]] = {resource: set() for resource in self.resources}
        for state in cib.root.iterfind("status/node_state"):
            for history in state.iterfind("lrm/lrm_resources/lrm_resource"):
                last = history.find(f"lrm_rsc_op[@id='{history.get('id')}_last_0']")
                if last is not None and history.get("id") in known and _is_active(last):
                    known[history.get("id", "")].add(state.get("uname", ""))
        for resource in self.resources:
            real = set(cluster.machines.running(resource))
            if len(real) > 1:
                self.fail(f"{resource} runs on {sorted(real)} at the end [A3]")
            if real != known[resource]:
                self.fail(f"{resource} runs on {sorted(real)}, the CIB says {sorted(known[resource])} [A3]")

    def fail(self, text: str) -> None:
        raise Broken(f"seed {self.seed}: {text}")


def _is_active(last: object) -> bool:
    get = last.get  # type: ignore[attr-defined]
    if get("rc-code") != "0":
        return bool(get("operation") == "stop" and get("op-status") not in ("0",))
    return get("operation") in ("start", "monitor")
