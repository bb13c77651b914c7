"""Reasons: the scheduler's own short words → sentences, with the constraint they come from and the way to change it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from lxml import etree
from msgspec import Struct
from msgspec.structs import replace

from hashell.model.constraints import ColocationConstraint, LocationConstraint, TicketConstraint
from hashell.model.nodes import NodeKind
from hashell.scheduler import explain, trace
from hashell.state.fail_counts import fail_count, read_fail_counts
from hashell.values.scores import INFINITY, parse_score, show_score

if TYPE_CHECKING:
    from hashell.model.constraints import Constraint
    from hashell.scheduler.explain import PromotionTerm
    from hashell.scheduler.summary import ResourceChange
    from hashell.scheduler.trace import Term
    from hashell.state.cluster_state import ClusterState
    from hashell.state.nodes import Node
    from hashell.state.resources import Resource


class Edit(Struct, frozen=True):
    """One change of a CIB, so that a way can be tried (simulate/remedy.py does that).

    what    drop (a constraint), points (`value` more for `name` on `node`), admit (`node` into an exclusive list of
            `name`), cleanup (failures of `name`, on `node` or everywhere), unlock, grant or activate (a ticket),
            capacity (of `node`, for what `name` needs; `value` is attribute=number …), heal, online, ready, join (a
            node), quorum, meta or option (`name`, `node` is the attribute, `value`)
    """

    what: str
    name: str = ""
    node: str = ""
    value: str = ""


class Way(Struct, frozen=True):
    """What would have to change, and the command for it if there is one; `points`, if points alone would do. `edits`
    do it on paper; without any it cannot be tried.
    """

    text: str
    command: str = ""
    points: int = 0
    edits: tuple[Edit, ...] = ()


class Told(Struct, frozen=True):
    """A reason in words; `way` is what would undo it, `command` how. Ids are empty where there are none."""

    kind: str
    text: str
    constraint: str = ""
    rule: str = ""
    other: str = ""
    way: str = ""
    command: str = ""
    edits: tuple[Edit, ...] = ()


#: Colocations that nobody configured: they come with what the resources are.
_IMPLIED = {
    "#group-members": "members of a group are together, and {other} comes before it",
    "#resource-with-container": "it goes with its container {other}",
    "#ip-with-container": "the address of a bundle goes with its container {other}",
    "#replica-remote-with-host-remote": "a connection through {other} stays with it",
}
#: Everything that concerns the resource, whatever the node: kind, words, way, command.
_PLAIN: Mapping[str, tuple[str, str, str, str]] = {
    "stickiness": ("stickiness", "stickiness: it runs there already", "", ""),
    "target-role": (
        "target-role", "it is to be stopped (target-role)", "let it be started", "hashell resource start {rsc}",
    ),
    "shutdown-lock": (
        "lock", "it is kept for the node that shut down cleanly (shutdown-lock)",
        "wait for that node, or clear its history", "hashell resource refresh {rsc}",
    ),
    "collective_limit_reached": (
        "limit", "there are as many instances as there may be (clone-max)", "raise clone-max",
        "hashell resource meta {top} set clone-max NUMBER",
    ),
    "__no_ticket__": (
        "ticket", "its ticket is not granted here", "grant the ticket", "hashell site ticket grant TICKET",
    ),
    "__loss_of_ticket__": ("ticket", "its ticket was lost", "grant the ticket", "hashell site ticket grant TICKET"),
    "__ticket_standby__": (
        "ticket", "its ticket is in standby", "activate the ticket", "hashell site ticket activate TICKET",
    ),
    "__stateful_without_ticket__": (
        "ticket", "nothing is promoted without its ticket", "grant the ticket", "hashell site ticket grant TICKET",
    ),
    "not_managed_default": ("unmanaged", "it is not managed, so it stays where it runs", "", ""),
    "promotion score": ("promotion", "its agent wants to be promoted there (promotion score)", "", ""),
    "__action_migration_auto__": (
        "failure", "a migration failed there", "clean up the failure", "hashell resource cleanup {rsc} {node}",
    ),
    "__removed_do_not_run__": ("removed", "it is no longer configured", "", ""),
    "masked-probe-failure": (
        "failure", "looking for it there failed in a way that forbids the node", "mend that, then clean up",
        "hashell resource cleanup {rsc} {node}",
    ),
    "hard-error": (
        "failure", "an operation failed there with a hard error: its agent or what that needs is not installed or not "
        "configured there", "mend that, then clean up", "hashell resource cleanup {rsc} {node}",
    ),
    "fatal-error": (
        "failure", "an operation failed with a fatal error: the configuration of the resource is wrong everywhere",
        "mend its parameters, then clean up", "hashell resource cleanup {rsc}",
    ),
    "__stop_fail__": (
        "failure", "stopping it failed there", "see that it is stopped, then clean up",
        "hashell resource cleanup {rsc} {node}",
    ),
    trace.EXCLUSIVE: (
        "discovery", "its constraints have resource-discovery=exclusive and do not name this node",
        "name the node in a constraint with resource-discovery=exclusive, or drop that", "",
    ),
    trace.NO_REMOTE: (
        "remote", "connections to remote nodes, fence devices and hosts of guests do not run on remote or guest nodes",
        "", "",
    ),
    trace.WITH_GUEST: ("remote", "it runs only with its container or guest", "", ""),
    trace.PARENT_BARRED: ("parent", "what it belongs to, {parent}, may not run there", "", ""),
    trace.INSTANCES: (
        "limit", "other instances of {parent} are there already, as many as a node may have ({limit})", "", "",
    ),
    trace.BUNDLE_PLACE: ("bundle", "in a bundle each part has the place of its replica", "", ""),
    trace.IN_CONTAINER: (
        "bundle", "what is in a bundle runs only inside the bundle's containers, each in its own", "", "",
    ),
    trace.IN_BUNDLE_NODE: ("bundle", "the inside of its own container", "", ""),
    trace.NODE_SCORE: ("node", "the node's own base score (score of its entry in nodes)", "", ""),
    trace.PROMOTION: ("promotion", "points of the instance that would be promoted there", "", ""),
    trace.REMOVED: ("removed", "it is no longer configured", "", ""),
    trace.STOP_FOR_GOOD: (
        "failure", "an operation failed whose on-fail is stop, or it was active in several places: it stays stopped",
        "clean up the failure", "hashell resource cleanup {rsc}",
    ),
    trace.OTHER: ("other", "the scheduler set its points", "", ""),
}


class Words:
    """Descriptions of one resource's terms."""

    def __init__(self, state: ClusterState, resource: Resource, placements: Mapping[str, str]) -> None:
        self._state = state
        self._placements = placements
        self._resource = resource
        self._constraints: dict[str, Constraint] = {
            one.id: one for one in state.configuration.constraints
        }
        self._rules: dict[str, LocationConstraint] = {
            rule.id: one for one in self._constraints.values() if isinstance(one, LocationConstraint)
            for rule in one.rules if rule.id is not None
        }
        self._sets = {
            part.id: one for one in self._constraints.values() if isinstance(one, ColocationConstraint)
            for part in one.sets
        }
        top = resource
        while top.parent is not None:
            top = top.parent
        self.configured_top = top.config.id

    def describe(self, term: Term) -> Told:
        """One term in words, with what would undo it."""
        told = self._describe(term)
        return replace(told, edits=tuple(self._edits(term, told))) if told.way else told

    def _edits(self, term: Term, told: Told) -> Iterator[Edit]:
        own = self._resource.config.id
        match told.kind:
            case "failure":
                everywhere = term.reason in ("fatal-error", trace.STOP_FOR_GOOD)
                yield Edit("cleanup", own, "" if everywhere else term.node)
            case "ticket":
                yield from (Edit("grant", one) for one in self._tickets())
            case "location" | "rule" | "ban" | "prefer" | "colocation" | "wish" if told.constraint:
                yield Edit("drop", told.constraint)
            case "discovery":
                yield Edit("admit", self.configured_top, term.node)
            case "lock":
                yield Edit("unlock", own)
            case "health":
                yield Edit("heal", node=term.node)
            case "utilization":
                yield Edit("capacity", own, term.node, self._needed(term.node))
            case "target-role":
                yield Edit("meta", own, "target-role", "Started")
            case "limit" if term.reason == "collective_limit_reached":
                yield Edit("meta", self.configured_top, "clone-max", str(len(self._state.nodes)))

    def _tickets(self) -> Iterator[str]:
        """Tickets that the resource, or what it is in, needs."""
        names = set()
        holder: Resource | None = self._resource
        while holder is not None:
            names |= {holder.config.id, holder.id}
            holder = holder.parent
        configuration = self._state.configuration
        for known in (configuration.tags, configuration.templates):
            names |= {tag for tag, members in known.items() if names & set(members)}
        for one in self._constraints.values():
            if isinstance(one, TicketConstraint) and one.ticket and (
                one.resource in names or any(names & set(part.references) for part in one.sets)
            ):
                yield one.ticket

    def _needed(self, name: str) -> str:
        """Capacity that is enough in any case: what the node has, and all that those who come along may need."""
        node = self._state.node_named(name)
        has = {} if node is None else node.utilization
        every: dict[str, int] = {}
        for one in self._state.all_resources():
            for key, value in one.utilization.items():
                every[key] = every.get(key, 0) + parse_score(value)
        return " ".join(f"{key}={max(value, 0) + parse_score(has.get(key))}" for key, value in every.items())

    def _describe(self, term: Term) -> Told:
        reason = term.reason
        name, colon, rest = reason.partition(": ")
        if colon and rest.startswith(("colocation with ", "wish of ", "only with ")):
            return self._colocation(term, name, rest)
        if reason == trace.NODE_UNUSABLE:
            return Told("node", self._unusable(term.node))
        if reason in _PLAIN:
            kind, *texts = _PLAIN[reason]
            parent = self._resource.parent
            text, way, command = (
                one.format(
                    rsc=self._resource.config.id, node=term.node, top=self.configured_top,
                    parent="" if parent is None else parent.id, limit=_limit(parent),
                ) for one in texts
            )
            if kind == "ticket":
                return self._ticket(text, way, command)
            return Told(kind, text, way=way, command=command)
        if reason == "__fail_limit__":
            return self._failures(term)
        if reason == "__limit_utilization__":
            return self._capacity(term)
        if reason in self._rules:
            return self._rule(term)
        if reason in self._constraints:
            return self._location(term)
        if reason == self._state.configuration.options.node_health_strategy.value:
            return self._health(term)
        return Told("other", reason)

    def promotion(self, term: PromotionTerm, node: str) -> Told:
        """A summand of points for promotion."""
        reason, top = term.reason, self.configured_top
        name, colon, rest = reason.partition(": ")
        if colon and rest.startswith(("colocation with ", "wish of ")):
            other = rest.rpartition(" ")[2]
            place = self._placements.get(other, "")
            where = f"runs on {place}" if place else "runs nowhere, or in several places"
            text = f"colocation constraint {name} binds the promoted instance to {other}, which {where}"
            if rest.startswith("wish"):
                text = f"colocation constraint {name}: {other} is to be with the promoted instance, so its points count"
            return Told("colocation", text, name, other=other, way=f"remove or weaken {name}")
        match reason:
            case explain.FROM_AGENT:
                return Told("agent", f"its agent gave this for {node} (attribute master-...)")
            case explain.NONE_GIVEN:
                return Told("agent", f"its agent gave nothing for {node}: it cannot be promoted there by that alone")
            case explain.ROLE_SETTLED:
                return Told("target-role", f"its next role is settled as {term.other}")
            case explain.OF_CLONE:
                return Told("clone", f"points of {term.other} itself on {node}")
            case explain.OF_OTHER:
                return Told("clone", f"points of {term.other}, which is on {node} too", other=term.other)
            case explain.NO_TICKET:
                return self._ticket("nothing is promoted without its ticket", "grant the ticket", "")
            case explain.UNMANAGED:
                return Told("unmanaged", "it is not managed, and stays promoted")
            case explain.NO_PLACE:
                return Told("node", "it will not run")
        if reason in self._rules:
            constraint = self._rules[reason]
            shown = _expression(constraint.element, reason)
            return Told(
                "rule", f"rule {reason} of location constraint {constraint.id}, for role Promoted"
                + (f": {shown}" if shown else ""), constraint.id, reason,
            )
        if reason in self._constraints:
            return Told("location", f"location constraint {reason}, for role Promoted", reason)
        return Told("other", f"{reason} of {top}")

    def _unusable(self, name: str) -> str:
        node = self._state.node_named(name)
        if node is None or node.kind is NodeKind.CLUSTER:
            return f"{name} can run nothing now"
        return f"{name} can run nothing: its connection or container fails, runs nowhere, or is lost"

    def _colocation(self, term: Term, name: str, rest: str) -> Told:
        other = rest.rpartition(" ")[2]
        configured = self._constraints.get(name) or self._sets.get(name)
        constraint = configured.id if isinstance(configured, ColocationConstraint) else ""
        where = _IMPLIED.get(name, name).format(other=other)
        if constraint:
            where = f"colocation constraint {constraint}" + ("" if constraint == name else f", set {name}")
        way = f"remove or weaken {constraint}" if constraint else ""
        command = f"hashell configure delete {constraint}" if constraint else ""
        if rest.startswith("wish"):
            text = f"{other} is to be with it, so what {other} has there counts here too"
            text = f"{where}: {text}" if constraint else text
            return Told("wish", text, constraint, other=other, way=way, command=command)
        if rest.startswith("only"):
            text = f"it must be where an instance of {other} is" + ("" if term.points < 0 else ", and one is here")
        elif term.points <= -INFINITY:
            place = self._placements.get(other, "")
            if way and not self._keeps_apart(configured):
                way = f"have {other} run there, or remove {constraint}"
            text = f"it must be with {other}, which runs {f'on {place}' if place else 'nowhere'}"
            if self._keeps_apart(configured):
                text = f"it must not be with {other}, which runs {self._near(term, configured, other)}"
        elif term.points < 0 and not self._placements.get(other, "") and not self._keeps_apart(configured):
            text = f"it wants to be with {other}, which runs nowhere: that takes the points from every node"
        elif term.points < 0:
            text = f"it would rather not be with {other}, which runs {self._near(term, configured, other)}"
        else:
            text = f"it wants to be with {other}, which runs {self._near(term, configured, other)}"
        return Told(
            "colocation", f"{where}: {text}" if constraint else f"{where}; {text}", constraint, other=other, way=way,
            command=command,
        )

    def _near(self, term: Term, constraint: Constraint | None, other: str) -> str:
        """Here, or where an attribute that the colocation goes by is the same as here."""
        place = self._placements.get(other, "")
        attribute = constraint.node_attribute if isinstance(constraint, ColocationConstraint) else None
        if attribute in (None, "#uname") or place in ("", term.node):
            return "here"
        return f"on {place}, where {attribute} is the same as here"

    def _keeps_apart(self, constraint: Constraint | None) -> bool:
        return isinstance(constraint, ColocationConstraint) and parse_score(constraint.score or "") < 0

    def _location(self, term: Term) -> Told:
        name = term.reason
        if name.startswith(("cli-ban-", "cli-prefer-", "cli-standby-")):
            verb = "kept away from" if term.points < 0 else "moved to"
            return Told(
                "ban" if term.points < 0 else "prefer", f"somebody had it {verb} a node by command (constraint {name})",
                name, way=f"clear the constraint {name}", command=f"hashell resource clear {self.configured_top}",
            )
        verb = "forbids" if term.points <= -INFINITY else "avoids" if term.points < 0 else "prefers"
        return Told(
            "location", f"location constraint {name} {verb} {term.node}", name, way=f"remove or change {name}",
            command=f"hashell configure delete {name}",
        )

    def _rule(self, term: Term) -> Told:
        constraint = self._rules[term.reason]
        shown = _expression(constraint.element, term.reason)
        return Told(
            "rule", f"rule {term.reason} of location constraint {constraint.id} holds on {term.node}"
            + (f": {shown}" if shown else ""), constraint.id, term.reason,
            way=f"remove or change rule {term.reason} of {constraint.id}, or what it looks at",
            command=f"hashell configure delete {constraint.id}",
        )

    def _health(self, term: Term) -> Told:
        node = self._state.node_named(term.node)
        shown = ", ".join(
            f"{name}={value}" for name, value in sorted((node.attributes if node else {}).items())
            if name.startswith("#health")
        )
        way = "make the node healthy again" if term.points < 0 else ""
        raw = self._state.configuration.options.raw
        worth = ", ".join(
            f"{name}={raw[name]}" for name in ("node-health-base", *(f"node-health-{color}" for color in _COLORS))
            if term.reason == "progressive" and name in raw
        )
        return Told("health", f"node health ({term.reason}): {shown}" + (f" ({worth})" if worth else ""), way=way)

    def _failures(self, term: Term) -> Told:
        resource = self._resource
        node = self._state.node_named(term.node)
        count, who = 0, "it"
        for one in (resource, *resource.launched, *resource.primitives()):
            if node is not None and count <= 0:
                count = fail_count(read_fail_counts(node.attributes), one).count
                who = "it" if one is resource else f"{one.id}, which belongs to it,"
        threshold = show_score(resource.migration_threshold)
        if count >= INFINITY:
            text = (
                f"{who} failed there in a way that counts as INFINITY: a start (start-failure-is-fatal), or a stop, or "
                "the agent said that it cannot run there"
            )
        elif count > 0:
            text = f"{who} failed there {count} time{'s' if count > 1 else ''} (migration-threshold {threshold})"
        else:
            text = f"it failed there too often (migration-threshold {threshold})"
        return Told(
            "failure", text, way="mend the cause, then clean up the failures",
            command=f"hashell resource cleanup {resource.config.id} {term.node}",
        )

    def _capacity(self, term: Term) -> Told:
        wanted = self._resource.utilization
        node = self._state.node_named(term.node)
        there = {} if node is None else {name: parse_score(value) for name, value in node.utilization.items()}
        needs = ", ".join(f"{name}={value}" for name, value in sorted(wanted.items()))
        has = ", ".join(f"{name}={there.get(name, 0)}" for name in sorted(wanted))
        alone = any(parse_score(value) > there.get(name, 0) for name, value in wanted.items())
        text = f"it does not fit: it needs {needs}, and the node has {has} in all"
        if not wanted:
            text = "it does not fit with what must come along"
        elif not alone:
            text += ", of which others (or what must come along) need some"
        return Told("utilization", text, way="free or add capacity there, or lower what it needs")

    def _ticket(self, text: str, way: str, command: str) -> Told:
        names = tuple(dict.fromkeys(self._tickets()))
        if not names:
            return Told("ticket", text, way=way, command=command)
        found = next(
            one for one in self._constraints.values() if isinstance(one, TicketConstraint) and one.ticket == names[0]
        )
        return Told(
            "ticket", f"{text}: {', '.join(names)} (constraint {found.id})", found.id, way=way,
            command=command.replace("TICKET", names[0]),
        )


