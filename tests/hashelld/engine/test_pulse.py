"""The heartbeat process without a process: who is judged silent, when, and what a forger or a flood can do."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashelld.engine.mesh import beats, pulse, pulse_words
from hashelld.engine.mesh.beats import BadBeat, Heartbeat, seal, unseal
from hashelld.engine.mesh.pulse import (
    Alive,
    Blocked,
    Configure,
    Doubted,
    GivenUp,
    Heard,
    InView,
    KillDaemon,
    Paused,
    Pulse,
    SendTo,
    Shown,
    Silent,
    Vouch,
    Watch,
)
from hashelld.engine.mesh.suspicion import Gaps

TAG, KEY = b"\1" * 8, b"k" * 32
MS = 1000


def configure(name, **changes):
    values = {
        "ident": beats.mark(name, "u"), "boot": 1, "keys": ((TAG, KEY),), "heartbeat_ms": 100, "detect_ms": 1000,
        "jitter_cap_ms": 3000, "stall_ms": 5000, "kill_stalled": False,
    }
    return Configure(**{**values, **changes})


class Net:
    """Some pulses on one clock and a network that can be cut, one way each, and that may lose or hold datagrams."""

    def __init__(self, *names, **changes):
        self.now = 10_000_000
        self.chance = random.Random(1)
        self.names = names
        self.cut = set()
        self.loss = 0.0
        self.frozen = set()
        self.daemon_stands = set()
        self.said = {name: [] for name in names}
        self.wire = []
        self.kept = []
        self.pulses = {name: Pulse(configure(name, **changes), self.now) for name in names}
        for one in names:
            for other in names:
                if one != other:
                    self.command(one, Watch(other, beats.mark(other, "u"), 1, ((other, 1),)))
            self.command(one, InView(1, 7, names))

    def command(self, name, command):
        self.perform(name, self.pulses[name].command(command, self.now))

    def perform(self, name, outs):
        for out in outs:
            if isinstance(out, SendTo):
                self.kept.append((name, out))
                lost = self.chance.random() < self.loss
                if (name, out.address[0]) not in self.cut and not lost:
                    self.wire.append((self.now + 300, name, out.address[0], out.data))
            else:
                self.said[name].append((self.now, out))

    def run(self, ms):
        end = self.now + ms * MS
        while self.now < end:
            self.now += 10 * MS
            arrived = [one for one in self.wire if one[0] <= self.now]
            self.wire = [one for one in self.wire if one[0] > self.now]
            for at, sender, to, data in arrived:
                if to not in self.frozen:
                    self.perform(to, self.pulses[to].datagram(data, (sender, 1), at, self.now))
            for name, one in self.pulses.items():
                if name in self.frozen:
                    continue
                if name not in self.daemon_stands:
                    one.command(Alive(), self.now)
                if self.now >= one.due_us:
                    self.perform(name, one.tick(self.now))

    def heard(self, name, kind):
        return [(at, out) for at, out in self.said[name] if isinstance(out, kind)]


def test_beats_pass_both_ways_soon_and_nobody_is_silent():
    net = Net("a", "b", "c")
    net.run(60_000)

    assert {out.name for _, out in net.heard("a", Heard)} == {"b", "c"}
    assert all(at - 10_000_000 < 300 * MS for at, _ in net.heard("a", Heard))
    assert not any(net.heard(name, (Silent, Doubted, Blocked, Paused)) for name in "abc")


def test_a_silent_node_is_told_after_the_time_when_nobody_else_can_confirm():
    net = Net("a", "b")
    net.run(2000)
    net.frozen.add("b")
    began = net.now
    net.run(2000)

    ((at, verdict),) = net.heard("a", Silent)
    assert (verdict.name, verdict.why) == ("b", "silent")
    assert 900 * MS < at - began <= 1200 * MS


def test_silence_that_another_member_confirms_is_told_sooner():
    net = Net("a", "b", "c")
    net.run(2000)
    net.frozen.add("c")
    began = net.now
    net.run(2000)

    for name in "ab":
        ((at, _),) = net.heard(name, Silent)
        assert 500 * MS < at - began <= 800 * MS


def test_silence_of_one_that_has_answered_over_its_link_since_is_confirmed_by_nobody():
    net = Net("a", "b", "c")
    net.run(2000)
    net.frozen.add("c")
    net.run(500)
    assert net.heard("a", Doubted)
    net.command("a", Vouch("c"))
    vouched = net.now
    net.run(3000)

    ((at, _),) = net.heard("a", Silent)
    assert 900 * MS < at - vouched <= 1200 * MS


def test_nobody_confirms_who_is_in_another_view():
    net = Net("a", "b", "c")
    net.run(2000)
    net.command("b", InView(2, 9, ("a", "b", "c")))
    net.run(300)
    net.frozen.add("c")
    began = net.now
    net.run(2000)

    ((at, _),) = net.heard("a", Silent)
    assert at - began > 900 * MS


def test_who_was_given_up_by_a_member_is_given_up_at_once_if_it_is_half_silent_here():
    net = Net("a", "b")
    net.run(2000)
    net.frozen.add("b")
    net.run(300)
    net.command("a", GivenUp("b"))
    assert not net.heard("a", Silent)
    net.run(300)

    assert net.heard("a", Silent)


def test_fifteen_percent_of_loss_cost_nobody_its_membership():
    net = Net("a", "b", "c")
    net.run(2000)
    net.loss = 0.15
    net.run(300_000)

    assert not any(net.heard(name, Silent) for name in "abc")


def test_a_node_that_hears_but_is_not_heard_is_cut_off_on_both_sides():
    net = Net("a", "b")
    net.run(2000)
    net.cut.add(("a", "b"))
    net.run(3000)

    assert [out.why for _, out in net.heard("b", Silent)] == ["silent"]
    assert [out.why for _, out in net.heard("a", Silent)] == ["one way"]


def test_a_doubted_peer_that_answers_over_its_link_is_not_lost_and_udp_is_told_to_be_blocked():
    net = Net("a", "b")
    net.run(2000)
    net.cut |= {("a", "b"), ("b", "a")}
    for _ in range(60):
        net.run(100)
        for name in "ab":
            if net.heard(name, Doubted):
                net.command(name, Vouch("b" if name == "a" else "a"))

    assert not net.heard("a", Silent) and not net.heard("b", Silent)
    assert [out.name for _, out in net.heard("a", Blocked)] == ["b"]
    net.cut.clear()
    before = len(net.heard("a", Heard))
    net.run(500)
    assert len(net.heard("a", Heard)) == before + 1


def test_udp_that_never_passed_is_told_once_and_nobody_is_judged_by_it():
    net = Net("a", "b")
    net.cut |= {("a", "b"), ("b", "a")}
    net.wire.clear()
    net.run(30_000)

    assert [out.name for _, out in net.heard("a", Blocked)] == ["b"]
    assert not net.heard("a", Silent)


def test_a_process_that_was_late_itself_gives_everybody_that_time_again():
    net = Net("a", "b")
    net.run(2000)
    net.frozen.add("a")
    net.run(400)
    net.frozen.clear()
    net.wire.clear()
    net.run(3000)

    assert not net.heard("a", Silent)


def test_a_long_pause_of_its_own_is_told_and_blames_nobody():
    net = Net("a", "b")
    net.run(2000)
    net.frozen.add("a")
    net.run(5000)
    net.frozen.clear()
    net.wire.clear()
    net.run(900)

    ((_, paused),) = net.heard("a", Paused)
    assert 4000 < paused.paused_ms <= 5000 and not paused.asleep
    assert not net.heard("a", Silent)


def test_a_machine_that_slept_tells_so():
    net = Net("a", "b")
    net.perform("a", net.pulses["a"].slept(60_000, net.now))

    assert net.heard("a", Paused)[0][1] == Paused(60_000, True)


def test_a_daemon_that_stands_still_is_told_by_its_own_beats_and_not_before_its_limit():
    net = Net("a", "b")
    net.run(2000)
    net.daemon_stands.add("b")
    net.run(4500)
    assert not net.heard("a", Silent)
    net.run(1500)

    assert [out.why for _, out in net.heard("a", Silent)] == ["stalled"]


def test_a_daemon_that_gets_no_processor_is_given_that_time_within_reason():
    one = Pulse(configure("a", stall_ms=1000, kill_stalled=True), 0)
    killed = []
    for now in range(100_000, 20_000_000, 100_000):
        one.starved(90_000, now)
        killed += [now for out in one.tick(now) if isinstance(out, KillDaemon)]
    # A tenth of the time was its own; twelve times its limit is all that starving excuses.
    assert killed and 10_000_000 < killed[0] < 15_000_000


def test_a_verdict_that_the_daemon_does_not_act_on_is_told_again():
    net = Net("a", "b")
    net.run(2000)
    net.frozen.add("b")
    net.run(9000)
    assert 2 <= len(net.heard("a", Silent)) <= 3


def test_many_beat_less_often_and_miss_one_another_later():
    one = Pulse(configure("a"), 0)
    few = one.due_us
    for number in range(31):
        one.command(pulse.Watch(f"n{number}", beats.mark(f"n{number}", "u"), 1, (("h", number),)), 0)
    one.tick(few)
    assert one.due_us - few == 400_000


def test_a_daemon_that_stands_still_is_ended_once_where_that_is_the_policy():
    net = Net("a", "b", kill_stalled=True)
    net.run(1000)
    net.daemon_stands.add("a")
    net.run(20_000)

    assert len(net.heard("a", KillDaemon)) == 1
    assert not net.heard("b", KillDaemon)


def test_the_end_of_a_daemon_is_told_at_once_by_its_last_words():
    net = Net("a", "b")
    net.run(1000)
    net.perform("b", net.pulses["b"].last_words(net.now))
    net.frozen.add("b")
    net.run(20)

    assert [out.why for _, out in net.heard("a", Silent)] == ["dead"]


def test_a_later_life_ends_the_one_that_we_watch():
    net = Net("a", "b")
    net.run(1000)
    net.pulses["b"] = Pulse(configure("b", boot=2), net.now)
    net.command("b", Watch("a", beats.mark("a", "u"), 1, (("a", 1),)))
    net.run(200)

    assert [out.why for _, out in net.heard("a", Silent)] == ["restarted"]


def test_another_process_of_the_same_life_goes_on_where_the_last_one_ended():
    net = Net("a", "b")
    net.run(1000)
    net.pulses["b"] = Pulse(configure("b"), net.now)
    net.command("b", Watch("a", beats.mark("a", "u"), 1, (("a", 1),)))
    net.run(5000)

    assert not net.heard("a", (Silent, Blocked))


def test_replayed_reordered_forged_and_truncated_heartbeats_are_ignored_and_counted():
    net = Net("a", "b")
    net.run(2000)
    net.frozen.add("b")
    old = [out.data for name, out in net.kept if name == "b"]
    forger = Pulse(configure("b", keys=((TAG, b"x" * 32),)), net.now)
    forged = forger.command(Watch("a", beats.mark("a", "u"), 1, (("a", 1),)), net.now)
    a = net.pulses["a"]
    began = net.now
    for _ in range(400):
        net.run(10)
        for data in (*old[-20:], *(out.data for out in forged), old[0][:-1], b"", b"\xff" * 300):
            net.perform("a", a.datagram(data, ("z", 9), net.now, net.now))
        if net.heard("a", Silent):
            break
    shown = a._shown(net.now)

    assert net.heard("a", Silent)[0][0] - began < 1200 * MS
    assert {"replayed", "forged", "garbage"} <= {why for why, _ in shown.refused}


def test_beats_to_another_node_prove_nothing_here():
    net = Net("a", "b", "c")
    net.run(1000)
    to_c = next(out.data for name, out in reversed(net.kept) if name == "b" and out.address[0] == "c")
    net.perform("a", net.pulses["a"].datagram(to_c, ("b", 1), net.now, net.now))

    assert dict(net.pulses["a"]._shown(net.now).refused) == {"for another": 1}


def test_beats_kept_from_before_a_new_process_heard_nothing_make_nobody_alive():
    """After a respawn the numbers of old beats are not known any more; the stamps of our own in them are too old."""
    net = Net("a", "b")
    net.run(2000)
    old = [out.data for name, out in net.kept if name == "b"]
    net.frozen.add("b")
    net.run(3000)
    again = Pulse(configure("a"), net.now)
    again.command(Watch("b", beats.mark("b", "u"), 1, (("b", 1),)), net.now)
    said = []
    for data in old:
        said += again.datagram(data, ("b", 1), net.now, net.now)

    assert not any(isinstance(out, Heard) for out in said)


def test_a_flood_that_is_not_worked_off_is_no_reason_to_judge_at_once():
    net = Net("a", "b")
    net.run(2000)
    a = net.pulses["a"]
    net.frozen.add("b")
    said = []
    for _ in range(13):
        net.now += 100 * MS
        said += a.tick(net.now, drained=False)
    assert any(isinstance(out, Doubted) for out in said)
    assert not any(isinstance(out, Silent) for out in said)
    for _ in range(10):
        net.now += 100 * MS
        said += a.tick(net.now, drained=False)
    assert any(isinstance(out, Silent) for out in said)


def test_gaps_make_the_time_longer_up_to_the_cap_and_are_forgotten_after_ten_minutes():
    gaps = Gaps(1000, 3000)
    gaps.add(200, 0)
    assert gaps.limit_us == 1000
    gaps.add(400, 60_000_000)
    assert gaps.limit_us == 1600
    gaps.add(5000, 61_000_000)
    assert gaps.limit_us == 3000
    gaps.add(100, 12 * 60_000_000)
    assert gaps.limit_us == 1000


def test_peers_and_addresses_are_bounded():
    net = Net("a")
    for number in range(1000):
        name = f"n{number}"
        net.command("a", Watch(name, beats.mark(name, "u"), 1, tuple((f"h{i}", 1) for i in range(50))))
    sent = [out for out in net.pulses["a"].tick(net.now) if isinstance(out, SendTo)]

    assert len(sent) == pulse.PEERS_MAX * pulse.ADDRESSES_MAX


def test_a_second_address_is_heard_too_and_shown():
    net = Net("a", "b")
    net.run(1000)
    data = next(out.data for name, out in reversed(net.kept) if name == "b")
    net.perform("a", net.pulses["a"].datagram(data, ("b-second", 1), net.now, net.now))
    (peer,) = net.pulses["a"]._shown(net.now).peers

    assert {host for host, _ in peer.paths} == {"b", "b-second"}
    assert peer.passing and peer.limit_ms == 1000


@given(st.binary(max_size=200))
def test_no_bytes_without_the_key_are_a_heartbeat(data):
    with pytest.raises(BadBeat):
        unseal(data, {TAG: KEY})


def test_a_heartbeat_says_the_same_on_the_other_side_and_no_bit_of_it_can_be_changed():
    beat = Heartbeat(1, b"a" * 8, b"b" * 8, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
    data = seal(beat, TAG, KEY)
    assert unseal(data, {TAG: KEY}) == beat
    for place in range(len(data) * 8):
        other = bytearray(data)
        other[place // 8] ^= 1 << place % 8
        with pytest.raises(BadBeat):
            unseal(bytes(other), {TAG: KEY})


@pytest.mark.parametrize("message", [
    configure("a"), Watch("b", b"12345678", 2, (("h", 1), ("::1", 2))), InView(3, 2**63, ("a", "b")), Alive(),
    Silent("b", 2, "silent", 1000, 1000), Paused(5, True),
    Shown(3, (pulse.PeerShown("b", True, 200, 110, 1000, (("h", 20),)),), (("forged", 2),)),
])
def test_words_between_daemon_and_process_come_out_as_they_went_in(message):
    assert pulse_words.unpack(pulse_words.pack(message)) == message


def test_the_key_is_not_shown_by_what_carries_it():
    assert "k" * 8 not in repr(configure("a")) and KEY.hex() not in repr(configure("a"))
