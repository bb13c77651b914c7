"""Spare: the tree of the version before this one, brought up to date by doing once more what led from it.

A tree is shared with whoever reads it and never changed meanwhile, so each version needs a tree of its own; copying a
large one costs far more than the change. When a version has followed, mostly nobody looks at the one before any more:
then its tree takes the same change, and is the copy that the next version begins with.

Whether nobody looks is told by counting who refers to the document: every element, iterator, or attribute list that
anybody in this process holds does. Where that cannot be counted, or somebody does hold it, the tree is copied.
"""

from __future__ import annotations

import copy
import gc
import sys
from collections.abc import Mapping, Sequence

from lxml import etree
from msgspec import Struct

from hashell.cib.edit import Touched
from hashell.cib.transaction import Operation, carry_out
from hashell.cib.versions import Version

#: What doing it once more costs, in bytes of operations, for any change and for each operation; and what copying an
#: element costs. Small documents are copied.
AGAIN_BYTES, OPERATION_BYTES, ELEMENT_BYTES = 1_500, 600, 40
_ELEMENTS = etree.XPath("count(//*)")


class Step(Struct, frozen=True):
    """A transaction that went well, the attributes of <cib> that it brought, and the version that it led to."""

    operations: Sequence[Operation]
    stamp: Mapping[str, str]
    version: Version


class Spare:
    """Of one document that goes from version to version. `copy_of` lends, `led` tells what became of it."""

    def __init__(self) -> None:
        self._root: etree._Element | None = None
        self._newer: etree._Element | None = None
        self._steps: Sequence[Step] = ()
        #: Of the document when it was copied last.
        self._elements = 0

    def copy_of(self, root: etree._Element) -> etree._Element:
        """A tree like that of `root`, for the caller to change."""
        steps = self._steps
        spare = self._root if self._newer is root and _references(self) == _LONE else None
        self.forget()
        if spare is None:
            self._elements = int(float(str(_ELEMENTS(root))))
            return copy.deepcopy(root)
        redo(spare, steps)
        _take_attributes(spare, root)
        return spare

    def led(self, before: etree._Element, after: etree._Element, steps: Sequence[Step]) -> None:
        """These steps led from one tree to the other."""
        operations = [operation for step in steps for operation in step.operations]
        cost = AGAIN_BYTES + sum(OPERATION_BYTES + len(one.xml) + len(one.path) for one in operations)
        if before is after or cost > ELEMENT_BYTES * self._elements:
            self.forget()
        else:
            self._root, self._newer, self._steps = before, after, steps

    def forget(self) -> None:
        self._root = self._newer = None
        self._steps = ()


def _references(spare: Spare) -> tuple[int, int]:
    """How many refer to a spare's root element, and to its document."""
    documents = [one for one in gc.get_referents(spare._root) if type(one).__name__ == "_Document"]
    return (sys.getrefcount(spare._root), sys.getrefcount(documents[0])) if documents else (0, 0)


def _lone() -> tuple[int, int]:
    """The same for a tree that nobody else knows; (-1, -1) where that cannot be told from any other."""
    spare, root = Spare(), etree.Element("cib")
    spare._root = root
    held = etree.SubElement(root, "status")
    if _references(spare)[0] <= 0:
        return -1, -1
    del root
    looked_at = _references(spare)
    del held
    alone = _references(spare)
    return alone if looked_at != alone else (-1, -1)


def redo(root: etree._Element, steps: Sequence[Step], touched: Touched | None = None) -> None:
    """What went well once, on a tree as it was before; then the version and attributes of the last one stand there."""
    touched = touched if touched is not None else Touched()
    due: dict[str, str] = {}
    version: Version | None = None
    for step in steps:
        if version is not None and any(operation.path.startswith("/") for operation in step.operations):
            set_due(root, version, due)
        carry_out(root, step.operations, touched)
        version = step.version
        due.update(step.stamp)
    if version is not None:
        set_due(root, version, due)


def set_due(root: etree._Element, version: Version, due: dict[str, str]) -> None:
    """Attributes of <cib> that nobody has missed until now."""
    version.write_to(root)
    for name, value in due.items():
        root.set(name, value)
    due.clear()


def _take_attributes(root: etree._Element, newer: etree._Element) -> None:
    # As the other has them, in its order: digests depend on it.
    if root.attrib.items() != newer.attrib.items():
        root.attrib.clear()
        for name, value in newer.attrib.items():
            root.set(name, value)


#: What is counted where nobody looks.
_LONE = _lone()
