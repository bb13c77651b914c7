"""Failures: thresholds, time-outs, every value of on-fail, fail counts, stops that fail."""

from __future__ import annotations

from lxml import etree

from hashell.simulate.run import FailureWish, walk
from hashell.testing.cases import Case
from hashell.testing.clusters import Cluster, clone, device, group, operation, primitive

TWO_NODES = ("node1", "node2")
FENCED = {"fencing_enabled": "true"}
FAILS = ("-i", "a_monitor_10000@node1=1")


def watched(**words):
    """A resource whose monitor, every ten seconds, has some more settings."""
    return primitive("a", operation("a", "monitor", "10s", **words))


def failing(on_fail, **more):
    """One that runs on the first of two nodes, with fencing."""
    return Cluster(device() + watched(on_fail=on_fail), options=FENCED, nodes=TWO_NODES,
                   constraints='<rsc_location id="l" rsc="a" node="node1" score="1"/>').settled().but(**more)


def counted(value, **meta):
    """A resource that has failed so many times on the first node."""
    cluster = Cluster(primitive("a", operation("a", "monitor", "10s"), **meta), nodes=TWO_NODES).settled()
    return cluster.with_attribute("node1", "fail-count-a#monitor_10000", value).with_attribute(
        "node1", "last-failure-a#monitor_10000", "1704067100",
    )


def after_failure(cluster, what):
    """The cluster once its transition has been walked, and one operation in it has failed."""
    result = walk(cluster.decide(), [FailureWish(what)], cluster.now_s - 100)
    return cluster.but(status="".join(etree.tostring(one, encoding="unicode") for one in result.cib.status))


