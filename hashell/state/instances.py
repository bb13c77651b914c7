"""Instances: the tree of resources as it runs, made of the tree that is configured.

The order in which things are made is Pacemaker's, since a resource's allowed nodes are those that exist when it is
made.

Source: lib/pengine/complex.c, clone.c, bundle.c, utils.c.
"""

from __future__ import annotations

from hashell.model.nodes import NodeConfig, NodeKind
from hashell.model.resources import BundleReplica, Forced, ResourceConfig, ResourceKind
from hashell.state.resources import ProbeMode, Replica, Resource
from hashell.state.workspace import NodeDraft, ResourceDraft, Workspace, add_own_score
from hashell.values.roles import Role
from hashell.values.scores import INFINITY

#: Score of a bundle's guest node for the instance that belongs inside. Source: lib/pengine/bundle.c.
INSIDE_SCORE = 500


def build(
    workspace: Workspace, config: ResourceConfig, parent: ResourceDraft | None = None, number: int | None = None
) -> ResourceDraft:
    """A resource with all that is below it; `number` is that of the clone instance that it is in."""
    nodes_before = workspace.node_changes
    resource = _draft(config, parent, number)
    workspace.register(resource)
    if config.kind is ResourceKind.GROUP:
        resource.children = tuple(build(workspace, child, resource, number) for child in config.children)
    elif config.kind is ResourceKind.CLONE:
        for _ in range(max(1, resource.clone_max)):
            add_instance(workspace, resource)
    elif config.kind is ResourceKind.BUNDLE:
        _build_bundle(workspace, resource)
    _allow_by_default(workspace, resource, nodes_before)
    return resource


def add_instance(workspace: Workspace, clone: ResourceDraft) -> ResourceDraft:
    """The clone's next instance; one above clone_max counts as removed from the beginning."""
    number = len(clone.children)
    (child,) = clone.config.children
    instance = build(workspace, child, clone, number)
    clone.children = (*clone.children, instance)
    if number >= clone.clone_max:
        for part in instance.tree():
            assert isinstance(part, ResourceDraft)
            part.removed = True
    instance.meta = {**instance.meta, "clone-max": str(clone.clone_max)}
    forced = Forced.NO if clone.config.clone is None else clone.config.clone.forced_anonymous
    if forced is Forced.LAST_KEEPS:
        for earlier in clone.children[:-1]:
            _make_anonymous(earlier)
    elif forced is Forced.FIRST_KEEPS and number > 0:
        _make_anonymous(instance)
    return instance


def _make_anonymous(instance: Resource) -> None:
    for part in instance.tree():
        assert isinstance(part, ResourceDraft)
        part.unique = False
        part.meta = {**part.meta, "globally-unique": "false"}


def _draft(config: ResourceConfig, parent: ResourceDraft | None, number: int | None) -> ResourceDraft:
    meta = config.meta
    ident = config.id
    if number is not None:
        ident = f"{config.id}:{number}"
        meta = {**meta, "clone": str(number)}
    return ResourceDraft(
        id=ident, config=config, kind=config.kind, parent=parent, instance=number, meta=meta,
        utilization=config.utilization,
        clone_max=0 if config.clone is None else config.clone.clone_max,
        clone_node_max=0 if config.clone is None else config.clone.clone_node_max,
        next_role=config.target_role or Role.UNKNOWN,
        stickiness=config.stickiness,
        failure_timeout_ms=config.failure_timeout_ms,
        managed=config.managed,
        maintenance=config.maintenance,
        unique=config.unique,
        notify=config.notify,
        promotable=config.promotable,
        migratable=config.migratable,
        allowed={}, probe_modes={}, known_on={},
    )


def _allow_by_default(workspace: Workspace, resource: ResourceDraft, nodes_before: int) -> None:
    """In a symmetric cluster a resource may run everywhere; the connection to a guest may, in any cluster."""
    guest = resource.config.is_remote_connection and "container" in resource.config.meta
    symmetric = workspace.options.symmetric_cluster
    if not symmetric and not guest:
        return
    if workspace.node_changes == nodes_before and not resource.allowed:
        # What is below has just been through this with the same nodes.
        resource.allowed = {
            node.id: node.score for node in workspace.nodes if not (symmetric and node.probe_never)
        }
        if not symmetric:
            resource.probe_modes = {node.id: ProbeMode.NEVER for node in workspace.nodes if node.probe_never}
        return
    for node in workspace.nodes:
        if symmetric and node.probe_never:
            continue
        _allow(resource, node, symmetric=symmetric)


def _allow(resource: ResourceDraft, node: NodeDraft, *, symmetric: bool) -> None:
    if symmetric and resource.exclusive_probes:
        return
    for child in resource.children:
        assert isinstance(child, ResourceDraft)
        _allow(child, node, symmetric=symmetric)
    add_own_score(resource, node, 0)


