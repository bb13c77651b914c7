"""Sound: whether a frame says what a sound peer can say. Pure.

Whoever has the key is trusted, but a peer with a mistake must not take the others down: it is cut off, with the reason.
"""

from __future__ import annotations

from hashelld.engine.mesh.codec import BadFrame, Frame, Install, Ordered, Owed, Promise, Propose


def check(frame: Frame, origin: str, me: str) -> None:
    """Raises BadFrame with what is wrong. `origin` is the peer that said it."""
    match frame:
        case Propose(_, members):
            if len(dict(members)) != len(members):
                raise BadFrame("a proposal with a member twice")
        case Promise(_, owed):
            _check_owed(owed, "a promise")
        case Install():
            names = [seat.name for seat in frame.members]
            entries = {entry.name for entry in frame.roster.entries}
            if frame.ballot.proposer != origin:
                raise BadFrame("a view of somebody else")
            if me not in names or origin not in names or len(set(names)) != len(names) or not entries >= set(names):
                raise BadFrame("a view with wrong members")
            for one in frame.missing:
                _check_owed(one, "a view")


def _check_owed(owed: Owed, what: str) -> None:
    sequences = [message.sequence for message in owed.held]
    if sequences != list(range(owed.delivered - len(sequences) + 1, owed.delivered + 1)):
        raise BadFrame(f"{what} with a gap in its messages")


def check_next(message: Ordered, delivered: int) -> None:
    """A link keeps the order, so there is no gap. Raises BadFrame."""
    if message.sequence != delivered + 1:
        raise BadFrame(f"message {message.sequence} after {delivered}")
