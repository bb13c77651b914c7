"""What monitor tests share: a small cluster in memory and the screen as text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hashell.client.memory import MemoryClient

CIB = Path(__file__).resolve().parent.parent / "benchmarks" / "three_nodes.xml"


@pytest.fixture
def cluster() -> MemoryClient:
    """Three nodes, the third one down; a group on node1, a clone on two nodes."""
    return MemoryClient(CIB.read_bytes())


@pytest.fixture
def screen() -> Callable[[object], str]:
    """The text of the screen of an app under test, a row a line."""

    def text(app: object) -> str:
        strips = app.screen._compositor.render_strips()  # type: ignore[attr-defined]
        return "\n".join("".join(part.text for part in strip).rstrip() for strip in strips)

    return text


@pytest.fixture
def shown():
    """An app on a cluster, waited for until its first status is on the screen."""
    from hashell.monitor.app import HashellMonitor, Options

    @asynccontextmanager
    async def start(client: MemoryClient, size=(80, 24), **options) -> AsyncIterator[tuple[object, object]]:
        app = HashellMonitor(Options(open_client=lambda: client, **options))
        async with app.run_test(size=size) as pilot:
            for _ in range(200):
                await pilot.pause(0.02)
                if app._overview.status is not None:
                    break
            yield app, pilot

    return start
