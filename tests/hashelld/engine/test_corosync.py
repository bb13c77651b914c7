"""The engine on corosync, over a made-up process group: one order, views at one place of it, and what it does when
corosync or a daemon stands still."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashelld.core.dispatch import MulticastWanted, SendWanted
from hashelld.core.effects import CancelTimer, Exit, StartTimer, Tell
from hashelld.core.events import (
    Blocked,
    Happened,
    Leaving,
    MembersChanged,
    MessageDirect,
    MessageOrdered,
    Started,
    View,
)
from hashelld.engine.corosync import codec
from hashelld.engine.corosync.codec import PIECE_MAX, Assembly, Propose, ViewName, decode, encode, pieces_of
from hashelld.engine.corosync.core import CorosyncEngine
from hashelld.engine.corosync.links import Cast, Down, GroupChanged, Heard, LeaveGroup, QuorumSaid, Up
from hashelld.engine.engine import MESSAGE_MAX, Me
from hashelld.settings import Settings


class Node:
    """One engine, and all that it told."""

    def __init__(self, net: Net, id: int, values: dict[str, bytes] | None = None, boot: int = 1) -> None:
        self.net, self.id, self.name = net, id, f"node{id}"
        place = Path("unused")
        self.settings = Settings("c", self.name, place, place, place, engine="corosync")
        self.engine = CorosyncEngine(self.settings, Me(self.name, f"uuid{id}", boot, "c"), values or {})
        self.address = (id, 100 * id + boot)
        self.timers: dict[str, tuple[int, int, object]] = {}
        self.told: list[object] = []
        self.frozen = False
        self.waiting: deque[object] = deque()

    def feed(self, event: object) -> None:
        if self.frozen:
            self.waiting.append(event)
            return
        for effect in self.engine.receive(event, self.net.now_ms, 0.0):
            match effect:
                case Tell(told):
                    self.told.append(told)
                    if isinstance(told, MessageOrdered) and told.topic.startswith("engine."):
                        self.feed(told)
                case Cast(data):
                    self.net.cast(self, data)
                case LeaveGroup():
                    self.net.leave(self)
                case StartTimer(name, delay_ms, event_):
                    number = next(self.net.count)
                    self.timers[name] = (self.net.now_ms + delay_ms, number, event_)
                    heapq.heappush(self.net.heap, (self.net.now_ms + delay_ms, number, self, name))
                case CancelTimer(name):
                    self.timers.pop(name, None)
                case _:
                    self.told.append(effect)

    def thaw(self) -> None:
        self.frozen = False
        waiting, self.waiting = self.waiting, deque()
        for event in waiting:
            self.feed(event)

    @property
    def views(self) -> list[View]:
        return [event.view for event in self.told if isinstance(event, MembersChanged)]

    @property
    def view(self) -> View:
        return self.views[-1]

    def ordered(self) -> list[tuple[int, str, int, str, bytes]]:
        """(view, proposer, sequence, origin, payload) of all that was delivered while its view was whole."""
        out, view, whole = [], None, False
        for event in self.told:
            if isinstance(event, MembersChanged):
                view, whole = event.view, True
            elif isinstance(event, Blocked):
                whole = False
            elif isinstance(event, MessageOrdered):
                assert view is not None
                assert event.view == view.number, "delivered outside its view"
                if whole:
                    out.append((view.number, view.proposer, event.sequence, event.origin, event.payload))
                else:
                    assert event.origin == self.name, "only of its own does it hear that others had it"
        return out

    def payloads(self) -> list[bytes]:
        return [event.payload for event in self.told if isinstance(event, MessageOrdered)]


class Net:
    """corosync as its manual pages promise it: parts of nodes, in each one order of messages and changes."""

    def __init__(self, count: int, *, need: int | None = None) -> None:
        self.now_ms = 1_000
        self.count = itertools.count()
        self.heap: list[tuple[int, int, Node, str]] = []
        self.all = count
        self.need = need or count // 2 + 1
        self.parts: list[set[int]] = [set(range(1, count + 1))]
        self.nodes: dict[int, Node] = {}
        self.joined: set[int] = set()
        #: What was cast and is not delivered yet, for each part.
        self.flowing: deque[tuple[Node, bytes]] = deque()
        #: A part whose votequorum says nothing at the moment.
        self.mute_quorum = False

    def part_of(self, id: int) -> set[int]:
        return next(part for part in self.parts if id in part)

    def start(self, *ids: int, **options: object) -> None:
        for id in ids:
            self.nodes[id] = node = Node(self, id, **options)  # type: ignore[arg-type]
            node.feed(Started(node.name, "c", None))  # type: ignore[arg-type]
            self.up(node)

    def up(self, node: Node) -> None:
        node.feed(Up(node.address, node.name, "c", {node.id: f"10.0.0.{node.id}"}, self.all))
        self.say_quorum(self.part_of(node.id))
        self.joined.add(node.id)
        self.change(self.part_of(node.id))

    def group(self, part: set[int]) -> tuple[tuple[int, int], ...]:
        return tuple(sorted(self.nodes[id].address for id in part & self.joined))

    def change(self, part: set[int], down: tuple[int, ...] = (), left: tuple[tuple[int, int], ...] = ()) -> None:
        for id in sorted(part & self.joined):
            self.nodes[id].feed(GroupChanged(self.group(part), down, left))

    def say_quorum(self, part: set[int]) -> None:
        if self.mute_quorum:
            return
        votes = len(part)
        for id in sorted(part & set(self.nodes)):
            self.nodes[id].feed(QuorumSaid(votes >= self.need, tuple(sorted(part)), 1, votes, self.all, self.need))

    def cast(self, node: Node, data: bytes) -> None:
        self.flowing.append((node, data))

    def flow(self, most: int = 100_000) -> None:
        """Deliver what was cast; a bound, as frames lead to frames."""
        for _ in range(most):
            if not self.flowing:
                return
            node, data = self.flowing.popleft()
            if node.id not in self.joined or self.nodes.get(node.id) is not node:
                continue
            for id in sorted(self.part_of(node.id) & self.joined):
                self.nodes[id].feed(Heard(node.address, data))
        assert most < 100_000, "frames without end"

    def run(self, ms: int) -> None:
        """Let time pass: deliver, and ring what is due."""
        end = self.now_ms + ms
        self.flow()
        while self.heap and self.heap[0][0] <= end:
            due, number, node, name = heapq.heappop(self.heap)
            self.now_ms = max(self.now_ms, due)
            timer = node.timers.get(name)
            if timer and timer[1] == number and self.nodes.get(node.id) is node:
                del node.timers[name]
                node.feed(timer[2])
                self.flow()
        self.now_ms = end
        self.flow()

    def split(self, *parts: set[int], late: tuple[int, ...] = ()) -> None:
        """Rings form anew. Of what was under way each part hears as much as it still got (`late`), then it changes;
        the rest of what its own nodes said follows in its new ring."""
        before = self.parts
        self.parts = [set(part) for part in parts]
        late += (0,) * (len(parts) - len(late))
        under_way, self.flowing = list(self.flowing), deque()
        for part, count in zip(self.parts, late, strict=True):
            for node, data in under_way[:count]:
                for id in sorted(part & self.joined):
                    self.nodes[id].feed(Heard(node.address, data))
        said_after = list(self.flowing)
        self.flowing = deque(
            (node, data) for place, (node, data) in enumerate(under_way)
            if place >= next(count for part, count in zip(self.parts, late, strict=True) if node.id in part)
        )
        self.flowing.extend(said_after)
        for part in self.parts:
            old = next(one for one in before if part & one)
            self.say_quorum(part)
            gone = tuple(sorted(old - part))
            if gone:
                self.change(part, down=gone)

    def merge(self) -> None:
        old, whole = self.parts, {id for part in self.parts for id in part}
        self.parts = [whole]
        self.say_quorum(whole)
        if len(old) > 1:
            self.change(whole)

    def kill(self, id: int) -> None:
        """SIGKILL for the daemon alone."""
        self.joined.discard(id)
        self.nodes.pop(id)
        self.change(self.part_of(id))

    def leave(self, node: Node) -> None:
        self.flow()
        self.joined.discard(node.id)
        for id in sorted(self.part_of(node.id) & self.joined):
            self.nodes[id].feed(GroupChanged(self.group(self.part_of(node.id)), (), (node.address,)))


def three() -> Net:
    net = Net(3)
    net.start(1, 2, 3)
    net.run(100)
    return net


def say(net: Net, id: int, *payloads: bytes) -> None:
    for payload in payloads:
        net.nodes[id].feed(MulticastWanted("t.x", payload))


def same_view(net: Net, *ids: int) -> View:
    found = {(view.number, view.proposer, view.names) for view in (net.nodes[id].view for id in ids)}
    assert len(found) == 1, found
    return net.nodes[ids[0]].view


class TestViews:
    def test_all_that_start_make_one_quorate_and_unique_view(self):
        net = three()

        view = same_view(net, 1, 2, 3)

        assert view.names == ("node1", "node2", "node3")
        assert (view.quorate, view.unique, view.votes, view.expected_votes, view.quorum) == (True, True, 3, 3, 2)

    def test_ids_and_addresses_are_those_of_corosync(self):
        view = same_view(three(), 1, 2, 3)

        assert [(one.id, one.name) for one in view.members] == [(1, "node1"), (2, "node2"), (3, "node3")]
        assert three().nodes[1].view.members[0].address == "10.0.0.1"

    def test_one_alone_waits_the_join_window_before_its_first_view(self):
        net = Net(3)
        net.start(1)
        net.run(2_900)
        assert net.nodes[1].views == []

        net.run(200)

        assert net.nodes[1].view.names == ("node1",)

    def test_who_founded_alone_is_as_new_as_those_that_come_later(self):
        net = Net(3)
        net.start(2)
        net.run(4_000)
        net.start(1, 3)
        net.run(100)

        assert same_view(net, 1, 2, 3).unique

    def test_who_was_here_first_coordinates_also_when_a_lower_id_comes(self):
        net = Net(3)
        net.start(2, 3)
        net.run(100)
        net.start(1)
        net.run(100)

        assert same_view(net, 1, 2, 3).names[0] == "node2"

    def test_a_daemon_that_is_killed_is_lost_and_one_that_leaves_has_left(self):
        net = three()
        net.kill(3)
        net.run(100)
        assert same_view(net, 1, 2).lost == ("node3",)

        net.nodes[2].feed(Leaving(True, "stop"))
        net.run(200)

        assert net.nodes[1].view.left == ("node2",)
        assert any(isinstance(effect, Exit) for effect in net.nodes[2].told)

    def test_a_view_that_ends_is_blocked_before_the_next_begins(self):
        net = three()
        net.kill(3)
        net.run(100)

        kinds = [type(event) for event in net.nodes[1].told if isinstance(event, Blocked | MembersChanged)]

        assert kinds[-2:] == [Blocked, MembersChanged]

    def test_parts_that_meet_make_one_view_of_a_higher_number_coordinated_by_the_majority(self):
        net = three()
        net.split({1}, {2, 3})
        net.run(100)
        alone, others = net.nodes[1].view, same_view(net, 2, 3)
        assert (alone.quorate, alone.unique) == (False, False)
        assert (others.quorate, others.unique) == (True, True)
        assert (alone.number, alone.proposer) != (others.number, others.proposer)

        net.merge()
        net.run(100)

        whole = same_view(net, 1, 2, 3)
        assert whole.number > max(alone.number, others.number)
        assert whole.names == ("node2", "node3", "node1")

    def test_a_view_that_only_one_part_still_agreed_on_is_another_than_the_next_of_its_proposer(self):
        net = three()
        net.need = 1
        net.say_quorum({1, 2, 3})
        net.flow(5)  # the wishes for a new view, the proposal; the statements are under way
        net.split({1}, {2, 3}, late=(0, 8))
        net.run(100)
        agreed = [view for view in net.nodes[2].views if view.proposer.startswith("node1") and len(view.names) == 3]
        alone = net.nodes[1].view

        assert len(agreed) == 2 and agreed[-1].number == alone.number
        assert agreed[-1].proposer != alone.proposer

    def test_a_node_that_lost_its_folder_has_no_vote_until_it_has_caught_up(self):
        net = three()
        net.kill(3)
        net.run(100)
        net.start(3, boot=2)
        net.run(100)
        assert {one.name: one.votes for one in same_view(net, 1, 2, 3).members} == {"node1": 1, "node2": 1, "node3": 0}

        net.nodes[3].feed(MulticastWanted("engine.caught", b""))
        net.run(100)

        assert all(one.votes == 1 for one in same_view(net, 1, 2, 3).members)

    def test_two_nodes_of_one_name_do_not_go_together(self):
        net = three()
        other = Node(net, 4)
        other.engine = CorosyncEngine(
            Settings("c", "node2", Path("x"), Path("x"), Path("x"), engine="corosync"), Me("node2", "u4", 1, "c"), {}
        )
        net.parts = [{1, 2, 3, 4}]
        net.nodes[4] = other
        other.feed(Started("node2", "c", None))  # type: ignore[arg-type]
        other.feed(Up(other.address, "node2", "c", {}, 4))
        net.say_quorum({1, 2, 3, 4})
        net.joined.add(4)
        net.change({1, 2, 3, 4})
        net.run(100)

        assert any(isinstance(effect, Exit) and "node2" in effect.reason for effect in other.told)
        assert same_view(net, 1, 2, 3).names == ("node1", "node2", "node3")

    def test_another_cluster_name_in_corosync_ends_the_daemon_with_a_word(self):
        net = Net(1)
        net.start(1)
        node = net.nodes[1]

        node.feed(Up(node.address, "node1", "other", {}, 1))

        assert [e.code for e in node.told if isinstance(e, Exit)] == [65]


class TestQuorum:
    def test_quorum_is_what_votequorum_says_also_against_the_count(self):
        net = Net(3, need=1)
        net.start(1, 2, 3)
        net.run(100)
        net.split({1}, {2, 3})
        net.run(100)

        assert (net.nodes[1].view.quorate, net.nodes[1].view.unique) == (True, False)

    def test_when_it_changes_without_a_change_of_members_all_make_a_new_view(self):
        net = three()
        before = same_view(net, 1, 2, 3)
        net.need = 4
        net.say_quorum({1, 2, 3})
        net.run(100)

        after = same_view(net, 1, 2, 3)
        assert after.number == before.number + 1
        assert not after.quorate and "3 of 3 votes, 4 needed" in after.reason

    def test_until_it_has_spoken_of_the_nodes_that_are_here_the_view_waits_and_then_has_no_quorum(self):
        net = three()
        net.mute_quorum = True
        net.split({1}, {2, 3})
        net.run(900)
        assert net.nodes[1].view.names == ("node1", "node2", "node3")

        net.run(300)
        assert same_view(net, 2, 3).quorate is False
        net.mute_quorum = False
        net.say_quorum({2, 3})
        net.run(100)

        assert same_view(net, 2, 3).quorate

    def test_votes_taken_by_last_man_standing_do_not_make_a_majority_unique(self):
        net = three()
        net.split({1}, {2, 3})
        for id in (2, 3):
            net.nodes[id].feed(QuorumSaid(True, (2, 3), 1, 2, 2, 2))
        net.run(100)

        view = same_view(net, 2, 3)
        assert view.quorate and not view.unique


class TestCorosyncGone:
    def test_a_node_without_corosync_is_alone_without_quorum_and_hears_itself(self):
        net = three()
        net.nodes[2].feed(Down("the connection failed"))

        view = net.nodes[2].view
        assert (view.names, view.quorate, view.reason) == (("node2",), False, "without corosync: the connection failed")
        say(net, 2, b"to myself")
        assert net.nodes[2].payloads() == [b"to myself"]

    def test_when_it_is_back_the_node_joins_again(self):
        net = three()
        net.joined.discard(2)
        net.nodes[2].feed(Down("gone"))
        net.change({1, 2, 3}, down=(2,))
        net.run(100)
        net.nodes[2].address = (2, 999)
        net.up(net.nodes[2])
        net.run(100)

        assert same_view(net, 1, 2, 3).quorate

    def test_a_corosync_that_starts_with_us_is_waited_for(self):
        net = Net(1)
        node = Node(net, 1)
        net.nodes[1] = node
        node.feed(Started("node1", "c", None))  # type: ignore[arg-type]
        node.feed(Down("not yet"))
        net.run(2_000)
        assert node.views == []
        net.run(1_500)

        assert not node.view.quorate


class TestMessages:
    def test_all_deliver_the_same_in_the_same_order_to_the_sender_too(self):
        net = three()
        for number in range(20):
            say(net, 1 + number % 3, b"%d" % number)
        net.run(10)

        assert len(net.nodes[1].payloads()) == 20
        assert net.nodes[1].ordered() == net.nodes[2].ordered() == net.nodes[3].ordered()

    def test_a_message_of_megabytes_goes_in_pieces_and_arrives_whole_in_its_place(self):
        net = three()
        big = bytes(range(256)) * 4096 * 3
        say(net, 1, b"before", big, b"after")
        sizes = [len(data) for _, data in net.flowing]
        net.run(10)

        assert max(sizes) < PIECE_MAX + 1000
        assert net.nodes[3].payloads() == [b"before", big, b"after"]

    def test_what_is_longer_than_a_message_may_be_is_refused_with_a_line_in_the_log(self):
        net = three()
        say(net, 1, bytes(MESSAGE_MAX + 1))
        net.run(10)

        assert net.nodes[1].payloads() == []

    def test_a_direct_message_is_heard_by_its_addressee_alone(self):
        net = three()
        net.nodes[1].feed(SendWanted("node3", "t.x", b"you"))
        net.nodes[1].feed(SendWanted("node1", "t.x", b"me"))
        net.run(10)

        got = {id: [e.payload for e in n.told if isinstance(e, MessageDirect)] for id, n in net.nodes.items()}
        assert got == {1: [b"me"], 2: [], 3: [b"you"]}

    def test_what_is_asked_for_while_a_view_ends_is_delivered_once_in_the_next(self):
        net = three()
        net.kill(3)
        say(net, 1, b"between")
        net.run(100)

        assert net.nodes[1].payloads() == net.nodes[2].payloads() == [b"between"]
        assert net.nodes[1].ordered()[0][0] == net.nodes[1].view.number

    def test_what_was_under_way_when_the_group_changed_is_said_again_and_delivered_once(self):
        net = three()
        say(net, 1, b"under way")
        net.kill(3)
        net.run(100)

        assert net.nodes[1].payloads() == net.nodes[2].payloads() == [b"under way"]

    def test_what_only_others_still_heard_is_not_said_to_them_again_and_its_origin_hears_it_too(self):
        net = three()
        say(net, 1, b"mine")
        net.split({1}, {2, 3}, late=(0, 1))
        net.merge()
        net.run(100)
        say(net, 1, b"next")
        net.run(10)

        assert [net.nodes[id].payloads() for id in (1, 2, 3)] == [[b"mine", b"next"]] * 3

    def test_the_rest_of_a_long_message_whose_beginning_was_of_another_view_is_not_taken_for_one(self):
        net = three()
        say(net, 3, bytes(3 * PIECE_MAX))
        net.flow(2)
        net.kill(3)
        net.run(100)
        say(net, 1, b"fine")
        net.run(10)

        assert net.nodes[1].payloads() == [b"fine"]

    def test_words_that_are_no_frames_change_nothing(self):
        net = three()
        before = same_view(net, 1, 2, 3)
        for data in (b"", b"\xff", b"\x92\x01\x02", encode([9, "x"]), bytes(100)):
            net.cast(net.nodes[3], data)
        net.run(100)

        assert same_view(net, 1, 2, 3) == before


class TestStandingStill:
    def test_a_daemon_that_stands_still_is_left_out_after_the_limit_and_taken_in_when_it_wakes(self):
        net = three()
        net.nodes[3].frozen = True
        net.run(4_000)
        assert same_view(net, 1, 2).names == ("node1", "node2", "node3")
        net.run(4_000)
        assert same_view(net, 1, 2).names == ("node1", "node2")

        net.nodes[3].thaw()
        net.run(2_000)

        assert same_view(net, 1, 2, 3).names == ("node1", "node2", "node3")

    def test_also_when_it_is_the_one_that_proposes(self):
        net = three()
        net.nodes[1].frozen = True
        net.run(12_000)
        assert same_view(net, 2, 3).names == ("node2", "node3")

        net.nodes[1].thaw()
        net.run(2_000)

        assert same_view(net, 1, 2, 3).names[0] == "node2"

    def test_it_delivers_nothing_of_the_view_that_the_others_left_it_in(self):
        net = three()
        net.nodes[3].frozen = True
        net.run(300)
        say(net, 1, b"said while it stood still")
        net.run(9_000)
        say(net, 1, b"said without it")
        net.run(100)
        net.nodes[3].thaw()
        net.run(2_000)

        assert net.nodes[3].payloads() == []

    def test_after_a_short_pause_it_goes_on_with_all_that_came_meanwhile(self):
        net = three()
        net.nodes[3].frozen = True
        net.run(2_500)
        say(net, 1, b"one", b"two")
        net.run(500)
        net.nodes[3].thaw()
        net.run(1_000)

        assert net.nodes[3].payloads() == [b"one", b"two"]
        assert len(net.nodes[3].views) == len(net.nodes[1].views)

    def test_a_ring_that_stands_still_for_long_is_nobodys_silence(self):
        net = three()
        held: list[object] = []
        net.cast = lambda node, data: held.append((node, data))  # type: ignore[method-assign,assignment]
        net.run(20_000)
        del net.cast
        net.flowing.extend(sorted(held, key=lambda one: one[0].id))  # type: ignore[arg-type,index]
        net.run(3_000)

        assert all(len(node.views) == 1 for node in net.nodes.values())


class TestPieces:
    @given(st.binary(max_size=3 * 1024), st.integers(1, 400))
    def test_pieces_put_together_are_the_message(self, payload, size):
        name = ViewName(3, "a")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(codec, "PIECE_MAX", size)
            pieces = list(pieces_of(name, 7, "", "t", payload))
        pieces = pieces[: codec.PIECES_MAX] if len(pieces) <= codec.PIECES_MAX else []
        assembly, found = Assembly(), None
        for piece in pieces:
            found = assembly.add(decode(encode(piece)))  # type: ignore[arg-type]
        assert not pieces or found == payload

    @given(st.binary(max_size=60))
    def test_whatever_bytes_come_decoding_gives_a_frame_or_nothing(self, data):
        decode(data)

    def test_a_proposal_of_another_version_is_not_understood(self):
        assert decode(encode(Propose(99, "a", (), ()))) is None


STEPS = st.lists(
    st.tuples(st.sampled_from(("say", "say", "flow", "split", "merge", "kill", "start", "run", "freeze", "thaw")),
              st.integers(1, 3)),
    max_size=40,
)


class TestAnyLife:
    @settings(max_examples=300, deadline=None)
    @given(STEPS)
    def test_views_and_orders_agree_whatever_happens_and_all_come_together_in_the_end(self, steps):
        net = three()
        boots = dict.fromkeys((1, 2, 3), 1)
        said = itertools.count()
        everybody = list(net.nodes.values())
        for number, (step, id) in enumerate(steps):
            node = net.nodes.get(id)
            if step == "say" and node and not node.frozen:
                say(net, id, b"%d" % next(said))
            elif step == "flow":
                net.flow(id)
            elif step == "split" and len(net.parts) == 1:
                net.split({id}, {1, 2, 3} - {id}, late=(number * id % 5, number % 7))
            elif step == "merge":
                net.merge()
            elif step == "kill" and node:
                net.kill(id)
            elif step == "start" and not node:
                boots[id] += 1
                values = {"caught-up": b"uuid%d" % id, "ballot": b"%d" % (1000 * boots[id])}
                net.start(id, boot=boots[id], values=values)
                everybody.append(net.nodes[id])
            elif step == "run":
                net.run(id * 1_500)
            elif step == "freeze" and node:
                node.frozen = True
            elif step == "thaw" and node and node.frozen:
                node.thaw()
        for node in net.nodes.values():
            if node.frozen:
                node.thaw()
        net.merge()
        for id in {1, 2, 3} - set(net.nodes):
            boots[id] += 1
            net.start(id, boot=boots[id], values={"caught-up": b"uuid%d" % id})
            everybody.append(net.nodes[id])
        net.run(20_000)

        assert set(same_view(net, 1, 2, 3).names) == {"node1", "node2", "node3"}
        contents: dict[tuple[int, str], View] = {}
        places: dict[tuple[int, str, int], tuple[str, bytes]] = {}
        for node in everybody:
            numbers = [view.number for view in node.views]
            assert numbers == sorted(set(numbers)), "numbers rise"
            for view in node.views:
                known = contents.setdefault((view.number, view.proposer), view)
                assert (known.names, known.quorate, known.unique) == (view.names, view.quorate, view.unique)
            delivered = node.payloads()
            assert len(delivered) == len(set(delivered)), "delivered twice"
            for number, proposer, sequence, origin, payload in node.ordered():
                key = (number, proposer, sequence)
                assert places.setdefault(key, (origin, payload)) == (origin, payload), "two orders in one view"

    @settings(max_examples=100, deadline=None)
    @given(STEPS)
    def test_there_are_never_two_unique_views_of_one_number(self, steps):
        net = three()
        for step, id in steps:
            if step == "split" and len(net.parts) == 1:
                net.split({id}, {1, 2, 3} - {id})
            elif step == "merge":
                net.merge()
            elif step == "flow":
                net.flow(id)
            else:
                net.run(id * 10)
        unique: dict[int, str] = {}
        for node in net.nodes.values():
            for view in node.views:
                if view.unique:
                    assert unique.setdefault(view.number, view.proposer) == view.proposer


def test_people_hear_who_was_lost_and_what_became_of_the_quorum():
    net = three()
    net.split({1}, {2, 3})
    net.run(100)

    lines = [event.text for event in net.nodes[1].told if isinstance(event, Happened)]

    assert "node2 was lost" in lines and "no quorum: 1 of 3 votes" in lines
