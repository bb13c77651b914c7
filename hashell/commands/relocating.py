"""Relocation: where resources would be if nothing held them where they are, and the constraints that take them there.

Stickiness is left out of a copy of the configuration; where the scheduler would start or promote something then is its
preferred node. Source: pcs's manual, "resource relocate".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from lxml import etree

from hashell.commands.binding import RESOURCES, find_resource, select
from hashell.commands.env import Env
from hashell.errors import NotFound

if TYPE_CHECKING:
    from hashell.commands.binding import Element
    from hashell.simulate.run import Decision

#: How the ids of the constraints begin, so that they are known again.
PREFIX = "pcs-relocate-"


class Move(msgspec.Struct, frozen=True):
    """A resource that stands in the configuration by itself, and the node that suits it better."""

    resource: str
    node: str
    promoted: bool = False

    def __str__(self) -> str:
        role = " role=Promoted" if self.promoted else ""
        return f"Creating location constraint: {self.resource} prefers {self.node}=INFINITY{role}"


def decide_freely(env: Env, names: Sequence[str] = ()) -> Decision:
    """What the cluster would do if the resources named, or all, had no stickiness. Raises NotFound."""
    import copy

    from hashell.commands.preview import preview

    missing = [name for name in names if _resource(env, name) is None]
    if missing:
        raise NotFound(
            "\n".join(f"unable to find a resource/clone/group: {name}" for name in missing), "see resource status"
        )
    free = msgspec.structs.replace(env, root=copy.deepcopy(env.root))
    tops = [_resource(free, name) for name in names] if names else list(free.section("resources"))
    for top in tops:
        for one in top.iter("primitive", "group", "clone", "master", "bundle") if top is not None else ():
            holder = one.find("meta_attributes")
            if holder is None:
                holder = etree.Element("meta_attributes", id=f"{one.get('id')}-meta_attributes")
                one.insert(0, holder)
            for old in holder.findall("nvpair[@name='resource-stickiness']"):
                holder.remove(old)
            etree.SubElement(
                holder, "nvpair", id=f"{holder.get('id')}-resource-stickiness", name="resource-stickiness", value="0"
            )
    return preview(free)


def _resource(env: Env, name: str) -> Element | None:
    found = find_resource(env.root, name)
    return found if found is not None and found.tag != "template" else None


def moves(env: Env, names: Sequence[str] = ()) -> tuple[Move, ...]:
    """What would go elsewhere, in the order of the starts; a group as a whole, a clone where it is promoted."""
    from hashell.commands.running import active_on

    decision = decide_freely(env, names)
    found: dict[str, Move] = {}
    for action in decision.graph.actions:
        if action.primitive is None or action.task not in ("start", "promote"):
            continue
        primitive = find_resource(env.root, action.primitive.id.partition(":")[0])
        if primitive is None:
            continue
        clone = next(primitive.iterancestors("clone", "master", "bundle"), None)
        if clone is not None:
            if action.task == "promote":
                name = clone.get("id") or ""
                found.setdefault(name, Move(name, action.node, promoted=True))
            continue
        group = next(primitive.iterancestors("group"), None)
        name = (primitive if group is None else group).get("id") or ""
        if action.node not in active_on(env.cib, primitive.get("id") or ""):
            found.setdefault(name, Move(name, action.node))
    wanted = {
        one.get("id")
        for wish in names if (top := _resource(env, wish)) is not None
        for one in (*top.iter(*RESOURCES), *top.iterancestors(*RESOURCES))
    }
    return tuple(move for move in found.values() if not names or move.resource in wanted)


def constrain(env: Env, wanted: Sequence[Move]) -> None:
    """Put the constraints into the working copy."""
    for move in wanted:
        element = etree.SubElement(
            env.section("constraints"), "rsc_location", id=env.ids.numbered(PREFIX + move.resource),
            rsc=move.resource, node=move.node, score="INFINITY",
        )
        if move.promoted:
            from hashell.commands.resources import role_word

            element.set("role", role_word(env, promoted=True))


def clear(env: Env) -> tuple[str, ...]:
    """Take the constraints out; their ids."""
    gone = []
    for element in select(env.root, "configuration/constraints/rsc_location[starts-with(@id, $p)]", p=PREFIX):
        env.section("constraints").remove(element)
        gone.append(element.get("id") or "")
    env.forget_ids()
    return tuple(gone)
