"""Remedy: what would have to change for a resource to run on a node, tried out before it is said.

In:  a CIB, a resource and a node. Out: `Remedy`: few changes that together do it, none of which can be spared; or that
none were found. What stands in the way comes from scheduler/why.py; here it is changed on paper and scheduled again,
round after round, as behind one obstacle there can be another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lxml import etree
from msgspec import Struct
from msgspec.structs import replace

from hashell.cib.document import Cib
from hashell.scheduler.reasons import Edit, Way
from hashell.scheduler.trace import trace
from hashell.scheduler.why import WANTED, Why, instances, runs_next, tell
from hashell.simulate import inject
from hashell.simulate.run import Decision, decide
from hashell.values.scores import parse_score, show_score

#: Rounds of looking what else is in the way, runs of the scheduler to find out what can be spared and how few points
#: are enough, and how deep others' ways are followed.
ROUNDS_MAX, TRIALS_MAX, DEPTH_MAX = 8, 24, 4
_INFINITY = "INFINITY"
#: Ids of what exists only while an answer is tried out.
_TRIAL = "hashell-explain-trial"


class Remedy(Struct, frozen=True):
    """`changes` together bring the resource to the node if `works`; none are needed if it is going to be there."""

    changes: tuple[Way, ...]
    works: bool

    @property
    def single(self) -> bool:
        return self.works and len(self.changes) == 1


def remedy(cib: Cib, name: str, node: str, now_s: float, utc_offset_s: int = 0) -> Remedy:
    """What would bring a primitive (an instance stands for all of its kind) to a node."""
    return _Search(cib, name, node, now_s, utc_offset_s).run()


class _Search:
    def __init__(self, cib: Cib, name: str, node: str, now_s: float, utc_offset_s: int) -> None:
        self._cib = cib
        self._node = node
        self._now_s = now_s
        self._offset_s = utc_offset_s
        first = self._decide(())
        self._first = first
        self._name = first.state.by_id[name].config.id if name in first.state.by_id else name
        self._asked = 0
        self._not_allowed = ""

    def _decide(self, changes: Sequence[Way]) -> Decision:
        cib = self._cib
        if changes:
            root = cib.copy_root()
            for way in changes:
                for edit in way.edits:
                    apply_edit(root, edit)
            cib = Cib(root)
        return decide(cib, self._now_s, 0, WANTED, self._offset_s)

    def _there(self, decision: Decision) -> bool:
        return any(
            decision.schedule.placements.get(one) == self._node and runs_next(decision.state, decision.schedule, one)
            for one in instances(decision.state, self._name)
        )

    def _works(self, changes: Sequence[Way]) -> bool:
        self._asked += 1
        return self._there(self._decide(changes))

    def run(self) -> Remedy:
        changes: list[Way] = []
        decision = self._first
        for _ in range(ROUNDS_MAX):
            if self._there(decision):
                return Remedy(tuple(self._fewer_points(self._needed(changes))), True)
            known = {edit for way in changes for edit in way.edits}
            new = [way for way in self._ways(decision) if way.edits and not set(way.edits) <= known]
            if not new:
                new = self._force(decision, known)
            if not new:
                break
            changes += _merged(new)
            self._not_allowed = self._not_allowed or next(
                (way.text for way in new if any(edit.what == "points" and edit.value == "0" for edit in way.edits)), ""
            )
            decision = self._decide(changes)
        else:
            if self._there(decision):
                return Remedy(tuple(self._fewer_points(self._needed(changes))), True)
        return Remedy(tuple(changes), False)

    # What is in the way ---------------------------------------------------------------------------

    def _ways(self, decision: Decision) -> Iterator[Way]:
        """What stands in the way of the instance that is nearest to the node."""
        best: list[Way] | None = None
        for name in sorted(
            instances(decision.state, self._name), key=lambda one: bool(decision.schedule.placements.get(one))
        ):
            found = list(self._of(decision, name, set()))
            if best is None or (found and (not best or len(found) < len(best))):
                best = found
            if best and decision.schedule.placements.get(name):
                break
        yield from best or ()

    def _of(self, decision: Decision, name: str, seen: set[str]) -> Iterator[Way]:
        if name in seen or len(seen) >= DEPTH_MAX or name not in decision.state.by_id:
            return
        seen.add(name)
        why = tell(decision.state, decision.schedule, trace(decision.state, [name]), name, self._node)
        if not why.nodes:
            return
        (here,) = why.nodes
        if here.chosen:
            yield from self._blocked(decision, why, seen)
            return
        yield from here.ways
        for one in (*here.summands, *here.later):
            if one.is_veto and not one.constraint and one.other:
                # It goes where the other goes by what they are: so the other has to come.
                for other in instances(decision.state, one.other):
                    yield from self._of(decision, other, seen)

    def _blocked(self, decision: Decision, why: Why, seen: set[str]) -> Iterator[Way]:
        """It would be there if something did not keep it from starting."""
        yield from why.stopped
        for wait in why.waits:
            for cause in wait.causes if not wait.possible else ():
                if not cause.constraints and cause.resource and cause.resource not in seen:
                    seen.add(cause.resource)
                    for other in instances(decision.state, cause.resource):
                        yield from tell(
                            decision.state, decision.schedule, trace(decision.state, [other]), other
                        ).stopped

    def _force(self, decision: Decision, known: set[Edit]) -> list[Way]:
        """Points that nothing else outweighs, where those that were reckoned are not enough."""
        found = decision.state.by_id.get(next(iter(instances(decision.state, self._name)), ""))
        if found is None:
            return []
        top = found.outermost.config.id
        edit = Edit("points", top, self._node, _INFINITY)
        return [] if edit in known else [_points_way(top, self._node, _INFINITY)]

    # As little as possible --------------------------------------------------------------------------

    def _needed(self, changes: list[Way]) -> list[Way]:
        """Those that cannot be spared."""
        kept = list(changes)
        for way in changes:
            if len(kept) == 1 or self._asked >= TRIALS_MAX:
                break
            without = [one for one in kept if one is not way]
            if self._works(without):
                kept = without
        return kept

    def _fewer_points(self, changes: list[Way]) -> list[Way]:
        """Points that were asked for in several rounds as one sum, as few as are enough."""
        asked = [way for way in changes if any(edit.what == "points" for edit in way.edits)]
        if not asked:
            return changes
        others = [way for way in changes if way not in asked]
        edits = [edit for way in asked for edit in way.edits if edit.what == "points"]
        top, total = edits[-1].name, 0
        for edit in edits:
            total = min(total + parse_score(edit.value), parse_score(_INFINITY))
        if len({edit.name for edit in edits}) > 1:
            return changes

        def enough(points: int) -> bool:
            return self._works([*others, _points_way(top, self._node, show_score(points))])

        low, high = -1, total
        if not enough(high):
            return changes
        if total >= parse_score(_INFINITY):
            step = 1
            while step < total and self._asked < TRIALS_MAX:
                if enough(step):
                    high = step
                    break
                low, step = step, step * 10
        if high - low > 1 and enough(high - 1):
            high -= 1
            while high - low > 1 and self._asked < TRIALS_MAX:
                middle = (low + high) // 2
                if enough(middle):
                    high = middle
                else:
                    low = middle
        way = _points_way(top, self._node, show_score(high), asked[-1].text)
        if self._not_allowed:
            # That is why a constraint is needed, however many points it gives.
            way = replace(way, text=f"{self._not_allowed}, with at least {show_score(high)} points")
        return [*others, way]


def _points_way(top: str, node: str, points: str, text: str = "") -> Way:
    number = parse_score(points)
    told = "no number of points less than INFINITY is enough" if points == _INFINITY else text
    if not told.startswith(f"it needs at least {points} more points"):
        told = f"it needs {'' if points == _INFINITY else 'at least '}{points} more points there"
    return Way(
        told, f"hashell configure location {top}-on-{node} {top} {points}: {node}", number,
        (Edit("points", top, node, points),),
    )


def _merged(ways: Sequence[Way]) -> list[Way]:
    """Each edit once."""
    seen: set[Edit] = set()
    kept = []
    for way in ways:
        if not set(way.edits) <= seen:
            seen |= set(way.edits)
            kept.append(way)
    return kept


# Edits on paper -------------------------------------------------------------------------------------


def apply_edit(root: etree._Element, edit: Edit) -> None:
    """Change a CIB that the caller owns."""
    match edit.what:
        case "drop":
            drop_elements(one for one in root.iterfind("configuration/constraints/*") if one.get("id") == edit.name)
        case "points" | "admit":
            constraints = inject.section(root, "constraints")
            one = etree.SubElement(
                constraints, "rsc_location", id=f"{_TRIAL}-{len(constraints)}", rsc=edit.name, node=edit.node,
                score=edit.value or "0",
            )
            if edit.what == "admit":
                one.set("resource-discovery", "exclusive")
        case "cleanup":
            _clean_up(root, edit.name, edit.node)
        case "unlock":
            for one in root.iterfind("status/node_state/lrm/lrm_resources/lrm_resource"):
                if one.get("id") == edit.name and one.get("shutdown-lock"):
                    del one.attrib["shutdown-lock"]
        case "grant" | "activate":
            inject.set_ticket(root, edit.name, "granted", True)
            inject.set_ticket(root, edit.name, "standby", False)
        case "capacity":
            _set_capacity(root, edit.node, edit.value)
        case "heal":
            drop_attributes(root, edit.node, "#health")
        case "online":
            drop_attributes(root, edit.node, "standby")
        case "ready":
            drop_attributes(root, edit.node, "maintenance")
        case "join":
            inject.forget_node(root, edit.node)
            inject.set_node(root, edit.node, up=True)
            drop_attributes(root, edit.node, "shutdown")
        case "quorum":
            root.set("have-quorum", "1")
        case "meta":
            resources = root.iterfind("configuration/resources//*")
            holder = next((one for one in resources if one.get("id") == edit.name), None)
            if holder is not None:
                set_pair(holder, "meta_attributes", edit.node, edit.value)
        case "option":
            _set_option(root, edit.name, edit.value)


def _clean_up(root: etree._Element, name: str, node: str) -> None:
    for state in root.iterfind("status/node_state"):
        if node and state.get("uname", "").lower() != node.lower():
            continue
        drop_elements(
            one for one in state.iterfind("lrm/lrm_resources/lrm_resource")
            if one.get("id", "").partition(":")[0] == name
        )
        drop_elements(
            pair for pair in state.iterfind("transient_attributes/instance_attributes/nvpair")
            if pair.get("name", "").partition("#")[0].partition(":")[0] in (
                f"fail-count-{name}", f"last-failure-{name}"
            )
        )


def drop_elements(elements: Iterable[etree._Element]) -> None:
    """Take elements out of their tree."""
    for one in list(elements):
        parent = one.getparent()
        if parent is not None:
            parent.remove(one)


def _nodes(root: etree._Element, name: str) -> Iterator[etree._Element]:
    for path in ("configuration/nodes/node", "status/node_state"):
        for one in root.iterfind(path):
            if one.get("uname", "").lower() == name.lower():
                yield one


def drop_attributes(root: etree._Element, node: str, beginning: str) -> None:
    """A node's attributes whose names begin so, permanent and transient."""
    for holder in _nodes(root, node):
        pairs = [*holder.iterfind("instance_attributes/nvpair")]
        pairs += holder.iterfind("transient_attributes/instance_attributes/nvpair")
        drop_elements(pair for pair in pairs if pair.get("name", "").startswith(beginning))


