"""Format: which version of the state folder's contents this daemon writes, and the refusal of a newer one.

node.json carries the number for the whole folder (journal, values, history), and the last line of each cib.xml its own.
It is raised when an older daemon would misread what a newer one writes; a folder without a number is of format 1.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from hashelld.storage.files import StorageFailed

#: What this version writes, and the newest that it reads.
FORMAT = 1
_OF_CIB = re.compile(rb"\n<!-- hashell format=([0-9]{1,9}) ")
#: Bytes at the end of a cib.xml in which its last line begins: the line holds a lineage.
_TAIL = 1024 * 1024


class NewerState(StorageFailed):
    """The state folder was written by a newer version; it is left as it is."""

    id = "newer-state"


def refuse_newer(folder: Path) -> None:
    """Before anything is written. Raises NewerState; what cannot be read is for those who read it."""
    node = folder / "node.json"
    _refuse(node, folder, _of_identity(node))
    cib = folder / "cib" / "cib.xml"
    _refuse(cib, folder, _of_cib(cib))


def _refuse(path: Path, folder: Path, found: int) -> None:
    if found > FORMAT:
        raise NewerState(
            f"{path} is of format {found}, this hashelld knows formats up to {FORMAT}: a newer version wrote it, and"
            " nothing was changed",
            f"start that version again; or move {folder} away: the node fetches the cluster's state from the others",
        )


def _of_identity(path: Path) -> int:
    try:
        return int(json.loads(path.read_bytes()).get("format", 1))
    except (OSError, ValueError, AttributeError, TypeError):
        return 0


def _of_cib(path: Path) -> int:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL))
            found = _OF_CIB.findall(file.read())
    except OSError:
        return 0
    return int(found[-1]) if found else 0
