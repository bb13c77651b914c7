"""Contradictions: the fewest constraints that contradict one another, and resources that cannot run because of them.

Three kinds are looked for. *order*: mandatory orders in a circle; *colocation*: two resources bound to one node and
kept apart (both are read from the configuration, scheduler/clashes.py); *placement*: constraints that together keep a
resource that is to run from running anywhere, found by asking the scheduler (scheduler/conflicts.py). What keeps it
from running only as things stand, and would not with every node up and healthy, no failures, nothing disabled and all
tickets granted, is told as that: these constraints agree with one another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lxml import etree
from msgspec import Struct
from msgspec.structs import replace

from hashell.cib.document import Cib
from hashell.errors import NotFound
from hashell.scheduler.clashes import clashes
from hashell.scheduler.conflicts import smallest_conflict
from hashell.scheduler.schedule import schedule
from hashell.scheduler.trace import trace
from hashell.scheduler.why import WANTED, NodeWhy, instances, runs_next, tell
from hashell.simulate import inject
from hashell.simulate.remedy import drop_attributes, drop_elements
from hashell.simulate.run import Decision, decide, walk

#: Runs of the scheduler for all resources together, and those that each may have in any case; where they are not
#: enough, what was found by then is told, and that it may not be the fewest.
RUNS_MAX, RUNS_EACH = 600, 60
#: Resources that are looked at where none is named; constraints that are tried to be dropped alone.
RESOURCES_MAX, DROPS_MAX = 20, 12
#: Transitions until a cluster whose failures are forgotten has come to rest.
_SETTLE_MAX = 3


class Contradiction(Struct, frozen=True):
    """Constraints that contradict one another.

    kind         placement, order or colocation
    resources    those that cannot run (not all of them, for order and colocation)
    constraints  their ids, with what they say
    why          the contradiction, step by step
    minimal      none of them can be spared
    smallest     there is no smaller set; else there are no fewer than `at_least`
    lasting      whether it would be the same with all nodes up and healthy, no failures, nothing disabled and all
                 tickets; otherwise it is no contradiction, but what keeps the resource from running now
    drop         those of which dropping one alone is enough, tried; empty where it is not enough, or not tried
    """

    kind: str
    resources: tuple[str, ...]
    constraints: tuple[tuple[str, str], ...]
    why: tuple[str, ...]
    minimal: bool = True
    smallest: bool = True
    at_least: int = 1
    lasting: bool = True
    drop: tuple[str, ...] = ()


class Stuck(Struct, frozen=True):
    """A resource that cannot run for other reasons than constraints."""

    resource: str
    reasons: tuple[str, ...]


class Findings(Struct, frozen=True):
    """What was found, lasting contradictions first. `unlooked` are resources that cannot run and were not looked at, as
    there are too many.
    """

    contradictions: tuple[Contradiction, ...]
    stuck: tuple[Stuck, ...] = ()
    unlooked: tuple[str, ...] = ()

    @property
    def lasting(self) -> tuple[Contradiction, ...]:
        return tuple(one for one in self.contradictions if one.lasting)


def find(cib: Cib, name: str, now_s: float, utc_offset_s: int = 0) -> Findings:
    """For one resource, or for all that are to run and cannot. Raises NotFound."""
    return _Finder(cib, now_s, utc_offset_s).find(name)


class _Finder:
    def __init__(self, cib: Cib, now_s: float, utc_offset_s: int) -> None:
        self._cib = cib
        self._now_s = now_s
        self._offset_s = utc_offset_s
        self._decision = decide(cib, now_s, 0, WANTED, utc_offset_s)
        self._known = {
            one.get("id", ""): one for one in cib.root.iterfind("configuration/constraints/*")
            if isinstance(one.tag, str)
        }
        self._ideal: Decision | None = None
        self._runs_left = RUNS_MAX

    def find(self, name: str) -> Findings:
        decision = self._decision
        below = instances(decision.state, name)
        if name and not below:
            raise NotFound(f"no resource is called {name}", "see `hashell status`")
        wanted = [name] if name else [one for one in _tops(decision) if not _disabled(decision, one)]
        mine = {decision.state.by_id[one].config.id for one in below}
        found = [
            Contradiction(one.kind, one.resources, self._told(one.constraints), one.steps)
            for one in clashes(decision.state) if not name or mine & set(one.resources)
        ]
        stuck: list[Stuck] = []
        looked = [one for one in wanted if not _can_run(decision, one)]
        for one in looked[:RESOURCES_MAX]:
            self._one(one, found, stuck)
        found.sort(key=lambda one: not one.lasting)
        return Findings(tuple(found), tuple(stuck), tuple(looked[RESOURCES_MAX:]))

    def _told(self, constraints: Sequence[str]) -> tuple[tuple[str, str], ...]:
        return tuple((ident, sentence(self._known[ident])) for ident in constraints)

    def _one(self, name: str, found: list[Contradiction], stuck: list[Stuck]) -> None:
        """What keeps one resource from running."""
        for place, one in enumerate(found):
            ids = frozenset(ident for ident, _ in one.constraints)
            if one.kind == "placement" and not self._runs_with(name, ids):
                if self._runs_with(name, frozenset()):
                    found[place] = replace(one, resources=(*one.resources, name))
                    return
                break
        near = _connected(self._cib.root, self._known, name)
        limit = max(self._runs_left, RUNS_EACH)
        conflict = smallest_conflict(near, lambda kept: self._runs_with(name, kept), asked_max=limit)
        if conflict is None and len(near) < len(self._known):
            conflict = smallest_conflict(
                tuple(self._known), lambda kept: self._runs_with(name, kept), asked_max=limit
            )
        if conflict is None:
            ident = instances(self._decision.state, name)[0]
            why = tell(
                self._decision.state, self._decision.schedule, trace(self._decision.state, [ident]), ident
            )
            stuck.append(Stuck(name, tuple(way.text for way in why.stopped)))
            return
        self._runs_left -= conflict.asked
        kept = frozenset(conflict.constraints)
        for place, one in enumerate(found):
            if {ident for ident, _ in one.constraints} == kept:
                found[place] = replace(one, resources=tuple(dict.fromkeys((*one.resources, name))))
                return
        every = frozenset(self._known)
        drop = tuple(
            ident for ident in conflict.constraints[:DROPS_MAX] if self._runs_with(name, every - {ident})
        )
        found.append(Contradiction(
            "placement", (name,), self._told(conflict.constraints), self._steps(name, kept), conflict.minimal,
            conflict.smallest, conflict.at_least, self._lasts(name, kept), drop,
        ))

    def _with(self, decision: Decision, kept: frozenset[str]) -> Decision:
        """The same state, decided where only these constraints hold."""
        configuration = decision.state.configuration
        constraints = tuple(one for one in configuration.constraints if one.id in kept)
        state = replace(decision.state, configuration=replace(configuration, constraints=constraints))
        planned = schedule(state, 0, WANTED)
        return Decision(planned.graph, (), planned.recheck_at, planned, state)

    def _runs_with(self, name: str, kept: frozenset[str]) -> bool:
        return _can_run(self._with(self._decision, kept), name)

    def _lasts(self, name: str, kept: frozenset[str]) -> bool:
        if self._ideal is None:
            self._ideal = ideal(self._cib, self._now_s, self._offset_s)
        return bool(instances(self._ideal.state, name)) and not _can_run(self._with(self._ideal, kept), name)

    def _steps(self, name: str, kept: frozenset[str]) -> tuple[str, ...]:
        """For each node, what forbids it where only these constraints hold; or what it waits for in vain."""
        decision = self._with(self._decision, kept)
        steps: dict[str, None] = {}
        for ident in instances(decision.state, name)[:1]:
            why = tell(decision.state, decision.schedule, trace(decision.state, [ident]), ident)
            if not any(node.chosen for node in why.nodes):
                steps.update((f"{node.node}: {told}", None) for node in why.nodes if (told := _forbidden(node)))
            if not steps:
                steps = dict.fromkeys(way.text for way in why.stopped)
        return tuple(steps)


def _forbidden(node: NodeWhy) -> str:
    if node.veto is not None:
        return node.veto.text
    return node.obstacles[0].text if node.obstacles else ""


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


# How it would be if nothing were wrong ------------------------------------------------------------------


def ideal(cib: Cib, now_s: float, utc_offset_s: int = 0) -> Decision:
    """The cluster with every node up, healthy and in service, no failures, nothing disabled, quorum and all tickets,
    once at rest.
    """
    root = cib.copy_root()
    root.set("have-quorum", "1")
    for state in root.iterfind("status/node_state"):
        drop_elements(
            entry for entry in state.iterfind("lrm/lrm_resources/lrm_resource/lrm_rsc_op")
            if entry.get("rc-code") not in ("0", "7", "8") or entry.get("op-status", "0") != "0"
        )
        drop_elements(
            pair for pair in state.iterfind("transient_attributes/instance_attributes/nvpair")
            if pair.get("name", "").startswith(("fail-count-", "last-failure-"))
        )
        for name in ("shutdown-lock", "maintenance"):
            for one in state.iter():
                if isinstance(one.tag, str) and one.get(name):
                    del one.attrib[name]
    for node in root.iterfind("configuration/nodes/node"):
        name = node.get("uname", "")
        if node.get("type", "member") in ("member", "normal"):
            inject.set_node(root, name, up=True)
        for word in ("#health", "standby", "maintenance", "shutdown", "terminate"):
            drop_attributes(root, name, word)
    for pair in root.iterfind("configuration/crm_config/cluster_property_set/nvpair"):
        if pair.get("name") in ("maintenance-mode", "stop-all-resources"):
            pair.set("value", "false")
    for constraint in root.iterfind("configuration/constraints/rsc_ticket"):
        if constraint.get("ticket"):
            inject.set_ticket(root, constraint.get("ticket", ""), "granted", True)
            inject.set_ticket(root, constraint.get("ticket", ""), "standby", False)
    drop_elements(
        pair for pair in root.iterfind("configuration/resources//meta_attributes/nvpair")
        if pair.get("name") == "target-role" and (pair.get("value") or "").lower() == "stopped"
    )
    now = Cib(root)
    decision = decide(now, now_s, 0, WANTED, utc_offset_s)
    for _ in range(_SETTLE_MAX):
        if not decision.graph.synapses:
            break
        decision = decide(walk(decision, (), int(now_s)).cib, now_s, 0, WANTED, utc_offset_s)
    return decision


# Constraints in words ---------------------------------------------------------------------------------


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
            if not get("first"):
                return f"order: {sets}"
            first, then = get("first-action", "start"), get("then-action", get("first-action", "start"))
            kind = get("kind", get("score", "Mandatory"))
            return f"order: {first} {get('first')} before {then} {get('then')} ({kind})"
        case "rsc_ticket":
            return f"ticket: {get('rsc') or sets} needs {get('ticket')}"
    return str(one.tag)


def _wrap(text: str, first: str) -> list[str]:
    import textwrap

    return textwrap.wrap(
        text, 80, initial_indent=first, subsequent_indent=" " * len(first), break_long_words=False,
        break_on_hyphens=False,
    )


def text_lines(one: Contradiction) -> Iterator[str]:
    """For people."""
    several = len(one.constraints) > 1
    who = " and ".join(filter(None, (", ".join(one.resources[:-1]), one.resources[-1])))
    match one.kind:
        case "order":
            head = f"{who} can never start, because these order constraints go in a circle:"
        case "colocation":
            head = f"{who} can never all run, because they must be together and must not be:"
        case _:
            why = "these constraints contradict one another" if several else "of one constraint"
            head = f"{who} cannot run because {why}:"
            if not one.lasting:
                head = f"{who} cannot run as things stand, because of {'these constraints' if several else 'this one'}:"
    yield from _wrap(head, "")
    for ident, told in one.constraints:
        yield from _wrap(f"{ident}: {told}", "  - ")
    yield "  Why:"
    for step in one.why:
        yield from _wrap(step, "    . ")
    if not one.lasting:
        yield from _wrap(
            "With all nodes up and healthy, no failures, nothing disabled and all tickets it could run.", "  "
        )
    if one.drop:
        what = f"{', '.join(one.drop[:-1])} or {one.drop[-1]}" if len(one.drop) > 1 else one.drop[0]
        yield from _wrap(f"To drop {what} is enough (tried).", "  ")
    elif one.kind == "placement":
        yield from _wrap(
            "To drop one of them is not enough: others forbid it too. Drop one and ask again." if one.minimal
            else "Some of these may not matter: the search was ended at its limit.", "  ",
        )
    else:
        yield from _wrap("Drop or weaken any one of them.", "  ")
    if several and one.minimal:
        yield from _wrap(
            f"There is no smaller set: these {len(one.constraints)} are the fewest." if one.smallest else
            f"None of these {len(one.constraints)} can be spared; whether there is a smaller set (of no fewer than "
            f"{one.at_least}) was not found out within the limit.", "  ",
        )


def stuck_lines(one: Stuck) -> Iterator[str]:
    """A resource that is no matter of constraints, for people."""
    yield from _wrap(f"{one.resource} cannot run, and not because of constraints:", "")
    for reason in one.reasons:
        yield from _wrap(reason, "  - ")


def data_of(found: Findings) -> dict[str, object]:
    """The same as plain data."""
    return {
        "contradictions": [
            {
                "kind": one.kind, "resources": list(one.resources), "minimal": one.minimal, "smallest": one.smallest,
                "at_least": one.at_least, "lasting": one.lasting, "why": list(one.why), "drop": list(one.drop),
                "constraints": [{"id": ident, "text": told} for ident, told in one.constraints],
            }
            for one in found.contradictions
        ],
        "stuck": [{"resource": one.resource, "reasons": list(one.reasons)} for one in found.stuck],
        "unlooked": list(found.unlooked),
    }
