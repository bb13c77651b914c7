"""Edits: one operation of a CIB carried out on a tree that the caller owns.

    modify    merge: set attributes, merge children found by tag and id in turn, add all others
    create    add what must not be there yet
    delete    remove all that an XPath finds; nothing found is success
    replace   put an element in place of the one with its tag and id
    patch     apply a patchset

`path` is a section (`resources`, `constraints`, `status`, `configuration` …; empty: the section
that the element belongs in) or an XPath that begins with a slash. Every node applies operations
alike: there is no chance, no clock and no order here but that of the document. After an error the
tree may be half changed: throw it away (transaction.py does).
Source: lib/cib/cib_ops.c (what cibadmin's --modify, --create, --delete, --replace and --patch do).
"""

from __future__ import annotations

import copy

from lxml import etree

from hashell.cib.document import parse_fragment
from hashell.cib.patch import apply_to
from hashell.cib.query import (
    NothingThere,
    child,
    find_all,
    find_section,
    is_element,
    is_section,
    match_below,
    path_to,
)
from hashell.cib.versions import Version
from hashell.errors import AlreadyExists, BadInput

KINDS = ("modify", "create", "delete", "replace", "patch")

#: The section in which an element stands that is added without saying where.
HOME = {
    "primitive": "resources", "group": "resources", "clone": "resources", "master": "resources",
    "bundle": "resources", "template": "resources", "cluster_property_set": "crm_config",
    "node": "nodes", "rsc_location": "constraints", "rsc_colocation": "constraints",
    "rsc_order": "constraints", "rsc_ticket": "constraints", "fencing-level": "fencing-topology",
    "acl_target": "acls", "acl_group": "acls", "role": "acls", "tag": "tags", "alert": "alerts",
    "node_state": "status", "tickets": "status",
}


#: Children of an update for each of which the same one is looked for among all that are there; for more they are listed
#: first.
SCANNED_MAX = 4


class BadEdit(BadInput):
    id = "cib-edit-bad"


class ElementExists(AlreadyExists):
    id = "cib-element-exists"


class Touched:
    """Which elements operations changed, so that nobody need look for it in the whole document.

    `parts` got or lost an attribute or a child; of `wholes` anything may be new. Both may hold elements
    that a later operation removed. `grown`: children came to the end of their parents, and none was
    taken out, or put elsewhere.
    """

    __slots__ = ("grown", "parts", "wholes")

    def __init__(self) -> None:
        self.parts: set[etree._Element] = set()
        self.wholes: set[etree._Element] = set()
        self.grown = True

    def add(self, parent: etree._Element, child: etree._Element) -> etree._Element:
        """Append a child. It counts as a whole: it may take the place of one that was removed."""
        parent.append(child)
        self.parts.add(parent)
        self.wholes.add(child)
        return child


def apply_operation(
    root: etree._Element, kind: str, xml: bytes = b"", path: str = "", touched: Touched | None = None
) -> None:
    """Carry out one operation on the <cib> element `root`. Raises a HashellError.

    Version attributes are the caller's to set; a replacement of the whole CIB takes them over only
    when they are higher. A patch's versions are not compared here.
    """
    touched = touched if touched is not None else Touched()
    touched.grown = touched.grown and kind in ("modify", "create")
    if kind == "delete":
        _delete(root, xml, path, touched)
        return
    if kind not in KINDS:
        raise BadEdit(f"nobody knows the operation {kind!r}", "use " + ", ".join(KINDS))
    if not xml:
        raise BadEdit(f"there is nothing to {kind}", "give the XML of an element")
    update = parse_fragment(xml, f"the XML to {kind}")
    if kind == "patch":
        touched.wholes.add(root)
        apply_to(root, update, check_version=False)
    elif kind == "modify":
        _modify(root, update, path, touched)
    elif kind == "create":
        _create(root, update, path, touched)
    else:
        _replace(root, update, path, touched)


