"""Binding: a sketch of an element becomes part of a CIB: ids made or kept, references resolved, members moved in.

In:  a sketch (see hashell.shell.crm.configure_parse) and the element that it replaces, if any.
Out: the element, ready to stand in the CIB.
The ids that are made follow the CRM shell: PREFIX-name, PREFIX-rule …; a taken one gets -0, -1 ….
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from lxml import etree

from hashell.errors import BadInput, NotFound

Element = etree._Element

#: The tag of a resource named, not contained, in a sketch.
MEMBER = "member"
#: What an element's own id is called after its owner's id.
_SUFFIX = {
    "instance_attributes": "instance_attributes",
    "meta_attributes": "meta_attributes",
    "utilization": "utilization",
    "operations": "ops",
    "rule": "rule",
    "expression": "expression",
    "date_expression": "expression",
    "duration": "duration",
    "date_spec": "date_spec",
    "read": "read",
    "write": "write",
    "deny": "deny",
}
#: Elements that have no id, or whose id is somebody else's.
_NO_ID = frozenset(
    {
        "operations",
        "fencing-topology",
        "network",
        "docker",
        "podman",
        "rkt",
        "storage",
        "select",
        "select_attributes",
        "select_fencing",
        "select_nodes",
        "select_resources",
        "resource_ref",
        "obj_ref",
        "role",
        "role_ref",
        "rsc_defaults",
        "op_defaults",
        MEMBER,
    }
)
#: Attributes that say that two elements are the same thing in two versions of an object.
_SAME = {
    "node": ("uname",),
    "nvpair": ("name",),
    "op": ("name", "interval"),
    "rule": ("score", "score-attribute", "role"),
    "expression": ("attribute", "operation", "value"),
    "fencing-level": ("target", "devices"),
    "alert": ("path",),
    "recipient": ("value",),
}
_TOP_PREFIX = {"fencing-topology": "fencing"}
_VALID_ID = re.compile(r"[A-Za-z_][\w.-]*")


def select(element: Element, path: str, **variables: str | None) -> list[Element]:
    """The elements that an XPath finds; a variable that is None finds nothing."""
    values: dict[str, Any] = {name: value or "" for name, value in variables.items()}
    found: Any = element.xpath(path, **values)
    return list(found)


def texts(element: Element, path: str, **variables: str | None) -> list[str]:
    """The values of the attributes that an XPath finds."""
    values: dict[str, Any] = {name: value or "" for name, value in variables.items()}
    found: Any = element.xpath(path, **values)
    return [str(one) for one in found]


def attributes(element: Element) -> dict[str, str]:
    """The attributes of an element as a dict of one's own."""
    return {str(name): str(value) for name, value in element.attrib.items()}


def put_attributes(element: Element, values: Mapping[str, str]) -> None:
    """Set attributes; one whose value is empty is taken away."""
    for name, value in values.items():
        if value != "":
            element.set(name, value)
        elif name in element.attrib:
            del element.attrib[name]


def is_comment(child: Element) -> bool:
    """Whether it is a comment; lxml's stubs say that every tag is a string, and a comment's is not."""
    return not isinstance(child.tag, str)


def owner(element: Element) -> Element:
    """The parent of an element that has one."""
    parent = element.getparent()
    assert parent is not None, "only a root has no parent"
    return parent


class BadId(BadInput):
    id = "id-bad"


class Ids:
    """The ids that are taken; `make` finds free ones."""

    def __init__(self, root: Element) -> None:
        self._taken = {str(found) for found in texts(root, "configuration//@id")}

    def __contains__(self, name: str) -> bool:
        return name in self._taken

    def take(self, name: str) -> None:
        self._taken.add(name)

    def release(self, element: Element) -> None:
        for found in texts(element, "descendant-or-self::*/@id"):
            self._taken.discard(str(found))

    def make(self, wanted: str) -> str:
        """`wanted`, or with -0, -1 … after it; `#`, which an id may not hold, becomes a dot."""
        wanted = wanted.replace("#", ".")
        name, count = wanted, 0
        while name in self._taken:
            name, count = f"{wanted}-{count}", count + 1
        self._taken.add(name)
        return name

    def numbered(self, wanted: str) -> str:
        """`wanted`, or with -1, -2 … after it, as pcs counts."""
        name, count = wanted, 1
        while name in self._taken:
            name, count = f"{wanted}-{count}", count + 1
        self._taken.add(name)
        return name


def check_id(text: str) -> None:
    """Raises BadId for what an XML id cannot be."""
    if not _VALID_ID.fullmatch(text):
        raise BadId(f"{text!r} cannot be an id", "begin with a letter or _, go on with letters, digits, _, - and dots")


def settle_ids(element: Element, old: Element | None, ids: Ids, prefix: str = "") -> None:
    """Give every element of a sketch its id; where `old` has the same thing, its id is kept."""
    used: set[Element] = set()
    _settle(element, old, ids, prefix or _TOP_PREFIX.get(str(element.tag), ""), used, top=True)


