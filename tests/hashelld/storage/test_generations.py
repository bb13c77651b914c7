"""The stored CIB: its digest is checked, damage leads to the last good one."""

from __future__ import annotations

import pytest

from hashell.cib.document import EMPTY, Cib
from hashelld.storage.generations import KEPT, Generations


def cib(epoch: int) -> bytes:
    root = Cib.parse(EMPTY).copy_root()
    root.set("epoch", str(epoch))
    return Cib(root).to_bytes()


@pytest.fixture
def generations(tmp_path):
    made = Generations(tmp_path / "cib")
    for epoch in (1, 2, 3):
        made.save(cib(epoch), {"applied": [1, "node-one--two", epoch]})
    return made


def test_the_newest_cib_comes_back_with_its_lineage(generations):
    found, findings = generations.load()

    assert str(found.cib.version) == "0.3.0"
    assert found.lineage == {"applied": [1, "node-one--two", 3]}
    assert findings == ()


def test_the_stored_file_is_a_cib_that_any_tool_parses(generations):
    assert str(Cib.parse(generations.path.read_bytes()).version) == "0.3.0"


@pytest.mark.parametrize("damage", [
    lambda data: data[: len(data) // 2],
    lambda data: b"",
    lambda data: data.replace(b'epoch="3"', b'epoch="9"'),
    lambda data: b"\0" * len(data),
    lambda data: data + b"more",
], ids=["half", "empty", "changed by hand", "zeros", "something after it"])
def test_a_damaged_cib_is_set_aside_and_the_last_good_one_used_and_told(generations, damage):
    generations.path.write_bytes(damage(generations.path.read_bytes()))
    found, findings = generations.load()

    assert str(found.cib.version) == "0.2.0"
    assert "cib.xml is damaged" in findings[0] and "kept as" in findings[0]
    assert "version 0.2.0" in findings[-1]
    assert list(generations.folder.glob("cib.xml.damaged-*"))


def test_a_cib_that_is_edited_by_hand_while_its_node_runs_is_written_over_and_never_used(generations):
    edited = generations.path.read_bytes().replace(b'epoch="3"', b'epoch="9"')
    generations.path.write_bytes(edited)
    generations.save(cib(4), {})
    found, findings = generations.load()

    assert (str(found.cib.version), findings) == ("0.4.0", ())
    # Were the newest lost, the edited one would still not be taken for it.
    generations.path.unlink()
    found, findings = generations.load()
    assert str(found.cib.version) == "0.2.0"
    assert "damaged" in findings[0]
    assert [path.read_bytes() for path in generations.folder.glob("*.damaged-*")] == [edited]


def test_when_all_are_damaged_nothing_is_loaded_and_nothing_removed(generations):
    for path in generations.folder.iterdir():
        path.write_bytes(b"<cib")
    found, findings = generations.load()

    assert found is None
    assert "starting without" in findings[-1]
    assert len(list(generations.folder.glob("*.damaged-*"))) == 3


def test_so_many_earlier_ones_are_kept_and_no_more(generations):
    for epoch in range(4, 40):
        generations.save(cib(epoch), {})

    assert len(list(generations.folder.glob("cib-*.xml"))) == KEPT
