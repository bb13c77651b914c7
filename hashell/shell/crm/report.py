"""`report`: a support archive of this node and the cluster, without secrets; of other nodes over ssh."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hashell.errors import BadUsage, HashellError

if TYPE_CHECKING:
    from hashell.client.api import ClusterClient
    from hashell.shell.session import Session

#: Seconds back, unless said otherwise; and that another node has for its part.
SPAN_S = 12 * 3600
REMOTE_TIMEOUT_S = 300
_FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d", "%H:%M:%S", "%H:%M")


#: Seconds of crmsh's units, as in -12H. Source: crmsh's manual, "limit", "report".
_UNITS_S = {"S": 1, "M": 60, "H": 3600, "d": 86_400, "m": 30 * 86_400, "Y": 365 * 86_400}
_AGO = re.compile(r"-(\d{1,6})([SMHdmY])")


def when(text: str, now_s: float) -> float:
    """A time: 2026-11-22 14:00, 14:00 (today), or how long ago: 2h, 30min, -12H, -1d. Raises BadUsage."""
    from hashell.values.intervals import parse_interval_ms

    if ago := _AGO.fullmatch(text):
        return now_s - int(ago[1]) * _UNITS_S[ago[2]]

    for form in _FORMS:
        try:
            found = time.strptime(text.removeprefix("-"), form)
        except ValueError:
            continue
        if form.startswith("%H"):
            day = time.localtime(now_s)
            return time.mktime((day.tm_year, day.tm_mon, day.tm_mday, *found[3:6], 0, 0, -1))
        return time.mktime(found)
    ago_ms = parse_interval_ms(text.removeprefix("-"))
    if ago_ms is None:
        raise BadUsage(f"{text!r} is no time", 'write "2026-11-22 14:00", 14:00, or 2h for two hours ago')
    return now_s - ago_ms / 1000


def report(session: Session, words: list[str]) -> int:
    from hashell.commands.support import Archive, collect
    from hashell.shell.scrub import scrub

    now_s = time.time()
    begin_s, end_s, nodes, target = now_s - SPAN_S, now_s, [], ""
    rest = iter(words)
    for word in rest:
        if word in ("-f", "--from"):
            begin_s = when(next(rest, ""), now_s)
        elif word in ("-t", "--to"):
            end_s = when(next(rest, ""), now_s)
        elif word in ("-n", "--node"):
            nodes.append(next(rest, ""))
        else:
            target = word
    if begin_s >= end_s:
        raise BadUsage("the time ends before it begins", "-f is the earlier one, -t the later one")
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now_s))
    path = Path(target).expanduser() if target else Path(f"hashell-report-{stamp}.tar.gz")
    if not path.name.endswith((".tar.gz", ".tgz")):
        path = path.with_name(path.name + ".tar.gz")
    archive = Archive(scrub, lambda text: session.err(f"WARNING: {text}"))

    def client() -> ClusterClient:
        return session.client

    collect(archive, client, begin_s, end_s, lambda: _findings(session))
    for node in nodes:
        _remote(archive, node, begin_s, end_s)
    archive.write(path, path.name.removesuffix(".tar.gz").removesuffix(".tgz"), now_s)
    session.err(f"INFO: {path}: {len(archive.members)} files, secrets starred; look into it before you send it")
    return 0


def _findings(session: Session) -> str:
    """What the doctor says, whatever it is."""
    import copy

    from hashell.shell.crm.doctor import doctor

    kept: list[str] = []
    said, session.out = session.out, kept.append
    options = session.options
    session.options = copy.copy(options)
    session.options.output_as = ""
    try:
        doctor(session, [])
    finally:
        session.out, session.options = said, options
    return "".join(kept)


def _remote(archive: object, node: str, begin_s: float, end_s: float) -> None:
    """The archive of another node, as one member; hashell has to be there too."""
    import shlex

    from hashell.commands import ssh
    from hashell.commands.support import Archive

    assert isinstance(archive, Archive)
    stamps = [time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one)) for one in (begin_s, end_s)]
    words = f"hashell report -f {shlex.quote(stamps[0])} -t {shlex.quote(stamps[1])}"

    def fetch() -> bytes:
        steps = f'{words} "$d/r.tar.gz" >&2 && cat "$d/r.tar.gz"'
        command = f'd=$(mktemp -d) || exit 1; {steps}; code=$?; rm -rf "$d"; exit $code'
        code, data, said = ssh.run(node, command, timeout_s=REMOTE_TIMEOUT_S)
        if code:
            raise HashellError(f"{node}: {said.splitlines()[-1] if said else f'exit code {code}'}")
        return data

    archive.add(f"nodes/{node}.tar.gz", fetch)
