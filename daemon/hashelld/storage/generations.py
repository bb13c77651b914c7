"""Generations: cib.xml with its digest and lineage inside, and the last good ones before it.

The file is a CIB that any tool reads; its last line is a comment with the digest of all before it and with where in the
cluster's history it stands. So one rename puts all of it in place.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hashell.cib.document import Cib
from hashell.errors import BadInput
from hashelld.storage.files import StorageFailed, make_folder, set_aside, sweep, sync_folder, write_whole
from hashelld.storage.format import FORMAT

#: Earlier CIBs that are kept beside cib.xml; the history has every version, these are for damage.
KEPT = 10
_TRAILER = re.compile(rb"\n<!-- hashell (?:format=[0-9]{1,9} )?digest=([0-9a-f]{64}) lineage=(\{[^\n]*\}) -->\n?\Z")


@dataclass(frozen=True, slots=True)
class Generation:
    """A CIB as it was stored. `lineage` is the CIB manager's (JSON values)."""

    cib: Cib
    lineage: Mapping[str, Any]


class Generations:
    """The folder of one node's CIB."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "cib.xml"
        make_folder(folder)
        sweep(folder)

    def save(self, cib: bytes, lineage: Mapping[str, Any]) -> None:
        """Durable on return; the file that was there becomes the newest earlier generation. Raises StorageFailed."""
        line = json.dumps(dict(lineage), sort_keys=True, separators=(",", ":")).replace("-", "\\u002d")
        body = cib.rstrip(b"\n")
        trailer = f"\n<!-- hashell format={FORMAT} digest={hashlib.sha256(body).hexdigest()} lineage={line} -->\n"
        if self.path.exists():
            self._keep()
        write_whole(self.path, body + trailer.encode())

    def load(self) -> tuple[Generation | None, tuple[str, ...]]:
        """The newest whole CIB, and a line for each that was damaged (which is set aside, never removed)."""
        findings: list[str] = []
        candidates = [self.path, *reversed(self._earlier())]
        for place, path in enumerate(candidates):
            if not path.exists():
                continue
            try:
                found = _read(path)
            except (BadInput, OSError) as error:
                aside = set_aside(path)
                findings.append(f"{path} is damaged ({error}); it is kept as {aside.name}")
                continue
            if findings:
                findings.append(f"using the earlier {path.name}, version {found.cib.version}")
            elif place > 0:
                findings.append(f"{self.path} is missing; using {path.name}")
            return found, tuple(findings)
        if findings:
            findings.append("no earlier CIB is whole: starting without, the other nodes have it")
        return None, tuple(findings)

    def _earlier(self) -> list[Path]:
        """Earlier generations, oldest first."""
        return sorted(self.folder.glob("cib-[0-9]*.xml"))

    def _keep(self) -> None:
        earlier = self._earlier()
        last = int(earlier[-1].stem.removeprefix("cib-")) if earlier else 0
        try:
            os.link(self.path, self.folder / f"cib-{last + 1:08}.xml")
            for old in earlier[: max(0, len(earlier) + 1 - KEPT)]:
                old.unlink(missing_ok=True)
            sync_folder(self.folder)
        except OSError as error:
            raise StorageFailed(
                f"{self.folder}: no earlier CIB can be kept: {error.strerror}", "make room"
            ) from error


def _read(path: Path) -> Generation:
    """Raises BadInput for anything but a whole file with the right digest."""
    data = path.read_bytes()
    found = _TRAILER.search(data)
    if found is None:
        raise BadInput("its last line is missing: it was cut or written by hand")
    body = data[: found.start()]
    if hashlib.sha256(body).hexdigest().encode() != found.group(1):
        raise BadInput("its digest does not match: it was changed")
    try:
        lineage = json.loads(found.group(2))
    except ValueError:
        raise BadInput("its lineage cannot be read") from None
    return Generation(Cib.parse(body, str(path)), lineage)
