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
from operator import itemgetter
from typing import Protocol

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


#: Large elements that hold nearly every change: looked into at once, without comparing their text.
_WALKED = frozenset({"status", "lrm", "lrm_resources"})


#: Children for each of which others with its id are looked for; of more all are counted at once.
_SCANNED_MAX = 4


class Hint(Protocol):
    """Elements of the new tree that got or lost an attribute or child, and such as are new within. `grown`: children
    came to the end of their parents, and none went or was put elsewhere."""

    @property
    def parts(self) -> set[etree._Element]: ...
    @property
    def wholes(self) -> set[etree._Element]: ...
    @property
    def grown(self) -> bool: ...


def make_patch(before: Cib, after: Cib, hint: Hint | None = None) -> etree._Element:
    """A <diff format="2">, with no <change> where nothing differs.

    `apply_patch(before, patch)` is `after`. With a hint of what was changed in `after`, a copy of
    `before`, nothing else is looked at.
    """
    patch = etree.Element("diff", format="2")
    version = etree.SubElement(patch, "version")
    for which, cib in (("source", before), ("target", after)):
        etree.SubElement(version, which, _version_attributes(cib))
    changes = _Changes(hint)
    changes.compare(before.root, after.root, step_to(before.root))
    patch.extend(changes.deletions)
    patch.extend(changes.others)
    return patch


def renew_root(patch: etree._Element, before: Cib, after: Cib) -> None:
    """Make a patch lead to `after`, which differs from what it led to in the attributes of <cib>
    alone.
    """
    path = step_to(before.root)
    for change in patch.findall("change"):
        if change.get("operation") == "modify" and change.get("path") == path:
            patch.remove(change)
    target = patch.find("version/target")
    assert target is not None, "the patch was made here"
    after.version.write_to(target)
    if before.root.attrib.items() != after.root.attrib.items():
        patch.append(_modification(before.root, after.root, path))


def is_empty(patch: etree._Element) -> bool:
    """Whether a patch changes nothing."""
    return patch.find("change") is None


def touches_configuration(patch: etree._Element) -> bool:
    """Whether a patch changes anything outside <status> and the bookkeeping attributes of <cib>.

    This decides which number of the version rises.
    """
    for change in patch.iterchildren("change"):
        path = change.get("path", "")
        if path == "/cib/status" or path.startswith(("/cib/status/", "/cib/status[")):
            continue
        if path == "/cib" and change.get("operation") == "modify":
            names = (attribute.get("name") for attribute in change.iterfind("change-list/*"))
            if all(name in BOOKKEEPING for name in names):
                continue
        if path == "/cib" and change.get("operation") == "create" and change[0].tag == "status":
            continue
        return True
    return False


def configuration_changed(before: Cib, after: Cib) -> bool:
    """Whether two documents differ in more than their status and bookkeeping."""
    return touches_configuration(make_patch(before, after))


def _version_attributes(cib: Cib) -> dict[str, str]:
    return {name: str(getattr(cib.version, name)) for name in FIELDS}


def _text(node: etree._Element) -> str:
    return etree.tostring(node, encoding="unicode", with_tail=False)


