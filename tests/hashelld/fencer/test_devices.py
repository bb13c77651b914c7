"""Fence devices and topology as the CIB has them."""

from __future__ import annotations

import pytest

from hashell.cib.document import Cib
from hashelld.core.events import View
from hashelld.fencer import topology, watchdog
from hashelld.fencer.devices import Ability, Device, devices, executors, running_on
from hashelld.fencer.history import ROWS_MAX, Row, add, decode, encode, forget, merge, pending, settle


def cib(resources="", topology_xml="", constraints="", nodes="", status=""):
    return Cib.parse(
        f'<cib epoch="1"><configuration><crm_config/><nodes>{nodes}</nodes><resources>{resources}</resources>'
        f"<constraints>{constraints}</constraints><fencing-topology>{topology_xml}</fencing-topology>"
        f"</configuration><status>{status}</status></cib>"
    )


def device(name, **parameters):
    pairs = "".join(f'<nvpair id="{name}-{k}" name="{k}" value="{v}"/>' for k, v in parameters.items())
    return (
        f'<primitive id="{name}" class="stonith" type="fence_x"><instance_attributes id="{name}-i">{pairs}'
        "</instance_attributes></primitive>"
    )


def test_devices_are_read_with_template_meta_and_bans():
    found = devices(cib(
        '<template id="t" class="stonith" type="fence_t"><instance_attributes id="ti"><nvpair id="t1" name="ip"'
        ' value="1"/><nvpair id="t2" name="login" value="base"/></instance_attributes></template>'
        '<primitive id="a" template="t"><instance_attributes id="ai"><nvpair id="a2" name="login" value="own"/>'
        '</instance_attributes><meta_attributes id="am"><nvpair id="a3" name="priority" value="5"/>'
        '<nvpair id="a4" name="target-role" value="Stopped"/></meta_attributes></primitive>'
        '<primitive id="web" class="ocf" provider="heartbeat" type="apache"/>' + device("b", pcmk_host_list="n1"),
        constraints='<rsc_location id="l" rsc="b" node="n2" score="-INFINITY"/>',
    ))
    assert list(found) == ["a", "b"]
    assert (found["a"].agent.type, found["a"].parameters) == ("fence_t", {"login": "own", "ip": "1"})
    assert (found["a"].priority, found["a"].enabled) == (5, False)
    assert found["b"].banned == {"n2"}
    assert found["b"].lists("n1") and not found["b"].lists("n2")


def test_a_device_runs_best_where_it_is_watched_and_never_on_its_target():
    one = devices(cib(device("a")))["a"]
    members = ["n1", "n2", "n3"]
    assert executors(one, "off", "n1", "n2", members, ["n3"]) == ("n3", "n2")
    assert executors(one, "off", "n3", "n2", members, ["n3"]) == ("n2", "n1")
    assert executors(one, "off", "n1", "n1", ["n1"], []) == ("n1",)


def test_where_a_device_runs_is_read_from_the_history():
    entry = '<lrm_rsc_op id="a_last_0" operation="{0}" rc-code="0"/>'
    state = (
        '<node_state id="{0}" uname="n{0}"><lrm id="{0}"><lrm_resources><lrm_resource id="a">{1}</lrm_resource>'
        "</lrm_resources></lrm></node_state>"
    )
    found = cib(status=state.format(1, entry.format("start")) + state.format(2, entry.format("stop")))
    assert running_on(found, "a") == ("n1",)


@pytest.mark.parametrize(("base", "target", "expected"), [
    ("5", "n1", 5000), ("n1:5;n2:10s", "n2", 10_000), ("n1:5 n2:10s", "n1", 5000), ("n1:5", "n3", 0), ("", "n1", 0),
])
def test_a_delay_may_differ_by_node(base, target, expected):
    one = devices(cib(device("a", pcmk_delay_base=base)))["a"]
    assert one.delay_ms(target, "x") == expected


def test_a_random_delay_stays_in_its_bounds_and_differs():
    one = devices(cib(device("a", pcmk_delay_base="1", pcmk_delay_max="3")))["a"]
    drawn = {one.delay_ms("n1", str(seed)) for seed in range(50)}
    assert min(drawn) >= 1000 and max(drawn) <= 3000 and len(drawn) > 10


