"""Documents: the costly work on whole CIBs, all of it pure: apply a write, digest, serialise, parse.

One object holds it, so that a simulation, in which many nodes do the same work on the same trees, can do it once.
"""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from hashell.cib.digest import document_digest
from hashell.cib.document import Cib
from hashell.cib.transaction import commit
from hashelld.cib_manager.asked import stamp
from hashelld.cib_manager.messages import Write


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a write; `patch` in Pacemaker's format, empty when nothing `changed`."""

    after: Cib
    patch: bytes
    changed: bool
    configuration_changed: bool


class Documents:
    """Nothing is remembered here."""

    def apply(self, before: Cib, write: Write) -> Done:
        """The same on every node. Raises a HashellError for a write that does not fit."""
        done = commit(before, write.operations, {} if write.status_only else stamp(write))
        patch = etree.tostring(done.patch) if done.changed else b""
        return Done(done.after, patch, done.changed, done.configuration_changed)

    def digest(self, cib: Cib) -> str:
        return document_digest(cib)

    def whole(self, cib: Cib) -> bytes:
        """As it goes to another node."""
        return cib.to_bytes()

    def parse(self, data: bytes, what: str) -> Cib:
        """Raises BadXml."""
        return Cib.parse(data, what)

    def stored(self, cib: Cib) -> bytes:
        """As it is kept on disk: the status section is left out, as Pacemaker does: after a restart the cluster looks
        anew."""
        root = cib.copy_root()
        status = root.find("status")
        if status is not None:
            status[:] = []
        root.set("num_updates", "0")
        return etree.tostring(root, encoding="utf-8")
