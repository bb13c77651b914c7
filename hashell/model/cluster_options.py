"""Cluster options: crm_config as typed fields.

Source: Pacemaker Explained, "Cluster options"; lib/pengine/unpack.c, unpack_config.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from hashell.values.scores import INFINITY


class NoQuorumPolicy(enum.StrEnum):
    """What happens to resources while the partition has no quorum."""

    STOP = "stop"
    FREEZE = "freeze"
    IGNORE = "ignore"
    DEMOTE = "demote"
    FENCE = "fence"


class PlacementStrategy(enum.StrEnum):
    DEFAULT = "default"
    UTILIZATION = "utilization"
    MINIMAL = "minimal"
    BALANCED = "balanced"


class HealthStrategy(enum.StrEnum):
    NONE = "none"
    MIGRATE_ON_RED = "migrate-on-red"
    ONLY_GREEN = "only-green"
    PROGRESSIVE = "progressive"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """Typed options; times are milliseconds. What is unset or invalid has its default.

    `no_quorum_policy` is the effective one: `fence` falls back to `stop` where fencing is off or
    the cluster never had
    quorum. `have_fencing` is about the option have-watchdog alone; whether there is a fence device,
    see
    `Configuration.have_fencing`. `raw` holds what is written in the CIB, by name (the modern
    names), rules evaluated.
    """

    cluster_name: str | None = None
    dc_version: str = ""
    cluster_infrastructure: str = ""
    no_quorum_policy: NoQuorumPolicy = NoQuorumPolicy.STOP
    symmetric_cluster: bool = True
    maintenance_mode: bool = False
    start_failure_is_fatal: bool = True
    enable_startup_probes: bool = True
    enable_acl: bool = False
    stop_all_resources: bool = False
    stop_removed_resources: bool = True
    cancel_removed_actions: bool = True
    shutdown_lock: bool = False
    shutdown_lock_limit_ms: int = 0
    fencing_enabled: bool = True
    fencing_action: str = "reboot"
    fencing_reaction: str = "stop"
    fencing_timeout_ms: int = 60_000
    fencing_watchdog_timeout_ms: int = 0
    fencing_max_attempts: int = 10
    fence_remote_without_quorum: bool = False
    concurrent_fencing: bool = False
    startup_fencing: bool = True
    priority_fencing_delay_ms: int = 0
    have_watchdog: bool = False
    node_pending_timeout_ms: int = 0
    cluster_delay_ms: int = 60_000
    cluster_recheck_interval_ms: int = 900_000
    dc_deadtime_ms: int = 20_000
    election_timeout_ms: int = 120_000
    shutdown_escalation_ms: int = 1_200_000
    join_integration_timeout_ms: int = 180_000
    join_finalization_timeout_ms: int = 1_800_000
    transition_delay_ms: int = 0
    load_threshold_percent: int = 80
    node_action_limit: int = 0
    batch_limit: int = 0
    migration_limit: int = -1
    pe_error_series_max: int = -1
    pe_warn_series_max: int = 5000
    pe_input_series_max: int = 4000
    node_health_strategy: HealthStrategy = HealthStrategy.NONE
    node_health_base: int = 0
    health_green: int = 0
    """Points that "green" is worth under the strategy; likewise yellow and red."""
    health_yellow: int = 0
    health_red: int = 0
    placement_strategy: PlacementStrategy = PlacementStrategy.DEFAULT
    raw: Mapping[str, str] = field(default_factory=dict)


#: What red is worth where no strategy says otherwise (migrate-on-red, only-green).
RED = -INFINITY
