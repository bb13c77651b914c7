"""Merging: two changes of one configuration that were made without knowing of each other, as one.

They go together when it does not matter which is made first: each patch fits what the other one made, both ways lead to
the same configuration, and no id is given twice. Everything else is for people to settle.
"""

from __future__ import annotations

from collections import Counter

from lxml import etree

from hashell.cib.diff import make_patch
from hashell.cib.document import Cib
from hashell.cib.patch import apply_patch
from hashell.cib.query import is_element
from hashell.errors import HashellError

#: Elements of which the order of the children means something.
_ORDERED = frozenset({"group", "resource_set", "rule"})
#: Elements whose `id` is somebody else's.
_REFERENCES = frozenset({"resource_ref", "obj_ref", "role", "role_ref"})

#: Tag, attributes, text and children of an element, for comparing.
_Shape = tuple[str, tuple[tuple[str, str], ...], str, tuple["_Shape", ...]]


def merge(base: Cib, ours: Cib, theirs: Cib) -> Cib | None:
    """Theirs with our change on top; None where the two changes touch the same or do not fit each other."""
    try:
        merged = apply_patch(theirs, make_patch(base, ours), check_version=False)
        other_way = apply_patch(ours, make_patch(base, theirs), check_version=False)
    except HashellError:
        return None
    one, two = merged.configuration, other_way.configuration
    if one is None or two is None or _shape(one) != _shape(two) or _has_twins(one):
        return None
    return merged


def _shape(element: etree._Element) -> _Shape:
    children = [_shape(child) for child in element if is_element(child)]
    if element.tag not in _ORDERED:
        children.sort()
    attributes = tuple(sorted((str(name), str(value)) for name, value in element.attrib.items()))
    return str(element.tag), attributes, (element.text or "").strip(), tuple(children)


def _has_twins(configuration: etree._Element) -> bool:
    ids = Counter(
        one.get("id") for one in configuration.iter(etree.Element) if one.tag not in _REFERENCES and one.get("id")
    )
    return any(number > 1 for number in ids.values())
