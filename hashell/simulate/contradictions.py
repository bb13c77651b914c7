"""Contradictions: resources that are to run and cannot, and the constraints that together forbid it."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree
from msgspec import Struct

from hashell.cib.document import Cib
from hashell.errors import NotFound
from hashell.scheduler.conflicts import smallest_conflict
from hashell.scheduler.schedule import Wanted
from hashell.scheduler.trace import trace
from hashell.scheduler.why import instances, runs_next, tell
from hashell.simulate.run import Decision, decide

#: Runs of the scheduler for all resources together, and those that each may have in any case; constraints beyond what
#: this can weigh are told unreduced.
RUNS_MAX, RUNS_EACH = 400, 40
#: Resources that are looked at where none is named.
RESOURCES_MAX = 20


class Contradiction(Struct, frozen=True):
    """A resource that cannot run. `constraints` are their ids with what they say, empty where other things forbid it;
    `minimal`: none of them can be spared.
    """

    resource: str
    constraints: tuple[tuple[str, str], ...]
    minimal: bool
    reasons: tuple[str, ...] = ()


def find(cib: Cib, name: str, now_s: float, utc_offset_s: int = 0) -> list[Contradiction]:
    """For one resource, or for all that are to run and cannot. Raises NotFound."""
    decision = decide(cib, now_s, 0, Wanted(scores=True), utc_offset_s)
    if name:
        if not instances(decision.state, name):
            raise NotFound(f"no resource is called {name}", "see `hashell status`")
        wanted = [name]
    else:
        wanted = [one for one in _tops(decision) if not _disabled(decision, one)]
    stuck = [one for one in wanted if not _can_run(decision, one)]
    found: list[Contradiction] = []
    left = RUNS_MAX
    for one in stuck[:RESOURCES_MAX]:
        told, asked = _one(cib, decision, one, now_s, utc_offset_s, max(left, RUNS_EACH))
        left -= asked
        found.append(told)
    return found


def _tops(decision: Decision) -> list[str]:
    """What is asked about: each resource that somebody configured, members of groups for themselves."""
    names = [one.config.id for top in decision.state.resources for one in top.primitives() if not one.removed]
    return list(dict.fromkeys(names))


def _disabled(decision: Decision, name: str) -> bool:
    for ident in instances(decision.state, name):
        holder = decision.state.by_id.get(ident)
        while holder is not None:
            if (holder.meta.get("target-role") or "").lower() == "stopped":
                return True
            holder = holder.parent
    return False


def _can_run(decision: Decision, name: str) -> bool:
    """Whether any instance runs or will be started."""
    return any(runs_next(decision.state, decision.schedule, one) for one in instances(decision.state, name))


def _one(
    cib: Cib, decision: Decision, name: str, now_s: float, utc_offset_s: int, runs_max: int
) -> tuple[Contradiction, int]:
    """What keeps one resource from running, and how often the scheduler was asked."""
    root = cib.root
    known = {
        one.get("id", ""): one for one in root.iterfind("configuration/constraints/*") if isinstance(one.tag, str)
    }

    def can_run(kept: frozenset[str]) -> bool:
        copy = cib.copy_root()
        constraints = copy.find("configuration/constraints")
        if constraints is not None:
            for one in list(constraints):
                if one.get("id", "") not in kept:
                    constraints.remove(one)
        return _can_run(decide(Cib(copy), now_s, 0, utc_offset_s=utc_offset_s), name)

    near = _connected(root, known, name)
    found = smallest_conflict(near, can_run, asked_max=runs_max)
    if found is None and len(near) < len(known):
        found = smallest_conflict(tuple(known), can_run, asked_max=runs_max)
    if found is not None:
        told = tuple((ident, sentence(known[ident])) for ident in found.constraints)
        return Contradiction(name, told, found.minimal), found.asked
    ident = instances(decision.state, name)[0]
    why = tell(decision.state, decision.schedule, trace(decision.state, [ident]), ident)
    return Contradiction(name, (), True, tuple(way.text for way in why.stopped)), 4


def _connected(root: etree._Element, known: dict[str, etree._Element], name: str) -> tuple[str, ...]:
    """Constraints that can concern a resource: those that name it, or what is in one of these with it, and so on.

    Patterns and tags can mean anything, so constraints with a pattern always count, and tags join what they hold.
    """
    links: list[tuple[str, set[str]]] = [(ident, _named(one)) for ident, one in known.items()]
    groups = [
        {one.get("id", "") for one in top.iter() if isinstance(one.tag, str) and one.get("id")}
        for top in root.iterfind("configuration/resources/*") if isinstance(top.tag, str)
    ]
    groups += [
        {tag.get("id", ""), *(one.get("id", "") for one in tag.iterfind("obj_ref"))}
        for tag in root.iterfind("configuration/tags/tag")
    ]
    reached = {name}
    chosen: set[str] = {ident for ident, one in known.items() if one.get("rsc-pattern")}
    grown = True
    while grown:
        grown = False
        for group in groups:
            if group & reached and not group <= reached:
                reached |= group
                grown = True
        for ident, names in links:
            if ident not in chosen and names & reached:
                chosen.add(ident)
                reached |= names
                grown = True
    return tuple(ident for ident in known if ident in chosen)


def _named(constraint: etree._Element) -> set[str]:
    names = {constraint.get(key, "") for key in ("rsc", "with-rsc", "first", "then")}
    names |= {one.get("id", "") for one in constraint.iter("resource_ref")}
    return names - {""}


def sentence(one: etree._Element) -> str:
    """A constraint in words."""
    def get(key: str, default: str = "") -> str:
        return one.get(key, default)

    sets = ", ".join(ref.get("id", "") for ref in one.iter("resource_ref"))
    match one.tag:
        case "rsc_location":
            what = get("rsc") or get("rsc-pattern") or sets
            rules = ", ".join(f"rule {rule.get('id', '')} ({rule.get('score', '')})" for rule in one.iterfind("rule"))
            where = f"on {get('node')} {get('score')}" if get("node") else f"by {rules}"
            return f"location: {what} {where}"
        case "rsc_colocation":
            score = get("score", "INFINITY")
            verb = "not with" if score.startswith("-") else "with"
            who = f"{get('rsc')} {verb} {get('with-rsc')}" if get("rsc") else sets
            return f"colocation: {who} {score}"
        case "rsc_order":
            return f"order: {get('first')} before {get('then')}" if get("first") else f"order: {sets}"
        case "rsc_ticket":
            return f"ticket: {get('rsc') or sets} needs {get('ticket')}"
    return str(one.tag)


def text_lines(one: Contradiction) -> Iterator[str]:
    """For people."""
    if not one.constraints:
        yield f"{one.resource} cannot run, and not because of constraints:"
        for reason in one.reasons:
            yield f"  - {reason}"
        return
    several = len(one.constraints) > 1
    why = "these constraints contradict one another" if several else "of one constraint"
    yield f"{one.resource} cannot run because {why}:"
    for ident, told in one.constraints:
        yield f"  - {ident}: {told}"
    if one.minimal:
        way = "Take away or weaken any one of them, and the others no longer forbid it." if several else (
            "Without it, it can run."
        )
        yield f"  {way}"
    else:
        yield "  Some of these may not matter: the search was ended at its limit."


def data_of(one: Contradiction) -> dict[str, object]:
    return {
        "resource": one.resource, "minimal": one.minimal, "reasons": list(one.reasons),
        "constraints": [{"id": ident, "text": told} for ident, told in one.constraints],
    }
