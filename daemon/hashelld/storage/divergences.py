"""Divergences: what a partition had written when another history won; kept until a person has looked at it.

Each is a folder: `cib.xml` (the CIB that lost), `difference.xml` (from the winner to it, a patch in Pacemaker's format)
and `about.json` (who wrote what, and which node won).
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hashell.errors import NotFound
from hashell.wire.messages import Divergence, DivergenceRow
from hashelld.core.effects import Archive
from hashelld.storage.files import make_folder, sync_folder, write_whole

#: Divergences kept, and their bytes together; beyond either the oldest go.
KEPT_MAX, BYTES_MAX = 50, 256 * 1024 * 1024
#: Where one is written before it has its name.
_UNFINISHED = ".unfinished"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")


class Divergences:
    """The folder `archive` of one node. Blocks: for a thread of the storage."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def names(self) -> tuple[str, ...]:
        """Oldest first."""
        if not self.folder.is_dir():
            return ()
        return tuple(sorted(
            path.name for path in self.folder.iterdir() if path.is_dir() and path.name != _UNFINISHED
        ))

    def keep(self, archive: Archive) -> str:
        """Write it whole or not at all, and make room. Its name in the archive. Raises StorageFailed, OSError."""
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        name = f"{stamp}-{archive.name}"
        number = 1
        while (self.folder / name).exists():
            number += 1
            name = f"{stamp}-{archive.name}-{number}"
        folder = self.folder / _UNFINISHED
        shutil.rmtree(folder, ignore_errors=True)
        make_folder(folder)
        write_whole(folder / "cib.xml", archive.cib)
        if archive.patch:
            write_whole(folder / "difference.xml", archive.patch)
        about = {"when_s": int(time.time()), **archive.about}
        write_whole(folder / "about.json", json.dumps(about, indent=1, sort_keys=True).encode())
        folder.rename(self.folder / name)
        sync_folder(self.folder)
        self._make_room()
        return name

    def rows(self) -> tuple[DivergenceRow, ...]:
        """Newest first."""
        return tuple(self._row(name) for name in reversed(self.names))

    def read(self, name: str) -> Divergence:
        """All of one. Raises NotFound."""
        folder = self._find(name)
        about = self._about(folder)
        changes = tuple(
            (str(kind), str(path), str(xml))
            for change in about.get("changes", ()) for kind, path, xml in change.get("operations", ())
        )
        patch = folder / "difference.xml"
        return Divergence(
            self._row(folder.name), (folder / "cib.xml").read_bytes(), patch.read_bytes() if patch.exists() else b"",
            changes,
        )

    def drop(self, name: str) -> None:
        """A person has looked at it. Raises NotFound."""
        folder = self._find(name)
        shutil.rmtree(folder)
        sync_folder(self.folder)

    def _find(self, name: str) -> Path:
        folder = self.folder / name
        if not _NAME.fullmatch(name) or not folder.is_dir():
            raise NotFound(f"no conflict is called {name!r}", "see: cib conflicts")
        return folder

    def _about(self, folder: Path) -> Mapping[str, Any]:
        try:
            found = json.loads((folder / "about.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _row(self, name: str) -> DivergenceRow:
        about = self._about(self.folder / name)
        return DivergenceRow(
            name, float(about.get("when_s", 0)), str(about.get("node", "")), str(about.get("version", "")),
            str(about.get("winner", about.get("from", ""))), str(about.get("winner_version", "")),
            len(about.get("changes", ())),
        )

    def _make_room(self) -> None:
        sizes = [
            (name, sum(path.stat().st_size for path in (self.folder / name).iterdir())) for name in self.names
        ]
        total = sum(size for _, size in sizes)
        # The newest stays whatever its size.
        for at, (name, size) in enumerate(sizes[:-1]):
            if len(sizes) - at <= KEPT_MAX and total <= BYTES_MAX:
                return
            shutil.rmtree(self.folder / name)
            total -= size
