"""Journal: records since the stored CIB, each with length and checksum; durable by one sync a batch.

A torn last record is cut. A bad record in the middle ends what is used; the rest is set aside.
Record: u32 length, u32 CRC-32 of the data, data (all big-endian).
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from hashelld.storage.files import StorageFailed, set_aside, write_whole

_HEAD = struct.Struct(">II")
#: Bytes of one record: a message between nodes is not larger.
RECORD_MAX = 64 * 1024 * 1024
#: Bytes of the journal above which it is cut back to what the stored CIB does not have.
TRIM_ABOVE = 1024 * 1024


class Journal:
    """One file, kept open, appended to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: list[bytes] = []
        self.findings: tuple[str, ...] = ()
        self._read()
        self._open()

    @property
    def size(self) -> int:
        return sum(len(record) + _HEAD.size for record in self.records)

    def append(self, records: Sequence[bytes]) -> None:
        """Durable on return. Raises StorageFailed; then nothing of the batch counts as written."""
        data = b"".join(framed(record) for record in records)
        try:
            before = os.fstat(self._handle).st_size
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(self._handle, view) :]
                os.fdatasync(self._handle)
            except OSError:
                os.ftruncate(self._handle, before)
                raise
        except OSError as error:
            raise StorageFailed(
                f"{self.path} cannot be written: {error.strerror}", "make room or mend the disk"
            ) from error
        self.records.extend(records)

    def replace(self, records: Sequence[bytes]) -> None:
        """Keep only these. Durable on return."""
        write_whole(self.path, b"".join(framed(record) for record in records))
        self.records = list(records)
        os.close(self._handle)
        self._open()

    def close(self) -> None:
        os.close(self._handle)

    def _open(self) -> None:
        try:
            self._handle = os.open(
                self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise StorageFailed(f"{self.path} cannot be opened: {error.strerror}") from error

    def _read(self) -> None:
        if not self.path.exists():
            return
        data = self.path.read_bytes()
        self.records, good, torn = split(data)
        if good == len(data):
            return
        if torn:
            self.findings = (f"{self.path}: a half-written last record was cut",)
        else:
            aside = set_aside(self.path)
            self.findings = (
                f"{self.path} is damaged after {len(self.records)} records; it is kept as {aside.name}",
            )
        write_whole(self.path, data[:good])


def framed(record: bytes) -> bytes:
    return _HEAD.pack(len(record), zlib.crc32(record)) + record


def split(data: bytes) -> tuple[list[bytes], int, bool]:
    """The good records at the start, how many bytes they take, and whether what follows is a torn end (not damage)."""
    records: list[bytes] = []
    place = 0
    while place + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, place)
        end = place + _HEAD.size + length
        if length > RECORD_MAX or (end > len(data) and length > RECORD_MAX):
            return records, place, False
        if end > len(data):
            return records, place, True
        record = data[place + _HEAD.size : end]
        if zlib.crc32(record) != checksum:
            # The last record with a wrong checksum: its blocks did not all reach the disk.
            return records, place, end == len(data)
        records.append(record)
        place = end
    return records, place, True
