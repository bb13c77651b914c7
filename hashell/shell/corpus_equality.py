"""When two configurations, or two printed texts, say the same.

Of a configuration the meaning counts: not the order where Pacemaker ignores it, not defaults that are spelt out, not
holders of nothing, and not how an id was made that nobody typed. References to such ids have to lead to the same place.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from difflib import unified_diff

from lxml import etree

from hashell.cib.document import parse_fragment
from hashell.commands.binding import attributes, is_comment

Element = etree._Element

#: Their ids are names that people use.
_NAMED = frozenset(
    {
        "primitive", "group", "clone", "master", "bundle", "template", "node", "tag", "acl_role", "acl_target",
        "acl_group", "acl_user",
    }
)
#: Elements whose `id` is somebody else's; with the attributes beside it that refer too.
_REFERRING = frozenset({"resource_ref", "obj_ref", "role"})
_REFERENCES = ("id-ref", "reference")
#: Empty, these say nothing.
_SETS = frozenset({"instance_attributes", "meta_attributes", "utilization", "cluster_property_set"})
_HOLDERS = frozenset(
    {
        "crm_config", "nodes", "resources", "constraints", "fencing-topology", "op_defaults", "rsc_defaults", "acls",
        "tags", "alerts", "operations",
    }
)
#: Members of a parent whose order means something.
_ORDERED = frozenset(
    {
        ("group", "primitive"), ("resource_set", "resource_ref"), ("tag", "obj_ref"), ("acl_role", "acl_permission"),
        ("acl_target", "role"), ("acl_group", "role"), ("alert", "recipient"),
    }
)
#: Element, attribute, and the value that is the same as no attribute.
_DEFAULTS = (
    ("rule", "boolean-op", "and"), ("resource_set", "sequential", "true"), ("resource_set", "require-all", "true"),
    ("rsc_order", "kind", "Mandatory"),
)
#: What the tools print about the machine and the time, not about the configuration.
_LOCAL = re.compile(
    r"<last_update|^\s*(\* )?(Last updated|Last change|Current DC|Stack|Cluster name|Cluster Name)\b"
    r"|^\s*(WARNING|INFO|ERROR)\b|unpack_config|cluster_status|unpack_resources|crm_verify"
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
#: tag, attributes, text, children.
Shape = tuple[str, tuple[tuple[str, str], ...], str, tuple["Shape", ...]]


def configuration_of(text: str) -> Element:
    """The <configuration> of a CIB, or of one that stands alone. Raises BadXml."""
    root = parse_fragment(text, "a recorded configuration")
    found = root if root.tag == "configuration" else root.find("configuration")
    return found if found is not None else etree.Element("configuration")


def typed_names(texts: Iterable[str], before: str) -> frozenset[str]:
    """The words of what was typed, and the ids that were there before: ids among these count as they are."""
    names = {str(one.get("id")) for one in configuration_of(before).iter(etree.Element) if one.get("id")}
    for text in texts:
        names.update(re.split(r"[\s=\"',:(){}\[\]]+", text))
        for word in (quoted.strip("\"'") for quoted in text.split()):
            names.update((word, word.partition("=")[2].strip("\"'")))
    return frozenset(names)


def difference(wanted: Element, got: Element, names: frozenset[str]) -> list[str]:
    """The lines in which two configurations differ in meaning, - for what is missing, + for what is too much."""
    left, right = shape(wanted, names), shape(got, names)
    if left == right:
        return []
    lines = [*unified_diff(list(_lines(left)), list(_lines(right)), lineterm="", n=0)]
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))] or ["references lead elsewhere"]


def shape(configuration: Element, names: frozenset[str]) -> Shape:
    """A configuration as its meaning: sorted where order means nothing, made ids replaced by their places."""
    made = {
        element.get("id", "")
        for element in configuration.iter(etree.Element)
        if element.get("id") and element.tag not in _NAMED | _REFERRING and element.get("id") not in names
    }
    referred = {element.get(name) for element in configuration.iter(etree.Element) for name in _REFERENCES}
    referred |= {element.get("id") for element in configuration.iter(*_REFERRING)}
    masked = dict.fromkeys(made, "*")

    def children(element: Element) -> list[tuple[tuple[str, int, Shape], Element]]:
        found = []
        for place, child in enumerate(one for one in element if not is_comment(one)):
            if _says_nothing(child, referred):
                continue
            ordered = (element.tag, child.tag) in _ORDERED or child.tag in _SETS or child.tag == "resource_set"
            found.append(((str(child.tag), place if ordered else 0, build(child, masked)), child))
        return sorted(found, key=lambda one: one[0])

    def build(element: Element, ids: dict[str, str]) -> Shape:
        inner = tuple(build(child, ids) for _, child in children(element))
        return str(element.tag), _meaning(element, ids), (element.text or "").strip(), inner

    places: dict[str, str] = {}

    def walk(element: Element, path: str) -> None:
        counts: dict[str, int] = {}
        for _, child in children(element):
            identity = child.get("id", "")
            tag = str(child.tag)
            counts[tag] = counts.get(tag, 0) + 1
            here = f"{path}/{tag}{counts[tag]}" if not identity or identity in made else f"{path}/{identity}"
            if identity in made:
                places.setdefault(identity, f"*{here}")
            walk(child, here)

    walk(configuration, "")
    return build(configuration, places)


def _meaning(element: Element, ids: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Attributes without those that say what is so anyway."""
    found = attributes(element)
    for tag, name, value in _DEFAULTS:
        if element.tag == tag and found.get(name) == value:
            del found[name]
    if element.tag == "rsc_order":
        first = found.get("first-action", "start")
        if found.get("then-action") == first:
            del found["then-action"]
        if first == "start":
            found.pop("first-action", None)
    if found.get("score") == "+INFINITY":
        found["score"] = "INFINITY"
    for name in ("id", *_REFERENCES):
        if found.get(name) in ids:
            found[name] = ids[found[name]]
    return tuple(sorted(found.items()))


