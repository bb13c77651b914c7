"""Scheduler inputs: what the cluster decided on, one file for each decision, of this machine or in a report.

Source: Pacemaker Explained, "pe-input-series-max"; crmsh's manual, "peinputs".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from hashell.errors import BadUsage, NotFound, Refused

if TYPE_CHECKING:
    from hashell.cib.document import Cib

#: Where daemons of this machine keep them.
PACEMAKER = Path("/var/lib/pacemaker/pengine")
HASHELL = Path("/var/lib/hashell")
#: Files of a folder, and members of an archive, that are looked at.
FILES_MAX = 20_000
MEMBER_MAX = 64 * 1024 * 1024
#: Lines of a report's logs that are shown.
LINES_MAX = 5_000
_NAME = re.compile(r"pe-(?:input|warn|error)-(\d+)(?:\.bz2)?")
_LOGS = ("events.txt", "ha-log.txt", "pacemaker.log", "corosync.log", "journal.log")


class Input(msgspec.Struct, frozen=True):
    """One input: its file's name, its number, when it was written, and its path (in an archive its member's)."""

    name: str
    number: int
    when_s: float
    place: str


class Records:
    """What is kept at `source`: a folder, an archive, or for the empty text this machine's own folders, and those below
    `states`, the state folders of daemons that do not keep it where it is usual."""

    def __init__(self, source: str = "", kind: str = "", states: Sequence[Path] = ()) -> None:
        self.source = source
        self._kind = kind
        self._states = states
        if source and not Path(source).exists():
            raise NotFound(f"there is no file {source}", "name a report, a folder with one, or `live`")

    @property
    def _archive(self) -> bool:
        return bool(self.source) and Path(self.source).is_file()

    def inputs(self) -> tuple[Input, ...]:
        """Oldest first. Raises Refused where they may not be read."""
        found = list(self._archived() if self._archive else self._in_folders())
        return tuple(sorted(found, key=lambda one: (one.when_s, one.number, one.name)))

    def _folders(self) -> list[Path]:
        if self.source:
            return [Path(self.source)]
        if self._kind == "pacemaker":
            return [PACEMAKER]
        if self._kind == "":
            return [PACEMAKER]
        return [one / "pengine" for one in self._states] or sorted(HASHELL.glob("*/*/pengine"))

    def _in_folders(self) -> Iterator[Input]:
        for folder in self._folders():
            try:
                files = folder.rglob("pe-*") if self.source else folder.glob("pe-*")
                for path, _ in zip(files, range(FILES_MAX), strict=False):
                    match = _NAME.fullmatch(path.name)
                    if match and path.is_file():
                        yield Input(path.name, int(match[1]), path.stat().st_mtime, str(path))
            except OSError as error:
                raise Refused(f"{folder} cannot be read: {error.strerror}", "be root, or name a report") from None

    def _archived(self) -> Iterator[Input]:
        import tarfile

        try:
            with tarfile.open(self.source, "r|*") as archive:
                for member, _ in zip(archive, range(FILES_MAX), strict=False):
                    name = PurePosixPath(member.name).name
                    match = _NAME.fullmatch(name)
                    if match and member.isfile() and member.size <= MEMBER_MAX:
                        yield Input(name, int(match[1]), float(member.mtime), member.name)
        except (tarfile.TarError, OSError, EOFError) as error:
            raise BadUsage(f"{self.source} cannot be read: {error}", "name a report") from None

    def find(self, text: str) -> Input:
        """By number, by name, by path; `-1` is the last, `-2` the one before. Raises NotFound."""
        found = self.inputs()
        if not found:
            named = "" if text == "-1" else f" ({text})"
            raise NotFound(f"history: no scheduler input is kept here{named}", "the node that was DC has them")
        name = PurePosixPath(text).name
        if re.fullmatch(r"-\d+", text) and 0 < int(text[1:]) <= len(found):
            return found[int(text)]
        fitting = [one for one in found if text in (one.place, str(one.number)) or name in (one.name, one.name[:-4])]
        if not fitting:
            raise NotFound(f"no scheduler input {text} is kept", "see `history peinputs`")
        return fitting[-1]

    def load(self, one: Input) -> Cib:
        """Raises BadUsage, BadXml."""
        from hashell.cib.document import Cib
        from hashell.cib.files import load_cib

        if not self._archive:
            return load_cib(one.place)
        import bz2

        data = self._member(one.place)
        return Cib.parse(bz2.decompress(data) if data.startswith(b"BZh") else data, one.place)

    def _member(self, name: str) -> bytes:
        import tarfile

        with tarfile.open(self.source, "r:*") as archive:
            file = archive.extractfile(name)
            assert file is not None, "it was a file when it was listed"
            return file.read(MEMBER_MAX)

    def log_lines(self) -> list[str]:
        """What a report has of logs and events, as it stands there."""
        found: list[str] = []
        if self._archive:
            import tarfile

            with tarfile.open(self.source, "r:*") as archive:
                names = [one.name for one in archive.getmembers() if one.isfile() and one.size <= MEMBER_MAX]
            parts = {name: name for name in names if PurePosixPath(name).name in _LOGS}
            for name in parts:
                found += self._member(name).decode(errors="replace").splitlines()
        elif self.source:
            for path in sorted(Path(self.source).rglob("*")):
                if path.name in _LOGS and path.is_file():
                    found += path.read_text(encoding="utf-8", errors="replace").splitlines()
        return found[-LINES_MAX:]
