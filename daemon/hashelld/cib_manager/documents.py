"""Documents: the costly work on whole CIBs, all of it pure: apply writes, digest, serialise, parse.

One object holds it, so that a simulation, in which many nodes do the same work on the same trees, can do it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from hashell.cib.digest import document_digest, parts_digest
from hashell.cib.document import Cib
from hashell.cib.draft import Draft
from hashell.cib.query import is_element
from hashell.cib.spare import Spare
from hashell.errors import HashellError
from hashell.schema.changes import Judge
from hashelld.cib_manager.asked import check_epochs, check_view, stamp
from hashelld.cib_manager.messages import Entry, Result

_ELEMENTS = etree.XPath("count(//*)")
_HISTORIES = etree.XPath("status/node_state/lrm/lrm_resources")
#: Histories of resources up to which a digest is one of the whole document.
WHOLE_MAX = 512


@dataclass(frozen=True, slots=True)
class Done:
    """What came of some writes, a result for each; `patch` in Pacemaker's format, empty when nothing `changed`."""

    after: Cib
    patch: bytes
    changed: bool
    configuration_changed: bool
    results: tuple[Result, ...] = ()


class Documents:
    """Nothing is remembered here but which ids the last document has, for the judge of what comes next, and the tree
    of the one before it."""

    def __init__(self) -> None:
        self._judge = Judge()
        self._spare = Spare()

    def apply(self, before: Cib, entries: Sequence[Entry]) -> Done:
        """As many of the first as can be told as one change, at least one. Each has its own version, the same on every
        node however they are parted; one that does not fit has its error and changes nothing."""
        draft = Draft(before, self._judge, self._spare)
        results: list[Result] = []
        for entry in entries:
            write = entry.write
            assert write is not None, "what begins a view is not applied"
            name = (write.origin, write.boot, write.counter)
            try:
                check_view(write, entry.position)
                check_epochs(draft.version, write)
                if not draft.apply(write.operations, {} if write.status_only else stamp(write)):
                    break
            except HashellError as error:
                results.append(Result(*name, "", error.id, error.message, error.hint))
            else:
                results.append(Result(*name, str(draft.version)))
            if draft.closed:
                break
        done = draft.finish()
        patch = b"" if done.patch is None else etree.tostring(done.patch)
        return Done(done.after, patch, done.changed, done.configuration_changed, tuple(results))

    def elements(self, cib: Cib) -> int:
        """How many there are in the whole document."""
        found: Any = _ELEMENTS(cib.root)
        return int(found)

    def digest(self, cib: Cib) -> str:
        return document_digest(cib)

    def sample(self, cib: Cib, turn: int) -> str:
        """A digest of a large document in turns: of all but the status section each time, of each node's state in one
        of as many turns as keep them short. It tells of the whole which states there are, and how much is in each."""
        held: Any = _HISTORIES(cib.root)
        turns = sum(map(len, held)) // WHOLE_MAX + 1
        if turns == 1:
            return self.digest(cib)
        parts = [_bare(cib.root)]
        for section in cib.root:
            if section.tag != "status":
                parts.append(section)
                continue
            turns = min(turns, len(section))
            for at, state in enumerate(section):
                parts.append(state if at % turns == turn % turns or not is_element(state) else _bare(state))
        sizes = etree.Element("sizes", {f"n{at}": str(len(one)) for at, one in enumerate(held)})
        return parts_digest((*parts, sizes))

    def whole(self, cib: Cib) -> bytes:
        """As it goes to another node."""
        return cib.to_bytes()

    def parse(self, data: bytes, what: str) -> Cib:
        """Raises BadXml."""
        return Cib.parse(data, what)

    def stored(self, cib: Cib) -> bytes:
        """As it is kept on disk: the status section is left out, as Pacemaker does: after a restart the cluster looks
        anew."""
        root = _bare(cib.root)
        root.set("num_updates", "0")
        # Put together from the text of the parts: a copy of the tree would cost as much again.
        parts = [_text(_bare(part) if part.tag == "status" else part) for part in cib.root]
        return b"".join((_text(root).removesuffix(b"/>"), b">", *parts, b"</cib>"))


def _bare(element: etree._Element) -> etree._Element:
    """An element with the same attributes and nothing in it."""
    made = etree.Element(element.tag)
    made.attrib.update(element.attrib)
    return made


def _text(element: etree._Element) -> bytes:
    return etree.tostring(element, encoding="utf-8")