def _settle(
    element: Element, old: Element | None, ids: Ids, prefix: str, used: set[Element], *, top: bool = False
) -> None:
    if element.tag not in _NO_ID and element.get("id-ref") is None:
        found = element.get("id") or (old.get("id") if old is not None else None) or element.get("uname")
        if found:
            ids.take(found)
        else:
            found = ids.make(_wanted(element, prefix))
        element.set("id", found)
    elif element.tag == "operations" and element.get("id") is not None:
        ids.take(element.get("id") or "")
    prefix = element.get("uname", "") if element.tag == "node" else element.get("id") or prefix
    for child in element:
        if not is_comment(child):
            _settle(child, _same(child, old, used), ids, prefix, used)


def _wanted(element: Element, prefix: str) -> str:
    if prefix.isdigit():
        prefix = f"num-{prefix}"
    if element.tag == "nvpair":
        return f"{prefix}-{element.get('name')}"
    if element.tag == "op":
        interval = element.get("interval")
        return f"{prefix}-{element.get('name')}" + (f"-{interval}" if interval else "")
    suffix = _SUFFIX.get(str(element.tag), "")
    return f"{prefix}-{suffix}" if suffix else prefix


def _same(element: Element, old: Element | None, used: set[Element]) -> Element | None:
    """The child of `old` that this element is a new version of; each is found once."""
    if old is None:
        return None
    names = _SAME.get(str(element.tag), ())
    if element.get("id"):
        names = (*names, "id")
    for child in old:
        if (
            child.tag == element.tag
            and child not in used
            and all(child.get(name) == element.get(name) for name in names)
        ):
            used.add(child)
            return child
    return None


def find_same(element: Element, holder: Element) -> Element | None:
    """The child of `holder` that is the same thing, whatever its id."""
    names = _SAME.get(str(element.tag), ())
    for child in holder:
        if child.tag == element.tag and all(child.get(name) == element.get(name) for name in names):
            return child
    return None


def resolve_references(element: Element, root: Element) -> None:
    """An `id-ref` that names an object means the object's first set of that kind. Raises NotFound."""
    for holder in select(element, "descendant-or-self::*[@id-ref]"):
        wanted = holder.get("id-ref")
        found = select(root, "configuration//*[@id=$id]", id=wanted) or select(
            element, "descendant-or-self::*[@id=$id]", id=wanted
        )
        if not found:
            if holder.tag == "nvpair":
                continue
            raise NotFound(f"nothing in the configuration has the id {wanted}", "name an object or one of its sets")
        inner = select(found[0], f"descendant::{holder.tag}[@id]") if found[0].tag != holder.tag else []
        if inner:
            holder.set("id-ref", inner[0].get("id", ""))


def move_members_in(element: Element, root: Element) -> None:
    """Put the resources that a container names into it, each taken from where it is now. Raises NotFound, BadInput."""
    for place in element.findall(MEMBER):
        name = place.get("id") or ""
        resource = find_resource(root, name)
        if resource is None:
            raise NotFound(f"{element.get('id')} names {name}, and no resource is called so", "create it first")
        holder = resource.getparent()
        assert holder is not None
        if holder.tag in CONTAINERS and holder.get("id") != element.get("id"):
            raise BadInput(f"{name} is in {holder.get('id')} already", f"take it out of {holder.get('id')} first")
        if element.tag == "group" and resource.tag != "primitive":
            raise BadInput(f"a group holds primitives, and {name} is a {resource.tag}", "clone or bundle it instead")
        if element.tag in ("clone", "master") and resource.tag not in ("primitive", "group"):
            raise BadInput(f"a clone holds a primitive or a group, and {name} is a {resource.tag}", "name one of these")
        if element.tag == "bundle" and resource.tag != "primitive":
            raise BadInput(f"a bundle holds a primitive, and {name} is a {resource.tag}", "name a primitive")
        element.replace(place, resource)


CONTAINERS = frozenset({"group", "clone", "master", "bundle"})
RESOURCES = frozenset({"primitive", "group", "clone", "master", "bundle", "template"})


def find_resource(root: Element, name: str) -> Element | None:
    """The resource or template with this id."""
    for found in select(root, "configuration/resources//*[@id=$id]", id=name):
        if found.tag in RESOURCES:
            return found
    return None


def equal(left: Element, right: Element) -> bool:
    """The same tags, attributes and texts; the order of children counts only in resource sets."""
    if left.tag != right.tag or attributes(left) != attributes(right):
        return False
    if (left.text or "").strip() != (right.text or "").strip():
        return False
    ours, theirs = _children(left), _children(right)
    if len(ours) != len(theirs):
        return False
    if left.tag != "resource_set":
        ours, theirs = sorted(ours, key=_sort_key), sorted(theirs, key=_sort_key)
    return all(equal(one, other) for one, other in zip(ours, theirs, strict=True))


def _children(element: Element) -> list[Element]:
    return [child for child in element if isinstance(child.tag, str)]


def _sort_key(element: Element) -> str:
    """All primitives sort alike: their order is that of a group."""
    if element.tag == "primitive":
        return "primitive"
    return str(element.tag) + "".join(sorted([*map(str, element.attrib.keys()), *map(str, element.attrib.values())]))


def duplicate(element: Element) -> Element:
    """A deep copy that stands alone."""
    found = copy.deepcopy(element)
    found.tail = None
    return found
