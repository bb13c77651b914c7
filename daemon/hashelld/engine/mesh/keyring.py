"""Keyring: the key file, the next key beside it, and who must know when they change. An edge.

`FILE` is the current key, `FILE.next` one that the cluster is going over to. Both are 0600, written beside and renamed.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import structlog

from hashelld.core.effects import Effect
from hashelld.core.events import Event
from hashelld.engine.mesh.rotation import DropKeys, HoldKey, KeyHeld, KeyMade, KeyTurned, MakeKey, TurnKey
from hashelld.engine.mesh.trust import BadKey, Trust, check_key, make_trust

#: Bytes of a new key.
KEY_BYTES = 64

Feed = Callable[[str, Event], None]


def read_key(path: Path) -> bytes:
    """The cluster key, refused when others can read it. Raises BadKey, or HashellError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return check_key(file.read(8192), os.fstat(file.fileno()).st_mode, str(path))
    except FileNotFoundError:
        raise BadKey(f"there is no key {path}", f"make one: hashell keygen {path}") from None
    except OSError as error:
        raise BadKey(f"the key {path} cannot be read: {error.strerror}", "mend its rights") from None


class Keyring:
    """`trusts`: what this node accepts; the first is what it shows. `changed` are called after each change."""

    def __init__(self, path: Path) -> None:
        """Raises BadKey."""
        self.performs: dict[type[Effect], Callable[[str, Effect], None]] = {
            MakeKey: self._make, HoldKey: self._hold, TurnKey: self._turn, DropKeys: self._drop,
        }
        self._path = path
        self._next = path.with_name(path.name + ".next")
        self.trusts: tuple[Trust, ...] = (make_trust(read_key(path)),)
        self._pending: tuple[Trust, bytes] | None = None
        self.changed: list[Callable[[], None]] = []
        self._feed: Feed = lambda component, event: None
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()
        self._log = structlog.get_logger("keyring")
        self._read_next()

    @property
    def first(self) -> Trust:
        return self.trusts[0]

    def _read_next(self) -> None:
        if not self._next.exists():
            return
        try:
            key = read_key(self._next)
        except BadKey as error:
            self._log.warning("the next key is not used", error=str(error))
            return
        trust = make_trust(key)
        if trust.tag != self.first.tag:
            self._pending = (trust, key)
            self.trusts = (self.first, trust)

    async def start(self, feed: Feed) -> None:
        self._feed = feed
        if self._pending:
            trust, key = self._pending
            feed("engine", KeyHeld(trust.tag, key, pending=True))

    async def stop(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def show_other(self) -> None:
        """Somebody refused what we showed: try the other key next time, if there is one."""
        if len(self.trusts) > 1:
            self._set((*self.trusts[1:], self.trusts[0]))

    def _set(self, trusts: tuple[Trust, ...]) -> None:
        self.trusts = trusts
        for tell in self.changed:
            tell()

    def _later(self, work: Callable[[], Event]) -> None:
        """Files are written off the loop, one after the other."""
        async def run() -> None:
            async with self._lock:
                event = await asyncio.to_thread(work)
            self._done(event)

        task = asyncio.create_task(run(), name="keyring")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _done(self, event: Event) -> None:
        match event:
            case KeyHeld(tag, key, error="") if key and tag not in {trust.tag for trust in self.trusts}:
                trust = make_trust(key)
                self._pending = (trust, key)
                self._set((*self.trusts, trust))
            case KeyTurned(tag, error=""):
                self._pending = None
                self._set(tuple(sorted(self.trusts, key=lambda trust: trust.tag != tag)))
        if isinstance(event, KeyHeld):
            event = KeyHeld(event.tag, error=event.error)
        self._feed("engine", event)

    # --- effects

    def _make(self, name: str, effect: Effect) -> None:
        key = secrets.token_hex(KEY_BYTES).encode()
        self._feed("engine", KeyMade(make_trust(key).tag, key))

    def _hold(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, HoldKey)
        tag, key = effect.tag, effect.key
        if self._pending is None and self.first.tag == tag:
            self._feed("engine", KeyHeld(tag))
            self._feed("engine", KeyTurned(tag))
            return

        def write() -> Event:
            try:
                _write(self._next, key + b"\n")
            except OSError as error:
                return KeyHeld(tag, error=f"{self._next}: {error.strerror}")
            return KeyHeld(tag, key)

        self._later(write)

    def _turn(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, TurnKey)
        tag = effect.tag
        pending = self._pending
        if pending is None or pending[0].tag != tag:
            if self.first.tag == tag:
                self._feed("engine", KeyTurned(tag))
            return
        key = pending[1]

        def rename() -> Event:
            try:
                # Not a rename of the next file alone: nodes of one machine may share the files.
                _write(self._path, key + b"\n")
                self._next.unlink(missing_ok=True)
            except OSError as error:
                return KeyTurned(tag, error=f"{self._path}: {error.strerror}")
            return KeyTurned(tag)

        self._later(rename)

    def _drop(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, DropKeys)
        kept = tuple(trust for trust in self.trusts if trust.tag == effect.tag)
        if kept:
            self._set(kept)


def _write(path: Path, data: bytes) -> None:
    """Temporary file, fsync, rename; nobody else can read it at any moment."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
