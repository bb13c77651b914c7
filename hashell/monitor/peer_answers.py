"""Answers of a peer: what an installed crm_mon prints for a CIB, asked once and kept."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Self

from hashell.errors import HashellError

#: Seconds; crm_mon takes a tenth of one.
TIMEOUT_S = 60
#: It mostly waits, so several can be asked at the same time.
ASKED_AT_ONCE = 8
#: Answers between two writes to the disk.
_BATCH = 200
_VERSION = re.compile(r"Pacemaker (\d[\d.]*)")


class Answer(NamedTuple):
    """What a program printed, and how it ended."""

    code: int
    out: str
    err: str


class PeerMissing(HashellError):
    """No crm_mon to ask."""

    id = "crm-mon-missing"
    exit_code = 5


class KeptElsewhere(HashellError):
    """The file that is to keep answers cannot be used."""

    id = "answers-unusable"
    exit_code = 73


class Peer:
    """A crm_mon and, in a file, what it said before."""

    def __init__(self, program: str = "crm_mon", keep: Path | None = None) -> None:
        """Raises PeerMissing, KeptElsewhere."""
        found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if found is None:
            raise PeerMissing(f"{program} is not installed here", "install pacemaker-cli-utils, or name one")
        self._program = found
        self.version = self._ask_version()
        try:
            self._kept = sqlite3.connect(str(keep) if keep is not None else ":memory:")
            self._kept.execute("create table if not exists answers (key text primary key, answer blob)")
        except sqlite3.Error as error:
            raise KeptElsewhere(f"{keep} cannot keep answers: {error}", "name another file") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.commit()
        self._kept.close()

    def _ask_version(self) -> str:
        done = subprocess.run(
            [self._program, "--version"], capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
        found = _VERSION.search(done.stdout)
        if found is None:
            raise PeerMissing(f"{self._program} does not say which release it is", "name a crm_mon of Pacemaker")
        return found[1]

    def answers(self, questions: Sequence[tuple[Path, Sequence[str]]]) -> Iterator[Answer]:
        """For each CIB and words on the command line what it prints, in order; what was asked before is not again."""
        keys = [self._key(path, words) for path, words in questions]
        with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
            for start in range(0, len(questions), _BATCH):
                batch = range(start, min(start + _BATCH, len(questions)))
                missing = [place for place in batch if self._read(keys[place]) is None]
                told = pool.map(lambda one: self._ask(*questions[one]), missing)
                for place, answer in zip(missing, told, strict=True):
                    packed = zlib.compress(json.dumps(answer).encode())
                    self._kept.execute("insert or replace into answers values (?, ?)", (keys[place], packed))
                self._kept.commit()
                for place in batch:
                    kept = self._read(keys[place])
                    assert kept is not None, "it was just written"
                    yield kept

    def _key(self, path: Path, words: Sequence[str]) -> str:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
        return json.dumps([self.version, digest, *words])

    def _read(self, key: str) -> Answer | None:
        row = self._kept.execute("select answer from answers where key = ?", (key,)).fetchone()
        return None if row is None else Answer(*json.loads(zlib.decompress(row[0])))

    def _ask(self, path: Path, words: Sequence[str]) -> Answer:
        env = {"PATH": os.environ.get("PATH", ""), "CIB_file": str(path), "TZ": "UTC", "LC_ALL": "C"}
        try:
            done = subprocess.run(
                [self._program, *words], env=env, capture_output=True, check=False, timeout=TIMEOUT_S,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            return Answer(124, "", f"no answer within {TIMEOUT_S} s")
        return Answer(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