def _set_capacity(root: etree._Element, node: str, values: str) -> None:
    holder = next((one for one in _nodes(root, node) if one.tag == "node"), None)
    if holder is None:
        holder = etree.SubElement(inject.section(root, "nodes"), "node", id=node, uname=node, type="remote")
    for word in values.split():
        name, _, value = word.partition("=")
        set_pair(holder, "utilization", name, value)


def set_pair(holder: etree._Element, tag: str, name: str, value: str) -> None:
    """An attribute of a resource, node or so on in a CIB that the caller owns; `tag` is the kind of its set."""
    known = [
        pair for part in holder.iterfind(tag) for pair in part.iterfind("nvpair") if pair.get("name") == name
    ]
    for pair in known:
        pair.set("value", value)
    if not known:
        part = etree.Element(tag, id=f"{_TRIAL}-{holder.get('id', '')}-{name}")
        etree.SubElement(part, "nvpair", id=f"{_TRIAL}-{holder.get('id', '')}-{name}-pair", name=name, value=value)
        holder.insert(0, part)


def _set_option(root: etree._Element, name: str, value: str) -> None:
    names = {name, *_OLD_NAMES.get(name, ())}
    config = inject.section(root, "crm_config")
    known = [pair for pair in config.iterfind("cluster_property_set/nvpair") if pair.get("name") in names]
    for pair in known:
        pair.set("value", value)
    if not known:
        options = etree.Element("cluster_property_set", id=f"{_TRIAL}-{name}")
        etree.SubElement(options, "nvpair", id=f"{_TRIAL}-{name}-pair", name=name, value=value)
        config.insert(0, options)


#: Options that older configurations know by other names.
_OLD_NAMES = {"fencing-enabled": ("stonith-enabled",)}
