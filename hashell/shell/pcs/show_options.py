"""Options, defaults, levels, alerts, tags and ACLs as pcs prints them."""

from __future__ import annotations

from collections.abc import Iterator

from hashell.commands.binding import Element
from hashell.commands.creation import is_old
from hashell.commands.env import Env


def _quoted(text: str) -> str:
    return f'"{text}"' if " " in text else text


def property_lines(env: Env, *, old: bool = False) -> Iterator[str]:
    """The sets of cluster options; `old` as pcs printed them up to 0.11."""
    sets = env.root.findall("configuration/crm_config/cluster_property_set")
    if old or is_old(env):
        yield "Cluster Properties:"
        for one in sets:
            for pair in sorted(one.findall("nvpair"), key=lambda found: found.get("name") or ""):
                yield f" {pair.get('name')}: {pair.get('value')}"
        return
    for one in sets:
        yield f"Cluster Properties: {one.get('id')}"
        for pair in sorted(one.findall("nvpair"), key=lambda found: found.get("name") or ""):
            yield f"  {pair.get('name')}={_quoted(pair.get('value') or '')}"


def defaults_lines(env: Env, section: str, *, full: bool) -> Iterator[str]:
    """Sets of defaults, with their rules."""
    from hashell.shell.pcs.show_constraints import rule_lines

    sets = env.root.findall(f"configuration/{section}/meta_attributes")
    if not sets:
        yield "No defaults set"
    for one in sets:
        score = f" score={one.get('score')}" if one.get("score") else ""
        yield f"Meta Attrs: {one.get('id')}{score}"
        for pair in sorted(one.findall("nvpair"), key=lambda found: found.get("name") or ""):
            yield f"  {pair.get('name')}={_quoted(pair.get('value') or '')}" + (
                f" (id: {pair.get('id')})" if full else ""
            )
        for rule in one.findall("rule"):
            yield from (f"  {line}" for line in rule_lines(rule, full=full))


def defaults_commands(env: Env, section: str) -> list[str]:
    from hashell.shell.pcs.show_constraints import rule_text

    word = "resource defaults" if section == "rsc_defaults" else "resource op defaults"
    found = []
    for one in env.root.iterfind(f"configuration/{section}/meta_attributes"):
        parts = [
            f"pcs -- {word} set create id={one.get('id')}" + (f" score={one.get('score')}" if one.get("score") else "")
        ]
        pairs = " ".join(f"{pair.get('name')}={_quoted(pair.get('value') or '')}" for pair in one.findall("nvpair"))
        if pairs:
            parts.append(f"  meta {pairs}")
        rule = one.find("rule")
        if rule is not None:
            parts.append(f"  rule '{rule_text(rule)}'")
        found.append(" \\\n".join(parts))
    return ";\n".join(found).split("\n") if found else []


def level_lines(env: Env) -> Iterator[str]:
    """The fencing topology by target."""
    from hashell.commands.fencing import levels

    found: dict[str, list[Element]] = {}
    for level in levels(env):
        if level.get("target") is not None:
            key = f"Target (node): {level.get('target')}"
        elif level.get("target-pattern") is not None:
            key = f"Target (regexp): {level.get('target-pattern')}"
        else:
            key = f"Target (attribute): {level.get('target-attribute')}={level.get('target-value')}"
        found.setdefault(key, []).append(level)
    if found:
        yield "Fencing Levels:"
    for key, ones in found.items():
        yield f"  {key}"
        for one in sorted(ones, key=lambda level: int(level.get("index") or 0)):
            yield f"    Level {one.get('index')}: {(one.get('devices') or '').replace(',', ' ')}"


def alert_lines(env: Env) -> Iterator[str]:
    for alert in env.root.iterfind("configuration/alerts/alert"):
        yield f"Alert: {alert.get('id')}"
        if alert.get("description"):
            yield f"  Description: {alert.get('description')}"
        yield f"  Path: {alert.get('path')}"
        recipients = alert.findall("recipient")
        if recipients:
            yield "  Recipients:"
        for one in recipients:
            yield f"    Recipient: {one.get('id')}"
            if one.get("description"):
                yield f"      Description: {one.get('description')}"
            yield f"      Value: {one.get('value')}"
            yield from (f"      {line}" for line in _sets(one))
        yield from (f"  {line}" for line in _sets(alert))


def _sets(element: Element) -> Iterator[str]:
    for tag, word in (("instance_attributes", "Attributes"), ("meta_attributes", "Meta Attributes")):
        for holder in element.findall(tag):
            yield f"{word}: {holder.get('id')}"
            for pair in sorted(holder.findall("nvpair"), key=lambda found: found.get("name") or ""):
                yield f"  {pair.get('name')}={_quoted(pair.get('value') or '')}"


def tag_lines(env: Env, names: list[str]) -> Iterator[str]:
    from hashell.commands import tags

    for name in names:
        tags.need(env, name)
    for tag in env.root.iterfind("configuration/tags/tag"):
        if not names or tag.get("id") in names:
            yield tag.get("id") or ""
            yield from (f"  {one.get('id')}" for one in tag.findall("obj_ref"))


def acl_lines(env: Env) -> Iterator[str]:
    from hashell.values.booleans import is_true

    enabled = is_true(env.option("enable-acl"))
    yield "ACLs are enabled" if enabled else "ACLs are disabled, run 'pcs acl enable' to enable"
    yield ""
    for tag, word in (("acl_target", "User"), ("acl_group", "Group")):
        for one in env.root.iterfind(f"configuration/acls/{tag}"):
            yield f"{word}: {one.get('id')}"
            yield "  Roles: " + " ".join(role.get("id") or "" for role in one.findall("role"))
    for role in env.root.iterfind("configuration/acls/acl_role"):
        yield f"Role: {role.get('id')}"
        if role.get("description"):
            yield f"  Description: {role.get('description')}"
        for one in role.findall("acl_permission"):
            what = next(
                (
                    f"{word} {one.get(name)}"
                    for name, word in (("xpath", "xpath"), ("reference", "id"), ("object-type", "tag"))
                    if one.get(name)
                ),
                "",
            )
            yield f"  Permission: {one.get('kind')} {what} ({one.get('id')})"


def node_lines(env: Env, tag: str, word: str, only: str = "", name: str = "") -> Iterator[str]:
    """Attributes or utilization of nodes."""
    for node in env.root.iterfind("configuration/nodes/node"):
        if only and only not in (node.get("uname"), node.get("id")):
            continue
        holders = [
            one for one in node.findall(tag) if any(name in ("", pair.get("name")) for pair in one.findall("nvpair"))
        ]
        if not holders:
            continue
        yield f"Node: {node.get('uname')}"
        for holder in holders:
            yield f"  {word}: {holder.get('id')}"
            for pair in sorted(holder.findall("nvpair"), key=lambda found: found.get("name") or ""):
                if name in ("", pair.get("name")):
                    yield f"    {pair.get('name')}={_quoted(pair.get('value') or '')}"
