"""The mesh engine's pure parts: cliques, suspicion, discovery, roster, recovery, ordering, ballots."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashelld.core.events import LinkSeen
from hashelld.engine.mesh import recovery, roster
from hashelld.engine.mesh.cliques import wanted_members
from hashelld.engine.mesh.codec import Ordered, Owed, Promise, Propose, Roster, RosterEntry, ViewId
from hashelld.engine.mesh.discovery import ADDRESSES_MAX, Discovery
from hashelld.engine.mesh.membership import Membership
from hashelld.engine.mesh.ordering import Ordering
from hashelld.engine.mesh.peers import Peer
from hashelld.engine.mesh.pulse import PeerShown, Shown
from hashelld.engine.mesh.sessions import Session
from hashelld.engine.mesh.suspicion import Detector
from hashelld.engine.mesh.told import arbiter_lines, links_of, view_of
from hashelld.engine.quorum import Options

ALL = frozenset("abcd")


def matrix(names, cuts):
    """Who reaches whom when these pairs are cut both ways."""
    return {
        one: {other for other in names if frozenset((one, other)) not in cuts or one == other}
        for one in names
    }


def cut(*pairs):
    return {frozenset(pair) for pair in pairs}


class TestCliques:
    def test_all_that_reach_one_another_are_wanted(self):
        assert wanted_members("a", matrix("abc", cut()), ALL) == set("abc")

    def test_a_broken_side_of_a_triangle_gives_one_stable_pair(self):
        reach = matrix("abc", cut("ac"))

        assert wanted_members("b", reach, frozenset("abc")) == set("ab")
        assert wanted_members("a", {n: reach[n] for n in "ab"}, frozenset("abc")) == set("ab")

    def test_one_direction_alone_counts_as_cut(self):
        reach = {"a": {"a", "b"}, "b": {"b"}}

        assert wanted_members("a", reach, ALL) == {"a"}

    @given(st.sets(st.sampled_from([frozenset(p) for p in itertools.combinations("abcde", 2)])))
    def test_what_is_wanted_is_always_a_clique_with_ourselves_in_it(self, cuts):
        reach = matrix("abcde", cuts)
        for me in "abcde":
            wanted = wanted_members(me, reach, frozenset("abcde"))
            assert me in wanted
            assert all(other in reach[one] for one in wanted for other in wanted)


class TestDetector:
    def test_a_silent_peer_is_gone_after_the_time_and_not_before(self):
        detector = Detector(100, 1000)
        detector.tick(0)
        detector.heard("b", 0)
        gone = [now for now in range(100, 1500, 100) if detector.tick(now)]

        assert gone[0] == 1100

    def test_a_detector_that_was_late_itself_blames_nobody(self):
        detector = Detector(100, 1000)
        detector.heard("b", 1)
        detector.tick(1)

        assert detector.tick(901) == ()
        assert detector.tick(1001) == ()
        assert detector.tick(1101) == ()

    def test_a_long_pause_of_our_own_is_noticed_at_the_first_event_after_it(self):
        detector = Detector(100, 1000)
        detector.tick(100)

        assert detector.paused(1100) == 0
        assert detector.paused(5000) == 4800


class TestDiscovery:
    def test_an_address_is_dialed_once_at_a_time_and_later_each_time_it_fails(self):
        discovery = Discovery()
        discovery.add(("h", 1), 0)
        assert discovery.due(0, frozenset()) == (("h", 1),)
        assert discovery.due(1000, frozenset()) == ()

        waits = []
        now = 0
        for _ in range(8):
            discovery.failed(("h", 1), now)
            start = now
            while not discovery.due(now, frozenset()):
                now += 10
            waits.append(now - start)
        assert waits == sorted(waits)
        assert waits[0] == 50 and waits[-1] == 1000

    def test_who_is_expected_to_dial_us_is_dialed_later(self):
        discovery = Discovery()
        discovery.add(("h", 1), 0, wait_ms=500)
        assert discovery.due(499, frozenset()) == ()
        assert discovery.due(500, frozenset()) == (("h", 1),)

    def test_who_is_linked_or_is_ourselves_is_not_dialed(self):
        discovery = Discovery()
        discovery.linked(("h", 1), "b", 0)
        discovery.is_me(("h", 2))

        assert discovery.due(5000, frozenset("b")) == ()
        assert discovery.due(5000, frozenset()) == (("h", 1),)

    def test_a_flood_of_announced_addresses_is_bounded(self):
        discovery = Discovery()
        for port in range(10_000):
            discovery.add(("h", port), 0)

        assert len(discovery.due(0, frozenset())) == 256


class TestRoster:
    def test_a_node_gets_the_number_that_its_name_ends_with(self):
        made = roster.with_members(Roster(), dict.fromkeys(("node3", "node1", "alpha"), ("u", 1)), ViewId(1, "x"))

        assert {e.name: e.id for e in made.entries} == {"node1": 1, "alpha": 2, "node3": 3}

    def test_ids_stay_and_are_unique_when_rosters_meet(self):
        left = Roster(ViewId(5, "a"), (RosterEntry(1, "x", "u1"), RosterEntry(2, "y", "u2")))
        right = Roster(ViewId(3, "b"), (RosterEntry(1, "z", "u3"),))
        made = roster.with_members(
            roster.merge([right, left]), dict.fromkeys("xyz", ("u", 1)), ViewId(9, "a")
        )

        assert {e.name: e.id for e in made.entries} == {"x": 1, "y": 2, "z": 3}

    def test_who_was_sent_away_comes_back_only_by_itself(self):
        old = Roster(ViewId(1, "a"), (RosterEntry(1, "x", "u"), RosterEntry(2, "y", "u")))
        new = roster.without(old, "y", ViewId(2, "a"))

        assert [e.name for e in roster.merge([old, new]).entries] == ["x"]
        back = roster.with_members(roster.merge([old, new]), {"y": ("u", 1)}, ViewId(3, "a"))
        assert [e.name for e in back.entries] == ["x", "y"]
        assert back.forgotten == ()


def ordered(*numbers):
    return tuple(Ordered(number, "a", number, "t", b"") for number in numbers)


class TestRecovery:
    def test_those_that_go_on_together_have_the_same_messages(self):
        view = ViewId(3, "a")
        parts = [Owed(view, 5, ordered(3, 4, 5)), Owed(view, 7, ordered(6, 7)), Owed(ViewId(1, "z"), 0, ())]
        missed = recovery.missing(parts)

        assert [m.sequence for m in recovery.still_to_deliver(parts[0], missed)] == [6, 7]
        assert recovery.still_to_deliver(parts[1], missed) == ()
        assert recovery.still_to_deliver(parts[2], missed) == ()


class TestOrdering:
    def _pair(self):
        leader, member = Ordering("a"), Ordering("b")
        for one in (leader, member):
            one.begin(ViewId(1, "a"), ("a", "b"))
        return leader, member

    def test_all_deliver_in_the_order_of_the_first_and_keep_what_others_may_lack(self):
        leader, member = self._pair()
        orders = [
            leader.place("b", member.ask("t", b"1")), leader.place("a", leader.ask("t", b"2")),
        ]
        for one in (leader, member):
            delivered = [m.payload for order in orders for m in one.take(order)]
            assert delivered == [b"1", b"2"]
        assert leader.held == 2
        leader.got("b", member.tell(now=True).sequence)
        assert leader.held == 0

    def test_what_has_no_place_when_a_view_ends_is_asked_for_again_in_order(self):
        leader, member = self._pair()
        first = member.ask("t", b"1")
        member.ask("t", b"2")
        member.ask("t", b"3")
        member.take(leader.place("b", first))
        member.begin(ViewId(2, "b"), ("b",))

        assert [s.payload for s in member.ask_again()] == [b"2", b"3"]
        assert {s.view for s in member.ask_again()} == {ViewId(2, "b")}


class TestBallots:
    def _member(self):
        return Membership("a", 1, 0, Roster())

    @pytest.mark.parametrize(("ballot", "members", "reached", "wanted", "reason"), [
        (ViewId(3, "b"), (("a", 1), ("b", 1)), {"a": 1, "b": 1}, "ab", None),
        (ViewId(2, "b"), (("a", 1), ("b", 1)), {"a": 1, "b": 1}, "ab", "promised"),
        (ViewId(3, "b"), (("a", 2), ("b", 1)), {"a": 1, "b": 1}, "ab", "not me"),
        (ViewId(3, "b"), (("a", 1), ("b", 1)), {"a": 1, "b": 2}, "ab", "reach"),
        (ViewId(3, "b"), (("a", 1), ("b", 1)), {"a": 1, "b": 1}, "ac", "unwanted"),
    ])
    def test_a_proposal_is_promised_or_refused_with_the_reason(self, ballot, members, reached, wanted, reason):
        member = self._member()
        member.promise(ViewId(2, "c"))
        nack = member.judge(Propose(ballot, members), reached, frozenset(wanted))

        assert (nack.reason if nack else None) == reason


class TestFlood:
    def test_a_peer_of_the_roster_has_a_place_however_many_addresses_were_announced_before(self):
        discovery = Discovery()
        discovery.add(("10.0.0.1", 1), 0, lasting=True)
        for number in range(1000):
            discovery.add((f"10.1.{number // 256}.{number % 256}", 1), 0)
        discovery.add(("10.0.0.2", 1), 0, lasting=True)
        due = discovery.due(0, frozenset())
        assert {("10.0.0.1", 1), ("10.0.0.2", 1)} <= set(due)
        assert len(due) == ADDRESSES_MAX


class TestArbiter:
    def agreed(self, *, arbiters, names=("a", "b", "c")):
        """The view that `a` installs of these, all new."""
        members = Membership("a", 1, 0, Roster())
        propose = members.propose(dict.fromkeys(names, 1))
        for name in names:
            members.promise_came(name, Promise(
                propose.ballot, Owed(ViewId(), 0, ()), 0, False, 0, 1, Roster(), fresh=True, arbiter=name in arbiters,
            ))
        return members.install({name: (f"u-{name}", "") for name in names}, Options())

    def test_it_votes_and_stands_behind_all_others(self):
        install = self.agreed(arbiters=("a",))
        view = view_of(install, (), ())

        assert [seat.name for seat in install.members] == ["b", "c", "a"]
        assert (view.names, view.dc, [one.name for one in view.arbiters]) == (("b", "c"), "b", ["a"])
        assert (view.votes, view.expected_votes, view.quorum, view.unique) == (3, 3, 2, True)
        assert view.joined == ("b", "c")

    def test_it_is_nobodys_coordinator_where_it_is_alone(self):
        view = view_of(self.agreed(arbiters=("a",), names=("a",)), (), ())

        assert (view.members, view.dc, [one.name for one in view.holders]) == ((), "", ["a"])

    def test_when_it_is_lost_only_people_hear_of_it(self):
        before = self.agreed(arbiters=("c",)).members
        install = self.agreed(arbiters=(), names=("a", "b"))

        assert view_of(install, before, ()).lost == ()
        assert [line.text for line in arbiter_lines(install, before, ())] == ["the arbiter c was lost"]


class TestOneMajority:
    """However a new roster reaches only some members, no majority by the old one stands beside one by the new."""

    def install(self, old, present, fresh=(), expect=0, expects=None):
        entries = tuple(RosterEntry(number, name, f"u-{name}", votes) for number, (name, votes) in enumerate(old, 1))
        known = Roster(ViewId(5, "a", 1), entries)
        members = Membership(present[0], 1, 10, known)
        propose = members.propose(dict.fromkeys(present, 1))
        for name in present:
            members.promise_came(name, Promise(
                propose.ballot, Owed(ViewId(), 0, ()), 0, False, (expects or {}).get(name, expect), 1, known,
                fresh=name in fresh,
            ))
        made = members.install({name: (f"u-{name}", "") for name in present}, Options())
        return {entry.name: entry.votes for entry in made.roster.entries}, made

    def test_of_two_that_have_caught_up_with_three_one_votes_now_and_one_in_the_next_view(self):
        votes, made = self.install([("a", 1), ("b", 1), ("c", 1), ("d", 0), ("e", 0)], "abcde")

        assert votes == {"a": 1, "b": 1, "c": 1, "d": 1, "e": 0}
        assert made.unique and made.votes == 4

    def test_where_all_were_expected_from_the_beginning_they_may_come_together(self):
        votes, _ = self.install([("a", 1), ("b", 1), ("c", 1), ("d", 0), ("e", 0)], "abcde", expect=5)

        assert set(votes.values()) == {1}

    def test_none_is_given_a_vote_where_the_old_majority_is_not(self):
        votes, made = self.install([("a", 1), ("b", 1), ("c", 1), ("d", 0)], "ad")

        assert votes["d"] == 0 and not made.unique

    def test_who_has_lost_its_folder_loses_its_vote_at_once(self):
        votes, made = self.install([("a", 1), ("b", 1), ("c", 1)], "abc", fresh="c")

        assert votes == {"a": 1, "b": 1, "c": 0} and made.unique

    def test_where_more_are_expected_than_were_ever_there_newcomers_get_votes_all_the_same(self):
        votes, made = self.install([("a", 1), ("b", 0)], "ab", expect=2)
        assert votes == {"a": 1, "b": 1} and made.unique

        votes, made = self.install([("a", 1), ("b", 1), ("c", 0), ("d", 0)], "abcd", expect=5)
        assert votes == {"a": 1, "b": 1, "c": 1, "d": 1} and made.unique

    def test_a_cluster_that_grows_keeps_its_quorum_until_there_can_be_a_majority_of_what_newcomers_expect(self):
        roster = [("a", 1)] + [(name, 0) for name in "bcdefg"]
        for count in range(2, 8):
            present = "abcdefg"[:count]
            votes, made = self.install(roster, present, expects={"a": 1, **dict.fromkeys("bcdefg", 7)})
            assert made.unique and made.quorate and sum(votes.values()) == count
            roster = list(votes.items()) + roster[len(votes):]
        assert made.expected_votes == 7

    def test_what_a_newcomers_settings_expect_counts_when_it_votes(self):
        votes, made = self.install([("a", 1), ("b", 0)], "ab", fresh="b", expects={"b": 2})

        assert votes == {"a": 1, "b": 0} and made.quorate and made.unique

    @given(
        st.lists(st.integers(0, 2), min_size=1, max_size=6), st.integers(0, 6),
        st.integers(0, 7) | st.lists(st.integers(0, 7), min_size=12, max_size=12),
        st.sets(st.sampled_from("abcdefghijkl"), max_size=12),
        st.sets(st.sampled_from("abcdefghijkl"), max_size=3), st.data(),
    )
    def test_two_majorities_always_share_somebody(self, old, new, expect, away, fresh, data):
        names = "abcdefghijkl"[: len(old) + new]
        expects = dict(zip(names, expect if isinstance(expect, list) else [expect] * 12, strict=False))
        known = list(zip(names, old, strict=False))
        present = "".join(name for name in names if name not in away) or names[0]
        before = dict(known)
        after, made = self.install(known, present, fresh & set(present[1:]), expects=expects)
        ours = {name for name in names if data.draw(st.booleans())}

        def is_majority(part, votes):
            there = sum(votes.values())
            told = max((expects[name] for name in part if expects[name] // 2 < there), default=0)
            return sum(votes.get(name, 0) for name in part) >= max(there, told) // 2 + 1

        if made.unique:
            assert not (is_majority(ours - fresh & set(present[1:]), before) and is_majority(set(names) - ours, after))

    @given(st.lists(st.integers(0, 2), min_size=2, max_size=6), st.integers(1, 4), st.integers(0, 7), st.data())
    def test_of_two_parts_only_one_has_a_majority_whoever_has_come_or_lost_what_it_knew(self, old, new, expect, data):
        names = "abcdefghijkl"[: len(old) + new]
        known = list(zip(names, old, strict=False))
        ours = "".join(name for name in names if data.draw(st.booleans()))
        theirs = "".join(name for name in names if name not in ours)
        fresh = data.draw(st.sets(st.sampled_from(names)))
        made = [
            self.install(known, part, fresh, expect=expect)[1].unique for part in (ours, theirs) if part
        ]

        assert made.count(True) < 2 or not any(old)

    def test_those_that_know_nothing_found_no_cluster_once_they_have_met_one(self):
        votes, made = self.install([("a", 1), ("b", 1), ("c", 0), ("d", 0), ("e", 0)], "cde", fresh="cde", expect=5)

        assert votes == {"a": 1, "b": 1, "c": 0, "d": 0, "e": 0} and not made.unique

    def test_who_was_in_a_beginning_without_a_majority_belongs_to_it_with_no_vote_yet(self):
        votes, made = self.install([], "ab", fresh="ab", expect=5)
        assert votes == {"a": 0, "b": 0} and (made.votes, made.unique) == (2, False)

        votes, made = self.install([("a", 0), ("b", 0)], "acd", fresh="acd", expect=5)
        assert votes == {"a": 1, "b": 0, "c": 1, "d": 1} and made.unique

    def test_of_two_one_that_has_lost_its_folder_gets_its_vote_again_by_the_other(self):
        votes, made = self.install([("a", 1), ("b", 1)], "ab", fresh="b", expect=2)
        assert votes == {"a": 1, "b": 0} and made.unique

        votes, made = self.install([("a", 1), ("b", 0)], "ab", expect=2)
        assert votes == {"a": 1, "b": 1} and made.unique

    def test_when_most_have_lost_their_folders_the_rest_is_no_majority_also_in_later_views(self):
        votes, made = self.install([("a", 1), ("b", 1), ("c", 1)], "abc", fresh="bc", expect=3)

        assert votes == {"a": 1, "b": 1, "c": 1} and (made.votes, made.unique) == (1, False)


def test_links_are_shown_with_what_their_heartbeats_tell_and_those_that_are_down_too():
    session = Session(1, 1)
    up = Peer("b", 1, "u", 1, ("h", 5), True, "", session, passing=True, since_ms=1_000)
    torn = Peer("c", 2, "u", 1, ("i", 6), True, "", session, torn_ms=5_000)
    shown = Shown(0, (PeerShown("b", True, 300, 110, 1000, (("h", 20),)),), ())

    seen = links_of({"b": up, "c": torn}, ("b", "c", "d"), shown, 1_500, 9_000)

    assert seen.links == (
        LinkSeen("b", "h:5", True, 8_000, True, 300, 1000, (("h", 20),)),
        LinkSeen("c", "i:6", False, 9_000, False, 0, 1_500), LinkSeen("d"),
    )