class _Changes:
    """The changes found so far: deletions go first in a patch, the others in document order."""

    def __init__(self, hint: Hint | None = None) -> None:
        self.deletions: list[etree._Element] = []
        self.others: list[etree._Element] = []
        #: Elements of the new tree with a change in them or below; None when anything may be changed.
        self._near: set[etree._Element] | None = None
        #: The same by their parents.
        self._near_in: dict[etree._Element, list[etree._Element]] = {}
        self._parts: set[etree._Element] = set()
        self._wholes: set[etree._Element] = set()
        self._grown = hint is not None and hint.grown
        if hint is not None:
            self._near = set()
            self._parts, self._wholes = hint.parts, hint.wholes
            for element in hint.parts | hint.wholes:
                step = element
                while step not in self._near:
                    self._near.add(step)
                    parent = step.getparent()
                    if parent is None:
                        break
                    self._near_in.setdefault(parent, []).append(step)
                    step = parent

    def _differ(self, old: etree._Element, new: etree._Element, reached: bool) -> bool:
        """Whether two children that are the same one must be looked into."""
        if self._near is not None:
            return new in self._near and (reached or _text(old) != _text(new))
        return (reached and old.tag in _WALKED) or _text(old) != _text(new)

    def compare(self, old: etree._Element, new: etree._Element, path: str) -> None:
        """Of two elements that are the same one: attributes, then children."""
        near = self._near
        if new in self._wholes:
            self._near = None
        self._compare(old, new, path)
        self._near = near

    def _compare(self, old: etree._Element, new: etree._Element, path: str) -> None:
        if old.attrib.items() != new.attrib.items():
            self.others.append(_modification(old, new, path))
        if self._near is not None and (self._grown or new not in self._parts):
            # By far the most common case, and one in which siblings cost little: none went or moved here.
            within = sorted(((new.index(child), child) for child in self._near_in.get(new, ())), key=itemgetter(0))
            count = len(old)
            stays = [(at, child) for at, child in within if at < count]
            if _found_by_path(new, [child for _, child in stays]):
                for at, child in stays:
                    self.compare(old[at], child, path + step_to(child))
                if new in self._parts:
                    for at in range(count, len(new)):
                        self._create(new[at], path, at)
                return
        olds, news = list(old), list(new)
        old_keys, new_keys = _keys(olds), _keys(news)
        if self._near is not None and old_keys == new_keys and len(set(new_keys)) == len(news):
            # Nothing came, went or moved here, but for attributes.
            changed = [at for at, child in enumerate(news) if child in self._near]
            if all(_addressable(new_keys, at) for at in changed):
                for at in changed:
                    self.compare(olds[at], news[at], path + step_to(news[at]))
                return
        old_at, new_at = _unique(old_keys), _unique(new_keys)
        if (
            (len(old_at) < len(olds) or len(new_at) < len(news)) and old_keys == new_keys
            and all(_text(a) == _text(b) for a, b in zip(olds, news, strict=True))
        ):
            return
        reached = _reached(olds)
        pairs = {new_at[key]: at for key, at in old_at.items() if key in new_at}
        differ = {
            before for at, before in pairs.items()
            if self._differ(olds[before], news[at], before in reached)
        }
        kept = _longest_rising(pairs[at] for at in sorted(pairs))
        if any(at not in reached for at in range(len(olds)) if at not in kept or at in differ):
            self._rewrite(olds, news, path)
            return
        gone = 0
        for at, child in enumerate(olds):
            if old_keys[at] in new_at and (at in kept or is_element(child)):
                continue
            self._delete(child, path, at - gone)
            gone += 1
        for at, child in enumerate(news):
            before = pairs.get(at)
            if before is None or (before not in kept and not is_element(child)):
                self._create(child, path, at)
                continue
            if before in differ:
                self.compare(olds[before], child, path + step_to(child))
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


def _found_by_path(parent: etree._Element, children: list[etree._Element]) -> bool:
    """Whether the path to each of some children leads to no other."""
    if not all(is_element(child) and _PLAIN_ID.fullmatch(child.get("id", "-")) for child in children):
        return False
    if len(children) > _SCANNED_MAX:
        counts = Counter((one.tag, one.get("id")) for one in parent.iterchildren())
        tags = Counter(one.tag for one in parent.iterchildren()) if any(c.get("id") is None for c in children) else {}
        return all(
            (counts[child.tag, wanted] if (wanted := child.get("id")) is not None else tags[child.tag]) == 1
            for child in children
        )
    for child in children:
        wanted = child.get("id")
        same = (one for one in parent.iterchildren(child.tag) if wanted is None or one.get("id") == wanted)
        if sum(1 for _ in same) != 1:
            return False
    return True


def _addressable(keys: list[_Key], at: int) -> bool:
    """Whether a path finds the child, where no key stands twice."""
    tag, wanted = keys[at]
    if wanted is None:
        return sum(1 for other, _ in keys if other == tag) == 1
    return tag != "!" and bool(_PLAIN_ID.fullmatch(wanted))


def _reached(children: list[etree._Element]) -> frozenset[int]:
    """The children that a path finds, and no other instead; a comment is found by its position."""
    tags = Counter(child.tag for child in children)
    keys = Counter((child.tag, child.get("id")) for child in children if is_element(child))
    found = []
    for at, child in enumerate(children):
        wanted = child.get("id") if is_element(child) else None
        if (
            not is_element(child)
            or (wanted is None and tags[child.tag] == 1)
            or (wanted is not None and keys[child.tag, wanted] == 1 and _PLAIN_ID.fullmatch(wanted))
        ):
            found.append(at)
    return frozenset(found)


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
