"""Spoil: ways to damage a CIB: bytes, elements, ids, references, numbers, dates, circles, depth.

Each way is a function that changes a tree anywhere; what it changes is up to the chance that it is given, so the same
chance spoils alike.
"""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable

from lxml import etree

#: Values that have confused readers of CIBs before.
ODD_VALUES = (
    "", " ", "0", "-1", "1", "INFINITY", "-INFINITY", "99999999999999999999", "1e9", "0x10", "NaN", "true", "false",
    "Promoted", "Stopped", "never", "é", "a b", "#uname", "node1", "$", "2024-13-45", "P1Y", "10s", "-10s", "%1",
    "[", "*", "\u00a0", "a:0", "::", "/", "0:0;1:2:3:x", "start_0", "_start_", "1.2.3", "x" * 3000,
    "(a+)+$", "\u0661\u0662", "\U0001f600", "\u202egnp", "+INFINITY", "--5", "1000000", "4294967296",
    "-9223372036854775809", "inf", "1_000", "rsc1:99999", "$(reboot)", "'", '"', "<&>", "\\1", "\u00b2", "%d", "1-2-3",
)
_NUMBERS = (
    "0", "-0", "-1", "1", "2", "999999", "1000000", "-1000000", "1000001", "2147483648", "-2147483649",
    "18446744073709551616", "9" * 400, "NaN", "1.5", "0.0000001", "1e400", "٣", "0b1", "INFINITY", "-INFINITY",
    "+", "-", "", "10s", "1000000h", "-5min", "P9999999999Y", "PT0S", "P1W2D",
)
_DATES = (
    "0000-00-00", "0001-01-01", "9999-12-31T24:00:00", "99999-01-01", "2024-02-30", "2024-366", "2023-366",
    "2024-W53-7", "2024-W54-1", "1970-01-01T00:00:00+99:99", "20240101T000000Z", "2024-01-01T25:61:61", "-2024-01-01",
    "now", "1", "",
    "9" * 30, "2024-01-01 00:00:00 -12:00", "2038-01-19T03:14:08Z", "T12", "epoch", "P1Y/P2Y",
)
_NUMERIC = re.compile(r"[0-9]s?$|INFINITY$")
_ODD_BYTES = (b"\0", b"\xff\xfe", b"&#0;", b"&x;", b"<!DOCTYPE a>", b"<?x y?>", b"]]>", b"<!--", b"\xed\xa0\x80")
#: Elements that mean something nearly anywhere.
_TAGS = (
    "primitive", "group", "clone", "bundle", "rule", "nvpair", "op", "resource_set", "resource_ref", "rsc_location",
    "rsc_colocation", "rsc_order", "rsc_ticket", "lrm_rsc_op", "lrm_resource", "node_state", "node", "template", "tag",
    "meta_attributes", "instance_attributes", "utilization", "operations", "date_expression", "date_spec", "duration",
    "expression", "fencing-level", "ticket_state", "docker", "podman", "network", "storage", "obj_ref", "master",
    "acl_role", "alert", "attributes", "bogus",
)
#: Attributes that name something else.
_REFERENCES = (
    "id-ref", "rsc", "with-rsc", "first", "then", "template", "node", "uname", "ticket", "on_node", "migrate_source",
    "migrate_target", "remote-node", "target", "devices", "rsc-pattern", "container", "name", "node-attribute",
)
_DATED = ("start", "end", "expires", "last-rc-change", "last-granted", "execution-date", "hours", "weeks", "years",
          "monthdays", "weekdays", "weekyears", "moon", "months", "seconds")
