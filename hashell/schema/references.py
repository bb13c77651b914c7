"""References: ids that stand twice, and names of things that are not there.

Both are errors: a constraint may name only what has an id in the configuration, and so nothing that a bundle or guest
merely implies. That what has the id is of the right kind, and that fencing levels and tags name what there is, no
schema says: these are warnings, for Pacemaker takes such a CIB and ignores the constraint or set.
Source: Pacemaker Explained; `crm_verify`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from lxml import etree

from hashell.cib.ids import defines_id, references
from hashell.cib.query import is_element
from hashell.schema.findings import Finding, Severity, finding, name_of, nearest

#: What a constraint may name.
_CONSTRAINABLE = frozenset({"primitive", "group", "clone", "master", "bundle", "template", "tag"})
#: Elements whose id is any text and need not differ from the ids of others.
FREE_IDS = frozenset({"node", "acl_target"})


def double_ids(root: etree._Element) -> Iterator[Finding]:
    """Ids that two elements of the configuration have."""
    first: dict[str, etree._Element] = {}
    for element in _configured(root):
        if not has_own_id(element):
            continue
        wanted = element.get("id", "").strip()
        other = first.setdefault(wanted, element)
        if other is not element:
            yield double(element, other)


def has_own_id(element: etree._Element) -> bool:
    """Whether an element has an id that no other may have."""
    return element.tag not in FREE_IDS and defines_id(element)


def double(element: etree._Element, other: etree._Element) -> Finding:
    place = f" in line {other.sourceline}" if other.sourceline else ""
    return finding(
        element, "id", f"{name_of(element)} has the id of a {other.tag}{place}",
        "ids are unique in the whole configuration: give it another",
    )


def _configured(root: etree._Element) -> Iterator[etree._Element]:
    configuration = root.find("configuration")
    if configuration is not None:
        yield from (e for e in configuration.iter() if is_element(e))


#: From this version of the schemas on a tag may name what is not there.
_FREE_TAGS = 303


def unknown_references(root: etree._Element, version: int) -> Iterator[Finding]:
    """References that lead nowhere, each with the nearest name that does. With version 0 nothing is an error."""
    tags: dict[str, str] = {}
    ids: set[str] = set()
    for element in _configured(root):
        if defines_id(element):
            tags.setdefault(element.get("id", ""), str(element.tag))
            if element.tag not in FREE_IDS:
                ids.add(element.get("id", "").strip())
    implied = _implied(root)
    targets = _Targets(tags)
    for reference in references(root):
        element, attribute, wanted = reference.element, reference.attribute, reference.id.strip()
        known, what = targets.of(element, attribute)
        must = version != 0 and not (element.tag == "obj_ref" and version >= _FREE_TAGS)
        if wanted not in known or (must and wanted not in ids):
            broken = must and wanted not in ids
            yield dangling(element, attribute, wanted, what, known, Severity.ERROR if broken else Severity.WARNING,
                           implied=wanted.startswith(implied))
    yield from _unknown_devices(root, tags)


def dangling(
    element: etree._Element, attribute: str, wanted: str, what: str, known: Iterable[str], severity: Severity,
    *, implied: bool = False,
) -> Finding:
    """What is said of a reference that leads nowhere."""
    owner = name_of(element)
    parent = element.getparent()
    if attribute == "id" and parent is not None:
        owner = f"{element.tag} in {name_of(parent)}"
    if implied:
        hint = "it is implied by another resource: name that one"
    else:
        hint = nearest(wanted, known) or f"remove it, or make that {what} first"
    return finding(element, attribute, f"{owner} names {wanted!r}, and no {what} has that id", hint, severity)


class _Targets:
    """What references may name, and what that is called; `tags` are the names of elements by id."""

    def __init__(self, tags: dict[str, str]) -> None:
        self._tags = tags
        self._known: dict[str, set[str]] = {}

    def of(self, element: etree._Element, attribute: str) -> tuple[set[str], str]:
        tag = str(element.tag)
        if tag.startswith("rsc_") or tag == "resource_ref":
            return self._named("resource", _CONSTRAINABLE), "resource"
        if attribute == "template":
            return self._named("template", {"template"}), "template"
        if tag in ("role", "role_ref"):
            return self._named("role", {"acl_role"}), "role"
        if attribute == "id-ref":
            return self._named(f"<{tag}>", {tag}), tag
        return self._named("element", frozenset(self._tags.values())), "element"

    def _named(self, what: str, tags: Collection[str]) -> set[str]:
        known = self._known.get(what)
        if known is None:
            known = self._known[what] = {ident for ident, tag in self._tags.items() if tag in tags}
        return known


def _implied(root: etree._Element) -> tuple[str, ...]:
    """How the names begin of what bundles and guests imply."""
    return tuple(
        f"{bundle.get('id', '')}-" for bundle in root.iterfind("configuration/resources/bundle")
    ) + tuple(
        nvpair.get("value", "") for nvpair in root.iterfind("configuration/resources//nvpair")
        if nvpair.get("name") == "remote-node" and nvpair.get("value")
    )


def _unknown_devices(root: etree._Element, tags: dict[str, str]) -> Iterator[Finding]:
    primitives = {wanted for wanted, tag in tags.items() if tag == "primitive"}
    for level in root.iterfind("configuration/fencing-topology/fencing-level"):
        for device in level.get("devices", "").split(","):
            if device.strip() and device.strip() not in primitives:
                yield finding(
                    level, "devices", f"{name_of(level)} names the device {device.strip()!r}, and no primitive has"
                    " that id", nearest(device.strip(), primitives), Severity.WARNING,
                )
