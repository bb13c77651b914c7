"""Wishes: what those that come along want, worked out once and added to many tables.

`spread.py` walks along every path of colocations each time that a table is asked for. For the
instances of a clone these walks are alike, and most of those met on the way want nothing anywhere.
So a walk is written down as a tree of `Step`s that hold nothing but changes: who changes no points
is left out. A tree holds until a score changes of somebody who was met (`Resource.changed_at`).

Adding a tree gives what the walk gives: points are added in the same order, a step that leaves no
node is undone with all that follows it, and who was wanted and came to nothing gets one point where
the walk would give it. What a tree can not say is left to the walk: attributes that differ with the
container of a guest, and members that feel a group's constraints by role.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.scheduler.colocation import spread
from hashell.scheduler.colocation.relations import with_this
from hashell.scheduler.scores import add
from hashell.values.scores import INFINITY

if TYPE_CHECKING:
    from hashell.scheduler.colocation.relations import Colocation
    from hashell.scheduler.variants.variant import Resource
    from hashell.scheduler.workspace import Workspace


#: A tree that is used more often than this is worth its courses.
_FEW_USES = 2


class Step:
    """One resource that was met: the points that it adds, by node id, and those met after it."""

    __slots__ = ("changes", "following")

    def __init__(self, changes: tuple[tuple[str, int], ...], following: tuple[Step, ...]) -> None:
        self.changes = changes
        self.following = following


class Wish:
    """The tree of one colocation. `met` are all whose scores it was made from.

    `step` is None where there is no tree and the walk decides.
    """

    __slots__ = ("alone", "courses", "made_at", "met", "step", "uses")

    def __init__(self, step: Step | None, met: tuple[Resource, ...], made_at: int) -> None:
        self.step = step
        self.met = met
        self.made_at = made_at
        self.uses = 0
        self.courses: dict[str, Course] | None = None
        self.alone: dict[str, list[tuple[int, int]]] | None = None

    def holds(self, workspace: Workspace) -> bool:
        """Whether no score has changed that it was made from."""
        if self.made_at == workspace.clock:
            return True
        if self.made_at < workspace.nodes_changed_at:
            return False
        made_at = self.made_at
        for resource in self.met:
            if resource.changed_at > made_at:
                return False
        self.made_at = workspace.clock
        return True


class Course:
    """What a tree does to one node's points while every step counts, whatever becomes of other nodes.

    `changes` are the changes in order; None stands where a node that came to nothing gets its one
    point. `ends` remembers, by the points before, those after and whether the node could be chosen
    all the time.
    """

    __slots__ = ("changes", "ends")

    def __init__(self) -> None:
        self.changes: list[int | None] = []
        self.ends: dict[int, tuple[int, bool]] = {}

    def run(self, points: int, nonnegative: int) -> tuple[int, bool]:
        start, steady = points, points >= 0
        for change in self.changes:
            if change is None:
                if points == spread.UNUSABLE:
                    points = 1
                continue
            if points <= -INFINITY:
                continue
            new = add(points, change)
            if new < 0:
                if nonnegative and points >= 0:
                    if points == 0:
                        continue
                    new = spread.UNUSABLE
                steady = False
            points = new
        self.ends[start] = (points, steady)
        return points, steady


def _courses(step: Step) -> dict[str, Course]:
    """The courses of all nodes that a tree changes."""
    found: dict[str, Course] = {}
    falling: set[str] = set()

    def follow(step: Step) -> None:
        for name, change in step.changes:
            course = found.get(name)
            if course is None:
                course = found[name] = Course()
            course.changes.append(change)
            if change < 0:
                falling.add(name)
        for following in step.following:
            follow(following)
        for name in falling:
            found[name].changes.append(None)
        falling.clear()

    follow(step)
    return found


class _Untold(Exception):
    """A tree can not say this."""


def spread_wish(
    source: Resource, target: Resource, nodes: dict[str, int], colocation: Colocation, flags: int
) -> dict[str, int]:
    """`nodes` with the wishes of one side of a colocation and of all that come with it.

    Gives `nodes` itself where nothing may be added.
    """
    workspace = source.workspace
    if not workspace.launches_nodes:
        key = (colocation, source is colocation.primary, flags & spread.NONNEGATIVE)
        wish = workspace.wishes.get(key)
        if wish is None or not wish.holds(workspace):
            wish = _Writer(workspace, flags).write(source, colocation)
            workspace.wishes[key] = wish
        held = workspace.held
        if wish.step is not None and (held is None or held not in wish.met):
            wish.uses += 1
            if wish.uses > _FEW_USES:
                if len(nodes) == 1:
                    [(name, points)] = nodes.items()
                    if points >= 0 and workspace.runnable()[name]:
                        points = _add_alone(wish, wish.step, name, points, flags)
                        return {name: points} if points != nodes[name] else nodes
                table = _run_courses(wish, wish.step, nodes, workspace, flags)
                if table is not None:
                    return table
            return _add(wish.step, nodes, workspace, flags)
    return source.spread_scores(
        target, nodes, colocation, spread.factor_of(colocation), flags
    ) or nodes


# Writing ------------------------------------------------------------------------------------------


class _Writer:
    """Writes one tree down."""

    __slots__ = ("flags", "met", "path", "workspace")

    def __init__(self, workspace: Workspace, flags: int) -> None:
        self.workspace = workspace
        self.flags = flags & spread.NONNEGATIVE
        self.met: dict[Resource, None] = {}
        self.path: set[Resource] = set()

    def write(self, source: Resource, colocation: Colocation) -> Wish:
        try:
            step = self._step(source, colocation, spread.factor_of(colocation), dirty=False)
        except _Untold:
            step = None
        if step is not None:
            return Wish(step, tuple(self.met), self.workspace.clock)
        # The walk is always right. Who is held for now does not hinder the next tree.
        return Wish(None, (), -1 if self.workspace.held is not None else self.workspace.clock)

    def _step(
        self, source: Resource, colocation: Colocation, factor: float, *, dirty: bool
    ) -> Step | None:
        """What a resource adds; None for one that was met on the way to it.

        `dirty`: on the way some node may have come to nothing, which the next step ends.
        """
        path, entered = self.path, []
        try:
            while True:
                if source in path:
                    return None
                self.met[source] = None
                if source.updating_nodes:
                    # Somebody further up holds it for now.
                    raise _Untold
                path.add(source)
                entered.append(source)
                if not source.is_group:
                    break
                if not source.children:
                    raise _Untold
                source = source.children[0]
            changes = self._changes(source, colocation, factor)
            dirty = dirty or bool(
                self.flags and any(change < 0 for _, change in changes)
            )
            following: list[Step] = []
            for other in with_this(source):
                weight = spread.single(spread.single(factor * other.score) / INFINITY)
                self.met[other.dependent] = None
                if not other.has_influence():
                    continue
                step = self._step(other.dependent, other, weight, dirty=dirty)
                if step is None:
                    continue
                if dirty or step.changes:
                    following.append(step)
                else:
                    following.extend(step.following)
            return Step(changes, tuple(following))
        finally:
            path.difference_update(entered)

    def _changes(
        self, source: Resource, colocation: Colocation, factor: float
    ) -> tuple[tuple[str, int], ...]:
        """What the resource adds to each node of the cluster, nothing left out."""
        self.met[colocation.dependent] = None
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
            pairs = [
                (name, score)
                for name, can_run in workspace.runnable_nodes()
                if (score := table.get(name, -INFINITY) if can_run else -INFINITY)
            ]
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


# Adding -------------------------------------------------------------------------------------------


class _Table:
    """A table while a tree is added to it. `left` counts the nodes that could be chosen."""

    __slots__ = ("left", "nonnegative", "points", "runnable", "unusable")

    def __init__(self, points: dict[str, int], runnable: dict[str, bool], nonnegative: int) -> None:
        self.points = points
        self.runnable = runnable
        self.nonnegative = nonnegative
        self.unusable: list[str] = []
        left = 0
        for name, score in points.items():
            if score >= 0 and runnable[name]:
                left += 1
        self.left = left

    def add(self, step: Step, *, active: bool) -> bool:
        """Whether the step counted. Without `active` it counts even if it leaves no node."""
        points, left = self.points, self.left
        marks = len(self.unusable)
        undo: list[tuple[str, int]] = []
        for name, change in step.changes:
            old = points.get(name)
            if old is None or old <= -INFINITY:
                # Banned for good, or unusable; a node of another cluster's part.
                continue
            if change <= -INFINITY:
                new = -INFINITY
            else:
                new = old + change
                if new >= INFINITY or old >= INFINITY or change >= INFINITY:
                    new = INFINITY
                elif new < -INFINITY:
                    new = -INFINITY
            if new < 0 and self.nonnegative:
                if old > 0:
                    new = spread.UNUSABLE
                    self.unusable.append(name)
                elif old == 0:
                    continue
            if new == old:
                continue
            undo.append((name, old))
            points[name] = new
            if (old >= 0) is not (new >= 0) and self.runnable[name]:
                left += 1 if new >= 0 else -1
        if left:
            self.left = left
            for following in step.following:
                self.add(following, active=True)
        elif active:
            for name, old in undo:
                points[name] = old
            del self.unusable[marks:]
            return False
        else:
            self.left = left
        if self.unusable:
            for name in self.unusable:
                points[name] = 1
                if self.runnable[name]:
                    self.left += 1
            self.unusable.clear()
        return True


def _changes_alone(step: Step) -> dict[str, list[tuple[int, int]]]:
    """For each node the changes of all steps after the first, as if there were no other node: each
    with the place where to go on if the step does not count.
    """
    found: dict[str, list[tuple[int, int]]] = {}

    def follow(step: Step) -> None:
        begun = []
        for name, change in step.changes:
            changes = found.get(name)
            if changes is None:
                changes = found[name] = []
            begun.append((changes, len(changes), change))
            changes.append((change, 0))
        for following in step.following:
            follow(following)
        for changes, place, change in begun:
            changes[place] = (change, len(changes))

    for following in step.following:
        follow(following)
    return found


def _add_alone(wish: Wish, step: Step, name: str, points: int, flags: int) -> int:
    """The points of a node that can be chosen, the only one of its table, after a tree."""
    nonnegative = flags & spread.NONNEGATIVE
    for other, change in step.changes:
        if other == name:
            new = add(points, change)
            if new >= 0:
                points = new
            elif not nonnegative:
                return points if flags & spread.ACTIVE else new
            elif points > 0:
                return points if flags & spread.ACTIVE else 1
            break
    if wish.alone is None:
        wish.alone = _changes_alone(step)
    changes = wish.alone.get(name, ())
    place, end = 0, len(changes)
    while place < end:
        change, after = changes[place]
        new = add(points, change)
        if new >= 0:
            points = new
            place += 1
        elif nonnegative and points == 0:
            place += 1
        else:
            # It would leave no node.
            place = after
    return points


def _run_courses(
    wish: Wish, step: Step, nodes: dict[str, int], workspace: Workspace, flags: int
) -> dict[str, int] | None:
    """The table after a tree in which every step counts, as there is a node that can be chosen
    all the time; None where there is no such node.
    """
    courses = wish.courses
    if courses is None:
        courses = wish.courses = _courses(step)
    nonnegative = flags & spread.NONNEGATIVE
    runnable = workspace.runnable()
    found: dict[str, int] = {}
    chosen = False
    for name, points in nodes.items():
        course = courses.get(name)
        if course is None:
            found[name] = points
            steady = points >= 0
        elif points <= -INFINITY:
            found[name] = points
            continue
        else:
            known = course.ends.get(points)
            found[name], steady = course.run(points, nonnegative) if known is None else known
        if steady and not chosen and runnable[name]:
            chosen = True
    return found if chosen else None


def _add(step: Step, nodes: dict[str, int], workspace: Workspace, flags: int) -> dict[str, int]:
    table = _Table(dict(nodes), workspace.runnable(), flags & spread.NONNEGATIVE)
    if table.add(step, active=bool(flags & spread.ACTIVE)):
        return table.points
    return nodes