def _says_nothing(element: Element, referred: set[str | None]) -> bool:
    if len(element) or (element.text or "").strip() or element.get("id", "") in referred:
        return False
    extra = set(element.keys()) - {"id"}
    return (element.tag in _HOLDERS and not extra) or (element.tag in _SETS and not extra - {"score"})


def _lines(found: Shape, depth: int = 0) -> Iterable[str]:
    tag, pairs, text, inner = found
    yield "  " * depth + " ".join([tag, *(f"{name}={value}" for name, value in pairs), *([text] if text else [])])
    for child in inner:
        yield from _lines(child, depth + 1)


def crm_lines(text: str) -> list[str]:
    """Logical lines of what the crm language printed, words joined by one blank."""
    text = re.sub(r"\\\n\s*", " ", _COLOUR.sub("", text))
    lines = [line.strip() for line in text.splitlines()]
    if text.lstrip().startswith("<"):
        return [line for line in lines if line and not line.startswith(("<?xml", "<cib "))]
    found = []
    for line in lines:
        if not line or _LOCAL.search(line):
            continue
        try:
            words = [line] if line.startswith("#") else shlex.split(line)
        except ValueError:
            words = line.split()
        found.append(" ".join(words))
    return found


def pcs_lines(text: str) -> list[str]:
    """Lines of what pcs printed, without what it says about the host: everything from Quorum on, corosync's nodes."""
    found: list[str] = []
    skip = False
    for line in map(str.rstrip, text.splitlines()):
        if skip:
            skip = False
        elif line.startswith("Corosync Nodes:"):
            skip = True
        elif line.startswith("Quorum:"):
            break
        elif line and not _LOCAL.search(line):
            found.append(re.sub(r"\s+", " ", line) if line.lstrip().startswith("*") else line)
    return found
