"""Cluster options: crm_config as typed fields.

Source: Pacemaker Explained, "Cluster options"; lib/pengine/unpack.c, unpack_config.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from msgspec import Struct, field

from hashell.model.nvpairs import Document
from hashell.model.options.cluster import OPTIONS
from hashell.model.options.row import Row
from hashell.values.booleans import is_true
from hashell.values.integers import leading_integer
from hashell.values.intervals import interval_ms, parse_interval_ms
from hashell.values.scores import INFINITY, parse_score


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


class ClusterOptions(Struct, frozen=True):
    """Typed options; times are milliseconds. What is unset or invalid has its default.

    `no_quorum_policy` is the effective one: `fence` falls back to `stop` where fencing is off or the cluster never
    had quorum. `have_fencing` is about the option have-watchdog alone; whether there is a fence device, see
    `Configuration.have_fencing`. `raw` holds what is written in the CIB, by name (the modern names), rules evaluated.
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


def read_cluster_options(document: Document, *, has_quorum: bool) -> ClusterOptions:
    """The options of the document's crm_config, for the moment; invalid ones count as unset and are complained of."""
    raw: dict[str, str] = {}
    parent = document.root.find("configuration/crm_config")
    document.unpack(
        document.sets(parent, "cluster_property_set"), document.known(), raw,
        first="cib-bootstrap-options",
    )
    return _options(raw, document, has_quorum=has_quorum)


def _options(raw: dict[str, str], document: Document, *, has_quorum: bool) -> ClusterOptions:
    texts = {row.name: _value(row, raw, document) for row in OPTIONS}

    def text(name: str) -> str:
        return texts[name] or ""

    def flag(name: str) -> bool:
        return is_true(texts[name])

    def duration(name: str) -> int:
        return interval_ms(texts[name])

    def number(name: str) -> int:
        return parse_score(texts[name])

    fencing_enabled = flag("fencing-enabled")
    strategy = HealthStrategy(text("node-health-strategy").lower())
    green, yellow, red = _health_scores(strategy, texts)
    return ClusterOptions(
        cluster_name=raw.get("cluster-name"),
        dc_version=text("dc-version"),
        cluster_infrastructure=text("cluster-infrastructure"),
        no_quorum_policy=_no_quorum_policy(
            text("no-quorum-policy").lower(), document,
            fencing_enabled=fencing_enabled, has_quorum=has_quorum,
        ),
        symmetric_cluster=flag("symmetric-cluster"),
        maintenance_mode=flag("maintenance-mode"),
        start_failure_is_fatal=flag("start-failure-is-fatal"),
        enable_startup_probes=flag("enable-startup-probes"),
        enable_acl=flag("enable-acl"),
        stop_all_resources=flag("stop-all-resources"),
        stop_removed_resources=flag("stop-removed-resources"),
        cancel_removed_actions=flag("cancel-removed-actions"),
        shutdown_lock=flag("shutdown-lock"),
        shutdown_lock_limit_ms=duration("shutdown-lock-limit") if flag("shutdown-lock") else 0,
        fencing_enabled=fencing_enabled,
        fencing_action=text("fencing-action"),
        fencing_reaction=text("fencing-reaction").lower(),
        fencing_timeout_ms=duration("fencing-timeout"),
        fencing_watchdog_timeout_ms=_watchdog_timeout(texts["fencing-watchdog-timeout"]),
        fencing_max_attempts=number("fencing-max-attempts"),
        fence_remote_without_quorum=flag("fence-remote-without-quorum"),
        concurrent_fencing=flag("concurrent-fencing"),
        startup_fencing=fencing_enabled and flag("startup-fencing"),
        priority_fencing_delay_ms=duration("priority-fencing-delay"),
        have_watchdog=flag("have-watchdog"),
        node_pending_timeout_ms=duration("node-pending-timeout"),
        cluster_delay_ms=duration("cluster-delay"),
        cluster_recheck_interval_ms=duration("cluster-recheck-interval"),
        dc_deadtime_ms=duration("dc-deadtime"),
        election_timeout_ms=duration("election-timeout"),
        shutdown_escalation_ms=duration("shutdown-escalation"),
        join_integration_timeout_ms=duration("join-integration-timeout"),
        join_finalization_timeout_ms=duration("join-finalization-timeout"),
        transition_delay_ms=duration("transition-delay"),
        load_threshold_percent=leading_integer(texts["load-threshold"]) or 0,
        node_action_limit=number("node-action-limit"),
        batch_limit=number("batch-limit"),
        migration_limit=number("migration-limit"),
        pe_error_series_max=number("pe-error-series-max"),
        pe_warn_series_max=number("pe-warn-series-max"),
        pe_input_series_max=number("pe-input-series-max"),
        node_health_strategy=strategy,
        node_health_base=number("node-health-base"),
        health_green=green,
        health_yellow=yellow,
        health_red=red,
        placement_strategy=PlacementStrategy(text("placement-strategy").lower()),
        raw=raw,
    )


def _value(row: Row, raw: dict[str, str], document: Document) -> str | None:
    """What is written under either name, if it fits, else the default."""
    value = raw.get(row.name)
    if value is None and row.old_name:
        value = raw.get(row.old_name)
        if value is not None:
            document.complain(
                f"Support for legacy name '{row.old_name}' for cluster option '{row.name}' is "
                "deprecated and will be removed in a future release"
            )
            if row.name == "fencing-action" and value == "poweroff":
                value = "off"
            raw[row.name] = value
    if value is None or row.fits(value):
        return row.default if value is None else value
    document.complain(
        f"Using default value for cluster option '{row.name}' because '{value}' is invalid"
    )
    return row.default


def _no_quorum_policy(
    text: str, document: Document, *, fencing_enabled: bool, has_quorum: bool
) -> NoQuorumPolicy:
    if text not in ("fence", "suicide"):
        return NoQuorumPolicy(text)
    if not fencing_enabled:
        document.complain("Resetting no-quorum-policy to 'stop' because fencing is disabled")
        return NoQuorumPolicy.STOP
    if has_quorum or (leading_integer(document.root.get("no-quorum-panic")) or 0):
        return NoQuorumPolicy.FENCE
    return NoQuorumPolicy.STOP  # a cluster that never had quorum would fence itself away


def _health_scores(
    strategy: HealthStrategy, texts: Mapping[str, str | None]
) -> tuple[int, int, int]:
    """What green, yellow and red are worth. Source: lib/pengine/pe_health.c."""
    if strategy is HealthStrategy.NONE:
        return 0, 0, 0
    if strategy is HealthStrategy.MIGRATE_ON_RED:
        return 0, 0, RED
    if strategy is HealthStrategy.ONLY_GREEN:
        return 0, RED, RED
    return (
        parse_score(texts["node-health-green"]),
        parse_score(texts["node-health-yellow"]),
        parse_score(texts["node-health-red"]),
    )


def _watchdog_timeout(text: str | None) -> int:
    """Milliseconds; -1 (find out) for anything that is no time."""
    value = parse_interval_ms(text)
    return -1 if value is None else value
