"""Transactions: several operations as one change with one version, all or none.

Source: Pacemaker's cib transactions (daemons/based/based_transaction.c); the version rule:
versions.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from lxml import etree
from msgspec import Struct

from hashell.cib.diff import is_empty, make_patch, renew_root, touches_configuration
from hashell.cib.document import Cib
from hashell.cib.edit import BadEdit, Touched, apply_operation
from hashell.cib.versions import Version
from hashell.errors import HashellError

#: Operations in one transaction: a whole configuration line by line is a few thousand.
OPERATIONS_MAX = 10_000


class Operation(Protocol):
    """What an operation must tell; `hashelld.core.events.CibOperation` does."""

    @property
    def kind(self) -> str: ...
    @property
    def xml(self) -> bytes: ...
    @property
    def path(self) -> str: ...


class Commit(Struct, frozen=True):
    """What came of a transaction. Where nothing changed, `after` is the old document and `patch`
    has no change.
    """

    after: Cib
    patch: etree._Element
    changed: bool
    configuration_changed: bool


def commit(
    before: Cib, operations: Iterable[Operation], stamp: Mapping[str, str] | None = None
) -> Commit:
    """Apply operations in order and give the result the next version. Raises the HashellError of
    the first that fails.

    `stamp` holds bookkeeping attributes for <cib> (`update-origin`, `cib-last-written` …), set only
    on a change. The same operations on the same document give the same result on every node.
    """
    root = before.copy_root()
    touched = Touched()
    carry_out(root, operations, touched)
    return finish(before, root, stamp, touched)


def carry_out(root: etree._Element, operations: Iterable[Operation], touched: Touched) -> None:
    """Apply operations in order to a tree that the caller owns. Raises the HashellError of the first that fails; the
    tree may be half changed then: throw it away."""
    for number, operation in enumerate(operations, 1):
        if number > OPERATIONS_MAX:
            raise BadEdit(f"a change has more than {OPERATIONS_MAX} operations", "split it")
        try:
            apply_operation(root, operation.kind, operation.xml, operation.path, touched)
        except HashellError as error:
            if number > 1:
                error.message += f" (operation {number}; nothing was changed)"
            raise


def finish(
    before: Cib, root: etree._Element, stamp: Mapping[str, str] | None = None,
    touched: Touched | None = None,
) -> Commit:
    """Turn an edited copy of `before`'s tree into the next version. The tree belongs to the result
    from now on.
    """
    wanted = Version.of(root)
    before.version.write_to(root)
    after = Cib(root)
    patch = make_patch(before, after, touched)
    if is_empty(patch) and wanted <= before.version:
        return Commit(before, patch, changed=False, configuration_changed=False)
    configured = touches_configuration(patch)
    # A CIB may be given a higher version on purpose (admin_epoch); it never goes back.
    max(wanted, before.version.after(configuration_changed=configured)).write_to(root)
    for name, value in (stamp or {}).items():
        root.set(name, value)
    renew_root(patch, before, after)
    return Commit(after, patch, changed=True, configuration_changed=configured)
