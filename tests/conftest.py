"""What holds for every test: no person's settings, no clock that judges how fast this machine is today."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from hashell.testing.cibs import corpus_files, need

#: Variables that change what the programs under test do; a test that wants one sets it.
_OF_A_PERSON = ("CIB_", "HASHELL_", "OCF_", "PCMK_", "TEXTUAL")
_OF_A_TERMINAL = frozenset({"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "COLORTERM", "EDITOR", "VISUAL", "PAGER"})
#: What tests themselves read.
_OF_TESTS = frozenset({"HASHELL_SHARED"})

# A slow machine is no mistake of the code: examples have no time limit, pytest-timeout ends what hangs. Without a
# database a failure does not depend on what an earlier run left behind, nor on a folder that can be written.
settings.register_profile("hashell", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
settings.load_profile("hashell")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What all tests understand."""
    parser.addoption("--update-golden", action="store_true", help="write the screens of the monitor that are compared")


def pytest_configure(config: pytest.Config) -> None:
    """Nothing of the person who runs the tests is read or written: neither variables nor files at home."""
    for name in list(os.environ):
        if (name.startswith(_OF_A_PERSON) or name in _OF_A_TERMINAL) and name not in _OF_TESTS:
            del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="hsh"))
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    # A run in the background (`&`, nohup) is handed down signals that are ignored; programs under test must hear them.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    os.environ["HOME"] = str(home)
    os.environ["TERM"] = "xterm-256color"
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        del os.environ[name]


@cache
def _loopback() -> bool:
    """Whether 127.0.0.1 takes connections here."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), 10).close()
    except OSError:
        return False
    return True


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs the loopback interface where it is down."""
    if item.get_closest_marker("loopback") is not None and not _loopback():
        pytest.skip("the loopback interface is down")


@pytest.fixture
def corpus() -> list[Path]:
    """The recorded CIBs; skips where there are none."""
    return corpus_files()


@pytest.fixture
def crm_diff() -> str:
    """Pacemaker's program; skips where it is not installed."""
    return need("crm_diff")
