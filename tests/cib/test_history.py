"""Versions kept, listed, compared and restored; a damaged file is no disaster."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from lxml import etree

from hashell.cib.document import BadXml, Cib
from hashell.cib.edit import apply_operation
from hashell.cib.history import History, HistoryUnusable, NoSuchVersion
from hashell.cib.patch import apply_patch
from hashell.cib.transaction import commit
from hashell.cib.versions import Version
from hashell.testing.cibs import cibs


class _Add:
    kind, path = "modify", "resources"

    def __init__(self, name: str) -> None:
        self.xml = f"<primitive id='{name}'/>".encode()


_OPENED: list[History] = []


@pytest.fixture(autouse=True)
def closed():
    """What a test opened is closed, also twice."""
    yield
    while _OPENED:
        _OPENED.pop().close()


def _filled(path: Path, count: int = 3, keep: int = 1000) -> tuple[History, list[Cib]]:
    history, cib, made = History(path, keep), Cib.empty(), []
    _OPENED.append(history)
    for number in range(count):
        cib = commit(cib, [_Add(f"r{number}")]).after
        history.record(cib, 1000.0 + number, "ann", "node1", f"add r{number}", "because")
        made.append(cib)
    return history, made


def test_what_is_recorded_is_listed_newest_first(tmp_path):
    history, _ = _filled(tmp_path / "h")
    listed = history.entries()
    assert [entry.command for entry in listed] == ["add r2", "add r1", "add r0"]
    newest = listed[0]
    assert (newest.user, newest.node, newest.message, newest.when_s) == (
        "ann", "node1", "because", 1002.0,
    )
    assert newest.version == Version(0, 3, 0)
    assert [entry.command for entry in history.entries(1)] == ["add r2"]


def test_history_outlives_a_restart(tmp_path):
    history, made = _filled(tmp_path / "h")
    history.close()
    with History(tmp_path / "h") as again:
        assert again.problem is None
        assert again.get(3).to_bytes() == made[2].to_bytes()


def test_a_version_is_found_by_its_number(tmp_path):
    history, _ = _filled(tmp_path / "h")
    assert history.find(Version(0, 2, 0)).command == "add r1"
    with pytest.raises(NoSuchVersion, match=r"0\.9\.0"):
        history.find(Version(0, 9, 0))
    with pytest.raises(NoSuchVersion, match="77"):
        history.get(77)


def test_the_same_version_is_recorded_once(tmp_path):
    history, made = _filled(tmp_path / "h", 1)
    history.record(made[0], 5.0, "bob", "node2")
    assert len(history.entries()) == 1


def test_the_number_of_versions_is_bounded(tmp_path):
    history, _ = _filled(tmp_path / "h", 10, keep=4)
    assert [entry.command for entry in history.entries()] == [f"add r{n}" for n in (9, 8, 7, 6)]


def test_patch_and_diff_lead_from_one_version_to_the_other(tmp_path):
    history, made = _filled(tmp_path / "h")
    assert history.patch(1) is None
    assert apply_patch(made[1], history.patch(3)).to_bytes() == made[2].to_bytes()
    back = history.diff(3, 1)
    assert apply_patch(made[2], back, check_version=False).to_bytes() == made[0].to_bytes()


def test_undo_restores_the_configuration_and_nothing_else(tmp_path):
    history, made = _filled(tmp_path / "h")
    root = made[2].copy_root()
    apply_operation(root, "modify", b"<node_state id='1'/>", "status")
    apply_operation(root, "replace", history.undo(Cib(root), 1), "configuration")
    assert [p.get("id") for p in root.iter("primitive")] == ["r0"]
    assert root.find("status/node_state") is not None
    assert history.undo(Cib(root), 1) == b""


def test_the_status_is_not_kept(tmp_path):
    cib = commit(Cib.empty(), [_Add("a")]).after
    root = cib.copy_root()
    apply_operation(root, "modify", b"<node_state id='1'/>", "status")
    with History(tmp_path / "h") as history:
        entry = history.record(Cib(root), 1.0, "ann", "node1")
        assert history.get(entry.number).root.find("status/node_state") is None


@pytest.mark.parametrize("damage", [b"rubbish", b"SQLite format 3\0" + b"x" * 5000])
def test_a_damaged_file_is_set_aside_and_told(tmp_path, damage):
    path = tmp_path / "h"
    path.write_bytes(damage)
    with History(path) as history:
        assert history.problem is not None
        assert "set aside as h.damaged-1" in history.problem.message
        history.record(Cib.empty(), 1.0, "ann", "node1")
        assert len(history.entries()) == 1
    assert (tmp_path / "h.damaged-1").read_bytes() == damage


def test_damage_in_the_middle_of_a_file_is_found_when_it_is_opened(tmp_path):
    path = tmp_path / "h"
    history, _ = _filled(path, 60)
    history.close()
    data = bytearray(path.read_bytes())
    data[4096:4096 + 3000] = b"\xff" * 3000
    path.write_bytes(data)
    with History(path) as again:
        assert again.problem is not None


def test_a_second_damaged_file_does_not_replace_the_first(tmp_path):
    for _ in range(2):
        (tmp_path / "h").write_bytes(b"rubbish")
        History(tmp_path / "h").close()
    assert {path.name for path in tmp_path.iterdir()} == {"h", "h.damaged-1", "h.damaged-2"}


def test_another_format_is_set_aside(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "h")) as database, database:
        database.execute("PRAGMA user_version=99")
        database.execute("CREATE TABLE versions (x)")
    database.close()
    with History(tmp_path / "h") as history:
        assert "format 99" in history.problem.message


def test_one_damaged_entry_does_not_take_the_others_along(tmp_path):
    history, _ = _filled(tmp_path / "h")
    history._database.execute("UPDATE versions SET xml=x'00' WHERE number=2")
    with pytest.raises(BadXml, match="version 2"):
        history.get(2)
    assert history.get(3).root.tag == "cib"


def test_a_place_where_nothing_can_be_kept_is_one_clear_error(tmp_path):
    with pytest.raises(HistoryUnusable, match="cannot be kept"):
        History(tmp_path / "none" / "h")


@given(cibs())
@settings(max_examples=20, deadline=None)
def test_any_configuration_is_kept_exactly(tmp_path_factory, cib):
    path = tmp_path_factory.mktemp("history") / "h"
    with History(path) as history:
        kept = history.get(history.record(cib, 1.0, "ann", "node1").number)
    assert kept.section("resources") is not None
    assert kept.configuration is not None
    assert etree.tostring(kept.configuration) == etree.tostring(cib.configuration)
