"""Recordings: what a feed told, with its times, in a file; and the feed that tells it again.

    hashell-recording 1 \\n            the head: the name and the number of the format
    u32 length, u32 crc32, msgpack     a frame: (time in seconds since 1970, what was told); as often as there are some

Only whole frames count: a file whose writer died has a torn tail, which is left out with a word. CIBs are a whole
(zlib), then patches. A recording holds the configuration with all that stands in it, so only its owner may read it.
"""

from __future__ import annotations

import asyncio
import os
import queue
import struct
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from hashell.cib.document import Cib, parse_xml
from hashell.cib.patch import apply_patch
from hashell.client.feed import (
    CibUpdate,
    Connected,
    Disconnected,
    EventUpdate,
    Feed,
    HistoryUpdate,
    InfoUpdate,
    LogUpdate,
    ProbeUpdate,
    TransitionUpdate,
    Update,
)
from hashell.errors import AlreadyExists, BadInput, NotFound, Refused
from hashell.wire.messages import EventInfo, HistoryRow, Info, TransitionNotice

HEAD = b"hashell-recording 1\n"
#: Bytes of a recording; then it ends with a word. A busy cluster writes about 1 GiB a day.
RECORDING_MAX = 2 * 1024 * 1024 * 1024
#: Bytes of one frame: a packed CIB of the largest size.
FRAME_MAX = 65 * 1024 * 1024
#: Bytes of a CIB when unpacked.
CIB_MAX = 64 * 1024 * 1024
#: Words that wait for the disk; when there are more the recording leaves some out, and begins with a whole CIB again.
WAITING_MAX = 20_000
#: Patches between two wholes: whoever jumps in a replay applies at most so many.
PATCHES_MAX = 400
_FRAME = struct.Struct("!II")


class BadRecording(BadInput):
    id = "recording-bad"


class Whole(msgspec.Struct, frozen=True, tag=True):
    """A CIB, zlib."""

    packed: bytes
    user: str = ""
    node: str = ""
    command: str = ""


class Patches(msgspec.Struct, frozen=True, tag=True):
    """From the CIB before to the next."""

    patches: tuple[bytes, ...]
    user: str = ""
    node: str = ""
    command: str = ""


class LinkUp(msgspec.Struct, frozen=True, tag=True):
    where: str
    cluster: str
    node: str
    user: str
    moved_from: str = ""
    why: str = ""


class LinkDown(msgspec.Struct, frozen=True, tag=True):
    where: str
    why: str
    retry_s: float


class Told(msgspec.Struct, frozen=True, tag=True):
    event: EventInfo
    past: bool = False


class Versions(msgspec.Struct, frozen=True, tag=True):
    rows: tuple[HistoryRow, ...]


class Probed(msgspec.Struct, frozen=True, tag=True):
    name: str
    ok: bool
    said: str = ""
    gap_s: float = 0.0
    budget_s: float = 0.0


class Logged(msgspec.Struct, frozen=True, tag=True):
    node: str
    events: tuple[EventInfo, ...] = ()
    lag_s: float = 0.0
    within_s: float = 0.0
    problem: str = ""


Body = Whole | Patches | LinkUp | LinkDown | Told | Versions | Probed | Logged | Info | TransitionNotice


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """What was told, and when (seconds since 1970, never going back)."""

    at_s: float
    body: Body


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Frame)


# --- writing


