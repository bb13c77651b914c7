"""A picture of the screen as SVG: by a key, or without a terminal (`hashell monitor --picture FILE`)."""

from __future__ import annotations

import os
import re
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hashell.errors import AlreadyExists, BadInput, HashellError, NotReachable, Refused
from hashell.monitor.replay import moment_of
from hashell.monitor.session import ReplaySession
from hashell.monitor.settings import load

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from hashell.monitor.acting import Options
    from hashell.monitor.app import HashellMonitor

#: Columns and rows where nobody asks for others, and at most.
SIZE, SIZE_MAX = (120, 40), (500, 200)
#: Seconds for a cluster to be reached and drawn.
PATIENCE_S = 20.0
_LOOK_S = 0.02


class BadSize(BadInput):
    id = "size-bad"


def size_of(text: str) -> tuple[int, int]:
    """`120x40`. Raises BadSize."""
    if not text:
        return SIZE
    found = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
    size = (int(found[1]), int(found[2])) if found else (0, 0)
    if not (20 <= size[0] <= SIZE_MAX[0] and 6 <= size[1] <= SIZE_MAX[1]):
        raise BadSize(f"--size {text} is no size", f"write columns x rows, 20x6 to {SIZE_MAX[0]}x{SIZE_MAX[1]}")
    return size


def file_name(now_s: float) -> str:
    """A name that tells when it was taken."""
    return time.strftime("hashell-%Y%m%d-%H%M%S.svg", time.localtime(now_s))


def write(path: str, svg: str) -> None:
    """To a new file, for its owner alone: the screen shows the configuration. Raises AlreadyExists, Refused."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(svg)
    except FileExistsError:
        raise AlreadyExists(f"{path} is there already", "name another file for the picture") from None
    except OSError as error:
        raise Refused(f"cannot write {path}: {error.strerror}", "name another file for the picture") from None


def take(options: Options, path: str, size: tuple[int, int], at: str = "") -> int:
    """The picture of a cluster or recording as it is drawn on a screen of that size; the exit code."""
    from hashell.monitor.app import HashellMonitor

    failed: list[HashellError] = []

    async def shoot(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, HashellMonitor)
        try:
            await _drawn(app, pilot, at)
            write(path, app.export_screenshot())
        except HashellError as error:
            failed.append(error)
        app.exit(0)

    try:
        app = HashellMonitor(replace(options, settings=load()))
    except HashellError as error:
        failed.append(error)
    else:
        app.run(headless=True, size=size, auto_pilot=shoot)
    if not failed:
        return 0
    sys.stderr.write(f"hashell monitor: {failed[0]}\n")
    return failed[0].exit_code


async def _drawn(app: HashellMonitor, pilot: Pilot[Any], at: str) -> None:
    """Until all that is seen is drawn. Raises NotReachable, and BadMoment."""
    end_s = time.monotonic() + PATIENCE_S
    session = app.session
    while app.overview.status is None and time.monotonic() < end_s:
        await pilot.pause(_LOOK_S)
        if isinstance(session, ReplaySession) and session.loaded.is_set():
            break
    if isinstance(session, ReplaySession):
        app.go(moment_of(at, session.past.began_s, session.past.heard_s))
        await pilot.pause(_LOOK_S)
        while app.overview.status is None and time.monotonic() < end_s:
            await pilot.pause(_LOOK_S)
    if app.overview.status is None:
        raise NotReachable(f"nothing came to be seen: {session.past.link.text}", "see `hashell status`")
    while app.busy and time.monotonic() < end_s:
        await pilot.pause(_LOOK_S)
    await pilot.pause()
