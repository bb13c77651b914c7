"""Changes: a change of a CIB judged by the elements that it touched, in time that hardly grows with the CIB. Pure.

What was wrong before and was not touched is no reason to refuse: a configuration that came from elsewhere can be mended
piece by piece.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache

from lxml import etree

from hashell.errors import BadInput
from hashell.schema.check import alone, elements, kind_below, schema_of, ways_of
from hashell.schema.findings import Finding, Severity
from hashell.schema.references import dangling, double, double_ids, has_own_id, unknown_references

#: Ids that are looked up one by one; for more the whole configuration is read once.
LOOKUPS_MAX = 16
#: Changes of one patch that are looked up one by one; for more the whole configuration is judged.
CHANGES_MAX = 200
#: Findings that a refusal names.
TOLD_MAX = 5

_BY_ID = etree.XPath("configuration//*[@id = $wanted]")


class SchemaViolation(BadInput):
    """A change would make a configuration that the schema does not allow. The message names element, place and fault."""

    id = "schema"
    exit_code = 78


def refuse(
    root: etree._Element, parts: Collection[etree._Element], wholes: Collection[etree._Element], *, removed: bool,
) -> None:
    """Raise SchemaViolation when what was touched of a <cib> is not allowed.

    `parts` are elements that got or lost an attribute or a child, of `wholes` anything may be new; either may have been
    taken out again. `removed`: something may have been taken out, so others may refer to what is not there any more.
    """
    findings = list(findings_of(root, parts, wholes, removed=removed))
    if findings:
        raise violation(root, findings)


def refuse_whole(root: etree._Element) -> None:
    """The same for a <cib> of which anything may be new."""
    version = schema_of(root)
    if not version:
        return
    findings = [*elements(root, "cib", version), *double_ids(root), *_broken(root, version)]
    if findings:
        raise violation(root, findings)


def refuse_change(before: etree._Element, after: etree._Element, patch: etree._Element) -> None:
    """The same for what lies between two <cib>; `patch` is their difference in Pacemaker's format."""
    changes = patch.findall("change")
    if before.get("validate-with") != after.get("validate-with") or len(changes) > CHANGES_MAX:
        refuse_whole(after)
        return
    parts: set[etree._Element] = set()
    wholes: set[etree._Element] = set()
    removed = False
    for change in changes:
        path = change.get("path", "")
        if path == "/cib" or path.startswith("/cib/status"):
            if change.get("operation") == "create" and change[0].tag != "status":
                refuse_whole(after)
                return
            continue
        removed = removed or change.get("operation") == "delete"
        try:
            parts.update(_place(after, path, change))
            if change.get("operation") == "create":
                wholes.update(_created(after, path, change[0]))
        except etree.XPathError:
            # An id with a quote in it: nothing can be looked up by such a path.
            refuse_whole(after)
            return
    refuse(after, parts, wholes, removed=removed)


def _place(after: etree._Element, path: str, change: etree._Element) -> list[etree._Element]:
    """What a change was made to: for what was deleted or moved, that in which it was."""
    if change.get("operation") in ("delete", "move"):
        path = path.rpartition("/")[0]
    found = after.xpath(path)
    return [one for one in found if isinstance(one, etree._Element)] if isinstance(found, list) else []


def _created(after: etree._Element, path: str, made: etree._Element) -> Iterator[etree._Element]:
    for parent in _place(after, path, made):
        for child in parent.iterchildren(str(made.tag)) if isinstance(made.tag, str) else ():
            if child.get("id") == made.get("id"):
                yield child


def violation(root: etree._Element, findings: list[Finding]) -> SchemaViolation:
    """The refusal that names the first findings, and the way out of the first."""
    told = "; ".join(_told(one) for one in findings[:TOLD_MAX])
    more = f"; and {len(findings) - TOLD_MAX} more" if len(findings) > TOLD_MAX else ""
    name = root.get("validate-with") or "the newest schema"
    return SchemaViolation(f"the configuration would not follow {name}: {told}{more}", findings[0].hint)


