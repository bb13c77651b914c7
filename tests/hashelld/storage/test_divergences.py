"""What lost against another history is kept until a person has looked at it."""

from __future__ import annotations

import pytest

from hashell.errors import NotFound
from hashelld.core.effects import Archive
from hashelld.storage import divergences
from hashelld.storage.divergences import Divergences

ABOUT = {
    "winner": "node2", "winner_version": "0.9.0", "node": "node1", "version": "0.7.3",
    "changes": [{"when_s": 1, "user": "root", "node": "node1", "command": "c",
                 "operations": [["modify", "crm_config", "<a/>"], ["delete", "//b", ""]]}],
}


def test_one_that_is_kept_is_listed_read_and_dropped(tmp_path):
    kept = Divergences(tmp_path / "archive")
    assert kept.rows() == ()
    name = kept.keep(Archive("node1-0.7.3", b"<cib/>", b"<diff/>", ABOUT))
    (row,) = kept.rows()

    assert (row.name, row.node, row.winner, row.version, row.changes) == (name, "node1", "node2", "0.7.3", 1)
    found = kept.read(name)
    assert (found.cib, found.patch) == (b"<cib/>", b"<diff/>")
    assert found.changes == (("modify", "crm_config", "<a/>"), ("delete", "//b", ""))
    kept.drop(name)
    assert kept.names == ()


def test_two_of_the_same_second_are_both_kept(tmp_path):
    kept = Divergences(tmp_path / "archive")
    names = {kept.keep(Archive("node1-0.7.3", b"<cib/>", b"", ABOUT)) for _ in range(3)}

    assert len(names) == 3 == len(kept.rows())


def test_beyond_the_bounds_the_oldest_go_and_the_newest_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(divergences, "KEPT_MAX", 3)
    kept = Divergences(tmp_path / "archive")
    names = [kept.keep(Archive(f"n{number}", b"<cib/>", b"", {})) for number in range(5)]
    assert kept.names == tuple(names[2:])
    monkeypatch.setattr(divergences, "BYTES_MAX", 10)
    last = kept.keep(Archive("n9", b"<cib>" + b"x" * 100 + b"</cib>", b"", {}))

    assert kept.names == (last,)


@pytest.mark.parametrize("name", ["nothing", "../cib", "", "a/b", "."])
def test_a_name_that_none_has_or_that_leads_elsewhere_is_not_found(tmp_path, name):
    (tmp_path / "cib").mkdir()
    (tmp_path / "archive").mkdir()

    with pytest.raises(NotFound, match="no conflict is called"):
        Divergences(tmp_path / "archive").drop(name)


def test_a_damaged_note_still_lists_and_reads(tmp_path):
    kept = Divergences(tmp_path / "archive")
    name = kept.keep(Archive("n1", b"<cib/>", b"", ABOUT))
    (tmp_path / "archive" / name / "about.json").write_text("{")

    assert kept.rows()[0].changes == 0
    assert kept.read(name).changes == ()
