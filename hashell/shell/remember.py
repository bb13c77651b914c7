"""Lines that were typed, kept for the next session: a file for each cluster, for its user only, without secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import FileHistory

from hashell.shell.scrub import scrub

#: Bytes of a history that are kept; older lines go when a session begins.
SIZE_MAX = 512 * 1024


def history_path(cluster: str) -> Path:
    """The file of a cluster below the user's state folder."""
    import platformdirs

    name = re.sub(r"[^\w.-]", "_", cluster).lstrip(".") or "cluster"
    return Path(platformdirs.user_state_dir("hashell")) / "history" / name[:100]


class History(FileHistory):
    """A file history with mode 0600, bounded, scrubbed; one that cannot be written is kept in memory only."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._writable = self._prepare(path)

    @staticmethod
    def _prepare(path: Path) -> bool:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
            path.chmod(0o600)
            if path.stat().st_size > SIZE_MAX:
                _shorten(path)
        except OSError:
            return False
        return True

    def append_string(self, string: str) -> None:
        super().append_string(scrub(string))

    def load_history_strings(self) -> Iterable[str]:
        try:
            yield from super().load_history_strings()
        except OSError:
            return

    def store_string(self, string: str) -> None:
        if not self._writable:
            return
        try:
            super().store_string(scrub(string))
        except OSError:
            self._writable = False


def _shorten(path: Path) -> None:
    """Keep the newer half, from the beginning of an entry on."""
    data = path.read_bytes()
    start = data.find(b"\n# ", len(data) // 2)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with os.fdopen(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data[start:] if start >= 0 else b"")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
