"""The CIB in a report or a backup: the right one of several, and one clear error for what is none."""

from __future__ import annotations

import contextlib
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.cib.archive import BadArchive, is_archive, load_archived
from hashell.cib.files import load_cib
from hashell.client.api import ReadOnly
from hashell.client.cib_file import FileClient
from hashell.errors import HashellError
from hashell.wire.messages import Change


def cib(epoch: int, status: str = "") -> bytes:
    return (
        f'<cib admin_epoch="0" epoch="{epoch}" num_updates="0"><configuration><crm_config/><nodes/><resources/>'
        f"<constraints/></configuration><status>{status}</status></cib>"
    ).encode()


def archive(path: Path, members: dict[str, bytes], mode: str = "w:bz2") -> Path:
    with tarfile.open(path, mode) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("mode", ["w:bz2", "w:gz", "w:xz", "w"])
def test_the_newest_cib_of_a_report_is_taken_whatever_packed_it(tmp_path, mode):
    path = archive(
        tmp_path / "report",
        {
            "report/node1/ha-log.txt": b"log", "report/node1/cib.xml": cib(5), "report/node2/cib.xml": cib(9),
            "report/node3/cib.xml": b"",
        },
        mode,
    )
    assert load_cib(path).version.epoch == 9


def test_of_two_alike_the_one_with_the_status_is_taken(tmp_path):
    live = cib(5, '<node_state id="1" uname="node1"/>')
    path = archive(tmp_path / "report.tar.gz", {"r/n/cib.xml": cib(5), "r/n/cib.xml.live": live}, "w:gz")
    assert load_cib(path).root.find("status/node_state") is not None


def test_a_backup_of_pcs_opens_and_is_only_read(tmp_path):
    path = archive(tmp_path / "backup.tar.bz2", {"version.txt": b"1", "cib.xml": cib(3), "corosync.conf": b"totem {}"})
    before = path.read_bytes()
    client = FileClient(str(path))
    assert client.read_only and client.cib().version.epoch == 3
    with pytest.raises(ReadOnly, match="is an archive"):
        client.apply([Change("delete", path="//nodes")])
    assert path.read_bytes() == before


def test_a_plain_and_a_packed_cib_are_no_archives(tmp_path):
    import bz2

    path = tmp_path / "pe-input-1.bz2"
    path.write_bytes(bz2.compress(cib(2)))
    assert load_cib(path).version.epoch == 2
    assert not is_archive(path.read_bytes()) and not is_archive(cib(2))


def test_links_and_archives_without_a_cib_are_refused_by_name(tmp_path):
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as tar:
        link = tarfile.TarInfo("r/cib.xml")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "elsewhere")
        tar.addfile(link)
    with pytest.raises(BadArchive, match=r"has no cib\.xml"):
        load_archived(path)
    with pytest.raises(BadArchive, match="can be read"):
        load_archived(archive(tmp_path / "empty.tar.bz2", {"r/cib.xml": b""}))


@given(st.integers(0, 2000), st.binary(max_size=20))
def test_a_damaged_archive_is_one_error_or_still_a_cib(tmp_path_factory, cut, junk):
    folder = tmp_path_factory.mktemp("damaged")
    path = archive(folder / "r.tar.gz", {"r/cib.xml": cib(4)}, "w:gz")
    data = path.read_bytes()
    path.write_bytes(data[:cut] + junk + data[cut + len(junk):])
    with contextlib.suppress(HashellError):
        assert load_cib(path).version.epoch == 4
