"""The noun quorum."""

from __future__ import annotations

from hashell.shell.grammar.words import Command
from hashell.shell.pcs.call import Call

_HERE = "hashell.shell.pcs.quorum"
COMMANDS = (Command("", "", "Votes and quorum.", f"{_HERE}:status", aliases=("status", "config")),)


def status(call: Call, words: list[str]) -> int:
    from hashell.commands.quorum import status_lines

    return call.lines(list(status_lines(call.session.client.info())))
