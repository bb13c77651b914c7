"""One shot: the status of a cluster printed once, as `crm_mon -1` does; the program behind `hashell monitor`.

Nothing here imports Textual or asyncio: a one-shot status must come at once, also on a loaded node.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hashell.errors import HashellError
from hashell.monitor.options import MonitorOptions, help_text, read
from hashell.status.options import Format, Section

if TYPE_CHECKING:
    from collections.abc import Callable

    from hashell.cib.document import Cib
    from hashell.client.api import ClusterClient
    from hashell.status.cluster_status import ClusterStatus, FencingEvent
    from hashell.wire.messages import Info


def main(argv: list[str], crm_text: Callable[[Cib], str] | None = None) -> int:
    """Serve one command line; the exit code. `crm_text` writes a configuration in the crm language, for the screen."""
    try:
        options = read(argv)
    except HashellError as error:
        sys.stderr.write(f"hashell monitor: {error}\n")
        return error.exit_code
    if options.show_help:
        sys.stdout.write(help_text())
        return 0
    if options.show_version:
        from hashell import __version__

        sys.stdout.write(f"hashell {__version__}\n")
        return 0
    screen = sys.stdout.isatty() or "TEXTUAL_DRIVER" in os.environ
    if options.replay and (options.output is not None or options.one_shot or not screen):
        return print_replay(options, shlex.join(["hashell", "monitor", *argv]))
    if options.output is None and not options.one_shot and screen:
        from hashell.monitor import app

        return app.run(
            app.Options(
                attach=options.attach, cib_file=options.cib, read_only=options.read_only,
                write=options.write, theme=options.theme, status=options.status, crm_text=crm_text,
                record=options.record, replay=options.replay, speed=options.speed, probes=options.probes,
            )
        )
    return print_once(options, shlex.join(["hashell", "monitor", *argv]))


def print_replay(options: MonitorOptions, request: str) -> int:
    """What a recording tells: its timeline, or with -1 or a format the status at its end or `--at` a moment."""
    from hashell.monitor import replay

    try:
        past, words = replay.load(options.replay)
        if options.output is None and not options.one_shot:
            shown = "".join(f"{line}\n" for line in replay.timeline_text(past, options.at))
        else:
            scene = replay.scene_at(past, options.at)
            assert scene.cib is not None
            status = status_of(scene.cib, scene.info, options, scene.when_s)
            shown = render(status, options, options.output or Format.TEXT, request)
    except HashellError as error:
        sys.stderr.write(f"hashell monitor: {error}\n")
        return error.exit_code
    for word in words:
        sys.stderr.write(f"hashell monitor: WARNING: {word}\n")
    return _write(shown, options.output_to)


def status_of(cib: Cib, info: Info | None, options: MonitorOptions, when_s: float) -> ClusterStatus:
    """The status of a CIB at a moment."""
    from hashell.state.cluster_state import read_cluster_state
    from hashell.status.build import cluster_status

    return cluster_status(
        read_cluster_state(cib, when_s, time.localtime(when_s).tm_gmtoff), info, options.status
    )


def print_once(options: MonitorOptions, request: str) -> int:
    """Ask the cluster once and print; the exit code. `request` is the command line, which XML repeats."""
    output = options.output or Format.TEXT
    try:
        shown, code = shown_status(options, output, request), 0
    except HashellError as error:
        code = error.exit_code
        if output is not Format.XML:
            sys.stderr.write(f"hashell monitor: {error}\n")
            return code
        from hashell.status import xml

        shown = xml.error(request, code, error.id, text=str(error))
    if options.silent:
        return code
    return _write(shown, options.output_to) or code


def _write(shown: str, where: str) -> int:
    """To standard output or, whole or not at all, to a file."""
    if where in ("", "-"):
        sys.stdout.write(shown)
        return 0
    temporary = Path(f"{where}.{os.getpid()}.tmp")
    try:
        temporary.write_text(shown, encoding="utf-8")
        temporary.replace(where)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        sys.stderr.write(f"hashell monitor: cannot write {where}: {error.strerror}\n")
        return 73
    return 0


def shown_status(options: MonitorOptions, output: Format, request: str) -> str:
    """The status of the cluster that the options mean, in a format. Raises HashellError."""
    from hashell.client.choose import open_client

    client = open_client(options.attach, options.cib, options.read_only)
    try:
        status = gather(client, options)
    finally:
        client.close()
    if options.simple:
        from hashell.status.simple import render as one_line

        return one_line(status)
    return render(status, options, output, request)


def gather(client: ClusterClient, options: MonitorOptions) -> ClusterStatus:
    """What a cluster is like now. Raises HashellError."""
    from hashell.state.cluster_state import read_cluster_state
    from hashell.status.build import cluster_status
    from hashell.status.fencing_events import EVENTS_MAX, fencing_of

    state = read_cluster_state(client.cib(), time.time(), time.localtime().tm_gmtoff)
    live = client.info() if client.kind in ("hashelld", "pacemaker") else None
    fencing: tuple[FencingEvent, ...] = ()
    if live is not None and options.status.fence_level and options.status.shows(Section.FENCING):
        fencing = fencing_of(client.events(EVENTS_MAX))
    return cluster_status(state, live, options.status, fencing=fencing)


def render(status: ClusterStatus, options: MonitorOptions, output: Format, request: str) -> str:
    """A status in a format."""
    match output:
        case Format.TEXT:
            from hashell.status import text

            return text.render(status)
        case Format.XML:
            from hashell.status import xml

            return xml.render(status, request, legacy=options.legacy_xml)
        case Format.HTML:
            from hashell.status import html

            page = html.Page(
                options.html_title, options.html_stylesheet,
                cgi=options.html_cgi,
                refresh_s=options.interval_ms // 1000 if options.output_to else 0,
            )
            return html.render(status, page)
        case Format.JSON:
            from hashell.status import json

            return json.render(status)
