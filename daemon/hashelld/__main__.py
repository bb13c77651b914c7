"""The command hashelld: settings, log, one node until it ends.

Exit codes: 0 left cleanly, 2 bad usage, 65 bad settings, 73 port or socket in use, 74 state folder unusable, 78 key
missing or open to others, 70 a broken promise of our own code.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TextIO, cast

from hashell.errors import HashellError
from hashelld.settings import Settings, from_command_line

#: Above ordinary work, below what the system itself needs.
NICE = -10

_LEVELS = {
    "debug": logging.DEBUG, "info": logging.INFO, "notice": logging.INFO,
    "warning": logging.WARNING, "error": logging.ERROR,
}


def start_log(settings: Settings) -> None:
    """Lines as data (logfmt): time, level, node, event, fields. To the file of the settings, else standard error."""
    # It would load rich, and pygments with it, for tracebacks on a terminal: 0.1 s and 10 MB that no daemon needs.
    absent = cast(ModuleType, None)
    rich = sys.modules.setdefault("rich", absent)
    try:
        import structlog
    finally:
        if rich is absent:
            del sys.modules["rich"]

    stream: TextIO = sys.stderr
    if settings.log_file:
        settings.log_file.parent.mkdir(parents=True, exist_ok=True)
        stream = settings.log_file.open("a", encoding="utf-8", buffering=1)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(
                key_order=["timestamp", "level", "event"], drop_missing=True
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.log_level]),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )


def _ask_for_priority() -> None:
    """A node must be scheduled to answer its peers, and even to die; what it starts runs as everybody else does."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, 0, NICE)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a node; the exit code. Errors that make a start impossible are one line on standard error."""
    argv = sys.argv[1:] if argv is None else argv
    if "--systemd-unit" in argv:
        from hashelld.unit import text

        print(text(), end="")
        return 0
    try:
        settings = from_command_line(argv)
        try:
            start_log(settings)
        except OSError as error:
            print(f"hashelld: the log {settings.log_file}: {error.strerror}", file=sys.stderr)
            return 73
        if settings.remote:
            from hashelld.remote_node import run
        else:
            from hashelld.node import run

        _ask_for_priority()
        return asyncio.run(run(settings))
    except HashellError as error:
        print(f"hashelld: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
