"""Resources as pcs prints their configuration: text, commands that would make them, JSON; and the text of 0.9."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from hashell.commands.binding import RESOURCES, Element, attributes, find_resource, owner
from hashell.commands.env import Env
from hashell.errors import NotFound

_SETS = (("instance_attributes", "Attributes"), ("meta_attributes", "Meta Attributes"), ("utilization", "Utilization"))
CONTAINERS = ("docker", "podman", "rkt")
#: Attributes of a bundle's parts, in pcs's order.
CONTAINER = ("image", "replicas", "replicas-per-host", "promoted-max", "run-command", "network", "options")
NETWORK = ("ip-range-start", "control-port", "host-interface", "host-netmask", "add-host")
PORT = ("port", "internal-port", "range")
STORAGE = ("source-dir", "source-dir-root", "target-dir", "options")
_NUMBERS = frozenset({"replicas", "replicas-per-host", "promoted-max", "control-port", "host-netmask", "port",
                      "internal-port"})
#: What is shown, in the order of its kinds.
_SHOWN = ("primitive", "group", "clone", "bundle", "master")


def choose(env: Env, names: list[str], *, stonith: bool) -> list[Element]:
    """The resources that were named, else all at the top: fence devices or all others.

    A name that is none of the kind is told. Raises NotFound when none is.
    """
    if not names:
        section = env.root.find("configuration/resources")
        tops = [one for one in (section if section is not None else ()) if one.tag in _SHOWN]
        return [one for one in tops if (one.get("class") == "stonith") == stonith]
    what = "stonith device" if stonith else "resource"
    found = []
    for name in sorted(set(names)):
        one = find_resource(env.root, name)
        if one is None or one.tag not in _SHOWN or not _is_of(one, stonith=stonith):
            env.warn(f"Unable to find {what} '{name}'")
        else:
            found.append(one)
    if not found:
        raise NotFound(f"No {what} found", f"see {'stonith' if stonith else 'resource'} status")
    return sorted(found, key=_rank)


def _rank(one: Element) -> int:
    """Primitives come first."""
    return _SHOWN.index(str(one.tag).replace("master", "clone"))


def _is_of(one: Element, *, stonith: bool) -> bool:
    """A fence device inside a group or clone, which the cluster does not support, is found as either."""
    fencing = one.get("class") == "stonith"
    return fencing == stonith or (fencing and owner(one).tag != "resources")


def _quoted(text: str) -> str:
    return f'"{text}"' if " " in text or not text else text


def pairs_of(holder: Element) -> Iterator[tuple[str, str]]:
    for pair in sorted(holder.findall("nvpair"), key=lambda one: one.get("name") or ""):
        yield pair.get("name") or "", pair.get("value") or ""


def lines(elements: Iterable[Element]) -> Iterator[str]:
    for one in sorted(elements, key=_rank):
        yield from _one(one)


def _sets(element: Element) -> Iterator[str]:
    order = {"group": (1, 0), "clone": (1, 0), "master": (1, 0)}.get(str(element.tag), (0, 1, 2))
    for place in order:
        tag, word = _SETS[place]
        for holder in element.findall(tag):
            if not len(holder.findall("nvpair")):
                continue
            yield f"{word}: {holder.get('id')}"
            for name, value in pairs_of(holder):
                yield f"  {name}={_quoted(value)}"


def _one(element: Element) -> Iterator[str]:
    tag = element.tag
    name = element.get("id")
    if element.get("description"):
        description = [f"  Description: {element.get('description')}"]
    else:
        description = []
    if tag == "primitive":
        keys = ("class", "provider", "type", "template")
        agent = " ".join(f"{key}={element.get(key)}" for key in keys if element.get(key))
        yield f"Resource: {name} ({agent})"
        yield from description
        yield from (f"  {line}" for line in _sets(element))
        operations = element.findall("operations/op")
        if operations:
            yield "  Operations:"
        for one in sorted(operations, key=lambda op: op.get("name") or ""):
            yield f"    {one.get('name')}: {one.get('id')}"
            shown = [f"{key}={_quoted(value)}" for key, value in operation_pairs(one)]
            if shown:
                yield "      " + " ".join(shown)
        return
    word = {"group": "Group", "clone": "Clone", "master": "Clone", "bundle": "Bundle"}[str(tag)]
    yield f"{word}: {name}"
    yield from description
    if tag == "bundle":
        yield from _bundle(element)
    yield from (f"  {line}" for line in _sets(element))
    for child in element:
        if child.tag in RESOURCES:
            yield from (f"  {line}" for line in _one(child))


_OP_ORDER = (
    "interval",
    "start-delay",
    "interval-origin",
    "timeout",
    "enabled",
    "record-pending",
    "role",
    "on-fail",
    "description",
)


def operation_pairs(one: Element) -> list[tuple[str, str]]:
    """What an operation is given, as pcs writes it: booleans are 0 and 1."""
    from hashell.values.booleans import parse_boolean

    found = []
    for key in _OP_ORDER:
        value = one.get(key)
        truth = parse_boolean(value) if key in ("enabled", "record-pending") else None
        if value:
            found.append((key, value if truth is None else str(int(truth))))
    return [*found, *(pair for holder in one.findall("instance_attributes") for pair in pairs_of(holder))]


def told(one: Element, names: Iterable[str]) -> list[tuple[str, str]]:
    """Those of the attributes that there are; booleans are 0 and 1."""
    from hashell.values.booleans import parse_boolean

    given = attributes(one)
    found = [(name, given[name]) for name in names if given.get(name)]
    return [
        (name, value if name != "add-host" or (truth := parse_boolean(value)) is None else str(int(truth)))
        for name, value in found
    ]


def _bundle(element: Element) -> Iterator[str]:
    for child in element:
        if child.tag in CONTAINERS:
            yield f"  {str(child.tag).capitalize()}: {_shown(child, CONTAINER)}"
        elif child.tag == "network":
            if child.attrib:
                yield f"  Network: {_shown(child, NETWORK)}"
            if len(child):
                yield "  Port Mapping:"
                yield from (f"    {_shown(one, PORT)} ({one.get('id')})" for one in child)
        elif child.tag == "storage" and len(child):
            yield "  Storage Mapping:"
            yield from (f"    {_shown(one, STORAGE)} ({one.get('id')})" for one in child)


def _shown(one: Element, names: Iterable[str]) -> str:
    return " ".join(f"{name}={_quoted(value)}" for name, value in told(one, names))


def utilization_lines(env: Env, name: str) -> Iterator[str]:
    yield "Resource Utilization:"
    for primitive in env.root.iterfind("configuration/resources//primitive"):
        pairs = [f"{key}={value}" for holder in primitive.findall("utilization") for key, value in pairs_of(holder)]
        if pairs and name in ("", primitive.get("id")):
            yield f" {primitive.get('id')}: {' '.join(pairs)}"


# --- the text of 0.9 -----------------------------------------------------------------------------------


def old_lines(elements: Iterable[Element], indent: int = 0) -> Iterator[str]:
    """As pcs 0.9 printed them: everything of a kind in one line."""
    pad = " " * (indent + 1)
    for one in elements:
        if one.tag == "primitive":
            agent = " ".join(f"{key}={one.get(key)}" for key in ("class", "provider", "type") if one.get(key))
            yield f"{pad}Resource: {one.get('id')} ({agent})"
        else:
            word = {"group": "Group", "clone": "Clone", "master": "Master", "bundle": "Bundle"}[str(one.tag)]
            yield f"{pad}{word}: {one.get('id')}"
        for tag, word in (
            ("instance_attributes", "Attributes"),
            ("meta_attributes", "Meta Attrs"),
            ("utilization", "Utilization"),
        ):
            pairs = [f"{pair.get('name')}={_quoted(pair.get('value') or '')}" for pair in one.iterfind(f"{tag}/nvpair")]
            if pairs:
                yield f"{pad} {word}: {' '.join(pairs)}"
        for place, operation in enumerate(one.findall("operations/op")):
            shown = " ".join(
                f"{key}={value}" for key, value in attributes(operation).items() if key not in ("id", "name")
            )
            head = f"{pad} Operations: " if not place else f"{pad}             "
            yield f"{head}{operation.get('name')} {shown} ({operation.get('id')})"
        yield from old_lines([child for child in one if child.tag in RESOURCES], indent + 1)


# --- JSON ----------------------------------------------------------------------------------------------


def as_json(env: Env, elements: list[Element]) -> str:
    found: dict[str, list[Any]] = {"primitives": [], "clones": [], "groups": [], "bundles": []}
    for element in elements:
        for one in element.iter(*RESOURCES):
            _data(one, found)
    return json.dumps(found) + "\n"


def _set_data(element: Element, tag: str) -> list[dict[str, Any]]:
    from hashell.shell.pcs.show_constraints import rule_data

    return [
        {
            "id": holder.get("id"),
            "options": {"score": holder.get("score")} if holder.get("score") else {},
            "rule": next(map(rule_data, holder.iterfind("rule")), None),
            "nvpairs": [
                {"id": pair.get("id"), "name": pair.get("name"), "value": pair.get("value")}
                for pair in sorted(holder.findall("nvpair"), key=lambda one: one.get("id") or "")
            ],
        }
        for holder in element.findall(tag)
    ]


def _part(one: Element | None, names: Iterable[str], *more: str) -> dict[str, Any] | None:
    """A part of a bundle; numbers and booleans are such, what is not there is null."""
    from hashell.values.booleans import parse_boolean

    if one is None:
        return None
    found: dict[str, Any] = {}
    for name in (*more, *names):
        value: Any = one.get(name)
        if name in _NUMBERS and value is not None and value.isdigit():
            value = int(value)
        found[name.replace("-", "_")] = parse_boolean(value) if name == "add-host" else value
    return found


def _data(one: Element, found: dict[str, list[Any]]) -> None:
    from hashell.values.booleans import parse_boolean

    common = {"id": one.get("id"), "description": one.get("description")}
    meta = _set_data(one, "meta_attributes")
    inner = [child.get("id") for child in one if child.tag in RESOURCES]
    if one.tag == "primitive":
        found["primitives"].append(
            {
                "id": one.get("id"),
                "agent_name": {"standard": one.get("class"), "provider": one.get("provider"), "type": one.get("type")},
                "description": one.get("description"),
                "operations": [
                    {
                        "id": op.get("id"),
                        "name": op.get("name"),
                        "interval": op.get("interval"),
                        "description": op.get("description"),
                        "start_delay": op.get("start-delay"),
                        "interval_origin": op.get("interval-origin"),
                        "timeout": op.get("timeout"),
                        "enabled": parse_boolean(op.get("enabled")),
                        "record_pending": parse_boolean(op.get("record-pending")),
                        "role": op.get("role"),
                        "on_fail": op.get("on-fail"),
                        "meta_attributes": _set_data(op, "meta_attributes"),
                        "instance_attributes": _set_data(op, "instance_attributes"),
                    }
                    for op in one.findall("operations/op")
                ],
                "meta_attributes": meta,
                "instance_attributes": _set_data(one, "instance_attributes"),
                "utilization": _set_data(one, "utilization"),
            }
        )
    elif one.tag in ("clone", "master"):
        found["clones"].append(
            {
                **common,
                "member_id": inner[0] if inner else None,
                "meta_attributes": meta,
                "instance_attributes": _set_data(one, "instance_attributes"),
            }
        )
    elif one.tag == "group":
        found["groups"].append(
            {
                **common,
                "member_ids": inner,
                "meta_attributes": meta,
                "instance_attributes": _set_data(one, "instance_attributes"),
            }
        )
    elif one.tag == "bundle":
        container = next((child for child in one if child.tag in CONTAINERS), None)
        found["bundles"].append(
            {
                **common,
                "member_id": inner[0] if inner else None,
                "container_type": container.tag if container is not None else None,
                "container_options": _part(container, CONTAINER),
                "network": _part(one.find("network"), NETWORK),
                "port_mappings": [_part(child, PORT, "id") for child in one.iterfind("network/port-mapping")],
                "storage_mappings": [_part(child, STORAGE, "id") for child in one.iterfind("storage/storage-mapping")],
                "meta_attributes": meta,
                "instance_attributes": _set_data(one, "instance_attributes"),
            }
        )
