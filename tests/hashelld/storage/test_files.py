"""Files are whole or not there, what is damaged is set aside."""

from __future__ import annotations

import os

import pytest

from hashelld.storage.files import StorageFailed, set_aside, sweep, write_whole


def test_a_file_is_replaced_whole_and_leaves_no_temporary_one(tmp_path):
    path = tmp_path / "value"
    write_whole(path, b"old")
    write_whole(path, b"new")

    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["value"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_write_that_fails_leaves_the_old_file_and_says_where_and_why(tmp_path, monkeypatch):
    path = tmp_path / "value"
    write_whole(path, b"old")

    def full(handle, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageFailed, match=r"value cannot be written: No space left"):
        write_whole(path, b"new")
    monkeypatch.undo()

    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["value"]


def test_what_is_set_aside_twice_keeps_both_copies(tmp_path):
    for content in (b"one", b"two"):
        (tmp_path / "cib.xml").write_bytes(content)
        set_aside(tmp_path / "cib.xml")

    assert sorted(p.read_bytes() for p in tmp_path.iterdir()) == [b"one", b"two"]


def test_temporary_files_of_a_crash_are_swept(tmp_path):
    (tmp_path / ".cib.xml.77.new").write_bytes(b"half")
    (tmp_path / "cib.xml").write_bytes(b"whole")
    sweep(tmp_path)

    assert [p.name for p in tmp_path.iterdir()] == ["cib.xml"]
