"""The site level: tickets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hashell.commands.binding import attributes, owner
from hashell.errors import NotFound
from hashell.shell.grammar.words import Command, Danger, Level

if TYPE_CHECKING:
    from hashell.shell.session import Session

_HERE = "hashell.shell.crm.site"

LEVEL = Level(
    "site",
    "Tickets of sites.",
    commands=(
        Command(
            "ticket",
            "(grant|revoke|standby|activate|show|time|delete) TICKET",
            "Grant, revoke, hold or show a ticket.",
            f"{_HERE}:ticket",
            danger=Danger.INTERRUPTS,
        ),
    ),
)


def ticket(session: Session, words: list[str]) -> int:
    """Tickets stand in the status section."""
    from lxml import etree

    verb, name = words[0].lower(), words[1]
    env = session.env()
    status = env.root.find("status")
    if status is None:
        status = etree.SubElement(env.root, "status")
    holder = status.find("tickets")
    state = next((one for one in (holder if holder is not None else ()) if one.get("id") == name), None)
    if verb in ("show", "time"):
        if state is None:
            raise NotFound(f"no ticket is called {name}", "grant it first")
        session.out(
            (state.get("last-granted") or "never") + "\n"
            if verb == "time"
            else " ".join(f"{key}={value}" for key, value in attributes(state).items()) + "\n"
        )
        return 0
    if verb == "delete":
        if state is not None:
            owner(state).remove(state)
    else:
        if state is None:
            if holder is None:
                holder = etree.SubElement(status, "tickets")
            state = etree.SubElement(holder, "ticket_state", {"id": name, "granted": "false", "standby": "false"})
        if verb in ("grant", "revoke"):
            state.set("granted", "true" if verb == "grant" else "false")
            if verb == "grant":
                state.set("last-granted", str(int(time.time())))
        else:
            state.set("standby", "true" if verb == "standby" else "false")
    session.finish(env)
    return 0
