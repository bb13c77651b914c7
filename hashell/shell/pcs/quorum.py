"""The noun quorum."""

from __future__ import annotations

from hashell.shell.grammar.words import Command
from hashell.shell.pcs.call import Call

_HERE = "hashell.shell.pcs.quorum"
COMMANDS = (Command("", "", "Votes and quorum.", f"{_HERE}:status", aliases=("status", "config")),)


def status(call: Call, words: list[str]) -> int:
    info = call.session.client.info()
    lines = [
        "Quorum information",
        "------------------",
        f"Nodes:            {len(info.members)}",
        f"Quorate:          {'Yes' if info.quorate else 'No'}",
        "",
        "Votequorum information",
        "----------------------",
        f"Expected votes:   {info.expected_votes}",
        f"Total votes:      {info.votes}",
        f"Quorum:           {info.quorum}",
        "",
        "Membership information",
        "----------------------",
        *(f"{one.id:>10} {one.name} ({one.state})" for one in info.members),
    ]
    return call.lines(lines)
