"""Nodes: those that the configuration names, and those that resources imply.

Source: Pacemaker Explained, "Cluster nodes", "Pacemaker Remote nodes"; lib/pengine/unpack.c,
unpack_nodes, unpack_remote_nodes.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class NodeKind(enum.StrEnum):
    """`#kind` as rules see it is "cluster", "remote" or "container" (guests and bundle nodes)."""

    CLUSTER = "cluster"
    REMOTE = "remote"
    GUEST = "guest"


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """A node as configured.

    `attributes` are the permanent ones with Pacemaker's own (#uname, #id, #kind, #is_dc,
    #cluster-name, #site-name),
    rules evaluated. `score` is added to every resource's score there. `remote` is the id of the
    connection resource, None for cluster
    nodes and for entries that were left behind when the connection was deleted. `container` is the
    id of the resource that launches
    a guest. `implied` says that no `node` element exists.
    """

    id: str
    name: str
    kind: NodeKind
    score: int = 0
    attributes: Mapping[str, str] | None = None
    utilization: Mapping[str, str] | None = None
    remote: str | None = None
    container: str | None = None
    implied: bool = False
