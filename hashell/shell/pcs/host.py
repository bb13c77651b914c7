"""The noun host: whether other machines can be reached."""

from __future__ import annotations

from hashell.shell.grammar.words import Command

COMMANDS = (
    Command("auth", "{(NODE|NAME=VALUE)}", "See whether machines can be reached over ssh, as setting up needs it.",
            "hashell.shell.pcs.setting_up:auth"),
)
