"""Tickets: which of them this site holds.

Source: Pacemaker Explained, "Multi-site clusters and tickets"; lib/pengine/unpack.c, unpack_ticket_state.
"""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree
from msgspec import Struct, field

from hashell.values.booleans import is_true
from hashell.values.integers import leading_integer


class Ticket(Struct, frozen=True):
    """A ticket as the status section has it. `last_granted` is seconds since 1970, -1 for never. `state` holds all
    its attributes.
    """

    id: str
    granted: bool = False
    standby: bool = False
    last_granted: int = -1
    state: Mapping[str, str] = field(default_factory=dict)


def read_tickets(status: etree._Element | None) -> dict[str, Ticket]:
    """The tickets of a status section, by id."""
    found: dict[str, Ticket] = {}
    for holder in () if status is None else status.iterchildren("tickets"):
        for element in holder.iterchildren("ticket_state"):
            ident = element.get("id")
            if not ident:
                continue
            state = {} if ident not in found else dict(found[ident].state)
            state.update((str(k), str(v)) for k, v in element.attrib.items() if k != "id")
            granted = leading_integer(state.get("last-granted"))
            found[ident] = Ticket(
                ident, granted=is_true(state.get("granted")), standby=is_true(state.get("standby")),
                last_granted=(0 if granted is None else granted) if "last-granted" in state else -1, state=state,
            )
    return found