def _limit(parent: Resource | None) -> str:
    if parent is None or parent.is_bundle:
        return "replicas-per-host"
    return f"clone-node-max={parent.clone_node_max}" if parent.clone_node_max else "clone-node-max"


def _expression(element: etree._Element, rule: str) -> str:
    """The conditions of a rule, as far as they fit into a line."""
    for one in element.iter("rule"):
        if one.get("id") == rule:
            told = [_condition(part) for part in one if isinstance(part.tag, str)]
            return f" {one.get('boolean-op', 'and')} ".join(part for part in told if part)
    return ""


_COLORS = ("red", "yellow", "green")
_DATE_PARTS = (
    "years", "months", "monthdays", "yeardays", "weekyears", "weeks", "weekdays", "hours", "minutes", "seconds",
)


def _condition(part: etree._Element) -> str:
    match part.tag:
        case "expression":
            words = (part.get("attribute"), part.get("operation"), part.get("value"))
        case "date_expression":
            ends = " to ".join(one for one in (part.get("start"), part.get("end")) if one)
            within = " ".join(
                f"{key}={spec.get(key)}" for spec in part.iterfind("date_spec") for key in _DATE_PARTS if spec.get(key)
            )
            words = ("date", part.get("operation"), ends or within)
        case "rule":
            return f"rule {part.get('id', '')}"
        case _:
            return ""
    return " ".join(word for word in words if word)


