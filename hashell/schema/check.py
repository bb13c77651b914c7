"""Check: what is wrong with a CIB, or with one element of it, in words.

An element is right when it is right in one of its ways (patterns.py). Where it is in none, the nearest one is taken and
what separates the element from it is said; what another version of the schemas would allow is said to be of that one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

from lxml import etree

from hashell.cib.document import Cib
from hashell.cib.query import is_element
from hashell.schema.findings import Finding, Severity, finding, name_of, nearest
from hashell.schema.patterns import TEXT, Values, Way
from hashell.schema.references import double_ids, unknown_references
from hashell.schema.table import KINDS, NEWEST, OPAQUE, VERSIONS

__all__ = ["Finding", "Severity", "errors", "is_valid", "schema_of", "validate"]

#: Findings in one document: after so many nobody reads on.
FINDINGS_MAX = 200
_VERSION = re.compile(r"pacemaker-(\d+\.\d+)")
#: Schemas from before 1.0, and the one for what is not decided yet.
_OTHERS = ("none", "pacemaker-next", "pacemaker-0.6", "pacemaker-0.7", "pacemaker-1.1", "transitional-0.6")


def validate(cib: Cib) -> tuple[Finding, ...]:
    """Everything that is wrong, errors first; empty for a CIB without fault.

    `validate-with="none"` switches the schema off, as in Pacemaker; ids and references are looked at all the same.
    """
    found: list[Finding] = []
    version = schema_of(cib.root)
    if version:
        for one in _tree(cib.root, "cib", version):
            found.append(one)
            if len(found) == FINDINGS_MAX:
                break
    found += double_ids(cib.root)
    found += unknown_references(cib.root, version)
    return (*errors(found), *(one for one in found if one.severity is not Severity.ERROR))


def errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings for which a CIB is refused."""
    return tuple(one for one in findings if one.severity is Severity.ERROR)


def is_valid(cib: Cib) -> bool:
    """Whether a CIB is acceptable; quicker than finding out why not."""
    version = schema_of(cib.root)
    if version and next(_tree(cib.root, "cib", version), None) is not None:
        return False
    if next(double_ids(cib.root), None) is not None:
        return False
    return not any(one.severity is Severity.ERROR for one in unknown_references(cib.root, version))


def schema_of(root: etree._Element) -> int:
    """The version of the schemas that a <cib> is to follow; 0 for one that follows none."""
    text = root.get("validate-with")
    if text == "none":
        return 0
    match = _VERSION.fullmatch(text or "")
    return VERSIONS.get(match[1], NEWEST) if match else NEWEST


def elements(element: etree._Element, kind: str, version: int) -> Iterator[Finding]:
    """What is wrong with an element and all below it, as a `kind` of element."""
    return _tree(element, kind, version)


def alone(element: etree._Element, kind: str, version: int) -> Iterator[Finding]:
    """What is wrong with an element itself; of its children, only which there are."""
    if kind in OPAQUE or _right(element, ways_of(kind, version)) is not None:
        return iter(())
    return _complaints(element, kind, version)


def kind_below(kind: str, tag: str, version: int) -> str:
    """What kind of element a child of a `kind` is; empty when there can be none."""
    for way in ways_of(kind, version):
        part = way.parts.get(tag)
        if part is not None:
            return part.kind
    return ""


@cache
def ways_of(kind: str, version: int) -> tuple[Way, ...]:
    """The ways in which an element can be right."""
    return tuple(way.sealed() for way in KINDS[kind].ways(version))


def _tree(element: etree._Element, kind: str, version: int) -> Iterator[Finding]:
    if kind in OPAQUE:
        return
    ways = ways_of(kind, version)
    way = _right(element, ways)
    if kind == "cib":
        yield from _version_findings(element)
    if way is None:
        yield from _complaints(element, kind, version)
        way = _nearest(element, ways)
    for child in element:
        tag = child.tag
        if isinstance(tag, str):
            part = way.parts.get(tag)
            below = part.kind if part is not None else kind_below(kind, tag, version)
            if below:
                yield from _tree(child, below, version)


