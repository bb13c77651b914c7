"""Access control lists: what a user may read and write, and the document as that user sees it.

Permissions are attached to the elements that they select and hold for everything below, up to an
element to which another permission is attached. At one element deny goes before write, and write
before read; a write permission further up is not taken away by a mere read. What no permission
reaches is denied. Lists count only while the cluster option `enable-acl` is true; root, hacluster
and the cluster itself (no user) may do everything.
Source: Pacemaker Explained, "Access Control Lists (ACLs)".
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Iterator

from lxml import etree
from msgspec import Struct

from hashell.cib.diff import BOOKKEEPING
from hashell.cib.document import Cib
from hashell.cib.query import BadXpath, evaluate, is_element, path_to
from hashell.errors import Refused
from hashell.values.booleans import is_true

#: Users to whom no list applies.
PRIVILEGED = frozenset({"", "root", "hacluster"})
#: Paths in one refusal: the first tell what is wrong.
_NAMED_MAX = 5


class PermissionDenied(Refused):
    id = "permission-denied"


class Kind(enum.StrEnum):
    """What a permission grants; write includes read."""

    READ = "read"
    WRITE = "write"
    DENY = "deny"


class Permission(Struct, frozen=True):
    """One permission: for what an XPath selects, for all elements of a type, or for the element
    with an id.
    """

    kind: Kind
    xpath: str = ""
    object_type: str = ""
    attribute: str = ""
    reference: str = ""

    def selects(self, root: etree._Element) -> list[etree._Element]:
        """The elements to which it is attached. A denial whose XPath cannot be read denies
        everything.
        """
        if self.xpath:
            try:
                return _owners(evaluate(root, self.xpath))
            except BadXpath:
                return [root] if self.kind is Kind.DENY else []
        tag = self.object_type if self.object_type not in ("", "*") else None
        return [
            element for element in root.iter(tag)
            if is_element(element)
            and (not self.attribute or element.get(self.attribute) is not None)
            and (not self.reference or element.get("id") == self.reference)
        ]


class Permissions(Struct, frozen=True):
    """All that is granted to and kept from one user. `unrestricted`: the lists do not concern them.
    """

    user: str
    rules: tuple[Permission, ...] = ()
    unrestricted: bool = False


def permissions_of(cib: Cib, user: str, groups: Iterable[str] = ()) -> Permissions:
    """What the lists in a CIB say of a user who is in these groups of the system."""
    if user in PRIVILEGED or not acls_enabled(cib):
        return Permissions(user, unrestricted=True)
    acls = cib.section("acls")
    rules: list[Permission] = []
    if acls is not None:
        roles = {role.get("id", ""): role for role in acls.iterchildren("acl_role")}
        member = frozenset(groups)
        for holder in acls:
            if not is_element(holder):
                continue
            name = holder.get("name") or holder.get("id", "")
            if (holder.tag in ("acl_target", "acl_user") and name == user) or (
                holder.tag == "acl_group" and name in member
            ):
                for part in holder:
                    if part.tag in ("role", "role_ref") and part.get("id", "") in roles:
                        rules.extend(_rules(roles[part.get("id", "")]))
                rules.extend(_rules(holder))
    return Permissions(user, tuple(rules))


def acls_enabled(cib: Cib) -> bool:
    """Whether the cluster option `enable-acl` is true; it is off by default."""
    config = cib.section("crm_config")
    if config is None:
        return False
    sets = sorted(
        config.iterchildren("cluster_property_set"),
        key=lambda found: found.get("id") != "cib-bootstrap-options",
    )
    for found in sets:
        for nvpair in found.iterchildren("nvpair"):
            if nvpair.get("name") == "enable-acl":
                return is_true(nvpair.get("value"))
    return False


def readable_part(cib: Cib, permissions: Permissions) -> Cib | None:
    """The document as a user sees it; None when nothing of it is theirs to see.

    Of what may not be read, only the elements around something readable remain, with no attribute
    but the id.
    """
    if permissions.unrestricted:
        return cib
    attached = _Attached(cib.root, permissions)
    seen = _readable(cib.root, attached)
    return None if seen is None else Cib(seen)


def check_write(before: Cib, after: Cib, permissions: Permissions) -> None:
    """Raises PermissionDenied, naming what may not be changed. The lists of the old document
    decide.
    """
    denied = list(dict.fromkeys(denied_changes(before, after, permissions)))
    if denied:
        more = f" and {len(denied) - _NAMED_MAX} more" if len(denied) > _NAMED_MAX else ""
        raise PermissionDenied(
            f"{permissions.user} may not change {', '.join(denied[:_NAMED_MAX])}{more}",
            "ask for a role with write permission there",
        )


def denied_changes(before: Cib, after: Cib, permissions: Permissions) -> Iterator[str]:
    """The paths of all changes between two documents that a user may not make.

    To change or delete an element, it and all below it that is deleted must be writable; a changed
    one must be writable afterwards too. New elements that have no attribute but an id (scaffolding)
    are free, but not among the lists.
    """
    if permissions.unrestricted:
        return
    old, new = _Attached(before.root, permissions), _Attached(after.root, permissions)
    yield from _denied(before.root, after.root, old, new)


class _Attached:
    """Which permissions are attached to which elements of one tree."""

    def __init__(self, root: etree._Element, permissions: Permissions) -> None:
        self._kinds: dict[etree._Element, set[Kind]] = defaultdict(set)
        for rule in permissions.rules:
            for element in rule.selects(root):
                self._kinds[element].add(rule.kind)

    def readable(self, element: etree._Element) -> bool:
        return self._granted(element, frozenset({Kind.READ, Kind.WRITE}))

    def writable(self, element: etree._Element) -> bool:
        return self._granted(element, frozenset({Kind.WRITE}))

    def _granted(self, element: etree._Element, enough: frozenset[Kind]) -> bool:
        step: etree._Element | None = element
        while step is not None:
            kinds = self._kinds.get(step)
            if kinds:
                if Kind.DENY in kinds:
                    return False
                if kinds & enough:
                    return True
            step = step.getparent()
        return False


def _rules(holder: etree._Element) -> Iterator[Permission]:
    """Permissions inside a role, or inside a user of the syntax before 1.1.12."""
    for part in holder:
        if part.tag == "acl_permission" and part.get("kind") in list(Kind):
            if any(part.get(name) for name in ("xpath", "object-type", "reference")):
                yield Permission(
                    Kind(part.get("kind", "")), part.get("xpath", ""), part.get("object-type", ""),
                    part.get("attribute", ""), part.get("reference", ""),
                )
        elif part.tag in list(Kind) and any(part.get(name) for name in ("xpath", "tag", "ref")):
            yield Permission(
                Kind(str(part.tag)), part.get("xpath", ""), part.get("tag", ""),
                part.get("attribute", ""), part.get("ref", ""),
            )


def _owners(found: object) -> list[etree._Element]:
    """The elements that an XPath found, and those whose attributes or text it found."""
    owners: list[etree._Element] = []
    for item in found if isinstance(found, list) else ():
        owner = item if isinstance(item, etree._Element) else getattr(item, "getparent", bool)()
        if isinstance(owner, etree._Element) and is_element(owner):
            owners.append(owner)
    return owners


def _readable(element: etree._Element, attached: _Attached) -> etree._Element | None:
    whole = attached.readable(element)
    made = etree.Element(element.tag)
    for name, value in element.attrib.items():
        if whole or name == "id":
            made.set(name, value)
    for part in element:
        if is_element(part):
            seen = _readable(part, attached)
            if seen is not None:
                made.append(seen)
        elif whole:
            made.append(etree.Comment(part.text))
    return made if whole or len(made) else None


def _denied(
    old: etree._Element, new: etree._Element, before: _Attached, after: _Attached
) -> Iterator[str]:
    free = BOOKKEEPING if old.getparent() is None else frozenset[str]()
    if _attributes(old, free) != _attributes(new, free) and not (
        before.writable(old) and after.writable(new)
    ):
        yield path_to(old)
    pairs, gone, made = _pair(old, new)
    order = [list(old).index(one) for one, _ in pairs]
    comments = [c.text for c in old if not is_element(c)] != [c.text for c in new if not is_element(c)]
    if (order != sorted(order) or comments) and not before.writable(old):
        yield path_to(old)
    for one in gone:
        for inner in one.iter(etree.Element):
            if not before.writable(inner):
                yield path_to(inner)
    for one in made:
        yield from _denied_creation(one, after)
    for one, other in pairs:
        yield from _denied(one, other, before, after)


def _denied_creation(element: etree._Element, after: _Attached) -> Iterator[str]:
    path = path_to(element)
    scaffolding = all(name == "id" for name in element.attrib) and "/acls" not in path
    if not scaffolding and not after.writable(element):
        yield path
    for part in element.iterchildren(etree.Element):
        yield from _denied_creation(part, after)


def _attributes(element: etree._Element, free: frozenset[str]) -> dict[str, str]:
    return {str(k): str(v) for k, v in element.attrib.items() if k not in free}


def _pair(
    old: etree._Element, new: etree._Element
) -> tuple[
    list[tuple[etree._Element, etree._Element]], list[etree._Element], list[etree._Element]
]:
    """Children that are the same ones, in the new order; those that are gone; those that are new.
    """
    waiting: dict[tuple[str, str | None], list[etree._Element]] = defaultdict(list)
    for child in old.iterchildren(etree.Element):
        waiting[str(child.tag), child.get("id")].append(child)
    pairs, made = [], []
    for child in new.iterchildren(etree.Element):
        same = waiting[str(child.tag), child.get("id")]
        if same:
            pairs.append((same.pop(0), child))
        else:
            made.append(child)
    return pairs, [child for left in waiting.values() for child in left], made
