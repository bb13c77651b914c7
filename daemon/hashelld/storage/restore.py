"""Restore: all that a node knows of its earlier lives, read once at the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hashell.cib.document import EMPTY, Cib
from hashell.cib.history import History
from hashell.errors import HashellError
from hashelld.storage.files import StorageFailed, make_folder, sweep
from hashelld.storage.format import refuse_newer
from hashelld.storage.generations import Generation, Generations
from hashelld.storage.identity import Identity, take_identity
from hashelld.storage.journal import Journal
from hashelld.storage.values import Values


@dataclass(frozen=True, slots=True)
class Restored:
    """`lineage` is what was stored with the CIB; `findings` are lines for people about damage and what was used
    instead."""

    identity: Identity
    cib: Cib
    lineage: Mapping[str, Any] = field(default_factory=dict)
    journal: tuple[bytes, ...] = ()
    values: Mapping[str, bytes] = field(default_factory=dict)
    findings: tuple[str, ...] = ()


def restore(state_dir: Path, node: str) -> tuple[Restored, Generations, Journal]:
    """Read the state folder of a node, making it where it is missing. Raises StorageFailed, NewerState."""
    make_folder(state_dir)
    refuse_newer(state_dir)
    _refuse_unwritable(state_dir)
    sweep(state_dir)
    identity, findings = take_identity(state_dir, node)
    generations = Generations(state_dir / "cib")
    found, damaged = generations.load()
    journal = Journal(state_dir / "journal")
    if found is None and not damaged:
        # The first start. With this there is always an earlier CIB, and the journal has all that came after it.
        generations.save(EMPTY, {})
    elif damaged and not journal.records:
        found, damaged = _from_history(state_dir, found, damaged)
    values, unreadable = Values(state_dir / "values").load()
    restored = Restored(
        identity,
        found.cib if found else Cib.empty(),
        found.lineage if found else {},
        tuple(journal.records),
        values,
        (*findings, *damaged, *journal.findings, *unreadable),
    )
    return restored, generations, journal


def _from_history(
    state_dir: Path, found: Generation | None, damaged: tuple[str, ...]
) -> tuple[Generation | None, tuple[str, ...]]:
    """The newest version of the history where the CIBs are damaged and no journal leads on from an earlier one."""
    path = state_dir / "history.sqlite"
    if not path.exists():
        return found, damaged
    try:
        with History(path) as history:
            last = history.last()
            if last is None or (found is not None and last.version <= found.cib.version):
                return found, damaged
            lineage = found.lineage if found else {}
            using = Generation(history.get(last.number), lineage)
    except HashellError as error:
        return found, (*damaged, f"the history is of no help: {error}")
    return using, (*damaged, f"using version {last.version} of the history")


def _refuse_unwritable(folder: Path) -> None:
    probe = folder / ".probe.new"
    try:
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise StorageFailed(
            f"the state folder {folder} cannot be written: {error.strerror}",
            "mend its rights, or give another --state-dir",
        ) from error
