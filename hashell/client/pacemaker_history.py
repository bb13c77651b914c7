"""Versions of a Pacemaker's configuration: what it archives itself on this node, and what was committed through us.

Pacemaker writes each configuration that it replaces to cib-N.raw (Pacemaker Explained, "Where Pacemaker keeps its
files"): with user, program, node and time, but not with the words that made it. Those we keep ourselves, in a file of
the person's, with the configuration before and after. Either may be missing: the archive is for root and hacluster, and
over ssh it is elsewhere.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from hashell.cib.document import Cib
from hashell.cib.versions import Version
from hashell.errors import HashellError, NotFound
from hashell.wire.messages import HistoryRow

if TYPE_CHECKING:
    from hashell.cib.history import Entry

#: Where Pacemaker archives; fixed when it is built.
ARCHIVE = Path("/var/lib/pacemaker/cib")
#: Archived files that are looked at, newest first; Pacemaker itself keeps 100 by default and wraps.
ARCHIVED_MAX = 400
#: Bytes of an archived file's beginning in which its version stands.
_HEAD = 4096
#: Users under which Pacemaker's own daemons write.
DAEMONS = frozenset({"hacluster"})


def own_file(cluster: str) -> Path:
    """Where the commits of this person to a cluster are kept."""
    import re

    import platformdirs

    name = re.sub(r"[^\w.-]", "_", cluster) or "cluster"
    return Path(platformdirs.user_state_dir("hashell")) / "pacemaker" / f"{name}.history"


def record(
    cluster: str, before: Cib, after: Cib, *, user: str, node: str, command: str, message: str, file: Path | None = None
) -> None:
    """Note a commit. A history that cannot be kept never stands in the way of what was done: it is left out."""
    from hashell.cib.history import History

    path = file or own_file(cluster)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with History(path) as kept:
            kept.record(before, _written_s(_attributes(before)), *_by(_attributes(before)))
            kept.record(after, time.time(), user, node, command, message)
    except (HashellError, OSError):
        return


def rows(
    cluster: str, now: Cib, limit: int, *, archive: Path | None, file: Path | None = None
) -> tuple[HistoryRow, ...]:
    """Newest first; the present configuration is the first."""
    found: dict[Version, HistoryRow] = {}
    for version, path in _archived(archive).items():
        found[version] = _row(version, _head(path))
    present = Version(now.version.admin_epoch, now.version.epoch, 0)
    found[present] = _row(present, _attributes(now))
    for entry in _own(cluster, file, limit):
        version = Version(entry.version.admin_epoch, entry.version.epoch, 0)
        if version in found and not (entry.command or entry.message):
            continue
        found[version] = HistoryRow(
            str(version), entry.when_s, entry.user, entry.node, entry.command, entry.message
        )
    return tuple(found[version] for version in sorted(found, reverse=True)[:limit])


def kept(cluster: str, now: Cib, text: str, *, archive: Path | None, file: Path | None = None) -> Cib:
    """The configuration of a version. Raises NotFound, BadXml for a damaged file."""
    from hashell.cib.files import load_cib
    from hashell.cib.history import History

    if text == str(Version(now.version.admin_epoch, now.version.epoch, 0)):
        return now
    for version, path in _archived(archive).items():
        if str(version) == text:
            return load_cib(path)
    path = file or own_file(cluster)
    if path.is_file():
        with History(path) as own:
            for entry in own.entries(ARCHIVED_MAX):
                if str(Version(entry.version.admin_epoch, entry.version.epoch, 0)) == text:
                    return own.get(entry.number)
    raise NotFound(f"no version {text} of the configuration is kept", "see `history log`")


def _own(cluster: str, file: Path | None, limit: int) -> tuple[Entry, ...]:
    from hashell.cib.history import History

    path = file or own_file(cluster)
    if not path.is_file():
        return ()
    try:
        with History(path) as own:
            # Oldest first: the later word about a version counts.
            return tuple(reversed(own.entries(2 * limit)))
    except HashellError:
        return ()


def _archived(archive: Path | None) -> dict[Version, Path]:
    """Version → file, of those that can be read; a version that was written twice is where it was written last."""
    if archive is None:
        return {}
    try:
        files = [(path.stat().st_mtime, path) for path in archive.glob("cib-*.raw")]
    except OSError:
        return {}
    found: dict[Version, Path] = {}
    for _, path in sorted(files, reverse=True)[:ARCHIVED_MAX]:
        attributes = _head(path)
        numbers = [attributes.get(name, "") for name in ("admin_epoch", "epoch")]
        if all(number.isdigit() for number in numbers):
            found.setdefault(Version(int(numbers[0]), int(numbers[1]), 0), path)
    return found


def _head(path: Path) -> dict[str, str]:
    """The attributes of <cib>, without reading the whole file; empty where there are none."""
    from hashell.cib.document import parse_xml

    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return {}
    end = head.find(b">")
    if not head.lstrip().startswith(b"<cib") or end < 0 or b"<!" in head[:end]:
        return {}
    try:
        element = parse_xml(head[:end].rstrip(b"/") + b"/>", str(path))
    except HashellError:
        return {}
    return {str(name): str(value) for name, value in element.attrib.items()}


def _attributes(cib: Cib) -> dict[str, str]:
    return {str(name): str(value) for name, value in cib.root.attrib.items()}


def _row(version: Version, attributes: dict[str, str]) -> HistoryRow:
    user, node = _by(attributes)
    return HistoryRow(
        str(version), _written_s(attributes), user, node,
        f"({attributes['update-client']})" if attributes.get("update-client") else "", "",
    )


def _by(attributes: dict[str, str]) -> tuple[str, str]:
    return str(attributes.get("update-user", "")), str(attributes.get("update-origin", ""))


def _written_s(attributes: dict[str, str]) -> float:
    """`Sun Nov 22 21:00:22 2026`, local time of who wrote it, as seconds; 0 where it does not say."""
    try:
        return time.mktime(time.strptime(str(attributes.get("cib-last-written", "")), "%a %b %d %H:%M:%S %Y"))
    except (ValueError, OverflowError):
        return 0.0
