"""Configure language → sketches of CIB elements.

A sketch is an element as a person typed it: ids may be missing, resources inside a container stand as `<member id=…/>`,
and an `id-ref` may name an object instead of one of its sets. `hashell.commands.binding` settles all three.
Source: the CRM shell's manual, "configure".
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lxml import etree

from hashell.commands.binding import MEMBER, attributes
from hashell.commands.facts import (
    ACL_SHORTCUTS,
)
from hashell.shell.crm.configure_constraints import (
    read_colocation,
    read_location,
    read_order,
    read_qualifier,
    read_ticket,
)
from hashell.shell.crm.configure_cursor import (
    HEAD_ID,
    ID_OR_REFERENCE,
    SET_ID,
    STOP_WORDS,
    Cursor,
    ParseContext,
    SyntaxProblem,
    read_body,
    read_operations,
    read_pairs,
    read_rules,
)
from hashell.shell.grammar.lexer import check_characters

Element = etree._Element


# --- resources -----------------------------------------------------------------------------------------

_RESOURCE_SETS = {"params": "instance_attributes", "meta": "meta_attributes"}


def _primitive(cursor: Cursor) -> Element:
    cursor.at_least(2)
    is_template = cursor.words[0] == "rsc_template"
    out = etree.Element("template" if is_template else "primitive", {"id": cursor.name()})
    agent = cursor.take("a resource type")
    if agent.startswith("@") and not is_template:
        out.set("template", agent[1:])
    else:
        if not re.fullmatch(r"[\w:./@-]+", agent):
            cursor.fail("unknown resource type", cursor.place - 1)
        for name, value in zip(("class", "provider", "type"), cursor.context.agent_of(agent), strict=True):
            if value:
                out.set(name, value)
    cursor.description(out)
    read_body(
        cursor,
        out,
        {**_RESOURCE_SETS, "utilization": "utilization"},
        "params",
        extra={"op": read_operations, "operations": read_operations},
    )
    return out


def _group(cursor: Cursor) -> Element:
    cursor.at_least(2)
    out = etree.Element("group", {"id": cursor.name()})
    members: list[str] = []
    while (word := cursor.peek()) and "=" not in word and word.lower() not in _RESOURCE_SETS:
        if word in members:
            cursor.fail(f"{word} is listed more than once in group {out.get('id')}")
        members.append(cursor.take("a resource"))
    cursor.description(out)
    read_body(cursor, out, _RESOURCE_SETS, "params")
    for member in members:
        etree.SubElement(out, MEMBER, {"id": member})
    return out


def _clone(cursor: Cursor) -> Element:
    cursor.at_least(2)
    out = etree.Element("clone" if cursor.words[0] == "clone" else "master", {"id": cursor.name()})
    member = etree.Element(MEMBER, {"id": cursor.resource()})
    cursor.description(out)
    read_body(cursor, out, _RESOURCE_SETS, "params")
    out.append(member)
    return out


_BUNDLE_STOP = frozenset({"network", "storage", "meta", "primitive", "docker", "podman", "rkt"})


def _bundle(cursor: Cursor) -> Element:
    cursor.at_least(2)
    word = cursor.take("an id")
    out = etree.Element("bundle", {"id": word.removeprefix("id=")})
    cursor.description(out)
    parts = dict.fromkeys(("docker", "podman", "rkt", "network", "storage", "primitive"), _bundle_part)
    read_body(cursor, out, {"meta": "meta_attributes"}, stop=_BUNDLE_STOP, extra=parts)
    return out


def _bundle_part(cursor: Cursor, out: Element) -> None:
    """A container, its network, its storage, or the primitive inside; mappings begin with a word of their own."""
    start = cursor.place
    part = cursor.take("a part").lower()
    pairs = read_pairs(cursor, _BUNDLE_STOP)
    if part == "primitive":
        if len(pairs) != 1 or pairs[0].get("value") or not pairs[0].get("name"):
            cursor.fail("expected a reference to one primitive", start + 1)
        etree.SubElement(out, MEMBER, {"id": pairs[0].get("name") or ""})
        return
    holder = out.find(part)
    if holder is None:
        holder = etree.SubElement(out, part)
    target = holder
    for pair in pairs:
        name, value = pair.get("name") or "", pair.get("value")
        if name in ("port-mapping", "storage-mapping"):
            target = etree.SubElement(holder, name)
        elif not re.fullmatch(r"[A-Za-z_][\w.-]*", name):
            cursor.fail(f"{name!r} cannot be the name of an option", start + 1)
        else:
            target.set(name, value or "")


# --- everything else -----------------------------------------------------------------------------------


def _node(cursor: Cursor) -> Element:
    cursor.at_least(1)
    out = etree.Element("node")
    if match := cursor.accept(SET_ID) or cursor.accept(HEAD_ID):
        out.set("id", match[1])
    match = cursor.expect(re.compile(r"([^:=]+)(?::(member|remote))?", re.IGNORECASE), "uname[:type]")
    out.set("uname", match[1])
    if match[2]:
        out.set("type", match[2].lower())
    cursor.description(out)
    read_body(cursor, out, {"attributes": "instance_attributes", "utilization": "utilization"}, "attributes")
    return out


def _options(cursor: Cursor) -> Element:
    """property, rsc_defaults, op_defaults: one set of options, with rules."""
    word = cursor.words[0]
    out = etree.Element("cluster_property_set" if word == "property" else word)
    holder = out if word == "property" else etree.SubElement(out, "meta_attributes")
    if match := cursor.accept(HEAD_ID):
        holder.set("id", match[1])
    elif match := cursor.accept(ID_OR_REFERENCE):
        holder.set(match[1].lower(), match[2])
    holder.extend(read_rules(cursor))
    typed = cursor.context.typed
    holder.extend(read_pairs(cursor, frozenset() if typed else STOP_WORDS, bare=not typed, empty=not typed))
    return out


def _topology(cursor: Cursor) -> Element:
    out = etree.Element("fencing-topology")
    target: dict[str, str] | None = None
    levels: list[tuple[dict[str, str] | None, str]] = []
    while cursor.peek() is not None:
        if match := cursor.accept(re.compile(r"attr:([\w-]+)=([\w.-]+)", re.IGNORECASE)):
            target = {"target-attribute": match[1], "target-value": match[2]}
        elif match := cursor.accept(re.compile(r"pattern:(.+)", re.IGNORECASE)):
            target = {"target-pattern": match[1]}
        elif match := cursor.accept(re.compile(r"([^:]+):")):
            target = {"target": match[1]}
        else:
            levels.append((target, cursor.take("devices")))
    if levels and levels[0][0] is None:
        devices = [name for _, name in levels]
        levels = [({"target": node}, name) for node in cursor.context.node_names for name in devices]
    counts: dict[tuple[str, ...], int] = {}
    for where, devices_text in levels:
        key = tuple((where or {}).values())
        counts[key] = counts.get(key, 0) + 1
        etree.SubElement(out, "fencing-level", {**(where or {}), "index": str(counts[key]), "devices": devices_text})
    return out


def _tag(cursor: Cursor) -> Element:
    cursor.at_least(2)
    out = etree.Element("tag", {"id": cursor.expect(re.compile(r"([A-Za-z_][^\s:]*):?"), "a tag's name")[1]})
    while cursor.peek() is not None:
        etree.SubElement(out, "obj_ref", {"id": cursor.resource()})
    if not len(out):
        cursor.fail("expected at least one resource")
    return out


_SPECIFIERS = {
    "xpath": "xpath",
    "ref": "reference",
    "reference": "reference",
    "tag": "object-type",
    "type": "object-type",
    "attr": "attribute",
    "attribute": "attribute",
}


def _role(cursor: Cursor) -> Element:
    cursor.at_least(2)
    out = etree.Element("acl_role", {"id": cursor.name()})
    cursor.description(out)
    while cursor.peek() is not None:
        _permission(cursor, out)
    return out


def _permission(cursor: Cursor, out: Element) -> None:
    """`RIGHT [$id=ID] [description=TEXT] SPEC…`; each of xpath, reference and object type makes a permission of its
    own.
    """
    right = cursor.accept_word("read", "write", "deny")
    if not right:
        cursor.fail("expected one of read, write, deny")
    common = etree.Element("acl_permission", {"kind": right})
    if match := cursor.accept(SET_ID) or cursor.accept(HEAD_ID):
        common.set("id", match[1])
    cursor.description(common)
    found: dict[str, str] = {}
    while (word := cursor.peek()) is not None:
        kind, _, value = word.partition(":")
        if kind in ACL_SHORTCUTS:
            found["xpath"] = _shortcut(cursor, kind, value)
        elif kind in _SPECIFIERS:
            if not value:
                cursor.fail("expected TYPE:SPEC")
            found[_SPECIFIERS[kind]] = value
        else:
            break
        cursor.place += 1
    if "attribute" in found and "object-type" not in found:
        cursor.fail("attribute: goes only with type:")
    for name in ("xpath", "reference", "object-type"):
        if name in found:
            element = etree.SubElement(out, "acl_permission", attributes(common))
            element.set(name, found[name])
            if name == "object-type" and "attribute" in found:
                element.set("attribute", found["attribute"])


def _shortcut(cursor: Cursor, kind: str, value: str) -> str:
    """The XPath that a short name stands for; its arguments fill the holes in their order."""
    parts = ACL_SHORTCUTS[kind]
    arguments = value.split(":") if value else []
    if not arguments:
        if "@@" in parts[0]:
            cursor.fail(f"{kind} needs an argument")
        return parts[0]
    path = ""
    for part in parts:
        if "@@" in part:
            if not arguments:
                break
            path += part.replace("@@", arguments.pop(0))
            continue
        path += part
    if arguments:
        cursor.fail(f"too many arguments for {kind}")
    return path


def _target(cursor: Cursor) -> Element:
    cursor.at_least(2)
    out = etree.Element(cursor.words[0], {"id": cursor.name()})
    while cursor.peek() is not None:
        etree.SubElement(out, "role", {"id": cursor.name("a role")})
    return out


def _user(cursor: Cursor) -> Element:
    """The form before Pacemaker 1.1.12; current schemas refuse it."""
    cursor.at_least(2)
    out = etree.Element("acl_user", {"id": cursor.name()})
    while cursor.peek() is not None:
        if match := cursor.accept(re.compile(r"role:(.+)", re.IGNORECASE)):
            etree.SubElement(out, "role_ref", {"id": match[1]})
            continue
        right = cursor.accept_word("read", "write", "deny")
        if not right:
            cursor.fail("expected one of role:ID, read, write, deny")
        rule = etree.SubElement(out, right)
        while (word := cursor.peek()) is not None:
            kind, _, value = word.partition(":")
            if kind in ACL_SHORTCUTS:
                rule.set("xpath", _shortcut(cursor, kind, value))
            elif kind in ("xpath", "ref", "tag", "attribute") and value:
                rule.set(kind, value)
            else:
                break
            cursor.place += 1
    return out


_ALERT_SETS = {"attributes": "instance_attributes", "meta": "meta_attributes"}


def _alert(cursor: Cursor) -> Element:
    cursor.at_least(2)
    name = cursor.name()
    out = etree.Element("alert", {"id": name, "path": cursor.take("a path")})
    cursor.description(out)
    stop = frozenset({"attributes", "meta", "to", "select"})
    count = 0
    while cursor.peek() is not None:
        if cursor.peek() in _ALERT_SETS:
            read_body(cursor, out, _ALERT_SETS, stop=stop)
        elif cursor.accept_word("select"):
            _select(cursor, out)
        elif cursor.accept_word("to"):
            count += 1
            braced = bool(cursor.accept_word("{"))
            recipient = etree.SubElement(
                out, "recipient", {"id": f"{name}-recipient-{count}", "value": cursor.take("a recipient")}
            )
            cursor.description(recipient)
            read_body(cursor, recipient, _ALERT_SETS, stop=stop | ({"}"} if braced else frozenset()))
            if braced and not cursor.accept_word("}"):
                cursor.fail("expected }")
        else:
            cursor.fail("expected one of attributes, meta, select, to")
    return out


def _select(cursor: Cursor, out: Element) -> None:
    """What an alert is about; `attributes { A… }` narrows it, `attributes` without braces begins a set."""
    holder = etree.SubElement(out, "select")
    while kind := cursor.accept_word("nodes", "fencing", "resources", "attributes"):
        if kind == "attributes" and not cursor.accept_word("{"):
            cursor.place -= 1
            return
        element = etree.SubElement(holder, f"select_{kind}")
        while kind == "attributes" and not cursor.accept_word("}"):
            etree.SubElement(element, "attribute", {"name": cursor.name("an attribute")})


def _monitor(cursor: Cursor) -> Element:
    """`monitor RSC[:ROLE] INTERVAL[:TIMEOUT]`: an operation with the resource's id in `rsc`."""
    cursor.at_least(2)
    out = etree.Element("op", {"name": "monitor"})
    resource, _, role = cursor.take("a resource").partition(":")
    if role:
        out.set("role", read_qualifier(cursor, "role", role, cursor.place - 1))
    out.set("rsc", resource)
    interval, _, timeout = cursor.take("an interval").partition(":")
    out.set("interval", interval)
    if timeout:
        out.set("timeout", timeout)
    return out


