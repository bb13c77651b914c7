"""Files: written whole or not at all, and durable when the call returns."""

from __future__ import annotations

import os
import time
from pathlib import Path

from hashell.errors import HashellError


class StorageFailed(HashellError):
    """The state folder cannot be read or written; the node says so and does not acknowledge."""

    id = "storage-failed"
    exit_code = 74


def sync_folder(folder: Path) -> None:
    """Make names in `folder` durable (a rename is only in memory until then)."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, data: bytes, mode: int = 0o600, *, durable: bool = True) -> None:
    """Put `data` at `path`: afterwards the file is the old one or the new one, never a part. Raises StorageFailed.

    Not `durable`: after a power cut it may be gone, or empty. For what nobody's promise hangs on.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view) :]
            if durable:
                os.fsync(handle)
        finally:
            os.close(handle)
        temporary.replace(path)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageFailed(
            f"{path} cannot be written: {error.strerror}", "make room or mend the disk's rights"
        ) from error


def make_folder(folder: Path, mode: int = 0o750) -> None:
    """The folder exists and is ours. Raises StorageFailed."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=mode)
    except OSError as error:
        raise StorageFailed(
            f"folder {folder} cannot be made: {error.strerror}", "choose another or mend its rights"
        ) from error


def set_aside(path: Path, why: str = "damaged") -> Path:
    """Rename a file that must not be used, so that a person can look at it. The new path; nothing is overwritten."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    for number in range(1000):
        aside = path.with_name(f"{path.name}.{why}-{stamp}" + (f"-{number}" if number else ""))
        if not aside.exists():
            path.rename(aside)
            sync_folder(path.parent)
            return aside
    raise StorageFailed(f"too many damaged copies of {path}", "remove some of them")


def sweep(folder: Path) -> None:
    """Remove temporary files that a crash left."""
    for left in folder.glob(".*.new"):
        left.unlink(missing_ok=True)
