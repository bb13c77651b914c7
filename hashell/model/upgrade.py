"""Upgrade: constructs that schemas before 4.0 allow and Pacemaker 3 no longer reads, put into words that it does.

    master                     clone with promotable=true
    node type="ping"           a member from which all resources are banned
    lifetime                   dropped, and the constraint with it if it is a location
    nagios, upstart, rkt       dropped, with the groups and clones that hold nothing else, and constraints on them
    restart-type, can_fail, role_after_failure    dropped

Other old spellings (names of options and roles, `masters` of bundles) are read where they stand.

What schemas before 3.0 allowed is put right by `upgrade_2` first.

Source: xml/upgrade-3.10-*.xsl of Pacemaker 3.0.2.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

from lxml import etree

from hashell.model import upgrade_2

_PREFIX = "pcmk__3_10_upgrade-"
_DROPPED_CLASSES = frozenset({"nagios", "upstart"})
_COLLECTIVES = ("group", "clone", "master", "bundle")
_DROPPED_META = frozenset({"restart-type", "can_fail", "role_after_failure"})


def upgraded(root: etree._Element) -> etree._Element:
    """The document itself where there is nothing to do, else a copy in which all that is done."""
    configuration = root.find("configuration")
    if configuration is None:
        return root
    older = upgrade_2.is_before_3(root)
    if not older and not any(True for _ in _old(configuration)):
        return root
    found = copy.deepcopy(root)
    configuration = found.find("configuration")
    assert configuration is not None
    if older:
        upgrade_2.upgrade(configuration)
    before = _resource_ids(configuration)
    for element in list(_old(configuration)):
        _CHANGES[_kind(element)](element, configuration)
    gone = before - _resource_ids(configuration)
    if gone:
        _forget(configuration, gone)
    return found


def _resource_ids(configuration: etree._Element) -> set[str]:
    return {
        element.get("id", "") for element in configuration.iterfind("resources//*")
        if element.tag in ("primitive", "template", *_COLLECTIVES)
    }


def _forget(configuration: etree._Element, gone: set[str]) -> None:
    """Drop what was made of templates that are gone, and all that constraints say about what is gone."""
    for primitive in list(configuration.iterfind("resources//primitive")):
        if primitive.get("template") in gone:
            before = _resource_ids(configuration)
            _drop(primitive, configuration)
            gone |= before - _resource_ids(configuration)
    for constraint in list(configuration.iterfind("constraints/*")):
        named = {constraint.get(name) for name in ("rsc", "with-rsc", "first", "then")}
        sets = list(constraint.iterchildren("resource_set"))
        for one in sets:
            for reference in list(one.iterchildren("resource_ref")):
                if reference.get("id") in gone:
                    one.remove(reference)
            if one.find("resource_ref") is None and one.get("id-ref") is None:
                constraint.remove(one)
        if named & gone or (sets and constraint.find("resource_set") is None):
            _drop(constraint, configuration)


def _old(configuration: etree._Element) -> Iterator[etree._Element]:
    """The elements that need a change, in the order of the document."""
    for section in configuration:
        if section.tag in ("nodes", "resources", "constraints", "rsc_defaults", "op_defaults"):
            for element in section.iter(etree.Element):
                if _kind(element):
                    yield element


def _kind(element: etree._Element) -> str:
    tag = element.tag
    if tag in ("master", "lifetime", "rkt"):
        return str(tag)
    if tag == "node":
        return "ping" if element.get("type") == "ping" else ""
    if tag in ("primitive", "template"):
        return "class" if element.get("class", "").lower() in _DROPPED_CLASSES else ""
    if tag == "nvpair":
        return "meta" if element.get("name") in _DROPPED_META and _is_meta(element) else ""
    return ""


def _is_meta(pair: etree._Element) -> bool:
    parent = pair.getparent()
    return parent is not None and parent.tag == "meta_attributes"


def _drop(element: etree._Element, configuration: etree._Element) -> None:
    """Take an element away, and what is then a group or clone of nothing."""
    parent = element.getparent()
    if parent is None:
        return
    parent.remove(element)
    if parent.tag in _COLLECTIVES and not any(
        child.tag in ("primitive", "group", "docker", "podman") for child in parent
    ):
        _drop(parent, configuration)


def _upgrade_master(element: etree._Element, configuration: etree._Element) -> None:
    element.tag = "clone"
    block = etree.Element("meta_attributes")
    block.set("id", f"{_PREFIX}promotable-legacy-{element.get('id')}-meta_attributes")
    block.set("score", "INFINITY")
    pair = etree.SubElement(block, "nvpair")
    pair.set("id", f"{block.get('id')}-promotable")
    pair.set("name", "promotable")
    pair.set("value", "true")
    element.insert(0, block)


def _upgrade_ping(element: etree._Element, configuration: etree._Element) -> None:
    element.set("type", "member")
    constraints = configuration.find("constraints")
    if constraints is None:
        constraints = etree.SubElement(configuration, "constraints")
    ban = etree.SubElement(constraints, "rsc_location")
    name = element.get("uname", "")
    ban.set("id", f"{_PREFIX}ping-node-ban-{name}")
    ban.set("rsc-pattern", ".*")
    ban.set("node", name)
    ban.set("score", "-INFINITY")
    ban.set("resource-discovery", "never")


def _upgrade_lifetime(element: etree._Element, configuration: etree._Element) -> None:
    """Pacemaker joins the rules of a location and of its lifetime under a new rule without a score, and such a rule
    counts for nothing: so the whole constraint goes. In a colocation or order only the lifetime does.
    """
    constraint = element.getparent()
    if constraint is None:
        return
    if constraint.tag == "rsc_location":
        _drop(constraint, configuration)
    else:
        constraint.remove(element)


_CHANGES: dict[str, Callable[[etree._Element, etree._Element], None]] = {
    "master": _upgrade_master,
    "ping": _upgrade_ping,
    "lifetime": _upgrade_lifetime,
    "class": _drop,
    "rkt": _drop,
    "meta": _drop,
}
