"""The history of the configuration: every version, who made it and why, and the way back.

An SQLite file, checked when it is opened. A damaged one is set aside under another name and a new
one begun: history is worth keeping, and never worth a node that does not start. A driver: this
module does I/O and blocks; call it off the event loop.
"""

from __future__ import annotations

import copy
import os
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from lxml import etree
from msgspec import Struct

from hashell.cib.diff import make_patch
from hashell.cib.document import SIZE_MAX, Cib
from hashell.cib.versions import Version
from hashell.errors import HashellError, NotFound, Refused

#: Versions. A change every ten minutes for a week; at 2 KB each, compressed, some 2 MB.
KEEP = 1000
#: Raised when the tables change; a file with another number is set aside as if it were damaged.
_FORMAT = 2
#: Compression level: most of what is to be gained, in a tenth of the time.
_QUICKLY = 1
#: Seconds that a write waits for another process that holds the file.
_WAIT_S = 5.0

_TABLES = """
CREATE TABLE versions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    admin_epoch INTEGER NOT NULL, epoch INTEGER NOT NULL, num_updates INTEGER NOT NULL,
    when_s REAL NOT NULL, user TEXT NOT NULL, node TEXT NOT NULL,
    command TEXT NOT NULL, message TEXT NOT NULL,
    xml BLOB NOT NULL
)
"""
_COLUMNS = "number, admin_epoch, epoch, num_updates, when_s, user, node, command, message"


class NoSuchVersion(NotFound):
    id = "history-version-missing"


class HistoryUnusable(Refused):
    """The disk does not let us write; the cluster goes on without this entry."""

    id = "history-unusable"


class Entry(Struct, frozen=True):
    """One version of the configuration. `number` counts up on this node; `when_s` is seconds since
    1970.
    """

    number: int
    version: Version
    when_s: float
    user: str
    node: str
    command: str = ""
    message: str = ""


