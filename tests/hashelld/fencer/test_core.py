"""Fencers of several nodes together: who is asked, what is tried next, what everybody hears."""

from __future__ import annotations

import heapq
import itertools

import pytest
from msgspec.msgpack import encode

from hashell.agents.find import AgentMissing
from hashell.cib.document import Cib
from hashell.wire.messages import Fence, FenceDevices, ForgetFencing
from hashelld.core.effects import (
    AgentEnded,
    CancelTimer,
    Multicast,
    Reply,
    RunAgent,
    Send,
    StartTimer,
    StoreValue,
    Tell,
)
from hashelld.core.events import (
    ClientAsked,
    FencingDone,
    FencingWanted,
    Member,
    MembersChanged,
    MessageDirect,
    MessageOrdered,
    SelfFenceWanted,
    Started,
    View,
    WatchdogReady,
)
from hashelld.fencer.core import Fencer
from hashelld.fencer.devices import Ability
from hashelld.fencer.history import Row
from hashelld.fencer.messages import Run
from hashelld.settings import Settings

METADATA = """<resource-agent name="x"><parameters/><actions>{0}</actions></resource-agent>"""


def device(name, kind="good", meta="", **parameters):
    pairs = "".join(f'<nvpair id="{name}-{k}" name="{k}" value="{v}"/>' for k, v in parameters.items())
    return (
        f'<primitive id="{name}" class="stonith" type="fence_{kind}"><instance_attributes id="{name}-i">'
        f'<nvpair id="{name}-me" name="me" value="{name}"/>{pairs}'
        f"</instance_attributes>{meta}</primitive>"
    )


class Bench:
    """Fencers of all members, agents that a table answers for, a clock that jumps."""

    def __init__(self, folder, resources, topology="", members=("n1", "n2", "n3"), options=""):
        self.heap, self.serial, self.now = [], itertools.count(), 0
        self.done: dict[str, list[FencingDone]] = {name: [] for name in members}
        self.runs: list[tuple[str, str, str, str]] = []
        self.fails: set[tuple[str, str]] = set()
        self.hangs: set[tuple[str, str]] = set()
        self.actions = "<action name='off'/><action name='on'/><action name='reboot'/>"
        self.listing = b""
        self.timers = {}
        self.silent: set[str] = set()
        self.kept: dict[str, dict[str, bytes]] = {name: {} for name in members}
        self.ends: dict[str, list[SelfFenceWanted]] = {name: [] for name in members}
        self.replies: list[object] = []
        nodes = "".join(f'<node id="{n}" uname="{name}"/>' for n, name in enumerate(members, 1))
        cib = Cib.parse(
            f'<cib epoch="1"><configuration><crm_config><cluster_property_set id="o">{options}'
            f'</cluster_property_set></crm_config><nodes>{nodes}</nodes><resources>{resources}</resources><constraints/>'
            f"<fencing-topology>{topology}</fencing-topology></configuration><status/></cib>"
        )
        self.fencers = {
            name: Fencer(Settings("c", name, folder, folder / "run", folder / "key"), self._resolve) for name in members
        }
        self.view = View(
            1, tuple(Member(n, name, name, 1) for n, name in enumerate(members, 1)), quorate=True, unique=True
        )
        for name in members:
            self.send(name, Started(name, "c", cib))
            self.send(name, MembersChanged(self.view))
        self.run(1)

    @staticmethod
    def _resolve(agent):
        if agent.type == "fence_missing":
            raise AgentMissing(f"no agent {agent} is installed here")
        return f"/sbin/{agent.type}"

    def later(self, delay, name, event):
        heapq.heappush(self.heap, (self.now + delay, next(self.serial), name, event))
        return event

    def send(self, name, event):
        if name in self.silent:
            return
        for effect in self.fencers[name].receive(event, self.now, self.now / 1000):
            match effect:
                case StartTimer(timer, delay, due):
                    self.timers[name, timer] = self.later(delay, name, due)
                case CancelTimer(timer):
                    self.timers.pop((name, timer), None)
                case Send(to, topic, payload):
                    self.later(1, to, MessageDirect(1, name, topic, payload))
                case Multicast(topic, payload):
                    for member in self.fencers:
                        self.later(1, member, MessageOrdered(1, 0, name, topic, payload))
                case Tell(FencingDone() as done):
                    self.done[name].append(done)
                case Tell(SelfFenceWanted() as end):
                    self.ends[name].append(end)
                case StoreValue(_, kind, data):
                    self.kept[name][kind] = data
                case Reply(_, body):
                    self.replies.append(body)
                case RunAgent():
                    self.agent(name, effect)

    def agent(self, name, effect):
        words = dict(line.split("=", 1) for line in effect.stdin.decode().splitlines())
        action = words["action"]
        if action == "metadata":
            out = METADATA.format(self.actions).encode()
            self.later(1, name, AgentEnded(effect.token, 0, False, False, out, b"", 1))
            return
        self.runs.append((name, words["me"], action, words.get("nodename", "")))
        mark = (words["me"], action)
        if mark in self.hangs:
            self.later(effect.timeout_ms, name, AgentEnded(effect.token, 143, True, False, b"", b"", effect.timeout_ms))
        else:
            code = 1 if mark in self.fails else 0
            self.later(10, name, AgentEnded(effect.token, code, False, False, self.listing, b"broken\n" * code, 10))

    def members(self, *names, unique=True, joined=(), boots=None):
        """A new view of these, told to those that are not silent."""
        self.view = View(
            self.view.number + 1, tuple(
                Member(int(name[1:]), name, name, (boots or {}).get(name, 1)) for name in names
            ), unique=unique,
            quorate=unique, joined=joined,
        )
        for name in names:
            self.send(name, MembersChanged(self.view))

    def run(self, seconds):
        end = self.now + seconds * 1000
        while self.heap and self.heap[0][0] <= end:
            self.now, _, name, event = heapq.heappop(self.heap)
            named = type(event).__name__ in ("StepLate", "TaskLate", "Begin", "SelfFenced")
            if named and event not in self.timers.values():
                continue
            self.send(name, event)
        self.now = end

    def fence(self, target="n3", action="reboot", on="n1", timeout=60_000):
        self.send(on, FencingWanted(target, action, "request", timeout))
        self.run(200)
        return self.done[on][-1]


