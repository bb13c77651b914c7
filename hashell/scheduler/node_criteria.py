"""Node criteria: locks, location constraints, stickiness, failure thresholds, exclusive discovery.

Source: lib/pacemaker/pcmk_scheduler.c, pcmk_sched_location.c, pcmk_sched_resource.c.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hashell.model.constraints import LocationConstraint, LocationRule
from hashell.scheduler import actions as act
from hashell.scheduler import failures
from hashell.scheduler.colocation.from_constraints import is_number
from hashell.scheduler.colocation.scores import attribute_value
from hashell.scheduler.references import expand_sets, find_resource, is_valid, set_of
from hashell.scheduler.scores import add
from hashell.scheduler.workspace import Location, Node, Rank, Workspace, parse_rank
from hashell.state.resources import ProbeMode
from hashell.values.scores import INFINITY, parse_score

if TYPE_CHECKING:
    from hashell.scheduler.variants.variant import Resource

_PROBE_RANK = {ProbeMode.ALWAYS: 0, ProbeMode.NEVER: 1, ProbeMode.EXCLUSIVE: 2}


# Location constraints -----------------------------------------------------------------------------


def new_location(
    name: str, resource: Resource, discovery: str | None, wishes: list[tuple[Node, int]]
) -> Location:
    """A location constraint for one resource; applied when all are known."""
    mode = ProbeMode.ALWAYS
    if discovery is not None:
        try:
            mode = ProbeMode(discovery.lower())
        except ValueError:
            resource.workspace.problem(
                f"Invalid resource-discovery value {discovery} in location constraint"
            )
    if mode is ProbeMode.EXCLUSIVE:
        resource.exclusive_probes = True
    location = Location(name, resource, wishes, probe_mode=mode)
    resource.workspace.locations.append(location)
    resource.locations.append(location)
    return location


def _location_role(text: str | None) -> Rank | None:
    """The role that a location waits for; None for a word that is no role."""
    if text is None:
        return Rank.UNKNOWN
    role = parse_rank(text)
    if role is Rank.UNKNOWN:
        return None
    return Rank.UNKNOWN if role in (Rank.STARTED, Rank.UNPROMOTED) else role


def add_constraint(workspace: Workspace, constraint: LocationConstraint) -> None:
    """Make the locations of one constraint; what makes no sense is reported and left out."""
    if constraint.sets:
        _add_sets(workspace, constraint)
        return
    if constraint.resource is not None:
        if not is_valid(workspace, constraint.resource):
            workspace.problem(
                f"Ignoring constraint '{constraint.id}' because '{constraint.resource}' is not a "
                "valid resource or tag"
            )
            return
        made = set_of(workspace, constraint.resource, convert=False)
        if made is not None:
            for name in made.references:
                resource = find_resource(workspace, name)
                if resource is None:
                    workspace.problem(f"{made.id}: No resource found for {name}")
                    return
                _add(workspace, constraint, resource, role=constraint.role)
            return
        resource = find_resource(workspace, constraint.resource)
        assert resource is not None
        _add(workspace, constraint, resource)
    if constraint.pattern:
        _add_pattern(workspace, constraint, constraint.pattern)


def _add_sets(workspace: Workspace, constraint: LocationConstraint) -> None:
    for one in expand_sets(workspace, constraint.id, constraint.sets):
        for name in one.references:
            resource = find_resource(workspace, name)
            if resource is None:
                workspace.problem(f"{one.id}: No resource found for {name}")
                return
            _add(workspace, constraint, resource, role=one.role, score=one.score)


def _add_pattern(workspace: Workspace, constraint: LocationConstraint, pattern: str) -> None:
    invert = pattern.startswith("!")
    try:
        expression = re.compile(_posix(pattern[1:] if invert else pattern))
    except re.error:
        workspace.problem(
            f"Ignoring constraint '{constraint.id}' because rsc-pattern has invalid value "
            f"'{pattern}'"
        )
        return
    for resource in workspace.resources:
        match = expression.search(resource.id)
        if match is not None and not invert:
            _add(workspace, constraint, resource, match=match)
        elif match is None and invert:
            _add(workspace, constraint, resource)


_CLASSES = {
    "[:alpha:]": "a-zA-Z", "[:digit:]": "0-9", "[:alnum:]": "a-zA-Z0-9", "[:space:]": r"\s",
    "[:upper:]": "A-Z", "[:lower:]": "a-z", "[:xdigit:]": "0-9A-Fa-f", "[:punct:]": r"!-/:-@\[-`{-~",
}


def _posix(pattern: str) -> str:
    """A POSIX extended expression as Python spells it."""
    for word, spelt in _CLASSES.items():
        pattern = pattern.replace(word, spelt)
    return pattern


def _add(
    workspace: Workspace, constraint: LocationConstraint, resource: Resource, *,
    role: str | None = None, score: str | None = None, match: re.Match[str] | None = None,
) -> None:
    score = constraint.score if score is None else score
    if constraint.node is None or score is None:
        # Newer schemas know one rule a constraint; older ones mean one constraint a rule.
        for rule in constraint.rules:
            _add_rule(workspace, constraint, resource, rule, match)
        return
    node = workspace.node_named(constraint.node)
    if node is None:
        return
    if not is_number(score):
        workspace.problem(
            f"Ignoring location constraint {constraint.id} because '{score}' is not a valid score"
        )
        return
    text = constraint.role if role is None else role
    wanted = _location_role(text)
    if wanted is None:
        workspace.problem(
            f"Ignoring location constraint {constraint.id} because '{text}' is not a valid role"
        )
        return
    location = new_location(
        constraint.id, resource, constraint.resource_discovery, [(node, parse_score(score))]
    )
    location.role = wanted


def _add_rule(
    workspace: Workspace, constraint: LocationConstraint, resource: Resource,
    rule: LocationRule, match: re.Match[str] | None,
) -> None:
    """Points on each node where the rule holds; a fixed score or one that a node attribute says."""
    if rule.rule is None:
        return
    name = rule.id
    if name is None:
        workspace.problem(
            f"Ignoring location constraint '{constraint.id}' because its rule has no id"
        )
        return
    role = _location_role(rule.role)
    if role is None:
        workspace.problem(
            f"Ignoring location constraint '{constraint.id}' because rule '{name}' has invalid "
            f"role '{rule.role}'"
        )
        return
    if (rule.boolean_op or "and").lower() not in ("and", "or"):
        workspace.problem(
            f"Ignoring location constraint '{constraint.id}' because rule '{name}' has invalid "
            f"boolean-op '{rule.boolean_op}'"
        )
        return
    points = 0
    attribute = rule.score_attribute
    if attribute is not None:
        attribute = _replace_groups(attribute, match)
    elif rule.score is None:
        workspace.problem(
            f"Ignoring location constraint rule {name} because neither score nor score-attribute "
            "was specified"
        )
        return
    elif not is_number(rule.score):
        workspace.problem(
            f"Ignoring location constraint rule {name} because '{rule.score}' is not a valid score"
        )
        return
    else:
        points = parse_score(rule.score)
    location = new_location(name, resource, constraint.resource_discovery, [])
    location.role = role
    for node in workspace.nodes:
        if not workspace.rule_holds(rule, resource, node, match):
            continue
        if attribute is not None:
            text = attribute_value(
                node, attribute, resource.meta.get("container-attribute-target"), assigned=False
            )
            if not text or not is_number(text):
                continue
            points = parse_score(text)
        location.wishes.append((node, points))
    location.wishes.reverse()


def _replace_groups(text: str, match: re.Match[str] | None) -> str:
    """%1 … %9 stand for what the pattern's groups matched."""
    if match is None or match.re.groups == 0:
        return text
    return re.sub(
        r"%([0-9])",
        lambda found: (match.group(int(found[1])) or "")
        if int(found[1]) <= match.re.groups else "", text,
    )