class History:
    """Versions of the configuration, newest last. Not shared between threads."""

    def __init__(self, path: str | Path, keep: int = KEEP) -> None:
        """Open or begin a history. `problem` says what was wrong with the file found there, if
        anything.

        Raises HistoryUnusable when no file can be kept there at all.
        """
        assert keep > 0
        self._path = Path(path)
        self._keep = keep
        self.problem: HashellError | None = None
        try:
            self._database = self._open()
        except sqlite3.DatabaseError as error:
            self.problem = self._set_aside(str(error))
            try:
                self._database = self._open()
            except sqlite3.Error as again:
                raise self._unusable(again) from None

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def record(
        self, cib: Cib, when_s: float, user: str, node: str, command: str = "", message: str = ""
    ) -> Entry:
        """Add a version, and forget the oldest beyond the bound. The status section is not kept.

        A version that is there already as the newest is not added again. Raises HistoryUnusable.
        """
        last = self.last()
        if last is not None and last.version == cib.version:
            return last
        kept = _configuration_of(cib)
        version = cib.version
        row = (
            version.admin_epoch, version.epoch, version.num_updates, when_s, user, node, command,
            message, zlib.compress(kept.to_bytes(), _QUICKLY),
        )
        try:
            with self._database:
                cursor = self._database.execute(
                    "INSERT INTO versions (admin_epoch, epoch, num_updates, when_s, user, node,"
                    " command, message, xml) VALUES (?,?,?,?,?,?,?,?,?)", row,
                )
                number = cursor.lastrowid
                self._database.execute(
                    "DELETE FROM versions WHERE number NOT IN"
                    " (SELECT number FROM versions ORDER BY number DESC LIMIT ?)", (self._keep,),
                )
        except sqlite3.Error as error:
            raise self._unusable(error) from None
        assert number is not None, "an inserted row has a number"
        return Entry(number, version, when_s, user, node, command, message)

    def entries(self, limit: int = 100) -> tuple[Entry, ...]:
        """The newest versions, newest first."""
        rows = self._ask(
            f"SELECT {_COLUMNS} FROM versions ORDER BY number DESC LIMIT ?", (limit,)  # noqa: S608
        )
        return tuple(_entry(row) for row in rows)

    def last(self) -> Entry | None:
        """The newest version."""
        return next(iter(self.entries(1)), None)

    def find(self, version: Version) -> Entry:
        """The newest entry of a version. Raises NoSuchVersion."""
        rows = self._ask(
            f"SELECT {_COLUMNS} FROM versions WHERE admin_epoch=? AND epoch=? AND"  # noqa: S608
            " num_updates=? ORDER BY number DESC LIMIT 1",
            (version.admin_epoch, version.epoch, version.num_updates),
        )
        if not rows:
            raise NoSuchVersion(f"the history has no version {version}", "list what it has")
        return _entry(rows[0])

    def get(self, number: int) -> Cib:
        """The configuration as it was, with an empty status. Raises NoSuchVersion, BadXml when it
        is damaged.
        """
        return Cib.parse(_unpack(self._blob(number)), f"version {number} of the history")

    def patch(self, number: int) -> etree._Element | None:
        """What an entry changed, against the entry before it; None for the first. Raises
        NoSuchVersion.
        """
        rows = self._ask(
            "SELECT number FROM versions WHERE number<? ORDER BY number DESC LIMIT 1", (number,)
        )
        after = self.get(number)
        return make_patch(self.get(int(str(rows[0][0]))), after) if rows else None

    def diff(self, old: int, new: int) -> etree._Element:
        """The patch from one entry to another, in either direction. Raises NoSuchVersion."""
        return make_patch(self.get(old), self.get(new))

    def undo(self, current: Cib, number: int) -> bytes:
        """The <configuration> that restores an entry, for a `replace` of that section. Raises
        NoSuchVersion.

        Only the configuration goes back: versions go on counting, and the status is what it is.
        Where the present configuration is the same already, the answer is empty.
        """
        wanted = self.get(number).configuration
        assert wanted is not None, "only documents with a configuration are recorded"
        xml = etree.tostring(wanted, encoding="utf-8", with_tail=False)
        now = current.configuration
        if now is not None and etree.tostring(now, encoding="utf-8", with_tail=False) == xml:
            return b""
        return xml

    def _open(self) -> sqlite3.Connection:
        """A checked connection. Raises sqlite3.DatabaseError for a file that is no sound history.
        """
        new = not self._path.exists() or self._path.stat().st_size == 0
        try:
            if new:
                self._path.touch(mode=0o600)
            database = sqlite3.connect(self._path, timeout=_WAIT_S, check_same_thread=False)
        except (OSError, sqlite3.OperationalError) as error:
            raise self._unusable(error) from None
        try:
            if new:
                with database:
                    database.execute(_TABLES)
                    database.execute(f"PRAGMA user_version={_FORMAT}")
            ((verdict,),) = database.execute("PRAGMA integrity_check(1)").fetchall()
            ((number,),) = database.execute("PRAGMA user_version").fetchall()
            if verdict != "ok":
                raise sqlite3.DatabaseError(str(verdict))
            if number != _FORMAT:
                raise sqlite3.DatabaseError(f"format {number}, not {_FORMAT}")
            database.execute(f"SELECT {_COLUMNS}, xml FROM versions LIMIT 0")  # noqa: S608
            database.execute("PRAGMA journal_mode=DELETE")
            database.execute("PRAGMA synchronous=FULL")
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _set_aside(self, reason: str) -> HashellError:
        number = 1
        while (aside := self._path.with_name(f"{self._path.name}.damaged-{number}")).exists():
            number += 1
        try:
            self._path.rename(aside)
            for suffix in ("-journal", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(error) from None
        return HistoryUnusable(
            f"the history {self._path} is damaged ({reason}); it was set aside as {aside.name} and a"
            " new one begun", f"sqlite3 {aside} .recover may save what is in it",
        )

    def _unusable(self, error: Exception) -> HistoryUnusable:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        return HistoryUnusable(
            f"the history {self._path} cannot be kept: {reason}", "check the disk and permissions"
        )

    def _ask(self, question: str, values: tuple[object, ...]) -> list[tuple[object, ...]]:
        try:
            with closing(self._database.execute(question, values)) as cursor:
                return cursor.fetchall()
        except sqlite3.Error as error:
            raise self._unusable(error) from None

    def _blob(self, number: int) -> bytes:
        rows = self._ask("SELECT xml FROM versions WHERE number=?", (number,))
        if not rows:
            raise NoSuchVersion(f"the history has no entry {number}", "list what it has")
        data = rows[0][0]
        assert isinstance(data, bytes)
        return data


def _entry(row: tuple[object, ...]) -> Entry:
    number, admin_epoch, epoch, updates, when_s, user, node, command, message = row
    assert isinstance(number, int)
    assert isinstance(when_s, float)
    version = Version(int(str(admin_epoch)), int(str(epoch)), int(str(updates)))
    return Entry(number, version, when_s, str(user), str(node), str(command), str(message))


def _configuration_of(cib: Cib) -> Cib:
    """The document without what the status holds, which is large, changes all the time and is never
    restored.
    """
    root = etree.Element("cib")
    for name, value in cib.root.attrib.items():
        root.set(name, value)
    configuration = cib.configuration
    if configuration is None:
        configuration = etree.Element("configuration")
    root.append(copy.deepcopy(configuration))
    etree.SubElement(root, "status")
    return Cib(root)


def _unpack(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, SIZE_MAX)
    except zlib.error:
        return b""  # no XML: the parser says so, and names the entry
