"""Workspace: the tables that reading fills, and the few things that several of its steps do.

While reading, nodes and resources are *drafts*: the same objects as later, still writable. `seal` freezes them, so
that what the world sees cannot change, and nothing is copied.

Source: lib/pengine/unpack.c, utils.c, native.c.
"""

from __future__ import annotations

from lxml import etree
from msgspec import Struct, field

from hashell.model.cluster_options import ClusterOptions, NoQuorumPolicy
from hashell.model.configuration import Configuration
from hashell.model.nodes import NodeConfig, name_key
from hashell.model.resources import MultipleActive, ResourceKind
from hashell.state.digests import DigestCache
from hashell.state.fail_counts import FailCount, read_fail_counts
from hashell.state.findings import (
    ActionFound,
    FencingNeeded,
    Finding,
    ScoreChanged,
    StopNotNeeded,
)
from hashell.state.history import HistoryEntry, NodeHistory
from hashell.state.nodes import Node
from hashell.state.resources import ProbeMode, Resource
from hashell.state.tickets import Ticket
from hashell.values.roles import Role
from hashell.values.scores import INFINITY, add_scores


class NodeDraft(Node):
    """A node while it is read."""

    __slots__ = ()
    __setattr__ = object.__setattr__


class ResourceDraft(Resource):
    """A resource while it is read."""

    __slots__ = ()
    __setattr__ = object.__setattr__


