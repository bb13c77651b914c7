"""Which nodes and resources a filter lets through.

A filter is None (everything) or the names that --node and --resource stand for; an empty one lets nothing through.
Source: lib/pengine/utils.c, native.c, group.c, clone.c, bundle.c: the functions called is_filtered.
"""

from __future__ import annotations

from hashell.status.cluster_status import (
    BundleStatus,
    CloneStatus,
    ClusterStatus,
    GroupStatus,
    NodeStatus,
    PrimitiveStatus,
    ResourceStatus,
    is_active,
    primitives_of,
)
from hashell.status.options import Release

#: Names that pass, or None for all.
Names = tuple[str, ...] | None


def passes(name: str, only: Names) -> bool:
    """Whether a filter names it."""
    return only is None or name in only


class View:
    """A status with its nodes by name and its resources by id, and the answers to "is this shown?"."""

    def __init__(self, status: ClusterStatus) -> None:
        self.status = status
        self._nodes = {node.name: node for node in status.nodes}
        self._only_nodes = (
            None if status.only_nodes is None else {name.lower() for name in status.only_nodes}
        )
        self._parents: dict[int, ResourceStatus] = {}
        self._primitives: dict[str, PrimitiveStatus] = {}
        for resource in status.resources:
            self._adopt(resource)

    def _adopt(self, resource: ResourceStatus) -> None:
        children: tuple[ResourceStatus, ...] = ()
        match resource:
            case PrimitiveStatus():
                self._primitives.setdefault(resource.id, resource)
            case GroupStatus():
                children = resource.members
            case CloneStatus():
                children = resource.instances
            case BundleStatus():
                children = tuple(primitives_of(resource))
        for child in children:
            self._parents[id(child)] = resource
            self._adopt(child)

    @property
    def describes(self) -> bool:
        """Whether descriptions are shown: release 3 counts them among the details."""
        options = self.status.options
        return options.description or (options.details and self.status.release is Release.THREE)

    def node(self, name: str) -> NodeStatus | None:
        return self._nodes.get(name)

    def primitive(self, wanted: str) -> PrimitiveStatus | None:
        return self._primitives.get(wanted)

    def parent(self, resource: ResourceStatus) -> ResourceStatus | None:
        return self._parents.get(id(resource))

    def top(self, resource: ResourceStatus) -> ResourceStatus:
        """The resource of the configuration that it is part of; itself when it stands alone."""
        while (up := self._parents.get(id(resource))) is not None:
            resource = up
        return resource

    def node_passes(self, name: str) -> bool:
        """Names of nodes are compared without case."""
        return self._only_nodes is None or name.lower() in self._only_nodes

    def runs_where_wanted(self, resource: ResourceStatus) -> bool:
        return any(self.node_passes(name) for name in resource.active_on)

    def kept_off(self, resource: ResourceStatus) -> bool:
        """Active, but on none of the nodes that are shown."""
        return is_active(resource, wholly=False) and not self.runs_where_wanted(resource)

    def hidden(self, resource: ResourceStatus, only: Names, *, with_parent: bool) -> bool:
        """Whether neither it nor a part of it (nor, `with_parent`, what it is part of) is named by a filter."""
        if only is None:
            return False
        if resource.name in only:
            return False
        match resource:
            case PrimitiveStatus():
                if resource.id in only:
                    return False
                if with_parent and self.parent(resource) is not None:
                    return self.hidden(self.top(resource), only, with_parent=False)
                return True
            case GroupStatus():
                if with_parent and self.top(resource).name in only:
                    return False
                if ":" in resource.id and resource.id in only:
                    return False
                parts: tuple[ResourceStatus, ...] = resource.members
            case CloneStatus():
                if resource.child in only:
                    return False
                parts = resource.instances
            case BundleStatus():
                parts = tuple(primitives_of(resource))
        return all(self.hidden(part, only, with_parent=False) for part in parts)
