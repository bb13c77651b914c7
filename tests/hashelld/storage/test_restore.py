"""Restore: identity, damage and whose folder it is."""

from __future__ import annotations

import pytest

from hashelld.storage.files import StorageFailed
from hashelld.storage.restore import restore


def test_the_first_start_makes_an_identity_and_the_next_raises_its_boot_counter(tmp_path):
    first, _, journal = restore(tmp_path / "s", "node1")
    journal.close()
    second, _, journal = restore(tmp_path / "s", "node1")
    journal.close()

    assert (first.identity.boot, second.identity.boot) == (1, 2)
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
    assert restored.identity.boot == 1


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageFailed, match="cannot be made"):
        restore(tmp_path / "file" / "s", "node1")
