"""The rounds of `chaos --live` as data: what is a problem, the table, names shared with the simulator."""

from __future__ import annotations

import json
import random

import pytest

from hashell.lab import chaos, live
from hashell.lab.cable import Badness
from hashell.lab.live import Round, show, table
from hashell.lab.live_audit import Usage, growth
from hashell.lab.live_faults import BY_NAME, FAULTS, MARKED, of_engine
from hashell.lab.live_rig import configuration
from hashelld.simulation.faults import KINDS

#: Kinds of the simulator that only it can do, and why.
ONLY_SIMULATED = {
    "crash_in_event": "a real process cannot be killed at its n-th event; crash_in_transition comes near",
    "disk_stall": "no block device of our own", "disk_full": "no block device of our own",
    "moment": "as crash_in_event", "torn": "no power of a disk can be cut",
    "unreachable": "tests of the fencer do it to real agents",
    "wall_jump": "the clock is this machine's", "agent": "tests of the executor do it to real agents",
    "fencing": "tests of the fencer do it to real agents",
}


def done(fault="kill", product="hashell", outage_s=0.4, problems=()):
    return Round(fault, product, 1, "node1", True, outage_s, 1.0, tuple(problems))


def test_every_kind_of_the_simulator_is_done_to_real_processes_too_or_it_is_said_why_not():
    assert {kind for kind in KINDS if kind not in BY_NAME} - set(ONLY_SIMULATED) == set()
    assert not set(ONLY_SIMULATED) & set(BY_NAME)


def test_each_fault_has_one_name_and_says_what_must_come_of_it():
    assert len(BY_NAME) == len(FAULTS)
    assert {fault.comes for fault in FAULTS} <= {"lost", "moves", "recovers", "quiet", "rests", "cold"}
    assert all(BY_NAME[name] for name in MARKED)
    assert all(fault.do is not fault.undo for fault in FAULTS)


def test_on_corosync_what_only_our_heartbeats_survive_may_cost_a_member_and_no_heartbeat_process_is_killed():
    mesh, corosync = (
        {fault.name: fault.comes for fault in of_engine(FAULTS, engine)}
        for engine in ("", "corosync")
    )

    assert mesh["heart_dies"] == mesh["wall"] == mesh["wall_one_way"] == "quiet"
    assert corosync["wall"] == corosync["wall_one_way"] == "rests"
    assert mesh.keys() - corosync.keys() == {"heart_dies"}


def test_the_table_has_middle_worst_mark_and_how_many_times_longer_the_peer_took():
    rounds = [done(outage_s=s) for s in (0.2, 0.4, 0.6)] + [done(product="pacemaker", outage_s=s) for s in (8.0, 9.0)]
    ours, peer = table(rounds)
    assert (ours.rounds, ours.bad, ours.median_s, ours.worst_s) == (3, 0, 0.4, 0.6)
    assert ours.mark_s == 0.5 and ours.held is False
    assert ours.ratio == pytest.approx(8.5 / 0.4)
    assert (peer.median_s, peer.mark_s, peer.held, peer.ratio) == (8.5, 0.0, None, 0.0)
    assert table([done(outage_s=0.5)])[0].held is True
    text = show([ours, peer]).splitlines()
    assert len(text) == 3 and "0.40 s" in text[1] and "21.2" in text[1] and "!" in text[1]


def test_a_round_with_a_problem_is_counted_as_bad():
    assert [row.bad for row in table([done(), done(problems=["two owners"])])] == [1]


def usage(what="daemon", rss_kb=50_000, fds=16):
    return Usage("node1", what, 1, rss_kb, 0, fds, 3)


def test_more_descriptors_or_memory_than_before_is_a_complaint():
    assert growth([usage()], [usage(rss_kb=55_000, fds=18)]) == ()
    assert "30 descriptors open, 16 before" in growth([usage()], [usage(fds=30)])[0]
    assert "97 MB, 48 before" in growth([usage()], [usage(rss_kb=100_000)])[0]
    # A heartbeat process is held against its like, not against a daemon.
    assert growth([usage("heart", 12_000, 5), usage()], [usage("heart", 40_000, 5)]) != ()


def test_a_good_cable_carries_everything_and_a_bad_one_loses_doubles_and_delays():
    chance = random.Random(1)
    assert {Badness().copies(chance) for _ in range(100)} == {(0.0,)}
    bad = Badness(delay_ms=50, jitter_ms=20, loss=10, duplicates=10)
    copies = [bad.copies(chance) for _ in range(2000)]
    assert 100 < sum(1 for one in copies if not one) < 300
    assert 100 < sum(1 for one in copies if len(one) == 2) < 300
    assert all(0.03 <= after <= 0.07 for one in copies for after in one)


def test_with_a_claim_port_the_service_is_on_loopback_and_without_fencing_nothing_fences():
    loopback = dict(configuration(["a", "b"], "127.0.0.47", 80, claim_port=81, fencing="fence_hashell"))
    assert "VirtualIP" in loopback["resources"]
    machines = configuration(["a", "b"], "10.0.0.47", 80)
    assert "IPaddr2" in machines[-1][1] and not any("stonith\"" in xml for _, xml in machines)
    assert 'name="stonith-enabled" value="false"' in dict(machines)["crm_config"]


def test_the_list_names_every_fault(capsys):
    assert chaos.main(["--live", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [fault.name for fault in FAULTS]


@pytest.mark.parametrize("words", [["--rounds", "0"], ["--only", "earthquake"], ["--what"], ["--peer-rounds", "x"]])
def test_bad_words_of_live_are_bad_usage(words, capsys):
    assert chaos.main(["--live", *words]) == 2
    assert "hashell chaos" in capsys.readouterr().err


def test_the_exit_code_and_the_document_say_whether_all_was_good(monkeypatch, capsys):
    rounds = [done("standby", outage_s=0.2)]
    monkeypatch.setattr(live, "run", lambda *_, **__: (rounds, []))
    assert chaos.main(["--live", "--only", "standby", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["good"] is True and told["rows"][0]["fault"] == "standby" and told["rounds"][0]["outage_s"] == 0.2
    rounds.append(done("standby", problems=["node3 was lost without need"]))
    assert chaos.main(["--live", "--only", "standby", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["good"] is False
    # What the peer does wrong is not our fault.
    rounds[1] = done("standby", "pacemaker", problems=["it took too long"])
    assert chaos.main(["--live", "--only", "standby"]) == 0
