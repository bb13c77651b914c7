"""A new key: all members go over to it together, whoever dies on the way; files are whole and nobody else's to read."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashelld.engine.mesh import rotation
from hashelld.engine.mesh.keyring import Keyring
from hashelld.engine.mesh.rotation import (
    DropKeys,
    HoldKey,
    KeyHeld,
    KeyMade,
    KeyTurned,
    MakeKey,
    Rotation,
    Said,
    TurnKey,
)
from hashelld.engine.mesh.transport import make_contexts
from hashelld.engine.mesh.trust import make_trust

OLD, NEW = b"o" * 64, b"n" * 64


class Member:
    """A rotation with its files in memory."""

    def __init__(self, name):
        self.name, self.rotation = name, Rotation()
        self.accepts, self.shows = {"old"}, "old"


@given(st.data())
def test_at_every_moment_all_members_accept_what_any_of_them_shows(data):
    """One order of messages; views that end at any moment; a member that is away for a view."""
    members = {name: Member(name) for name in "abc"}
    order = []

    def say(name, said):
        order.append((name, said))

    def view(names):
        order.clear()
        for name in names:
            said = members[name].rotation.begin()
            if said:
                say(name, said)

    names = "abc"
    view(names)
    say("a", Said("next", "new", NEW))
    for _ in range(60):
        if not order:
            break
        if data.draw(st.integers(0, 9)) == 0:
            names = data.draw(st.sampled_from(["abc", "abc", "ab", "bc"]))
            # Who could not talk to the others any more is no member.
            shown = {members[name].shows for name in names}
            names = "".join(name for name in names if shown <= members[name].accepts) or names[0]
            view(names)
            continue
        origin, said = order.pop(0)
        for name in names:
            one = members[name]
            for effect in one.rotation.ordered(origin, said, names):
                match effect:
                    case HoldKey(tag):
                        one.accepts.add(tag)
                        say(name, Said("held", tag))
                        if one.shows == tag:
                            say(name, Said("turned", tag))
                    case TurnKey(tag):
                        one.shows = tag
                        say(name, Said("turned", tag))
                    case DropKeys(tag):
                        one.accepts = {tag}
        for one, other in itertools.permutations(names, 2):
            assert members[one].shows in members[other].accepts
    if not order and names == "abc":
        assert {one.shows for one in members.values()} in ({"new"}, {"old"})


def test_a_key_is_in_no_text_that_could_be_logged():
    for one in (Said("next", "t", NEW), HoldKey("t", NEW), KeyMade("t", NEW), KeyHeld("t", NEW)):
        assert "nnnn" not in repr(one)
    assert rotation.decode(b"\xc1") is None


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "key"
    file.write_bytes(OLD + b"\n")
    file.chmod(0o600)
    return file


class Told:
    def __init__(self):
        self.queue = asyncio.Queue()

    def __call__(self, component, event):
        self.queue.put_nowait(event)

    async def hear(self):
        return await asyncio.wait_for(self.queue.get(), 20)


async def test_a_key_is_held_then_turned_then_alone_and_the_file_changes_only_when_it_is_turned(path):
    ring, told = Keyring(path), Told()
    changes = []
    ring.changed.append(lambda: changes.append([trust.tag for trust in ring.trusts]))
    await ring.start(told)
    old, new = make_trust(OLD).tag, make_trust(NEW).tag

    def do(effect):
        ring.performs[type(effect)]("engine", effect)

    do(HoldKey(new, NEW))
    assert await told.hear() == KeyHeld(new)
    assert path.read_bytes() == OLD + b"\n" and (path.parent / "key.next").stat().st_mode & 0o777 == 0o600
    do(TurnKey(new))
    assert await told.hear() == KeyTurned(new)
    assert path.read_bytes() == NEW + b"\n" and path.stat().st_mode & 0o777 == 0o600
    do(DropKeys(new))
    assert changes == [[old, new], [new, old], [new]]
    assert [file.name for file in path.parent.iterdir()] == ["key"]
    do(HoldKey(new, NEW))
    assert [await told.hear(), await told.hear()] == [KeyHeld(new), KeyTurned(new)]
    await ring.stop()


async def test_a_node_that_died_holding_a_key_holds_it_again_and_tries_both(path):
    (path.parent / "key.next").write_bytes(NEW + b"\n")
    (path.parent / "key.next").chmod(0o600)
    ring, told = Keyring(path), Told()
    await ring.start(told)
    event = await told.hear()

    assert event.pending and event.key == NEW and event.tag == make_trust(NEW).tag
    assert [trust.tag for trust in ring.trusts] == [make_trust(OLD).tag, make_trust(NEW).tag]
    ring.show_other()
    assert ring.first.tag == make_trust(NEW).tag
    make_contexts(*ring.trusts)
    await ring.stop()


async def test_a_next_key_that_others_can_read_is_not_used(path):
    (path.parent / "key.next").write_bytes(NEW + b"\n")
    (path.parent / "key.next").chmod(0o644)

    assert len(Keyring(path).trusts) == 1


async def test_a_made_key_is_new_each_time(path):
    ring, told = Keyring(path), Told()
    await ring.start(told)
    for _ in range(2):
        ring.performs[MakeKey]("engine", MakeKey())
    one, other = await told.hear(), await told.hear()
    assert one.key != other.key and len(one.key) == 128
    await ring.stop()


async def test_a_folder_that_cannot_be_written_is_told(path):
    ring, told = Keyring(path), Told()
    await ring.start(told)
    ring._next = path.parent / "away" / "key.next"
    ring.performs[HoldKey]("engine", HoldKey(make_trust(NEW).tag, NEW))
    assert "No such file" in (await told.hear()).error
    await ring.stop()
