"""Removed resources: things in the history that the configuration no longer has, and whose they are.

Source: lib/pengine/unpack.c, unpack_find_resource, process_removed_resource.
"""

from __future__ import annotations

from lxml import etree

from hashell.model.nodes import NodeConfig, NodeKind
from hashell.model.resource_reader import is_remote_connection
from hashell.model.resources import ResourceKind
from hashell.state.fail_counts import base_name
from hashell.state.history import NodeHistory, ResourceHistory
from hashell.state.instances import add_instance, build, link_connection
from hashell.state.resources import Resource
from hashell.state.workspace import NodeDraft, ResourceDraft, Workspace
from hashell.values.scores import INFINITY


def find_resource(workspace: Workspace, node: NodeDraft, name: str) -> ResourceDraft | None:
    """The resource or clone instance that a node's history means; None for what is no longer configured."""
    found = workspace.find(name)
    if found is None:
        first = workspace.find(f"{base_name(name)}:0")
        if first is not None and not first.unique:
            found = first
    elif found.kind is not ResourceKind.PRIMITIVE:
        return None
    if found is not None and found.top.is_anonymous_clone:
        clone = found.top
        assert isinstance(clone, ResourceDraft)
        if clone.parent is not None:
            found = _in_bundle(clone.parent, node)
        else:
            found = _instance_on(workspace, node, clone, base_name(name))
    if found is not None and name not in (found.id, found.history_id):
        workspace.set_history_id(found, name)
    return found


def _in_bundle(bundle: Resource, node: NodeDraft) -> ResourceDraft | None:
    """The instance inside the container that a guest node is."""
    for replica in bundle.replicas:
        if replica.node_id == node.id:
            assert replica.child is None or isinstance(replica.child, ResourceDraft)
            return replica.child
    return None


def _instance_on(workspace: Workspace, node: NodeDraft, clone: ResourceDraft, name: str) -> ResourceDraft:
    """The anonymous clone's instance on a node: one known to be there, else a free one, else a new one that is too
    many.
    """
    found: Resource | None = None
    free: Resource | None = None
    may_be_free = True
    for child in clone.children:
        if _is_at(child, node.id):
            found = _part(child, name)
            if found is not None and found.active_on:
                # The node has several numbers of what is now anonymous; all but the first are too many.
                may_be_free = False
                found = None
            if found is not None:
                break
        elif free is None and may_be_free and not child.blocked and _is_free(child):
            free = _part(child, name)
    if found is None and may_be_free:
        found = free
    if (
        found is not None and not found.config.requires_fencing
        and (not node.online or node.unclean) and not node.is_guest
        and clone.clone_max != len(workspace.nodes)
    ):
        # It may run elsewhere at once; no number is to be used up by a node that is gone.
        found = None
    if found is None:
        found = _part(add_instance(workspace, clone), name)
    assert isinstance(found, ResourceDraft)
    return found


def _is_at(resource: Resource, node_id: str) -> bool:
    """Whether a resource or anything below it is active on the node or about to be."""
    if not resource.children:
        return node_id in resource.active_on or resource.pending_on == node_id
    return any(_is_at(child, node_id) for child in resource.children)


def _is_free(resource: Resource) -> bool:
    """Whether neither the resource nor anything below it is active anywhere or about to be."""
    if not resource.children:
        return not resource.active_on and resource.pending_on is None
    return all(map(_is_free, resource.children))


def _part(instance: Resource, name: str) -> Resource | None:
    """The part of an instance that is called so in the configuration."""
    if name in (instance.id, instance.config.id):
        return instance
    for child in instance.children:
        found = _part(child, name)
        if found is not None:
            return found
    return None


def add_removed(workspace: Workspace, node: NodeDraft, history: ResourceHistory) -> ResourceDraft | None:
    """A resource made up from what the history says of it; it is to be stopped, if removed resources are."""
    element = etree.Element("primitive")
    for name, value in history.element.attrib.items():
        element.set(name, value)
    element.set("id", history.id)
    reader = workspace.configuration.reader
    config = reader.read(element)
    if config is None:
        return None
    workspace.have_fencing = workspace.have_fencing or reader.have_fencing
    resource = build(workspace, config)
    if is_remote_connection(element):
        made = workspace.node_named(history.id)
        if made is None:
            made = workspace.add_node(
                NodeConfig(
                    id=history.id, name=history.id, kind=NodeKind.REMOTE, attributes={"#kind": "remote"}
                )
            )
        link_connection(workspace, resource)
        made.shutdown = True
    resource.removed_launched = history.container is not None
    resource.removed = True
    workspace.resources.append(resource)
    if workspace.options.stop_removed_resources:
        workspace.change_score(resource, None, -INFINITY, "__removed_do_not_run__")
    else:
        resource.managed = False
    return resource


def link_removed_launchers(workspace: Workspace, history: NodeHistory) -> None:
    """Tell removed resources that were launched by another which one it was."""
    for entry in history.told:
        if entry.container is None:
            continue
        launcher, resource = workspace.find(entry.container), workspace.find(entry.id)
        if launcher is None or resource is None or resource.launcher is not None or not resource.removed_launched:
            continue
        resource.launcher = launcher
        launcher.launched = (*launcher.launched, resource)
