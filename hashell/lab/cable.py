"""A bad cable: carries frames between two interfaces late, twice, out of order or not at all, from a seed.

    cable.py ONE OTHER DELAY_MS JITTER_MS LOSS_PERCENT DUPLICATES_PERCENT SEED
    cable.py --plain INTERFACE      its frames are complete: the kernel leaves no checksum and no cutting to hardware

Both directions are treated alike. With jitter a later frame may overtake an earlier one. Runs until standard input
ends; writes one line when it carries. Needs root in the network namespace of both interfaces, and no kernel module.
Standard library only.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import heapq
import itertools
import os
import random
import selectors
import socket
import struct
import sys
import time
from dataclasses import dataclass

#: Frames on the way at once; more are lost, as in any queue.
QUEUE_MAX = 4096
FRAME_MAX = 65_536
_ALL = 0x0003  # ETH_P_ALL, packet(7)
#: ETHTOOL_STXCSUM, SSG, STSO, SGSO, SGRO and SIOCETHTOOL, from linux/ethtool.h and linux/sockios.h.
_OFFLOADS = (0x17, 0x19, 0x1F, 0x24, 0x2C)
_SIOCETHTOOL = 0x8946
_OUTGOING = 4  # PACKET_OUTGOING: what we sent ourselves


@dataclass(frozen=True, slots=True)
class Badness:
    """What a cable does to frames: milliseconds, and parts of a hundred."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    duplicates: float = 0.0

    def copies(self, chance: random.Random) -> tuple[float, ...]:
        """Seconds after which each copy of a frame comes out; none when it is lost."""
        if chance.random() * 100 < self.loss:
            return ()
        count = 2 if chance.random() * 100 < self.duplicates else 1
        return tuple(
            max(0.0, self.delay_ms + chance.uniform(-self.jitter_ms, self.jitter_ms)) / 1000 for _ in range(count)
        )


def _open(interface: str) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
    made.bind((interface, 0))
    made.setblocking(False)
    return made


def carry(one: str, other: str, badness: Badness, seed: int) -> None:
    """Until standard input ends."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated
    ends = {_open(one): 0, _open(other): 1}
    sockets = list(ends)
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    for end in sockets:
        selector.register(end, selectors.EVENT_READ)
    number = itertools.count()
    under_way: list[tuple[float, int, int, bytes]] = []
    print("carries", flush=True)
    while True:
        wait_s = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        for key, _ in selector.select(wait_s):
            if not isinstance(key.fileobj, socket.socket):
                if not os.read(0, 1):
                    return
                continue
            try:
                frame, where = key.fileobj.recvfrom(FRAME_MAX)
            except OSError:
                continue
            if where[2] == _OUTGOING or len(under_way) >= QUEUE_MAX:
                continue
            now_s = time.monotonic()
            for after_s in badness.copies(chance):
                heapq.heappush(under_way, (now_s + after_s, next(number), 1 - ends[key.fileobj], frame))
        while under_way and under_way[0][0] <= time.monotonic():
            _, _, side, frame = heapq.heappop(under_way)
            try:
                sockets[side].send(frame)
            except OSError:
                continue  # The other end is down, or the frame too long for it: a cable does not care.


def plain(interface: str) -> None:
    """Switch off what the kernel would leave to hardware; see linux/ethtool.h."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in _OFFLOADS:
            value = array.array("I", [command, 0])
            request = struct.pack("16sP", interface.encode(), value.buffer_info()[0])
            with contextlib.suppress(OSError):  # What an interface cannot do need not be switched off.
                fcntl.ioctl(control, _SIOCETHTOOL, request)


def main(argv: list[str]) -> int:
    if argv[0] == "--plain":
        plain(argv[1])
        return 0
    one, other, *numbers = argv
    delay_ms, jitter_ms, loss, duplicates, seed = map(float, numbers)
    carry(one, other, Badness(delay_ms, jitter_ms, loss, duplicates), int(seed))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
