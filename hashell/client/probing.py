"""Probing: a client of a service, asking all the time, so that an outage is known as a user feels it.

    parse("web=tcp:10.0.0.1:80,budget=5s") -> Probe;  watch(probe, hear, now_s) asks until it is cancelled

`tcp:HOST:PORT` connects, `http://…` wants an answer below 400 (no TLS is checked: it asks whether somebody answers),
`command:WORDS` runs a program without a shell and wants it to end with 0. Questions do not wait for one another: what a
dead machine leaves unanswered costs no time.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from hashell.client.feed import ProbeUpdate
from hashell.errors import BadInput
from hashell.values.intervals import parse_interval_ms

#: Seconds between two questions, and between two runs of a command.
PERIOD_S = 0.1
COMMAND_PERIOD_S = 1.0
#: Seconds that an answer may take.
TIMEOUT_S = 2.0
COMMAND_TIMEOUT_S = 10.0
#: Questions under way at once: a period's worth of the time that an answer may take.
OPEN_MAX = 20
#: Bytes of an HTTP answer that are read: its first line is enough.
ANSWER_MAX = 512
SAID_MAX = 60


class BadProbe(BadInput):
    id = "probe-bad"
    hint = "write [NAME=]tcp:HOST:PORT, [NAME=]http://HOST/PATH or [NAME=]command:WORDS, and ,budget=5s behind it"

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"the probe {text!r} cannot be used: {why}", self.hint)


@dataclass(frozen=True, slots=True)
class Probe:
    """What to ask. `kind`: tcp, http or command; `target` its words; `budget_s`: how long an outage may last, 0: no
    promise."""

    name: str
    kind: str
    target: str
    budget_s: float = 0.0


def parse(text: str) -> Probe:
    """Raises BadProbe."""
    words, _, budget = text.partition(",budget=")
    budget_ms = parse_interval_ms(budget) if budget else 0
    if budget_ms is None or budget_ms < 0:
        raise BadProbe(text, f"{budget} is no time")
    name, equals, rest = words.partition("=")
    if not equals or ":" in name:
        name, rest = "", words
    kind, colon, target = rest.partition(":")
    if kind == "http" and target.startswith("//"):
        parts = urlsplit(rest)
        if not parts.hostname:
            raise BadProbe(text, "it names no host")
        target = rest
    elif kind == "tcp":
        _address(text, target)
    elif kind == "command" and colon:
        try:
            if not shlex.split(target):
                raise BadProbe(text, "it names no program")
        except ValueError as error:
            raise BadProbe(text, str(error)) from None
    else:
        raise BadProbe(text, "it is none of tcp, http and command")
    return Probe(name or target.removeprefix("//")[:30], kind, target, budget_ms / 1000)


def _address(text: str, target: str) -> tuple[str, int]:
    host, _, port = target.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise BadProbe(text, "it names no host and port")
    return host.strip("[]"), int(port)


class Sight:
    """Answers in, changes out; pure. An answer to a question older than one that was answered already says nothing."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._asked_s = float("-inf")
        self._last_s: float | None = None
        self._ok: bool | None = None
        self._said = ""

    def answered(self, said: str, asked_s: float, now_s: float) -> ProbeUpdate | None:
        """A good answer; what is to be told of it, if anything."""
        if asked_s < self._asked_s:
            return None
        gap_s = now_s - self._last_s if self._ok is False and self._last_s is not None else 0.0
        news = self._ok is not True or said != self._said
        self._asked_s, self._last_s, self._ok, self._said = asked_s, now_s, True, said
        return ProbeUpdate(self._probe.name, True, said, gap_s, self._probe.budget_s) if news else None

    def failed(self, why: str, asked_s: float) -> ProbeUpdate | None:
        """No answer, or a bad one."""
        if asked_s < self._asked_s or self._ok is False:
            return None
        self._ok, self._said = False, why
        return ProbeUpdate(self._probe.name, False, why, 0.0, self._probe.budget_s)


async def watch(probe: Probe, hear: Callable[[ProbeUpdate], None], now_s: Callable[[], float]) -> None:
    """Ask until cancelled; `hear` is told of every change. Never raises for what the service does."""
    sight = Sight(probe)
    period_s = COMMAND_PERIOD_S if probe.kind == "command" else PERIOD_S
    timeout_s = COMMAND_TIMEOUT_S if probe.kind == "command" else TIMEOUT_S
    open_max = 1 if probe.kind == "command" else OPEN_MAX

    async def ask() -> None:
        asked_s = now_s()
        try:
            async with asyncio.timeout(timeout_s):
                said = await _ASK[probe.kind](probe)
        except TimeoutError:
            update = sight.failed(f"no answer in {timeout_s:g} s", asked_s)
        except (OSError, ValueError, asyncio.LimitOverrunError) as error:
            update = sight.failed((getattr(error, "strerror", None) or str(error))[:SAID_MAX], asked_s)
        else:
            update = sight.answered(said[:SAID_MAX], asked_s, now_s())
        if update is not None:
            hear(update)

    async with asyncio.TaskGroup() as group:
        tasks: set[asyncio.Task[None]] = set()
        while True:
            if len(tasks) < open_max:
                task = group.create_task(ask())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.sleep(period_s)


async def _tcp(probe: Probe) -> str:
    _, writer = await asyncio.open_connection(*_address(probe.target, probe.target))
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return ""


async def _http(probe: Probe) -> str:
    parts = urlsplit(probe.target)
    assert parts.hostname is not None, "parse lets none through without a host"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        request = f"GET {path} HTTP/1.0\r\nHost: {parts.hostname}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode("ascii", "replace"))
        await writer.drain()
        first = (await reader.read(ANSWER_MAX)).split(b"\r\n", 1)[0].decode("ascii", "replace")
    finally:
        writer.close()
    words = first.split(None, 2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
        raise ValueError("no HTTP answer")
    if int(words[1]) >= 400:
        raise ValueError(f"HTTP {words[1]}")
    return f"HTTP {words[1]}"


async def _command(probe: Probe) -> str:
    words = shlex.split(probe.target)
    process = await asyncio.create_subprocess_exec(
        *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
    )
    try:
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
    if code != 0:
        raise ValueError(f"ended with {code}")
    return ""


_ASK = {"tcp": _tcp, "http": _http, "command": _command}
