"""Configuration: everything below `configuration`, typed.

Source: Pacemaker Explained; lib/pengine/status.c, cluster_status.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hashell.cib.versions import Version
from hashell.model.alerts import AlertConfig
from hashell.model.cluster_options import ClusterOptions
from hashell.model.constraints import Constraint
from hashell.model.fencing_topology import FencingLevel
from hashell.model.nodes import NodeConfig
from hashell.model.resources import ResourceConfig


@dataclass(frozen=True, slots=True, eq=False)
class Configuration:
    """What is configured, at one moment (`now_s`, seconds since 1970).

    `nodes` are sorted by name; `resources` are the top ones in the order of the document, implied
    connections of guests after
    the rest; `by_id` has every ResourceConfig. `constraints` are in the order of the document, all
    kinds mixed.
    `templates` are the resources made from each template, `tags` the ids under each tag.
    `have_fencing` says that a fence device is configured (or a watchdog), `enable_unfencing` that
    some resource wants unfencing.
    `recheck_at` is the next moment at which a rule that was read can change, None for never.
    `problems` are complaints in Pacemaker's words.
    """

    version: Version
    feature_set: str
    now_s: float
    options: ClusterOptions
    nodes: tuple[NodeConfig, ...]
    resources: tuple[ResourceConfig, ...]
    by_id: Mapping[str, ResourceConfig]
    constraints: tuple[Constraint, ...] = ()
    templates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fencing_levels: tuple[FencingLevel, ...] = ()
    alerts: tuple[AlertConfig, ...] = ()
    has_quorum: bool = False
    have_fencing: bool = False
    enable_unfencing: bool = False
    have_remote_nodes: bool = False
    recheck_at: int | None = None
    problems: tuple[str, ...] = ()
