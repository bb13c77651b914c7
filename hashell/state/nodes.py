"""Nodes: online, pending, unclean, standby, maintenance, shutting down.

Source: Pacemaker Explained, "Status", "Node status"; lib/pengine/unpack.c, determine_online_status.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from hashell.model.nodes import NodeKind
from hashell.state.sealing import sealable

if TYPE_CHECKING:
    from hashell.state.resources import Resource


@sealable
class Node:
    """A node as it is now.

    `attributes` are permanent and transient ones together (transient ones win), with #uname, #id, #kind, #is_dc …
    `score` is what each resource's score there starts from (-INFINITY for a node that is offline or shutting down).
    `priority` is the sum of the priorities of what runs there, for priority-fencing-delay. `running` are the
    primitives active there. `health` is below 0 for red, 0 for yellow, above 0 for green. `remote` is the connection
    of a remote or guest node. `quiet` are the ids of resources that a probe did not find there and of which nothing
    else is known (see history.py); `knows` tells of all. `remote_reset`: a guest to be recovered or a remote node to
    be fenced. `remote_fenced`: fenced since it was last connected. `seen`: has a state of its own in this cluster's
    lifetime.
    """

    id: str
    name: str
    kind: NodeKind
    online: bool = False
    pending: bool = False
    unclean: bool = False
    standby: bool = False
    standby_on_fail: bool = False
    maintenance: bool = False
    shutdown: bool = False
    expected_up: bool = False
    seen: bool = False
    probes_allowed: bool = True
    remote_reset: bool = False
    remote_fenced: bool = False
    remote_maintenance: bool = False
    unpacked: bool = False
    is_dc: bool = False
    score: int = 0
    probe_never: bool = False
    priority: int = 0
    health: int = 1
    attributes: Mapping[str, str] = field(default_factory=dict)
    utilization: Mapping[str, str] = field(default_factory=dict)
    running: tuple[Resource, ...] = ()
    quiet: frozenset[str] = frozenset()
    remote: Resource | None = None

    def knows(self, resource: Resource) -> bool:
        """Whether the state of the resource is known there, so that no probe is needed."""
        return resource.id in self.quiet or self.id in resource.known_on

    @property
    def is_remote(self) -> bool:
        """Whether Pacemaker Remote makes it a node: a remote node, a guest or a bundle's."""
        return self.kind is not NodeKind.CLUSTER

    @property
    def is_guest(self) -> bool:
        """Whether the cluster itself launches it: a guest or a bundle node."""
        return self.is_remote and self.remote is not None and self.remote.launcher is not None

    @property
    def is_remote_node(self) -> bool:
        """A remote node that stands for itself, with or without its connection resource."""
        return self.is_remote and (self.remote is None or self.remote.launcher is None)
