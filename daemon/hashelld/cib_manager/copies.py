"""Copies: one node's whole knowledge on its way to another, in pieces."""

from __future__ import annotations

from hashell.cib.document import Cib
from hashell.errors import HashellError
from hashelld.cib_manager import messages
from hashelld.cib_manager.branch import Branch
from hashelld.cib_manager.documents import Documents
from hashelld.cib_manager.ledger import Applied, Ledger
from hashelld.cib_manager.messages import Copy, Piece, encode
from hashelld.cib_manager.records import decoded

#: Pieces kept that come before it is known whose copy is taken: as many as the largest copy has.
KEPT_MAX = 256


def pieces_of(
    through: int, cib: bytes, ledger: Ledger, applied: Applied, branch: Branch
) -> tuple[bytes, ...]:
    """An encoded Copy, cut. `through`: see Copy."""
    data = encode(Copy(
        through, cib, ledger.unique, ledger.applied, tuple(ledger.held),
        applied.results, applied.counters, branch.positions, branch.wanted, applied.missed,
    ))
    size = messages.PIECE_MAX
    return tuple(data[start : start + size] for start in range(0, len(data), size))


class Incoming:
    """A copy that is arriving."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._pieces: dict[int, bytes] = {}
        #: What came before it was known whose copy is to be taken.
        self._kept: list[tuple[str, Piece]] = []

    def clear(self) -> None:
        self._pieces.clear()
        self._kept.clear()

    def keep(self, origin: str, piece: Piece) -> None:
        """For `kept_of`. More than a copy can be is not kept: it is asked for again."""
        if len(self._kept) < KEPT_MAX:
            self._kept.append((origin, piece))

    def kept_of(self, origin: str) -> tuple[Piece, ...]:
        """The pieces from there that were kept; all others are forgotten."""
        kept, self._kept = self._kept, []
        return tuple(piece for sender, piece in kept if sender == origin)

    def add(self, origin: str, piece: Piece) -> tuple[Cib, Copy] | str | None:
        """The copy when this was its last piece; why it cannot be read; None while more must come."""
        self._pieces[piece.number] = piece.data
        if len(self._pieces) < piece.count:
            return None
        data = b"".join(self._pieces[number] for number in sorted(self._pieces))
        self._pieces.clear()
        copy = decoded(data, Copy)
        if copy is None:
            return "a copy of the CIB cannot be read"
        try:
            return self._documents.parse(copy.cib, f"the CIB of {origin}"), copy
        except HashellError as error:
            return str(error)
