"""Digests: of the CIB as it is, and as it was after some entries, so that members notice when theirs differ."""

from __future__ import annotations

import weakref
from collections import OrderedDict

from hashell.cib.document import Cib
from hashelld.cib_manager.documents import Documents

#: Entries between two comparisons of digests.
DIGEST_EVERY = 64
#: Digests kept for the comparison: so far the first of the view may be ahead, or behind.
KEPT_MAX = 16


class Digests:
    """Of one view; that of the whole CIB is computed once a version."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        # A version that nobody needs any more is not kept for its digest.
        self._of: weakref.ref[Cib] | None = None
        self._digest = ""
        self._after: OrderedDict[int, str] = OrderedDict()
        self._said: OrderedDict[int, str] = OrderedDict()

    def of(self, cib: Cib) -> str:
        if self._of is None or self._of() is not cib:
            self._of, self._digest = weakref.ref(cib), self._documents.digest(cib)
        return self._digest

    def clear(self) -> None:
        """A new view counts anew."""
        self._after.clear()
        self._said.clear()

    def remember(self, index: int, cib: Cib) -> str:
        """What is compared after applying `index`."""
        digest = self._documents.sample(cib, index // DIGEST_EVERY)
        _keep(self._after, index, digest)
        return digest

    def said(self, index: int, digest: str) -> None:
        """What another has after `index`, which may not be applied here yet."""
        _keep(self._said, index, digest)

    def differs(self, index: int) -> bool:
        """Whether both are known after `index`, and are not the same."""
        mine, theirs = self._after.get(index), self._said.get(index)
        return mine is not None and theirs is not None and mine != theirs


def _keep(digests: OrderedDict[int, str], index: int, digest: str) -> None:
    digests[index] = digest
    while len(digests) > KEPT_MAX:
        digests.popitem(last=False)
