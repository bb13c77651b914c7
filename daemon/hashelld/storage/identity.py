"""Identity: the node's uuid for life, and how often it has started."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from hashelld.storage.files import StorageFailed, set_aside, write_whole
from hashelld.storage.format import FORMAT

#: Seconds since 1970 from which a new identity's starts are counted: numbers stay short.
_FIRST_S = 1_735_689_600


@dataclass(frozen=True, slots=True)
class Identity:
    """`boot` is raised and durable before the first packet leaves, so an earlier life is told from this one."""

    name: str
    uuid: str
    boot: int


def take_identity(folder: Path, name: str) -> tuple[Identity, tuple[str, ...]]:
    """This start's identity, and what was wrong with the file. Raises StorageFailed (also for another node's
    folder)."""
    path = folder / "node.json"
    findings: list[str] = []
    # Not from 0: what this name wrote in lives that were forgotten here has numbers at the others.
    old = Identity(name, str(uuid.uuid4()), max(0, int(time.time()) - _FIRST_S))
    if path.exists():
        try:
            read = json.loads(path.read_bytes())
            old = Identity(str(read["name"]), str(uuid.UUID(read["uuid"])), int(read["boot"]))
        except (ValueError, KeyError, TypeError):
            aside = set_aside(path)
            findings.append(f"{path} was damaged; it is kept as {aside.name}, the node gets a new uuid")
        except OSError as error:
            raise StorageFailed(f"{path} cannot be read: {error.strerror}", "mend its rights") from error
        if old.name != name:
            raise StorageFailed(
                f"{folder} belongs to node {old.name}, not to {name}",
                "give each node a --state-dir of its own",
            )
    new = Identity(name, old.uuid, old.boot + 1)
    write_whole(
        path, json.dumps({"name": new.name, "uuid": new.uuid, "boot": new.boot, "format": FORMAT}).encode() + b"\n"
    )
    return new, tuple(findings)
