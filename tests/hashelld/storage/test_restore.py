"""Restore: identity, damage and whose folder it is."""

from __future__ import annotations

import shutil

import pytest

from hashell.cib.document import Cib
from hashell.cib.history import History
from hashelld.storage.files import StorageFailed
from hashelld.storage.format import NewerState
from hashelld.storage.restore import restore


def test_the_first_start_makes_an_identity_and_the_next_raises_its_boot_counter(tmp_path):
    first, _, journal = restore(tmp_path / "s", "node1")
    journal.close()
    second, _, journal = restore(tmp_path / "s", "node1")
    journal.close()

    assert second.identity.boot == first.identity.boot + 1
    assert first.identity.uuid == second.identity.uuid
    assert str(first.cib.version) == "0.0.0"


def test_the_folder_of_another_node_is_refused_with_the_way_out(tmp_path):
    restore(tmp_path / "s", "node1")[2].close()

    with pytest.raises(StorageFailed, match=r"belongs to node node1, not to node2 .*--state-dir"):
        restore(tmp_path / "s", "node2")


def test_a_damaged_identity_is_set_aside_and_told(tmp_path):
    restore(tmp_path / "s", "node1")[2].close()
    (tmp_path / "s" / "node.json").write_text("{")
    restored, _, journal = restore(tmp_path / "s", "node1")
    journal.close()

    assert any("node.json was damaged" in line for line in restored.findings)
    assert restored.identity.boot > 1_000_000


def test_a_node_whose_folder_was_lost_does_not_count_its_starts_from_one_again(tmp_path):
    """What it wrote in its earlier lives has numbers at the others, and new writes must not look like those."""
    for _ in range(3):
        first, _, journal = restore(tmp_path / "s", "node1")
        journal.close()
    shutil.rmtree(tmp_path / "s")
    second, _, journal = restore(tmp_path / "s", "node1")
    journal.close()

    assert second.identity.uuid != first.identity.uuid
    assert second.identity.boot >= first.identity.boot - 3 > 1_000_000


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageFailed, match="cannot be made"):
        restore(tmp_path / "file" / "s", "node1")


def test_a_young_cluster_with_a_damaged_cib_still_has_what_its_journal_has(tmp_path):
    _, generations, journal = restore(tmp_path / "s", "node1")
    journal.append([b"a record"])
    journal.close()
    generations.save(b'<cib epoch="1" num_updates="0" admin_epoch="0"/>', {"base": 0})
    generations.path.write_bytes(b"\0" * 100)
    restored, _, journal = restore(tmp_path / "s", "node1")
    journal.close()

    assert str(restored.cib.version) == "0.0.0"
    assert restored.lineage == {}
    assert restored.journal == (b"a record",)
    assert any("is damaged" in line for line in restored.findings)


def test_when_no_cib_is_whole_and_no_journal_helps_the_history_does(tmp_path):
    _, generations, journal = restore(tmp_path / "s", "node1")
    journal.close()
    cib = Cib.parse(b'<cib epoch="7" num_updates="0" admin_epoch="0"><configuration/><status/></cib>')
    with History(tmp_path / "s" / "history.sqlite") as history:
        history.record(cib, 1.0, "u", "n")
    for path in generations.folder.iterdir():
        path.write_bytes(b"")
    restored, _, journal = restore(tmp_path / "s", "node1")
    journal.close()

    assert str(restored.cib.version) == "0.7.0"
    assert any("using version 0.7.0 of the history" in line for line in restored.findings)


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("file", ["node.json", "cib/cib.xml"])
def test_state_of_a_newer_version_is_refused_with_the_way_out_and_left_as_it_is(tmp_path, file):
    _, generations, journal = restore(tmp_path / "s", "node1")
    generations.save(b"<cib epoch='7'/>", {"applied": [3, "node1", 1]})
    journal.append([b"a record of a kind that nobody here knows"])
    journal.close()
    path = tmp_path / "s" / file
    path.write_bytes(path.read_bytes().replace(b'"format": 1', b'"format": 2').replace(b"format=1 ", b"format=2 "))
    before = contents(tmp_path / "s")

    with pytest.raises(NewerState, match=rf"{file} is of format 2, .* up to 1: .*start that version again; or move "):
        restore(tmp_path / "s", "node1")
    assert contents(tmp_path / "s") == before


def test_state_without_a_format_is_read_as_the_first(tmp_path):
    first, generations, journal = restore(tmp_path / "s", "node1")
    generations.save(b"<cib epoch='7'/>", {})
    journal.close()
    for file in ("node.json", "cib/cib.xml"):
        path = tmp_path / "s" / file
        path.write_bytes(path.read_bytes().replace(b', "format": 1', b"").replace(b"format=1 ", b""))
    second, _, journal = restore(tmp_path / "s", "node1")
    journal.close()

    assert (second.identity.uuid, second.cib.version.epoch, second.findings) == (first.identity.uuid, 7, ())
