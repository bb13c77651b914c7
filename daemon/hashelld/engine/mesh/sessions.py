"""Sessions: what a connection carried, so that another one can go on where it was torn. Pure.

Both ends count the frames that matter (Hello, Refuse, Beat, Goodbye, Ack and Resume are not counted) and keep what the
other has not acknowledged, up to a bound. A connection that takes over begins with Resume from both: which session, and
how many frames came. If what the other lacks is not kept any more, the session is over, and with it the view that it
belonged to: what is lost is never passed over.
"""

from __future__ import annotations

from collections import deque

from hashelld.engine.mesh.codec import Ack, Direct, Frame, Order, Resume, Submit

#: Bytes and frames kept for a peer that has not acknowledged them.
KEPT_BYTES_MAX = 16 * 1024 * 1024
KEPT_FRAMES_MAX = 20_000
#: Frames and bytes after which a receiver says how far it got, without waiting for the next tick.
ACK_FRAMES, ACK_BYTES = 64, 256 * 1024
#: What a frame costs besides its payload.
FRAME_BYTES = 100


def size_of(frame: Frame) -> int:
    """About how many bytes a frame takes; for bounds only."""
    if isinstance(frame, Order):
        return FRAME_BYTES + sum([FRAME_BYTES + len(message.payload) for message in frame.messages])
    if isinstance(frame, Submit | Direct):
        return FRAME_BYTES + len(frame.payload)
    return 10 * FRAME_BYTES


class Session:
    """One end. `mine` and `yours` are the numbers that both ends gave the session when it began."""

    def __init__(self, mine: int, yours: int) -> None:
        self.mine = mine
        self.yours = yours
        self.sent = 0
        self.received = 0
        self.turn = 0
        self.kept_bytes = 0
        self._told = 0
        self._told_bytes = 0
        self._kept: deque[tuple[Frame, int, int]] = deque()

    # --- out

    def keep(self, frame: Frame, now_ms: int) -> None:
        """A counted frame goes out, or would, were the connection not torn."""
        size = size_of(frame)
        self.sent += 1
        self.kept_bytes += size
        self._kept.append((frame, size, now_ms))
        # The newest stays whatever its size: it alone must be able to go over a torn connection.
        while len(self._kept) > 1 and (self.kept_bytes > KEPT_BYTES_MAX or len(self._kept) > KEPT_FRAMES_MAX):
            self._drop()

    def acked(self, received: int) -> None:
        """The other end has so many frames."""
        while self._kept and self.sent - len(self._kept) < received:
            self._drop()

    def _drop(self) -> None:
        _, size, _ = self._kept.popleft()
        self.kept_bytes -= size

    def waits_ms(self, now_ms: int) -> int:
        """For how long the oldest kept frame has not been acknowledged."""
        return now_ms - self._kept[0][2] if self._kept else 0

    def missing(self, received: int) -> tuple[Frame, ...] | None:
        """What the other end lacks, in order; None when that is not kept, or it claims what was never sent."""
        first = self.sent - len(self._kept)
        if not first <= received <= self.sent:
            return None
        self.acked(received)
        return tuple(frame for frame, _, _ in self._kept)

    def resume(self) -> Resume:
        self._told, self._told_bytes = self.received, 0
        return Resume(self.mine, self.yours, self.received, self.turn)

    def taken_over(self, resume: Resume) -> None:
        """Both ends have said Resume on the same connection."""
        self.turn = max(self.turn, resume.turn) + 1

    # --- in

    def took(self, frame: Frame) -> Ack | None:
        """A counted frame came; an Ack that should not wait."""
        self.received += 1
        self._told_bytes += size_of(frame)
        if self.received - self._told >= ACK_FRAMES or self._told_bytes >= ACK_BYTES:
            return self.tell()
        return None

    def tell(self) -> Ack | None:
        """How far we got, if that is news."""
        if self.received == self._told:
            return None
        self._told, self._told_bytes = self.received, 0
        return Ack(self.received)
