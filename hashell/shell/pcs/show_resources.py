"""Resources as pcs prints their configuration: text, commands that would make them, JSON; and the text of 0.9."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from hashell.commands.binding import RESOURCES, Element, attributes, find_resource, owner
from hashell.commands.env import Env
from hashell.errors import NotFound

_SETS = (("instance_attributes", "Attributes"), ("meta_attributes", "Meta Attributes"), ("utilization", "Utilization"))
_CONTAINERS = ("docker", "podman", "rkt")


def choose(env: Env, names: list[str], *, stonith: bool) -> list[Element]:
    """The resources that were named, else all at the top: fence devices or all others. Primitives come first."""
    if names:
        found = []
        for name in names:
            one = find_resource(env.root, name)
            if one is None:
                raise NotFound(f"unable to find resource '{name}'", "see resource status")
            found.append(one)
        return found
    section = env.root.find("configuration/resources")
    tops = [one for one in (section if section is not None else ()) if one.tag in RESOURCES and one.tag != "template"]
    return [one for one in tops if (one.get("class") == "stonith") == stonith]


def _quoted(text: str) -> str:
    return f'"{text}"' if " " in text or not text else text


def _pairs(holder: Element) -> Iterator[tuple[str, str]]:
    for pair in sorted(holder.findall("nvpair"), key=lambda one: one.get("name") or ""):
        yield pair.get("name") or "", pair.get("value") or ""


def lines(elements: Iterable[Element]) -> Iterator[str]:
    for one in elements:
        yield from _one(one)


def _sets(element: Element) -> Iterator[str]:
    order = {"group": (1, 0), "clone": (1, 0), "master": (1, 0)}.get(str(element.tag), (0, 1, 2))
    for place in order:
        tag, word = _SETS[place]
        for holder in element.findall(tag):
            if not len(holder.findall("nvpair")):
                continue
            yield f"{word}: {holder.get('id')}"
            for name, value in _pairs(holder):
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
            shown = [f"{key}={one.get(key)}" for key in _OP_ORDER if one.get(key)]
            shown += [
                f"{key}={value}" for holder in one.findall("instance_attributes") for key, value in _pairs(holder)
            ]
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


def _bundle(element: Element) -> Iterator[str]:
    for child in element:
        if child.tag in _CONTAINERS:
            yield f"  {str(child.tag).capitalize()}: " + " ".join(
                f"{key}={_quoted(str(value))}" for key, value in attributes(child).items()
            )
        elif child.tag == "network":
            if child.attrib:
                yield "  Network: " + " ".join(
                    f"{key}={_quoted(str(value))}" for key, value in attributes(child).items()
                )
            if len(child):
                yield "  Port Mapping:"
                yield from _mappings(child)
        elif child.tag == "storage" and len(child):
            yield "  Storage Mapping:"
            yield from _mappings(child)


def _mappings(holder: Element) -> Iterator[str]:
    for one in holder:
        shown = " ".join(f"{key}={_quoted(str(value))}" for key, value in attributes(one).items() if key != "id")
        yield f"    {shown} ({one.get('id')})"


def utilization_lines(env: Env, name: str) -> Iterator[str]:
    yield "Resource Utilization:"
    for primitive in env.root.iterfind("configuration/resources//primitive"):
        pairs = [f"{key}={value}" for holder in primitive.findall("utilization") for key, value in _pairs(holder)]
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


# --- commands ------------------------------------------------------------------------------------------


def as_commands(env: Env, elements: list[Element]) -> str:
    """pcs lines that would make the same: primitives, then groups, clones and bundles."""
    found: list[str] = []
    everything = [one for element in elements for one in element.iter(*RESOURCES)]
    for one in everything:
        if one.tag == "primitive":
            holder = owner(one)
            found.append(_create_command(one, holder if holder.tag == "bundle" else None))
    for one in everything:
        if one.tag == "group":
            members = " ".join(child.get("id") or "" for child in one.findall("primitive"))
            found.append(f"pcs resource group add {one.get('id')} \\\n  {members}")
            meta = _meta(one)
            if meta:
                found.append(f"pcs resource meta {one.get('id')} \\\n  {meta}")
    for one in everything:
        if one.tag in ("clone", "master"):
            inner = next(child for child in one if child.tag in RESOURCES)
            meta = _meta(one)
            found.append(
                f"pcs resource clone {inner.get('id')} {one.get('id')}" + (f" \\\n  meta {meta}" if meta else "")
            )
    for one in everything:
        if one.tag == "bundle":
            container = next(child for child in one if child.tag in _CONTAINERS)
            parts = [
                f"pcs resource bundle create {one.get('id')}",
                f"  container {container.tag} " + _attributes(container),
            ]
            network, storage = one.find("network"), one.find("storage")
            if network is not None and network.attrib:
                parts.append("  network " + _attributes(network))
            parts += [f"  port-map {_attributes(child)}" for child in (network if network is not None else ())]
            parts += [f"  storage-map {_attributes(child)}" for child in (storage if storage is not None else ())]
            meta = _meta(one)
            if meta:
                parts.append(f"  meta {meta}")
            found.insert(0, " \\\n".join(parts))
    return ";\n".join(found) + "\n" if found else ""


def _attributes(element: Element) -> str:
    from hashell.shell.grammar.lexer import shell_quote

    return " ".join(shell_quote(f"{key}={value}") for key, value in attributes(element).items())


def _meta(element: Element) -> str:
    from hashell.shell.grammar.lexer import shell_quote

    return " ".join(
        shell_quote(f"{name}={value}")
        for holder in element.findall("meta_attributes")
        for name, value in _pairs(holder)
    )


def _create_command(one: Element, bundle: Element | None) -> str:
    from hashell.shell.grammar.lexer import shell_quote

    fencing = one.get("class") == "stonith"
    agent = (
        one.get("type") if fencing else ":".join(filter(None, (one.get("class"), one.get("provider"), one.get("type"))))
    )
    noun = "stonith" if fencing else "resource"
    options = "--force" if fencing else "--no-default-ops --force"
    parts = [f"pcs {noun} create {options} -- {one.get('id')} {agent}"]
    given = " ".join(
        shell_quote(f"{name}={value}")
        for holder in one.findall("instance_attributes")
        for name, value in _pairs(holder)
    )
    if given:
        parts.append(f"  {given}")
    operations = one.findall("operations/op")
    if operations:
        parts.append("  op")
    for operation in operations:
        keys = ["interval", "id", *(key for key in _OP_ORDER if key != "interval")]
        shown = [shell_quote(f"{key}={operation.get(key)}") for key in keys if operation.get(key)]
        shown += [
            shell_quote(f"{key}={value}")
            for holder in operation.findall("instance_attributes")
            for key, value in _pairs(holder)
        ]
        parts.append(f"    {operation.get('name')} {' '.join(shown)}")
    meta = _meta(one)
    if meta:
        parts.append(f"  meta {meta}")
    if bundle is not None:
        parts.append(f"  bundle {bundle.get('id')}")
    return " \\\n".join(parts)


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
                for pair in holder.findall("nvpair")
            ],
        }
        for holder in element.findall(tag)
    ]


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
        container = next((child for child in one if child.tag in _CONTAINERS), None)
        found["bundles"].append(
            {
                **common,
                "member_id": inner[0] if inner else None,
                "container_type": container.tag if container is not None else None,
                "container_options": dict(container.attrib) if container is not None else {},
                "network": next(map(attributes, one.iterfind("network")), None),
                "port_mappings": [dict(child.attrib) for child in one.iterfind("network/port-mapping")],
                "storage_mappings": [dict(child.attrib) for child in one.iterfind("storage/storage-mapping")],
                "meta_attributes": meta,
                "instance_attributes": _set_data(one, "instance_attributes"),
            }
        )
