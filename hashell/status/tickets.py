"""Tickets: those that a cluster knows, and what their loss already means for what runs.

Source: lib/pacemaker/pcmk_sched_tickets.c; lib/pengine/pe_output.c, ticket_list.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hashell.model.constraints import TicketConstraint
from hashell.model.nodes import NodeKind
from hashell.state.cluster_state import ClusterState
from hashell.state.resources import Resource
from hashell.status.bans import constraint_resource, expand, references
from hashell.status.cluster_status import TicketStatus
from hashell.values.roles import Role
from hashell.values.table_order import in_table_order


def tickets(state: ClusterState) -> tuple[TicketStatus, ...]:
    """Tickets that the status section has or that a constraint asks for, in crm_mon's order."""
    named = [
        one.ticket for one in state.configuration.constraints
        if isinstance(one, TicketConstraint) and one.ticket
    ]
    found = []
    for name in in_table_order([*state.tickets, *named]):
        ticket = state.tickets.get(name)
        if ticket is None:
            found.append(TicketStatus(name, granted=False, standby=False, last_granted_s=None))
            continue
        others = tuple(
            (key, ticket.state[key]) for key in in_table_order(ticket.state)
            if key not in ("last-granted", "expires", "id", "granted", "standby")
        )
        found.append(
            TicketStatus(
                name, ticket.granted, ticket.standby,
                ticket.last_granted if ticket.last_granted > -1 else None, others,
            )
        )
    return tuple(found)


class Losses(msgspec.Struct, frozen=True):
    """What the loss of tickets comes to at once: ids of resources that are frozen, of nodes that are to be fenced."""

    frozen: frozenset[str] = frozenset()
    fenced: frozenset[str] = frozenset()


def losses(state: ClusterState) -> Losses:
    """For every ticket that is not granted, what loss-policy freeze and fence do to what runs.

    crm_mon reads constraints, and so sees this, only when it shows tickets or bans.
    """
    frozen: set[str] = set()
    fenced: set[str] = set()
    for constraint in state.configuration.constraints:
        if not isinstance(constraint, TicketConstraint) or not constraint.ticket:
            continue
        ticket = state.tickets.get(constraint.ticket)
        policy = (constraint.loss_policy or "").lower()
        if (ticket is not None and ticket.granted) or policy not in ("freeze", "fence"):
            continue
        if policy == "fence" and not state.configuration.options.fencing_enabled:
            continue
        for resource, role in _targets(state, constraint):
            wanted = Role.find(role)
            for one in resource.primitives():
                if wanted not in (None, Role.STARTED, one.role) or not one.active_on:
                    continue
                if policy == "freeze":
                    frozen.add(one.id)
                else:
                    fenced.update(name for name in one.active_on if state.nodes[name].kind is not NodeKind.GUEST)
    return Losses(frozenset(frozen), frozenset(fenced))


def _targets(state: ClusterState, constraint: TicketConstraint) -> Iterator[tuple[Resource, str | None]]:
    """Each resource that a constraint speaks of, with the role that it means."""
    names = [(name, constraint.role) for name in expand(state, constraint.resource or "")]
    for one in constraint.sets:
        names += [(name, one.role) for name in references(state, one)]
    for name, role in names:
        resource = constraint_resource(state, name)
        if resource is not None:
            yield resource, role
