"""A client of the service in a process of its own: asks every few milliseconds, tells who answers and every gap.

    python -m hashell.lab.probe ADDRESS PORT      one JSON object a line, on every change

What it measures is the outage as a user would feel it: from the last answer before a gap to the first after it. Each
question has a connection of its own and does not wait for those before it: what a dead machine leaves unanswered costs
no time. It also looks at the kernel's table of listening sockets: two that stand for the same address and port are two
owners, and so are answers that alternate between nodes without a gap.
"""

from __future__ import annotations

import errno
import json
import os
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: Seconds between two questions.
PERIOD_S = 0.01
#: Seconds that one question may take; a frozen server holds the connection for ever.
ANSWER_TIMEOUT_S = 0.25
#: Seconds between two signs of life without any change.
STILL_S = 0.5
#: Seconds between two looks at the table of listening sockets.
OWNERS_S = 0.1
#: So many questions that stay without an answer between two good ones are a gap; fewer are a slow answer.
UNANSWERED_GAP = 5
#: Gaps kept.
GAPS_MAX = 10_000
#: Bytes of one answer.
ANSWER_MAX = 4096
_LISTEN = b"0A"
#: Bytes of the kernel's table that are read at a time.
_TABLE_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Gap:
    """Nobody answered between `began_s` and `ended_s` (monotonic clock): the last answer before, the first after."""

    began_s: float
    ended_s: float
    before: str
    after: str

    @property
    def seconds(self) -> float:
        return self.ended_s - self.began_s


@dataclass(frozen=True, slots=True)
class Sight:
    """What the probe saw last: `node` is who answers (empty: nobody), `at_s` the time of the last answer."""

    node: str = ""
    at_s: float = 0.0
    alive_s: float = 0.0
    owners: int = 0


class Tally:
    """Answers in, gaps and double owners out. Pure: times come with the answers."""

    def __init__(self) -> None:
        self.node = ""
        self.last_s = 0.0
        self.answering = False
        self.gaps: list[Gap] = []
        self.doubles: list[str] = []
        self._asked_s = float("-inf")
        self._changes: list[tuple[float, str, str]] = []

    def answered(self, node: str, asked_s: float, answered_s: float, open_before: int = 0) -> bool:
        """Take an answer; whether it changed anything worth telling. `open_before`: how many earlier questions have no
        answer yet. An answer to a question older than one that was answered already says nothing new."""
        if asked_s < self._asked_s:
            return False
        self._asked_s = asked_s
        news = not self.answering or node != self.node or open_before >= UNANSWERED_GAP
        if self.node and news:
            # A change of node within one period is a gap too, of the length of that period.
            self.gaps.append(Gap(self.last_s, answered_s, self.node, node))
            del self.gaps[:-GAPS_MAX]
            if self.answering and node != self.node:
                self._changed(self.node, node, asked_s)
        self.node, self.last_s, self.answering = node, answered_s, True
        return news

    def _changed(self, before: str, after: str, at_s: float) -> None:
        """From one node to another without a gap: once is a quick move, back within a second is two owners."""
        for when_s, one, other in self._changes:
            if at_s - when_s < 1.0 and (one, other) == (after, before):
                self.doubles.append(f"{after} and {before} answer in turns")
                return
        self._changes = [change for change in self._changes if at_s - change[0] < 1.0]
        self._changes.append((at_s, before, after))

    def failed(self, asked_s: float = float("inf")) -> bool:
        """Nobody answered a question; whether that is news. It is none when a later question was answered."""
        if asked_s < self._asked_s:
            return False
        news, self.answering = self.answering, False
        return news

    def listening(self, owners: int) -> None:
        """How many sockets listen at the service's address and port."""
        if owners > 1:
            self.doubles.append(f"{owners} sockets listen at the service's address")
        del self.doubles[:-GAPS_MAX]


def listeners(table: Path, address: str, port: int) -> int:
    """Sockets that listen at an IPv4 address and port by the kernel's table (/proc/net/tcp, proc(5)). Raises OSError.

    Those that listen come first; what follows may be thousands of connections that have ended, and the kernel makes its
    lines while it is read."""
    wanted = f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}:{port:04X}".encode()
    count = 0
    with table.open("rb", buffering=_TABLE_CHUNK) as lines:
        next(lines, b"")
        for line in lines:
            fields = line.split()
            if len(fields) < 4 or fields[3] != _LISTEN:
                break
            count += fields[1] == wanted
    return count


def ask(address: str, port: int, timeout_s: float = ANSWER_TIMEOUT_S) -> str:
    """One HTTP question; the last word of the answer, which is the node's name. Empty when there is no good answer."""
    deadline = time.monotonic() + timeout_s
    try:
        with socket.create_connection((address, port), timeout=timeout_s) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            data = b""
            while len(data) < ANSWER_MAX:
                connection.settimeout(max(0.001, deadline - time.monotonic()))
                more = connection.recv(4096)
                if not more:
                    break
                data += more
    except OSError:
        return ""
    return _answer(data)


