"""Clashes: mandatory constraints that contradict one another whatever the cluster's state is.

    order       start this before that, in a circle: none of them can ever start
    colocation  two resources have to be on one node, and must not be on one node: never do both run

What a single resource cannot do where it stands is found by asking the scheduler (conflicts.py); here the
configuration alone is read. Of each circle the fewest constraints are told, found by the shortest way round.

Source: Pacemaker Explained, "Specifying the Order in which Resources Should Start/Stop", "Placing Resources Relative
to other Resources", "Resource Sets".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from msgspec import Struct

from hashell.model.constraints import ColocationConstraint, OrderConstraint
from hashell.values.scores import INFINITY, parse_score

if TYPE_CHECKING:
    from hashell.model.configuration import Configuration
    from hashell.model.constraints import ResourceSet
    from hashell.state.cluster_state import ClusterState
    from hashell.state.resources import Resource

#: What is looked through at most: sets can name every resource, and pairs of them are many.
_EDGES_MAX = 200_000
_UNAME = (None, "", "#uname")
#: A vertex: a resource, or an action of one.
_Vertex = tuple[str, str]


class Clash(Struct, frozen=True):
    """`kind` is order or colocation; `resources` are those in the circle, `steps` say it one after another."""

    kind: str
    constraints: tuple[str, ...]
    resources: tuple[str, ...]
    steps: tuple[str, ...]


class _Edge(Struct, frozen=True):
    """From one vertex to another, for a constraint; without one it comes with what the resources are."""

    first: _Vertex
    then: _Vertex
    constraint: str
    text: str


def clashes(state: ClusterState) -> tuple[Clash, ...]:
    """All that are there, of each knot of resources one with the fewest constraints."""
    names = _Names(state)
    return (*_order_circles(state.configuration, names), *_torn_apart(state.configuration, names))


class _Names:
    """What a name in a constraint stands for: the primitives below a resource, a template's or tag's resources."""

    def __init__(self, state: ClusterState) -> None:
        self._configuration = state.configuration
        self._below: dict[str, tuple[str, ...]] = {}
        self.many: set[str] = set()
        self.groups: list[tuple[str, tuple[str, ...]]] = []
        seen = set()
        for one in state.all_resources():
            if one.removed:
                continue
            primitives = tuple(dict.fromkeys(leaf.config.id for leaf in one.primitives()))
            self._below.setdefault(one.id, primitives)
            self._below.setdefault(one.config.id, primitives)
            if one.is_clone or one.is_bundle or _in_many(one):
                self.many |= {one.config.id, *primitives}
            if one.is_group and one.config.id not in seen:
                seen.add(one.config.id)
                self.groups.append((one.config.id, primitives))

    def of(self, name: str | None) -> tuple[str, ...]:
        if name is None:
            return ()
        found = self._below.get(name)
        if found is not None:
            return found
        for table in (self._configuration.templates, self._configuration.tags):
            if name in table:
                return tuple(dict.fromkeys(one for below in table[name] for one in self._below.get(below, ())))
        return ()


def _in_many(resource: Resource) -> bool:
    return resource.outermost.is_clone or resource.outermost.is_bundle


# Orders in a circle ---------------------------------------------------------------------------------


def _order_circles(configuration: Configuration, names: _Names) -> Iterator[Clash]:
    edges: list[_Edge] = []
    for one in configuration.constraints:
        if isinstance(one, OrderConstraint) and _is_mandatory(one.kind, one.score):
            edges += _order_edges(one, names)
            if len(edges) > _EDGES_MAX:
                return
    tasks = {vertex for edge in edges for vertex in (edge.first, edge.then)}
    for group, members in names.groups:
        for first, then in pairwise(members):
            edges.append(_Edge(
                (first, "start"), (then, "start"), "", f"{first} starts before {then}: members of group {group}"
            ))
    for name in {name for name, _ in tasks}:
        edges.append(_Edge((name, "start"), (name, "promote"), "", f"{name} starts before it is promoted"))
        edges.append(_Edge((name, "demote"), (name, "stop"), "", f"{name} is demoted before it stops"))
    for knot in _knots(edges):
        found = _shortest_circle(knot)
        if found:
            yield _clash("order", found)


def _is_mandatory(kind: str | None, score: str | None) -> bool:
    if kind is not None:
        return kind.lower() == "mandatory"
    return score is None or parse_score(score) != 0


def _order_edges(one: OrderConstraint, names: _Names) -> Iterator[_Edge]:
    if not one.sets:
        first_task = one.first_action or "start"
        yield from _all_before(
            one.id, [(names.of(one.first), first_task)], [(names.of(one.then), one.then_action or first_task)]
        )
        return
    levels: list[tuple[Sequence[str], str]] = []
    for part in one.sets:
        if part.kind is not None and not _is_mandatory(part.kind, None):
            continue
        task = part.action or "start"
        groups = [names.of(name) for name in part.references]
        if part.sequential is False:
            if part.require_all is False:
                levels.clear()  # any one of them is enough, so none of them has to be first
                continue
            levels.append(([name for group in groups for name in group], task))
        else:
            levels += [(group, task) for group in groups]
    for place, level in enumerate(levels):
        yield from _all_before(one.id, [level], levels[place + 1 :])


def _all_before(
    constraint: str, firsts: Sequence[tuple[Sequence[str], str]], thens: Sequence[tuple[Sequence[str], str]]
) -> Iterator[_Edge]:
    for first_names, first_task in firsts:
        for then_names, then_task in thens:
            for first in first_names:
                for then in then_names:
                    if (first, first_task) != (then, then_task):
                        yield _Edge(
                            (first, first_task), (then, then_task), constraint,
                            f"{first_task} of {first} before {then_task} of {then}: order constraint {constraint}",
                        )


def _knots(edges: Sequence[_Edge]) -> Iterator[list[_Edge]]:
    """Edges inside strongly connected parts, each part for itself (Tarjan, without recursion)."""
    after: dict[_Vertex, list[_Vertex]] = {}
    for edge in edges:
        after.setdefault(edge.first, []).append(edge.then)
        after.setdefault(edge.then, [])
    number: dict[_Vertex, int] = {}
    low: dict[_Vertex, int] = {}
    part: dict[_Vertex, int] = {}
    stack: list[_Vertex] = []
    for root, follows in after.items():
        if root in number:
            continue
        work = [(root, iter(follows))]
        number[root] = low[root] = len(number)
        stack.append(root)
        while work:
            vertex, rest = work[-1]
            further = next(rest, None)
            if further is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[vertex])
                if low[vertex] == number[vertex]:
                    while True:
                        one = stack.pop()
                        part[one] = number[vertex]
                        if one == vertex:
                            break
            elif further not in number:
                number[further] = low[further] = len(number)
                stack.append(further)
                work.append((further, iter(after[further])))
            elif further not in part:
                low[vertex] = min(low[vertex], number[further])
    inside: dict[int, list[_Edge]] = {}
    for edge in edges:
        if part[edge.first] == part[edge.then]:
            inside.setdefault(part[edge.first], []).append(edge)
    yield from inside.values()


def _shortest_circle(edges: Sequence[_Edge]) -> list[_Edge]:
    """The circle with the fewest constraints; what comes without a constraint counts nothing."""
    best: list[_Edge] = []
    fewest = len(edges) + 1
    by_first = _by_first(edges)
    for edge in edges:
        if not edge.constraint:
            continue
        way = _way(by_first, edge.then, edge.first, edge.constraint)
        if way is None:
            continue
        circle = [edge, *way]
        cost = len({one.constraint for one in circle if one.constraint})
        if cost < fewest:
            best, fewest = circle, cost
            if cost == 1:
                break
    return best


def _by_first(edges: Iterable[_Edge]) -> dict[_Vertex, list[_Edge]]:
    table: dict[_Vertex, list[_Edge]] = {}
    for edge in edges:
        table.setdefault(edge.first, []).append(edge)
    return table


def _way(
    edges: Mapping[_Vertex, list[_Edge]], source: _Vertex, target: _Vertex, free: str
) -> list[_Edge] | None:
    """The way over the fewest constraints; `free` is one that counts anyway."""
    came: dict[_Vertex, _Edge | None] = {source: None}
    cost = {source: 0}
    waiting = deque([source])
    done = set()
    while waiting:
        vertex = waiting.popleft()
        if vertex in done:
            continue
        done.add(vertex)
        if vertex == target:
            break
        for edge in edges.get(vertex, ()):
            step = 0 if edge.constraint in ("", free) else 1
            if cost[vertex] + step < cost.get(edge.then, len(cost) + _EDGES_MAX):
                cost[edge.then] = cost[vertex] + step
                came[edge.then] = edge
                if step:
                    waiting.append(edge.then)
                else:
                    waiting.appendleft(edge.then)
    if target not in came:
        return None
    way: list[_Edge] = []
    edge_in = came[target]
    while edge_in is not None:
        way.append(edge_in)
        edge_in = came[edge_in.first]
    return way[::-1]


def _clash(kind: str, circle: Sequence[_Edge]) -> Clash:
    return Clash(
        kind, tuple(dict.fromkeys(one.constraint for one in circle if one.constraint)),
        tuple(dict.fromkeys(one.first[0] for one in circle)), tuple(one.text for one in circle),
    )


# Together and apart -----------------------------------------------------------------------------------


def _torn_apart(configuration: Configuration, names: _Names) -> Iterator[Clash]:
    """Two that must be together (perhaps by way of others) and must not."""
    together: list[_Edge] = []
    apart: list[_Edge] = []
    for one in configuration.constraints:
        if isinstance(one, ColocationConstraint):
            for first, then, score in _pairs(one, names):
                if score >= INFINITY:
                    told = f"{first} must be where {then} is: colocation constraint {one.id}"
                    together += [
                        _Edge((first, ""), (then, ""), one.id, told), _Edge((then, ""), (first, ""), one.id, told),
                    ]
                elif score <= -INFINITY:
                    apart.append(_Edge(
                        (first, ""), (then, ""), one.id,
                        f"{first} must not be where {then} is: colocation constraint {one.id}",
                    ))
            if len(together) + len(apart) > _EDGES_MAX:
                return
    if not apart:
        return
    for group, members in names.groups:
        for left, right in pairwise(members):
            told = f"{right} is where {left} is: members of group {group}"
            together += [_Edge((left, ""), (right, ""), "", told), _Edge((right, ""), (left, ""), "", told)]
    by_first = _by_first(together)
    found: dict[str, Clash] = {}
    for edge in apart:
        way = [] if edge.first == edge.then else _way(by_first, edge.first, edge.then, edge.constraint)
        if way is None:
            continue
        clash = _clash("colocation", [edge, *way])
        known = found.get(edge.constraint)
        if known is None or len(clash.constraints) < len(known.constraints):
            found[edge.constraint] = clash
    yield from found.values()


def _pairs(one: ColocationConstraint, names: _Names) -> Iterator[tuple[str, str, int]]:
    """Primitives that a colocation binds, where each of them runs in one place and in any role."""
    if one.node_attribute not in _UNAME:
        return
    score = parse_score(one.score) if one.score is not None else INFINITY if not one.sets else 0
    if not one.sets:
        if _any_role(one.role) and _any_role(one.with_role):
            yield from _across(names, names.of(one.resource), names.of(one.with_resource), score)
        return
    members: list[list[str]] = []
    for part in one.sets:
        inside = [name for reference in part.references for name in names.of(reference)]
        members.append(inside if _any_role(part.role) else [])
        if not members[-1]:
            continue
        own = _set_score(part, one)
        if own < 0:
            for first, then in combinations(inside, 2):
                yield from _across(names, (first,), (then,), own)
        elif part.sequential is not False:
            for first, then in pairwise(inside):
                yield from _across(names, (then,), (first,), own)
    for first_set, then_set in pairwise(members):
        yield from _across(names, first_set, then_set, score)


def _set_score(part: ResourceSet, one: ColocationConstraint) -> int:
    text = part.score if part.score is not None else one.score
    return INFINITY if text is None else parse_score(text)


def _any_role(role: str | None) -> bool:
    return role is None or role.lower() == "started"


def _across(
    names: _Names, firsts: Sequence[str], thens: Sequence[str], score: int
) -> Iterator[tuple[str, str, int]]:
    for first in firsts:
        for then in thens:
            if first != then and not {first, then} & names.many:
                yield first, then, score
