"""Operations: recurring ones, cancelled ones, changed definitions, live migration, notifications, orphans."""

from __future__ import annotations

from hashell.cib.digest import operation_digest
from hashell.testing.cases import Case
from hashell.testing.clusters import Cluster, clone, operation, pairs, primitive

TWO_NODES = ("node1", "node2")
WATCHED = primitive("a", operation("a", "monitor", "10s"))
BY_ROLE = primitive(
    "p", operation("p", "monitor", "10s", role="Promoted") + operation("p", "monitor", "20s", role="Unpromoted"),
    agent="Stateful",
).replace("</operations><operations>", "")
MOVING = Cluster(primitive("a", operation("a", "monitor", "10s"), allow_migrate="true"), nodes=TWO_NODES).settled()
AWAY = {"node1": {"standby": "on"}}


def with_parameter(value, words=""):
    return primitive("a", pairs("instance_attributes", "i", {"x": value}) + operation("a", "monitor", "10s") + words)


def changed(**recorded):
    """A resource with one parameter that is another now; what its start recorded besides the digest."""
    words = " ".join(f'{name.replace("_", "-")}="{value}"' for name, value in recorded.items())
    settled = Cluster(with_parameter("1"), nodes=TWO_NODES).settled()
    key = 'operation_key="a_start_0"'
    return settled.with_status(key, f"{key} {words}").but(resources=with_parameter("2"))


def half_migrated(came):
    """A resource that left the first node alive; `came` says whether the second node took it."""
    going = (
        '<lrm_rsc_op id="a_last_0" operation_key="a_migrate_to_0" operation="migrate_to" call-id="5" rc-code="0" '
        'op-status="0" interval="0" migrate_source="node1" migrate_target="node2" crm_feature_set="3.16.0" '
        'transition-key="1:1:0:x" transition-magic="0:0;1:1:0:x" on_node="node1" last-rc-change="1704067100"/>'
    )
    coming = (
        f'<lrm_rsc_op id="a_last_0" operation_key="a_migrate_from_0" operation="migrate_from" call-id="5" '
        f'rc-code="{0 if came else 1}" op-status="0" interval="0" migrate_source="node1" migrate_target="node2" '
        f'crm_feature_set="3.16.0" transition-key="2:1:0:x" transition-magic="0:{0 if came else 1};2:1:0:x" '
        'on_node="node2" last-rc-change="1704067101"/>'
    )
    status = "".join(
        f'<node_state id="{number}" uname="node{number}" in_ccm="true" crmd="online" join="member" expected="member">'
        f'<lrm id="{number}"><lrm_resources><lrm_resource id="a" class="ocf" provider="heartbeat" type="Dummy">{entry}'
        "</lrm_resource></lrm_resources></lrm></node_state>"
        for number, entry in ((1, going), (2, coming))
    )
    return Cluster(primitive("a", allow_migrate="true"), nodes=TWO_NODES, status=status)