LIST = {"pcmk_host_list": "n1 n2 n3"}


@pytest.fixture
def make(tmp_path):
    return lambda *args, **more: Bench(tmp_path, *args, **more)


def test_a_node_is_fenced_and_everybody_hears_of_it_once(make):
    bench = make(device("a", **LIST))
    done = bench.fence()
    assert (done.error, done.device, done.request) == ("", "a", "request")
    assert bench.runs == [("n1", "a", "reboot", "n3")]
    assert [len(found) for found in bench.done.values()] == [1, 1, 1]
    assert {found[0].request for name, found in bench.done.items() if name != "n1"} == {""}
    rows = [fencer.rows for fencer in bench.fencers.values()]
    assert rows[0] == rows[1] == rows[2]
    assert [row.state for row in rows[0]] == ["done"]


def test_a_device_that_fails_is_tried_again_and_then_elsewhere(make):
    bench = make(device("a", **LIST))
    bench.fails.add(("a", "reboot"))
    done = bench.fence()
    assert done.error == "a: broken"
    assert [run[0] for run in bench.runs] == ["n1", "n1", "n2", "n2"]


def test_the_next_device_is_tried_when_one_fails_by_priority(make):
    high = '<meta_attributes id="m"><nvpair id="m1" name="priority" value="10"/></meta_attributes>'
    bench = make(device("a", **LIST) + device("b", meta=high, **LIST))
    bench.fails.add(("b", "reboot"))
    assert bench.fence().device == "a"
    assert bench.runs[0][1] == "b"


def test_a_level_with_two_devices_turns_both_off_and_then_on(make):
    bench = make(
        device("a", **LIST) + device("b", **LIST), '<fencing-level id="l" target="n3" index="1" devices="a,b"/>'
    )
    assert bench.fence().error == ""
    assert [run[1:3] for run in bench.runs] == [("a", "off"), ("b", "off"), ("a", "on"), ("b", "on")]


def test_when_half_of_a_level_fails_the_next_level_is_tried(make):
    bench = make(
        device("a", **LIST) + device("b", **LIST) + device("c", **LIST),
        '<fencing-level id="l" target="n3" index="1" devices="a,b"/>'
        '<fencing-level id="k" target="n3" index="2" devices="c"/>',
    )
    bench.fails.add(("b", "off"))
    done = bench.fence()
    assert (done.error, done.device) == ("", "c")
    assert ("a", "on") not in [run[1:3] for run in bench.runs]


