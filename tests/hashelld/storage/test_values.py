"""Named values: checked when read, the one before kept, and never the secret ones twice."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashelld.storage.files import StorageFailed
from hashelld.storage.values import MARK, Damaged, Values, pack, unpack


def test_the_last_value_of_each_name_is_read_again(tmp_path):
    values = Values(tmp_path)
    for name, data in (("roster", b"one"), ("ballot", b"7"), ("roster", b"two")):
        values.write(name, data)

    assert Values(tmp_path).load() == ({"roster": b"two", "ballot": b"7"}, ())


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:-1], lambda b: b[:-1] + b"x", lambda b: MARK, None])
def test_a_damaged_value_is_set_aside_and_the_one_before_is_used_and_told(tmp_path, damage):
    values = Values(tmp_path)
    values.write("roster", b"before")
    values.write("roster", b"last")
    path = tmp_path / "roster.value"
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    found, findings = Values(tmp_path).load()

    assert found == {"roster": b"before"}
    if damage is not None:
        assert "roster.value is damaged" in findings[0] and "using the value before it" in findings[1]
        assert list(tmp_path.glob("roster.value.damaged-*"))


def test_where_both_are_damaged_there_is_no_value_and_nothing_is_removed(tmp_path):
    values = Values(tmp_path)
    for data in (b"before", b"last"):
        values.write("roster", data)
    for path in list(tmp_path.iterdir()):
        path.write_bytes(MARK + b"no digest\n")
    found, findings = Values(tmp_path).load()

    assert found == {}
    assert len(findings) == 2 and len(list(tmp_path.iterdir())) == 2


def test_of_a_secret_value_nothing_stays_of_what_it_was_before(tmp_path):
    values = Values(tmp_path)
    for data in (b"old-secret", b"new-secret"):
        values.write("secrets", data, secret=True)

    assert all(b"old-secret" not in path.read_bytes() for path in tmp_path.iterdir())
    assert values.load()[0] == {"secrets": b"new-secret"}


def test_what_is_durable_already_takes_no_sync_and_a_write_that_failed_does_not_count(tmp_path, monkeypatch):
    values, synced = Values(tmp_path), []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(handle), sync(handle)))
    for data in (b"names", b"names", b"other", b"names"):
        values.write("roster", data)
    assert len(synced) == 3 * 2

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed):
        values.write("roster", b"more")
    with pytest.raises(StorageFailed):
        values.write("roster", b"more")
    monkeypatch.undo()
    values.write("roster", b"names")
    assert values.load()[0] == {"roster": b"names"}


def test_a_file_of_the_first_version_is_read_as_it_is(tmp_path):
    (tmp_path / "ballot.value").write_bytes(b"12")

    assert Values(tmp_path).load() == ({"ballot": b"12"}, ())


@given(st.binary(max_size=300), st.data())
def test_what_is_packed_is_unpacked_and_no_flipped_bit_gives_another_value(value, data):
    stored = pack(value)
    assert unpack(stored) == value
    place = data.draw(st.integers(len(MARK), len(stored) - 1))
    spoiled = bytearray(stored)
    spoiled[place] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(Damaged):
        unpack(bytes(spoiled))