def _version_findings(root: etree._Element) -> Iterator[Finding]:
    text = root.get("validate-with")
    if text is None or text in _OTHERS:
        return
    match = _VERSION.fullmatch(text)
    if match is None or match[1] not in VERSIONS:
        yield finding(
            root, "validate-with", f"cib has validate-with={text!r}, and no schema is called that",
            f"use pacemaker-{max(VERSIONS, key=VERSIONS.__getitem__)}",
        )


# --- is it right? ---------------------------------------------------------------------------------------


def _right(element: etree._Element, ways: tuple[Way, ...]) -> Way | None:
    """The first way in which an element is right."""
    given = {str(name): str(value) for name, value in element.items()}
    tags = [child.tag for child in element if isinstance(child.tag, str)]
    if _has_text(element):
        return None
    for way in ways:
        allowed = way.attributes
        if not (way.required <= given.keys()):
            continue
        for name, value in given.items():
            known = allowed.get(name)
            if known is None or (known[1] is not TEXT and not known[1].allow(value)):
                break
        else:
            if _children_right(tags, way):
                return way
    return None


def _children_right(tags: list[str], way: Way) -> bool:
    parts = way.parts
    if not tags:
        return not way.some and all(part.least == 0 for part in parts.values())
    rank = 0
    for tag in tags:
        part = parts.get(tag)
        if part is None:
            return False
        if way.ordered:
            if part.rank < rank:
                return False
            rank = part.rank
    if way.some and not all(any(tag in wanted for tag in tags) for wanted in way.some):
        return False
    for tag, part in parts.items():
        if (part.least or part.most == 1) and not part.least <= tags.count(tag) <= part.most:
            return False
    return True


def _has_text(element: etree._Element) -> bool:
    text = element.text
    if text and not text.isspace() and text.strip():
        return True
    for child in element:
        tail = child.tail
        if tail and tail.strip():
            return True
    return False


# --- what is wrong? -------------------------------------------------------------------------------------


def _nearest(element: etree._Element, ways: tuple[Way, ...]) -> Way:
    return min(ways, key=lambda way: _distance(element, way))


def _distance(element: etree._Element, way: Way) -> int:
    """How much would have to change for an element to be right in this way."""
    distance = 0
    for name, value in element.attrib.items():
        known = way.attributes.get(str(name))
        if known is None:
            distance += 3
        elif not known[1].allow(str(value)):
            distance += 4
    distance += sum(3 for name in way.required if element.get(name) is None)
    counts = Counter(str(child.tag) for child in element if is_element(child))
    distance += sum(3 for tag in counts if tag not in way.parts)
    for tag, part in way.parts.items():
        distance += 2 * (counts[tag] < part.least) + 2 * (counts[tag] > part.most)
    return distance + sum(2 for tags in way.some if not any(counts[tag] for tag in tags))


def _complaints(element: etree._Element, kind: str, version: int) -> Iterator[Finding]:
    ways = ways_of(kind, version)
    best = _nearest(element, ways)
    found = [*_attributes(element, best, ways, kind, version), *_children(element, best, ways, kind, version)]
    if _has_text(element):
        found.append(finding(element, "", f"{name_of(element)} holds text", "remove it"))
    if not found:
        found.append(finding(
            element, "", f"the children of {name_of(element)} are in the wrong order",
            "the right order: " + ", ".join(f"<{tag}>" for tag, _ in sorted(
                best.parts.items(), key=lambda part: part[1].rank
            )),
        ))
    yield from found


def _attributes(
    element: etree._Element, best: Way, ways: tuple[Way, ...], kind: str, version: int
) -> Iterator[Finding]:
    called = name_of(element)
    names = {name for way in ways for name in way.attributes}
    for key, text in element.attrib.items():
        name, value = str(key), str(text)
        if name not in names:
            hint = _other_version(kind, version, name, None) or nearest(name, names - set(map(str, element.attrib)))
            yield finding(element, name, f"{called} cannot have an attribute {name!r}", hint)
        elif name not in best.attributes:
            rival = _rival(element, name, ways)
            message = f"{called} has {name!r} beside {rival}: they do not go together"
            if not rival:
                message = f"{called} has {name!r}, which does not go with the rest of it"
            yield finding(element, name, message, f"remove {name!r}")
        elif not best.attributes[name][1].allow(value):
            allowed = _united(way.attributes[name][1] for way in ways if name in way.attributes)
            near = nearest(value, allowed.words) if allowed.words else ""
            hint = _other_version(kind, version, name, value) or near
            what = f"which is not {allowed}" if not allowed.but else "which cannot stand here any more"
            yield finding(element, name, f"{called} has {name}={value!r}, {what}", hint)
    for name, (required, values) in best.attributes.items():
        if required and element.get(name) is None:
            hint = f"add it: {values}" if values != Values() and not values.but else "add it"
            yield finding(element, name, f"{called} has no attribute {name!r}", hint)