def _build_bundle(workspace: Workspace, bundle: ResourceDraft) -> None:
    spec = bundle.config.bundle
    assert spec is not None
    instances: ResourceDraft | None = None
    if spec.instances is not None:
        instances = build(workspace, spec.instances, bundle)
        for instance in instances.children:
            assert isinstance(instance, ResourceDraft)
            instance.exclusive_probes = True
    replicas = []
    for replica in spec.replicas:
        child: ResourceDraft | None = None
        if instances is not None:
            found = instances.children[replica.offset]
            assert isinstance(found, ResourceDraft)
            child = found
        replicas.append(_build_replica(workspace, bundle, replica, child))
    bundle.replicas = tuple(replicas)
    if instances is not None:
        bundle.children = (*bundle.children, instances)


def _build_replica(
    workspace: Workspace, bundle: ResourceDraft, replica: BundleReplica, child: ResourceDraft | None
) -> Replica:
    container = build(workspace, replica.container, bundle)
    container.replica_container = True
    bundle.children = (*bundle.children, container)
    ip: ResourceDraft | None = None
    if replica.ip is not None:
        ip = build(workspace, replica.ip, bundle)
        bundle.children = (*bundle.children, ip)
    remote: ResourceDraft | None = None
    if replica.remote is not None:
        assert child is not None
        remote = _build_connection(workspace, bundle, replica.remote, container, child)
        bundle.children = (*bundle.children, remote)
    if child is not None and replica.ip_address:
        child.meta = {**child.meta, "external-ip": replica.ip_address}
    return Replica(
        offset=replica.offset, container=container, child=child, ip=ip, remote=remote,
        ip_address=replica.ip_address, node_id=replica.node_id,
    )


def _build_connection(
    workspace: Workspace,
    bundle: ResourceDraft,
    config: ResourceConfig,
    container: ResourceDraft,
    child: ResourceDraft,
) -> ResourceDraft:
    """The connection to a replica, with the guest node that it makes: only the instance inside may run there."""
    node = workspace.node_named(config.id)
    if node is None:
        node = workspace.add_node(
            NodeConfig(
                id=config.id, name=config.id, kind=NodeKind.GUEST, score=-INFINITY, attributes={"#kind": "container"}
            )
        )
    node.score = -INFINITY
    node.probe_never = True
    for other in workspace.resources:
        _keep_out(other, node)
    child.allowed = {node.id: INSIDE_SCORE}
    child.probe_modes = {node.id: ProbeMode.EXCLUSIVE}
    parent = child.parent
    assert isinstance(parent, ResourceDraft)
    assert isinstance(parent.allowed, dict)
    assert isinstance(parent.probe_modes, dict)
    parent.allowed[node.id] = -INFINITY
    parent.probe_modes[node.id] = ProbeMode.EXCLUSIVE

    remote = build(workspace, config, bundle)
    assert isinstance(remote.allowed, dict)
    for other_node in workspace.nodes:
        if other_node.is_remote and other_node.id in remote.allowed:
            remote.allowed[other_node.id] = -INFINITY
    node.remote = remote
    node.kind = NodeKind.GUEST
    remote.launcher = container
    assert isinstance(node.attributes, dict)
    node.attributes["#kind"] = "container"
    remote.remote_nesting_allowed = True
    return remote


def _keep_out(resource: Resource, node: NodeDraft) -> None:
    """Resources made before the node was known as a bundle's may have been allowed there."""
    if node.id in resource.allowed:
        assert isinstance(resource.allowed, dict)
        assert isinstance(resource.probe_modes, dict)
        resource.allowed[node.id] = -INFINITY
        resource.probe_modes[node.id] = ProbeMode.NEVER
    for child in resource.children:
        _keep_out(child, node)


def link_launchers(workspace: Workspace, resource: Resource) -> None:
    """Tell a launched resource its container, and the container what it launches."""
    if resource.children:
        for child in resource.children:
            link_launchers(workspace, child)
        return
    name = resource.meta.get("container")
    if name is None or name == resource.id:
        return
    launcher = workspace.find(name)
    if launcher is None:
        workspace.complain(f"Resource {resource.id}: Unknown container {name}")
        return
    assert isinstance(resource, ResourceDraft)
    resource.launcher = launcher
    launcher.launched = (*launcher.launched, resource)


def link_connection(workspace: Workspace, resource: ResourceDraft) -> None:
    """Give the node that a connection makes its connection, and its kind."""
    if not resource.config.is_remote_connection:
        return
    node = workspace.node_named(resource.id)
    if node is None:
        return
    node.remote = resource
    assert isinstance(node.attributes, dict)
    if resource.launcher is None:
        node.kind = NodeKind.REMOTE
        # As cluster nodes: unclean until its state has been seen.
        node.unclean = workspace.options.startup_fencing
    else:
        node.kind = NodeKind.GUEST
        node.attributes["#kind"] = "container"
