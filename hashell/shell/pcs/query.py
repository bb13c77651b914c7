"""Questions that scripts ask about a resource: `pcs status query resource ID …`; the exit code is the answer.

Exit codes: 0 yes, 2 no, 1 an error. Source: pcs's manual, "status query resource".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from hashell.errors import BadUsage, NotFound
from hashell.shell.pcs.call import Call, sections

if TYPE_CHECKING:
    from hashell.status.cluster_status import Common, ResourceStatus

NO = 2
#: A state that goes by → the tasks by which it is known while they run.
_PENDING = {
    "starting": ("start",), "stopping": ("stop",), "migrating": ("migrate_to", "migrate_from"),
    "promoting": ("promote",), "demoting": ("demote",), "monitoring": ("monitor",),
}
#: What can be asked of `is-state`.
STATES = (
    "started", "stopped", "promoted", "unpromoted", *_PENDING, "disabled", "enabled", "managed", "unmanaged",
    "maintenance", "failed", "active", "orphaned", "blocked", "failure_ignored", "pending", "locked_to",
)
#: States that a group, a clone or a bundle has of its own; for any other its members or instances are asked.
_OWN = {
    "group": frozenset({"disabled", "enabled", "managed", "unmanaged", "maintenance"}),
    "clone": frozenset({"disabled", "enabled", "managed", "unmanaged", "maintenance", "failed", "failure_ignored"}),
    "bundle": frozenset({"managed", "unmanaged", "maintenance", "failed"}),
}
_QUANTIFIERS: dict[str, Callable[[Iterable[bool]], bool]] = {
    "all": all, "any": any, "none": lambda found: not any(found),
}
VERBS = (
    "exists", "is-stonith", "is-type", "get-type", "is-state", "is-in-group", "is-in-clone", "is-in-bundle",
    "get-nodes", "get-members", "get-index-in-group",
)


class Place(msgspec.Struct, frozen=True):
    """A resource, and what it is in, outermost first."""

    status: ResourceStatus
    inside: tuple[ResourceStatus, ...] = ()


def resource(call: Call, words: list[str]) -> int:
    if len(words) < 2:
        raise BadUsage("usage: pcs status query resource RESOURCE QUESTION …", "questions: " + ", ".join(VERBS))
    name, verb, rest = words[0], words[1], words[2:]
    if verb not in VERBS:
        import difflib

        close = difflib.get_close_matches(verb, VERBS, 1)
        raise BadUsage(f"'{verb}' is no question", f"did you mean {close[0]}?" if close else ", ".join(VERBS))
    places = list(_find(call, name))
    if verb == "exists":
        _none_left(verb, rest)
        return _answer(call, bool(places))
    if not places:
        raise NotFound(f"Resource '{name}' does not exist", "see resource status")
    if verb == "is-state":
        return _is_state(call, places, rest)
    if verb == "is-type":
        return _is_type(call, places[0].status, rest)
    if verb.startswith("is-in-"):
        return _is_in(call, places[0], verb.removeprefix("is-in-"), rest)
    _none_left(verb, rest)
    first = places[0].status
    match verb:
        case "is-stonith":
            return _answer(call, getattr(first, "standard", "") == "stonith")
        case "get-type":
            return call.lines([" ".join([first.variant, *_marks(first)])])
        case "get-nodes":
            return call.lines(sorted({node for place in places for node in place.status.active_on}))
        case "get-members":
            return call.lines(_members(first, name))
        case _:
            return call.lines([str(_index(places[0], name))])


def _answer(call: Call, found: bool, *more: str) -> int:
    if not call.has("--quiet"):
        call.lines([str(found), *more])
    return 0 if found else NO


def _none_left(verb: str, rest: Sequence[str]) -> None:
    if rest:
        raise BadUsage(f"'{rest[0]}' does not fit behind {verb}, nothing more is expected", "leave it out")


def _find(call: Call, name: str) -> Iterator[Place]:
    """Where the name is meant: `K` are all instances of K, `K:1` is one of them."""
    from hashell.shell.crm.status import gather
    from hashell.status.options import Section, StatusOptions

    found = gather(call.session.client, StatusOptions(sections=Section.RESOURCES, inactive=True))
    for top in found.resources:
        for place in _walk(Place(top)):
            one = place.status
            if name == one.id or name == one.id.partition(":")[0]:
                yield place


def _children(one: ResourceStatus) -> tuple[ResourceStatus, ...]:
    from hashell.status.cluster_status import BundleStatus, CloneStatus, GroupStatus

    match one:
        case GroupStatus(members=members):
            return members
        case CloneStatus(instances=instances):
            return instances
        case BundleStatus(replicas=replicas):
            return tuple(part for replica in replicas for part in replica.parts())
    return ()


def _walk(place: Place) -> Iterator[Place]:
    yield place
    for child in _children(place.status):
        yield from _walk(Place(child, (*place.inside, place.status)))


def _members(one: ResourceStatus, name: str) -> list[str]:
    from hashell.status.cluster_status import CloneStatus, PrimitiveStatus

    if isinstance(one, PrimitiveStatus):
        raise BadUsage(f"Resource '{name}' is a primitive, which has no members", "ask about a group, clone or bundle")
    if isinstance(one, CloneStatus):
        return [one.child]
    return list(dict.fromkeys(child.id.partition(":")[0] for child in _children(one)))


def _index(place: Place, name: str) -> int:
    group = next((one for one in reversed(place.inside) if one.variant == "group"), None)
    if group is None:
        raise BadUsage(f"Resource '{name}' is not in a group", "see resource group list")
    return [child.id for child in _children(group)].index(place.status.id)


def _marks(one: ResourceStatus) -> list[str]:
    marks = ["unique"] if one.unique and one.variant in ("clone", "bundle") else []
    return [*marks, *(["promotable"] if getattr(one, "promotable", False) and one.variant == "clone" else [])]


def _is_type(call: Call, one: ResourceStatus, rest: list[str]) -> int:
    kinds = ("primitive", "group", "clone", "bundle")
    if not rest or rest[0] not in kinds:
        raise BadUsage(f"'{rest[0] if rest else ''}' is no type of resources", "one of " + ", ".join(kinds))
    marks = rest[1:]
    for mark in marks:
        if mark not in ("unique", "promotable"):
            raise BadUsage(f"'{mark}' does not fit behind a type", "expected unique or promotable")
        if rest[0] not in (("clone", "bundle") if mark == "unique" else ("clone",)):
            raise BadUsage(f"type '{rest[0]}' cannot be {mark}", f"leave out {mark}")
    return _answer(call, one.variant == rest[0] and set(marks) <= set(_marks(one)))


def _is_in(call: Call, place: Place, kind: str, rest: list[str]) -> int:
    _none_left(f"is-in-{kind}", rest[1:])
    holder = next((one.id.partition(":")[0] for one in reversed(place.inside) if one.variant == kind), "")
    return _answer(call, bool(holder) and rest[:1] in ([], [holder]), *([holder] if holder else []))


def _is_state(call: Call, places: Sequence[Place], rest: list[str]) -> int:
    groups = sections(rest, ("on-node", "members", "instances"))
    wanted = groups[""][0]
    if not wanted or wanted[0] not in STATES or len(wanted) > (2 if wanted[0] == "locked_to" else 1):
        raise BadUsage(f"'{' '.join(wanted)}' is no state", "one of " + ", ".join(STATES))
    given: dict[str, str] = {}
    for name in ("on-node", "members", "instances"):
        values = groups.get(name, [[]])[0]
        if name in groups and (len(values) != 1 or (name != "on-node" and values[0] not in _QUANTIFIERS)):
            raise BadUsage(f"'{' '.join(values)}' does not fit behind {name}",
                           "name a node" if name == "on-node" else "one of all, any, none")
        given[name] = values[0] if values else ""
    kinds = {one.variant for place in places for one in (place.status, *place.inside)}
    if given["members"] and "group" not in {place.status.variant for place in places} and "group" not in {
        child.variant for place in places for child in _children(place.status)
    }:
        raise BadUsage("'members' can be asked of groups only", "leave it out")
    if given["instances"] and not kinds & {"clone", "bundle"}:
        raise BadUsage("'instances' can be asked of clones and bundles only", "leave it out")
    asked = [_holds(place.status, wanted, given) for place in places]
    return _answer(call, _QUANTIFIERS[given["instances"] or "any"](asked) if len(asked) > 1 else asked[0])


def _holds(one: ResourceStatus, wanted: Sequence[str], given: dict[str, str]) -> bool:
    """A group is what all its members are, a clone or bundle what any of its instances is, unless said otherwise."""
    quantifier = given["members"] if one.variant == "group" else given["instances"]
    children = _children(one)
    if not children or (not quantifier and not given["on-node"] and wanted[0] in _OWN.get(one.variant, ())):
        return _has(one, wanted) and (not given["on-node"] or given["on-node"] in one.active_on)
    return _QUANTIFIERS[quantifier or ("all" if one.variant == "group" else "any")](
        _holds(child, wanted, given) for child in children
    )


def _has(one: Common, wanted: Sequence[str]) -> bool:
    state = wanted[0]
    match state:
        case "disabled" | "maintenance" | "failed" | "orphaned" | "blocked" | "managed" | "failure_ignored":
            return bool(getattr(one, state))
        case "enabled" | "unmanaged":
            return not (one.disabled if state == "enabled" else one.managed)
        case "active":
            return bool(getattr(one, "active", bool(one.active_on)))
        case "locked_to":
            locked = getattr(one, "locked_to", "")
            return bool(locked) and wanted[1:] in ([], [locked])
    pending = getattr(one, "pending", "")
    if state == "pending":
        return bool(pending)
    if state in _PENDING:
        return pending in _PENDING[state]
    return str(getattr(one, "role", "")).lower() == state
