"""Branch: what was committed without a majority, and what becomes of it when it meets another history.

Such entries count as written: where another history wins, they go to the archive, never away in silence.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from lxml import etree

from hashell.cib.diff import make_patch
from hashell.cib.document import Cib
from hashell.cib.transaction import commit
from hashell.errors import HashellError
from hashelld.cib_manager.messages import Entry, Position, Result, Write
from hashelld.core.effects import Archive

#: Entries of a branch that are kept for the archive.
BRANCH_MAX = 2_000
#: Positions of folded branches that are remembered, so that a returning node knows that nothing was lost.
FOLDED_MAX = 512


class Branch:
    """Entries applied since the last one of a majority, and positions that a majority's history took in."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries = {entry.position: entry for entry in entries}
        self._folded: deque[Position] = deque(maxlen=FOLDED_MAX)

    def add(self, entry: Entry) -> None:
        """An entry was committed here. A majority's entry ends a branch: what was before it is part of the history."""
        if entry.unique:
            # A journal that is read may tell of a majority's entry before those of the branch that came after it.
            ended = [position for position in self._entries if position < entry.position]
            self._folded.extend(ended)
            for position in ended:
                del self._entries[position]
        elif entry.write is not None:
            self._entries[entry.position] = entry
            while len(self._entries) > BRANCH_MAX:
                del self._entries[next(iter(self._entries))]

    @property
    def positions(self) -> tuple[Position, ...]:
        """For a copy: whoever has one of these has lost nothing."""
        return (*self._folded, *self._entries)

    @property
    def wanted(self) -> tuple[Entry, ...]:
        """What a person may want back if this branch loses. It goes with every copy of the CIB, to other nodes and to
        the disk: whoever has the branch must be able to say what was in it."""
        return tuple(entry for entry in self._entries.values() if _is_wanted(entry))

    def replaced(self, positions: Iterable[Position], entries: Iterable[Entry]) -> None:
        """Another node's copy was taken."""
        self._entries = {entry.position: entry for entry in entries}
        self._folded = deque((one for one in positions if one not in self._entries), maxlen=FOLDED_MAX)

    def lost(self, held: Iterable[Entry], known: set[Position], results: Iterable[Result]) -> list[Entry]:
        """Entries of this branch, and of those `held`, that the winning history knows neither by place nor by name."""
        done = {(result.origin, result.boot, result.counter) for result in results}
        return [
            e for e in (*self._entries.values(), *held)
            if e.write and e.position not in known and (e.write.origin, e.write.boot, e.write.counter) not in done
        ]


def configuration_writes(entries: Iterable[Entry]) -> list[Write]:
    """Of lost entries those that a person may want back; what runs where is reported anew, and so is what a DC noted
    for its own view."""
    return [e.write for e in entries if e.write and _is_wanted(e)]


def _is_wanted(entry: Entry) -> bool:
    return entry.write is not None and not entry.write.status_only and entry.write.view == (0, "")


def archive_of(
    node: str, winner: str, theirs: Cib, ours: Cib, held: Iterable[Entry], writes: list[Write]
) -> tuple[Archive, str]:
    """What to keep of a branch that lost: our CIB with all that was `held`, its difference to `theirs`, who wrote
    what. And our version in words."""
    losing = ours
    for entry in held:
        if entry.write:
            with suppress(HashellError):
                losing = commit(losing, entry.write.operations, {}).after
    about: dict[str, Any] = {
        "winner": winner, "winner_version": str(theirs.version), "node": node,
        "version": str(losing.version),
        "changes": [
            {"when_s": w.when_s, "user": w.user, "node": w.node, "command": w.command,
             "operations": [[o.kind, o.path, o.xml.decode("utf-8", "replace")] for o in w.operations]}
            for w in writes
        ],
    }
    patch = etree.tostring(make_patch(theirs, losing))
    return Archive(f"{node}-{losing.version}", losing.to_bytes(), patch, about), str(losing.version)
