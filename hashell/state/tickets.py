"""Tickets: which of them this site holds.

Source: Pacemaker Explained, "Multi-site clusters and tickets"; lib/pengine/unpack.c,
unpack_ticket_state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as the status section has it. `last_granted` is seconds since 1970, -1 for never.
    `state` holds all its attributes.
    """

    id: str
    granted: bool = False
    standby: bool = False
    last_granted: int = -1
    state: Mapping[str, str] = field(default_factory=dict)
