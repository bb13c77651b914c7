"""What the controller decides without any state: changes, results, membership, words."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from hashell.cib.document import Cib
from hashell.cib.transaction import commit
from hashell.transition.graph import Action, ActionKind, Graph, PrimitiveRef, Synapse
from hashell.wire.messages import CleanUp, Done
from hashelld.controller import membership, requests, words
from hashelld.controller.changes import (
    EntryRemoved,
    Joined,
    NodeForgotten,
    Reconsider,
    ResourceRemoved,
    Result,
    meanings,
)
from hashelld.controller.results import Origin, fail_count, read
from hashelld.controller.transition import BEGIN_MAX, PROBES_AHEAD, ClusterStep, Orders, Walk, together
from hashelld.core.effects import Send, StartTimer, Tell
from hashelld.core.events import (
    ActionsChanged,
    Author,
    CibOperation,
    FencingWanted,
    Member,
    TransitionEnded,
    View,
)

UUID = "2668bbeb-0000-0000-0000-000000000000"
BASE = Cib.parse(
    '<cib epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config/><nodes/><resources>'
    '<primitive id="web" class="ocf" type="Dummy"/></resources><constraints/></configuration><status>'
    '<node_state id="1" uname="n1" join="member"><lrm id="1"><lrm_resources><lrm_resource id="web">'
    '<lrm_rsc_op id="web_last_0" operation="start" rc-code="0"/><lrm_rsc_op id="web_monitor_10000"/>'
    '</lrm_resource></lrm_resources></lrm><transient_attributes id="1"><instance_attributes id="s-1">'
    '<nvpair id="s-1-a" name="a" value="1"/></instance_attributes></transient_attributes></node_state>'
    "</status></cib>"
)
RESOURCE = "/cib/status/node_state[@id='1']/lrm/lrm_resources/lrm_resource[@id='web']"


def after(kind, xml="", path=""):
    return meanings(etree.tostring(commit(BASE, [CibOperation(kind, xml.encode(), path)]).patch))


def test_a_changed_entry_is_a_result_of_its_node_and_resource():
    (found,) = after("modify", '<lrm_rsc_op id="web_last_0" rc-code="1"/>', RESOURCE)
    assert isinstance(found, Result)
    assert (found.node_id, found.resource, found.entry["rc-code"], found.refresh) == ("1", "web", "1", False)


def test_a_new_resource_brings_its_entries_and_a_new_history_is_a_refresh():
    (found,) = after("modify", '<node_state id="1"><lrm id="1"><lrm_resources><lrm_resource id="db">'
                     '<lrm_rsc_op id="db_last_0"/></lrm_resource></lrm_resources></lrm></node_state>')
    assert isinstance(found, Result)
    assert (found.resource, found.refresh) == ("db", False)
    found = after("modify", '<node_state id="2"><lrm id="2"><lrm_resources><lrm_resource id="db">'
                  '<lrm_rsc_op id="db_last_0"/></lrm_resource></lrm_resources></lrm></node_state>')
    assert found[0] == Joined("2")
    assert isinstance(found[1], Result) and found[1].refresh and found[1].node_id == "2"


def test_removals_say_what_is_gone():
    assert after("delete", path=f"{RESOURCE}/lrm_rsc_op[@id='web_monitor_10000']") == (
        EntryRemoved("1", "web_monitor_10000"),
    )
    assert after("delete", path=RESOURCE) == (ResourceRemoved("1", "web"),)
    assert after("delete", path="/cib/status/node_state/lrm") == (NodeForgotten("1", "Resource state removal"),)
    assert after("delete", path="/cib/status/node_state") == (NodeForgotten("1", "Node state removal"),)
    assert after("delete", path="//transient_attributes") == (NodeForgotten("1", "Transient attribute change"),)


def test_configuration_attributes_and_tickets_are_to_be_reconsidered():
    assert after("modify", '<nvpair id="s-1-a" value="2"/>', "//instance_attributes") == (
        Reconsider("Transient attribute change"),
    )
    assert after("modify", '<primitive id="web" type="Other"/>', "resources") == (Reconsider("Configuration change"),)
    assert after("modify", '<tickets><ticket_state id="t" granted="true"/></tickets>', "status") == (
        Reconsider("Ticket attribute change"),
    )


def test_a_member_that_joins_is_no_reason_by_itself_and_versions_mean_nothing():
    assert after("modify", '<node_state id="1" join="down"/>') == (Joined("1"),)
    assert after("modify", '<cib have-quorum="1"/>') == ()


@given(st.binary(max_size=100))
def test_a_patch_that_cannot_be_read_means_everything_or_nothing(data):
    assert meanings(data) in ((Reconsider("CIB replaced"),), ())


def entry(key, rc="0", operation="start", interval="0", status="0"):
    return {
        "transition-key": key, "operation_key": f"web_{operation}_{interval}", "operation": operation,
        "rc-code": rc, "op-status": status,
    }


@pytest.mark.parametrize(("key", "interval", "running", "origin"), [
    (f"7:12:0:{UUID}", "0", True, Origin.OURS), (f"7:11:0:{UUID}", "0", True, Origin.LATE),
    (f"7:11:0:{UUID}", "10000", True, Origin.RECURRING), (f"7:12:0:{UUID}", "0", False, Origin.LATE),
    ("7:12:0:other", "0", True, Origin.FOREIGN), (f"-1:12:0:{UUID}", "0", True, Origin.FOREIGN),
    ("5:-1:0:xxxxxxxx", "0", True, Origin.OUTSIDE),
])
def test_where_a_result_comes_from_decides_what_it_means(key, interval, running, origin):
    task = "monitor" if interval != "0" else "start"
    assert read(entry(key, operation=task, interval=interval), UUID, 12, running).origin is origin


def test_pending_and_unreadable_entries_say_nothing():
    assert read(entry(f"7:12:0:{UUID}", status="-1"), UUID, 12, True) is None
    assert read(entry("rubbish"), UUID, 12, True) is None
    assert read({}, UUID, 12, True) is None


def test_degraded_is_as_good_as_running():
    reading = read(entry(f"7:12:0:{UUID}", rc="190", operation="monitor"), UUID, 12, True)
    assert not reading.failed
    assert not read(entry(f"7:12:8:{UUID}", rc="191", operation="monitor"), UUID, 12, True).failed


@pytest.mark.parametrize(("task", "interval", "value"), [
    ("start", "0", "INFINITY"), ("stop", "0", "INFINITY"), ("promote", "0", "value++"),
    ("monitor", "10000", "value++"),
])
def test_what_fails_is_counted_by_its_kind(task, interval, value):
    reading = read(entry(f"7:12:0:{UUID}", rc="1", operation=task, interval=interval), UUID, 12, True)
    count = fail_count(reading, "INFINITY", "INFINITY")
    assert (count.name, count.value) == (f"fail-count-web#{task}_{interval}", value)
    assert count.last_name == f"last-failure-web#{task}_{interval}"
    if task == "start":
        assert fail_count(reading, "1", "INFINITY").value == "value++"


def test_a_probe_that_finds_something_is_no_failure_to_count():
    reading = read(entry(f"7:12:7:{UUID}", rc="0", operation="monitor"), UUID, 12, True)
    assert reading.failed and fail_count(reading, "INFINITY", "INFINITY") is None


@pytest.mark.parametrize(("quorate", "waits"), [(True, ("n1", "n2")), (False, ("n2",))])
def test_who_says_that_it_is_not_ready_is_waited_for_only_with_quorum(quorate, waits):
    members = (Member(1, "n1", "u", 1), Member(2, "n2", "v", 1))
    cib = commit(BASE, membership.present(BASE, members[0], members, quorate, {})).after
    cib = commit(cib, (CibOperation("modify", b'<node_state id="1" join="pending"/>', "status"),)).after

    assert membership.waiting_for(cib, members, quorate=quorate) == waits


def test_a_view_is_written_once_and_then_agrees():
    members = (Member(1, "n1", "u", 1), Member(2, "n2", "v", 1))
    properties = {"cluster-name": "c"}
    operations = membership.present(BASE, members[0], members, True, properties)
    cib = commit(BASE, operations).after
    assert membership.present(cib, members[0], members, True, properties) == ()
    assert cib.root.get("have-quorum") == "1" and cib.root.get("dc-uuid") == "1"
    assert membership.configured(cib) == {"1": "n1", "2": "n2"}
    assert membership.waiting_for(cib, members, quorate=True) == ("n2",)
    gone = membership.absent(cib, {"2": "n2"}, ())
    cib = commit(cib, gone).after
    assert membership.states(cib)["2"].get("expected") == "member"
    assert membership.absent(cib, {"2": "n2"}, ()) == ()
    cib = commit(cib, membership.absent(cib, {"2": "n2"}, {"2"})).after
    assert membership.states(cib)["2"].get("expected") == "down"


def action(number, task, node="n1", kind=ActionKind.RESOURCE, **attributes):
    ref = PrimitiveRef("web", "", "ocf", "test", "Dummy") if kind is ActionKind.RESOURCE else None
    return Action(number, kind, task, f"web_{task}_0", node, node[-1], primitive=ref, attributes=attributes)


def test_a_transition_is_told_in_few_words():
    graph = Graph(4, (
        Synapse(0, action(1, "start", "n2")), Synapse(1, action(2, "stop", "n1")),
        Synapse(2, action(3, "stonith", "n3", ActionKind.CLUSTER)), Synapse(3, action(4, "monitor")),
    ))
    assert words.plan(graph) == "transition 4: fence n3, stop web on n1, start web on n2"
    assert set(words.about(graph)) == {"n3", "n1", "n2", "web"}
    probes = Graph(5, tuple(Synapse(n, action(n, "monitor")) for n in range(1, 4)))
    assert words.plan(probes) == "transition 5: 3 probes"
    assert words.end(4, "aborted", "Node failure", 1234) == "transition 4: aborted (Node failure) after 1.2 s"
    assert words.change(Author("root", "n1", "configure"), "0.3.0") == "root on n1: configure (version 0.3.0)"


def test_a_walk_asks_nodes_fences_and_watches_the_time():
    graph = Graph(4, (
        Synapse(0, action(1, "start", CRM_meta_timeout="20000", CRM_meta_op_target_rc="0")),
        Synapse(1, action(2, "stonith", "n3", ActionKind.CLUSTER, CRM_meta_stonith_action="off")),
    ))
    walk = Walk(graph, UUID, 0)
    effects = list(walk.advance())
    send = next(e for e in effects if isinstance(e, Send))
    assert (send.to, etree.fromstring(send.payload).get("transition-key")) == ("n1", f"1:4:0:{UUID}")
    fence = next(e.event for e in effects if isinstance(e, Tell))
    assert isinstance(fence, FencingWanted) and (fence.target, fence.action) == ("n3", "off")
    assert walk.fencing_action(fence.request).id == 2
    assert next(e.delay_ms for e in effects if isinstance(e, StartTimer)) == 80_000
    assert walk.node_gone("1") == (1,)
    assert walk.takes_down("3").id == 2
    assert walk.confirm(1) and not walk.confirm(1)


def test_a_node_gets_no_more_jobs_than_its_limit():
    graph = Graph(1, tuple(Synapse(n, action(n, "start")) for n in range(1, 10)))
    walk = Walk(graph, UUID, 0, lambda node: 4)
    assert len([e for e in walk.advance() if isinstance(e, Send)]) == 4
    walk.confirm(1)
    assert len([e for e in walk.advance() if isinstance(e, Send)]) == 1


def test_a_node_is_given_probes_ahead_and_they_may_take_as_long_as_those_before_them_need():
    graph = Graph(1, tuple(Synapse(n, action(n, "monitor", CRM_meta_timeout="20000")) for n in range(1, 40)))
    walk = Walk(graph, UUID, 0, lambda node: 4)
    effects = list(walk.advance())
    assert len([e for e in effects if isinstance(e, Send)]) == 4 * PROBES_AHEAD
    delays = [e.delay_ms for e in effects if isinstance(e, StartTimer)]
    assert delays[0] == 80_000 and delays == sorted(delays) and delays[-1] >= 60_000 + 20_000 * PROBES_AHEAD
    (orders,) = [e for e in together(effects, walk.at_once) if isinstance(e, Send)]
    assert orders.topic == "controller.operations"
    told = msgspec.msgpack.decode(orders.payload, type=Orders)
    assert (len(told.operations), told.at_once, told.again) == (4 * PROBES_AHEAD, 4, False)


def test_of_a_large_walk_so_many_actions_begin_in_one_go_and_none_is_begun_twice_or_left():
    graph = Graph(1, tuple(Synapse(n, action(n, "start", f"n{n % 7}")) for n in range(1, 601)))
    walk = Walk(graph, UUID, 0, lambda node: 1000)
    begun = []
    while not begun or walk.more:
        some = [e.payload for e in walk.advance() if isinstance(e, Send)]
        assert len(some) <= BEGIN_MAX
        begun += some
    assert len(begun) == len(set(begun)) == 600 and len(walk.runner.in_flight) == 600


def test_probes_are_withdrawn_once_when_a_walk_is_aborted_and_those_taken_back_count_as_left():
    graph = Graph(1, tuple(Synapse(n, action(n, "monitor")) for n in range(1, 6)))
    walk = Walk(graph, UUID, 0, lambda node: 4)
    list(walk.advance())
    assert walk.withdraw() == ()
    walk.abort("Node failure")
    assert [(e.to, e.topic) for e in walk.withdraw()] == [("n1", "controller.withdraw")]
    assert walk.withdraw() == ()
    walk.confirm(1)
    for number in range(2, 6):
        assert walk.take_back(number) and not walk.take_back(number)
    assert list(walk.advance()) == [] and walk.runner.complete
    assert (walk.runner.counts.done, walk.runner.counts.failed, walk.runner.counts.left) == (1, 0, 4)


def test_actions_that_changed_one_after_the_other_are_told_together_and_in_their_place():
    events = [ActionsChanged(4, ((1, "done", 0),)), ActionsChanged(4, ((2, "running", 0),)),
              TransitionEnded(4, "complete"), ActionsChanged(5, ((1, "running", 0),))]
    assert requests.decode_notices(requests.encode_notices(events)) == (
        ActionsChanged(4, ((1, "done", 0), (2, "running", 0))), events[2], events[3])


def test_a_node_is_not_let_go_before_its_probes_are_done():
    shutdown = action(1, "do_shutdown", "n1", ActionKind.CLUSTER)
    rest = (Synapse(0, action(2, "monitor")), Synapse(0, action(3, "start")))
    walk = Walk(Graph(1, (Synapse(0, shutdown), *rest)), UUID, 0)
    assert [e for e in walk.advance() if isinstance(e, ClusterStep)] == []
    walk.confirm(2)
    assert [e.action.id for e in walk.advance() if isinstance(e, ClusterStep)] == [1]


def remote_start(number=1):
    return Action(number, ActionKind.RESOURCE, "start", "web_start_0", "remote", "remote", router_node="n1",
                  primitive=PrimitiveRef("web", "", "ocf", "test", "Dummy"))


def test_an_operation_of_a_remote_node_goes_to_the_room_that_is_connected_to_it_and_not_to_its_routers_executor():
    walk = Walk(Graph(1, (Synapse(0, remote_start()),)), UUID, 0)
    (sent,) = [e for e in walk.advance() if isinstance(e, Send)]
    assert (sent.to, sent.topic) == ("n1", "remote.operation")
    (again,) = walk.again(("n1",))
    assert again.topic == "remote.again"


def test_an_operation_of_a_remote_node_is_over_when_its_router_is_gone_or_the_remote_node_itself():
    walk = Walk(Graph(1, (Synapse(0, remote_start(5)),)), UUID, 0)
    list(walk.advance())
    assert walk.node_gone("2", "n2") == ()
    assert walk.node_gone("1", "n1") == (5,)
    assert walk.node_gone("remote") == (5,)


def test_a_guest_that_ends_with_its_host_is_noted_as_fenced_without_a_fencing():
    gone = Action(3, ActionKind.PSEUDO, "stonith", "stonith-guest-off", "guest", "guest", downed=("guest",))
    walk = Walk(Graph(1, (Synapse(0, gone),)), UUID, 0)
    assert [e.action.id for e in walk.advance() if isinstance(e, ClusterStep)] == [3]
    assert walk.runner.complete
    state, *_ = membership.fenced("guest", "guest", remote=True, when_s=77)
    assert b'remote_node="true"' in state.xml and b'node_fenced="77"' in state.xml and b"crmd" not in state.xml


def test_a_clean_up_of_a_group_takes_its_members_and_clone_instances():
    cib = Cib.parse(
        '<cib><configuration><resources><group id="g"><primitive id="a"/><primitive id="b"/></group></resources>'
        '</configuration><status><node_state id="1" uname="n1"><lrm id="1"><lrm_resources>'
        '<lrm_resource id="a"><lrm_rsc_op id="a_last_failure_0"/></lrm_resource>'
        '<lrm_resource id="b:1"><lrm_rsc_op id="b_last_failure_0"/></lrm_resource>'
        '<lrm_resource id="c"><lrm_rsc_op id="c_last_failure_0"/></lrm_resource></lrm_resources></lrm></node_state>'
        "</status></cib>"
    )
    plan = requests.plan(CleanUp(resource="g"), cib, View(1, (Member(1, "n1", "u", 1),)), "n1")
    assert plan.reply == Done("cleaned up a on n1, b:1 on n1")
    assert len(plan.effects) == 2
