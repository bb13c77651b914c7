"""The noun alert."""

from __future__ import annotations

from hashell.errors import BadUsage
from hashell.shell.grammar.words import Command, Danger
from hashell.shell.pcs.call import Call, first, pairs, sections

_HERE = "hashell.shell.pcs.alert"
_GIVEN = "{NAME=VALUE} {(options|meta) {NAME=VALUE}}"
COMMANDS = (
    Command("", "", "Alerts and their recipients.", f"{_HERE}:config", aliases=("config", "show")),
    Command("create", _GIVEN, "An alert.", f"{_HERE}:create", danger=Danger.CHANGES),
    Command("update", f"ALERT {_GIVEN}", "Change an alert.", f"{_HERE}:update", danger=Danger.CHANGES),
    Command("delete", "ALERT...", "Delete alerts.", f"{_HERE}:delete", danger=Danger.CHANGES, aliases=("remove",)),
    Command("recipient add", "ALERT {NAME=VALUE}", "A recipient.", f"{_HERE}:recipient_add", danger=Danger.CHANGES),
    Command(
        "recipient update",
        "RECIPIENT {NAME=VALUE}",
        "Change a recipient.",
        f"{_HERE}:recipient_update",
        danger=Danger.CHANGES,
    ),
    Command(
        "recipient delete",
        "RECIPIENT...",
        "Delete recipients.",
        f"{_HERE}:recipient_delete",
        danger=Danger.CHANGES,
        aliases=("recipient remove",),
    ),
)


def config(call: Call, words: list[str]) -> int:
    from hashell.shell.pcs import show_data, show_options

    form = show_data.form_of(call.options)
    if form != "text":
        return call.lines(show_data.alerts(call.env, form))
    return call.lines(show_options.alert_lines(call.env))


def _given(words: list[str]) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    groups = sections(words, ("options", "meta"))
    return pairs(groups[""][0]), pairs(first(groups, "options")), pairs(first(groups, "meta"))


def create(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs alert create path=PATH …", "give path=…")
    from hashell.commands import alerts

    env = call.env
    alerts.create(env, *_given(words))
    return call.finish(env)


def update(call: Call, words: list[str]) -> int:
    return _one(call, words, "update")


def recipient_add(call: Call, words: list[str]) -> int:
    return _one(call, words, "add_recipient")


def recipient_update(call: Call, words: list[str]) -> int:
    return _one(call, words, "update_recipient")


def _one(call: Call, words: list[str], what: str) -> int:
    if not words or "=" in words[0]:
        raise BadUsage("usage: pcs alert … ID …", "name one")
    from hashell.commands import alerts

    env = call.env
    getattr(alerts, what)(env, words[0], *_given(words[1:]))
    return call.finish(env)


def delete(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs alert delete ID…", "name alerts")
    from hashell.commands import alerts

    env = call.env
    alerts.delete(env, words)
    return call.finish(env)


def recipient_delete(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs alert recipient delete ID…", "name recipients")
    from hashell.commands import alerts

    env = call.env
    alerts.delete_recipients(env, words)
    return call.finish(env)
