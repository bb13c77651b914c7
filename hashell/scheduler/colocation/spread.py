"""Spread: preferences of those that come along, added to a resource's own.

Points travel along chains of colocations, each time weakened by the colocation's score. C's floats
have 24 bits, and roundings differ from Python's, so factors are kept in that precision.

Source: lib/pacemaker/pcmk_sched_colocation.c (pcmk__add_colocated_node_scores and what it calls).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from hashell.scheduler.colocation.relations import Colocation, this_with, with_this
from hashell.scheduler.colocation.scores import node_value
from hashell.scheduler.scores import add, changes_between
from hashell.scheduler.workspace import Rank
from hashell.values.scores import INFINITY

if TYPE_CHECKING:
    from hashell.scheduler.variants.variant import Resource
    from hashell.scheduler.workspace import Node

DEFAULT = 0
#: Stop where no node is left.
ACTIVE = 1
#: Never push a node that is wanted below zero.
NONNEGATIVE = 2
#: Follow colocations from dependents to primaries instead of the other way.
THIS_WITH = 4

#: Marks a node that was wanted and came to nothing; no sum of points can be this.
UNUSABLE = -INFINITY * 100
_SINGLE = struct.Struct("f")


def single(number: float) -> float:
    """A number in C's single precision."""
    rounded: float = _SINGLE.unpack(_SINGLE.pack(number))[0]
    return rounded


def factor_of(colocation: Colocation) -> float:
    """How much of a wish passes through a colocation."""
    return single(colocation.score / INFINITY)


def _any_available(resource: Resource, table: Mapping[str, int]) -> bool:
    nodes = resource.workspace.node_by_id
    return any(score >= 0 and nodes[name].can_run for name, score in table.items())


def scores_for_member(colocation: Colocation | None, source: Resource) -> Mapping[str, int]:
    """The points of a resource on its nodes.

    A later member of a group, when somebody configured a colocation just for it, also feels the
    group's location constraints, which were given to the first member alone.
    """
    parent = source.parent
    if (
        colocation is None or source is not colocation.dependent or not colocation.explicit
        or parent is None or not parent.is_group or source is parent.children[0]
    ):
        return source.allowed
    table = dict(source.allowed)
    for location in reversed(parent.locations):
        if location.role in (Rank.UNKNOWN, source.next_role):
            for node, score in location.wishes:
                old = table.get(node.id)
                table[node.id] = score if old is None else add(old, score)
    return table


def _value(node: Node, attribute: str, resource: Resource) -> str | None:
    value = node_value(node, attribute, resource)
    return None if value is None else value.lower()


def _best_by_value(
    source: Resource, attribute: str, table: Mapping[str, int]
) -> dict[str | None, int]:
    """For each value of the attribute, the best points on a node that has it."""
    nodes = source.workspace.node_by_id
    values = source.workspace.values_of(attribute).table
    best: dict[str | None, int] = {}
    for name, score in table.items():
        if score <= -INFINITY or not nodes[name].can_run:
            continue
        key = values[name] if name in values else _value(nodes[name], attribute, source)
        if score > best.get(key, -INFINITY):
            best[key] = score
    return best


def offers(
    source: Resource, target: Resource, colocation: Colocation, names: Iterable[str]
) -> list[int]:
    """For each node, the source's best points on a node with the same value of the attribute."""
    workspace = source.workspace
    attribute = colocation.node_attribute
    table = scores_for_member(colocation, source)
    values = workspace.values_of(attribute)
    nodes = workspace.node_by_id
    if values.distinct:
        # Each node only compares with itself.
        return [
            score if (score := table.get(name, -INFINITY)) <= -INFINITY or nodes[name].can_run
            else -INFINITY
            for name in names
        ]
    best = _best_by_value(source, attribute, table)
    known = values.table
    return [
        best.get(
            known[name] if name in known else _value(nodes[name], attribute, target), -INFINITY
        )
        for name in names
    ]


def _allowed_on_one(resource: Resource) -> bool:
    return sum(score >= 0 for score in resource.allowed.values()) == 1