class Recorder:
    """Writes what it is given to a new file, in a thread of its own. `problem` says why it ended, if it did."""

    def __init__(self, path: str, *, bytes_max: int = RECORDING_MAX) -> None:
        """Raises AlreadyExists for a file that is there, Refused for one that cannot be written."""
        self.path = path
        self.problem = ""
        self._bytes_max = bytes_max
        self._queue: queue.Queue[tuple[float, Update] | None] = queue.Queue(WAITING_MAX)
        self._broken = True
        self._patches = 0
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise AlreadyExists(f"{path} is there already", "name another file to record to") from None
        except OSError as error:
            raise Refused(f"cannot record to {path}: {error.strerror}", "name another file") from None
        self._file: BinaryIO = os.fdopen(descriptor, "wb")
        self._file.write(HEAD)
        self._file.flush()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def write(self, update: Update, at_s: float) -> None:
        """Never waits; what the disk cannot take in time is left out."""
        if self.problem:
            return
        try:
            self._queue.put_nowait((at_s, update))
        except queue.Full:
            self._broken = True

    def close(self) -> None:
        """Everything that waits is written."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join(30)

    def _run(self) -> None:
        size = len(HEAD)
        with self._file as file:
            while True:
                item = self._queue.get()
                if item is None:
                    break
                data = _encoder.encode(Frame(item[0], self._body(item[1])))
                size += _FRAME.size + len(data)
                if size > self._bytes_max:
                    self.problem = f"the recording is full ({self._bytes_max // 1024 // 1024} MiB)"
                    return
                try:
                    file.write(_FRAME.pack(len(data), zlib.crc32(data)) + data)
                    if self._queue.empty():
                        file.flush()
                except OSError as error:
                    self.problem = f"cannot record to {self.path}: {error.strerror}"
                    return
            try:
                file.flush()
                os.fsync(file.fileno())
            except OSError as error:
                self.problem = f"cannot record to {self.path}: {error.strerror}"

    def _body(self, update: Update) -> Body:
        match update:
            case CibUpdate():
                if update.patches and not self._broken and self._patches < PATCHES_MAX:
                    self._patches += len(update.patches)
                    return Patches(update.patches, update.user, update.node, update.command)
                self._broken, self._patches = False, 0
                packed = zlib.compress(update.after.to_bytes(), 1)
                return Whole(packed, update.user, update.node, update.command)
            case Connected():
                return LinkUp(
                    update.where, update.cluster, update.node, update.user, update.moved_from, update.why
                )
            case Disconnected():
                return LinkDown(update.where, update.why, update.retry_s)
            case EventUpdate():
                return Told(update.event, update.past)
            case InfoUpdate():
                return update.info
            case TransitionUpdate():
                return update.notice
            case HistoryUpdate():
                return Versions(update.rows)
            case ProbeUpdate():
                return Probed(update.name, update.ok, update.said, update.gap_s, update.budget_s)
            case LogUpdate():
                return Logged(update.node, update.events, update.lag_s, update.within_s, update.problem)


async def record(feed: Feed, recorder: Recorder, now_s: Callable[[], float]) -> AsyncIterator[Update]:
    """The updates of a feed, each written as it passes."""
    async for update in feed.updates():
        recorder.write(update, now_s())
        yield update


# --- reading


def frames(path: str, tell: Callable[[str], None] = lambda word: None) -> Iterator[Frame]:
    """The whole frames of a recording, in order; `tell` hears of a tail that is left out.

    Raises NotFound, Refused, and BadRecording for what is none.
    """
    try:
        file = Path(path).open("rb")  # noqa: SIM115  # its errors are told apart from those of reading
    except FileNotFoundError:
        raise NotFound(f"there is no recording {path}", "`hashell monitor --record FILE` makes one") from None
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}", "name another recording") from None
    with file:
        if file.read(len(HEAD)) != HEAD:
            raise BadRecording(f"{path} is no recording of this version of hashell", "name a file that --record made")
        before_s = 0.0
        while head := file.read(_FRAME.size):
            body = b""
            if len(head) == _FRAME.size:
                length, checksum = _FRAME.unpack(head)
                body = file.read(length) if length <= FRAME_MAX else b""
            if not body or len(body) < length or zlib.crc32(body) != checksum:
                tell(f"{path} ends in a frame that is not whole: what follows it is left out")
                return
            try:
                frame = _decoder.decode(body)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise BadRecording(f"a frame of {path} cannot be understood: {error}", "record it anew") from None
            before_s = max(before_s, frame.at_s)
            yield Frame(before_s, frame.body)


def unpacked(packed: bytes) -> Cib:
    """A whole CIB of a recording. Raises BadRecording, BadXml."""
    reader = zlib.decompressobj()
    try:
        data = reader.decompress(packed, CIB_MAX)
    except zlib.error as error:
        raise BadRecording(f"a CIB of the recording cannot be unpacked: {error}", "record it anew") from None
    if reader.unconsumed_tail:
        raise BadRecording("a CIB of the recording is too large", f"at most {CIB_MAX} bytes are read")
    return Cib.parse(data, "a CIB of the recording")


def update_of(body: Body, before: Cib | None) -> Update | None:
    """A frame's body as the update that it was; None for patches behind no whole. Raises HashellError."""
    match body:
        case Whole():
            return CibUpdate(None, unpacked(body.packed), body.user, body.node, body.command)
        case Patches():
            if before is None:
                return None
            after = before
            for patch in body.patches:
                after = apply_patch(after, parse_xml(patch, "a patch of the recording"))
            return CibUpdate(before, after, body.user, body.node, body.command, patches=body.patches)
        case _:
            return plain_update(body)


def plain_update(body: LinkUp | LinkDown | Told | Versions | Probed | Logged | Info | TransitionNotice) -> Update:
    """A frame's body that is no CIB, as the update that it was."""
    match body:
        case LinkUp():
            return Connected(body.where, body.cluster, body.node, body.user, body.moved_from, body.why)
        case LinkDown():
            return Disconnected(body.where, body.why, body.retry_s)
        case Told():
            return EventUpdate(body.event, body.past)
        case Versions():
            return HistoryUpdate(body.rows)
        case Probed():
            return ProbeUpdate(body.name, body.ok, body.said, body.gap_s, body.budget_s)
        case Logged():
            return LogUpdate(body.node, body.events, body.lag_s, body.within_s, body.problem)
        case Info():
            return InfoUpdate(body)
        case TransitionNotice():
            return TransitionUpdate(body)


class ReplayFeed:
    """A recording as a feed: each update when its time has come, `speed` times as fast as it was (0: at once).

    `at_s` is the time of the update that was given out last. It ends with the recording.
    """

    def __init__(self, path: str, speed: float = 1.0) -> None:
        self.where = path
        self.speed = speed
        self.at_s = 0.0
        self.word = ""
        self._closed = asyncio.Event()

    async def close(self) -> None:
        self._closed.set()

    async def updates(self) -> AsyncIterator[Update]:
        """Raises what `frames` raises."""
        cib: Cib | None = None
        for frame in frames(self.where, self._tell):
            if self.at_s and self.speed > 0 and frame.at_s > self.at_s:
                try:
                    async with asyncio.timeout((frame.at_s - self.at_s) / self.speed):
                        await self._closed.wait()
                except TimeoutError:
                    pass
            if self._closed.is_set():
                return
            self.at_s = frame.at_s
            update = update_of(frame.body, cib)
            if isinstance(update, CibUpdate):
                cib = update.after
            if update is not None:
                yield update

    def _tell(self, word: str) -> None:
        self.word = word