def obstacles(state: ClusterState, node: Node) -> Iterator[Way]:
    """Why a node can run nothing at all."""
    name = node.name
    if node.unclean:
        yield Way(
            f"{name} is unclean: it was lost and is not fenced yet", f"hashell node fence {name}",
            edits=(Edit("join", node=name),),
        )
    elif not node.online:
        if node.kind is NodeKind.CLUSTER:
            yield Way(f"{name} is offline: start the cluster there", edits=(Edit("join", node=name),))
        else:
            yield Way(f"{name} is offline: its connection or container is down")
    elif node.pending:
        yield Way(f"{name} is only just joining: wait", edits=(Edit("join", node=name),))
    if node.standby:
        yield Way(f"{name} is in standby", f"hashell node online {name}", edits=(Edit("online", node=name),))
    if node.maintenance:
        yield Way(f"{name} is in maintenance mode", f"hashell node ready {name}", edits=(Edit("ready", node=name),))
    if node.shutdown:
        yield Way(f"{name} is shutting down", edits=(Edit("join", node=name),))


#: What a change in the summary means.
_CHANGES = {
    "Start": "it is started on {target}", "Stop": "it is stopped on {source}",
    "Move": "it moves from {source} to {target}",
    "Migrate": "it migrates live from {source} to {target}", "Restart": "it is restarted on {place}",
    "Recover": "it failed and is recovered on {place}", "Reload": "it is reloaded on {place}",
    "Promote": "it is promoted on {place}", "Demote": "it is demoted on {place}",
    "Re-promote": "it is demoted and promoted again on {place}",
}


