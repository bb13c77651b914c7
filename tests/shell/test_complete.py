"""Completion: what is offered, in which order, and that no key can break it."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashell.agents.metadata import AgentAction, AgentMetadata, AgentParameter
from hashell.cib.document import Cib
from hashell.shell.grammar.complete import complete
from hashell.shell.grammar.line import read_text
from hashell.shell.grammar.snapshot import snapshot_of
from hashell.shell.grammar.sources import Sources
from hashell.values.agent_names import AgentName

CIB = """
<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0">
 <configuration>
  <crm_config><cluster_property_set id="cib-bootstrap-options">
   <nvpair id="o1" name="no-quorum-policy" value="freeze"/></cluster_property_set></crm_config>
  <nodes><node id="1" uname="node1"/><node id="2" uname="node2"/></nodes>
  <resources>
   <template id="tip" class="ocf" provider="heartbeat" type="IPaddr2"/>
   <group id="web">
    <primitive id="web-ip" class="ocf" provider="heartbeat" type="IPaddr2">
     <instance_attributes id="web-ip-ia"><nvpair id="ip-ip" name="ip" value="10.0.0.7"/></instance_attributes>
    </primitive>
    <primitive id="web-server" class="ocf" provider="heartbeat" type="apache"/>
   </group>
   <primitive id="fence1" class="stonith" type="fence_ipmilan"/>
   <clone id="pings"><primitive id="ping" class="ocf" provider="pacemaker" type="ping"/></clone>
  </resources>
  <constraints><rsc_location id="l1" rsc="web" node="node1" score="100"/></constraints>
 </configuration>
 <status>
  <node_state id="1" uname="node1" in_ccm="true" crmd="online"><lrm id="1"><lrm_resources>
   <lrm_resource id="web-ip" class="ocf" provider="heartbeat" type="IPaddr2">
    <lrm_rsc_op id="web-ip_last_0" operation="start" call-id="5" rc-code="0" op-status="0"/>
    <lrm_rsc_op id="web-ip_last_failure_0" operation="monitor" call-id="4" rc-code="1" op-status="0"/>
   </lrm_resource></lrm_resources></lrm></node_state>
 </status>
