"""Upgrade: constructs that schemas before 4.0 allow and Pacemaker 3 no longer reads, put into words that it does.

    master                     clone with promotable=true
    node type="ping"           a member from which all resources are banned
    lifetime in a location     a rule of the constraint; in a colocation or order it is dropped
    nagios, upstart, rkt       dropped, with the groups and clones that hold nothing else
    restart-type, can_fail, role_after_failure    dropped

Other old spellings (names of options and roles, `masters` of bundles) are read where they stand.

Source: xml/upgrade-3.10-*.xsl of Pacemaker 3.0.2.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

from lxml import etree

_PREFIX = "pcmk__3_10_upgrade-"
_DROPPED_CLASSES = frozenset({"nagios", "upstart"})
_DROPPED_META = frozenset({"restart-type", "can_fail", "role_after_failure"})


def upgraded(root: etree._Element) -> etree._Element:
    """The document itself where there is nothing to do, else a copy in which all that is done."""
    configuration = root.find("configuration")
    if configuration is None or not any(True for _ in _old(configuration)):
        return root
    found = copy.deepcopy(root)
    configuration = found.find("configuration")
    assert configuration is not None
    for element in list(_old(configuration)):
        _CHANGES[_kind(element)](element, configuration)
    return found


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
    if parent.tag in ("group", "clone", "master", "bundle") and not any(
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
    """Each rule of the constraint then holds only while one of the lifetime's rules does."""
    constraint = element.getparent()
    if constraint is None:
        return
    constraint.remove(element)
    limits = list(element.iterchildren("rule"))
    if constraint.tag != "rsc_location" or not limits:
        return
    ident = constraint.get("id", "")
    rules = list(constraint.iterchildren("rule"))
    if not rules:
        rule = etree.SubElement(constraint, "rule")
        rule.set("id", f"{_PREFIX}{ident}-lifetime-node-rule")
        rule.set("score", constraint.attrib.pop("score", "0"))
        expression = etree.SubElement(rule, "expression")
        expression.set("id", f"{_PREFIX}{ident}-lifetime-node-expr")
        expression.set("attribute", "#uname")
        expression.set("operation", "eq")
        expression.set("value", constraint.attrib.pop("node", ""))
        rules = [rule]
    for number, rule in enumerate(rules):
        both = etree.Element("rule")
        both.set("id", f"{_PREFIX}{ident}-lifetime-and-rule-{number}")
        both.set("boolean-op", "and")
        for name in ("score", "score-attribute", "role"):
            if (value := rule.get(name)) is not None:
                both.set(name, value)
        constraint.replace(rule, both)
        either = etree.Element("rule")
        either.set("id", f"{_PREFIX}{ident}-lifetime-or-rule-{number}")
        either.set("boolean-op", "or")
        either.extend(copy.deepcopy(limit) for limit in limits)
        both.extend((rule, either))


_CHANGES: dict[str, Callable[[etree._Element, etree._Element], None]] = {
    "master": _upgrade_master,
    "ping": _upgrade_ping,
    "lifetime": _upgrade_lifetime,
    "class": _drop,
    "rkt": _drop,
    "meta": _drop,
}
