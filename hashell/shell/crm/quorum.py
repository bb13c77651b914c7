"""The quorum level: votes, and why there are enough of them or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.shell.grammar.words import Command, Level

if TYPE_CHECKING:
    from hashell.shell.session import Session

LEVEL = Level(
    "quorum", "Votes, and why there are enough of them or not.",
    commands=(Command("status", "", "Votes and quorum, as corosync-quorumtool tells them, and why.",
                      "hashell.shell.crm.quorum:status"),),
)


def status(session: Session, words: list[str]) -> int:
    from hashell.commands import quorum

    session.out("".join(f"{line}\n" for line in quorum.status_lines(session.client.info())))
    return 0
