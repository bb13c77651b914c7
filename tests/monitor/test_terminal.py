"""The monitor on a real terminal: it ends when the terminal does, and leaves the terminal as it was."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from hashell.testing.terminal import Terminal

CIB = Path(__file__).resolve().parent.parent / "benchmarks" / "three_nodes.xml"
MONITOR = (sys.executable, "-m", "hashell", "--cib", str(CIB), "monitor")


def _ends(terminal: Terminal, seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while terminal.alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("ignored", [False, True], ids=["hang-up kills", "hang-up is ignored"])
def test_a_terminal_that_is_gone_ends_the_monitor(ignored):
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)  # inherited by the program
    try:
        terminal = Terminal(MONITOR)
    finally:
        signal.signal(signal.SIGHUP, old)
    try:
        terminal.wait_for("node3 OFFLINE")
        terminal.hang_up()
        assert _ends(terminal)
    finally:
        terminal.close()


def test_every_resize_from_wide_to_tiny_and_back_is_drawn_whole():
    with Terminal(MONITOR, columns=200, rows=50) as terminal:
        terminal.wait_for("node3 OFFLINE")
        for columns, rows in ((40, 10), (80, 24), (200, 50), (60, 18), (120, 40)):
            terminal.resize(columns, rows)
            terminal.wait_for(lambda text, rows=rows: "Help" in text.split("\n")[rows - 1])
        terminal.wait_for("node3 OFFLINE")
        terminal.send("q")
        assert terminal.wait_end() == 0


def test_a_size_in_the_environment_does_not_keep_the_monitor_from_following_its_terminal():
    with Terminal(MONITOR, columns=80, rows=24, env={"COLUMNS": "100", "LINES": "30"}) as terminal:
        for columns, rows in ((80, 24), (60, 18), (120, 40)):
            terminal.resize(columns, rows)
            terminal.wait_for(lambda text, rows=rows: "Help" in text.split("\n")[rows - 1])
        terminal.send("q")
        assert terminal.wait_end() == 0


@pytest.mark.parametrize("keys", ["q", "\x03", "\x11"], ids=["q", "ctrl+c", "ctrl+q"])
def test_each_way_out_leads_out(keys):
    with Terminal(MONITOR) as terminal:
        terminal.wait_for("node3 OFFLINE")
        terminal.send(keys)
        assert terminal.wait_end() == 0