def change_of(score: int, factor: float, colocation: Colocation) -> int | None:
    """What points on a node come to behind a colocation; None where they do not count."""
    if factor < 0 and score < 0 and (
        colocation.primary.stickiness >= -score or not colocation.has_influence()
        or not _allowed_on_one(colocation.dependent)
    ):
        # Two refusals make no wish.
        return None
    weighted = single(factor * score)
    change = int(weighted - 0.5) if weighted < 0 else int(weighted + 0.5)
    if change == 0 and score != 0 and factor != 0:
        return 1 if factor > 0 else -1
    return change


def _add_matching(
    table: dict[str, int], source: Resource, target: Resource, colocation: Colocation,
    factor: float, *, only_positive: bool,
) -> None:
    changes: dict[int, int | None] = {}
    for (name, old), score in zip(
        list(table.items()), offers(source, target, colocation, table), strict=True
    ):
        if score not in changes:
            changes[score] = change_of(score, factor, colocation)
        change = changes[score]
        if change is None or old == UNUSABLE:
            continue
        new = add(change, old)
        if only_positive and new < 0:
            if old > 0:
                table[name] = UNUSABLE
                continue
            if old == 0:
                continue
        table[name] = new


def spread_scores(
    source: Resource, target: Resource | None, nodes: dict[str, int] | None,
    colocation: Colocation | None, factor: float, flags: int,
) -> dict[str, int] | None:
    """`nodes` with the wishes of `source` and those that come with it, as a new table.

    Without `nodes` it is the table of `source` itself that is looked for. Where nothing may be
    added, `nodes` comes back.
    """
    if source.updating_nodes:
        return nodes
    source.updating_nodes = True
    try:
        if nodes is None:
            table = dict(source.allowed)
            target = source
        else:
            assert colocation is not None and target is not None
            table = dict(nodes)
            _add_matching(
                table, source, target, colocation, factor,
                only_positive=bool(flags & NONNEGATIVE),
            )
        if _any_available(source, table):
            table = _follow(source, target, table, factor, flags)
        elif flags & ACTIVE:
            return nodes
        if flags & NONNEGATIVE:
            for name, score in table.items():
                if score == UNUSABLE:
                    table[name] = 1
        return table
    finally:
        source.updating_nodes = False


def _follow(
    source: Resource, target: Resource | None, table: dict[str, int], factor: float, flags: int
) -> dict[str, int]:
    colocations = this_with(source) if flags & THIS_WITH else with_this(source)
    for colocation in colocations:
        weight = single(single(factor * colocation.score) / INFINITY)
        if flags & THIS_WITH:
            other = colocation.primary
        elif colocation.has_influence():
            other = colocation.dependent
        else:
            continue
        table = other.spread_scores(target, table, colocation, weight, flags | ACTIVE) or table
    return table


def add_dependent_scores(colocation: Colocation, primary: Resource) -> None:
    """Let the dependent's wishes count for the primary."""
    from hashell.scheduler.colocation.wishes import spread_wish

    if not colocation.has_influence():
        return
    table = spread_wish(colocation.dependent, primary, primary.allowed, colocation, _flags(primary))
    if table is not primary.allowed:
        names, reason = primary.workspace.node_by_id, reason_of(colocation)
        for node, change in changes_between(primary.allowed, table):
            primary.workspace.scores.record(primary.id, names[node].name, change, reason)
        primary.allowed = table
        primary.touch()


def add_all_dependent_scores(colocations: Sequence[Colocation], primary: Resource) -> None:
    """Let the wishes of several dependents count for the primary, one after another."""
    from hashell.scheduler.colocation.wishes import spread_wishes

    if not colocations:
        return
    scores = primary.workspace.scores
    together = None
    if not scores.is_watched(primary.id):
        together = spread_wishes(primary, tuple(colocations), _flags(primary))
    if together is None:
        for colocation in colocations:
            add_dependent_scores(colocation, primary)
        return
    table, wishes = together
    scores.record_wishes(primary.id, primary.allowed, wishes)
    primary.allowed = table
    primary.touch()


def _flags(primary: Resource) -> int:
    return ACTIVE | (NONNEGATIVE if primary.is_clone else 0)


def reason_of(colocation: Colocation) -> str:
    """What is told of points that a dependent wishes for its primary."""
    return f"{colocation.id}: wish of {colocation.dependent.id}"
