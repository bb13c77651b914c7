"""Reasons: the scheduler's own short words → sentences, with the constraint they come from and the way to change it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from lxml import etree
from msgspec import Struct

from hashell.model.constraints import ColocationConstraint, LocationConstraint, OrderConstraint
from hashell.model.nodes import NodeKind
from hashell.scheduler import trace
from hashell.scheduler.explain import PromotionLine
from hashell.state.fail_counts import fail_count, read_fail_counts
from hashell.values.keys import split_operation_key
from hashell.values.scores import INFINITY, parse_score, show_score

if TYPE_CHECKING:
    from hashell.model.constraints import Constraint
    from hashell.scheduler.schedule import Schedule
    from hashell.scheduler.summary import ResourceChange
    from hashell.scheduler.trace import Term
    from hashell.state.cluster_state import ClusterState
    from hashell.state.nodes import Node
    from hashell.state.resources import Resource


class Way(Struct, frozen=True):
    """What would have to change, and the command for it if there is one; `points`, if points alone would do."""

    text: str
    command: str = ""
    points: int = 0


class Told(Struct, frozen=True):
    """A reason in words; `way` is what would undo it, `command` how. Ids are empty where there are none."""

    kind: str
    text: str
    constraint: str = ""
    rule: str = ""
    other: str = ""
    way: str = ""
    command: str = ""


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
    trace.NO_REMOTE: ("remote", "connections and fence devices do not run on remote or guest nodes", "", ""),
    trace.WITH_GUEST: ("remote", "it runs only with its container or guest", "", ""),
    trace.NODE_UNUSABLE: ("node", "the node can run nothing now", "", ""),
    trace.PARENT_BARRED: ("parent", "what it belongs to, {parent}, may not run there", "", ""),
    trace.INSTANCES: (
        "limit", "the node has as many instances as it may have (clone-node-max), or another instance took the place",
        "", "",
    ),
    trace.BUNDLE_PLACE: ("bundle", "in a bundle each instance has the place of its replica", "", ""),
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
        top = resource
        while top.parent is not None:
            top = top.parent
        self.configured_top = top.config.id

    def describe(self, term: Term) -> Told:
        reason = term.reason
        name, colon, rest = reason.partition(": ")
        if colon and rest.startswith(("colocation with ", "wish of ", "only with ")):
            return self._colocation(term, name, rest)
        if reason in _PLAIN:
            kind, *texts = _PLAIN[reason]
            parent = self._resource.parent
            text, way, command = (
                one.format(
                    rsc=self._resource.config.id, node=term.node, top=self.configured_top,
                    parent="" if parent is None else parent.id,
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

    def _colocation(self, term: Term, name: str, rest: str) -> Told:
        other = rest.rpartition(" ")[2]
        configured = self._constraints.get(name)
        constraint = name if isinstance(configured, ColocationConstraint) else ""
        where = f"colocation constraint {name}" if constraint else _IMPLIED.get(name, name).format(other=other)
        way = f"remove or weaken {name}" if constraint else ""
        command = f"hashell configure delete {name}" if constraint else ""
        if rest.startswith("wish"):
            text = f"{other} goes where it goes, and has its own wishes"
            text = f"{where}: {text}" if constraint else f"{other}, which goes with it, has its own wishes"
            return Told("wish", text, constraint, other=other, way=way, command=command)
        if rest.startswith("only"):
            text = f"it must be where an instance of {other} is" + ("" if term.points < 0 else ", and one is here")
        elif term.points <= -INFINITY:
            place = self._placements.get(other, "")
            if way and not self._keeps_apart(configured):
                way = f"have {other} run there, or remove {name}"
            text = f"it must be with {other}, which runs {f'on {place}' if place else 'nowhere'}"
            if self._keeps_apart(configured):
                text = f"it must not be with {other}, which runs here"
        elif term.points < 0:
            text = f"it would rather not be with {other}, which runs here"
        else:
            text = f"it wants to be with {other}, which runs here"
        return Told(
            "colocation", f"{where}: {text}" if constraint else f"{where}; {text}", constraint, other=other, way=way,
            command=command,
        )

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
        return Told("health", f"node health ({term.reason}): {shown}", way=way)

    def _failures(self, term: Term) -> Told:
        resource = self._resource
        node = self._state.node_named(term.node)
        count = 0
        if node is not None:
            count = fail_count(read_fail_counts(node.attributes), resource).count
        text = (
            f"it failed there {'' if count <= 0 else f'{show_score(count)} times '}"
            f"(migration-threshold {show_score(resource.migration_threshold)})"
        )
        return Told(
            "failure", text, way="mend the cause, then clean up the failures",
            command=f"hashell resource cleanup {resource.config.id} {term.node}",
        )

    def _capacity(self, term: Term) -> Told:
        needs = ", ".join(f"{name}={value}" for name, value in sorted(self._resource.utilization.items()))
        node = self._state.node_named(term.node)
        has = ", ".join(f"{name}={value}" for name, value in sorted((node.utilization if node else {}).items()))
        return Told(
            "utilization",
            f"it does not fit: it (with what must come along) needs {needs or 'capacity'}, the node has "
            f"{has or 'none'} in all, and others use some of it",
            way="free or add capacity there, or lower what it needs",
        )

    def _ticket(self, text: str, way: str, command: str) -> Told:
        for one in self._constraints.values():
            ticket = getattr(one, "ticket", None)
            if ticket and getattr(one, "resource", None) in (self._resource.config.id, self.configured_top):
                return Told(
                    "ticket", f"{text}: {ticket} (constraint {one.id})", one.id, way=way,
                    command=command.replace("TICKET", ticket),
                )
        return Told("ticket", text, way=way, command=command)


def _expression(element: etree._Element, rule: str) -> str:
    """The conditions of a rule, as far as they fit into a line."""
    for one in element.iter("rule"):
        if one.get("id") == rule:
            told = [_condition(part) for part in one if isinstance(part.tag, str)]
            return f" {one.get('boolean-op', 'and')} ".join(part for part in told if part)
    return ""


def _condition(part: etree._Element) -> str:
    match part.tag:
        case "expression":
            words = (part.get("attribute"), part.get("operation"), part.get("value"))
        case "date_expression":
            words = ("date", part.get("operation"), part.get("start") or part.get("end"))
        case "rule":
            return f"rule {part.get('id', '')}"
        case _:
            return ""
    return " ".join(word for word in words if word)


def obstacles(state: ClusterState, node: Node) -> Iterator[Way]:
    """Why a node can run nothing at all."""
    name = node.name
    if node.unclean:
        yield Way(f"{name} is unclean: it was lost and is not fenced yet", f"hashell node fence {name}")
    elif not node.online:
        what = "its connection or container is down" if node.kind is not NodeKind.CLUSTER else "start the cluster there"
        yield Way(f"{name} is offline: {what}")
    elif node.pending:
        yield Way(f"{name} is only just joining: wait")
    if node.standby:
        yield Way(f"{name} is in standby", f"hashell node online {name}")
    if node.maintenance:
        yield Way(f"{name} is in maintenance mode", f"hashell node ready {name}")
    if node.shutdown:
        yield Way(f"{name} is shutting down")


#: What a change in the summary means.
_CHANGES = {
    "Start": "it is started on {target}", "Stop": "it is stopped on {source}",
    "Move": "it moves from {source} to {target}",
    "Migrate": "it migrates live from {source} to {target}", "Restart": "it is restarted on {place}",
    "Recover": "it failed and is recovered on {place}", "Reload": "it is reloaded on {place}",
    "Promote": "it is promoted on {place}", "Demote": "it is demoted on {place}",
    "Re-promote": "it is demoted and promoted again on {place}",
}


def change(one: ResourceChange) -> str:
    """A line of the transition summary as a sentence."""
    text = _CHANGES.get(one.what, one.what).format(
        source=one.source, target=one.target, place=one.target or one.source
    )
    if one.reason:
        text += f", because of: {one.reason}"
    if one.blocked:
        text = f"this should happen and cannot be done: {text}"
    return text


def waits_for(state: ClusterState, key: str, why: str) -> Way:
    """An action that has to come first and cannot be done."""
    parts = split_operation_key(key)
    shown = key if parts is None else f"{parts[1]} of {parts[0]}"
    for one in state.configuration.constraints:
        if one.id == why and isinstance(one, OrderConstraint):
            return Way(
                f"order constraint {why}: {shown} has to come first, and cannot be done",
                f"hashell explain {parts[0]}" if parts is not None else "",
            )
    return Way(f"{shown} has to come first ({why}), and cannot be done")


def promotion(state: ClusterState, schedule: Schedule, resource: Resource) -> Iterator[str]:
    """Where an instance's points for promotion come from."""
    if not resource.top.promotable:
        return
    instance = resource
    while instance.parent is not None and instance.parent is not resource.top:
        instance = instance.parent
    lines = [one for one in schedule.lines if isinstance(one, PromotionLine) and one.resource == instance.id]
    if not lines:
        return
    line = lines[-1]
    if not line.node:
        yield "it will not run, so it cannot be promoted"
        return
    yield f"points for promotion on {line.node}: {show_score(line.score)}"
    node = state.node_named(line.node)
    if node is None:
        return
    for name in dict.fromkeys((resource.history_id or resource.id, resource.config.id)):
        value = node.attributes.get(f"master-{name}")
        if value is not None:
            yield f"its agent gave {value} (attribute master-{name})"
            break
    else:
        yield "its agent gave none"
    for one in state.configuration.constraints:
        if isinstance(one, LocationConstraint) and one.resource in (resource.top.config.id, resource.config.id):
            if (one.role or "").lower() in ("promoted", "master") and one.node == line.node:
                yield f"location constraint {one.id} adds {one.score}"
            for rule in one.rules:
                if (rule.role or "").lower() in ("promoted", "master"):
                    yield f"rule {rule.id} of {one.id} may add {rule.score or rule.score_attribute}"
        elif isinstance(one, ColocationConstraint) and (one.with_role or "").lower() in ("promoted", "master") and (
            one.with_resource == resource.top.config.id
        ):
            yield f"colocation constraint {one.id} brings the wishes of {one.resource}"
    if line.score < 0:
        yield "negative points: it is not promoted"
