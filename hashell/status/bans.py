"""Bans: location constraints that keep resources away from nodes.

Source: lib/pacemaker/pcmk_sched_location.c; lib/pengine/pe_output.c, ban_list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hashell.model.constraints import (
    LocationConstraint,
    LocationRule,
    ResourceSet,
)
from hashell.rules.evaluate import RuleInput, evaluate
from hashell.state.cluster_state import ClusterState
from hashell.state.nodes import Node
from hashell.state.resources import Resource
from hashell.status.cluster_status import BanStatus
from hashell.values.roles import Role
from hashell.values.scores import parse_score

#: A resource that a constraint speaks of, role and score where a set has its own, the match of a
#: pattern.
Target = tuple[Resource, str | None, str | None, re.Match[str] | None]


def bans(state: ClusterState, prefix: str, only: tuple[str, ...] | None) -> tuple[BanStatus, ...]:
    """Negative location constraints, the last written one first, as crm_mon lists them."""
    found: list[tuple[Resource, BanStatus]] = []
    for constraint in state.configuration.constraints:
        if isinstance(constraint, LocationConstraint):
            found = [*_of_constraint(state, constraint), *found]
    return tuple(
        ban for resource, ban in found
        if ban.id.startswith(prefix) and ban.weight < 0
        and (only is None or resource.printable_id in only or resource.top.printable_id in only)
    )


def _of_constraint(
    state: ClusterState, constraint: LocationConstraint
) -> list[tuple[Resource, BanStatus]]:
    """What one constraint says, the last part first."""
    found: list[tuple[Resource, BanStatus]] = []
    for target in _targets(state, constraint):
        for one in _scores(state, constraint, target):
            found = [*((target[0], ban) for ban in one), *found]
    return found


def _targets(
    state: ClusterState, constraint: LocationConstraint
) -> Iterator[Target]:
    """Each resource it speaks of, with role and score where a set has its own, and the match of a pattern."""
    if constraint.resource is not None:
        for name in expand(state, constraint.resource):
            resource = constraint_resource(state, name)
            if resource is not None:
                yield resource, constraint.role, None, None
    if constraint.pattern is not None:
        yield from _by_pattern(state, constraint)
    for one in constraint.sets:
        for name in references(state, one):
            resource = constraint_resource(state, name)
            if resource is None:
                return
            yield resource, one.role, one.score, None


def _by_pattern(
    state: ClusterState, constraint: LocationConstraint
) -> Iterator[Target]:
    text = constraint.pattern or ""
    inverted = text.startswith("!")
    try:
        pattern = re.compile(text[1:] if inverted else text)
    except re.error:
        return
    for resource in state.resources:
        match = pattern.search(resource.id)
        if (match is None) is inverted:
            yield resource, constraint.role, None, match


def expand(state: ClusterState, name: str) -> tuple[str, ...]:
    """What a name in a constraint stands for: a resource, or all that a template or tag holds."""
    if constraint_resource(state, name) is not None:
        return (name,)
    configuration = state.configuration
    return configuration.templates.get(name) or configuration.tags.get(name) or (name,)


def references(state: ClusterState, one: ResourceSet) -> Iterator[str]:
    """The resources in a set, templates and tags expanded."""
    for name in one.references:
        yield from expand(state, name)


def constraint_resource(state: ClusterState, name: str) -> Resource | None:
    """What a constraint means by a name: of an anonymous clone's instance the whole clone."""
    found = state.find(name)
    if found is None or found.id == name:
        return found
    return found.top


def _scores(
    state: ClusterState, constraint: LocationConstraint, target: Target
) -> Iterator[list[BanStatus]]:
    """A list for each location that the constraint makes."""
    resource, role, score, match = target
    score = score if score is not None else constraint.score
    if constraint.node is not None and score is not None:
        node = state.node_named(constraint.node)
        promoted = _promoted_only(role if role is not None else constraint.role)
        if node is not None and promoted is not None:
            yield [BanStatus(constraint.id, resource.id, node.name, parse_score(score), promoted)]
        return
    for rule in constraint.rules:
        yield _of_rule(state, rule, resource, match)


def _promoted_only(role: str | None) -> bool | None:
    """Whether a role filter means the promoted role alone; None for a word that is no role."""
    if role is None:
        return False
    found = Role.find(role)
    return None if found is None else found is Role.PROMOTED


def _of_rule(
    state: ClusterState, rule: LocationRule, resource: Resource, match: re.Match[str] | None
) -> list[BanStatus]:
    promoted = _promoted_only(rule.role)
    if rule.id is None or rule.rule is None or promoted is None:
        return []
    found: list[BanStatus] = []
    for node in state.nodes.values():
        known = RuleInput(
            now_s=int(state.now_s), node_attributes=node.attributes, pattern=match,
            parameters=resource.config.parameters(node.attributes), meta=resource.meta,
        )
        if not evaluate(rule.rule, known).met:
            continue
        score = _rule_score(rule, node, match)
        if score is not None:
            found.append(BanStatus(rule.id, resource.id, node.name, score, promoted))
    # For "and" crm_mon 2.1 strikes nodes from a list that begins with the last one, for "or" it adds them one by one.
    return found if (rule.boolean_op or "and").lower() == "or" else found[::-1]


def _rule_score(rule: LocationRule, node: Node, match: re.Match[str] | None) -> int | None:
    if rule.score_attribute is None:
        return None if rule.score is None else parse_score(rule.score)
    name = rule.score_attribute
    if match is not None:
        groups = [match[0], *match.groups(default="")]
        name = re.sub(
            r"%(\d)", lambda m: groups[int(m[1])] if int(m[1]) < len(groups) else m[0], name
        )
    value = node.attributes.get(name)
    return parse_score(value) if value else None
