"""What a process holds: memory and descriptors of a node's daemon and heartbeat process, before and after."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hashell.lab import processes

#: How much more a daemon may hold after many faults than after the first ones: descriptors, and kilobytes of memory
#: (a part of what it had, and so much besides: the heap of an interpreter is never quite as it was).
FDS_MORE = 6
MEMORY_MORE, MEMORY_MORE_KB = 0.25, 16 * 1024
#: What the command line of each process says.
_KINDS = ((b"mesh.heartbeat import main", "heart"), (b"hashelld.core.worker", "worker"), (b"hashelld", "daemon"))


@dataclass(frozen=True, slots=True)
class Usage:
    """One process: `rss_kb` all of its memory that is in RAM, `pss_kb` with shared pages counted by part (0 where the
    kernel does not tell)."""

    node: str
    what: str
    pid: int
    rss_kb: int
    pss_kb: int
    fds: int
    threads: int


def usage_of(node: str, run: Path) -> tuple[Usage, ...]:
    """Of every process of hashelld that belongs to a run folder; those that end meanwhile are left out."""
    found = []
    for pid in processes.belonging(run):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
            what = next((name for mark, name in _KINDS if mark in words), "")
            if what:
                found.append(_read(node, what, pid))
        except (OSError, ValueError):
            continue
    return tuple(found)


def _read(node: str, what: str, pid: int) -> Usage:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    status = dict(line.split(":", 1) for line in lines if ":" in line)
    pss_kb = 0
    rollup = Path(f"/proc/{pid}/smaps_rollup")
    if rollup.exists():
        for line in rollup.read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                pss_kb = int(line.split()[1])
    return Usage(
        node, what, pid, int(status["VmRSS"].split()[0]), pss_kb, len(os.listdir(f"/proc/{pid}/fd")),  # noqa: PTH208
        int(status["Threads"]),
    )


def growth(before: Iterable[Usage], after: Iterable[Usage]) -> tuple[str, ...]:
    """What is held now that was not before: complaints for daemons and heartbeat processes of the same kind."""
    found = []
    was = list(before)
    for one in after:
        like = [other for other in was if other.what == one.what and one.what in ("daemon", "heart")]
        if not like:
            continue
        fds = max(other.fds for other in like)
        memory_kb = max(other.rss_kb for other in like)
        if one.fds > fds + FDS_MORE:
            found.append(f"{one.what} of {one.node} has {one.fds} descriptors open, {fds} before")
        if one.rss_kb > memory_kb * (1 + MEMORY_MORE) + MEMORY_MORE_KB:
            found.append(f"{one.what} of {one.node} takes {one.rss_kb // 1024} MB, {memory_kb // 1024} before")
    return tuple(found)
