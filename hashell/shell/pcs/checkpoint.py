"""Earlier configurations: `pcs config checkpoint`, `backup`, `restore`.

A checkpoint is a version of the configuration that the cluster keeps; its number is the version, or its middle part
where only one version has that.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from hashell.errors import BadUsage, Refused
from hashell.shell.pcs.call import Call
from hashell.shell.pcs.root import need

if TYPE_CHECKING:
    from hashell.cib.document import Cib

#: What a backup's name ends with; pcs itself reads these. Source: pcs's manual, "config backup".
SUFFIX = ".tar.bz2"


def listing(call: Call, words: list[str]) -> int:
    """Oldest first, the present configuration last."""
    if words:
        raise BadUsage(f"'{words[0]}' is no command of pcs config checkpoint", "view, diff or restore")
    from hashell.shell.crm.history import VERSIONS_MAX, version_time

    rows = call.session.client.history(VERSIONS_MAX)
    if not rows:
        call.session.err("No checkpoints available")
    return call.lines(f"checkpoint {row.version}: date {version_time(row.when_s)}" for row in reversed(rows))


def view(call: Call, words: list[str]) -> int:
    need(words, 1, 1, "config checkpoint view NUMBER")
    return call.lines(_lines(call, _kept(call, words[0])))


def diff(call: Call, words: list[str]) -> int:
    """As difflib shows it: every line, with what it is a part of."""
    need(words, 2, 2, "config checkpoint diff NUMBER|live NUMBER|live")
    if words[0] == words[1]:
        raise BadUsage("cannot diff a checkpoint against itself", "name two different ones, or `live`")
    texts = [_lines(call, call.session.client.cib() if word == "live" else _kept(call, word)) for word in words]
    names = ["live configuration" if word == "live" else f"checkpoint {word}" for word in words]
    lines = (line.rstrip() for line in difflib.Differ().compare(*texts))
    return call.lines([f"Differences between {names[0]} (-) and {names[1]} (+):", *lines])


def restore(call: Call, words: list[str]) -> int:
    need(words, 1, 1, "config checkpoint restore NUMBER")
    from hashell.commands import versions

    found = _kept(call, words[0])
    versions.restore(call.env, found)
    return call.finish(call.env, f"restore of {found.version}")


def _kept(call: Call, text: str) -> Cib:
    from hashell.shell.crm.history import kept_version

    return kept_version(call.session, text)


def _lines(call: Call, cib: Cib) -> list[str]:
    from hashell.commands.env import Env
    from hashell.shell.pcs.config import body_lines

    return list(body_lines(Env(call.session.client, cib, cib.copy_root())))


# --- backups ---------------------------------------------------------------------------------------------


def backup(call: Call, words: list[str]) -> int:
    """What makes this cluster again: its CIB, and this node's settings. The key is left out: it is no configuration."""
    need(words, 0, 1, "config backup [FILE]")
    import io
    import sys
    import tarfile
    import time

    from hashell.cib.files import write_whole

    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:bz2") as tar:
        for name, content in _members(call):
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = len(content), int(time.time()), 0o600
            tar.addfile(member, io.BytesIO(content))
    if not words:
        stream = getattr(sys.stdout, "buffer", None)
        if stream is None or sys.stdout.isatty():
            raise BadUsage("config backup: an archive is nothing for a terminal", "pcs config backup FILE")
        stream.write(data.getvalue())
        return 0
    path = Path(words[0])
    write_whole(path if path.name.endswith(SUFFIX) else path.with_name(path.name + SUFFIX), data.getvalue(), 0o600)
    return 0


def _members(call: Call) -> list[tuple[str, bytes]]:
    from hashell.commands import setup
    from hashell.shell.crm.corosync import conf_path

    found = [("version.txt", b"1\n"), ("cib.xml", call.env.cib.to_bytes(pretty=True))]
    files = [] if call.session.client.kind == "file" else [conf_path(), setup.folder() / setup.SETTINGS]
    for path in files:
        try:
            found.append((path.name, path.read_bytes()))
        except OSError:
            continue
    return found


def take_back(call: Call, words: list[str]) -> int:
    """The configuration of a backup, of pcs's or of hashell's, in place of the cluster's."""
    need(words, 0, 1, "config restore [FILE]")
    from hashell.cib.files import load_cib
    from hashell.commands import versions

    found = load_cib(words[0]) if words else _from_input()
    if any(pair.get("value") == _stars() for pair in found.root.iter("nvpair")) and not call.force:
        raise Refused("secrets in it are starred: it is a report, no backup", "--force restores it with the stars")
    versions.restore(call.env, found)
    call.finish(call.env, f"restore of {words[0] if words else 'a backup'}")
    call.session.err("the configuration of the cluster is restored; settings of the nodes are not touched")
    return 0


def _from_input() -> Cib:
    import sys
    import tempfile

    from hashell.cib.files import load_cib

    stream = getattr(sys.stdin, "buffer", None)
    if stream is None or sys.stdin.isatty():
        raise BadUsage("config restore: a backup cannot be typed", "pcs config restore FILE, or FILE on standard input")
    with tempfile.NamedTemporaryFile(prefix="hashell-backup-", suffix=SUFFIX) as file:
        file.write(stream.read())
        file.flush()
        return load_cib(file.name)


def _stars() -> str:
    from hashell.commands.support import STARS

    return STARS
