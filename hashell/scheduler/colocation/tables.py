"""Tables: how trees of wishes are added to tables of points, by node id.

Adding a tree gives what the walk of `spread.py` gives: points are added in the same order, a step
that leaves no node is undone with all that follows it, and who was wanted and came to nothing gets
one point where the walk would give it. There are three ways, for three kinds of tables: the whole
tree on any table (`add_tree`); a tree on a table with one node (`add_alone`); trees where points may
fall below zero, on the tables of many instances (`run_stages`). The last two leave out all parts of
a tree that change no node of the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hashell.scheduler.colocation.spread import ACTIVE, NONNEGATIVE, UNUSABLE
from hashell.scheduler.scores import add
from hashell.values.scores import INFINITY

#: One step of a tree in a list: the nodes that it and all that follows it change, as bits; those that
#: it bans; the others that it changes; what it adds to those, with the node's id and bit; and how far
#: to go on if it does not count.
Stage = tuple[int, int, int, tuple[tuple[str, int, int], ...], int]


class Step:
    """One resource that was met: the points that it adds, by node id, and those met after it."""

    __slots__ = ("_stages", "changes", "following")

    def __init__(self, changes: tuple[tuple[str, int], ...], following: tuple[Step, ...]) -> None:
        self.changes = changes
        self.following = following
        self._stages: list[Stage] | None = None

    def stages(self, bits: Mapping[str, int]) -> list[Stage]:
        """The tree as a list. `bits` are one for each node."""
        if self._stages is None:
            ban = adds = 0
            others: list[tuple[str, int, int]] = []
            for name, change in self.changes:
                bit = bits[name]
                if change <= -INFINITY:
                    ban |= bit
                else:
                    adds |= bit
                    others.append((name, bit, change))
            reach = ban | adds
            found: list[Stage] = []
            for following in self.following:
                stages = following.stages(bits)
                reach |= stages[0][0]
                found += stages
            found.insert(0, (reach, ban, adds, tuple(others), 1 + len(found)))
            self._stages = found
        return self._stages


# Any table ----------------------------------------------------------------------------------------


class _Table:
    """A table while a tree is added to it. `left` counts the nodes that could be chosen."""

    __slots__ = ("left", "nonnegative", "points", "runnable", "unusable")

    def __init__(
        self, points: dict[str, int], runnable: Mapping[str, bool], nonnegative: int
    ) -> None:
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
                    new = UNUSABLE
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


def add_tree(
    step: Step, nodes: dict[str, int], runnable: Mapping[str, bool], flags: int
) -> dict[str, int]:
    """The table with a tree added; the table itself where that would leave no node."""
    table = _Table(dict(nodes), runnable, flags & NONNEGATIVE)
    return table.points if table.add(step, active=bool(flags & ACTIVE)) else nodes


# One node -----------------------------------------------------------------------------------------


def add_alone(stages: Sequence[Stage], bit: int, points: int, flags: int) -> int:
    """The points of a node that can be chosen, the only one of its table, after a tree."""
    if not stages[0][0] & bit:
        return points
    nonnegative = flags & NONNEGATIVE
    new = add(points, _change(stages[0], bit))
    if new >= 0:
        points = new
    elif not nonnegative:
        return points if flags & ACTIVE else new
    elif points > 0:
        return points if flags & ACTIVE else 1
    place, end = 1, len(stages)
    while place < end:
        stage = stages[place]
        if not stage[0] & bit:
            place += stage[4]
            continue
        change = _change(stage, bit)
        new = add(points, change) if change else points
        if new >= 0:
            points = new
            place += 1
        elif nonnegative and points == 0:
            place += 1
        else:
            # It would leave no node.
            place += stage[4]
    return points


def _change(stage: Stage, bit: int) -> int:
    """What one step adds to one node."""
    _, ban, adds, others, _ = stage
    if adds & bit:
        for _, other, change in others:
            if other == bit:
                return change
    return -INFINITY if ban & bit else 0


# Many tables --------------------------------------------------------------------------------------


class Run:
    """What trees did to one table; it tells of tables that differ little from that.

    `always` are the nodes, as bits, that could be chosen all the time. `met` are the steps that were
    looked at, and whether they counted.
    """

    __slots__ = ("_after", "_always", "_before", "_met")

    def __init__(
        self, before: Mapping[str, int], after: Mapping[str, int], always: int,
        met: Sequence[tuple[Stage, bool]],
    ) -> None:
        self._before = before
        self._after = after
        self._always = always
        self._met = met

    def again(
        self, nodes: Mapping[str, int], bits: Mapping[str, int], runnable: int
    ) -> tuple[dict[str, int], Run] | None:
        """What the same trees do to another table; None where other steps may count there.

        Each node's points depend on nothing but which steps count. A step that counted still does
        while one node is left that was there all the time; one that did not count still does not
        while there are no other nodes than there were.
        """
        before, after = self._before, self._after
        if len(nodes) != len(before):
            return None
        found: dict[str, int] = {}
        others: list[str] = []
        fewer = 0
        for name, points in nodes.items():
            old = before.get(name)
            if points == old:
                found[name] = after[name]
                continue
            if old is None or old <= -INFINITY:
                return None
            found[name] = points
            fewer |= bits[name]
            if points > -INFINITY:
                others.append(name)
        always = self._always & ~fewer
        if not always:
            return None
        for name in others:
            told = self._follow(bits[name], found[name], runnable)
            if told is None or (told > -INFINITY and after[name] <= -INFINITY):
                return None
            found[name] = told
        return found, Run(dict(nodes), found, always, self._met)

    def _follow(self, bit: int, points: int, runnable: int) -> int | None:
        """One node's points after all steps that counted; None where another would count with it."""
        for stage, counted in self._met:
            change = _change(stage, bit)
            new = add(points, change) if change else points
            if counted:
                if new <= -INFINITY:
                    return new
                points = new
            elif new >= 0 and bit & runnable:
                return None
        return points