def test_the_topology_level_that_names_the_node_wins():
    nodes = (
        '<node id="1" uname="n1"><instance_attributes id="i"><nvpair id="r" name="rack" value="1"/>'
        '</instance_attributes></node>'
    )
    by_name = (
        '<fencing-level id="2" target="n1" index="2" devices="c"/>'
        '<fencing-level id="1" target="n1" index="1" devices="a,b"/>'
    )
    by_pattern = '<fencing-level id="3" target-pattern="n.*" index="1" devices="d"/>'
    by_value = '<fencing-level id="4" target-attribute="rack" target-value="1" index="1" devices="e"/>'
    assert topology.levels(cib(topology_xml=by_name + by_pattern + by_value, nodes=nodes), "n1") == (("a", "b"), ("c",))
    assert topology.levels(cib(topology_xml=by_pattern + by_value, nodes=nodes), "n1") == (("d",),)
    assert topology.levels(cib(topology_xml=by_value, nodes=nodes), "n1") == (("e",),)
    assert topology.levels(cib(topology_xml=by_value, nodes=nodes), "n2") == ()
    broken = '<fencing-level id="3" target-pattern="(" index="1" devices="d"/>'
    assert topology.levels(cib(topology_xml=broken), "n") == ()


def test_all_devices_of_a_level_are_off_before_one_is_on():
    a, b = (Device(name, None) for name in "ab")
    assert topology.steps((a, b), "reboot", {}) == (("a", "off"), ("b", "off"), ("a", "on"), ("b", "on"))
    assert topology.steps((a,), "reboot", {}) == (("a", "reboot"),)
    assert topology.steps((a,), "reboot", {"a": Ability(frozenset({"off", "on"}))}) == (("a", "off"), ("a", "on"))
    assert topology.steps((a,), "reboot", {"a": Ability(frozenset({"off"}))}) == (("a", "off"),)
    assert topology.steps((a, b), "off", {}) == (("a", "off"), ("b", "off"))


def test_history_is_bounded_merged_and_survives_a_trip():
    rows = ()
    for number in range(ROWS_MAX + 10):
        rows = add(rows, Row(str(number), "n", "off", "n1", "", "pending", when_s=float(number)))
    rows = add(rows, Row("505", "n", "off", "n1", "", "done", when_s=505.0))
    assert len(rows) == ROWS_MAX
    assert decode(encode(rows)) == rows
    merged = merge(rows[-3:], (Row("507", "n", "off", "n1", "", "failed", when_s=507.0),))
    assert [row.state for row in merged if row.id == "507"] == ["failed"]
    assert decode(b"rubbish") == ()


def test_a_device_that_leaves_nodes_off_is_not_asked_to_turn_them_on():
    stays = Device("a", None, {"pcmk_reboot_action": "off"})
    other = Device("b", None)
    assert topology.steps((stays, other), "reboot", {}) == (("a", "off"), ("b", "off"), ("b", "on"))
    # Mapped, it can do what its agent does not know.
    assert topology.steps((stays,), "reboot", {"a": Ability(frozenset({"off"}))}) == (("a", "reboot"),)


def test_only_the_target_itself_turns_itself_on_where_the_device_says_so():
    one = devices(cib(device("a")))["a"]
    ability = Ability(frozenset({"on"}), automatic=True, on_target=True)
    assert executors(one, "on", "n1", "n2", ["n1", "n2"], [], ability) == ("n1",)
    assert executors(one, "on", "n3", "n2", ["n1", "n2"], [], ability) == ()
    assert executors(one, "off", "n1", "n2", ["n1", "n2"], [], ability) == ("n2",)
    # Nobody who is off can turn itself on.
    assert executors(one, "on", "n1", "n1", ["n1"], []) == ()


@pytest.mark.parametrize(("text", "expected"), [("", 1), ("1", 1), ("4", 4), ("-1", 64), ("0", 1), ("many", 1)])
def test_how_many_actions_a_device_takes_at_once(text, expected):
    assert Device("a", None, {"pcmk_action_limit": text} if text else {}).at_once_max == expected