#: The scheduler's words for what makes an action happen, or keeps it from happening, as people say it.
_CAUSES = {
    "node availability": "no node may run it, or no more",
    "no quorum": "this partition has no quorum",
    "quorum freeze": "without quorum nothing new is started (no-quorum-policy=freeze)",
    "resource definition change": "its configuration has changed",
    "being multiply active": "it was active in more than one place",
}


def cause(reason: str) -> str:
    """Why something happens, with the scheduler's own words behind it."""
    first, _, rest = reason.partition(" ")
    name, _, task = rest.rpartition(" ")
    told = _CAUSES.get(reason, "")
    if first in ("required", "unrunnable", "unmigrateable") and rest:
        shown = f"the {task} of {name}" if name else rest
        told = {
            "required": f"{shown} has to be done and takes it along",
            "unrunnable": f"{shown} cannot be done, and it depends on that",
            "unmigrateable": f"{shown} is not part of a live migration",
        }[first]
    elif reason.startswith("colocation with "):
        told = f"it is bound to {reason.removeprefix('colocation with ')}, which cannot run either"
    return f"{told} ({reason})" if told else reason


def change(one: ResourceChange) -> str:
    """A line of the transition summary as a sentence."""
    text = _CHANGES.get(one.what, one.what).format(
        source=one.source, target=one.target, place=one.target or one.source
    )
    if one.reason:
        text += f", because {cause(one.reason)}"
    if one.blocked:
        text = f"this should happen and cannot be done: {text}"
    return text
