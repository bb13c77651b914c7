"""How the way to each other node is shown."""

from __future__ import annotations

from hashell.commands.cluster import duration, link_lines
from hashell.wire.messages import Info, LinkInfo


def info(*links, engine="mesh"):
    return Info("c", "node1", engine, (), "node1", True, 3, 3, 2, 7, "S_IDLE", links=links)


def test_a_link_that_is_up_says_since_when_how_far_and_when_its_peer_would_be_lost():
    one = LinkInfo("node2", "10.0.0.2:5460", True, 1_000.0, True, 420, 1000, (("10.0.0.2", 40), ("10.1.0.2", -1)))

    assert list(link_lines(info(one), 1_200.0)) == [
        "node1 - node2  up 3 min, at 10.0.0.2:5460, round trip 0.42 ms, lost after 1000 ms of silence",
        "    10.0.0.2: heard 40 ms ago", "    10.1.0.2: never heard",
    ]


def test_a_link_that_is_down_and_one_without_heartbeats_say_so():
    down, slow = LinkInfo("n2"), LinkInfo("node3", "h:1", True, 5.0, detect_ms=800)

    assert list(link_lines(info(down, slow), 12.0)) == [
        "node1 - n2     DOWN",
        "node1 - node3  up 7 s, at h:1, no heartbeats: its connection tells whether it lives,"
        " lost after 800 ms of silence",
    ]


def test_with_corosync_its_own_tool_is_named():
    assert list(link_lines(info(engine="corosync"), 0.0)) == ["node1 knows of no links: corosync-cfgtool -s does"]


def test_durations_are_as_people_say_them():
    assert [duration(s) for s in (-1, 59, 60, 3_600, 200_000)] == ["0 s", "59 s", "1 min", "1 h", "2 d"]
