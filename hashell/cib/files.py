"""CIB files: read plain, bz2 or from standard input; written whole or not at all.

A driver: this module does I/O.
"""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

from hashell.cib.document import SIZE_MAX, Cib
from hashell.errors import BadInput, NotFound, Refused

if TYPE_CHECKING:
    from pathlib import Path

_BZ2_MAGIC = b"BZh"
#: Beginnings of files that may be archives: gzip, bzip2, xz.
_PACKED = (b"\x1f\x8b", _BZ2_MAGIC, b"\xfd7zXZ\x00")


class NoSuchFile(NotFound):
    id = "cib-file-missing"


class UnreadableFile(BadInput):
    id = "cib-file-unreadable"


class UnwritableFile(Refused):
    id = "cib-file-unwritable"


def load_cib(path: str | Path) -> Cib:
    """The CIB in a file, plain or compressed with bzip2, or in an archive (archive.py), or from standard input for `-`.

    Raises BadArchive, NoSuchFile, UnreadableFile, BadXml.
    """
    if str(path) == "-":
        name = "standard input"
        return Cib.parse(_unpack(sys.stdin.buffer.read(SIZE_MAX + 1), name), name)
    data = _read(path)
    if _holds_archive(data):
        from hashell.cib import archive

        return archive.load_archived(path)
    return Cib.parse(_unpack(data, str(path)), str(path))


def is_archive(path: str | Path) -> bool:
    """Whether the file is a report or a backup with a CIB in it, which can only be read."""
    return _holds_archive(_read(path))


def _holds_archive(data: bytes) -> bool:
    """What unpacks archives is loaded only for what may be one: it costs a start more than the reading."""
    if not data.startswith(_PACKED) and data[257:262] != b"ustar":
        return False
    from hashell.cib import archive

    return archive.is_archive(data)


def _read(path: str | Path) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # pathlib costs a start more than it is worth
            return file.read(SIZE_MAX + 1)
    except FileNotFoundError:
        raise NoSuchFile(f"there is no file {path}", "check the name") from None
    except IsADirectoryError:
        raise UnreadableFile(f"{path} is a directory", "name a file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise UnreadableFile(f"{path} cannot be read: {reason}", "check its permissions") from None


def _unpack(data: bytes, what: str) -> bytes:
    if not data.startswith(_BZ2_MAGIC):
        return data
    import bz2

    unpacker = bz2.BZ2Decompressor()
    try:
        # One byte more than is read, so that the parser sees that it is too much.
        unpacked = unpacker.decompress(data, SIZE_MAX + 1)
    except OSError as error:
        raise UnreadableFile(f"{what} is damaged: {error}", "take another copy") from None
    if not unpacker.eof and len(unpacked) <= SIZE_MAX:
        raise UnreadableFile(f"{what} is damaged: its end is missing", "take another copy")
    return unpacked


def save_cib(path: str | Path, cib: Cib) -> None:
    """Write a CIB, compressed when the name ends in .bz2. Afterwards the file has the old or the
    new content, never a mixture, even after a power failure. Raises UnwritableFile.
    """
    from pathlib import Path

    data = cib.to_bytes(pretty=True)
    target = Path(path)
    if target.suffix == ".bz2":
        import bz2

        data = bz2.compress(data)
    write_whole(target, data)


def write_whole(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put `data` in place of a file: temporary file, fsync, rename, fsync of the directory. Raises
    UnwritableFile.

    An existing file keeps its permissions; `mode` is for a new one. A symbolic link is followed.
    """
    try:
        path = path.resolve()
        if path.exists():
            mode = stat.S_IMODE(path.stat().st_mode)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        descriptor = os.open(temporary, flags, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise UnwritableFile(
            f"{path} cannot be written: {error.strerror or error}",
            "check the directory and its free space",
        ) from None
