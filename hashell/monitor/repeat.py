"""Repeat: the status printed again each time that it has changed, on standard output or into a file.

A cluster that does not answer is said in the place of its status, so that nobody takes an old one for the present.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from hashell.errors import HashellError
from hashell.monitor.one_shot import answer, failure, gather, write
from hashell.status.options import Format

if TYPE_CHECKING:
    from hashell.client.api import ClusterClient
    from hashell.monitor.options import MonitorOptions
    from hashell.status.cluster_status import ClusterStatus

#: Puts what follows at the top of an empty screen.
_CLEAR = "\x1b[H\x1b[2J"


def repeat(options: MonitorOptions, request: str) -> int:
    """Print until interrupted, in the background if that is asked for; the exit code."""
    rounds = texts(options, request)
    try:
        # The first one before anything is left alone: what cannot be written is said to who asked.
        code = _put(next(rounds), options)
        if code:
            return code
        if options.background and not _go_away():
            return 0
        for shown in rounds:
            if shown is None:
                time.sleep(options.interval_ms / 1000)
                continue
            code = _put(shown, options)
            if code:
                return code
    except (KeyboardInterrupt, BrokenPipeError):
        _drop_output()
    return 0


def texts(options: MonitorOptions, request: str) -> Iterator[str | None]:
    """What is to be printed, a text for each change; None where it is time to wait. Never ends."""
    before: ClusterStatus | str | None = None
    client: ClusterClient | None = None
    while True:
        try:
            if client is None:
                client = _open(options)
            status = gather(client, options)
            # A clock that moved on is no change.
            now: ClusterStatus | str = replace(status, summary=replace(status.summary, now_s=0))
            shown = answer(status, options, request)[1] if now != before else ""
        except HashellError as error:
            if client is not None:
                client.close()
                client = None
            now = shown = failure(error, options, request)
        if now != before:
            before = now
            yield shown
        yield None


def _open(options: MonitorOptions) -> ClusterClient:
    from hashell.client.choose import open_client

    return open_client(options.attach, options.cib, options.read_only)


def _put(shown: str | None, options: MonitorOptions) -> int:
    if shown is None or options.silent:
        return 0
    if options.output_to in ("", "-") and (options.output or Format.TEXT) is Format.TEXT:
        shown = f"{_CLEAR}{shown}" if sys.stdout.isatty() else f"{shown}\n"
    code = write(shown, options.output_to)
    sys.stdout.flush()
    return code


def _go_away() -> bool:
    """Leave the terminal; True in the process that goes on."""
    sys.stdout.flush()
    if os.fork():
        return False
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    return True


def _drop_output() -> None:
    """A reader that is gone must not be told of at the end once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
