"""Documents: what all nodes of a simulated cluster do to the same trees is done once.

Applying a write, a digest and the rest are functions of a tree that nobody changes, so sharing what came of them hides
nothing but a difference between two computations of the same; nodes whose trees differ share nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeVar

from hashell.cib.document import Cib
from hashelld.cib_manager.documents import Documents, Done
from hashelld.cib_manager.messages import Entry

_T = TypeVar("_T")
#: Results kept of each kind: as far as one node may be behind another, and then some.
KEPT_MAX = 400


class _Kept(OrderedDict[object, object]):
    """The newest results."""

    def once(self, key: object, make: Callable[[], object]) -> object:
        found = self.get(key)
        if found is None:
            found = self[key] = make()
            if len(self) > KEPT_MAX:
                self.popitem(last=False)
        return found


class SharedDocuments(Documents):
    """Keys hold the trees themselves, so that no other tree can get the address of one that is gone."""

    def __init__(self) -> None:
        super().__init__()
        self._applied = _Kept()
        self._bytes = _Kept()
        self._parsed = _Kept()

    def apply(self, before: Cib, entries: Sequence[Entry]) -> Done:
        names = tuple((e.position, e.write.origin, e.write.boot, e.write.counter) for e in entries if e.write)
        found = self._applied.once(
            (id(before), names), lambda: (before, super(SharedDocuments, self).apply(before, entries))
        )
        assert isinstance(found, tuple) and isinstance(found[1], Done)
        return found[1]

    def _of(self, cib: Cib, kind: str, make: Callable[[], object]) -> object:
        found = self._bytes.once((id(cib), kind), lambda: (cib, make()))
        assert isinstance(found, tuple)
        return found[1]

    def digest(self, cib: Cib) -> str:
        return str(self._of(cib, "digest", lambda: super(SharedDocuments, self).digest(cib)))

    def whole(self, cib: Cib) -> bytes:
        data = self._of(cib, "whole", lambda: super(SharedDocuments, self).whole(cib))
        assert isinstance(data, bytes)
        self._parsed.once(data, lambda: cib)
        return data

    def stored(self, cib: Cib) -> bytes:
        data = self._of(cib, "stored", lambda: super(SharedDocuments, self).stored(cib))
        assert isinstance(data, bytes)
        return data

    def parse(self, data: bytes, what: str) -> Cib:
        cib = self._parsed.once(data, lambda: super(SharedDocuments, self).parse(data, what))
        assert isinstance(cib, Cib)
        return cib
