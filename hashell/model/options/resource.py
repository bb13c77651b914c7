"""Resource options: meta-attributes of primitives, groups, clones and bundles.

Source: Pacemaker Explained, "Resource meta-attributes", "Clone options"; lib/common/options.c.
"""

from __future__ import annotations

from hashell.model.options.row import OptionType, Row, by_name

_BOOLEAN, _DURATION, _INTEGER = OptionType.BOOLEAN, OptionType.DURATION, OptionType.INTEGER
_SCORE, _SELECT, _STRING = OptionType.SCORE, OptionType.SELECT, OptionType.STRING

#: What any resource can have.
META: tuple[Row, ...] = (
    Row("priority", _SCORE, "0",
        "If not all can be active, those of lower priority are stopped first"),
    Row("critical", _BOOLEAN, "true",
        "Default of influence in its colocations: whether others move with it when it fails"),
    Row("target-role", _SELECT, "Started", "The role that it may have at most",
        ("stopped", "started", "unpromoted", "promoted", "slave", "master")),
    Row("is-managed", _BOOLEAN, "true", "Whether the cluster may start and stop it"),
    Row("maintenance", _BOOLEAN, "false",
        "Whether to leave it alone altogether, monitors included"),
    Row("resource-stickiness", _SCORE, None,
        "How much it prefers the node where it is (1 for clones, else 0)"),
    Row("requires", _SELECT, None,
        "What must be there before it may start; default by fencing options",
        ("nothing", "quorum", "fencing", "unfencing")),
    Row("migration-threshold", _SCORE, "INFINITY",
        "After so many failures it is banned from the node (0: never)"),
    Row("failure-timeout", _DURATION, "0", "Failures are forgotten after this (0: never)"),
    Row("multiple-active", _SELECT, "stop_start", "What to do when it is active in too many places",
        ("block", "stop_only", "stop_start", "stop_unexpected")),
    Row("allow-migrate", _BOOLEAN, None,
        "Whether to move it live (true for remote connections, else false)"),
    Row("allow-unhealthy-nodes", _BOOLEAN, "false", "Whether bad node health does not matter"),
    Row("container-attribute-target", _STRING, None,
        "host: look at node attributes of the container's host"),
    Row("remote-node", _STRING, None, "Name of the guest node that this resource launches"),
    Row("remote-addr", _STRING, None, "Address of that guest (default: its name)"),
    Row("remote-port", OptionType.PORT, "3121", "Port of that guest"),
    Row("remote-connect-timeout", OptionType.TIMEOUT, "60s",
        "How long connecting to that guest may take"),
    Row("remote-allow-migrate", _BOOLEAN, "true", "allow-migrate of the connection to that guest"),
)

#: What clones have besides.
CLONE: tuple[Row, ...] = (
    Row("clone-max", _INTEGER, None, "How many instances (default: one a node)"),
    Row("clone-node-max", _INTEGER, "1", "How many instances on one node"),
    Row("clone-min", _INTEGER, "0",
        "How many instances must run before what is ordered after may start"),
    Row("globally-unique", _BOOLEAN, None,
        "Whether instances differ from each other (default: if clone-node-max is above 1)"),
    Row("promotable", _BOOLEAN, "false", "Whether instances can be promoted"),
    Row("promoted-max", _INTEGER, "1", "How many are promoted", old_name="master-max"),
    Row("promoted-node-max", _INTEGER, "1", "How many are promoted on one node",
        old_name="master-node-max"),
    Row("notify", _BOOLEAN, "false", "Whether instances are told before and after actions"),
    Row("ordered", _BOOLEAN, "false", "Whether instances start one after another"),
    Row("interleave", _BOOLEAN, "false",
        "Whether orders between clones count instance by instance"),
)

#: What groups have besides (both deprecated: use a resource set).
GROUP: tuple[Row, ...] = (
    Row("ordered", _BOOLEAN, "true", "Whether members start one after another", deprecated=True),
    Row("collocated", _BOOLEAN, "true", "Whether members run together", deprecated=True),
)

BY_NAME = by_name((*META, *CLONE))

#: Agent standards, and what resources of each can do. Source: lib/common/agents.c.
CAN_BE_UNIQUE = frozenset({"ocf", "stonith"})
CAN_BE_PROMOTED = frozenset({"ocf"})
HAS_FENCE_PARAMETERS = frozenset({"stonith"})
