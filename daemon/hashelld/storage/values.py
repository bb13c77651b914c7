"""Values: small named states (roster, promise, fencing history), each in a file of its own, checked when read.

The file before the last is kept: what is damaged is set aside for people, and the one before it is used. That may be
older than what was promised, and is far better than nothing: a node without its roster would take itself for new.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from hashelld.storage.files import make_folder, set_aside, sweep, write_whole

#: Values are small.
VALUE_MAX = 4 * 1024 * 1024
#: What a file begins with; a digest of the rest follows, and a line's end. Files without it are of the first version.
MARK = b"hashell-value "
_DIGEST_BYTES = 16
NOW, BEFORE = ".value", ".before"


class Damaged(ValueError):
    """The file is not as it was written."""


def pack(data: bytes) -> bytes:
    """A value as it stands in its file."""
    return MARK + _digest(data) + b"\n" + data


def unpack(stored: bytes) -> bytes:
    """The value in a file. Raises Damaged."""
    if not stored:
        raise Damaged("it is empty")
    if not stored.startswith(MARK):
        return stored
    head, _, data = stored.partition(b"\n")
    if head.removeprefix(MARK) != _digest(data):
        raise Damaged("it is not as it was written")
    return data


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=_DIGEST_BYTES).hexdigest().encode()


class Values:
    """The values in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        #: What this process has made durable of each: the same once more takes no sync.
        self._durable: dict[str, bytes] = {}

    def write(self, name: str, data: bytes, *, secret: bool = False) -> None:
        """Keep a value, durably; the one before it stays beside it, unless it is `secret`. Raises StorageFailed."""
        digest = _digest(data)
        if self._durable.pop(name, b"") == digest:
            self._durable[name] = digest
            return
        path = self._folder / f"{name}{NOW}"
        if not secret:
            with suppress(OSError):
                # Whatever hinders this, the new value is what counts.
                path.replace(path.with_suffix(BEFORE))
        write_whole(path, pack(data))
        self._durable[name] = digest

    def load(self) -> tuple[dict[str, bytes], tuple[str, ...]]:
        """All values, and what people should know of damage. Raises StorageFailed when there can be no folder."""
        make_folder(self._folder)
        sweep(self._folder)
        found: dict[str, bytes] = {}
        findings: list[str] = []
        names = {path.stem for path in self._folder.iterdir() if path.suffix in (NOW, BEFORE)}
        for name in sorted(names):
            for path in (self._folder / f"{name}{NOW}", self._folder / f"{name}{BEFORE}"):
                value = self._read(path, findings)
                if value is not None:
                    found[name] = value
                    if findings and path.suffix == BEFORE:
                        findings.append(f"using the value before it: {path.name}")
                    break
        return found, tuple(findings)

    @staticmethod
    def _read(path: Path, findings: list[str]) -> bytes | None:
        try:
            with path.open("rb") as file:
                stored = file.read(VALUE_MAX + 1)
            if len(stored) > VALUE_MAX:
                raise Damaged(f"it is larger than {VALUE_MAX} bytes")
            return unpack(stored)
        except FileNotFoundError:
            return None
        except Damaged as error:
            aside = set_aside(path)
            findings.append(f"{path} is damaged ({error}); kept as {aside.name}")
        except OSError as error:
            aside = set_aside(path, "unreadable")
            findings.append(f"{path} cannot be read ({error.strerror}); kept as {aside.name}")
        return None