class Workspace(Struct):
    """All that reading knows so far. `resources` are the top ones; see `ClusterState` for the rest.

    `unsettled` are the ids of resources to whom news that they are not on a node could still mean something.
    """

    configuration: Configuration
    now_s: int
    nodes: list[NodeDraft] = field(default_factory=list)
    resources: list[ResourceDraft] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    failed: dict[tuple[str, str], HistoryEntry] = field(default_factory=dict)
    history: dict[etree._Element, NodeHistory] = field(default_factory=dict)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    containers_to_stop: list[ResourceDraft] = field(default_factory=list)
    digests: DigestCache = field(default_factory=DigestCache)
    dc: NodeDraft | None = None
    have_fencing: bool = False
    recheck_at: int | None = None
    node_changes: int = 0
    _nodes_by_id: dict[str, NodeDraft] = field(default_factory=dict)
    _nodes_by_name: dict[str, NodeDraft] = field(default_factory=dict)
    _by_id: dict[str, ResourceDraft] = field(default_factory=dict)
    _by_history: dict[str, list[ResourceDraft]] = field(default_factory=dict)
    _fail_counts: dict[str, dict[str, FailCount]] = field(default_factory=dict)
    _by_uname: dict[str, list[NodeHistory]] | None = None
    _stops: set[tuple[str, str]] = field(default_factory=set)
    unsettled: set[str] = field(default_factory=set)

    @property
    def options(self) -> ClusterOptions:
        return self.configuration.options

    def complain(self, problem: str) -> None:
        self.configuration.document.complain(problem)

    # Nodes

    def add_node(self, config: NodeConfig) -> NodeDraft:
        """Take up a node, in the order of names."""
        node = NodeDraft(
            id=config.id, name=config.name, kind=config.kind, score=config.score,
            attributes=dict(config.attributes), utilization=dict(config.utilization),
        )
        key = name_key(node.name)
        at = next((i for i, other in enumerate(self.nodes) if key <= name_key(other.name)), len(self.nodes))
        self.nodes.insert(at, node)
        self._nodes_by_id.setdefault(node.id.lower(), node)
        self._nodes_by_name[node.name.lower()] = node
        self.node_changes += 1
        return node

    def node_named(self, name: str | None) -> NodeDraft | None:
        return None if name is None else self._nodes_by_name.get(name.lower())

    def node_of(self, ident: str | None, name: str | None) -> NodeDraft | None:
        """By id, else by name; letters in any case."""
        found = None if ident is None else self._nodes_by_id.get(ident.lower())
        return self.node_named(name) if found is None else found

    # Resources

    def register(self, resource: ResourceDraft) -> None:
        """Make a resource known by its id."""
        self._by_id.setdefault(resource.id, resource)

    def find(self, name: str) -> ResourceDraft | None:
        """A resource by its id, or by the name that it has in some node's history."""
        found = self._by_id.get(name)
        if found is None and (known := self._by_history.get(name)):
            return known[0]
        return found

    def set_history_id(self, resource: ResourceDraft, name: str | None) -> None:
        if resource.history_id is not None:
            self._by_history[resource.history_id].remove(resource)
        resource.history_id = name
        if name is not None:
            self._by_history.setdefault(name, []).append(resource)

    def resources_by_id(self) -> dict[str, ResourceDraft]:
        return self._by_id

    # History

    def fail_counts(self, node: NodeDraft) -> dict[str, FailCount]:
        """The failures on a node, whose attributes must have been read."""
        found = self._fail_counts.get(node.id)
        if found is None:
            found = self._fail_counts[node.id] = read_fail_counts(node.attributes)
        return found

    def entries(self, node: str, resource: str) -> list[tuple[HistoryEntry, ...]]:
        """What a node (by name, as written) recorded of a resource (by the name it has there)."""
        if self._by_uname is None:
            self._by_uname = {}
            for state, history in self.history.items():
                self._by_uname.setdefault(state.get("uname") or "", []).append(history)
        return [found.entries for history in self._by_uname.get(node, ()) for found in history.named(resource)]

    # Scores

    def change_score(self, resource: ResourceDraft, node: NodeDraft | None, score: int, reason: str) -> None:
        """Add to the score of a resource and all below it on a node, or on all nodes."""
        self.findings.append(ScoreChanged(resource, None if node is None else node.id, score, reason))
        for target in self.nodes if node is None else (node,):
            add_score(resource, target, score)

    def ban_everywhere(self, resource: ResourceDraft) -> None:
        """The resource (not what is below it) may run nowhere; whatever was known of its nodes is forgotten."""
        resource.allowed = {node.id: -INFINITY for node in self.nodes}
        resource.probe_modes = {node.id: ProbeMode.NEVER for node in self.nodes if node.probe_never}

    # What reading forces

    def recheck(self, moment: int) -> None:
        """At this moment (seconds since 1970) the answer may differ."""
        if moment > self.now_s and (self.recheck_at is None or moment < self.recheck_at):
            self.recheck_at = moment

    def can_fence(self, node: NodeDraft) -> bool:
        """Whether the cluster is able to fence a node."""
        options = self.options
        if node.is_guest:
            assert node.remote is not None and node.remote.launcher is not None
            hosts = (self._nodes_by_id[ident.lower()] for ident in node.remote.launcher.active_on)
            return all(host.online or self.can_fence(host) for host in hosts)
        if not options.fencing_enabled or not self.have_fencing:
            return False
        if self.configuration.has_quorum or options.no_quorum_policy is NoQuorumPolicy.IGNORE:
            return True
        if not node.online:
            return False
        if node.is_remote and not options.fence_remote_without_quorum and node.remote is not None:
            # A connection may have moved to the other partition, which then needs the node.
            return all(self._nodes_by_id[ident.lower()].online for ident in node.remote.allowed)
        return True

    def fence(self, node: NodeDraft, reason: str, *, priority_delay: bool = False) -> None:
        """Mark a node as one that must be fenced; a guest is fenced by recovering what launches it."""
        remote = node.remote
        if node.is_guest:
            assert remote is not None and remote.launcher is not None
            launcher = remote.launcher
            assert isinstance(launcher, ResourceDraft)
            if not launcher.failed and launcher.managed:
                node.remote_reset = True
                launcher.failed = launcher.stop_if_failed = True
        elif node.is_remote and remote is not None and remote.removed_launched and remote.launcher is None:
            assert isinstance(remote, ResourceDraft)
            remote.failed = remote.stop_if_failed = True
        elif node.is_remote:
            if remote is None or remote.managed:
                node.remote_reset = True
            node.unclean = True
            self.findings.append(FencingNeeded(node.id, reason))
        elif not node.unclean:
            node.unclean = True
            self.findings.append(FencingNeeded(node.id, reason, priority_delay))

    def act(
        self, resource: ResourceDraft, task: str, node: NodeDraft, *, interval_ms: int = 0, optional: bool = False
    ) -> ActionFound:
        """An action that is needed (or, if optional, active already); a stop that cannot run means fencing."""
        forced = not resource.managed and interval_ms == 0
        runnable = self.is_runnable(node)
        found = ActionFound(resource, task, interval_ms, node.id, optional or forced, runnable)
        self.findings.append(found)
        if task == "stop":
            self._stops.add((resource.id, node.id))
            self.unsettled.add(resource.id)
        self.fence_if_stuck(resource, task, node)
        return found

    def is_runnable(self, node: NodeDraft) -> bool:
        """Whether an action that needs neither quorum nor fencing can be done on a node as it is now."""
        if not node.online and (not node.is_guest or node.remote_reset):
            return False
        if node.pending:
            return False
        return not node.is_guest or self.can_fence(node)

    def fence_if_stuck(self, resource: ResourceDraft, task: str, node: NodeDraft) -> None:
        if task != "stop" or not resource.managed or node.unclean or node.online:
            return
        if not node.is_guest or node.remote_reset:
            self.fence(node, "stop is unrunnable")

    def stop_not_needed(self, resource: ResourceDraft, node: NodeDraft) -> None:
        """Stops found before for this node are optional."""
        if (resource.id, node.id) in self._stops:
            self.findings.append(StopNotNeeded(resource, node.id))

    # Where resources are

    def add_active(self, resource: ResourceDraft, node: NodeDraft, *, failed: bool = False) -> None:
        """The resource is active on a node, and so are its parents."""
        if node.id in resource.active_on:
            return
        resource.active_on = (*resource.active_on, node.id)
        if resource.kind is ResourceKind.PRIMITIVE:
            node.running = (*node.running, resource)
            if resource.config.priority and not failed:
                self._add_priority(resource, node)
            if node.maintenance:
                resource.managed, resource.maintenance = False, True
        if not resource.managed:
            self.change_score(resource, node, INFINITY, "not_managed_default")
            parent = resource.parent
            while parent is not None:
                assert isinstance(parent, ResourceDraft)
                parent.active_on = (*parent.active_on, node.id)
                parent = parent.parent
            return
        if resource.kind is ResourceKind.PRIMITIVE and self.is_multiply_active(resource):
            self._handle_multiply_active(resource)
        if resource.parent is not None:
            assert isinstance(resource.parent, ResourceDraft)
            self.add_active(resource.parent, node)

    def is_multiply_active(self, resource: ResourceDraft) -> bool:
        if len(resource.active_on) < 2:
            return False
        if resource.config.requires_fencing:
            return True
        nodes = (self._nodes_by_id[ident.lower()] for ident in resource.active_on)
        return sum(node.online and not node.unclean for node in nodes) > 1

    def _handle_multiply_active(self, resource: ResourceDraft) -> None:
        policy = resource.config.multiple_active
        if policy is MultipleActive.STOP_ONLY:
            self.ban_everywhere(resource)
        elif policy is MultipleActive.BLOCK:
            resource.managed, resource.blocked = False, True
            parent = resource.parent
            if (
                parent is not None and parent.kind in (ResourceKind.GROUP, ResourceKind.BUNDLE)
                and parent.config.multiple_active is MultipleActive.BLOCK
            ):
                for child in parent.children:
                    assert isinstance(child, ResourceDraft)
                    child.managed, child.blocked = False, True

    def _add_priority(self, resource: ResourceDraft, node: NodeDraft) -> None:
        """What a node is worth for priority-fencing-delay; what runs on a guest counts for its host too."""
        priority = resource.config.priority + (resource.role is Role.PROMOTED)
        node.priority += priority
        if node.remote is not None and node.remote.launcher is not None:
            for ident in node.remote.launcher.active_on:
                self._nodes_by_id[ident.lower()].priority += priority

    def current_node(self, resource: Resource) -> NodeDraft | None:
        """The node where a primitive is active, the preferred one if there are several."""
        active: NodeDraft | None = None
        for ident in resource.active_on:
            node = self._nodes_by_id[ident.lower()]
            if resource.partial_migration_source is not None:
                if ident == resource.partial_migration_source:
                    return node
            elif not resource.config.requires_fencing:
                happy = node.online and not node.unclean
                if happy and (active is None or not active.online or active.unclean):
                    return node
            if active is None:
                active = node
            if resource.partial_migration_source is None and resource.config.requires_fencing:
                break
        return active

    def seal(self) -> None:
        """Freeze all nodes and resources."""
        for node in self.nodes:
            node.__class__ = Node  # type: ignore[assignment]
        for top in self.resources:
            for resource in top.tree():
                resource.__class__ = Resource


def add_score(resource: Resource, node: NodeDraft, score: int) -> None:
    """Add to the score on one node, what is below first."""
    for child in resource.children:
        add_score(child, node, score)
    add_own_score(resource, node, score)


def add_own_score(resource: Resource, node: NodeDraft, score: int) -> None:
    """Add to the score of this resource alone; on a node that was not allowed it begins with the node's own score."""
    allowed, modes = resource.allowed, resource.probe_modes
    assert isinstance(allowed, dict)
    assert isinstance(modes, dict)
    known = allowed.get(node.id)
    if known is None:
        known = node.score
        if node.probe_never:
            modes[node.id] = ProbeMode.NEVER
    allowed[node.id] = add_scores(known, score)