#: Options and meta-attributes that decide much.
_NAMES = (
    "clone-max", "clone-node-max", "promoted-max", "promoted-node-max", "globally-unique", "notify", "interleave",
    "ordered", "promotable", "target-role", "is-managed", "maintenance", "resource-stickiness", "migration-threshold",
    "failure-timeout", "multiple-active", "requires", "priority", "critical", "allow-migrate", "remote-node",
    "remote-port", "remote-addr", "container-attribute-target", "resource-discovery", "allow-unhealthy-nodes",
    "stonith-enabled", "fencing-enabled", "stonith-timeout", "stonith-action", "have-watchdog", "no-quorum-policy",
    "batch-limit", "migration-limit", "placement-strategy", "node-health-strategy", "node-health-base", "#health-x",
    "symmetric-cluster", "maintenance-mode", "shutdown-lock", "shutdown-lock-limit", "priority-fencing-delay",
    "startup-fencing", "concurrent-fencing", "stop-all-resources", "stop-orphan-resources", "remove-after-stop",
    "start-failure-is-fatal", "cluster-recheck-interval", "enable-startup-probes", "node-pending-timeout",
    "standby", "terminate", "shutdown", "probe_complete", "#uname", "#site-name", "pcmk_host_map", "pcmk_host_list",
    "on-fail", "interval-origin", "start-delay", "timeout", "record-pending", "role", "OCF_CHECK_LEVEL", "cpu",
    "fail-count-rsc1#start_0", "last-failure-rsc1", "master-rsc1", "#node-unfenced", "#digests-all", "provides",
)


def spoil_bytes(data: bytes, rng: random.Random) -> bytes:
    """A file cut off, with some bytes changed, a piece of it twice, or in another encoding than it says."""
    place = rng.randrange(max(len(data), 1))
    match rng.randrange(5):
        case 0:
            return data[:place]
        case 1:
            return data[:place] + data[max(0, place - rng.randrange(1, 400)) :]
        case 2:
            encoding = rng.choice(["utf-16", "utf-8-sig", "utf-32", "utf-7"])
            return data.decode("utf-8", "replace").encode(encoding)
        case 3:
            many = bytearray(data)
            for _ in range(rng.randrange(1, 30)):
                many[rng.randrange(len(many))] = rng.randrange(256)
            return bytes(many)
        case _:
            odd = rng.choice(_ODD_BYTES)
            return data[:place] + odd + data[place + 1 :]


class _Tree:
    """A tree that is being spoilt."""

    def __init__(self, root: etree._Element, rng: random.Random) -> None:
        self.root, self.rng = root, rng
        self.refresh()

    def refresh(self) -> None:
        self.elements = [one for one in self.root.iter() if isinstance(one.tag, str)]
        self.ids = [ident for one in self.elements if (ident := one.get("id"))] or ["x"]

    def any(self) -> etree._Element:
        return self.rng.choice(self.elements)

    def some(self, *tags: str) -> etree._Element:
        """An element of one of these kinds, else any."""
        fitting = [one for one in self.elements if one.tag in tags]
        return self.rng.choice(fitting or self.elements)

    def section(self, name: str) -> etree._Element:
        found = self.root.find(f".//{name}")
        return self.root if found is None else found


def _drop(tree: _Tree) -> None:
    element = tree.any()
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _double(tree: _Tree) -> None:
    element = tree.any()
    parent = element.getparent()
    if parent is not None and len(element) < 100:
        for _ in range(tree.rng.choice([1, 1, 2, 20])):
            parent.insert(tree.rng.randint(0, len(parent)), copy.deepcopy(element))


def _move(tree: _Tree) -> None:
    element, target = tree.any(), tree.any()
    if element.getparent() is not None and target is not element and element not in target.iterancestors():
        target.append(element)


def _rename(tree: _Tree) -> None:
    element = tree.any()
    if element.getparent() is not None:
        element.tag = tree.rng.choice(_TAGS)


def _forget_attribute(tree: _Tree) -> None:
    element = tree.any()
    if element.attrib:
        del element.attrib[tree.rng.choice(list(element.attrib))]


def _borrow_attribute(tree: _Tree) -> None:
    element, other = tree.any(), tree.any()
    if element.attrib and other.attrib:
        element.set(tree.rng.choice(list(element.attrib)), other.get(tree.rng.choice(list(other.attrib)), ""))