def merge(
    target: etree._Element, update: etree._Element, touched: Touched | None = None, *, taken: bool = False
) -> None:
    """Set the attributes of `update` on `target`, and merge or add its children by tag and id (or
    id-ref). With `taken` the update is of no use afterwards: what is new moves over.
    """
    changed = False
    for name, value in update.attrib.items():
        if target.get(name) != value:
            target.set(name, value)
            changed = True
    # Of many children each is looked up, not looked for.
    known = _by_id(target, update) if len(update) > SCANNED_MAX else None
    for part in list(update):
        if not is_element(part):
            if not any(not is_element(c) and c.text == part.text for c in target):
                target.append(copy.deepcopy(part))
                changed = True
            continue
        wanted = part.get("id")
        if known is None or wanted is None:
            found = _counterpart(target, part)
        else:
            found = known.get((part.tag, wanted))
        if found is None:
            made = part if taken and _is_plain(part) else _plain_copy(part)
            target.append(made)
            changed = True
            if known is not None and wanted is not None:
                known[part.tag, wanted] = made
            if touched is not None:
                touched.wholes.add(made)
        else:
            merge(found, part, touched, taken=taken)
    if changed and touched is not None:
        touched.parts.add(target)


def _by_id(parent: etree._Element, update: etree._Element) -> dict[tuple[object, str], etree._Element]:
    """Of the children whose ids an update's children have, the first of each tag and id."""
    wanted = {part.get("id") for part in update} - {None}
    found: dict[tuple[object, str], etree._Element] = {}
    for one in parent.iterchildren():
        name = one.get("id")
        if name in wanted and name is not None:
            found.setdefault((one.tag, name), one)
    return found


def _counterpart(target: etree._Element, part: etree._Element) -> etree._Element | None:
    """The child that is the same thing: same tag, and the same id or id-ref where there is one."""
    for attribute in ("id", "id-ref"):
        wanted = part.get(attribute)
        if wanted is not None:
            for candidate in target.iterchildren(part.tag):
                if candidate.get(attribute) == wanted:
                    return candidate
            return None
    return next(target.iterchildren(part.tag), None)


def _is_plain(element: etree._Element) -> bool:
    """Whether surely no child is repeated, at any depth: merged into nothing it is as it is."""
    if len(element) > 1:
        names = {(one.tag, one.get("id")) for one in element}
        if len(names) < len(element) or any(name is None for _, name in names):
            return False
    return all(_is_plain(one) for one in element)


def _plain_copy(element: etree._Element) -> etree._Element:
    """A copy in which repeated children are merged, as if it had been merged into an empty element.
    """
    made = etree.Element(element.tag)
    merge(made, element)
    return made


def _modify(
    root: etree._Element, update: etree._Element, path: str, touched: Touched
) -> None:
    if path.startswith("/"):
        places = find_all(root, path)
        if not places:
            raise NothingThere(f"nothing in the CIB is at {path}", "create it first")
        place = places[0]
    elif not path and update.tag not in HOME and not is_section(str(update.tag)):
        found = match_below(root, str(update.tag), update.get("id"))
        if found is None:
            raise BadEdit(f"<{update.tag}> has no place of its own in the CIB", "give an XPath")
        place = found
    else:
        place = _section_for(root, update, path, touched)
    found = _match(place, update)
    if found is not None:
        merge(found, update, touched, taken=True)
        return
    if update.tag == "cib":
        raise BadEdit(f"a whole CIB cannot stand in <{place.tag}>", "leave out the path")
    touched.add(place, update if _is_plain(update) else _plain_copy(update))


def _match(place: etree._Element, update: etree._Element) -> etree._Element | None:
    # A child is by far the most common case and found without a walk through everything below.
    tag, wanted = str(update.tag), update.get("id")
    if place.tag == tag and place.get("id") == wanted:
        return place
    found = child(place, tag, wanted)
    if found is None and wanted is not None:
        return match_below(place, tag, wanted)
    return found


