"""Fencers of several nodes together: who is asked, what is tried next, what everybody hears."""

from __future__ import annotations

import heapq
import itertools

import pytest

from hashell.agents.find import AgentMissing
from hashell.cib.document import Cib
from hashelld.core.effects import AgentEnded, CancelTimer, Multicast, RunAgent, Send, StartTimer, Tell
from hashelld.core.events import (
    FencingDone,
    FencingWanted,
    Member,
    MembersChanged,
    MessageDirect,
    MessageOrdered,
    Started,
    View,
)
from hashelld.fencer.core import Fencer
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

    def __init__(self, folder, resources, topology="", members=("n1", "n2", "n3")):
        self.heap, self.serial, self.now = [], itertools.count(), 0
        self.done: dict[str, list[FencingDone]] = {name: [] for name in members}
        self.runs: list[tuple[str, str, str, str]] = []
        self.fails: set[tuple[str, str]] = set()
        self.hangs: set[tuple[str, str]] = set()
        self.actions = "<action name='off'/><action name='on'/><action name='reboot'/>"
        self.listing = b""
        self.timers = {}
        self.silent: set[str] = set()
        cib = Cib.parse(
            f'<cib epoch="1"><configuration><crm_config/><nodes/><resources>{resources}</resources><constraints/>'
            f"<fencing-topology>{topology}</fencing-topology></configuration><status/></cib>"
        )
        self.fencers = {
            name: Fencer(Settings("c", name, folder, folder / "run", folder / "key"), self._resolve) for name in members
        }
        self.view = View(1, tuple(Member(n, name, name, 1) for n, name in enumerate(members, 1)))
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

    def run(self, seconds):
        end = self.now + seconds * 1000
        while self.heap and self.heap[0][0] <= end:
            self.now, _, name, event = heapq.heappop(self.heap)
            named = type(event).__name__ in ("StepLate", "TaskLate", "Begin")
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
        fencer._actions = {agent: frozenset({"off", "on"}) for agent in fencer._actions}
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
    done = bench.fence(timeout=8_000)
    assert "8000 ms" in done.error


def test_hosts_are_asked_of_a_device_that_knows_them(make):
    bench = make(device("a"))
    for fencer in bench.fencers.values():
        fencer._actions = {agent: frozenset({"off", "reboot", "list"}) for agent in fencer._actions}
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
    # It is this node itself that runs it; n2 asks for the same at the same time and leads its own.
    bench.silent.add("n1")
    bench.hangs.clear()
    bench.send("n2", FencingWanted("n3", "reboot", "r2", 100_000))
    bench.run(30)
    assert bench.done["n2"][-1].error == ""


def test_the_same_fencing_wanted_twice_is_done_once_and_answered_twice(make):
    bench = make(device("a", **LIST))
    bench.send("n1", FencingWanted("n3", "reboot", "one", 60_000))
    bench.send("n1", FencingWanted("n3", "reboot", "two", 60_000))
    bench.run(5)
    assert len(bench.runs) == 1
    assert [done.request for done in bench.done["n1"]] == ["one", "two"]


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