CASES = (
    Case(
        "a resource that has failed too often moves away", ("migration-threshold", "fail counts"),
        counted("3", migration_threshold="3"), ["Move a ( node1 -> node2 )"],
        scores={("a", "node1"): "-INFINITY"},
    ),
    Case(
        "below the threshold it stays", ("migration-threshold", "fail counts"),
        counted("2", migration_threshold="3"), [], scores={("a", "node2"): "0"},
    ),
    Case(
        "failures of all operations are added up", ("fail counts", "migration-threshold"),
        counted("2", migration_threshold="3").with_attribute("node1", "fail-count-a#start_0", "1"),
        ["Move a ( node1 -> node2 )"],
    ),
    Case(
        "failures of another resource do not count", ("fail counts",),
        counted("1", migration_threshold="2").with_attribute("node1", "fail-count-b#monitor_10000", "5"), [],
    ),
    Case(
        "failures that are older than the time-out do not count", ("failure-timeout",),
        counted("3", migration_threshold="3", failure_timeout="60s"), [], argv=("-t", "2024-01-01T00:10:00Z"),
    ),
    Case(
        "failures that are younger than the time-out count", ("failure-timeout",),
        counted("3", migration_threshold="3", failure_timeout="1h"), ["Move a ( node1 -> node2 )"],
        argv=("-t", "2024-01-01T00:10:00Z"),
    ),
    Case(
        "ignored, a failure changes nothing", ("on-fail: ignore",), failing("ignore"), [], argv=FAILS,
    ),
    Case(
        "restarted, a failed resource recovers where it is", ("on-fail: restart",), failing("restart"),
        ["Recover a ( node1 )"], argv=FAILS,
        does=["Resource action: a stop on node1", "Resource action: a start on node1",
              "Resource action: a monitor=10000 on node1"],
    ),
    Case(
        "stopped, a failed resource stays down", ("on-fail: stop",), failing("stop"),
        ["Stop a ( node1 ) due to node availability"], argv=FAILS, never=["a start"],
    ),
    Case(
        "blocked, a failed resource is left as it is", ("on-fail: block", "blocked"), failing("block"),
        [], argv=FAILS, never=["a st"], shows=["a (ocf:heartbeat:Dummy): FAILED node1 (blocked)"],
    ),
    Case(
        "in standby, a failed resource's node is left by all", ("on-fail: standby",), failing("standby"),
        argv=FAILS, does=["Resource action: a stop on node1", "Resource action: a start on node2"],
    ),
    Case(
        "fenced, a failed resource's node goes first", ("on-fail: fence", "fencing"), failing("fence"),
        argv=FAILS, does=["Fencing node1 (reboot)", "Pseudo action: a_stop_0", "Resource action: a start on node2"],
    ),
    Case(
        "demoted, a failed promoted instance stays as an unpromoted one", ("on-fail: demote",),
        Cluster(
            clone("k", primitive("a", operation("a", "monitor", "10s", role="Promoted", on_fail="demote")),
                  promotable="true"), nodes=TWO_NODES,
        ).settled().with_attribute("node1", "master-a", "5").settled(),
        ["Re-promote a:0 ( Promoted node1 )"], argv=FAILS,
        does=["Resource action: a demote on node1", "Resource action: a promote on node1"], never=["a stop"],
    ),
    Case(
        "a guest whose connection fails restarts with its container", ("on-fail: restart-container", "guest node"),
        Cluster(primitive("vm", operation("vm", "monitor", "10s"), remote_node="guest"), nodes=TWO_NODES).settled(),
        argv=("-i", "guest_monitor_10000@node1=1"),
        does=["Resource action: guest stop on node1", "Resource action: vm stop on node1",
              "Resource action: vm start on node1", "Resource action: guest start on node1"],
    ),
    Case(
        "a failed start sends a resource elsewhere at once", ("start-failure-is-fatal",),
        after_failure(Cluster(primitive("a"), nodes=TWO_NODES), "a_start_0@node1=1"),
        ["Recover a ( node1 -> node2 )"], scores={("a", "node1"): "-INFINITY"},
        does=["Resource action: a stop on node1", "Resource action: a start on node2"],
    ),
    Case(
        "where starts may be tried again, a failed one is", ("start-failure-is-fatal",),
        after_failure(
            Cluster(primitive("a"), nodes=TWO_NODES, options={"start_failure_is_fatal": "false"}), "a_start_0@node1=1",
        ),
        does=["Resource action: a stop on node1", "Resource action: a start on node1"],
    ),
    Case(
        "a stop that fails is ended by fencing", ("stop failure with fencing", "fencing"),
        failing("restart"), argv=("-i", "a_stop_0@node1=1"),
        does=["Fencing node1 (reboot)", "Pseudo action: a_stop_0", "Resource action: a start on node2"],
    ),
    Case(
        "a stop that fails without fencing blocks the resource", ("stop failure without fencing", "blocked"),
        Cluster(primitive("a"), nodes=TWO_NODES).settled(), [], argv=("-i", "a_stop_0@node1=1"), never=["a st"],
        shows=["a (ocf:heartbeat:Dummy): FAILED node1 (blocked)"],
    ),
    Case(
        "a stop that fails in the simulation is dealt with in the next one", ("stop failure without fencing",),
        Cluster(primitive("a"), nodes=TWO_NODES).settled().but(attributes={"node1": {"standby": "on"}}),
        argv=("-F", "a_stop_0@node1=1"), never=["a start"], shows=["FAILED node1 (blocked)"],
    ),
    Case(
        "what failed in a group restarts what stands behind it", ("on-fail: restart", "group"),
        Cluster(group("g", primitive("z"), watched(), primitive("b")), nodes=TWO_NODES).settled(),
        ["Recover a ( node1 )", "Restart b ( node1 ) due to required a start"], argv=FAILS,
        does=["Resource action: b stop on node1", "Resource action: a stop on node1",
              "Resource action: a start on node1", "Resource action: b start on node1"],
    ),
    Case(
        "a probe that fails stops and starts", ("failed probe", "probe"),
        Cluster(primitive("a"), nodes=TWO_NODES), argv=("-i", "a_monitor_0@node2=1"),
        does=["Resource action: a stop on node2"], shows=["Started"],
    ),
    Case(
        "a probe that finds the agent missing keeps the resource off the node", ("failed probe", "probe"),
        Cluster(primitive("a"), nodes=TWO_NODES), ["Start a ( node2 )"], argv=("-i", "a_monitor_0@node1=5"),
        scores={("a", "node1"): "-INFINITY"},
    ),
    Case(
        "a probe that finds it running leaves it there", ("probe",),
        Cluster(primitive("a"), nodes=TWO_NODES, constraints='<rsc_location id="l" rsc="a" node="node2" score="5"/>')
        .settled().but(constraints="").with_status('operation="start"', 'operation="monitor"')
        .with_status('"a_start_0"', '"a_monitor_0"'),
        [], shows=["a (ocf:heartbeat:Dummy): Started node2"],
    ),
)
