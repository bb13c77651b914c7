"""Ids: making one that is free and valid, finding who refers to one, renaming and forgetting one.

An id is unique in the configuration; the status section repeats ids at will.
Source: Pacemaker Explained, "Configuration", ids and references; XML 1.0, 2.3 (names).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from lxml import etree
from msgspec import Struct

from hashell.cib.query import is_element

_START = "A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d" \
         "\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
_NEXT = _START + r"\-.0-9\u00b7\u0300-\u036f\u203f\u2040"
#: Nearly all ids are plain; the tables for all of Unicode take long to compile and wait for need.
_VALID_ASCII = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


@lru_cache(maxsize=4)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)

#: Elements whose `id` is not their own but that of what they refer to.
REFERRING = frozenset({"resource_ref", "obj_ref"})
#: `role` is defined below <acls> and referred to below <acl_target> and <acl_group>.
_ROLE_HOLDERS = frozenset({"acl_target", "acl_group"})

#: Attributes that name a resource, a template, a tag, a set of options … elsewhere in the
#: configuration.
REFERENCE_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "rsc_location": ("rsc",),
    "rsc_colocation": ("rsc", "with-rsc"),
    "rsc_order": ("first", "then"),
    "rsc_ticket": ("rsc",),
    "primitive": ("template",),
    "acl_permission": ("reference",),
    "read": ("ref",), "write": ("ref",), "deny": ("ref",),
    "role_ref": ("id",),
}


class Reference(Struct, frozen=True):
    """An attribute that names an id."""

    element: etree._Element
    attribute: str

    @property
    def id(self) -> str:
        return self.element.get(self.attribute, "")


def is_valid_id(text: str) -> bool:
    """Whether XML allows a text as an id: a name without colon."""
    if text.isascii():
        return bool(_VALID_ASCII.fullmatch(text))
    return bool(_compiled(f"[{_START}][{_NEXT}]*").fullmatch(text))


def sanitize_id(text: str) -> str:
    """A valid id as near to the text as can be: `_` for a bad first character, `.` for any other;
    `_` for no text.
    """
    if not text:
        return "_"
    if is_valid_id(text):
        return text
    first = _compiled(f"[^{_START}]").sub("_", text[0])
    return first + _compiled(f"[^{_NEXT}]").sub(".", text[1:])


def defines_id(element: etree._Element) -> bool:
    """Whether the `id` of an element is its own, not a reference."""
    if element.get("id") is None or element.tag in REFERRING or element.tag == "role_ref":
        return False
    parent = element.getparent()
    return not (element.tag == "role" and parent is not None and parent.tag in _ROLE_HOLDERS)


def defined_ids(root: etree._Element) -> frozenset[str]:
    """All ids that the configuration defines. `root` is a <cib> or any element."""
    return frozenset(
        element.get("id", "") for element in _configured(root) if defines_id(element)
    )


def unique_id(root: etree._Element, wanted: str) -> str:
    """`wanted`, made valid, or the first free of `wanted-1`, `wanted-2` …"""
    taken = defined_ids(root)
    base = sanitize_id(wanted)
    if base not in taken:
        return base
    number = 1
    while f"{base}-{number}" in taken:
        number += 1
    return f"{base}-{number}"


def references(root: etree._Element, wanted: str | None = None) -> Iterator[Reference]:
    """All references in the configuration, or only those to one id, in document order."""
    for element in _configured(root):
        for attribute in _referring_attributes(element):
            found = element.get(attribute)
            if found is not None and (wanted is None or found == wanted):
                yield Reference(element, attribute)


def rename_id(root: etree._Element, old: str, new: str) -> int:
    """Give the element with id `old` the id `new`, and every reference with it. Returns how many
    attributes changed.

    The caller owns the tree and has made sure that `new` is free. Lists inside values (fencing
    levels' devices) and the status section are not touched.
    """
    changed = 0
    for element in _configured(root):
        if defines_id(element) and element.get("id") == old:
            element.set("id", new)
            changed += 1
    for reference in list(references(root, old)):
        reference.element.set(reference.attribute, new)
        changed += 1
    return changed


def _referring_attributes(element: etree._Element) -> tuple[str, ...]:
    assert isinstance(element.tag, str)
    found = REFERENCE_ATTRIBUTES.get(element.tag, ())
    if element.get("id") is not None and element.tag != "role_ref" and not defines_id(element):
        found = (*found, "id")
    if element.get("id-ref") is not None:
        found = (*found, "id-ref")
    return found


def _configured(root: etree._Element) -> Iterator[etree._Element]:
    top = root.find("configuration") if root.tag == "cib" else root
    if top is not None:
        for element in top.iter():
            if is_element(element):
                yield element
