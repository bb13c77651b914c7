"""Source: the CIB that a command is about: a file, standard input, or a running cluster; and the local time zone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from hashell.cib.document import Cib
from hashell.cib.files import load_cib
from hashell.errors import BadUsage, NotReachable

#: Asks a running cluster; the word says which (hashelld, pacemaker, a socket; empty for the one that is here).
LiveCib = Callable[[str], Cib]


def read_cib(file: str, attach: str, live: LiveCib | None) -> Cib:
    """The CIB that the words mean: --cib, else the variable CIB_file, else a running cluster. Raises HashellError."""
    if file and attach:
        raise BadUsage("--attach and --cib name two different things to look at", "leave out one")
    file = file or ("" if attach else os.environ.get("CIB_file", ""))  # noqa: SIM112
    if file:
        return load_cib(file)
    if live is None:
        raise NotReachable("no running cluster can be asked from here", "name a file with --cib")
    return live(attach)


def zone(now_s: float) -> int:
    """Seconds by which local time is ahead of UTC at a moment."""
    try:
        return int(time.localtime(now_s).tm_gmtoff or 0)
    except (OverflowError, ValueError, OSError):
        return 0
