"""What tests of whole clusters share: a hand that fills in the monitor's form."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hashell.testing.terminal import Terminal

CTRL_S = "\x13"


@pytest.fixture
def add_dummy() -> Callable[[Terminal], None]:
    """A new Dummy resource called `dummy` in a running monitor: its agent, its form, the preview, done."""

    def add(monitor: Terminal) -> None:
        monitor.send("a")
        monitor.wait_for("which agent?")
        monitor.send("ocf:hashell:dummy")
        monitor.wait_for(lambda text: sum("ocf:hashell:Dummy" in line for line in text.splitlines()) == 1)
        monitor.send("\r")
        monitor.wait_for(lambda text: "name *" in text and "dummy" in text)
        monitor.send(CTRL_S)
        monitor.wait_for(lambda text: "configure primitive dummy ocf:hashell:Dummy" in text and "start 1" in text)
        monitor.send("m")
        monitor.wait_for("the history keeps it")
        monitor.send("tried out\r")
        monitor.wait_for("committed as")

    return add
