"""One shot: the status of a cluster printed once, as `crm_mon -1` does; the program behind `hashell monitor`.

Nothing here imports Textual or asyncio: a one-shot status must come at once, also on a loaded node.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from hashell.errors import BadUsage, HashellError
from hashell.monitor.options import BadOptionValue, MonitorOptions, help_text, read
from hashell.status.options import Format, Release, Section, release_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from hashell.cib.document import Cib
    from hashell.client.api import ClusterClient
    from hashell.monitor.acting import Options
    from hashell.monitor.language import Language
    from hashell.state.cluster_state import ClusterState
    from hashell.status.cluster_status import ClusterStatus, FencingEvent
    from hashell.wire.messages import Info


#: How a plugin of a monitoring system ends, see --simple-status.
_WARNING, _CRITICAL = 1, 2


def main(argv: list[str], language: Callable[[], Language] | None = None) -> int:
    """Serve one command line; the exit code. `language` lends the crm language, for the screen."""
    try:
        options = read(argv)
    except HashellError as error:
        return _refuse(error, argv)
    if options.show_help:
        sys.stdout.write(help_text())
        return 0
    if options.show_version:
        from hashell import __version__

        sys.stdout.write(f"hashell {__version__}\n")
        return 0
    if options.picture:
        return _picture(options, language)
    screen = sys.stdout.isatty() or "TEXTUAL_DRIVER" in os.environ
    if options.replay and (options.output is not None or options.one_shot or not screen):
        return print_replay(options, shlex.join(["hashell", "monitor", *argv]))
    if options.output is None and not options.one_shot and screen:
        from hashell.monitor import app

        try:
            return app.run(_screen(options, language))
        except HashellError as error:
            return _refuse(error, argv)
    request = shlex.join(["hashell", "monitor", *argv])
    if options.watch:
        from hashell.monitor.repeat import repeat

        return repeat(options, request)
    return print_once(options, request)


def _screen(options: MonitorOptions, language: Callable[[], Language] | None) -> Options:
    """The options of a screen."""
    from hashell.monitor.acting import Options
    from hashell.monitor.views.all import BY_NAME

    view = options.view.replace("-", "_")
    if view and view not in BY_NAME:
        raise BadUsage(f"no view is called {options.view}", "there are " + ", ".join(BY_NAME))
    return Options(
        attach=options.attach, cib_file=options.cib, read_only=options.read_only, write=options.write,
        theme=options.theme, status=options.status, language=language, record=options.record, replay=options.replay,
        speed=options.speed, probes=options.probes, view=view, also=options.also,
    )


def _picture(options: MonitorOptions, language: Callable[[], Language] | None) -> int:
    """The screen as an SVG file, without a terminal."""
    from hashell.monitor import picture

    try:
        screen, size = _screen(options, language), picture.size_of(options.size)
    except HashellError as error:
        sys.stderr.write(f"hashell monitor: {error}\n")
        return error.exit_code
    return picture.take(screen, options.picture, size, options.at)


def _refuse(error: HashellError, argv: list[str]) -> int:
    """Say what is wrong with a command line, where its reader looks for it."""
    if "--output-as=xml" in argv or ("--output-as", "xml") in pairwise(argv):
        from hashell.status import xml

        request = shlex.join(["hashell", "monitor", *argv])
        sys.stdout.write(xml.error(request, error.exit_code, error.id, text=str(error)))
    else:
        sys.stderr.write(f"hashell monitor: {error}\n")
    return error.exit_code


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
    return write(shown, options.output_to)


def status_of(cib: Cib, info: Info | None, options: MonitorOptions, when_s: float) -> ClusterStatus:
    """The status of a CIB at a moment."""
    from msgspec.structs import replace

    from hashell.status.build import cluster_status

    release = options.status.release or release_of_cib(cib)
    return cluster_status(read_state(cib, release, when_s), info, replace(options.status, release=release))


def print_once(options: MonitorOptions, request: str) -> int:
    """Ask the cluster once and print; the exit code. `request` is the command line, which XML repeats."""
    try:
        code, shown = shown_status(options, request)
    except HashellError as error:
        code, shown = (_CRITICAL if options.simple else error.exit_code), failure(error, options, request)
        if options.output is not Format.XML and not options.simple:
            sys.stderr.write(shown)
            return code
    if options.silent:
        return code
    return write(shown, options.output_to) or code


def failure(error: HashellError, options: MonitorOptions, request: str) -> str:
    """What is said in the place of a status that could not be had."""
    if options.simple:
        return f"CLUSTER CRIT: {error}\n"
    if options.output is Format.XML:
        from hashell.status import xml

        return xml.error(request, error.exit_code, error.id, text=str(error))
    return f"hashell monitor: {error}\n"


def write(shown: str, where: str) -> int:
    """To standard output or, whole or not at all, to a file; the exit code."""
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


def shown_status(options: MonitorOptions, request: str) -> tuple[int, str]:
    """The exit code and the status of the cluster that the options mean. Raises HashellError."""
    from hashell.client.choose import open_client

    client = open_client(options.attach, options.cib, options.read_only)
    try:
        status = gather(client, options)
    finally:
        client.close()
    return answer(status, options, request)


def answer(status: ClusterStatus, options: MonitorOptions, request: str) -> tuple[int, str]:
    """The exit code and what is printed of a status."""
    if options.simple:
        from hashell.status import simple

        return (_WARNING if simple.warnings(status) else 0), simple.render(status)
    return 0, render(status, options, options.output or Format.TEXT, request)


def gather(client: ClusterClient, options: MonitorOptions) -> ClusterStatus:
    """What a cluster is like now. Raises HashellError."""
    from msgspec.structs import replace

    from hashell.status.build import cluster_status
    from hashell.status.fencing_events import EVENTS_MAX, fencing_of

    if options.live_only and client.kind == "file":
        raise no_file()
    cib = client.cib()
    release = options.status.release or (Release.THREE if client.kind == "hashelld" else release_of_cib(cib))
    live = client.info() if client.kind in ("hashelld", "pacemaker") else None
    fencing: tuple[FencingEvent, ...] = ()
    if live is not None and options.status.fence_level and options.status.shows(Section.FENCING):
        fencing = fencing_of(client.events(EVENTS_MAX))
    return cluster_status(read_state(cib, release), live, replace(options.status, release=release), fencing=fencing)


def no_file() -> HashellError:
    """The refusal of a CIB file where a running cluster is meant."""
    return BadOptionValue("--web-cgi shows a running cluster, no CIB file", "use --output-as=html --html-cgi")


def release_of_cib(cib: Cib) -> Release:
    """Whose words people expect of a CIB."""
    return release_of(cib.root.get("crm_feature_set", ""))


def read_state(cib: Cib, release: Release, when_s: float | None = None) -> ClusterState:
    """What a CIB says to a release at a moment, or now."""
    from hashell.state.cluster_state import read_cluster_state
    from hashell.status.older import as_read_by

    when_s = time.time() if when_s is None else when_s
    return read_cluster_state(as_read_by(cib, release), when_s, time.localtime(when_s).tm_gmtoff)


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
