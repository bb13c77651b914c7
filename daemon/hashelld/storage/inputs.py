"""Inputs: what the scheduler was given, numbered, the last so many. Source: Pacemaker Explained,
pe-input-series-max."""

from __future__ import annotations

import bz2
import re
from collections import deque
from collections.abc import Callable
from pathlib import Path

from hashelld.storage.files import make_folder, sweep, write_whole

#: Files kept. Pacemaker keeps 4,000; ours are for looking back over hours, not months.
KEPT = 400
_NAME = re.compile(r"pe-input-(\d+)\.bz2")


class Inputs:
    """The folder pengine of a node."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_folder(folder)
        sweep(folder)
        self._there = deque(self._numbers())
        self._next = self._there[-1] + 1 if self._there else 0
        self._last = b""

    def name(self, cib: bytes) -> tuple[str, Callable[[], None] | None]:
        """The file name of an input, and what writes it (in any thread; raises StorageFailed): nobody need wait for
        that. The same input twice in a row is kept once."""
        if cib == self._last and self._next:
            return _name(self._next - 1), None
        number, self._last = self._next, cib
        self._next += 1
        return _name(number), lambda: self._write(number, cib)

    def _write(self, number: int, cib: bytes) -> None:
        # Not synced: they are written for every decision, and each sync would hold up those that somebody waits for.
        write_whole(self.folder / _name(number), bz2.compress(cib, 1), 0o640, durable=False)
        self._there.append(number)
        while len(self._there) > KEPT:
            (self.folder / _name(self._there.popleft())).unlink(missing_ok=True)

    def _numbers(self) -> list[int]:
        found = (_NAME.fullmatch(path.name) for path in self.folder.iterdir())
        return sorted(int(match.group(1)) for match in found if match)


def _name(number: int) -> str:
    return f"pe-input-{number}.bz2"
