"""Options, defaults, nodes, tags, alerts and levels as JSON, and as the commands that would make them.

The keys and the layout are pcs's own, so that what reads its output reads this. Source: pcs(8), --output-format.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from hashell.commands.binding import Element
from hashell.commands.env import Env
from hashell.errors import BadUsage

FORMATS = ("text", "cmd", "json")
Data = dict[str, Any]


def form_of(options: dict[str, str], allowed: tuple[str, ...] = FORMATS) -> str:
    """What --output-format asks for. Raises BadUsage."""
    form = options.get("--output-format", "text")
    if form not in allowed:
        raise BadUsage(
            f"Unknown value '{form}' for '--output-format' option. Supported values are: "
            + ", ".join(f"'{one}'" for one in sorted(allowed)),
            "name one of these",
        )
    return form


def _json(data: Data, *, indent: int | None = 2) -> list[str]:
    return json.dumps(data, indent=indent, ensure_ascii=False).split("\n")


def _joined(commands: Iterable[str]) -> list[str]:
    found = list(commands)
    return ";\n".join(found).split("\n") if found else []


def _pairs(holder: Element | None) -> str:
    from shlex import quote

    pairs = holder.findall("nvpair") if holder is not None else []
    found = sorted((pair.get("name") or "", pair.get("value") or "") for pair in pairs)
    return " ".join(quote(f"{name}={value}") for name, value in found)


def set_data(holder: Element) -> Data:
    """An attribute set: its id, options, rule and pairs."""
    from hashell.shell.pcs.show_constraints import rule_data

    rule = holder.find("rule")
    return {
        "id": holder.get("id"),
        "options": {name: holder.get(name) for name in ("score",) if holder.get(name) is not None},
        "rule": rule_data(rule) if rule is not None else None,
        "nvpairs": [
            {"id": pair.get("id"), "name": pair.get("name"), "value": pair.get("value") or ""}
            for pair in holder.findall("nvpair")
        ],
    }


def _sets(element: Element, *tags: str) -> Data:
    return {tag: [set_data(one) for one in element.findall(tag)] for tag in tags}


# --- options and defaults ----------------------------------------------------------------------------------


def properties(env: Env, form: str) -> list[str]:
    sets = env.root.findall("configuration/crm_config/cluster_property_set")
    if form == "json":
        return _json({"nvsets": [set_data(one) for one in sets]}, indent=None)
    from shlex import quote

    pairs = [pair for one in sets[:1] for pair in one.findall("nvpair")]
    found = sorted((pair.get("name") or "", pair.get("value") or "") for pair in pairs)
    readonly = ("cluster-infrastructure", "cluster-name", "dc-version", "have-watchdog", "last-lrm-refresh")
    lines = [f" {quote(f'{name}={value}')}" for name, value in found if name not in readonly]
    return " \\\n".join(["pcs property set --force --", *lines]).split("\n") if lines else []


def defaults(env: Env, section: str) -> list[str]:
    """As JSON; the commands are in show_options."""
    holder = env.root.find(f"configuration/{section}")
    found = _sets(holder, "instance_attributes", "meta_attributes") if holder is not None else {
        "instance_attributes": [], "meta_attributes": []
    }
    return _json(found, indent=None)


# --- nodes -------------------------------------------------------------------------------------------------


def nodes(env: Env, form: str, tag: str, only: str = "", name: str = "") -> list[str]:
    """Attributes or utilization of nodes, of one node or one name if given."""
    every = env.root.iterfind("configuration/nodes/node")
    chosen = [one for one in every if only in ("", one.get("uname"), one.get("id"))]
    if form == "cmd":
        verb = "utilization" if tag == "utilization" else "attribute"
        return _joined(
            f"pcs -- node {verb} {one.get('uname')} {_pairs(_only(one.find(tag), name))}"
            for one in chosen if _pairs(_only(one.find(tag), name))
        )
    data = [
        {
            "id": one.get("id"), "uname": one.get("uname"), "description": one.get("description"),
            "score": one.get("score"), "type": one.get("type"),
            "instance_attributes": [set_data(_need(_only(each, name))) for each in one.findall("instance_attributes")],
            "utilization": [set_data(_need(_only(each, name))) for each in one.findall("utilization")],
        }
        for one in chosen
    ]
    return _json({"nodes": data})


def _only(holder: Element | None, name: str) -> Element | None:
    """The set with the pairs of one name; the set itself where none is asked for."""
    if holder is None or not name:
        return holder
    import copy

    found = copy.deepcopy(holder)
    for pair in found.findall("nvpair"):
        if pair.get("name") != name:
            found.remove(pair)
    return found


def _need(element: Element | None) -> Element:
    assert element is not None, "only what is not there becomes nothing"
    return element


# --- tags, alerts, levels ----------------------------------------------------------------------------------


def tags(env: Env, form: str, names: list[str]) -> list[str]:
    from hashell.commands import tags as known

    for name in names:
        known.need(env, name)
    chosen = [one for one in env.root.iterfind("configuration/tags/tag") if not names or one.get("id") in names]
    members = [(one.get("id") or "", [ref.get("id") or "" for ref in one.findall("obj_ref")]) for one in chosen]
    if form == "cmd":
        return _joined(f"pcs -- tag create {name} {' '.join(inner)}" for name, inner in members)
    return _json({"tags": [{"id": name, "idref_list": inner} for name, inner in members]})


def alerts(env: Env, form: str) -> list[str]:
    found = env.root.findall("configuration/alerts/alert")
    if form == "cmd":
        return _joined(command for one in found for command in _alert_commands(one))
    return _json({"alerts": [_alert(one) for one in found]})


def _alert_commands(alert: Element) -> Iterator[str]:
    from shlex import quote

    yield " ".join([
        "pcs -- alert create", quote(f"path={alert.get('path')}"), f"id={alert.get('id')}", *_about(alert)
    ])
    for one in alert.findall("recipient"):
        yield " ".join([
            f"pcs -- alert recipient add {alert.get('id')}", quote(f"value={one.get('value')}"),
            f"id={one.get('id')}", *_about(one),
        ])


def _about(element: Element) -> Iterator[str]:
    from shlex import quote

    if element.get("description"):
        yield quote(f"description={element.get('description')}")
    for tag, word in (("instance_attributes", "options"), ("meta_attributes", "meta")):
        pairs = _pairs(element.find(tag))
        if pairs:
            yield f"{word} {pairs}"


def _alert(alert: Element) -> Data:
    select = alert.find("select")
    kinds: Data | None = None
    if select is not None:
        kinds = {
            name: select.find(f"select_{name}") is not None for name in ("nodes", "fencing", "resources", "attributes")
        }
        kinds["attributes_select"] = [
            {"id": one.get("id"), "name": one.get("name")} for one in select.iterfind("select_attributes/attribute")
        ]
    return {
        "id": alert.get("id"), "path": alert.get("path"), "description": alert.get("description"),
        "recipients": [
            {
                "id": one.get("id"), "value": one.get("value"), "description": one.get("description"),
                **_sets(one, "meta_attributes", "instance_attributes"),
            }
            for one in alert.findall("recipient")
        ],
        "select": kinds,
        **_sets(alert, "meta_attributes", "instance_attributes"),
    }


def levels(env: Env, form: str) -> list[str]:
    from hashell.commands.fencing import levels as all_levels

    found: dict[str, list[Data]] = {"target_node": [], "target_regex": [], "target_attribute": []}
    commands: dict[str, list[str]] = {key: [] for key in found}
    for one in all_levels(env):
        devices = [name for name in (one.get("devices") or "").split(",") if name]
        rest = {"index": int(one.get("index") or 0), "devices": devices}
        if one.get("target") is not None:
            key, target, data = "target_node", one.get("target") or "", {"target": one.get("target")}
        elif one.get("target-pattern") is not None:
            key, target = "target_regex", f"regexp%{one.get('target-pattern')}"
            data = {"target_pattern": one.get("target-pattern")}
        else:
            key, target = "target_attribute", f"attrib%{one.get('target-attribute')}={one.get('target-value')}"
            data = {"target_attribute": one.get("target-attribute"), "target_value": one.get("target-value")}
        found[key].append({"id": one.get("id"), **data, **rest})
        commands[key].append(
            f"pcs stonith level add --force -- {rest['index']} {target} {' '.join(devices)} id={one.get('id')}"
        )
    return _joined(command for each in commands.values() for command in each) if form == "cmd" else _json(found)
