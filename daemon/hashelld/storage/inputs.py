"""Inputs: what the scheduler was given, numbered, the last so many. Source: Pacemaker Explained,
pe-input-series-max."""

from __future__ import annotations

import bz2
import re
from collections import deque
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

    def keep(self, cib: bytes) -> str:
        """Keep one input; its file name. The same input twice in a row is kept once. Raises StorageFailed."""
        if cib == self._last and self._next:
            return f"pe-input-{self._next - 1}.bz2"
        name = f"pe-input-{self._next}.bz2"
        # Not synced: they are written for every decision, and each sync would hold up those that somebody waits for.
        write_whole(self.folder / name, bz2.compress(cib, 1), 0o640, durable=False)
        self._there.append(self._next)
        self._next += 1
        self._last = cib
        while len(self._there) > KEPT:
            (self.folder / f"pe-input-{self._there.popleft()}.bz2").unlink(missing_ok=True)
        return name

    def _numbers(self) -> list[int]:
        found = (_NAME.fullmatch(path.name) for path in self.folder.iterdir())
        return sorted(int(match.group(1)) for match in found if match)