def _section_for(
    root: etree._Element, update: etree._Element, path: str, touched: Touched
) -> etree._Element:
    """The element that a section's name means, made when it is missing."""
    if update.tag == "cib":
        return root
    name = path or HOME.get(str(update.tag), str(update.tag))
    if not is_section(name):
        raise BadEdit(f"the CIB has no section {name!r}", "use an XPath that begins with /")
    found = find_section(root, name)
    if found is not None:
        return found
    if name in ("configuration", "status"):
        return touched.add(root, etree.Element(name))
    configuration = root.find("configuration")
    if configuration is None:
        configuration = etree.Element("configuration")
        root.insert(0, configuration)
        touched.grown = False
        touched.parts.add(root)
        touched.wholes.add(configuration)
    return touched.add(configuration, etree.Element(name))


def _create(
    root: etree._Element, update: etree._Element, path: str, touched: Touched
) -> None:
    if path.startswith("/"):
        places = find_all(root, path)
        if not places:
            raise NothingThere(f"nothing in the CIB is at {path}", "create the outer element first")
        place, parts = places[0], [update]
    else:
        if update.tag == "cib":
            raise BadEdit("a whole CIB cannot be created", "use replace or modify")
        place = _section_for(root, update, path, touched)
        parts = list(update) if place.tag == update.tag else [update]
    for part in parts:
        if is_element(part):
            _refuse_second(place, part)
        touched.add(place, copy.deepcopy(part))


def _refuse_second(place: etree._Element, part: etree._Element) -> None:
    tag, wanted = str(part.tag), part.get("id")
    there = child(place, tag, wanted) if wanted is not None else place.find(tag)
    if there is not None:
        raise ElementExists(f"{path_to(there)} exists already", "modify it, or take another id")


def _delete(root: etree._Element, xml: bytes, path: str, touched: Touched) -> None:
    if path.startswith("/"):
        # From the end, so that a parent goes after what is in it.
        for found in reversed(find_all(root, path)):
            _remove(found, touched)
        return
    if not xml:
        raise BadEdit("a deletion needs an XPath", "begin it with /")
    update = parse_fragment(xml, "the XML to delete")
    if update.tag == "cib":
        raise BadEdit("the whole CIB cannot be deleted", "replace it with an empty one")
    place = _section_for(root, update, path, touched)
    parts = [p for p in update if is_element(p)] if place.tag == update.tag else [update]
    for part in parts:
        found_one = match_below(place, str(part.tag), part.get("id"))
        if found_one is not None and found_one is not place:
            _remove(found_one, touched)


def _remove(element: etree._Element, touched: Touched) -> None:
    parent = element.getparent()
    if parent is None:
        raise BadEdit("the whole CIB cannot be deleted", "replace it with an empty one")
    touched.parts.add(parent)
    parent.remove(element)


def _replace(
    root: etree._Element, update: etree._Element, path: str, touched: Touched
) -> None:
    if path.startswith("/"):
        places = find_all(root, path)
        if not places:
            raise NothingThere(f"nothing in the CIB is at {path}", "check the path, or create it")
        place = places[0]
    elif update.tag == "cib":
        place = root
    else:
        section = _section_for(root, update, path, touched)
        found = _match(section, update)
        if found is None:
            raise NothingThere(
                f"there is no <{update.tag} id={update.get('id')!r}> in {section.tag} to replace",
                "create it",
            )
        place = found
    if place is root:
        touched.wholes.add(root)
        _replace_all(root, update)
        return
    parent = place.getparent()
    assert parent is not None, "only the root has no parent"
    made = copy.deepcopy(update)
    touched.parts.add(parent)
    touched.wholes.add(made)
    parent.replace(place, made)


def _replace_all(root: etree._Element, update: etree._Element) -> None:
    if update.tag != "cib":
        raise BadEdit(f"<{update.tag}> cannot take the place of the whole CIB", "give a <cib>")
    version = max(Version.of(root), Version.of(update))
    for element in list(root):
        root.remove(element)
    root.attrib.clear()
    for name, value in update.attrib.items():
        root.set(name, value)
    version.write_to(root)
    root.extend(copy.deepcopy(list(update)))
