"""What monitor tests share: a small cluster in memory and the screen as text."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hashell.client.feed import HistoryUpdate
from hashell.client.memory import MemoryClient
from hashell.monitor.clock import SteadyClock
from hashell.monitor.session import Session
from hashell.shell.crm.lending import CrmLanguage

CIB = Path(__file__).resolve().parent.parent / "benchmarks" / "three_nodes.xml"
#: Seconds for the screen to show something; a loaded machine takes its time.
PATIENCE_S = 60.0
#: When the stories of tests begin: 2026-11-22 02:13:07 UTC.
T0 = 1795313587.0


@pytest.fixture
def cluster() -> MemoryClient:
    """Three nodes, the third one down; a group on node1, a clone on two nodes."""
    return MemoryClient(CIB.read_bytes())


def _text(app: object) -> str:
    strips = app.screen._compositor.render_strips()  # type: ignore[attr-defined]
    return "\n".join("".join(part.text for part in strip).rstrip() for strip in strips)


async def _until(pilot: object, condition: Callable[[], bool]) -> None:
    app = pilot.app  # type: ignore[attr-defined]
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"it never came to hold; the screen is:\n{_text(app)}"
        await pilot.pause(0.02)  # type: ignore[attr-defined]


@pytest.fixture
def screen() -> Callable[[object], str]:
    """The text of the screen of an app under test, a row a line."""
    return _text


@pytest.fixture
def until():
    """`await until(pilot, condition)` lets the app work until something holds; fails when it never does."""
    return _until


class StillClock(SteadyClock):
    """A clock that shows what it was set to."""

    def __init__(self):
        self.running_s = 0.0
        super().__init__(lambda: T0 + self.running_s, lambda: self.running_s)


class Told(Session):
    """A session that hears what a test tells it, by a clock that stands still until a test moves it."""

    def __init__(self, client=None):
        self.told_client = client
        super().__init__(lambda where: client, clock=StillClock(), close_clients=False)
        self.past.kind = "hashelld"

    @property
    def wall_s(self):
        return self.clock.now_s()

    @wall_s.setter
    def wall_s(self, wall_s):
        self.clock.running_s = wall_s - T0

    async def watch(self):
        if self.told_client is not None:
            self.hear(HistoryUpdate(self.told_client.history()))

    def tell(self, after_s, *updates):
        """Hear updates `after_s` seconds after the beginning."""
        self.clock.running_s = max(self.clock.running_s, after_s)
        for update in updates:
            self.past.hear(update, T0 + after_s)


@pytest.fixture
def told(monkeypatch):
    """A session that a test tells what goes on; the clock stands still at 02:13:07, in UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield Told
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def shown():
    """An app on a cluster, waited for until its first status is on the screen."""
    from hashell.monitor.app import HashellMonitor, Options

    @asynccontextmanager
    async def start(client: MemoryClient, size=(80, 24), **options) -> AsyncIterator[tuple[object, object]]:
        options.setdefault("language", CrmLanguage)
        app = HashellMonitor(Options(open_client=lambda: client, **options))
        async with app.run_test(size=size) as pilot:
            await _until(pilot, lambda: app.overview.status is not None and "node3 OFFLINE" in _text(app))
            yield app, pilot

    return start
