"""Processes of a lab: found by the marks that a node's programs carry, and ended until none is left."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

#: The variable that every program of a node has in its environment; its value is the node's run folder.
MARK = "HASHELL_RUN_DIR"
#: Seconds for processes to vanish after SIGKILL.
PATIENCE_S = 10.0


class Leftover(RuntimeError):
    """Processes that did not end: a defect of the lab, or they belong to another user."""


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - thousands of reads of /proc
            return file.read()
    except OSError:
        return b""


def _all() -> Iterator[tuple[int, int, bytes]]:
    """(pid, parent, state) of every process."""
    for entry in os.listdir("/proc"):  # noqa: PTH208
        if entry.isdigit():
            fields = _read(f"/proc/{entry}/stat").rpartition(b") ")[2].split()
            if len(fields) > 1:
                yield int(entry), int(fields[1]), fields[0]


def belonging(folder: Path) -> tuple[int, ...]:
    """Processes marked with a run folder that is `folder` or lies below it, and all their descendants; no zombies,
    not us."""
    mark = f"{MARK}={folder}".encode()
    children: dict[int, list[int]] = {}
    alive: set[int] = set()
    found: set[int] = set()
    for pid, parent, state in _all():
        children.setdefault(parent, []).append(pid)
        if state in (b"Z", b"X"):
            continue
        alive.add(pid)
        for word in _read(f"/proc/{pid}/environ").split(b"\0"):
            if word == mark or word.startswith(mark + b"/"):
                found.add(pid)
                break
    waiting = list(found)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child in alive and child not in found:
                found.add(child)
                waiting.append(child)
    found.discard(os.getpid())
    return tuple(sorted(found))


def send(folder: Path, number: signal.Signals) -> int:
    """One signal to all that belongs to a node; how many got it."""
    count = 0
    for pid in belonging(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            count += 1
    return count


def freeze(folder: Path) -> None:
    """Stop all processes of a node where they stand, also those that are born meanwhile."""
    before: tuple[int, ...] = ()
    for _ in range(20):
        send(folder, signal.SIGSTOP)
        now = belonging(folder)
        if now == before:
            return
        before = now


def end(folder: Path) -> None:
    """Kill all that belongs to a node. Raises Leftover."""
    end_all(lambda: belonging(folder))


def end_all(look: Callable[[], Iterable[int]]) -> None:
    """Kill until a whole look finds nobody: a process may fork while we look. Raises Leftover."""
    deadline = time.monotonic() + PATIENCE_S
    while found := tuple(look()):
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise Leftover(f"processes {found} do not end")
        time.sleep(0.01)