def test_a_node_that_is_off_and_does_not_come_on_is_fenced_all_the_same(make):
    bench = make(
        device("a", **LIST) + device("b", **LIST), '<fencing-level id="l" target="n3" index="1" devices="a,b"/>'
    )
    bench.fails.add(("a", "on"))
    assert bench.fence().error == ""


def test_an_agent_that_cannot_reboot_turns_off_and_on(make):
    made = make(device("a", **LIST))
    for fencer in made.fencers.values():
        fencer.hands.abilities = {agent: Ability(frozenset({"off", "on"})) for agent in fencer.hands.abilities}
    assert made.fence().error == ""
    assert [run[2] for run in made.runs] == ["off", "on"]


def test_a_device_that_hangs_is_given_up_at_its_own_timeout(make):
    bench = make(device("a", pcmk_reboot_timeout="5s", pcmk_reboot_retries="1", **LIST))
    bench.hangs.add(("a", "reboot"))
    done = bench.fence(timeout=100_000)
    assert "did not complete within 5s" in done.error


def test_a_fencing_ends_when_its_whole_time_is_over(make):
    bench = make(device("a", pcmk_reboot_timeout="50s", **LIST))
    bench.hangs.add(("a", "reboot"))
    bench.send("n1", FencingWanted("n3", "reboot", "request", 8_000))
    bench.run(119)
    assert bench.done["n1"] == []
    bench.run(2)
    # Two tries of 50 s and a fifth more: that there is a third node that could try does not make it longer.
    assert "120000 ms" in bench.done["n1"][-1].error


def test_hosts_are_asked_of_a_device_that_knows_them(make):
    bench = make(device("a"))
    for fencer in bench.fencers.values():
        fencer.hands.abilities = {
            agent: Ability(frozenset({"off", "reboot", "list"})) for agent in fencer.hands.abilities
        }
    bench.listing = b"n1,\nn2,\n"
    assert bench.fence("n3").error
    assert [run[2] for run in bench.runs] == ["list"]
    bench.listing = b"n1,\nn3,\n"
    assert bench.fence("n3").error == ""
    assert [run[2] for run in bench.runs] == ["list", "list", "reboot"]


def test_no_device_and_no_agent_are_failures_in_words(make):
    assert "no device" in make(device("a", pcmk_host_list="n1")).fence("n3").error
    assert "installed" in make(device("a", kind="missing", **LIST)).fence("n3").error


def test_the_node_that_runs_an_agent_may_be_lost_meanwhile(make):
    bench = make(device("a", **LIST), members=("n1", "n2", "n3", "n4"))
    bench.fails.clear()
    bench.hangs.add(("a", "reboot"))
    bench.send("n1", FencingWanted("n3", "reboot", "request", 100_000))
    bench.run(1)
    executor = bench.runs[-1][0]
    assert executor == "n1"
    # n2 asks for the same while n1 is at it; it shoots itself only when n1 is gone.
    bench.silent.add("n1")
    bench.hangs.clear()
    bench.send("n2", FencingWanted("n3", "reboot", "r2", 100_000))
    bench.run(10)
    assert len(bench.runs) == 1
    assert bench.done["n2"] == []
    bench.members("n2", "n3", "n4")
    bench.run(30)
    assert bench.done["n2"][-1].error == ""
    assert len(bench.runs) == 2
    assert [row.state for row in bench.fencers["n2"].rows] == ["failed", "done"]


def test_the_same_fencing_wanted_twice_is_done_once_and_answered_twice(make):
    bench = make(device("a", **LIST))
    bench.send("n1", FencingWanted("n3", "reboot", "one", 60_000))
    bench.send("n1", FencingWanted("n3", "reboot", "two", 60_000))
    bench.run(5)
    assert len(bench.runs) == 1
    assert [done.request for done in bench.done["n1"]] == ["one", "two"]


