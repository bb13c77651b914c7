"""Patches: a patchset in Pacemaker's format 2, applied whole or refused.

    <diff format="2">
      <version><source admin_epoch=… epoch=… num_updates=…/><target …/></version>
      <change operation="delete" path="/cib/…/primitive[@id='a']"/>      position= for comments
      <change operation="modify" path="…"><change-list>…</change-list><change-result><tag
      …/></change-result></change> <change operation="create" path="…the parent…"
      position="3"><primitive id="b"/></change> <change operation="move" path="…" position="0"/>
    </diff>

Deletions and modifications take effect in the order of the patch. What is created or moved waits
until all of them are done and is then put in place by ascending position; a moved element stands
behind its siblings meanwhile. A position counts all siblings, comments too, in the finished
document. A path may have only `[@id='…']` predicates, and finds the first child that fits.
Interchangeable with crm_diff.
Source: lib/common/patchset.c.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator

from lxml import etree

from hashell.cib.digest import digest_matches
from hashell.cib.document import Cib
from hashell.cib.query import is_element
from hashell.cib.versions import FIELDS, Version
from hashell.errors import BadInput, Conflict

_TAG = re.compile(r"/([^/\[]+)")


class BadPatch(BadInput):
    """Not a patch, or one of a format that nobody here reads."""

    id = "patch-bad"


class PatchMismatch(Conflict):
    """The patch was made for another document."""

    id = "patch-mismatch"


def apply_patch(cib: Cib, patch: etree._Element, *, check_version: bool = True) -> Cib:
    """A new document; `cib` is untouched. Raises PatchMismatch when it does not fit, BadPatch when
    it is none.
    """
    root = cib.copy_root()
    apply_to(root, patch, check_version=check_version)
    return Cib(root)


def apply_to(root: etree._Element, patch: etree._Element, *, check_version: bool = True) -> None:
    """As `apply_patch`, on a tree that the caller owns; after an error the tree is half changed and
    of no use.
    """
    if patch.tag != "diff" or patch.get("format") != "2":
        raise BadPatch(
            f"<{patch.tag} format={patch.get('format')!r}> is no patch that can be applied",
            "make a patch of format 2",
        )
    if check_version:
        _check_versions(root, patch)
    waiting: list[tuple[int, str, etree._Element, etree._Element]] = []
    for change in patch.iterchildren("change"):
        operation, path = change.get("operation"), change.get("path", "")
        if operation is None:
            continue
        position = _position(change)
        found = find_by_path(root, path, position if operation == "delete" else -1)
        if operation not in ("create", "modify", "move", "delete"):
            raise BadPatch(f"the change {operation!r} is unknown", "create, modify, move or delete")
        if found is None:
            if operation == "delete":
                continue  # already gone, which is what was wanted
            raise PatchMismatch(f"nothing is at {path}, which the patch is to {operation}", _STALE)
        if operation == "modify":
            _set_attributes(found, change)
        elif operation == "create":
            waiting.append((position, operation, found, change))
        else:
            parent = found.getparent()
            if parent is None:
                raise BadPatch(f"the patch is to {operation} the whole CIB", "replace it instead")
            if operation == "delete":
                parent.remove(found)
            else:
                parent.append(found)
                waiting.append((position, operation, found, change))
    waiting.sort(key=lambda item: item[0])
    for position, operation, found, change in waiting:
        if operation == "create":
            _create(found, position, change)
        else:
            _move(found, position)
    digest = patch.get("digest")
    if digest is not None and not digest_matches(root, digest):
        raise PatchMismatch(f"the result has not the digest {digest} that the patch names", _STALE)


_STALE = "the CIB has changed since the patch was made: make it anew from the present one"


def versions_of(patch: etree._Element) -> tuple[Version | None, Version | None]:
    """The versions that a patch leads from and to; None where it does not say. Raises BadPatch."""
    return _version(patch, "source"), _version(patch, "target")


def _version(patch: etree._Element, which: str) -> Version | None:
    element = patch.find(f"version/{which}")
    if element is None:
        return None
    try:
        return Version(*(int(element.get(name, "")) for name in FIELDS))
    except ValueError:
        raise BadPatch(f"the {which} version of the patch is no version", "three numbers") from None


def _check_versions(root: etree._Element, patch: etree._Element) -> None:
    current = Version.of(root)
    source, target = versions_of(patch)
    if source is not None and source != current:
        raise PatchMismatch(f"the patch is for version {source} and the CIB has {current}", _STALE)
    if target is not None and target <= (source or current):
        raise PatchMismatch(
            f"the patch leads from version {source or current} to {target}, which is not newer",
            "raise epoch or num_updates, or apply it without checking versions",
        )


def _position(change: etree._Element) -> int:
    text = change.get("position")
    if text is None:
        return -1
    try:
        return int(text)
    except ValueError:
        raise BadPatch(f"the position {text!r} is no number", "count siblings from 0") from None


def find_by_path(root: etree._Element, path: str, position: int = -1) -> etree._Element | None:
    """The first element at a path of a patch. `position` picks among comments, which have nothing
    else to tell them.
    """
    rest = _after_step(root, path)
    found = root
    while rest:
        for candidate in _candidates(found, rest, position):
            left = _after_step(candidate, rest)
            if left is not None:
                found, rest = candidate, left
                break
        else:
            return None
    return None if rest is None else found


def _candidates(parent: etree._Element, rest: str, position: int) -> Iterator[etree._Element]:
    tag = _TAG.match(rest)
    if tag is None:
        return
    if tag[1] != "comment":
        yield from parent.iterchildren(tag[1])
        return
    for candidate in parent:
        if is_element(candidate) or position < 0 or parent.index(candidate) == position:
            yield candidate


def _after_step(element: etree._Element, path: str) -> str | None:
    """What is left of a path behind the step that this element takes; None when it does not fit.

    Compared with what the element would be called, so that an id may hold any character.
    """
    tag = element.tag if isinstance(element.tag, str) else "comment"
    start = f"/{tag}"
    if not path.startswith(start):
        return None
    if path.startswith("[", len(start)):
        start += f"[@id='{element.get('id')}']" if is_element(element) else "[]"
        if not path.startswith(start):
            return None
    rest = path[len(start):]
    return rest if not rest or rest[0] == "/" else None


def _set_attributes(element: etree._Element, change: etree._Element) -> None:
    # All are replaced, so that their order is that of the result too: digests depend on it.
    result = change.find("change-result")
    if result is None or len(result) == 0:
        raise BadPatch(f"the change of {change.get('path')} has no result", "make the patch anew")
    attributes = list(result[0].attrib.items())
    element.attrib.clear()
    for name, value in attributes:
        element.set(name, value)


def _create(parent: etree._Element, position: int, change: etree._Element) -> None:
    if len(change) == 0:
        raise BadPatch(f"the patch creates nothing at {change.get('path')}", "make the patch anew")
    element = copy.deepcopy(change[0])
    element.tail = None
    parent.insert(max(position, 0), element)


def _move(element: etree._Element, position: int) -> None:
    parent = element.getparent()
    assert parent is not None, "what is moved was found below the root"
    if parent.index(element) != position:
        parent.remove(element)
        parent.insert(max(position, 0), element)
    if parent.index(element) != position:
        raise PatchMismatch(f"<{element.tag}> cannot be moved to position {position}", _STALE)