def _odd_attribute(tree: _Tree) -> None:
    element = tree.any()
    names = list(element.attrib)
    name = tree.rng.choice(names) if names else tree.rng.choice(("id", "score", "value", "name", "rsc"))
    element.set(name, tree.rng.choice(ODD_VALUES))


def _text(tree: _Tree) -> None:
    element = tree.any()
    element.text = tree.rng.choice(ODD_VALUES)
    element.append(etree.Comment("spoilt"))


def _swap(tree: _Tree) -> None:
    """Two elements take one another's id."""
    first, second = tree.any(), tree.any()
    first_id, second_id = first.get("id"), second.get("id")
    if first_id is not None and second_id is not None:
        first.set("id", second_id)
        second.set("id", first_id)


def _same_id(tree: _Tree) -> None:
    tree.any().set("id", tree.rng.choice(tree.ids))


def _rewire(tree: _Tree) -> None:
    """A reference leads to something else, perhaps to itself."""
    element = tree.rng.choice([one for one in tree.elements if any(name in one.attrib for name in _REFERENCES)] or
                              tree.elements)
    names = [name for name in _REFERENCES if name in element.attrib] or list(_REFERENCES)
    target = element.get("id", "x") if tree.rng.random() < 0.2 else tree.rng.choice(tree.ids)
    element.set(tree.rng.choice(names), target)


def _number(tree: _Tree) -> None:
    """A number becomes an absurd one."""
    numeric = [
        (one, str(name)) for one in tree.elements for name, value in one.attrib.items()
        if _NUMERIC.search(str(value))
    ]
    if numeric:
        element, name = tree.rng.choice(numeric)
        element.set(name, tree.rng.choice(_NUMBERS))


def _date(tree: _Tree) -> None:
    element = tree.some("date_expression", "date_spec", "duration", "lrm_rsc_op", "ticket_state", "cib")
    element.set(tree.rng.choice(_DATED), tree.rng.choice(_DATES + _NUMBERS))


def _option(tree: _Tree) -> None:
    """A setting that decides much, with a value that nobody would give it."""
    rng = tree.rng
    holder = tree.some(
        "meta_attributes", "cluster_property_set", "instance_attributes", "utilization", "primitive", "clone", "group",
        "node_state",
    )
    if holder.tag in ("primitive", "clone", "group"):
        holder = etree.SubElement(holder, "meta_attributes", id=f"spoilt-{rng.randrange(1000)}")
    elif holder.tag == "node_state":
        holder = etree.SubElement(
            etree.SubElement(holder, "transient_attributes"), "instance_attributes", id=f"spoilt-{rng.randrange(1000)}"
        )
    value = rng.choice(rng.choice((ODD_VALUES, _NUMBERS, tuple(tree.ids))))
    etree.SubElement(holder, "nvpair", id=f"spoilt-{rng.randrange(1000)}", name=rng.choice(_NAMES), value=value)


def _circle(tree: _Tree) -> None:
    """Constraints that lead round, of two to four or of one."""
    rng = tree.rng
    resources = [one.get("id", "") for one in tree.elements if one.tag in ("primitive", "group", "clone", "bundle")]
    names = [rng.choice(resources or ["x"]) for _ in range(rng.randrange(1, 5))]
    holder = tree.section("constraints")
    for number, (name, following) in enumerate(zip(names, [*names[1:], names[0]], strict=True)):
        ident = f"circle-{rng.randrange(10_000)}-{number}"
        if rng.random() < 0.5:
            made = etree.SubElement(holder, "rsc_order", {"id": ident, "first": name, "then": following})
            made.set("kind", rng.choice(["Mandatory", "Optional", "Serialize"]))
            if rng.random() < 0.5:
                made.set("first-action", rng.choice(["start", "stop", "promote", "demote", "monitor", "bogus"]))
        else:
            made = etree.SubElement(holder, "rsc_colocation", {"id": ident, "rsc": name, "with-rsc": following})
            made.set("score", rng.choice(["INFINITY", "-INFINITY", "5", "-5"]))


