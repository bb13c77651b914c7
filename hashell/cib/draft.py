"""Drafts: several transactions, one after the other, on one copy of the tree; told of as one change.

Each transaction gets its own version and its own answer, as if it stood alone (transaction.py); what is saved is a copy
of the whole tree, a look for differences and a patch for each. A transaction that fails leaves no trace: the copy is
made anew from what went before. Some stand alone in a draft, because whoever reads the patch must see what they did:

    what replaces or patches, or changes <cib> itself   its difference must be looked for (transaction.commit)
    a second word on one resource's history             the first would not be seen
    history, or all of a node's state, taken away or put in whole
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from lxml import etree
from msgspec import Struct

from hashell.cib.diff import make_patch
from hashell.cib.document import Cib
from hashell.cib.edit import Touched
from hashell.cib.spare import Spare, Step, redo, set_due
from hashell.cib.transaction import Operation, carry_out, commit
from hashell.errors import HashellError

#: Kinds of operations of which `Touched` tells exactly what they changed.
_EXACT = frozenset({"modify", "create", "delete"})
#: Elements of the status section that hold many: one that is new, or lost a part, is seen best by itself.
_HOLDERS = frozenset({"status", "node_state", "lrm", "lrm_resources"})


class Judge(Protocol):
    """Says no to a configuration that may not be: `refuse` and `refuse_change` raise a HashellError. It is told from
    which tree changes are made, and to which they have led. `hashell.schema.changes.Judge` is one."""

    def begin(self, root: etree._Element) -> None: ...

    def end(self, root: etree._Element) -> None: ...

    def refuse(
        self, root: etree._Element, parts: Collection[etree._Element], wholes: Collection[etree._Element], *,
        removed: bool,
    ) -> None: ...

    def refuse_change(self, before: etree._Element, after: etree._Element, patch: etree._Element) -> None: ...


class Drafted(Struct, frozen=True):
    """What came of the transactions of a draft; with nothing `changed`, `after` is the old document."""

    after: Cib
    patch: etree._Element | None
    changed: bool
    configuration_changed: bool


class Draft:
    """Transactions after `before`, which stays as it is. `finish` ends it. Without a `judge` anything goes; with a
    `spare`, the same for one draft after the other, most of them copy no tree."""

    def __init__(self, before: Cib, judge: Judge | None = None, spare: Spare | None = None) -> None:
        self.before = before
        self._spare = spare or Spare()
        self._judge = judge
        if judge is not None:
            judge.begin(before.root)
        self.version = before.version
        self.configuration_changed = False
        self.closed = False
        self._done: list[Step] = []
        self._alone: Drafted | None = None
        self._histories: set[etree._Element] = set()
        self._touched = Touched()
        self._root: etree._Element | None = None
        #: Attributes of <cib> that are not set yet: nobody sees them before a path is looked up, or the end.
        self._due: dict[str, str] = {}

    def apply(self, operations: Sequence[Operation], stamp: Mapping[str, str]) -> bool:
        """Carry out a transaction; `version` is then what it led to. False when it must stand in a draft after this
        one. Raises the HashellError of the first operation that fails; then nothing has changed.

        `stamp`: attributes of <cib> that a change brings with it.
        """
        assert not self.closed, "nothing comes after one that stands alone"
        if not all(operation.kind in _EXACT for operation in operations):
            return self._commit(operations, stamp)
        if self._root is None:
            self._root = self._spare.copy_of(self.before.root)
        if any(operation.path.startswith("/") for operation in operations):
            self._set_due()
        touched = Touched()
        try:
            carry_out(self._root, operations, touched)
        except HashellError:
            if touched.parts or touched.wholes:
                self._rebuild()
            raise
        if not touched.parts and not touched.wholes:
            return True
        if self._root in touched.parts or self._root in touched.wholes:
            self._rebuild()
            return self._commit(operations, stamp)
        deletes = any(operation.kind == "delete" for operation in operations)
        places = _Places(self._root, touched, deletes)
        if self._done and (places.alone or places.histories & self._histories):
            self._rebuild()
            return False
        if self._judge is not None and places.configuration:
            try:
                self._judge.refuse(self._root, touched.parts, touched.wholes, removed=deletes)
            except HashellError:
                self._rebuild()
                raise
        self._keep(operations, stamp, touched, places)
        return True

    def finish(self) -> Drafted:
        """The document with all of it, and one patch that leads there. The draft is of no use afterwards."""
        self.closed = True
        found = self._finished()
        if found.changed:
            self._spare.led(self.before.root, found.after.root, self._done)
        elif self._root is not None:
            self._spare.led(self._root, self.before.root, ())
        if self._judge is not None:
            self._judge.end(found.after.root)
        return found

    def _finished(self) -> Drafted:
        if self._alone is not None:
            return self._alone
        if not self._done or self._root is None:
            return Drafted(self.before, None, changed=False, configuration_changed=False)
        self._set_due()
        after = Cib(self._root)
        patch = make_patch(self.before, after, self._touched)
        return Drafted(after, patch, changed=True, configuration_changed=self.configuration_changed)

    def _commit(self, operations: Sequence[Operation], stamp: Mapping[str, str]) -> bool:
        if self._done:
            return False
        found = commit(self.before, operations, stamp)
        if self._judge is not None and found.changed and found.configuration_changed:
            self._judge.refuse_change(self.before.root, found.after.root, found.patch)
        if found.changed:
            self.closed = True
            self.version, self.configuration_changed = found.after.version, found.configuration_changed
            self._alone = Drafted(found.after, found.patch, True, found.configuration_changed)
            self._done = [Step(operations, stamp, self.version)]
        return True

    def _keep(
        self, operations: Sequence[Operation], stamp: Mapping[str, str], touched: Touched, places: _Places
    ) -> None:
        assert self._root is not None, "it was just changed"
        self.version = self.version.after(configuration_changed=places.configuration)
        self._due.update(stamp)
        self.configuration_changed = self.configuration_changed or places.configuration
        self.closed = places.alone
        self._done.append(Step(operations, stamp, self.version))
        self._histories |= places.histories
        self._touched.parts |= touched.parts
        self._touched.wholes |= touched.wholes
        self._touched.grown = self._touched.grown and touched.grown

    def _set_due(self) -> None:
        assert self._root is not None, "there is a copy"
        if self._done:
            set_due(self._root, self.version, self._due)

    def _rebuild(self) -> None:
        """As before the last transaction: all that went well once more, on a new copy."""
        self._root = None
        if self._done:
            self._root = self.before.copy_root()
            self._touched = Touched()
            redo(self._root, self._done, self._touched)
            self._due.clear()
            self._histories = _Places(self._root, self._touched, deletes=False).histories


class _Places:
    """Where a transaction changed something: in the `configuration` or not, in which resources' `histories`, and
    whether it stands `alone`."""

    __slots__ = ("alone", "configuration", "histories")

    def __init__(self, root: etree._Element, touched: Touched, deletes: bool) -> None:
        self.configuration = self.alone = False
        self.histories: set[etree._Element] = set()
        for element in touched.parts | touched.wholes:
            history = None
            step = element
            while (parent := step.getparent()) is not None and parent is not root:
                if step.tag == "lrm_resource":
                    history = step
                step = parent
            if parent is None:
                # Taken out again; what it was taken out of is touched too.
                continue
            if step.tag != "status":
                self.configuration = True
                continue
            if history is not None:
                self.histories.add(history)
            if element in touched.wholes:
                self.alone = self.alone or element.tag in _HOLDERS
            elif deletes and (history is not None or element.tag in _HOLDERS):
                self.alone = True