</cib>
"""
IPADDR2 = AgentName("ocf", "heartbeat", "IPaddr2")
AGENTS = (
    AgentName("lsb", "", "nginx"),
    AgentName("ocf", "heartbeat", "Dummy"),
    IPADDR2,
    AgentName("ocf", "heartbeat", "apache"),
    AgentName("ocf", "pacemaker", "Dummy"),
    AgentName("ocf", "pacemaker", "ping"),
    AgentName("stonith", "", "fence_ipmilan"),
)
SAID = AgentMetadata(
    "IPaddr2", shortdesc="an address",
    parameters=(
        AgentParameter("nic", shortdesc="Network interface"),
        AgentParameter("lvs_support", type="boolean", default="false", advanced=True),
        AgentParameter("ip", required=True, shortdesc="IPv4 or IPv6 address"),
        AgentParameter("mode", type="select", default="fast", values=("fast", "safe")),
    ),
    actions=(
        AgentAction("start", timeout="20s"), AgentAction("monitor", timeout="20s", interval="10s"),
        AgentAction("meta-data", timeout="5s"),
    ),
)


@pytest.fixture(scope="module")
def sources() -> Sources:
    found = Sources(snapshot_of(Cib.parse(CIB)), AGENTS)
    found.learn(IPADDR2, SAID)
    return found


def texts(sources: Sources, text: str, *path: str) -> list[str]:
    return [one.text for one in complete(text, path, sources)]


def test_a_line_begins_with_the_commands_then_the_levels_of_its_place(sources):
    found = texts(sources, "")
    assert found.index("status") < found.index("resource") < found.index("help")
    assert "pcs" in found
    assert "up" not in found


def test_below_the_root_the_levels_of_the_root_are_offered_too(sources):
    found = texts(sources, "", "resource")
    assert {"start", "node", "configure", "up"} <= set(found)


def test_what_begins_like_the_word_comes_alone(sources):
    assert texts(sources, "resource mo") == ["move"]


def test_letters_in_order_are_enough_where_nothing_begins_like_the_word(sources):
    assert texts(sources, "cfg") == ["configure"]


def test_resources_are_offered_with_agent_and_place_containers_first(sources):
    found = complete("resource move ", (), sources)
    assert [one.text for one in found] == ["web", "fence1", "pings", "web-ip", "web-server", "ping"]
    by_name = {one.text: one.help for one in found}
    assert by_name["web-ip"] == "ocf:heartbeat:IPaddr2; on node1"
    assert by_name["web"] == "group of web-ip, web-server; on node1"
    assert by_name["ping"].endswith("stopped")


def test_after_the_resource_come_nodes_with_their_state(sources):
    found = {one.text: one.help for one in complete("resource move web ", (), sources)}
    assert found["node1"] == "online"
    assert found["node2"] == "offline"
    assert "force" in found


def test_required_parameters_come_first_and_starred_advanced_ones_last(sources):
    found = complete("primitive vip IPaddr2 params ", ("configure",), sources)
    assert [one.text for one in found][:4] == ["ip=", "nic=", "mode=", "lvs_support="]
    assert found[0].show == "ip*="
    assert found[0].help == "* string: IPv4 or IPv6 address"
    assert "boolean [false]" in found[3].help


def test_a_parameter_that_is_set_already_is_not_offered_again(sources):
    assert "ip=" not in texts(sources, "primitive vip IPaddr2 params ip=10.0.0.1 ", "configure")


def test_values_of_a_parameter_are_those_the_agent_names(sources):
    assert texts(sources, "primitive vip IPaddr2 params mode=", "configure") == ["mode=fast", "mode=safe"]
    assert texts(sources, "primitive vip IPaddr2 params lvs_support=t", "configure") == ["lvs_support=true"]


def test_the_present_value_of_a_resource_is_offered_for_its_parameter(sources):
    assert texts(sources, "pcs resource update web-ip ip=") == ["ip=10.0.0.7"]


def test_parameters_of_a_resource_follow_its_agent(sources):
    assert texts(sources, "resource param web-ip set ")[:2] == ["ip", "nic"]


def test_parameters_come_from_the_agent_of_a_template(sources):
    assert texts(sources, "primitive vip @tip params ", "configure")[0] == "ip="


def test_operations_carry_the_agents_advice(sources):
    found = {one.text: one.help for one in complete("primitive vip IPaddr2 op ", ("configure",), sources)}
    assert found["monitor"] == "advised interval=10s timeout=20s"
    assert "meta-data" not in found
    assert texts(sources, "primitive vip IPaddr2 op monitor interval=", "configure")[0] == "interval=10s"


def test_operation_attributes_follow_the_operation(sources):
    assert texts(sources, "primitive vip IPaddr2 op monitor ti", "configure") == ["timeout="]


def test_an_agent_is_offered_by_type_and_class_by_class(sources):
    found = texts(sources, "primitive vip ", "configure")
    assert "IPaddr2" in found
    assert "ocf:" in found
    assert "@tip" in found
    assert texts(sources, "primitive vip ocf:", "configure") == ["ocf:heartbeat:", "ocf:pacemaker:"]
    assert texts(sources, "primitive vip ocf:pacemaker:p", "configure") == ["ocf:pacemaker:ping"]
    assert texts(sources, "primitive vip lsb:", "configure") == ["lsb:nginx"]


def test_options_of_the_cluster_tell_type_default_and_present_value(sources):
    (found,) = complete("property no-q", ("configure",), sources)
    assert found.text == "no-quorum-policy="
    assert found.help.startswith("(freeze) stop|freeze|")
    assert "no-quorum-policy=stop" in texts(sources, "property no-quorum-policy=", "configure")


def test_constraints_take_kinds_scores_roles_and_actions(sources):
    assert texts(sources, "order o ", "configure")[0] == "Mandatory:"
    assert "inf:" in texts(sources, "colocation c ", "configure")
    assert texts(sources, "order o Mandatory: web:", "configure")[0] == "web:start"
    assert texts(sources, "colocation c inf: web:p", "configure") == ["web:Promoted"]


def test_a_fence_device_gets_the_parameters_that_every_one_has(sources):
    found = texts(sources, "primitive f stonith:fence_ipmilan params ", "configure")
    assert "pcmk_host_list=" in found


def test_ids_of_everything_can_be_shown(sources):
    found = texts(sources, "configure show ")
    assert {"web", "l1", "node1", "tip", "cib-bootstrap-options", "changed", "type:"} <= set(found)


def test_lines_of_pcs_complete_too(sources):
    assert "resource" in texts(sources, "pcs ")
    assert texts(sources, "pcs resource cre") == ["create"]
    assert "web" in texts(sources, "pcs resource disable ")
    assert texts(sources, "pcs resource create vip IPaddr2 n") == ["nic="]
    assert "--force" in texts(sources, "pcs resource delete web --f")


def test_a_later_line_of_a_script_completes_where_the_lines_before_it_lead(sources):
    assert texts(sources, "configure\nprimitive vip ocf:pacemaker:pi") == ["ocf:pacemaker:ping"]
    assert texts(sources, "configure\nup\nresource loc") == ["locate"]
    assert texts(sources, "configure\nprimitive vip IPaddr2 \\\n params ni") == ["nic="]


def test_inside_quotes_a_word_goes_on_in_them(sources):
    assert texts(sources, 'resource move "we')[0] == '"web"'


def test_a_comment_is_left_alone(sources):
    assert texts(sources, "# resource mo") == []


def test_agents_are_asked_beside_the_keyboard_and_told_when_they_answered():
    asked, answered, changed = threading.Event(), threading.Event(), threading.Event()
    sources = Sources(agents=AGENTS)

    def describe(name: AgentName) -> None:
        asked.set()
        assert answered.wait(10)
        sources.learn(name, SAID)

    sources._describe = describe  # type: ignore[method-assign]
    sources._list_agents = lambda: None  # type: ignore[method-assign]
    sources.start()
    try:
        assert "ip=" not in texts(sources, "primitive vip IPaddr2 params ", "configure")
        assert asked.wait(10)
        sources.on_change = changed.set
        answered.set()
        assert changed.wait(10)
        assert texts(sources, "primitive vip IPaddr2 params ", "configure")[0] == "ip="
    finally:
        sources.stop()


# --- any prefix ----------------------------------------------------------------------------------------

LINES = (
    "resource move web node2 PT30M force",
    "configure primitive vip IPaddr2 params ip=10.0.0.1 op monitor interval=10s timeout=20s meta is-managed=true",
    "configure location l2 web rule -inf: not_defined pingd or pingd lte 0",
    "configure order o1 Mandatory: ( web-ip web-server ) fence1 symmetrical=false",
    'configure primitive f stonith:fence_ipmilan params ip="a b" passwd=x',
    "node attribute node1 set rack 5",
    "cib new sandbox withstatus force",
    "pcs resource create vip ocf:heartbeat:IPaddr2 ip=10.0.0.1 op monitor interval=10s --group web --force",
    "pcs constraint location web prefers node1=100",
    "configure\nprimitive a Dummy \\\n  op monitor\ncommit\nup\nresource locate a",
    "history diff 0.1.0 0.2.0",
    "help configure primitive",
    "configure alert a1 /usr/bin/x select { nodes fencing } to me",
    "configure fencing_topology node1: fence1 fence1",
    "cd ../node",
    "status full xml",
)
WORDS = st.sampled_from(
    [
        "web",
        "node1",
        "configure",
        "primitive",
        "params",
        "op",
        "=",
        "ip=",
        "x",
        "'",
        '"',
        "\\",
        "\n",
        "#",
        "--force",
        "pcs",
        "(",
        "{",
        "@",
        ":",
    ]
)


@pytest.mark.parametrize("line", LINES)
def test_no_prefix_of_a_line_breaks_completion(sources, line):
    for end in range(len(line) + 1):
        complete(line[:end], (), sources)


@pytest.mark.parametrize("line", LINES)
def test_what_is_offered_within_a_good_line_leads_to_no_error_at_that_word(sources, line):
    for end in range(len(line) + 1):
        before = line[:end]
        for one in complete(before, (), sources)[:6]:
            text = before[: one.start] + one.text
            _, last = read_text(text, ())[-1]
            wrong = last.wrong
            assert (
                wrong is None or wrong.end == wrong.start or one.open or wrong.start < len(last.text) - len(one.text)
            ), (text, wrong)


@given(st.lists(WORDS, max_size=12), st.sampled_from([(), ("configure",), ("resource",), ("configure", "ra")]))
@settings(max_examples=150, deadline=None)
def test_no_text_at_all_breaks_completion(sources, words, path):
    text = " ".join(words)
    for one in complete(text, path, sources):
        assert 0 <= one.start <= len(text)
        assert one.text


# --- many resources ------------------------------------------------------------------------------------


def test_a_key_press_is_answered_in_time_with_2000_resources():
    """The budget is 20 ms; the median is taken, so that a busy machine does not fail the test."""
    primitives = "".join(
        f'<primitive id="rsc{number:04}" class="ocf" provider="heartbeat" type="Dummy"/>' for number in range(2000)
    )
    cib = Cib.parse(f"<cib><configuration><resources>{primitives}</resources></configuration></cib>")
    sources = Sources(snapshot_of(cib), AGENTS)
    taken = []
    for text in (
        "resource move ",
        "resource move r",
        "resource move rsc1",
        "resource move zz",
        "configure show rsc19",
    ) * 5:
        begin = time.perf_counter()
        complete(text, (), sources)
        taken.append(time.perf_counter() - begin)
    assert sorted(taken)[len(taken) // 2] < 0.020