def test_a_transition_is_content_with_a_node_that_somebody_turns_off_and_a_person_is_not(make):
    bench = make(device("a", **LIST))
    bench.send("n1", FencingWanted("n3", "off", "by hand", 60_000))
    bench.run(0.005)
    for name in ("n1", "n2"):
        bench.send(name, FencingWanted("n3", "reboot", f"lost, says {name}", 60_000, origin="transition"))
    bench.run(5)
    assert [run[2] for run in bench.runs] == ["off"]
    assert [done.request for done in bench.done["n1"]] == ["by hand", "lost, says n1"]
    assert [(done.action, done.request) for done in bench.done["n2"]] == [("off", "lost, says n2")]
    bench.send("n1", FencingWanted("n3", "off", "again", 60_000))
    bench.run(0.005)
    bench.send("n2", FencingWanted("n3", "reboot", "by another hand", 60_000))
    bench.run(5)
    assert [run[2] for run in bench.runs] == ["off", "off", "reboot"]


def test_what_came_of_a_fencing_says_which_life_it_was_about(make):
    bench = make(device("a", **LIST))
    assert bench.fence().life == 1
    assert bench.fence("nobody").life == 0


def test_a_delay_holds_the_first_shot_only(make):
    bench = make(device("a", pcmk_delay_base="3s", **LIST))
    bench.send("n1", FencingWanted("n3", "reboot", "r", 60_000, delay_ms=2000))
    bench.run(4)
    assert bench.runs == []
    bench.run(3)
    assert len(bench.runs) == 1


def test_rubbish_from_a_peer_does_no_harm(make):
    bench = make(device("a", **LIST))
    for topic in ("fencer.run", "fencer.ran", "fencer.nonsense"):
        bench.send("n1", MessageDirect(1, "n2", topic, b"\xc1rubbish"))
    for topic in ("fencer.started", "fencer.done", "fencer.history"):
        bench.send("n1", MessageOrdered(1, 0, "n2", topic, b"\xc1rubbish"))
    assert bench.fence().error == ""


def test_one_device_takes_one_action_at_a_time_unless_it_says_more(make):
    for limit, together in (("", 1), ("2", 2)):
        more = {"pcmk_action_limit": limit} if limit else {}
        bench = make(device("a", pcmk_host_list="n3 n4", **more), members=("n1", "n2", "n3", "n4"))
        bench.hangs.add(("a", "off"))
        for target in ("n3", "n4"):
            bench.send("n1", FencingWanted(target, "off", target, 60_000))
        bench.run(1)
        assert len(bench.runs) == together
        bench.hangs.clear()
        bench.run(200)
        assert {done.request for done in bench.done["n1"] if not done.error} == {"n3", "n4"}


def test_who_waits_for_a_busy_device_for_too_long_does_not_shoot_any_more(make):
    bench = make(device("a", pcmk_off_timeout="5s", pcmk_off_retries="1", **LIST), members=("n1", "n2"))
    bench.hangs.add(("a", "off"))
    bench.send("n1", MessageDirect(1, "n2", "fencer.run", encode(Run("t1", 1, "a", "off", "n3", 60_000))))
    bench.runs.clear()
    bench.send("n1", MessageDirect(1, "n2", "fencer.run", encode(Run("t2", 1, "a", "off", "n2", 5_000))))
    bench.run(100)
    assert [run[3] for run in bench.runs] == []


def test_a_level_with_a_device_that_is_gone_is_left_out_whole(make):
    bench = make(
        device("a", **LIST) + device("c", **LIST),
        '<fencing-level id="l" target="n3" index="1" devices="a,b"/>'
        '<fencing-level id="k" target="n3" index="2" devices="c"/>',
    )
    done = bench.fence()
    assert (done.error, done.device) == ("", "c")
    assert ("a", "off") not in [run[1:3] for run in bench.runs]


def test_a_device_without_a_list_is_asked_for_the_status_of_the_one_target(make):
    bench = make(device("a"))
    for fencer in bench.fencers.values():
        fencer.hands.abilities = {
            agent: Ability(frozenset({"off", "reboot", "list", "status"})) for agent in fencer.hands.abilities
        }
    bench.fails.add(("a", "list"))
    assert bench.fence("n3").error == ""
    assert [run[2] for run in bench.runs][-2:] == ["status", "reboot"]


def test_turning_a_node_on_needs_every_device_that_guards_the_storage(make):
    unfences = '<meta_attributes id="{0}"><nvpair id="{0}p" name="provides" value="unfencing"/></meta_attributes>'
    bench = make(
        device("a", meta=unfences.format("x"), **LIST) + device("b", meta=unfences.format("y"), **LIST)
        + device("c", **LIST)
    )
    assert bench.fence("n3", "on").error == ""
    assert [run[1:3] for run in bench.runs] == [("a", "on"), ("b", "on")]
    bench.fails.add(("b", "on"))
    assert "b: broken" in bench.fence("n3", "on").error


