"""What is told of votes and quorum."""

from __future__ import annotations

from hashell.commands.quorum import status_lines, why
from hashell.wire.messages import Info, MemberInfo


def info(**more):
    members = more.pop("members", (
        MemberInfo(1, "node1", "member"), MemberInfo(2, "node2", "member"), MemberInfo(3, "node3", "lost"),
    ))
    return Info(**{
        "cluster": "c", "node": "node2", "engine": "mesh", "members": members, "dc": "node1", "quorate": True,
        "votes": 2, "expected_votes": 3, "quorum": 2, "view": 18, "controller_state": "S_IDLE",
        "quorum_flags": ("Quorate", "WaitForAll"), **more,
    })


def test_the_status_is_laid_out_as_corosync_quorumtool_does():
    text = "\n".join(status_lines(info()))

    assert "Node ID:          2\nRing ID:          1.12\nQuorate:          Yes\n" in text
    assert "Expected votes:   3\nHighest expected: 3\nTotal votes:      2\nQuorum:           2\n" in text
    assert "Flags:            Quorate WaitForAll\n" in text
    assert "         1          1 node1\n         2          1 node2 (local)\n" in text
    assert "node3" not in text.partition("Why:")[0]


def test_why_names_who_is_away_and_who_may_not_vote_yet():
    members = (MemberInfo(1, "node1", "member", votes=0), MemberInfo(2, "node2", "member"), MemberInfo(3, "n3", "left"))
    told = why(info(members=members, votes=1, quorate=False, quorum_reason="1 of 3 votes, 2 needed"))

    assert told == (
        "1 of 3 votes are here, 2 are needed; away: n3;"
        " without a vote until it has caught up: node1"
    )


def test_an_arbiter_is_shown_as_such():
    members = (MemberInfo(1, "node1", "member"), MemberInfo(3, "judge", "member", arbiter=True))

    assert "         3          1 judge (arbiter)" in list(status_lines(info(members=members)))


def test_without_quorum_activity_is_blocked():
    assert "Quorum:           2  Activity blocked" in list(status_lines(info(quorate=False)))