def _self_reference(tree: _Tree) -> None:
    """Templates, tags, sets and rules that mean themselves or one another."""
    rng = tree.rng
    match rng.randrange(5):
        case 0:
            element = tree.some("primitive", "template")
            element.set("template", element.get("id", "x"))
        case 1:
            holder = tree.section("configuration")
            tag = etree.SubElement(etree.SubElement(holder, "tags"), "tag", id="spoilt-tag")
            for name in ("spoilt-tag", rng.choice(tree.ids)):
                etree.SubElement(tag, "obj_ref", id=name)
            etree.SubElement(
                tree.section("constraints"), "rsc_location", id="spoilt-l", rsc="spoilt-tag", node="node1", score="5"
            )
        case 2:
            element = tree.some("meta_attributes", "instance_attributes", "operations", "rule", "nvpair")
            element.set("id-ref", element.get("id", "x"))
        case 3:
            first, second = tree.some("template", "primitive"), tree.some("template", "primitive")
            first.set("template", second.get("id", ""))
            second.set("template", first.get("id", ""))
            first.tag = "template"
        case _:
            chosen = tree.some("resource_set")
            etree.SubElement(chosen, "resource_ref", id=chosen.get("id", "x"))


def _nest(tree: _Tree) -> None:
    """Kinds of resources in one another where none belong, or something far too deep."""
    rng = tree.rng
    element = tree.some("primitive", "group", "clone", "bundle", "rule", "resource_set", "nvpair")
    parent = element.getparent()
    if parent is None:
        return
    kinds = ("group", "clone", "bundle", "master", "rule", "resource_set")
    same = rng.choice(kinds)
    for _ in range(rng.choice([1, 2, 3, 10, 30, 70])):
        wrapper = etree.Element(same if rng.random() < 0.8 else rng.choice(kinds), id=f"wrap-{rng.randrange(10_000)}")
        place = parent.index(element)
        parent.insert(place, wrapper)
        wrapper.append(element)
        element = wrapper


def _history(tree: _Tree) -> None:
    """A recorded operation that says what can't be."""
    rng = tree.rng
    element = tree.some("lrm_rsc_op")
    name = rng.choice((
        "operation", "operation_key", "id", "call-id", "rc-code", "op-status", "interval", "transition-key",
        "transition-magic", "last-rc-change", "op-digest", "op-restart-digest", "op-force-restart", "migrate_source",
        "migrate_target", "on_node", "crm_feature_set", "exit-reason",
    ))
    if element.tag == "lrm_rsc_op":
        element.set(name, rng.choice(rng.choice((
            ODD_VALUES, _NUMBERS, tuple(tree.ids),
            ("start", "stop", "monitor", "promote", "demote", "migrate_to", "migrate_from", "notify", "asyncmon"),
        ))))


def _node(tree: _Tree) -> None:
    """A node's state that nobody could be in."""
    element = tree.some("node_state", "node")
    name = tree.rng.choice(("in_ccm", "crmd", "join", "expected", "uname", "id", "remote_node", "node_fenced", "type"))
    element.set(name, tree.rng.choice((*ODD_VALUES, "true", "false", "online", "member", "down", "1700000000", "remote",
                                       "ping", "banned", *tree.ids)))


def _shuffle(tree: _Tree) -> None:
    element = tree.rng.choice([one for one in tree.elements if len(one) > 1] or tree.elements)
    children = list(element)
    tree.rng.shuffle(children)
    for child in children:
        element.append(child)


WAYS: tuple[Callable[[_Tree], None], ...] = (
    _drop, _double, _move, _rename, _forget_attribute, _borrow_attribute, _odd_attribute, _odd_attribute, _text, _swap,
    _same_id, _rewire, _rewire, _number, _number, _date, _option, _option, _circle, _self_reference, _nest, _history,
    _node, _shuffle,
)


def spoil_tree(data: bytes, rng: random.Random) -> bytes:
    """A document with one to eleven things wrong in it."""
    tree = _Tree(etree.fromstring(data), rng)
    for _ in range(rng.randrange(1, 12)):
        rng.choice(WAYS)(tree)
        tree.refresh()
    return etree.tostring(tree.root)
