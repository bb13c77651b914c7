"""The CIB in a support archive: the tarball of crm_report or `crm report`, of `pcs config backup`, or our own.

A report has a folder for each node with a cib.xml, or one cib.xml above them where all are alike, and cib.xml.live
where the cluster was up; a backup of pcs has cib.xml at the top. Nothing is unpacked to disk.
"""

from __future__ import annotations

import tarfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from hashell.cib.document import SIZE_MAX, Cib
from hashell.errors import BadInput, HashellError

if TYPE_CHECKING:
    from pathlib import Path

#: Names of a CIB in an archive.
_NAMES = frozenset({"cib.xml", "cib.xml.live"})
#: Members that are looked at, and CIBs that are read; a report of 32 nodes with its logs has some thousands.
MEMBERS_MAX = 50_000
CIBS_MAX = 64
_GZIP, _XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"
#: Where a tar header has its mark, and which.
_MARK_AT, _MARK = 257, b"ustar"


class BadArchive(BadInput):
    id = "archive-bad"


def is_archive(head: bytes) -> bool:
    """Whether a file that begins so is an archive; 512 bytes are enough, of a bzip2 file all that is there."""
    if head.startswith((_GZIP, _XZ)):
        return True
    if head.startswith(b"BZh"):
        import bz2

        try:
            head = bz2.BZ2Decompressor().decompress(head, 512)
        except OSError:
            return False
    return head[_MARK_AT:].startswith(_MARK)


def load_archived(path: str | Path) -> Cib:
    """The newest CIB in an archive; of two of one version the one with more status. Raises BadArchive."""
    found: list[Cib] = []
    broken: list[HashellError] = []
    try:
        with tarfile.open(path, "r|*") as archive:
            for number, member in enumerate(archive):
                if number >= MEMBERS_MAX or len(found) + len(broken) >= CIBS_MAX:
                    break
                if not member.isfile() or PurePosixPath(member.name).name not in _NAMES or member.size > SIZE_MAX:
                    continue
                file = archive.extractfile(member)
                assert file is not None, "a regular file can be read"
                try:
                    found.append(Cib.parse(file.read(SIZE_MAX + 1), f"{path}: {member.name}"))
                except HashellError as error:
                    broken.append(error)  # An empty file is what a report holds of a node that was down.
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        if not found:
            raise BadArchive(f"the archive {path} is damaged: {error}", "take another copy") from None
    if not found:
        if broken:
            raise BadArchive(f"no CIB in the archive {path} can be read: {broken[0].message}", "take another copy")
        raise BadArchive(f"the archive {path} has no cib.xml", "name a crm_report, a pcs backup or a CIB file")
    return max(found, key=lambda cib: (cib.version, len(cib.root.findall("status/node_state"))))
