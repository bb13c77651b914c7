"""Scheduler inputs are numbered on and bounded."""

from __future__ import annotations

import bz2

from hashelld.storage import inputs as module
from hashelld.storage.inputs import Inputs


def keep(kept: Inputs, cib: bytes) -> str:
    name, write = kept.name(cib)
    if write is not None:
        write()
    return name


def test_numbers_go_on_after_a_restart_and_a_repeated_input_is_kept_once(tmp_path):
    kept = Inputs(tmp_path)
    names = [keep(kept, b"<a/>"), keep(kept, b"<a/>"), keep(kept, b"<b/>")]
    again = keep(Inputs(tmp_path), b"<c/>")

    assert names == ["pe-input-0.bz2", "pe-input-0.bz2", "pe-input-1.bz2"]
    assert again == "pe-input-2.bz2"
    assert bz2.decompress((tmp_path / "pe-input-1.bz2").read_bytes()) == b"<b/>"


def test_only_the_last_so_many_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 3)
    kept = Inputs(tmp_path)
    for number in range(10):
        keep(kept, str(number).encode())

    assert len(list(tmp_path.iterdir())) == 3
