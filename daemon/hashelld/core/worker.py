"""The scheduler process: a CIB in, a graph out, again and again. Run as `python -m hashelld.core.worker`.

It stands beside the daemon because deciding burns CPU, and the daemon's loop must never wait for it. Frames on
standard input and output: length in four bytes, big-endian, then a msgpack array of the fields of `Question` or
`Answer`. Whatever else is printed goes to standard error. When the input ends, so does the process.
"""

from __future__ import annotations

import os
import struct
import sys
import time
import traceback
from typing import BinaryIO

import msgspec

from hashell.cib.successive import Successive
from hashell.errors import HashellError
from hashell.simulate.run import decide
from hashell.state.garbage import look_seldom
from hashell.state.memory import Memory
from hashell.transition.packed import pack
from hashell.transition.parts import to_parts
from hashell.transition.xml import graph_to_xml

#: Bytes of one frame: a CIB at its largest, and something round it.
FRAME_MAX = 80 * 1024 * 1024
_LENGTH = struct.Struct(">I")


class Question(msgspec.Struct, frozen=True, array_like=True):
    """`now_s` is seconds since 1970: rules and expiries are judged by it."""

    request: int
    transition_id: int
    cib: bytes
    now_s: float


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """`error` is empty, or says why there is no graph. `graph_packed` is its XML for those who watch,
    `graph_parts` the same graph, to be read part by part."""

    request: int
    graph_packed: bytes = b""
    summary: str = ""
    error: str = ""
    input_name: str = ""
    recheck_at_s: int | None = None
    graph_parts: tuple[bytes, ...] = ()


def answer(question: Question, versions: Successive, memory: Memory) -> Answer:
    """Decide. An error of our own is an answer too: the daemon must hear of it, and go on.

    `versions` and `memory` spare parsing and reading again what this version has in common with the one before.
    """
    try:
        decision = decide(
            versions.read(question.cib), question.now_s, question.transition_id,
            utc_offset_s=_offset_s(question.now_s), memory=memory,
        )
    except HashellError as error:
        return Answer(question.request, error=str(error))
    except Exception as error:  # one bad input must not end the process for the next
        traceback.print_exc(file=sys.stderr)
        return Answer(question.request, error=f"the scheduler failed: {error!r}")
    return Answer(
        question.request, pack(graph_to_xml(decision.graph)), "\n".join(decision.summary),
        recheck_at_s=decision.recheck_at, graph_parts=to_parts(decision.graph),
    )


def _offset_s(now_s: float) -> int:
    """Seconds by which this machine's clock on the wall is ahead of UTC then: dates without a zone are meant so."""
    try:
        return int(time.localtime(now_s).tm_gmtoff or 0)
    except (OverflowError, ValueError, OSError):
        return 0


def serve(source: BinaryIO, sink: BinaryIO) -> int:
    """Answer until the input ends; the exit code."""
    decoder = msgspec.msgpack.Decoder(Question)
    encoder = msgspec.msgpack.Encoder()
    versions, memory = Successive(), Memory()
    while True:
        head = source.read(_LENGTH.size)
        if not head:
            return 0
        size = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else FRAME_MAX + 1
        if size > FRAME_MAX:
            print(f"a frame of {size} bytes is no question", file=sys.stderr)
            return 65
        body = source.read(size)
        try:
            question = decoder.decode(body)
        except msgspec.DecodeError as error:
            print(f"no question: {error}", file=sys.stderr)
            return 65
        data = encoder.encode(answer(question, versions, memory))
        sink.write(_LENGTH.pack(len(data)) + data)
        sink.flush()


def main() -> int:
    """Serve on the standard streams; a stray print of a library must not land between frames."""
    look_seldom()
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        return serve(sys.stdin.buffer, sink)
    except (KeyboardInterrupt, BrokenPipeError):
        return 0


if __name__ == "__main__":
    sys.exit(main())
