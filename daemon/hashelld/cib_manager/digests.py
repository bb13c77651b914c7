"""Digests: of the CIB as it is, and as it was after some entries, so that members notice when theirs differ."""

from __future__ import annotations

from collections import OrderedDict

from hashell.cib.document import Cib
from hashelld.cib_manager.documents import Documents

#: Entries between two comparisons of digests.
DIGEST_EVERY = 64
#: Digests kept for the comparison: the first of the view may be this many ahead.
KEPT_MAX = 16


class Digests:
    """Computed once a version."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._last: tuple[Cib, str] | None = None
        self._after: OrderedDict[int, str] = OrderedDict()

    def of(self, cib: Cib) -> str:
        if self._last is None or self._last[0] is not cib:
            self._last = (cib, self._documents.digest(cib))
        return self._last[1]

    def clear(self) -> None:
        """A new view counts anew."""
        self._after.clear()

    def remember(self, index: int, cib: Cib) -> str:
        """The digest after applying `index`."""
        digest = self._after[index] = self.of(cib)
        while len(self._after) > KEPT_MAX:
            self._after.popitem(last=False)
        return digest

    def differs(self, index: int, digest: str) -> bool:
        """Whether ours after `index` is known and another."""
        mine = self._after.get(index)
        return mine is not None and mine != digest