def run_stages(
    stages: Sequence[Stage], nodes: Mapping[str, int], bits: Mapping[str, int], runnable: int
) -> tuple[dict[str, int], Run]:
    """The table with trees added in turn, each of which counts only if it leaves a node.

    Points may fall below zero. `runnable` are the bits of nodes that can run resources.
    """
    points = dict(nodes)
    left = open_nodes = 0
    for name, score in nodes.items():
        if score >= 0:
            left |= bits[name]
        elif score > -INFINITY:
            open_nodes |= bits[name]
    open_nodes |= left
    begun = open_nodes
    left &= runnable
    always = left
    met: list[tuple[Stage, bool]] = []
    place, end = 0, len(stages)
    while place < end:
        stage = stages[place]
        reach, ban, adds, others, length = stage
        if not reach & open_nodes:
            # Nothing changes, whether it counts or not.
            place += length
            continue
        remaining = left & ~ban
        undo: list[tuple[str, int]] = []
        if adds & open_nodes:
            for name, bit, change in others:
                if not bit & open_nodes:
                    continue
                old = points[name]
                new = old + change
                if new >= INFINITY or old >= INFINITY or change >= INFINITY:
                    new = INFINITY
                elif new < -INFINITY:
                    new = -INFINITY
                if new < 0:
                    remaining &= ~bit
                elif old < 0:
                    remaining |= bit & runnable
                undo.append((name, old))
                points[name] = new
        met.append((stage, remaining != 0))
        if remaining:
            left = remaining
            always &= remaining
            open_nodes &= ~ban
            for name, _ in undo:
                if points[name] == -INFINITY:
                    open_nodes &= ~bits[name]
            place += 1
        else:
            for name, old in undo:
                points[name] = old
            place += length
    banned = begun & ~open_nodes
    if banned:
        for name in points:
            if banned & bits[name]:
                points[name] = -INFINITY
    return points, Run(dict(nodes), dict(points), always, met)
