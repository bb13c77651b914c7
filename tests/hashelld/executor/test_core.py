"""The executor alone: events in, effects out; at the end also with real programs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lxml import etree

from hashell.agents.find import AgentMissing
from hashell.cib.document import Cib
from hashell.cib.transaction import commit
from hashell.state.history import read_node_history
from hashell.values.outcomes import ExecStatus
from hashelld.core.agents import AgentRunner
from hashelld.core.effects import AgentEnded, CancelTimer, KillAgent, RunAgent, StartTimer, Tell
from hashelld.core.events import (
    Attached,
    ChangeAnswered,
    ChangeWanted,
    CibChanged,
    CibOperation,
    ConnectionAnswered,
    ConnectionLost,
    ConnectionWanted,
    Member,
    MembersChanged,
    OperationDone,
    OperationsWithdrawn,
    OperationWanted,
    ServicesEnded,
    ServicesKilled,
    Started,
    View,
)
from hashelld.executor.core import QUEUE_MAX, Executor
from hashelld.executor.resources import JITTER_PERCENT, RecurringDue
from hashelld.settings import Settings

METADATA = b'<resource-agent name="x"><parameters/><actions/></resource-agent>'
KEY = "7:12:{0}:2668bbeb-0000-0000-0000-000000000000"


class Bench:
    """One executor, a CIB that takes every write, and what it asked for."""

    def __init__(self, folder: Path, resolve=lambda agent: f"/agents/{agent.type}", cib: Cib | None = None):
        self.executor = Executor(Settings("c", "node1", folder, folder / "run", folder / "key"), resolve)
        self.cib, self.now_ms, self.wall_s = cib or Cib.empty(), 0, 1_700_000_000
        self.running: list[RunAgent] = []
        self.timers: dict[str, StartTimer] = {}
        self.done: list[OperationDone] = []
        self.killed: list[str] = []
        self.connections: list[ConnectionWanted] = []
        self.writes = 0
        self.ended = 0
        self.answers = True
        self.asked: list[ChangeWanted] = []
        self.send(Started("node1", "c", self.cib))
        self.view = View(1, (Member(1, "node1", "u", 1),))
        self.send(MembersChanged(self.view))

    def send(self, event):
        for effect in self.executor.receive(event, self.now_ms, self.wall_s + self.now_ms / 1000):
            match effect:
                case RunAgent() if effect.token.startswith("meta:"):
                    self.send(AgentEnded(effect.token, 0, False, False, METADATA, b"", 1))
                case RunAgent():
                    self.running.append(effect)
                case StartTimer(name):
                    self.timers[name] = effect
                case CancelTimer(name):
                    self.timers.pop(name, None)
                case KillAgent(token):
                    self.killed.append(token)
                case Tell(ChangeWanted() as change):
                    self.asked.append(change)
                case Tell(ConnectionWanted() as wanted):
                    self.connections.append(wanted)
                case Tell(ServicesEnded()):
                    self.ended += 1
                case Tell(OperationDone() as done):
                    self.done.append(done)
        while self.asked and self.answers:
            change = self.asked.pop(0)
            self.writes += 1
            self.cib = commit(self.cib, change.operations).after
            self.send(ChangeAnswered(change.request, "1"))
            self.now_ms += 10

    def want(self, task, resource="web", *, interval=0, rc=0, standard="ocf", dc="node1", **attributes):
        root = etree.Element("rsc_op", id="7", operation=task, on_node="node1", on_node_uuid="1")
        root.set("operation_key", f"{resource}_{task}_{interval}")
        root.set("transition-key", KEY.format(rc))
        agent = etree.SubElement(root, "primitive", id=resource, type="Dummy")
        agent.set("class", standard)
        if standard == "ocf":
            agent.set("provider", "test")
        values = {"CRM_meta_timeout": "20000", "CRM_meta_op_target_rc": str(rc), **attributes}
        if interval:
            values["CRM_meta_interval"] = str(interval)
        etree.SubElement(root, "attributes", values)
        self.send(OperationWanted(etree.tostring(root), dc))

    def end(self, code=0, **how):
        effect = self.running.pop(0)
        self.now_ms += 10
        values = {"timed_out": False, "killed": False, "stdout": b"", "stderr": b"", "duration_ms": 10, **how}
        self.send(AgentEnded(effect.token, code, **values))
        return effect

    def entry(self, name):
        found = self.cib.root.xpath("//lrm_rsc_op[@id=$name]", name=name)
        return dict(found[0].attrib) if found else None

    def tasks(self):
        return [effect.arguments[-1] for effect in self.running]


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_joining_writes_an_empty_history_and_that_it_has_joined(bench):
    state = bench.cib.root.find("status/node_state")
    assert (state.get("id"), state.get("uname"), state.get("join")) == ("1", "node1", "member")
    assert state.find("lrm/lrm_resources") is not None


def test_under_freeze_a_node_that_never_had_quorum_is_not_ready_and_is_from_then_on_when_it_has(tmp_path):
    pair = b'<nvpair id="p" name="no-quorum-policy" value="freeze"/>'
    options = b'<cluster_property_set id="s">' + pair + b"</cluster_property_set>"
    bench = Bench(tmp_path, cib=commit(Cib.empty(), (CibOperation("modify", options, "crm_config"),)).after)

    def joins():
        bench.send(CibChanged(bench.cib, bench.cib, b"", None, False))
        return bench.cib.root.find("status/node_state").get("join")

    assert joins() == "pending"
    bench.send(MembersChanged(View(2, bench.view.members, quorate=True)))
    assert joins() == "member"
    bench.send(MembersChanged(View(3, bench.view.members)))
    assert joins() == "member"


def test_operations_of_one_resource_wait_for_one_another_and_others_do_not(bench):
    bench.want("start")
    bench.want("notify")
    bench.want("start", "db")
    assert [e.environment["OCF_RESOURCE_INSTANCE"] for e in bench.running] == ["web", "db"]
    bench.end()
    assert bench.tasks() == ["start", "notify"]


def test_an_operation_is_recorded_as_pending_and_then_with_its_result(bench):
    bench.want("start")
    assert bench.entry("web_last_0")["op-status"] == "-1"
    bench.end(0)
    entry = bench.entry("web_last_0")
    assert (entry["op-status"], entry["rc-code"], entry["exec-time"]) == ("0", "0", "10")
    assert [one.task for one in bench.done] == ["start"]


def test_a_notification_is_told_and_not_recorded(bench):
    bench.want("notify")
    bench.end(0)
    assert bench.done[0].task == "notify"
    assert not bench.cib.root.xpath("//lrm_rsc_op")


def test_a_recurring_monitor_runs_again_and_is_recorded_only_when_it_changes(bench):
    bench.want("monitor", interval=10_000)
    bench.end(0)
    writes = bench.writes
    for times in range(3):
        delay_ms = bench.timers["recurring:web:web_monitor_10000"].delay_ms
        assert delay_ms == 10_000 if times else 9_000 <= delay_ms <= 10_000
        bench.send(RecurringDue("web", "web_monitor_10000"))
        bench.end(0)
    assert bench.writes == writes
    bench.send(RecurringDue("web", "web_monitor_10000"))
    bench.end(7)
    assert bench.writes == writes + 1
    assert bench.entry("web_last_failure_0")["rc-code"] == "7"
    bench.send(RecurringDue("web", "web_monitor_10000"))
    bench.end(7)
    assert bench.writes == writes + 1


def due(bench, code):
    bench.send(RecurringDue("web", "web_monitor_10000"))
    bench.end(code)


def latest(bench):
    """The entry that counts for the scheduler as the last one."""
    (history,) = read_node_history("1", bench.cib.root.find("status/node_state")).told
    return history.entries[-1].id


@pytest.mark.parametrize("step_s", [-3600, 0])
def test_a_changed_result_is_later_than_the_one_before_though_the_wall_clock_does_not_say_so(bench, step_s):
    bench.want("monitor", interval=10_000)
    bench.end(0)
    # Once more the same, which is not recorded: it must not count as the one before.
    bench.wall_s += step_s
    due(bench, 0)
    due(bench, 7)
    assert latest(bench) == "web_last_failure_0"
    bench.wall_s += step_s
    due(bench, 0)
    assert latest(bench) == "web_monitor_10000"
    bench.wall_s += 2 * 3600
    due(bench, 7)
    assert latest(bench) == "web_last_failure_0"


def test_changed_results_of_a_monitor_are_of_one_call_while_the_clock_tells_them_apart(bench):
    bench.want("monitor", interval=10_000)
    bench.end(0)
    bench.wall_s += 10
    due(bench, 7)
    assert bench.entry("web_last_failure_0")["call-id"] == bench.entry("web_monitor_10000")["call-id"]


def test_a_monitor_that_was_asked_for_while_it_ran_goes_on_after_a_result_of_a_call_of_its_own(bench):
    bench.send(OperationWanted(CONNECTION.format("monitor", 60_000).encode(), "node1"))
    bench.send(ConnectionAnswered(bench.connections[0].token, 0, 0))
    bench.wall_s -= 3600
    bench.send(RecurringDue("r", "r_monitor_60000"))
    bench.send(ConnectionLost("r"))
    bench.send(ConnectionAnswered(bench.connections[1].token, 1, 4, "lost"))
    bench.send(ConnectionAnswered(bench.connections[2].token, 0, 0))
    assert "recurring:r:r_monitor_60000" in bench.timers
    bench.send(RecurringDue("r", "r_monitor_60000"))
    assert len(bench.connections) == 4


def test_monitors_that_began_together_do_not_stay_together_and_none_is_watched_less_often(bench):
    pauses = set()
    for number in range(40):
        bench.want("monitor", f"r{number}", interval=60_000)
        bench.end(0)
        pauses.add(bench.timers[f"recurring:r{number}:r{number}_monitor_60000"].delay_ms)
    assert len(pauses) > 20
    assert max(pauses) <= 60_000 and min(pauses) >= 60_000 * (100 - JITTER_PERCENT) // 100


def test_a_node_that_ends_itself_stops_what_may_be_active_and_nothing_else(bench):
    bench.want("start", "ip", ip="10.0.0.1")
    bench.end(0)
    bench.want("start", "gone")
    bench.end(0)
    bench.want("stop", "gone")
    bench.end(0)
    bench.want("monitor", "probed", rc=7)
    bench.end(7)
    bench.want("start", "dev", standard="stonith")
    bench.end(0)
    bench.want("monitor", "ip", interval=10_000)
    hung = bench.running.pop()
    bench.send(ServicesKilled())
    assert bench.killed == [hung.token]
    (stop,) = bench.running
    assert stop.arguments[-1] == "stop"
    assert stop.environment["OCF_RESOURCE_INSTANCE"] == "ip" and stop.environment["OCF_RESKEY_ip"] == "10.0.0.1"
    done = len(bench.done)
    bench.want("start", "new")
    assert len(bench.running) == 1
    bench.send(AgentEnded(hung.token, 137, False, True, b"", b"", 1))
    assert bench.ended == 0
    bench.end(0)
    assert bench.ended == 1
    assert len(bench.done) == done


def test_a_stop_after_a_reload_is_given_what_the_reload_was_given(bench):
    bench.want("start", colour="red")
    bench.end(0)
    bench.want("reload-agent", colour="blue")
    bench.end(0)
    bench.want("stop", colour="green")
    assert bench.running[0].environment["OCF_RESKEY_colour"] == "blue"


def test_what_a_probe_finds_after_a_restart_of_the_daemon_is_stopped_with_the_parameters_of_the_probe(bench):
    bench.want("monitor", rc=7, colour="red")
    bench.end(0)
    bench.want("stop", colour="green")
    assert bench.running[0].environment["OCF_RESKEY_colour"] == "red"


def test_a_stop_ends_the_monitors_before_it_runs(bench):
    bench.want("monitor", interval=10_000)
    bench.end(0)
    bench.send(RecurringDue("web", "web_monitor_10000"))
    bench.want("stop")
    assert "recurring:web:web_monitor_10000" not in bench.timers
    assert bench.tasks() == ["monitor"]
    bench.end(7)
    assert bench.tasks() == ["stop"]
    assert bench.entry("web_last_failure_0") is None
    bench.end(0)
    assert bench.timers.get("recurring:web:web_monitor_10000") is None


def test_a_monitor_that_is_due_while_it_waits_does_not_wait_twice(bench):
    bench.want("monitor", interval=10_000)
    bench.end(0)
    bench.want("notify")
    for _ in range(5):
        bench.send(RecurringDue("web", "web_monitor_10000"))
    bench.end(0)
    assert bench.tasks() == ["monitor"]
    bench.end(0)
    assert bench.tasks() == []


def test_cancelling_ends_the_monitor_and_takes_out_its_entry(bench):
    bench.want("monitor", interval=10_000)
    bench.end(0)
    bench.want("cancel", CRM_meta_operation="monitor", CRM_meta_interval="10000")
    assert bench.entry("web_monitor_10000") is None
    assert "recurring:web:web_monitor_10000" not in bench.timers
    assert bench.done[-1].task == "cancel"


def test_a_stop_uses_the_parameters_of_the_start(bench):
    bench.want("start", ip="10.0.0.1")
    bench.end(0)
    bench.want("stop", ip="10.0.0.2")
    assert bench.end(0).environment["OCF_RESKEY_ip"] == "10.0.0.1"


def test_deleting_waits_for_what_runs_and_then_forgets_all(bench):
    bench.want("start")
    bench.want("monitor", interval=10_000)
    bench.want("delete")
    assert bench.entry("web_last_0") is not None
    bench.end(0)
    assert not bench.cib.root.xpath("//lrm_resource")
    assert bench.done[-1].task == "delete"
    assert bench.running == []


def test_only_the_dc_of_the_view_may_give_orders(bench):
    bench.want("start", dc="node2")
    assert bench.running == []


@pytest.mark.parametrize("data", [b"", b"<x", b"<rsc_op/>", b"<rsc_op id='1' operation='start'/>", b"\xff\x00"])
def test_an_order_that_cannot_be_read_does_nothing(bench, data):
    bench.send(OperationWanted(data, "node1"))
    assert bench.running == []
    assert bench.done == []


def test_too_many_waiting_operations_are_refused_with_a_reason(bench):
    for _ in range(QUEUE_MAX + 3):
        bench.want("notify")
    assert len(bench.done) == 2
    assert str(QUEUE_MAX) in bench.done[0].reason


def test_a_missing_agent_is_recorded_as_not_installed(tmp_path):
    def nowhere(agent):
        raise AgentMissing(f"no agent {agent} is installed here")

    bench = Bench(tmp_path, nowhere)
    bench.want("start")
    entry = bench.entry("web_last_failure_0")
    assert (entry["rc-code"], entry["op-status"]) == ("5", "7")
    assert "ocf:test:Dummy" in entry["exit-reason"]


def test_a_fence_device_is_where_the_cluster_started_it(bench):
    bench.want("monitor", "fence", standard="stonith", rc=7)
    assert bench.entry("fence_last_0")["rc-code"] == "7"
    bench.want("start", "fence", standard="stonith", ip="x")
    assert b"action=monitor\n" in bench.end(0).stdin
    bench.want("monitor", "fence", standard="stonith", rc=7)
    assert bench.entry("fence_last_0")["rc-code"] == "0"
    bench.want("stop", "fence", standard="stonith")
    bench.want("monitor", "fence", standard="stonith", rc=7)
    assert bench.entry("fence_last_0")["rc-code"] == "7"
    assert bench.running == []


CONNECTION = (
    '<rsc_op id="1" operation="{0}" operation_key="r_{0}_{1}" on_node="node1" on_node_uuid="1"'
    ' transition-key="1:1:0:u">'
    '<primitive id="r" class="ocf" provider="pacemaker" type="remote"/>'
    '<attributes CRM_meta_interval="{1}" CRM_meta_timeout="20000" port="5"/></rsc_op>'
)


def test_an_operation_of_a_connection_is_asked_of_those_who_connect_and_recorded_as_they_say(bench):
    bench.send(OperationWanted(CONNECTION.format("start", 0).encode(), "node1"))
    (asked,) = bench.connections
    assert (asked.remote, asked.task, asked.timeout_ms, asked.parameters["port"]) == ("r", "start", 20_000, "5")
    bench.send(ConnectionAnswered(asked.token, 1, 2, "nobody answers"))
    entry = bench.entry("r_last_failure_0")
    assert (entry["op-status"], entry["rc-code"], entry["exit-reason"]) == ("2", "1", "nobody answers")


def test_a_lost_connection_is_looked_at_before_its_interval_is_over(bench):
    bench.send(OperationWanted(CONNECTION.format("monitor", 60_000).encode(), "node1"))
    bench.send(ConnectionAnswered(bench.connections[0].token, 0, 0))
    assert len(bench.connections) == 1
    bench.send(ConnectionLost("r"))
    assert len(bench.connections) == 2
    bench.send(ConnectionAnswered(bench.connections[1].token, 1, 4, "lost"))
    assert bench.entry("r_last_failure_0")["exit-reason"] == "lost"


def test_on_a_remote_node_the_history_is_told_to_whoever_connects_also_when_the_one_before_left_it_unanswered(tmp_path):
    bench = Bench(tmp_path)
    bench.answers = False
    bench.send(Attached("r1", "r1", "c", "node1", publish=True))
    assert len(bench.asked) >= 1
    bench.asked.clear()
    bench.send(Attached("r1", "r1", "c", "node2", publish=True))
    (again,) = bench.asked
    assert b'uname="r1"' in again.operations[-1].xml and b'remote_node="true"' in again.operations[-1].xml
    assert b"join" not in again.operations[-1].xml


def test_a_cib_that_lost_this_nodes_history_gets_it_again(bench):
    bench.want("start")
    bench.end(0)
    other = Cib.empty()
    bench.cib = other
    bench.send(CibChanged(other, other, b"", None, True))
    assert bench.entry("web_last_0")["rc-code"] == "0"
    writes = bench.writes
    bench.send(CibChanged(other, bench.cib, b"", None, True))
    assert bench.writes == writes


def test_a_refused_write_is_made_up_for_later(bench):
    bench.answers = False
    bench.want("start")
    bench.end(0)
    for asked in bench.asked:
        bench.send(ChangeAnswered(asked.request, error_id="no-quorum", error="x"))
    bench.now_ms += 1000
    bench.answers = True
    assert bench.timers["look"].delay_ms > 0
    bench.send(CibChanged(bench.cib, bench.cib, b"<diff/>", None, False))
    bench.send(bench.timers.pop("look").event)
    assert bench.entry("web_last_0")["rc-code"] == "0"


def test_results_gather_while_a_write_is_on_its_way(bench):
    bench.answers = False
    for number in range(20):
        bench.want("start", f"r{number}")
        bench.end(0)
    assert len(bench.asked) == 2
    bench.answers = True
    bench.send(ChangeAnswered("somebody:1", "1"))
    bench.send(bench.timers.pop("gather").event)
    assert bench.writes == 4  # joining, the first, its result, all others
    assert all(bench.entry(f"r{number}_last_0")["rc-code"] == "0" for number in range(20))


def test_in_a_small_cluster_the_result_of_one_operation_waits_for_nothing(bench):
    bench.answers = False
    bench.want("stop")
    bench.end(0)
    assert [b'rc-code="0"' in change.operations[0].xml for change in bench.asked] == [False, True]
    for change in bench.asked:
        bench.send(ChangeAnswered(change.request, "1"))
    bench.want("start", "other")
    assert len(bench.asked) == 3 and "gather" not in bench.timers


def test_writes_that_are_never_answered_do_not_hold_up_the_next_and_are_made_up_for(bench):
    bench.answers = False
    bench.want("start")
    bench.end(0)
    bench.want("start", "other")
    bench.asked.clear()
    bench.answers = True
    bench.send(bench.timers.pop("unanswered").event)
    assert bench.entry("other_last_0")["op-status"] == "-1"
    bench.send(CibChanged(bench.cib, bench.cib, b"<diff/>", None, False))
    bench.send(bench.timers.pop("look").event)
    assert bench.entry("web_last_0")["rc-code"] == "0"


async def test_with_real_programs_an_agent_that_hangs_floods_and_forks_is_recorded_truly(tmp_path):
    agent = tmp_path / "agent"
    agent.write_text(
        "#!/bin/sh\ncase $1:$OCF_RESKEY_how in\n"
        "meta-data:*) exit 1;;\n"
        "start:hang) trap '' TERM; sleep 64;;\n"
        "start:flood) head -c 5000000 /dev/zero; exit 0;;\n"
        "start:fork) sleep 64 & exit 0;;\n"
        "start:die) kill -9 $$;;\n"
        "*) exit 0;; esac\n"
    )
    agent.chmod(0o755)
    bench = Bench(tmp_path, lambda name: str(agent))
    ended: asyncio.Queue = asyncio.Queue()
    runner = AgentRunner(lambda component, event: ended.put_nowait(event))
    expected = {"hang": ("1", "2"), "flood": ("0", "0"), "fork": ("0", "0"), "die": ("1", "4")}
    for how in expected:
        bench.want("start", how, how=how, CRM_meta_timeout="1000" if how == "hang" else "60000")
    for effect in bench.running:
        runner.run("executor", effect)
    for _ in expected:
        bench.send(await asyncio.wait_for(ended.get(), 90))
    for how, (rc, status) in expected.items():
        entry = bench.entry(f"{how}_last_0")
        assert (entry["rc-code"], entry["op-status"]) == (rc, status), how


def probes(bench, count, at_once):
    """Ask for that many probes, of which so many may run at once."""
    for number in range(count):
        data = etree.Element("rsc_op", id="7", operation="monitor", on_node="node1", on_node_uuid="1")
        data.set("operation_key", f"r{number}_monitor_0")
        data.set("transition-key", f"{number + 1}:12:7:2668bbeb-0000-0000-0000-000000000000")
        etree.SubElement(data, "primitive", id=f"r{number}", type="Dummy", provider="test").set("class", "ocf")
        etree.SubElement(data, "attributes", CRM_meta_timeout="20000", CRM_meta_op_target_rc="7")
        bench.send(OperationWanted(etree.tostring(data), "node1", at_once=at_once))


def test_of_many_probes_so_many_run_at_once_as_the_node_may_have_and_others_pass_them(bench):
    probes(bench, 10, 3)
    assert len(bench.running) == 3
    bench.want("start", "web")
    assert bench.tasks() == ["monitor", "monitor", "monitor", "start"]
    bench.end(7)
    assert len(bench.running) == 3
    for _ in range(10):
        bench.end(7 if bench.tasks()[0] == "monitor" else 0)
        assert len(bench.running) <= 3
    assert not bench.running and len(bench.done) == 11


def test_probes_that_have_not_begun_are_withdrawn_and_answered_as_cancelled(bench):
    probes(bench, 5, 2)
    bench.send(OperationsWithdrawn())
    assert [(one.resource, one.status) for one in bench.done] == [(f"r{n}", ExecStatus.CANCELLED) for n in (2, 3, 4)]
    bench.end(7)
    bench.end(7)
    assert not bench.running and len(bench.done) == 5


def test_a_new_coordinator_finds_no_probe_waiting_that_another_one_wanted(bench):
    probes(bench, 5, 2)
    bench.send(MembersChanged(View(2, (Member(2, "node2", "v", 1), *bench.view.members))))
    bench.end(7)
    bench.end(7)
    assert not bench.running and len(bench.done) == 2


def test_what_probes_found_waits_for_company_while_others_run_and_goes_when_none_does(bench):
    bench.send(MembersChanged(View(2, tuple(Member(n, f"node{n}", f"u{n}", 1) for n in range(1, 31)))))
    bench.now_ms += 10_000
    probes(bench, 8, 4)
    writes = bench.writes
    for left in range(7, -1, -1):
        bench.end(7)
        assert bench.writes == writes + (left == 0)
    assert all(bench.entry(f"r{number}_last_0")["rc-code"] == "7" for number in range(8))
