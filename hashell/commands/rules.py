"""Rules as they are put into constraints and defaults: ids for a sketch, with names as pcs gives them.

A sketch is a <rule> whose expressions have no ids. Source: Pacemaker Explained, "Rules".
"""

from __future__ import annotations

from hashell.commands.binding import Element
from hashell.commands.env import Env


def settle(env: Env, rule: Element, identity: str) -> Element:
    """Give a rule and all below it ids that tell where they stand."""
    rule.set("id", identity)
    env.ids.take(identity)
    for child in rule:
        if child.tag == "rule":
            settle(env, child, env.ids.numbered(f"{identity}-rule"))
            continue
        if child.tag == "rsc_expression":
            parts = [child.get(name) for name in ("class", "provider", "type") if child.get(name)]
            child.set("id", env.ids.numbered("-".join([f"{identity}-rsc", *map(str, parts)])))
        elif child.tag == "op_expression":
            child.set("id", env.ids.numbered(f"{identity}-op-{child.get('name')}"))
        else:
            child.set("id", env.ids.numbered(f"{identity}-expr"))
        for inner in child:
            suffix = "datespec" if inner.tag == "date_spec" else "duration"
            inner.set("id", env.ids.numbered(f"{child.get('id')}-{suffix}"))
    return rule
