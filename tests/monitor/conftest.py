"""What monitor tests share: a small cluster in memory and the screen as text."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hashell.client.memory import MemoryClient

CIB = Path(__file__).resolve().parent.parent / "benchmarks" / "three_nodes.xml"
#: Seconds for the screen to show something; a loaded machine takes its time.
PATIENCE_S = 60.0


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


@pytest.fixture
def shown():
    """An app on a cluster, waited for until its first status is on the screen."""
    from hashell.monitor.app import HashellMonitor, Options

    @asynccontextmanager
    async def start(client: MemoryClient, size=(80, 24), **options) -> AsyncIterator[tuple[object, object]]:
        app = HashellMonitor(Options(open_client=lambda: client, **options))
        async with app.run_test(size=size) as pilot:
            await _until(pilot, lambda: app.overview.status is not None and "node3 OFFLINE" in _text(app))
            yield app, pilot

    return start
