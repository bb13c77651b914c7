"""Changes: a change of a CIB judged by the elements that it touched, in time that hardly grows with the CIB. Pure.

What was wrong before and was not touched is no reason to refuse: a configuration that came from elsewhere can be mended
piece by piece.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache, lru_cache

from lxml import etree

from hashell.errors import BadInput
from hashell.schema.check import alone, elements, kind_below, schema_of, ways_of
from hashell.schema.findings import Finding, Severity
from hashell.schema.references import double_ids, has_own_id, unknown_references
from hashell.schema.table import OPAQUE

#: Changes of one patch that are looked up one by one; for more the whole configuration is judged.
CHANGES_MAX = 200
#: Findings that a refusal names.
TOLD_MAX = 5
#: Attributes that may refer to an id, and elements whose own `id` does.
_REFERRING = frozenset({"rsc", "with-rsc", "first", "then", "template", "id-ref", "ref", "reference"})
_REFERRING_ELEMENTS = frozenset({"resource_ref", "obj_ref", "role_ref", "role"})


class SchemaViolation(BadInput):
    """A change would make a configuration that the schema does not allow: the message names element, place, fault."""

    id = "schema"
    exit_code = 78


class Judge:
    """Judges the changes of one CIB after the other, and remembers which ids there are.

    `begin` and `end` say from which tree changes are made and to which they have led: where one begins with another
    tree than the last one ended with, ids are collected afresh.
    """

    def __init__(self) -> None:
        self._root: etree._Element | None = None
        self._ids: set[str] | None = None
        #: Ids that changes have brought since `begin`; nothing is left of them when there is no `end`.
        self._added: set[str] = set()
        #: Something was taken out since `begin`: nothing that is remembered can be trusted.
        self._stale = False

    def begin(self, root: etree._Element) -> None:
        self._added, self._stale = set(), False
        if root is not self._root:
            self._root, self._ids = root, None

    def end(self, root: etree._Element) -> None:
        self._root = root
        if self._stale:
            self._ids = None
        elif self._ids is not None:
            self._ids |= self._added
        self._added = set()

    def refuse(
        self, root: etree._Element, parts: Collection[etree._Element], wholes: Collection[etree._Element], *,
        removed: bool,
    ) -> None:
        """Raise SchemaViolation when what was touched of a <cib> is not allowed.

        `parts` are elements that got or lost an attribute or a child, of `wholes` anything may be new; either may have
        been taken out again. `removed`: something may have been taken out that others refer to.
        """
        version = schema_of(root)
        if not version:
            self._stale = True
            return
        findings: list[Finding] = []
        made: list[etree._Element] = []
        changed: list[etree._Element] = []
        for element, kind, whole in _judged(root, parts, wholes, version):
            if kind == "cib" and whole:
                self.refuse_whole(root)
                return
            if whole:
                findings += elements(element, kind, version)
                made += element.iter(etree.Element)
            else:
                findings += alone(element, kind, version)
                changed.append(element)
        if removed:
            self._stale = True
            findings += self._newly_wrong(root, version)
        else:
            findings += self._new_ids(root, version, made, changed)
        if findings:
            raise violation(root, findings)

    def refuse_whole(self, root: etree._Element) -> None:
        """The same for a <cib> of which anything may be new."""
        version = schema_of(root)
        self._stale = True
        if not version:
            return
        findings = [*elements(root, "cib", version), *_all_ids(root, version)]
        if findings:
            raise violation(root, findings)

    def refuse_change(self, before: etree._Element, after: etree._Element, patch: etree._Element) -> None:
        """The same for what lies between two <cib>; `patch` is their difference in Pacemaker's format."""
        changes = patch.findall("change")
        if before.get("validate-with") != after.get("validate-with") or len(changes) > CHANGES_MAX:
            self.refuse_whole(after)
            return
        parts: set[etree._Element] = set()
        wholes: set[etree._Element] = set()
        for change in changes:
            path = change.get("path", "")
            if path == "/cib" or path.startswith("/cib/status"):
                if change.get("operation") == "create" and change[0].tag != "status":
                    self.refuse_whole(after)
                    return
                continue
            try:
                parts.update(_place(after, path, change))
                if change.get("operation") == "create":
                    wholes.update(_created(after, path, change[0]))
            except etree.XPathError:
                # An id with a quote in it: nothing can be looked up by such a path.
                self.refuse_whole(after)
                return
        # An id may have been changed, too: so all of them are looked at.
        self.refuse(after, parts, wholes, removed=True)

    def _new_ids(
        self, root: etree._Element, version: int, made: list[etree._Element], changed: list[etree._Element]
    ) -> list[Finding]:
        """What is wrong with the ids of elements that are `made`, and with what these and those `changed` refer to."""
        own = [element.get("id", "").strip() for element in made if has_own_id(element)]
        wanted = {
            element.get(name, "").strip() for element in (*made, *changed) if _may_refer(element)
            for name in _references(element, root, version)
        }
        if not own and not wanted:
            return []
        if self._stale or self._root is None:
            return self._newly_wrong(root, version)
        if self._ids is None:
            self._ids = _ids_of(self._root)
        known = self._ids | self._added if self._added else self._ids
        new = set(own)
        if len(new) < len(own) or not new.isdisjoint(known) or not wanted <= known | new:
            found = self._newly_wrong(root, version)
            if found:
                return found
        self._added |= new
        return []

    def _newly_wrong(self, root: etree._Element, version: int) -> list[Finding]:
        """Ids that stand twice and references that lead nowhere, but for those that were so before."""
        found = _all_ids(root, version)
        if found and self._root is not None:
            before = {(one.element, one.id, one.attribute, one.message) for one in _all_ids(self._root, version)}
            found = [one for one in found if (one.element, one.id, one.attribute, one.message) not in before]
        return found


