"""What probes did not find is held as ids: nothing that is read or decided may depend on that."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from hashell.cib.document import Cib, parse_xml
from hashell.simulate.run import decide
from hashell.state.cluster_state import read_cluster_state
from hashell.state.history import Plain, _target_rc, read_node_history
from hashell.testing.clusters import NOW_S, UP, Cluster, clone, group, operation, primitive
from hashell.transition.xml import graph_to_xml
from hashell.values.outcomes import OcfCode

UUID = "2668bbeb-0000-0000-0000-000000000000"
NODES = ("node1", "node2", "node3")
RESOURCES = ("web", "db", "one", "two", "every", "gone")
CONFIGURED = "".join((
    primitive("web", operation("web", "monitor", "10s", on_fail="stop")),
    primitive("db", failure_timeout="60s", allow_migrate="true", target_role="Started"),
    group("both", primitive("one", operation("one", "stop", on_fail="block")), primitive("two")),
    clone("all", primitive("every")),
))


def entry(resource: str, node: str, what: tuple[str, int, int, str], call: int) -> str:
    task, interval, rc, suffix = what
    expected = 7 if task == "monitor" and interval == 0 else 0
    status = 0 if rc in (expected, 0) else 4
    more = ' migrate_source="node1" migrate_target="node2"' if task.startswith("migrate") else ""
    return (
        f'<lrm_rsc_op id="{resource}_{suffix}" operation="{task}" operation_key="{resource}_{task}_{interval}"'
        f' interval="{interval}" call-id="{call}" rc-code="{rc}" op-status="{status}" on_node="{node}"{more}'
        f' last-rc-change="{NOW_S - 100 + call}" transition-key="1:1:{expected}:{UUID}"'
        f' transition-magic="{status}:{rc};1:1:{expected}:{UUID}"/>'
    )


ABSENT = ("monitor", 0, 7, "last_0")
ENTRIES = st.sampled_from((
    (ABSENT,), (ABSENT,), (ABSENT,), (("monitor", 0, 7, "last_failure_0"),), (("start", 0, 0, "last_0"),),
    (("start", 0, 0, "last_0"), ("monitor", 10000, 1, "last_failure_0")), (("stop", 0, 1, "last_failure_0"),),
    (("migrate_to", 0, 0, "migrate_to_0"),), (("migrate_from", 0, 1, "last_failure_0"),), (("stop", 0, 0, "last_0"),),
    (("start", 0, 1, "last_failure_0"),), (("monitor", 0, 0, "last_0"),), (("monitor", 0, 5, "last_failure_0"),), (),
))
#: What stands in the lrm_resource of a primitive beside its id: two ways to name the agent it has, and others.
AGENT = 'class="ocf" provider="heartbeat" type="Dummy"'
AGENTS = (
    AGENT, AGENT, AGENT, 'type="Dummy" class="ocf" provider="heartbeat"', AGENT.replace("Dummy", "Other"),
    'class="heartbeat" provider="ocf" type="Dummy"', 'provider="ocf" class="heartbeat" type="Dummy"',
    'class="ocf" type="Dummy"', AGENT + ' container="web"', AGENT + ' shutdown-lock="1"',
)
HISTORIES = st.fixed_dictionaries({
    (node, resource): st.none() | st.tuples(ENTRIES, st.sampled_from(AGENTS))
    for node in NODES for resource in RESOURCES
})


def cluster(histories, failed: str | None, shuffled: bool) -> Cib:
    states = []
    for number, node in enumerate(NODES):
        names = sorted(RESOURCES, reverse=shuffled)
        lines = "".join(
            f'<lrm_resource id="{name}" {found[1]}>'
            + "".join(entry(name, node, what, 1 + call) for call, what in enumerate(found[0])) + "</lrm_resource>"
            for name in names if (found := histories[node, name]) is not None
        )
        counts = "" if failed is None or number else (
            f'<transient_attributes id="1"><instance_attributes id="t"><nvpair id="t-1" '
            f'name="fail-count-{failed}#monitor_0" value="1"/><nvpair id="t-2" name="last-failure-{failed}#monitor_0"'
            f' value="{NOW_S - 600}"/></instance_attributes></transient_attributes>'
        )
        states.append(
            f'<node_state id="{number + 1}" uname="{node}" {UP}>{counts}<lrm id="{number + 1}"><lrm_resources>{lines}'
            "</lrm_resources></lrm></node_state>"
        )
    return Cluster(CONFIGURED, status="".join(states)).cib()


@settings(max_examples=60, deadline=None)
@given(HISTORIES, st.none() | st.sampled_from(RESOURCES), st.booleans())
def test_what_is_held_as_ids_means_the_same_as_when_it_is_read_at_length(histories, failed, shuffled):
    cib = cluster(histories, failed, shuffled)
    short = decide(cib, NOW_S)
    with patch("hashell.state.reader._agents", return_value={}):
        long = decide(cib, NOW_S)

    assert graph_to_xml(short.graph) == graph_to_xml(long.graph)
    assert short.summary == long.summary
    assert short.state.problems == long.state.problems
    assert short.recheck_at == long.recheck_at
    for ident, resource in short.state.by_id.items():
        other = long.state.by_id[ident]
        assert (resource.role, resource.next_role, resource.active_on) == (other.role, other.next_role, other.active_on)
        assert [node.knows(resource) for node in short.state.nodes.values()] == [
            node.knows(other) for node in long.state.nodes.values()
        ]


def test_a_plain_resource_that_was_not_found_is_held_as_its_id():
    nothing = dict.fromkeys((node, name) for node in NODES for name in RESOURCES)
    other = AGENT.replace("Dummy", "Other")
    histories = {**nothing, ("node2", "web"): ((ABSENT,), AGENT), ("node2", "db"): ((ABSENT,), other)}

    _, second, _ = read_cluster_state(cluster(histories, None, shuffled=False), NOW_S).history

    assert second.quiet == {"web"}
    assert [found.id for found in second.told] == ["db"]
    assert [found.id for found in second.resources] == ["db", "web"]


def test_every_node_is_asked_anew_whether_it_means_the_agent_that_another_meant():
    nothing = dict.fromkeys((node, name) for node in NODES for name in RESOURCES)
    swapped = 'class="heartbeat" provider="ocf" type="Dummy"'
    histories = {
        **nothing, ("node1", "web"): ((ABSENT,), AGENT), ("node2", "web"): ((ABSENT,), AGENT),
        ("node3", "web"): ((ABSENT,), 'provider="heartbeat" type="Dummy" class="ocf"'),
        ("node1", "db"): ((ABSENT,), AGENT), ("node2", "db"): ((ABSENT,), swapped),
        ("node3", "db"): ((ABSENT,), 'provider="ocf" class="heartbeat" type="Dummy"'),
    }

    first, second, third = read_cluster_state(cluster(histories, None, shuffled=False), NOW_S).history

    assert (first.quiet, second.quiet, third.quiet) == ({"web", "db"}, {"web"}, {"web"})


@given(st.from_regex(r"-?[0-9]{0,2}:-?[0-9]{0,2}:-?[0-9]{0,10}:?\n?x?", fullmatch=True) | st.sampled_from((
    "1:1:7:u", "1:1:07:u", "-1:1:000000007:u", "1:1:0000000007:u", "1:1:77:u", "7:7:0:u", ":1:7:u", "1:1:-7:u", "",
)))
def test_a_probe_expected_nothing_exactly_where_its_key_is_read_as_seven(key):
    element = parse_xml(entry("web", "node1", ABSENT, 1))
    element.set("transition-key", key)
    state = parse_xml(f'<node_state id="1" uname="node1"><lrm><lrm_resources><lrm_resource id="web" {AGENT}/>'
                      "</lrm_resources></lrm></node_state>")
    state[0][0][0].append(element)
    plain = Plain({"web": ("web", ("Dummy", "ocf", "heartbeat"))}, {})

    history = read_node_history("1", state, plain)

    assert ("web" in history.quiet) is (_target_rc(key) == OcfCode.NOT_RUNNING)
