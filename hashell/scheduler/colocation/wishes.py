"""Wishes: what those that come along want, worked out once and added to many tables.

`spread.py` walks along every path of colocations each time that a table is asked for. For the
instances of a clone these walks are alike, and most of those met on the way want nothing anywhere.
So a walk is written down as a tree of `Step`s that hold nothing but changes: who changes no points
is left out, and what was written of a part of the way serves all walks that come along there. A
tree is spoilt when a score changes of somebody who was met (`Resource.touch`). `tables.py` adds
trees to tables. What a tree can not say is left to the walk: attributes that differ with the
container of a guest, and members that feel a group's constraints by role.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hashell.scheduler.colocation import spread, tables
from hashell.scheduler.colocation.relations import with_this
from hashell.scheduler.colocation.tables import Run, Stage, Step
from hashell.values.scores import INFINITY

if TYPE_CHECKING:
    from hashell.scheduler.colocation.relations import Colocation
    from hashell.scheduler.scores import WishesAdded
    from hashell.scheduler.variants.variant import Resource
    from hashell.scheduler.workspace import Node, Workspace

#: What a wish is written for: its colocation, whether the primary's side wants something, how much of it
#: passes, whether nobody is pushed below zero, whether a node may have come to nothing on the way.
Key = tuple["Colocation", bool, float, int, bool]


class Wish:
    """The tree of one colocation. `met` are all that the walk goes through.

    `step` is None where there is no tree and the walk decides. `users` were made from this one.
    """

    __slots__ = ("met", "spoilt", "step", "users")

    def __init__(self, step: Step | None, met: set[Resource]) -> None:
        self.step = step
        self.met = met
        self.spoilt = False
        self.users: list[Wish | Several] = []

    def spoil(self) -> None:
        """A score has changed from which it was made."""
        if not self.spoilt:
            self.spoilt = True
            for user in self.users:
                user.spoil()


class Several:
    """Wishes that are added one after another, each with its flags; for all instances of a clone alike.

    `spoilt` when one of them is. `parts` are those that have trees; where one has none, or somebody
    was met who is held for now, it is not `whole` and each has to be added by itself.
    """

    __slots__ = ("_added", "_first", "_last", "_met", "_stages", "parts", "spoilt", "whole")

    def __init__(self, wanted: Sequence[tuple[Colocation, Wish, int]]) -> None:
        self.spoilt = False
        self.whole = all(wish.step is not None for _, wish, _ in wanted)
        self.parts = tuple(
            (colocation, wish, wish.step, flags)
            for colocation, wish, flags in wanted if wish.step is not None
        )
        self._met: set[Resource] | None = None
        self._stages: list[Stage] | None = None
        self._first: Run | None = None
        self._last: Run | None = None
        self._added: WishesAdded | None = None
        for _, wish, _ in wanted:
            wish.users.append(self)

    def spoil(self) -> None:
        self.spoilt = True

    def meets(self, resource: Resource) -> bool:
        if self._met is None:
            self._met = set()
            for _, wish, _, _ in self.parts:
                self._met |= wish.met
        return resource in self._met

    def add_to(self, nodes: Mapping[str, int], workspace: Workspace) -> dict[str, int]:
        """A table with all trees added, see `tables.run_stages`; tables of instances differ little."""
        bits, runnable = workspace.bits, workspace.runnable_bits()
        for run in (self._last, self._first):
            told = None if run is None else run.again(nodes, bits, runnable)
            if told is not None:
                table, self._last = told
                return dict(table)
        if self._stages is None:
            self._stages = [stage for _, _, step, _ in self.parts for stage in step.stages(bits)]
        table, self._first = tables.run_stages(self._stages, nodes, bits, runnable)
        self._last = None
        return table

    def added(self, workspace: Workspace) -> WishesAdded:
        """What says later who wanted what."""
        from hashell.scheduler.scores import WishesAdded

        if self._added is None:
            bits = workspace.bits
            self._added = WishesAdded(
                [(spread.reason_of(colocation), step.stages(bits)) for colocation, _, step, _ in self.parts],
                bits, workspace.runnable_bits(), {node.id: node.name for node in workspace.nodes},
            )
        return self._added


def spread_wish(
    source: Resource, target: Resource, nodes: dict[str, int], colocation: Colocation, flags: int
) -> dict[str, int]:
    """`nodes` with the wishes of one side of a colocation and of all that come with it.

    Gives `nodes` itself where nothing may be added.
    """
    workspace = source.workspace
    if not workspace.launches_nodes:
        wish, held = _wish(source, colocation, flags), workspace.held
        if held is not None and (wish.step is None or held in wish.met):
            wish = _wish(source, colocation, flags, held)
        if wish.step is not None:
            return tables.add_tree(wish.step, nodes, workspace.runnable(), flags)
    return source.spread_scores(
        target, nodes, colocation, spread.factor_of(colocation), flags
    ) or nodes


def spread_wishes(
    primary: Resource, colocations: tuple[Colocation, ...], flags: int
) -> tuple[dict[str, int], WishesAdded] | None:
    """The primary's scores with all its dependents' wishes added in turn, and what says so.

    None where they have to be added one by one.
    """
    workspace = primary.workspace
    if workspace.launches_nodes or flags != spread.ACTIVE or workspace.held is not None:
        return None
    several = workspace.several.get(colocations)
    if several is None or several.spoilt:
        several = workspace.several[colocations] = Several([
            (one, _wish(one.dependent, one, flags), flags) for one in colocations if one.has_influence()
        ])
    if not several.whole or several.meets(primary):
        # What was added already changes what is wanted next.
        return None
    return several.add_to(primary.allowed, workspace), several.added(workspace)


def points_alone(
    resource: Resource, node: Node, points: int, primaries: tuple[Colocation, ...],
    dependents: tuple[Colocation, ...],
) -> int:
    """What becomes of a node's points, the only one of its table, in the light of what the
    resource's primaries and its dependents want.
    """
    workspace = resource.workspace
    table = {node.id: points}
    if not workspace.launches_nodes:
        key = primaries, dependents
        several = workspace.several.get(key)
        if several is None or several.spoilt:
            several = workspace.several[key] = Several([
                *((one, _wish(one.primary, one, spread.DEFAULT), spread.DEFAULT) for one in primaries),
                *(
                    (one, _wish(one.dependent, one, spread.NONNEGATIVE), spread.NONNEGATIVE)
                    for one in dependents
                ),
            ])
        held = workspace.held
        if several.whole and (held is None or not several.meets(held)):
            name, bits, runnable = node.id, workspace.bits, workspace.runnable()
            for _, _, step, flags in several.parts:
                if points >= 0 and runnable[name]:
                    points = tables.add_alone(step.stages(bits), bits[name], points, flags)
                else:
                    points = tables.add_tree(step, {name: points}, runnable, flags)[name]
            return points
    for one in primaries:
        table = spread_wish(one.primary, resource, table, one, spread.DEFAULT)
    for one in dependents:
        table = spread_wish(one.dependent, resource, table, one, spread.NONNEGATIVE)
    return table[node.id]


def _wish(
    source: Resource, colocation: Colocation, flags: int, held: Resource | None = None
) -> Wish:
    """The wish of one side of a colocation, written if it is not known.

    Without whom somebody has `held` for now, it is written for this one time.
    """
    nonnegative = flags & spread.NONNEGATIVE
    factor = spread.factor_of(colocation)
    workspace = source.workspace
    key = (colocation.alike, source is colocation.primary, factor, nonnegative, False)
    wish = workspace.wishes.get(key)
    if wish is None or wish.spoilt or held is not None:
        try:
            wish = _Writer(workspace, held).wish(key, source)
        except _Untold:
            wish = None
        if wish is None:
            # The walk is always right.
            wish = Wish(None, set())
        if held is None:
            workspace.wishes[key] = wish
    return wish


# Writing ------------------------------------------------------------------------------------------


class _Untold(Exception):
    """A tree can not say this."""


class _Writer:
    """Writes trees down.

    `path` are those on the way, with their places; `back` is the first of them that was met again.
    A tree that ended because of somebody before its own beginning serves this way alone.
    """

    __slots__ = ("back", "path", "workspace")

    def __init__(self, workspace: Workspace, held: Resource | None) -> None:
        self.workspace = workspace
        self.path: dict[Resource, int] = {} if held is None else {held: -1}
        self.back = _NEVER

    def wish(self, key: Key, source: Resource) -> Wish | None:
        """What a resource and all that come along add; None for one that was met on the way to it."""
        path, wishes = self.path, self.workspace.wishes
        known = wishes.get(key)
        if (
            known is not None and not known.spoilt and known.step is not None
            and known.met.isdisjoint(path)
        ):
            return known
        begin, outer_back = len(path), self.back
        self.back = _NEVER
        try:
            made = self._write(key, source)
            if made is not None and self.back >= begin:
                wishes[key] = made
            return made
        finally:
            while len(path) > begin:
                path.popitem()
            self.back = min(outer_back, self.back)

    def _write(self, key: Key, source: Resource) -> Wish | None:
        colocation, _, factor, nonnegative, dirty = key
        path, entered = self.path, []
        while True:
            place = path.get(source)
            if place is not None:
                self.back = min(self.back, place)
                return None
            path[source] = len(path)
            entered.append(source)
            if not source.is_group:
                break
            if not source.children:
                raise _Untold
            source = source.children[0]
        changes = self._changes(source, colocation, factor)
        dirty = dirty or bool(nonnegative and any(change < 0 for _, change in changes))
        met = set(entered)
        following: list[Step] = []
        parts: list[Wish] = []
        # Colocations that say the same want the same; a way that leads back is written once for all of them.
        told: dict[Colocation, Wish | None] = {}
        for other in with_this(source):
            if not other.has_influence():
                continue
            alike = other.alike
            if alike in told:
                part = told[alike]
            else:
                weight = spread.single(spread.single(factor * other.score) / INFINITY)
                part = told[alike] = self.wish((alike, False, weight, nonnegative, dirty), other.dependent)
            if part is None or part.step is None:
                continue
            parts.append(part)
            met |= part.met
            if dirty or part.step.changes:
                following.append(part.step)
            else:
                following.extend(part.step.following)
        made = Wish(Step(changes, tuple(following)), met)
        for part in dict.fromkeys(parts):
            part.users.append(made)
        for one in (*entered, colocation.dependent):
            one.readers.append(made)
        return made

    def _changes(
        self, source: Resource, colocation: Colocation, factor: float
    ) -> tuple[tuple[str, int], ...]:
        """What the resource adds to each node of the cluster, nothing left out."""
        parent = source.parent
        if parent is not None and parent.is_group and any(
            location.role for location in parent.locations
        ):
            raise _Untold
        workspace = self.workspace
        if not workspace.values_of(colocation.node_attribute).distinct:
            names = list(workspace.node_by_id)
            pairs = list(zip(
                names, spread.offers(source, colocation.primary, colocation, names), strict=True
            ))
        else:
            table = spread.scores_for_member(colocation, source)
            down = workspace.down()
            if down:
                pairs = [pair for pair in table.items() if pair[1] and pair[0] not in down]
                pairs.extend([(name, -INFINITY) for name in down])
            else:
                pairs = [pair for pair in table.items() if pair[1]]
            if len(table) < len(workspace.nodes):
                pairs.extend([
                    (name, -INFINITY) for name in workspace.node_by_id
                    if name not in table and name not in down
                ])
        changes: list[tuple[str, int]] = []
        known: dict[int, int | None] = {}
        for name, score in pairs:
            if score in known:
                change = known[score]
            else:
                change = known[score] = spread.change_of(score, factor, colocation)
            if change:
                changes.append((name, change))
        return tuple(changes)


#: A place that is behind every other.
_NEVER = 1 << 60