def _told(one: Finding) -> str:
    return f"{one.message}" + (f" (in {one.id!r})" if one.id and repr(one.id) not in one.message else "")


def findings_of(
    root: etree._Element, parts: Collection[etree._Element], wholes: Collection[etree._Element], *, removed: bool,
) -> Iterator[Finding]:
    """What is wrong with what was touched."""
    version = schema_of(root)
    if not version:
        return
    new: list[etree._Element] = []
    seen: set[etree._Element] = set()
    for element in wholes:
        kind = _kind(element, root, version)
        if not kind or kind == "status" or any(above in wholes for above in element.iterancestors()):
            # Taken out again, or judged with what it stands in.
            continue
        if kind == "cib":
            yield from (*elements(root, "cib", version), *double_ids(root), *_broken(root, version))
            return
        new.append(element)
        yield from elements(element, kind, version)
        parent = element.getparent()
        if parent is not None and parent not in parts and parent not in seen:
            seen.add(parent)
            yield from alone(parent, _kind(parent, root, version), version)
    for element in parts:
        if element not in wholes and element not in seen:
            kind = _kind(element, root, version)
            if kind and kind != "status":
                new.append(element)
                yield from alone(element, kind, version)
    yield from _ids(root, version, new, set(parts) - set(wholes), removed)


def _kind(element: etree._Element, root: etree._Element, version: int) -> str:
    """What kind of element it is; empty for one that is not in the tree, or where none can be (its parent is judged)."""
    path = []
    step: etree._Element | None = element
    while step is not None and step is not root:
        path.append(str(step.tag))
        step = step.getparent()
    if step is None:
        return ""
    kind = "cib"
    for tag in reversed(path):
        kind = kind_below(kind, tag, version)
        if not kind or kind == "status":
            return kind
    return kind


def _ids(
    root: etree._Element, version: int, new: list[etree._Element], alone_: Collection[etree._Element], removed: bool
) -> Iterator[Finding]:
    """Ids that would stand twice, and references that would lead nowhere."""
    inside = [
        one for element in new for one in ((element,) if element in alone_ else element.iter(etree.Element))
    ]
    own = [one for one in inside if has_own_id(one)]
    referring = [(one, name) for one in inside for name in _references(one, root, version)]
    if removed or len(own) + len(referring) > LOOKUPS_MAX:
        found = {id(one) for one in own}
        ours = {one.get("id") for one in own}
        doubles = [one for one in double_ids(root) if one.id in ours] if found else []
        yield from doubles
        if removed or referring:
            yield from _broken(root, version)
        return
    for element in own:
        others = [one for one in _found(root, element.get("id", "")) if one is not element and has_own_id(one)]
        if others:
            yield double(element, others[0])
    for element, name in referring:
        wanted = element.get(name, "")
        if not any(has_own_id(one) for one in _found(root, wanted)):
            # The long way, once there is something to say: it knows the nearest name.
            said = [one for one in _broken(root, version) if one.attribute == name and repr(wanted) in one.message]
            yield said[0] if said else dangling(element, name, wanted, "element", (), Severity.ERROR)


def _found(root: etree._Element, wanted: str) -> list[etree._Element]:
    result = _BY_ID(root, wanted=wanted)
    assert isinstance(result, list)
    return result


def _references(element: etree._Element, root: etree._Element, version: int) -> Iterator[str]:
    """Names of an element's attributes that must name an id."""
    if not element.attrib:
        return
    kind = _kind(element, root, version)
    for name in referring_names(kind, version) if kind else ():
        if element.get(name) is not None:
            yield name


@lru_cache(maxsize=None)
def referring_names(kind: str, version: int) -> frozenset[str]:
    """Attributes of a kind of element that refer to an id."""
    return frozenset(
        name for way in ways_of(kind, version) for name, (_, values) in way.attributes.items() if values.refers
    )


def _broken(root: etree._Element, version: int) -> list[Finding]:
    return [one for one in unknown_references(root, version) if one.severity is Severity.ERROR]