def test_the_history_outlives_the_daemon_and_what_was_under_way_has_failed(make, tmp_path):
    bench = make(device("a", **LIST))
    assert bench.fence().error == ""
    other = Row("n3.1.7", "n1", "off", "n3", "", "pending")
    bench.send("n2", MessageOrdered(1, 0, "n3", "fencer.started", encode(other)))
    bench.fence()
    kept = bench.kept["n2"]
    again = Fencer(Settings("c", "n2", tmp_path, tmp_path, tmp_path / "key"), Bench._resolve, kept)
    assert [row.state for row in again.rows] == ["done", "pending", "done"]
    list(again.receive(MembersChanged(View(2, (Member(2, "n2", "n2", 2),))), 0, 0.0))
    assert [row.state for row in again.rows] == ["done", "failed", "done"]
    settings = Settings("c", "n2", tmp_path, tmp_path, tmp_path / "key")
    assert Fencer(settings, Bench._resolve, {"fencing": b"x"}).rows == ()


def test_a_node_that_joins_learns_the_history_and_one_member_tells_it(make):
    bench = make(device("a", **LIST))
    bench.fence()
    told = []
    for name, joined in (("n1", ("n4",)), ("n2", ("n4",))):
        view = View(2, tuple(Member(n, f"n{n}", f"n{n}", 1) for n in (1, 2, 3, 4)), joined=joined)
        told += [
            (name, effect.topic) for effect in bench.fencers[name].receive(MembersChanged(view), 0, 0.0)
            if isinstance(effect, Multicast) and effect.topic == "fencer.history"
        ]
    assert told == [("n1", "fencer.history")]


WATCHED = '<nvpair id="w" name="stonith-watchdog-timeout" value="10s"/>'


def guarded(make, **more):
    bench = make(more.pop("resources", ""), options=WATCHED, **more)
    for name in list(bench.fencers):
        bench.send(name, WatchdogReady(5000))
    bench.run(1)
    return bench


def test_a_lost_node_with_a_watchdog_counts_as_fenced_after_its_time_and_not_before(make):
    bench = guarded(make)
    bench.silent.add("n3")
    bench.members("n1", "n2")
    bench.send("n1", FencingWanted("n3", "reboot", "r", 60_000))
    bench.run(9.9)
    assert bench.done["n1"] == []
    bench.run(1)
    assert [(done.device, done.executor, done.error) for done in bench.done["n1"]] == [("watchdog", "n3", "")]


def test_a_member_is_told_to_end_itself_and_its_time_is_waited_for_all_the_same(make):
    bench = guarded(make)
    bench.send("n1", FencingWanted("n3", "off", "r", 60_000))
    bench.run(1)
    assert len(bench.ends["n3"]) == 1 and "n1" in bench.ends["n3"][0].reason
    assert bench.done["n1"] == []
    bench.run(10)
    assert bench.done["n1"][-1].error == ""


def test_a_node_that_is_back_before_its_watchdog_had_to_reset_it_is_not_held_for_fenced(make):
    bench = guarded(make)
    bench.silent.add("n3")
    bench.members("n1", "n2")
    bench.send("n1", FencingWanted("n3", "reboot", "r", 60_000))
    bench.run(5)
    bench.silent.discard("n3")
    bench.members("n1", "n2", "n3")
    bench.run(30)
    assert [done.error for done in bench.done["n1"]] == ["watchdog: n3 came back before its watchdog had to reset it"]
    assert bench.ends["n3"] == []


def test_a_member_that_was_told_to_end_itself_is_told_again_in_the_next_view_and_waited_for_anew(make):
    bench = guarded(make)
    bench.send("n1", FencingWanted("n3", "off", "r", 60_000))
    bench.run(8)
    bench.members("n1", "n2", "n3")
    bench.run(9)
    assert len(bench.ends["n3"]) == 2
    assert bench.done["n1"] == []
    bench.run(2)
    assert [(done.executor, done.error) for done in bench.done["n1"]] == [("n3", "")]