CASES = (
    Case(
        "a monitor begins once the resource is started", ("recurring per role",), Cluster(WATCHED, nodes=("node1",)),
        does=["Resource action: a start on node1", "Resource action: a monitor=10000 on node1"],
    ),
    Case(
        "each role has its own monitor", ("recurring per role",),
        Cluster(clone("k", BY_ROLE, promotable="true"), nodes=TWO_NODES).settled()
        .with_attribute("node1", "master-p", "5"),
        does=["Resource action: p cancel=20000 on node1", "Resource action: p promote on node1",
              "Resource action: p monitor=10000 on node1"],
        never=["monitor=10000 on node2"],
    ),
    Case(
        "a monitor of stopped resources watches where they are not", ("recurring per role",),
        Cluster(primitive("a", operation("a", "monitor", "10s", role="Stopped")), nodes=TWO_NODES),
        does=["Resource action: a start on node1"], shows=["Started node1"],
    ),
    Case(
        "a monitor that is not configured any more is cancelled", ("cancel",),
        Cluster(WATCHED, nodes=("node1",)).settled().but(resources=primitive("a")),
        [], does=["Resource action: a cancel=10000 on node1"],
    ),
    Case(
        "another interval cancels one monitor and begins another", ("cancel",),
        Cluster(WATCHED, nodes=("node1",)).settled().but(
            resources=primitive("a", operation("a", "monitor", "20s"))),
        [], does=["Resource action: a monitor=20000 on node1", "Resource action: a cancel=10000 on node1"],
    ),
    Case(
        "a disabled monitor does not begin", ("disabled operation",),
        Cluster(primitive("a", operation("a", "monitor", "10s", enabled="false")), nodes=("node1",)),
        ["Start a ( node1 )"], never=["monitor=10000"],
    ),
    Case(
        "a monitor that is disabled while it runs is cancelled", ("disabled operation", "cancel"),
        Cluster(WATCHED, nodes=("node1",)).settled().but(
            resources=primitive("a", operation("a", "monitor", "10s", enabled="false"))),
        [], does=["Resource action: a cancel=10000 on node1"],
    ),
    Case(
        "a monitor that is to begin at an hour is planned all the same", ("interval-origin",),
        Cluster(primitive("a", operation("a", "monitor", "1h", interval_origin="2024-01-01T00:30:00Z")),
                nodes=("node1",)),
        ["Start a ( node1 )"], does=["Resource action: a monitor=3600000 on node1"],
        graph=['CRM_meta_start_delay="1800000"'],
    ),
    Case(
        "other parameters restart a resource", ("definition change: restart", "digests"), changed(),
        ["Restart a ( node1 ) due to resource definition change"],
        does=["Resource action: a stop on node1", "Resource action: a start on node1",
              "Resource action: a monitor=10000 on node1"],
    ),
    Case(
        "parameters that can be reloaded reload", ("definition change: reload", "definition change: reload-agent",
                                                   "digests"),
        changed(op_force_restart=" y ", op_restart_digest=operation_digest({})),
        ["Reload a ( node1 )"], does=["Resource action: a reload-agent on node1"], never=["a stop"],
    ),
    Case(
        "a parameter among those that force a restart restarts", ("definition change: restart", "digests"),
        changed(op_force_restart=" x ", op_restart_digest=operation_digest({"x": "1"})),
        ["Restart a ( node1 ) due to resource definition change"],
    ),
    Case(
        "the same parameters change nothing", ("digests",), Cluster(with_parameter("1"), nodes=TWO_NODES).settled(), [],
    ),
    Case(
        "what may migrate moves alive", ("live migration",), MOVING.but(attributes=AWAY),
        ["Migrate a ( node1 -> node2 )"],
        does=["Resource action: a migrate_to on node1", "Resource action: a migrate_from on node2",
              "Resource action: a stop on node1", "Resource action: a monitor=10000 on node2"],
    ),
    Case(
        "what may not migrate stops and starts", ("live migration",),
        Cluster(WATCHED, nodes=TWO_NODES).settled().but(attributes=AWAY),
        ["Move a ( node1 -> node2 )"], does=["Resource action: a stop on node1", "Resource action: a start on node2"],
        never=["migrate"],
    ),
    Case(
        "after a migration that arrived, what is left at its source is stopped", ("half-done migration",),
        half_migrated(came=True), does=["Resource action: a stop on node1"],
        shows=["a (ocf:heartbeat:Dummy): Started node2"],
    ),
    Case(
        "a migration that failed on arrival stops on both nodes first", ("half-done migration",),
        half_migrated(came=False),
        shows=["a (ocf:heartbeat:Dummy): Started"],
    ),
    Case(
        "notifications surround the steps of a clone", ("notifications",),
        Cluster(clone("k", primitive("a"), notify="true"), nodes=TWO_NODES).settled().but(
            attributes={"node2": {"standby": "on"}}),
        does=["Pseudo action: k_pre_notify_stop_0", "Resource action: a notify on node1",
              "Pseudo action: k_confirmed-pre_notify_stop_0", "Pseudo action: k_stop_0",
              "Resource action: a stop on node2", "Pseudo action: k_post_notify_stopped_0",
              "Resource action: a notify on node1", "Pseudo action: k_confirmed-post_notify_stopped_0"],
    ),
    Case(
        "without being asked a clone is told nothing", ("notifications",),
        Cluster(clone("k", primitive("a")), nodes=TWO_NODES).settled().but(attributes={"node2": {"standby": "on"}}),
        does=["Resource action: a stop on node2"], never=["notify"],
    ),
    Case(
        "a resource that is not configured any more is stopped and forgotten", ("orphans", "removal of orphans"),
        Cluster(WATCHED + primitive("b"), nodes=TWO_NODES).settled().but(resources=primitive("b")),
        ["Stop a ( node1 ) due to node availability"],
        does=["Resource action: a stop on node1"],
    ),
    Case(
        "a resource that is not configured any more may be left running", ("orphans",),
        Cluster(WATCHED + primitive("b"), nodes=TWO_NODES, options={"stop_orphan_resources": "false"}).settled().but(
            resources=primitive("b")),
        [], never=["a stop"],
    ),
    Case(
        "batch-limit goes with the graph and bounds nothing of what is decided", ("batch limit",),
        Cluster(clone("k", primitive("a")), options={"batch_limit": "7"}), graph=['batch-limit="7"'],
        changes=["Start a:0 ( node1 )", "Start a:1 ( node2 )", "Start a:2 ( node3 )"],
    ),
    Case(
        "target-role stops what runs", ("primitive",),
        Cluster(primitive("a"), nodes=TWO_NODES).settled().but(resources=primitive("a", target_role="Stopped")),
        ["Stop a ( node1 ) due to node availability"],
    ),
)