def _xml(cursor: Cursor) -> Element:
    from hashell.cib.document import parse_xml

    cursor.at_least(1)
    text = " ".join(cursor.words[1:])
    cursor.place = len(cursor.words)
    element = parse_xml(text, "xml: the element")
    if element.tag not in PARENTS:
        cursor.fail(f"<{element.tag}> is no element of the configuration", 1)
    return element


#: Where each kind of object lives in the configuration.
PARENTS = {
    "node": "nodes",
    "primitive": "resources",
    "group": "resources",
    "clone": "resources",
    "master": "resources",
    "template": "resources",
    "bundle": "resources",
    "rsc_location": "constraints",
    "rsc_colocation": "constraints",
    "rsc_order": "constraints",
    "rsc_ticket": "constraints",
    "cluster_property_set": "crm_config",
    "rsc_defaults": "rsc_defaults",
    "op_defaults": "op_defaults",
    "fencing-topology": "configuration",
    "acl_role": "acls",
    "acl_user": "acls",
    "acl_target": "acls",
    "acl_group": "acls",
    "tag": "tags",
    "alert": "alerts",
}

_READERS: dict[str, Callable[[Cursor], Element]] = {
    "node": _node,
    "primitive": _primitive,
    "rsc_template": _primitive,
    "group": _group,
    "clone": _clone,
    "ms": _clone,
    "master": _clone,
    "bundle": _bundle,
    "location": read_location,
    "colocation": read_colocation,
    "collocation": read_colocation,
    "order": read_order,
    "rsc_ticket": read_ticket,
    "property": _options,
    "rsc_defaults": _options,
    "op_defaults": _options,
    "fencing_topology": _topology,
    "fencing-topology": _topology,
    "tag": _tag,
    "role": _role,
    "acl_target": _target,
    "acl_group": _target,
    "user": _user,
    "alert": _alert,
    "monitor": _monitor,
    "xml": _xml,
}
KEYWORDS = frozenset(_READERS)


def parse_words(words: list[str], context: ParseContext | None = None) -> Element:
    """The sketch of one command's words, keyword first. Raises SyntaxProblem."""
    assert words
    check_characters(words)
    words = [words[0].lower(), *words[1:]]
    reader = _READERS.get(words[0])
    if reader is None:
        raise SyntaxProblem(f"no object is called {words[0]}", "help configure", 0)
    cursor = Cursor(words, context or ParseContext())
    element = reader(cursor)
    if cursor.peek() is not None:
        cursor.fail(f"unknown arguments: {' '.join(cursor.words[cursor.place :])}")
    return element
