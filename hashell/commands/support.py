"""The support archive: what a person who helps needs to see of a cluster, without its secrets.

Every text goes line by line through the same scrubber as the histories; values of secret parameters are starred in each
CIB; keys are never opened. What could not be had is said in the archive.
"""

from __future__ import annotations

import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hashell.errors import HashellError, Refused

if TYPE_CHECKING:
    from hashell.cib.document import Cib
    from hashell.client.api import ClusterClient

#: Bytes of one member; of a longer text the end is kept.
MEMBER_MAX = 10 * 1024 * 1024
#: Events and versions that are put in; versions whose whole CIB is.
EVENTS_MAX = 5000
VERSIONS_MAX = 500
CIBS_MAX = 10
PROGRAM_TIMEOUT_S = 30
STARS = "******"
_SECRET = re.compile(r"(?i)passw|secret|token|community|private_key|^pin$|_pin$")
#: Units whose journal is read.
UNITS = ("hashelld", "corosync", "pacemaker")


def cib_without_secrets(cib: Cib) -> bytes:
    """The document with the values of secret names starred, in the configuration and in the status."""
    from hashell.cib.document import Cib as Document

    root = cib.copy_root()
    for pair in root.iter("nvpair"):
        if _SECRET.search(pair.get("name") or "") and pair.get("value"):
            pair.set("value", STARS)
    for element in root.iter("fencing", "lrm_rsc_op"):
        for name in [str(one) for one in element.attrib if _SECRET.search(str(one))]:
            element.set(name, STARS)
    return Document(root).to_bytes(pretty=True)


def _secrets_of(cib: Cib) -> tuple[str, ...]:
    """The values themselves, to be taken out wherever else they stand; very short ones are words."""
    found = {
        pair.get("value") or "" for pair in cib.root.iter("nvpair") if _SECRET.search(pair.get("name") or "")
    }
    return tuple(sorted((one for one in found if len(one) >= 4), key=len, reverse=True))


class Archive:
    """Members by name, then one tar file. `say` hears what could not be had."""

    def __init__(self, scrub: Callable[[str], str], say: Callable[[str], None]) -> None:
        self._scrub = scrub
        self._say = say
        self._secrets: tuple[str, ...] = ()
        self.members: dict[str, bytes] = {}
        self.missing: list[str] = []

    def add(self, name: str, make: Callable[[], str | bytes]) -> None:
        """A member, unless it cannot be made: then the reason is kept."""
        try:
            made = make()
        except (HashellError, OSError) as error:
            self.missing.append(f"{name}: {error}")
            self._say(f"{name} is left out: {error}")
            return
        data = made if isinstance(made, bytes) else self._clean(made).encode()
        self.members[name] = data[-MEMBER_MAX:]

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, STARS)
        return "\n".join(self._scrub(line) for line in text.split("\n"))

    def hide(self, cib: Cib) -> None:
        """From now on the secrets of this CIB appear nowhere."""
        self._secrets = _secrets_of(cib)

    def write(self, path: Path, folder: str, now_s: float) -> None:
        """All members below one folder. Raises Refused where the file cannot be written or is there already."""
        contents = "".join(f"{name}  {len(data)} bytes\n" for name, data in sorted(self.members.items()))
        missing = "".join(f"not there: {one}\n" for one in self.missing)
        everything = {**self.members, "CONTENTS": (contents + missing).encode()}
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise Refused(f"{path} is there already", "name another file") from None
        except OSError as error:
            raise Refused(f"{path} cannot be written: {error.strerror}", "name another place") from None
        with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as tar:
            for name, data in sorted(everything.items()):
                member = tarfile.TarInfo(f"{folder}/{name}")
                member.size, member.mtime, member.mode = len(data), int(now_s), 0o600
                tar.addfile(member, io.BytesIO(data))


def collect(
    archive: Archive, open_client: Callable[[], ClusterClient], begin_s: float, end_s: float,
    findings: Callable[[], str],
) -> None:
    """Fill the archive: the machine first, then the cluster, then its logs."""
    archive.add("system.txt", _system)
    try:
        client = open_client()
        cib = client.cib()
    except HashellError as error:
        archive.missing.append(f"cluster: {error}")
    else:
        archive.hide(cib)
        archive.add("cib.xml", lambda: cib_without_secrets(cib))
        archive.add("cluster.json", lambda: _pretty(client.info()))
        archive.add("events.txt", lambda: "".join(_events(client, begin_s, end_s)))
        archive.add("history.txt", lambda: "".join(_history(client)))
        _versions(archive, client)
    archive.add("doctor.txt", findings)
    archive.add("corosync.conf", _corosync_conf)
    for unit in UNITS:
        archive.add(f"journal-{unit}.txt", lambda unit=unit: _journal(unit, begin_s, end_s))  # type: ignore[misc]


def _pretty(value: object) -> str:
    return json.dumps(msgspec.to_builtins(value), indent=1, ensure_ascii=False) + "\n"


def _system() -> str:
    from importlib import metadata

    lines = [f"node: {os.uname().nodename}", f"system: {platform.platform()}", f"python: {sys.version.split()[0]}",
             f"time: {time.strftime('%Y-%m-%d %H:%M:%S %z')}", f"load: {os.getloadavg()}"]
    for name in ("hashell", "lxml", "msgspec", "cryptography", "zeroconf", "structlog", "prompt-toolkit", "textual"):
        try:
            lines.append(f"{name}: {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{name}: not installed as a package")
    usage = shutil.disk_usage("/")
    lines.append(f"disk: {usage.free // 2**20} MiB of {usage.total // 2**20} MiB free")
    return "\n".join(lines) + "\n"


def _events(client: ClusterClient, begin_s: float, end_s: float) -> Iterator[str]:
    for one in client.events(EVENTS_MAX):
        if begin_s <= one.when_s <= end_s:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.when_s))
            yield f"{when} {one.node} {one.level} {one.kind}: {one.text}\n"


def _history(client: ClusterClient) -> Iterator[str]:
    for one in client.history(VERSIONS_MAX):
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.when_s))
        yield f"{one.version} {when} {one.user}@{one.node} {one.command} {one.message}\n"


def _versions(archive: Archive, client: ClusterClient) -> None:
    try:
        rows = client.history(CIBS_MAX)
    except HashellError:
        return
    for row in rows:
        archive.add(f"versions/{row.version}.xml",
                    lambda row=row: cib_without_secrets(client.version(row.version)))  # type: ignore[misc]


def _corosync_conf() -> str:
    path = Path(os.environ.get("COROSYNC_MAIN_CONFIG_FILE") or "/etc/corosync/corosync.conf")
    return path.read_text(encoding="utf-8", errors="replace")


def _journal(unit: str, begin_s: float, end_s: float) -> str:
    journalctl = shutil.which("journalctl")
    if journalctl is None:
        raise Refused("there is no journalctl here", "add the log file by hand")
    try:
        done = subprocess.run(
            [journalctl, "-u", unit, "--since", f"@{int(begin_s)}", "--until", f"@{int(end_s)}", "--no-pager"],
            capture_output=True, check=False, timeout=PROGRAM_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise Refused(f"journalctl did not end within {PROGRAM_TIMEOUT_S} s", "ask for less: -f FROM") from None
    return done.stdout[-MEMBER_MAX:].decode(errors="replace")
