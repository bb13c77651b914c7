"""What was read before changes nothing in what is decided: it only spares reading it again."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from hashell.cib.document import Cib
from hashell.cib.successive import Successive
from hashell.errors import HashellError
from hashell.scheduler.schedule import Wanted
from hashell.simulate.run import Decision, decide, walk
from hashell.state import memory as room
from hashell.state import reader
from hashell.state.memory import Memory
from hashell.testing.cibs import corpus_files
from hashell.testing.clusters import DOWN, NOW_S, UP, clone, device, group, operation, primitive
from hashell.transition.xml import graph_to_xml

RULE = (
    '<meta_attributes id="m{0}"><rule id="r{0}" score="INFINITY"><date_expression id="d{0}" operation="gt"'
    ' start="2024-01-01 00:30:00Z"/></rule><nvpair id="v{0}" name="target-role" value="Stopped"/></meta_attributes>'
)
RESOURCES = (
    primitive("web", operation("web", "monitor", "10s")), primitive("web", target_role="Stopped"),
    group("both", primitive("one", operation("one", "stop", on_fail="standby")), primitive("two")),
    clone("all", primitive("every"), promotable="true"), primitive("timed", RULE.format("timed")), device(),
    primitive("shared", '<instance_attributes id-ref="on-node"/>'),
)
UUID = "2668bbeb-0000-0000-0000-000000000000"
ENTRY = (
    '<lrm_resource id="{0}" class="ocf" provider="heartbeat" type="{1}"><lrm_rsc_op id="{0}_last_0"'
    ' operation="{2}" operation_key="{0}_{2}_0" interval="0" call-id="{5}" rc-code="{3}" op-status="0"'
    f' transition-key="1:1:{{4}}:{UUID}" transition-magic="0:{{3}};1:1:{{4}}:{UUID}"'
    ' last-rc-change="1704060000" on_node="n"/></lrm_resource>'
)
entries = st.builds(
    lambda name, agent, what, call: ENTRY.format(name, agent, *what, call),
    st.sampled_from(("web", "one", "two", "every", "gone", "every:1")),
    st.sampled_from(("Dummy", "Dummy", "Dummy", "Other")),
    st.sampled_from((
        ("monitor", 7, 7), ("monitor", 7, 7), ("start", 0, 0), ("stop", 0, 0), ("monitor", 0, 7), ("start", 1, 0),
    )),
    st.integers(1, 20),
)
states = st.lists(st.tuples(st.booleans(), st.lists(entries, max_size=5).map("".join)), min_size=2, max_size=2)


def cib(resources: list[str], nodes: list[tuple[bool, str]], options: str, number: int) -> bytes:
    members = "".join(f'<node id="{n}" uname="node{n}"/>' for n in (1, 2))
    told = "".join(
        f'<node_state id="{n}" uname="node{n}" {UP if up else DOWN}><transient_attributes id="{n}">'
        f'<instance_attributes id="{"on-node" if n == 1 else "s"}">'
        f'<nvpair id="p{n}" name="state" value="{number % 3}"/></instance_attributes></transient_attributes>'
        f'<lrm id="{n}"><lrm_resources>{text}</lrm_resources></lrm></node_state>'
        for n, (up, text) in enumerate(nodes, 1)
    )
    return (
        f'<cib have-quorum="{number % 4 != 3:d}" dc-uuid="1" validate-with="pacemaker-3.9" crm_feature_set="3.20.1"'
        f' admin_epoch="0" epoch="1" num_updates="{number}"><configuration><crm_config>{options}</crm_config>'
        f"<nodes>{members}</nodes><resources>{''.join(dict.fromkeys(resources))}</resources><constraints/>"
        f"</configuration><status>{told}</status></cib>"
    ).encode()


def shown(decision: Decision) -> tuple[object, ...]:
    plan = decision.schedule
    return (
        graph_to_xml(decision.graph), decision.summary, decision.recheck_at, plan.lines, plan.problems, plan.notices,
        plan.placements, decision.state.problems,
    )


WANTED = Wanted(scores=True)


def fresh(data: bytes, now_s: float) -> tuple[object, ...]:
    return shown(decide(Cib.parse(data), now_s, wanted=WANTED))


OPTIONS = (
    "", '<cluster_property_set id="c"><nvpair id="c1" name="stonith-enabled" value="false"/></cluster_property_set>',
    '<cluster_property_set id="c"><nvpair id="c2" name="no-quorum-policy" value="freeze"/></cluster_property_set>',
)


@given(
    st.lists(st.sampled_from(RESOURCES), max_size=4),
    st.lists(st.tuples(states, st.sampled_from(("", *OPTIONS)), st.integers(0, 5), st.integers(0, 4_000)), max_size=5),
)
def test_versions_of_a_random_cluster_are_decided_as_if_each_were_the_first(resources, told):
    versions, memory = Successive(), Memory()
    for nodes, options, number, later_s in told:
        data = cib(resources, nodes, options, number)
        before = shown(decide(versions.read(data), NOW_S + later_s, wanted=WANTED, memory=memory))
        assert before == fresh(data, NOW_S + later_s)


def test_the_configuration_is_read_once_while_only_the_status_changes(monkeypatch):
    read = []
    real = room.read_configuration
    monkeypatch.setattr(room, "read_configuration", lambda *args: read.append(1) or real(*args))
    versions, memory = Successive(), Memory()
    for number, up in ((0, True), (1, False), (2, True)):
        data = cib([RESOURCES[0]], [(up, ""), (True, "")], "", number)
        decide(versions.read(data), NOW_S + number, memory=memory)
    assert len(read) == 1
    decide(versions.read(cib([RESOURCES[3]], [(True, ""), (True, "")], "", 4)), NOW_S, memory=memory)
    assert len(read) == 2


def test_a_rule_about_time_is_asked_again_though_nothing_changed():
    versions, memory = Successive(), Memory()
    data = cib([RESOURCES[4], RESOURCES[5]], [(True, ""), (True, "")], "", 0)
    early = decide(versions.read(data), NOW_S, memory=memory)
    late = decide(versions.read(data), NOW_S + 3600, memory=memory)
    assert any(action.key == "timed_start_0" for action in early.graph.actions)
    assert not any(action.key == "timed_start_0" for action in late.graph.actions)
    assert shown(decide(versions.read(data), NOW_S + 3600, memory=memory))[1] == shown(late)[1]


def test_the_history_of_a_node_is_read_once_while_it_does_not_change(monkeypatch):
    asked = []
    real = reader.read_node_history
    monkeypatch.setattr(reader, "read_node_history", lambda *args: asked.append(args[0]) or real(*args))
    versions, memory = Successive(), Memory()
    one, other = ENTRY.format("web", "Dummy", "start", 0, 0, 3), ENTRY.format("web", "Dummy", "stop", 0, 0, 4)
    for text in (one, one, other):
        data = cib([RESOURCES[0]], [(True, text), (True, one)], "", 0)
        decide(versions.read(data), NOW_S, memory=memory)
    assert asked == ["1", "2", "1"]


@pytest.mark.parametrize("part", range(4))
def test_recorded_clusters_are_decided_the_same_one_after_the_other_and_again_when_they_have_moved(part):
    versions, memory = Successive(), Memory()
    dice = random.Random(part)
    for path in [*corpus_files()][part * 10::67]:
        try:
            first = decide(Cib.parse(path.read_bytes()), NOW_S)
        except HashellError:
            continue
        after = walk(first, clock_s=NOW_S).cib.root
        lost = Cib(after).copy_root()
        found = lost.findall("status/node_state")
        if found:
            dice.choice(found).set("crmd", "offline")
        for root in (first.state.cib.root, after, lost, after, first.state.cib.root):
            data = etree.tostring(root)
            assert shown(decide(versions.read(data), NOW_S, wanted=WANTED, memory=memory)) == fresh(data, NOW_S), path
