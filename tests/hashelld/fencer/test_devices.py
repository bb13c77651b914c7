"""Fence devices and topology as the CIB has them."""

from __future__ import annotations

import pytest

from hashell.cib.document import Cib
from hashelld.fencer import topology
from hashelld.fencer.devices import Device, devices, executors, running_on
from hashelld.fencer.history import ROWS_MAX, Row, add, decode, encode, merge


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
    assert executors(one, "n1", "n2", members, ["n3"]) == ("n3", "n2")
    assert executors(one, "n3", "n2", members, ["n3"]) == ("n2", "n1")
    assert executors(one, "n1", "n1", ["n1"], []) == ("n1",)


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
    assert topology.steps((a,), "reboot", {"a": True}) == (("a", "reboot"),)
    assert topology.steps((a,), "reboot", {"a": False}) == (("a", "off"), ("a", "on"))
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