def apply_location(resource: Resource, location: Location) -> None:
    """Add a location's points to one resource's scores."""
    if location.role is not Rank.UNKNOWN and location.role is not resource.next_role:
        return
    rank = _PROBE_RANK[location.probe_mode]
    for node, score in location.wishes:
        old = resource.allowed.get(node.id)
        resource.allowed[node.id] = score if old is None else add(old, score)
        if score:
            resource.workspace.scores.record(resource.id, node.name, score, location.id)
        if rank > _PROBE_RANK[resource.probe_mode(node)]:
            if location.probe_mode is ProbeMode.EXCLUSIVE:
                resource.exclusive_probes = True
            resource.probe_modes[node.id] = location.probe_mode
    resource.touch()


# The stage ----------------------------------------------------------------------------------------


def apply_node_criteria(workspace: Workspace) -> None:
    """Everything that says something of a resource and a node, without other resources."""
    if workspace.options.shutdown_lock:
        for resource in workspace.resources:
            resource.lock_for_shutdown()
    for location in reversed(workspace.locations):
        location.resource.apply_location(location)
    for resource in workspace.resources:
        _apply_stickiness(resource)
    failing = failures.nodes_with_failures(workspace)
    exclusive = [
        resource for resource in workspace.resources if _has_exclusive_probes(resource)
    ]
    for node in workspace.nodes:
        if node in failing:
            for resource in workspace.resources:
                _ban_after_failures(resource, node)
                if resource in exclusive:
                    _apply_exclusive_discovery(resource, node)
        else:
            for resource in exclusive:
                _apply_exclusive_discovery(resource, node)


def _apply_stickiness(resource: Resource) -> None:
    """Prefer the node where a managed resource is, if it is active on just one.

    In an asymmetric cluster only while that node is still allowed.
    Source: Pacemaker Explained, "Resource meta-attributes", resource-stickiness.
    """
    if resource.children:
        for child in resource.children:
            _apply_stickiness(child)
        return
    if not resource.managed or resource.stickiness < 1 or len(resource.active) != 1:
        return
    node = resource.active[0]
    if not resource.workspace.options.symmetric_cluster and node.id not in resource.allowed:
        return
    resource.add_score(node, resource.stickiness, "stickiness")


def _ban_after_failures(resource: Resource, node: Node) -> None:
    if resource.children:
        for child in list(resource.children):
            _ban_after_failures(child, node)
        return
    if act.find_exact(resource, act.key_of(resource, act.CLEAR_FAILCOUNT), node):
        return
    failed = failures.threshold_reached(resource, node)
    if failed is not None:
        failed.add_score(node, -INFINITY, "__fail_limit__")


def _has_exclusive_probes(resource: Resource) -> bool:
    return resource.exclusive_probes or any(map(_has_exclusive_probes, resource.children))


def _apply_exclusive_discovery(resource: Resource, node: Node) -> None:
    """Where discovery is exclusive, other nodes are no choice.

    Members are looked at only below one that is exclusive itself.
    """
    if not (resource.exclusive_probes or resource.top.exclusive_probes):
        return
    for child in resource.children:
        _apply_exclusive_discovery(child, node)
    if node.id in resource.allowed and (
        resource.probe_mode(node) is not ProbeMode.EXCLUSIVE
    ):
        resource.allowed[node.id] = -INFINITY
        resource.touch()