def test_a_base_delay_above_the_longest_one_is_cut_to_it():
    one = devices(cib(device("a", pcmk_delay_base="9", pcmk_delay_max="3")))["a"]
    assert one.delay_ms("n1", "x") == 3000


def test_the_first_pattern_that_matches_has_all_the_levels():
    found = cib(topology_xml=(
        '<fencing-level id="l1" target-pattern="^n" index="2" devices="b"/>'
        '<fencing-level id="l2" target-pattern="1$" index="1" devices="c"/>'
        '<fencing-level id="l3" target-pattern="^n" index="1" devices="a"/>'
    ))
    assert topology.levels(found, "n1") == (("a",), ("b",))
    assert topology.levels(found, "x1") == (("c",),)


def test_a_fencing_whose_leader_is_gone_has_failed_and_what_was_done_stays_done():
    rows = tuple(
        Row(name, "n9", "off", origin, "", state)
        for name, origin, state in (
            ("n1.3.1", "n1", "pending"), ("n1.2.1", "n1", "pending"),
            ("n2.1.1", "n2", "pending"), ("n2.1.2", "n2", "done"),
        )
    )
    settled = settle(rows, {"n1": 3})
    assert [row.state for row in settled] == ["pending", "failed", "failed", "done"]
    assert "lost" in settled[1].error
    assert pending(settled, "n9", "off") == rows[0] and pending(settled, "n9", "on") is None
    # Whoever knows that it was done knows better than who held it for failed.
    done = (Row("n2.1.1", "n9", "off", "n2", "", "done"),)
    both = (*merge(settled, done), *merge(done, settled))
    assert {row.state for row in both if row.id == "n2.1.1"} == {"done"}


def test_forgetting_leaves_what_is_under_way_and_other_nodes():
    rows = (Row("a", "n1", "off", "n1", "", "done"), Row("b", "n2", "off", "n1", "", "failed"),
            Row("c", "n1", "off", "n1", "", "pending"))
    assert [row.id for row in forget(rows, "n1")] == ["b", "c"]
    assert [row.id for row in forget(rows, "")] == ["c"]


GUARDED = '<nvpair id="p1" name="stonith-watchdog-timeout" value="10s"/>'


def guarded_cib(options=GUARDED):
    return Cib.parse(
        f'<cib epoch="1"><configuration><crm_config><cluster_property_set id="c">{options}</cluster_property_set>'
        "</crm_config><nodes/><resources/><constraints/></configuration><status/></cib>"
    )


@pytest.mark.parametrize(("options", "unique", "guards", "why"), [
    ("", True, {"n2": 5000}, "not switched on"),
    (GUARDED, True, {}, "not known to have a watchdog"),
    (GUARDED, True, {"n2": 0}, "not known to have a watchdog"),
    (GUARDED, True, {"n2": 9500}, "too short"),
    (GUARDED, False, {"n2": 5000}, "majority"),
    (GUARDED + '<nvpair id="p2" name="no-quorum-policy" value="ignore"/>', True, {"n2": 5000}, "ignore"),
])
def test_a_nodes_own_end_is_relied_on_only_where_it_is_sure(options, unique, guards, why):
    view = View(1, (), unique=unique)
    assert watchdog.wait_ms(guarded_cib(), View(1, (), unique=True), "n2", {"n2": 5000}, None) == (10_000, "")
    wait, told = watchdog.wait_ms(guarded_cib(options), view, "n2", guards, None)
    assert wait == 0 and why in told


def test_the_wait_for_a_watchdog_may_be_twice_its_time_and_only_some_nodes_may_be_meant():
    auto = guarded_cib('<nvpair id="p" name="fencing-watchdog-timeout" value="-1"/>')
    view = View(1, (), unique=True)
    assert watchdog.wait_ms(auto, view, "n2", {"n2": 7000}, None) == (14_000, "")
    some = Device("watchdog", None, {"pcmk_host_list": "n1 n3"})
    assert watchdog.wait_ms(auto, view, "n2", {"n2": 7000}, some)[0] == 0
    assert watchdog.wait_ms(auto, view, "n3", {"n3": 7000}, some)[0] == 14_000