def test_a_member_that_was_told_to_end_itself_and_comes_back_in_another_life_has_ended(make):
    bench = guarded(make)
    bench.send("n1", FencingWanted("n3", "off", "r", 60_000))
    bench.run(2)
    bench.members("n1", "n2")
    bench.run(2)
    bench.members("n1", "n2", "n3", boots={"n3": 2})
    bench.run(1)
    assert [(done.executor, done.error) for done in bench.done["n1"]] == [("n3", "")]


def test_a_side_without_a_majority_does_not_hold_the_other_for_dead(make):
    bench = guarded(make)
    bench.members("n1", unique=False)
    bench.send("n1", FencingWanted("n3", "off", "r", 60_000))
    bench.run(30)
    assert "no device" in bench.done["n1"][-1].error


def test_losing_the_majority_during_the_wait_ends_it_without_success(make):
    bench = guarded(make)
    bench.silent.add("n3")
    bench.members("n1", "n2")
    bench.send("n1", FencingWanted("n3", "off", "r", 60_000))
    bench.run(5)
    bench.silent.add("n2")
    bench.members("n1", unique=False)
    bench.run(30)
    assert "majority" in bench.done["n1"][-1].error


def test_a_device_comes_before_a_watchdog_and_a_node_without_one_is_never_waited_for(make):
    bench = guarded(make, resources=device("a", **LIST))
    assert bench.fence("n3").device == "a"
    bench.fails.add(("a", "reboot"))
    assert bench.fence("n3").device == "watchdog"
    bench.send("n3", WatchdogReady(0))
    bench.run(1)
    assert bench.fence("n3").error == "a: broken"


def test_a_person_who_vouches_for_a_node_ends_the_shooting_at_it(make):
    bench = make(device("a", **LIST))
    bench.hangs.add(("a", "reboot"))
    bench.silent.add("n3")
    bench.members("n1", "n2")
    bench.send("n1", FencingWanted("n3", "reboot", "r", 60_000))
    bench.run(1)
    bench.send("n1", ClientAsked(7, "root", Fence("n3", "off", confirm=True)))
    bench.run(1)
    assert [(done.request, done.device, done.error) for done in bench.done["n1"]] == [
        ("", "a person", ""), ("r", "a person", ""),
    ]


def test_a_client_hears_which_devices_may_fence_a_node_and_by_whom(make):
    bench = make(device("a", pcmk_host_list="n3") + device("b", pcmk_host_list="n2"))
    bench.send("n1", ClientAsked(1, "root", FenceDevices("n3")))
    (answer,) = bench.replies
    assert [(one.id, one.check, one.executors) for one in answer.devices] == [("a", "static-list", ("n1", "n2"))]
    assert answer.watchdog_ms == 0 and answer.why_not == ""


def test_the_history_is_forgotten_on_all_nodes_when_a_person_says_so(make):
    bench = make(device("a", **LIST))
    bench.fence()
    bench.send("n2", ClientAsked(1, "root", ForgetFencing()))
    bench.run(1)
    assert [fencer.rows for fencer in bench.fencers.values()] == [(), (), ()]


def apart(make, **more):
    """Two nodes that each hold the other for lost, and shoot at once: those who fell in the end."""
    bench = make(device("a", pcmk_host_list="n1 n2", **more), members=("n1", "n2"))
    fallen = []
    agent = bench.agent

    def shoot(name, effect):
        words = dict(line.split("=", 1) for line in effect.stdin.decode().splitlines())
        if words["action"] == "reboot":
            # Who is hit falls at once, with all that waits there.
            fallen.append(words["nodename"])
            bench.silent.add(words["nodename"])
        agent(name, effect)

    bench.agent = shoot
    for name in ("n1", "n2"):
        bench.send(name, MembersChanged(View(2, (Member(int(name[1]), name, name, 1),), quorate=True)))
    for name, other in (("n1", "n2"), ("n2", "n1")):
        bench.send(name, FencingWanted(other, "reboot", "r", 60_000))
    bench.run(60)
    return fallen


def test_of_two_that_fence_each_other_the_favoured_one_survives(make):
    # A delay of n1's fencing gives n1 the time to shoot first.
    assert apart(make, pcmk_delay_base="n1:5s") == ["n2"]
    assert apart(make, pcmk_delay_base="n2:5s") == ["n1"]


def test_without_a_favoured_one_a_random_delay_leaves_one_of_two(make):
    assert [len(apart(make, pcmk_delay_max="10s")) for _ in range(3)] == [1, 1, 1]