class Questions:
    """Questions under way, oldest first; each is a connection that never blocks."""

    def __init__(self, address: str, port: int) -> None:
        self._where = (address, port)
        self._selector = selectors.DefaultSelector()
        self._asked: dict[socket.socket, float] = {}
        self._said: dict[socket.socket, bytes] = {}

    def listen(self, descriptor: int) -> None:
        """`turn` returns early when this can be read."""
        self._selector.register(descriptor, selectors.EVENT_READ)

    def older(self, asked_s: float) -> int:
        """How many questions asked before have no answer yet."""
        return sum(1 for other_s in self._asked.values() if other_s < asked_s)

    def ask(self, now_s: float) -> bool:
        """Begin one; False when it failed at once."""
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.setblocking(False)
        if connection.connect_ex(self._where) not in (0, errno.EINPROGRESS):
            connection.close()
            return False
        self._asked[connection] = now_s
        self._selector.register(connection, selectors.EVENT_WRITE)
        return True

    def turn(self, wait_s: float, now: Callable[[], float]) -> tuple[list[tuple[str, float, float]], bool]:
        """Wait for answers: (node or empty text for a failure, when asked, when it ended) of each question that ended,
        in the order in which they were asked; and whether what `listen` was given can be read."""
        ended: list[tuple[str, float, float]] = []
        other = False
        for key, events in self._selector.select(max(0.0, wait_s)):
            if not isinstance(key.fileobj, socket.socket):
                other = True
                continue
            said = self._advance(key.fileobj, events)
            if said is not None:
                ended.append((said, self._drop(key.fileobj), now()))
        late_s = now() - ANSWER_TIMEOUT_S
        for connection in [one for one, asked_s in self._asked.items() if asked_s < late_s]:
            ended.append(("", self._drop(connection), now()))
        return sorted(ended, key=lambda one: one[1]), other

    def _advance(self, connection: socket.socket, events: int) -> str | None:
        """What came of it: a node, an empty text when it failed, None while it is under way."""
        try:
            if events & selectors.EVENT_WRITE:
                connection.send(b"GET / HTTP/1.0\r\n\r\n")
                self._selector.modify(connection, selectors.EVENT_READ)
                return None
            more = connection.recv(4096)
        except OSError:
            return ""
        said = self._said[connection] = self._said.get(connection, b"") + more
        return _answer(said) if not more or len(said) >= ANSWER_MAX else None

    def _drop(self, connection: socket.socket) -> float:
        self._selector.unregister(connection)
        self._said.pop(connection, None)
        connection.close()
        return self._asked.pop(connection)


def _answer(data: bytes) -> str:
    """The last word of a good answer, which is the node's name; empty for any other."""
    head, _, body = data.partition(b"\r\n\r\n")
    words = body.decode(errors="replace").split()
    return words[-1] if head.startswith(b"HTTP/1.0 200") and words else ""


def main(argv: list[str]) -> int:
    """Ask until standard input ends (its other end is the lab's)."""
    address, port = argv[0], int(argv[1])
    tally = Tally()
    questions = Questions(address, port)
    questions.listen(0)
    told_gaps = told_doubles = owners = 0
    spoke_s = looked_s = next_s = 0.0
    while True:
        now_s = time.monotonic()
        news = False
        if now_s >= next_s:
            # Who was not run for a while does not ask the missed questions all at once.
            next_s = max(next_s, now_s - PERIOD_S) + PERIOD_S
            if not questions.ask(now_s):
                news = tally.failed(now_s)
        ended, over = questions.turn(next_s - time.monotonic(), time.monotonic)
        if over and not os.read(0, 1):
            return 0
        for node, asked_s, ended_s in ended:
            if node:
                news = tally.answered(node, asked_s, ended_s, questions.older(asked_s)) or news
            else:
                news = tally.failed(asked_s) or news
        done_s = time.monotonic()
        if done_s - looked_s > OWNERS_S:
            looked_s = done_s
            owners = listeners(Path("/proc/net/tcp"), address, port)
            tally.listening(owners)
        gaps, doubles = tally.gaps[told_gaps:], tally.doubles[told_doubles:]
        if news or gaps or doubles or done_s - spoke_s > STILL_S:
            spoke_s = done_s
            told_gaps, told_doubles = len(tally.gaps), len(tally.doubles)
            line = {
                "node": tally.node if tally.answering else "", "at_s": tally.last_s,
                "alive_s": done_s, "owners": owners, "doubles": doubles,
                "gaps": [[gap.began_s, gap.ended_s, gap.before, gap.after] for gap in gaps],
            }
            try:
                sys.stdout.write(json.dumps(line) + "\n")
                sys.stdout.flush()
            except BrokenPipeError:
                return 0


@dataclass
class Probe:
    """The lab's end: starts the process, keeps what it told. Safe to ask from any thread."""

    address: str
    port: int
    gaps: list[Gap] = field(default_factory=list)
    doubles: list[str] = field(default_factory=list)
    sight: Sight = field(default_factory=Sight)
    on_change: Callable[[str, Sequence[Gap], Sequence[str]], None] = lambda node, gaps, doubles: None

    def start(self, prefix: tuple[str, ...] = ()) -> None:
        """`prefix` are words before the command, to run it elsewhere (in a network namespace)."""
        from hashell.lab.cluster import import_path

        words = [
            *prefix, sys.executable, "-m", "hashell.lab.probe", self.address, str(self.port)
        ]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
            env={**os.environ, "PYTHONPATH": import_path()},
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            gaps = [Gap(*gap) for gap in told["gaps"]]
            self.gaps += gaps
            self.doubles += told["doubles"]
            before, self.sight = self.sight.node, Sight(
                told["node"], told["at_s"], told["alive_s"], told["owners"]
            )
            if gaps or told["doubles"] or before != told["node"]:
                self.on_change(told["node"], gaps, told["doubles"])

    def stop(self) -> None:
        """End the process; what it told stays."""
        process = getattr(self, "_process", None)
        if process is None:
            return
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._thread.join(5)
        process.stdout.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
