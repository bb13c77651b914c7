"""The noun property."""

from __future__ import annotations

from hashell.errors import BadUsage, NotFound
from hashell.shell.grammar.words import Command, Danger
from hashell.shell.pcs.call import Call, pairs

_HERE = "hashell.shell.pcs.property"
COMMANDS = (
    Command("", "{PROPERTY}", "Options that are set.", f"{_HERE}:config", aliases=("config",)),
    Command("list", "{PROPERTY}", "The older word, with the older text.", f"{_HERE}:list_old", aliases=("show",)),
    Command(
        "set",
        "PROPERTY=VALUE...",
        "Set options; an empty value removes one.",
        f"{_HERE}:set_options",
        danger=Danger.CHANGES,
    ),
    Command("unset", "PROPERTY...", "Remove options.", f"{_HERE}:unset", danger=Danger.CHANGES),
    Command("defaults", "{PROPERTY}", "What options are when they are not set.", f"{_HERE}:defaults"),
    Command("describe", "{PROPERTY}", "What options mean.", f"{_HERE}:describe"),
)


def config(call: Call, words: list[str]) -> int:
    from hashell.shell.pcs import show_data, show_options

    env = call.env
    form = show_data.form_of(call.options)
    if form != "text":
        return call.lines(show_data.properties(env, form))
    if call.has("--all") or call.has("--defaults"):
        return _merged(call, words)
    if words:
        lines = [f"{name}={env.option(name)}" for name in words if env.option(name) is not None]
        if not lines:
            from hashell.model.options.cluster import BY_NAME

            known = [
                f"{name}={BY_NAME[name].default} (default)"
                for name in words
                if name in BY_NAME and BY_NAME[name].default is not None
            ]
            if not known:
                raise NotFound(f"no property {', '.join(words)}", "see property describe")
            lines = known
        return call.lines(lines)
    return call.lines(show_options.property_lines(env))


def list_old(call: Call, words: list[str]) -> int:
    """Scripts that use the older word read the older text."""
    from hashell.shell.pcs import show_options

    return call.lines(show_options.property_lines(call.env, old=True))


def _merged(call: Call, words: list[str]) -> int:
    from hashell.model.options.cluster import OPTIONS

    env = call.env
    lines = []
    for row in sorted(OPTIONS, key=lambda one: one.name):
        value = None if call.has("--defaults") else env.option(row.name)
        if (value is not None or row.default is not None) and (not words or row.name in words):
            lines.append(
                f"{row.name}={value if value is not None else row.default}"
                + ("" if value is not None or call.has("--defaults") else " (default)")
            )
    return call.lines(lines)


def set_options(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs property set NAME=VALUE…", "give name=value")
    env = call.env
    given = pairs(words)
    if call.has("--node"):
        from hashell.commands import nodes

        for name, value in given.items():
            if value:
                nodes.set_attribute(env, call.options["--node"], "attribute", name, value)
            else:
                nodes.delete_attribute(env, call.options["--node"], "attribute", name)
        return call.finish(env)
    from hashell.commands import options

    options.unset_options(env, [name for name, value in given.items() if not value], drop=False)
    options.set_options(env, given)
    return call.finish(env)


def unset(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs property unset NAME…", "name options")
    from hashell.commands import nodes, options

    env = call.env
    if call.has("--node"):
        for name in words:
            nodes.delete_attribute(env, call.options["--node"], "attribute", name)
        return call.finish(env)
    options.unset_options(env, words)
    return call.finish(env)


def defaults(call: Call, words: list[str]) -> int:
    from hashell.model.options.cluster import BY_NAME, OPTIONS

    missing = [name for name in words if name not in BY_NAME]
    if missing:
        raise NotFound(
            "No default value for property: " + ", ".join(f"'{name}'" for name in missing), "see property describe"
        )
    return call.lines(
        f"{row.name}={row.default}"
        for row in sorted(OPTIONS, key=lambda one: one.name)
        if row.default is not None and (not words or row.name in words)
    )


def describe(call: Call, words: list[str]) -> int:
    from hashell.model.options.cluster import BY_NAME, OPTIONS

    missing = [name for name in words if name not in BY_NAME]
    if missing:
        raise NotFound(
            "No description for property: " + ", ".join(f"'{name}'" for name in missing), "see property describe"
        )
    from hashell.shell.grammar.help import option_lines

    lines = []
    for row in sorted(OPTIONS, key=lambda one: one.name):
        if (words and row.name not in words and row.old_name not in words) or (
            row.advanced and not words and not call.full
        ):
            continue
        lines += option_lines(row)
    return call.lines(lines)
