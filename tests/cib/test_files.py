"""Files of CIBs: read in every form, written whole or not at all."""

from __future__ import annotations

import bz2
import io
import os
import stat
import sys

import pytest

from hashell.cib import files
from hashell.cib.document import BadXml, Cib
from hashell.cib.files import NoSuchFile, UnreadableFile, UnwritableFile, load_cib, save_cib

CIB = Cib.empty()


@pytest.mark.parametrize("name", ["cib.xml", "cib.xml.bz2"])
def test_what_is_saved_is_loaded_again(tmp_path, name):
    save_cib(tmp_path / name, CIB)
    assert load_cib(tmp_path / name).to_bytes() == CIB.to_bytes()
    assert os.listdir(tmp_path) == [name]


def test_a_compressed_file_is_known_by_its_content_not_its_name(tmp_path):
    (tmp_path / "cib").write_bytes(bz2.compress(CIB.to_bytes()))
    assert load_cib(tmp_path / "cib").to_bytes() == CIB.to_bytes()


def test_a_dash_is_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CIB.to_bytes())))
    assert load_cib("-").to_bytes() == CIB.to_bytes()


def test_errors_name_the_file(tmp_path):
    bad = tmp_path / "bad.xml"
    bad.write_text("<cib>")
    with pytest.raises(BadXml, match=r"bad\.xml"):
        load_cib(bad)
    with pytest.raises(NoSuchFile, match=r"none\.xml"):
        load_cib(tmp_path / "none.xml")
    with pytest.raises(UnreadableFile, match="directory"):
        load_cib(tmp_path)


def test_a_torn_or_damaged_compressed_file_is_told_so(tmp_path):
    whole = bz2.compress(CIB.to_bytes())
    torn = tmp_path / "torn.bz2"
    torn.write_bytes(whole[:-8])
    with pytest.raises(UnreadableFile, match="end is missing"):
        load_cib(torn)
    torn.write_bytes(whole[:20] + b"xxxx" + whole[24:])
    with pytest.raises(UnreadableFile, match="damaged"):
        load_cib(torn)


def test_a_small_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SIZE_MAX", 10_000)
    monkeypatch.setattr("hashell.cib.document.SIZE_MAX", 10_000)
    bomb = tmp_path / "bomb.bz2"
    bomb.write_bytes(bz2.compress(b"<cib>" + b" " * 1_000_000 + b"</cib>"))
    with pytest.raises(BadXml, match="at most"):
        load_cib(bomb)


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "cib.xml"
    save_cib(path, CIB)
    before = path.read_bytes()

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(UnwritableFile, match="No space left"):
        save_cib(path, Cib.parse("<cib/>"))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["cib.xml"]


def test_a_new_file_is_private_and_an_old_one_keeps_its_permissions(tmp_path):
    path = tmp_path / "cib.xml"
    save_cib(path, CIB)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    save_cib(path, CIB)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_directory_that_is_missing_is_one_clear_error(tmp_path):
    with pytest.raises(UnwritableFile, match="nowhere"):
        save_cib(tmp_path / "nowhere" / "cib.xml", CIB)
