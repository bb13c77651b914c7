"""Tickets: what a ticket that is lost or not yet granted does to those that depend on it.

Source: lib/pacemaker/pcmk_sched_tickets.c; Pacemaker Explained, "Multi-site clusters and tickets".
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hashell.model.constraints import TicketConstraint
from hashell.scheduler import fencing
from hashell.scheduler.references import (
    UnknownRole,
    constraint_role,
    expand_sets,
    find_resource,
    is_valid,
    set_of,
)
from hashell.scheduler.workspace import Rank
from hashell.state.tickets import Ticket
from hashell.values.scores import INFINITY

if TYPE_CHECKING:
    from hashell.scheduler.variants.variant import Resource
    from hashell.scheduler.workspace import Workspace


class LossPolicy(enum.Enum):
    STOP = "stop"
    DEMOTE = "demote"
    FENCE = "fence"
    FREEZE = "freeze"


@dataclass(frozen=True, slots=True)
class TicketUse:
    """A ticket that a resource needs (in a role, if one is given)."""

    id: str
    ticket: Ticket
    policy: LossPolicy
    role: Rank


def add_constraint(workspace: Workspace, constraint: TicketConstraint) -> None:
    if constraint.ticket is None:
        workspace.problem(f"Ignoring constraint '{constraint.id}' without ticket")
        return
    ticket = workspace.state.tickets.get(constraint.ticket, Ticket(constraint.ticket))
    sets = constraint.sets
    if sets:
        sets = expand_sets(workspace, constraint.id, sets)
    elif constraint.resource is not None:
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
                _use(workspace, made.id, resource, ticket, constraint.role, constraint.loss_policy)
            return
    if not sets:
        if constraint.resource is None:
            workspace.problem(f"Ignoring constraint '{constraint.id}' without resource")
            return
        resource = find_resource(workspace, constraint.resource)
        assert resource is not None
        _use(workspace, constraint.id, resource, ticket, constraint.role, constraint.loss_policy)
        return
    for one in sets:
        for name in one.references:
            resource = find_resource(workspace, name)
            if resource is None:
                workspace.problem(f"{one.id}: No resource found for {name}")
                return
            _use(workspace, one.id, resource, ticket, one.role, constraint.loss_policy)


def _policy(workspace: Workspace, ticket: Ticket, role: Rank, text: str | None) -> LossPolicy:
    word = (text or "").lower()
    if word == "fence" and not workspace.options.fencing_enabled:
        workspace.problem(
            f"Resetting 'loss-policy' for ticket '{ticket.id}' to 'stop' because fencing is not "
            "configured"
        )
        word = "stop"
    try:
        return LossPolicy(word)
    except ValueError:
        return LossPolicy.DEMOTE if role is Rank.PROMOTED else LossPolicy.STOP


def _use(
    workspace: Workspace, name: str, resource: Resource, ticket: Ticket, role_text: str | None,
    policy_text: str | None,
) -> None:
    try:
        role = constraint_role(workspace, name, role_text)
    except UnknownRole:
        return
    use = TicketUse(name, ticket, _policy(workspace, ticket, role, policy_text), role)
    resource.tickets.append(use)
    if not ticket.granted or ticket.standby:
        _apply(resource, use)


def _apply(resource: Resource, use: TicketUse) -> None:
    """What not having the ticket means for each primitive below."""
    ticket = use.ticket
    if resource.children:
        for child in resource.children:
            _apply(child, use)
        return
    not_only_promotion = use.role is not Rank.PROMOTED or use.policy is LossPolicy.STOP
    if ticket.granted:
        if ticket.standby and not_only_promotion:
            resource.add_score_everywhere(-INFINITY, "__ticket_standby__")
    elif not resource.active:
        if not_only_promotion:
            resource.add_score_everywhere(-INFINITY, "__no_ticket__")
    else:
        _lose(resource, use)


def _lose(resource: Resource, use: TicketUse) -> None:
    role_fits = use.role in (Rank.UNKNOWN, resource.role)
    if use.policy is LossPolicy.STOP or (
        use.policy is LossPolicy.DEMOTE and use.role is not Rank.PROMOTED
    ):
        resource.add_score_everywhere(-INFINITY, "__loss_of_ticket__")
    elif use.policy is LossPolicy.FENCE and role_fits:
        resource.add_score_everywhere(-INFINITY, "__loss_of_ticket__")
        for node in resource.active:
            fencing.fence_node(resource.workspace, node, "deadman ticket was lost")
    elif use.policy is LossPolicy.FREEZE and role_fits:
        resource.managed = False
        resource.workspace.relations_changed()
        resource.blocked = True
        resource.root.places_at += 1


def require_for_promotion(resource: Resource) -> None:
    """Without its ticket nothing is promoted."""
    for use in resource.tickets:
        if use.role is Rank.PROMOTED and (not use.ticket.granted or use.ticket.standby):
            resource.add_score_everywhere(-INFINITY, "__stateful_without_ticket__")