def _judged(
    root: etree._Element, parts: Collection[etree._Element], wholes: Collection[etree._Element], version: int
) -> Iterator[tuple[etree._Element, str, bool]]:
    """What is to be looked at: an element, its kind, and whether with all that is in it."""
    seen: set[etree._Element] = set()
    for element in wholes:
        if any(above in wholes for above in element.iterancestors()):
            continue
        kind = _kind(element, root, version)
        if kind and kind not in OPAQUE:
            yield element, kind, True
        parent = element.getparent()
        if parent is not None and parent not in parts and parent not in seen:
            seen.add(parent)
            kind = _kind(parent, root, version)
            if kind and kind not in OPAQUE:
                yield parent, kind, False
    for element in parts:
        if element not in wholes:
            kind = _kind(element, root, version)
            if kind and kind not in OPAQUE:
                yield element, kind, False


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


def _kind(element: etree._Element, root: etree._Element, version: int) -> str:
    """What kind of element it is; empty for one that is not in the tree, or where none can be: its parent is judged."""
    path = []
    step: etree._Element | None = element
    while step is not None and step is not root:
        path.append(str(step.tag))
        step = step.getparent()
    return _kind_at(tuple(path), version) if step is not None else ""


@lru_cache(maxsize=1024)
def _kind_at(path: tuple[str, ...], version: int) -> str:
    """The same by the tags from the element up to below the root."""
    kind = "cib"
    for tag in reversed(path):
        kind = kind_below(kind, tag, version)
        if not kind or kind == "status":
            return kind
    return kind


def _all_ids(root: etree._Element, version: int) -> list[Finding]:
    """All ids that stand twice and all references that lead nowhere."""
    broken = (one for one in unknown_references(root, version) if one.severity is Severity.ERROR)
    return [*double_ids(root), *broken]


def _ids_of(root: etree._Element) -> set[str]:
    configuration = root.find("configuration")
    if configuration is None:
        return set()
    return {one.get("id", "").strip() for one in configuration.iter(etree.Element) if has_own_id(one)}


def _may_refer(element: etree._Element) -> bool:
    """Quickly: whether it can have an attribute that refers to an id."""
    return element.tag in _REFERRING_ELEMENTS or not _REFERRING.isdisjoint(element.keys())


def _references(element: etree._Element, root: etree._Element, version: int) -> Iterator[str]:
    """Names of an element's attributes that must name an id."""
    if not element.attrib:
        return
    kind = _kind(element, root, version)
    for name in referring_names(kind, version) if kind else ():
        if element.get(name) is not None:
            yield name


@cache
def referring_names(kind: str, version: int) -> frozenset[str]:
    """Attributes of a kind of element that refer to an id."""
    return frozenset(
        name for way in ways_of(kind, version) for name, (_, values) in way.attributes.items() if values.refers
    )
