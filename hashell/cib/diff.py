"""Differences: two documents → the patch that leads from one to the other.

Children are the same when tag and id are. Most are found equal by comparing their serialised text,
so only what lies on the way to a change is looked at. Of children in another order the fewest are
moved (all outside a longest rising run).

A path of a patch cannot tell apart siblings without ids or with the same id, or name an id with a
quote, a slash or white space. Where such a child changed, all children of its parent are deleted
and created anew, which always works.
Source: lib/common/patchset.c, xml.c (what crm_diff makes); the format is described in patch.py.
"""

from __future__ import annotations

import copy
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable

from lxml import etree

from hashell.cib.document import Cib
from hashell.cib.query import is_element, step_to
from hashell.cib.versions import FIELDS

_Key = tuple[str, str | None]

#: What a path can name. lib/common/patchset.c reads steps with sscanf, which stops at these
#: characters.
_PLAIN_ID = re.compile(r"[^'/\s]+")

#: Attributes of <cib> that change without the configuration having changed.
BOOKKEEPING = frozenset({
    *FIELDS, "cib-last-written", "update-origin", "update-client", "update-user", "have-quorum",
    "dc-uuid", "execution-date", "crm-debug-origin",
})


def make_patch(before: Cib, after: Cib) -> etree._Element:
    """A <diff format="2">, with no <change> where nothing differs. `apply_patch(before, patch)` is
    `after`.
    """
    patch = etree.Element("diff", format="2")
    version = etree.SubElement(patch, "version")
    for which, cib in (("source", before), ("target", after)):
        attributes = {name: str(getattr(cib.version, name)) for name in FIELDS}
        etree.SubElement(version, which, attributes)
    changes = _Changes()
    changes.compare(before.root, after.root, step_to(before.root))
    patch.extend(changes.deletions)
    patch.extend(changes.others)
    return patch


def is_empty(patch: etree._Element) -> bool:
    """Whether a patch changes nothing."""
    return patch.find("change") is None


def configuration_changed(before: Cib, after: Cib) -> bool:
    """Whether anything differs outside <status> and outside the bookkeeping attributes of <cib>.

    This decides which number of the version rises.
    """
    return _besides_status(before.root) != _besides_status(after.root)


def _besides_status(root: etree._Element) -> tuple[dict[str, str], list[bytes]]:
    attributes = {
        str(name): str(value) for name, value in root.attrib.items() if name not in BOOKKEEPING
    }
    return attributes, [_text(child) for child in root if child.tag != "status"]


def _text(node: etree._Element) -> bytes:
    return etree.tostring(node, encoding="utf-8", with_tail=False)


class _Changes:
    """The changes found so far: deletions go first in a patch, all others follow in the order of
    the new document.
    """

    def __init__(self) -> None:
        self.deletions: list[etree._Element] = []
        self.others: list[etree._Element] = []

    def compare(self, old: etree._Element, new: etree._Element, path: str) -> None:
        """Of two elements that are the same one: attributes, then children."""
        if old.attrib.items() != new.attrib.items():
            self.others.append(_modification(old, new, path))
        old_children, new_children = list(old), list(new)
        old_texts, new_texts = [_text(c) for c in old_children], [_text(c) for c in new_children]
        if old_texts == new_texts:
            return
        old_keys, new_keys = _keys(old_children), _keys(new_children)
        old_at, new_at = _unique(old_keys), _unique(new_keys)
        pairs = {new_at[key]: at for key, at in old_at.items() if key in new_at}
        kept = _longest_rising(pairs[at] for at in sorted(pairs))
        touched = {
            at for at, key in enumerate(old_keys)
            if at not in kept or old_texts[at] != new_texts[new_at[key]]
        }
        if not _addressable(old_children, touched):
            self._rewrite(old_children, new_children, path)
            return
        gone = 0
        for at, child in enumerate(old_children):
            matched = old_keys[at] in new_at and old_keys[at] in old_at
            if matched and (at in kept or is_element(child)):
                continue
            self._delete(child, path, at - gone)
            gone += 1
        for at, child in enumerate(new_children):
            before = pairs.get(at)
            if before is None or (before not in kept and not is_element(child)):
                self._create(child, path, at)
                continue
            if old_texts[before] != new_texts[at]:
                self.compare(old_children[before], child, path + step_to(child))
            if before not in kept:
                self.others.append(_change("move", path + step_to(child), at))

    def _rewrite(self, old: list[etree._Element], new: list[etree._Element], path: str) -> None:
        for child in old:
            # The first child of all is also the first with its tag, so a path without id finds it.
            tag = child.tag if isinstance(child.tag, str) else "comment"
            position = -1 if is_element(child) else 0
            self.deletions.append(_change("delete", f"{path}/{tag}", position))
        for at, child in enumerate(new):
            self._create(child, path, at)

    def _delete(self, child: etree._Element, path: str, position: int) -> None:
        position = -1 if is_element(child) else position
        self.deletions.append(_change("delete", path + step_to(child), position))

    def _create(self, child: etree._Element, path: str, position: int) -> None:
        change = _change("create", path, position)
        change.append(copy.deepcopy(child))
        self.others.append(change)


def _change(operation: str, path: str, position: int = -1) -> etree._Element:
    change = etree.Element("change", operation=operation, path=path)
    if position >= 0:
        change.set("position", str(position))
    return change


def _modification(old: etree._Element, new: etree._Element, path: str) -> etree._Element:
    """Attributes set, unset, or standing elsewhere: their order is part of the document's digest.
    """
    change = _change("modify", path)
    listed = etree.SubElement(change, "change-list")
    order = {name: at for at, name in enumerate(old.attrib)}
    for at, (name, value) in enumerate(new.attrib.items()):
        if old.get(name) != value or order.get(name) != at:
            etree.SubElement(listed, "change-attr", name=name, operation="set", value=value)
    for name in old.attrib:
        if name not in new.attrib:
            etree.SubElement(listed, "change-attr", name=name, operation="unset")
    result = etree.SubElement(etree.SubElement(change, "change-result"), new.tag)
    for name, value in new.attrib.items():
        result.set(name, value)
    return change


def _keys(children: list[etree._Element]) -> list[_Key]:
    """What makes each child itself: an element's tag and id, a comment's text."""
    return [
        (child.tag, child.get("id")) if isinstance(child.tag, str) else ("!", child.text)
        for child in children
    ]


def _unique(keys: list[_Key]) -> dict[_Key, int]:
    """Where each key stands that stands only once."""
    counts = Counter(keys)
    return {key: at for at, key in enumerate(keys) if counts[key] == 1}


def _addressable(children: list[etree._Element], touched: Iterable[int]) -> bool:
    """Whether a path finds each of the touched children, and no other instead."""
    tags = Counter(child.tag for child in children)
    keys = Counter((child.tag, child.get("id")) for child in children if is_element(child))
    for at in touched:
        child = children[at]
        if not is_element(child):
            continue  # found by position
        wanted = child.get("id")
        if wanted is None:
            if tags[child.tag] > 1:
                return False
        elif keys[child.tag, wanted] > 1 or not _PLAIN_ID.fullmatch(wanted):
            return False
    return True


def _longest_rising(numbers: Iterable[int]) -> frozenset[int]:
    """One of the longest rising subsequences: the children that may stay where they are."""
    tails: list[int] = []
    before: dict[int, int | None] = {}
    for number in numbers:
        at = bisect_left(tails, number)
        before[number] = tails[at - 1] if at else None
        tails[at:at + 1] = [number]
    found: list[int] = []
    last = tails[-1] if tails else None
    while last is not None:
        found.append(last)
        last = before[last]
    return frozenset(found)