def _other_version(kind: str, version: int, name: str, value: str | None) -> str:
    """Says so when another version of the schemas allows an attribute, or this value of it."""
    def known(number: int) -> bool:
        return any(
            name in way.attributes and (value is None or way.attributes[name][1].allow(value))
            for way in ways_of(kind, number)
        )

    return _in_versions(version, known)


def _other_version_child(kind: str, version: int, tag: str) -> str:
    return _in_versions(version, lambda number: bool(kind_below(kind, tag, number)))


def _in_versions(version: int, known: object) -> str:
    assert callable(known)
    texts = [text for text, number in VERSIONS.items() if known(number)]
    if not texts:
        return ""
    if VERSIONS[texts[0]] > version:
        return f"it is known from the schema pacemaker-{texts[0]} on: raise validate-with, or leave it out"
    return f"it is not known any more after the schema pacemaker-{texts[-1]}"


def _children(
    element: etree._Element, best: Way, ways: tuple[Way, ...], kind: str, version: int
) -> Iterator[Finding]:
    called = name_of(element)
    counts = Counter(str(child.tag) for child in element if is_element(child))
    names = {tag for way in ways for tag in way.parts}
    seen: Counter[str] = Counter()
    for child in element:
        if not is_element(child):
            continue
        tag = str(child.tag)
        seen[tag] += 1
        if tag not in names:
            near = nearest(tag, names)
            homes = _homes(version).get(tag, ())
            hint = _other_version_child(kind, version, tag) or (
                near if near.startswith("did") or not homes else "it belongs in " + ", ".join(homes)
            )
            yield finding(child, "", f"{called} cannot hold a <{tag}>", hint)
        elif tag not in best.parts:
            yield finding(
                child, "", f"{called} cannot hold a <{tag}> beside what else it has",
                f"remove it, or the rest that does not go with a <{tag}>",
            )
        elif seen[tag] == best.parts[tag].most + 1:
            yield finding(
                child, "", f"{called} has {counts[tag]} <{tag}>, at most {best.parts[tag].most} can be there",
                "remove one",
            )
    for tag, part in best.parts.items():
        if counts[tag] < part.least:
            yield finding(element, "", f"{called} has no <{tag}>", "add one")
    for tags in best.some:
        if not any(counts[tag] for tag in tags):
            one_of = " or ".join(f"<{tag}>" for tag in sorted(tags))
            yield finding(element, "", f"{called} has no {one_of}", "add one")


@lru_cache(maxsize=4)
def _homes(version: int) -> dict[str, tuple[str, ...]]:
    """Where children of each name can stand."""
    found: dict[str, set[str]] = {}
    for kind in KINDS:
        for way in ways_of(kind, version):
            for tag in way.parts:
                found.setdefault(tag, set()).add(kind.partition("/")[0])
    return {tag: tuple(sorted(homes)) for tag, homes in found.items()}


def _united(several: Iterable[Values]) -> Values:
    """All that an attribute may be in any of its ways."""
    all_ = list(several)
    return Values(
        tuple(dict.fromkeys(word for one in all_ for word in one.words)),
        tuple(dict.fromkeys(name for one in all_ for name in one.types)),
        next((one.pattern for one in all_ if one.pattern), ""),
        next((one.but for one in all_ if one.but), frozenset()),
    )


def _rival(element: etree._Element, name: str, ways: tuple[Way, ...]) -> str:
    """An attribute of the element that never stands beside this one."""
    for other in map(str, element.attrib):
        if other != name and not any(name in way.attributes and other in way.attributes for way in ways):
            return repr(other)
    return ""
