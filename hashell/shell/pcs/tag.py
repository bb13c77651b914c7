"""The noun tag."""

from __future__ import annotations

from hashell.errors import BadUsage
from hashell.shell.grammar.words import Command, Danger
from hashell.shell.pcs.call import Call, first, sections

_HERE = "hashell.shell.pcs.tag"
COMMANDS = (
    Command("", "{TAG}", "Tags and what they name.", f"{_HERE}:config", aliases=("config", "list")),
    Command("create", "NEWID RESOURCE...", "A tag.", f"{_HERE}:create", danger=Danger.CHANGES),
    Command("update", "TAG {TEXT}", "Change what a tag names.", f"{_HERE}:update", danger=Danger.CHANGES),
    Command("delete", "TAG...", "Delete tags.", f"{_HERE}:delete", danger=Danger.CHANGES, aliases=("remove",)),
)


def config(call: Call, words: list[str]) -> int:
    from hashell.shell.pcs import show_data, show_options

    form = show_data.form_of(call.options)
    if form != "text":
        return call.lines(show_data.tags(call.env, form, words))
    lines = list(show_options.tag_lines(call.env, words))
    return call.lines(lines or [" No tags defined"])


def create(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs tag create ID RESOURCE…", "name a tag")
    from hashell.commands import tags

    env = call.env
    tags.create(env, words[0], words[1:])
    return call.finish(env)


def update(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs tag update ID [add R…] [remove R…]", "name a tag")
    from hashell.commands import tags

    groups = sections(words[1:], ("add", "remove"))
    if groups[""][0] or not ("add" in groups or "remove" in groups):
        raise BadUsage("usage: pcs tag update ID [add R…] [remove R…]", "say add or remove")
    env = call.env
    tags.update(
        env,
        words[0],
        first(groups, "add"),
        first(groups, "remove"),
        before=call.options.get("--before", ""),
        after=call.options.get("--after", ""),
    )
    return call.finish(env)


def delete(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs tag delete ID…", "name tags")
    from hashell.commands import tags

    env = call.env
    tags.delete(env, words)
    return call.finish(env)
