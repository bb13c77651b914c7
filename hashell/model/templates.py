"""Templates: a primitive that refers to one is read as if it said itself what the template says.

Source: Pacemaker Explained, "Reusing parts of the configuration", "Reusing resource definitions with templates";
lib/pengine/complex.c, unpack_template.
"""

from __future__ import annotations

import copy

from lxml import etree

from hashell.model.nvpairs import Document


def expand(element: etree._Element, document: Document) -> etree._Element | None:
    """The element with its template merged in: a copy, or the element itself where it has none.

    The template's attributes (class, provider, type) hold, not the element's own; its sets stand before those of the
    element, so these win; an operation of the element replaces one of the template with the same name and role. None
    where there is no such template.
    """
    reference = element.get("template")
    if reference is None:
        return element
    ident = element.get("id", "")
    if reference == ident:
        document.complain(f"The resource object '{ident}' should not reference itself")
        return None
    template = next(
        (
            found for found in document.root.iterfind("configuration/resources/template")
            if found.get("id") == reference
        ),
        None,
    )
    if template is None:
        document.complain(f"No template named '{reference}'")
        return None

    merged = etree.Element(str(element.tag))
    for name, value in template.attrib.items():
        merged.set(name, value)
    merged.set("id", ident)
    for child in (*template, *element):
        merged.append(copy.deepcopy(child))
    _merge_operations(merged, len(template))
    return merged


def _merge_operations(merged: etree._Element, own_from: int) -> None:
    """Leave one `operations` element: the resource's own, with those of the template that it does not replace."""
    children = list(merged)
    theirs = next((child for child in children[:own_from] if child.tag == "operations"), None)
    own = next((child for child in children[own_from:] if child.tag == "operations"), None)
    if theirs is None or own is None:
        return
    replaced = {_operation_key(operation) for operation in own.iterchildren(etree.Element)}
    for operation in theirs.iterchildren(etree.Element):
        if _operation_key(operation) not in replaced:
            own.append(copy.deepcopy(operation))
    merged.remove(theirs)


def _operation_key(operation: etree._Element) -> tuple[str | None, str]:
    role = operation.get("role")
    if role is None or role.lower() in ("started", "unpromoted", "slave"):
        role = ""
    return operation.get("name"), role
