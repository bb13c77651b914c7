"""Defaults of resources and operations: `pcs resource defaults`, `pcs resource op defaults`."""

from __future__ import annotations

from hashell.errors import BadUsage
from hashell.shell.pcs.call import Call, first, pairs, sections


def defaults(call: Call, words: list[str]) -> int:
    return _defaults(call, words, "rsc_defaults")


def op_defaults(call: Call, words: list[str]) -> int:
    return _defaults(call, words, "op_defaults")


def _defaults(call: Call, words: list[str], section: str) -> int:
    from hashell.commands import options
    from hashell.shell.pcs import show_data, show_options
    from hashell.shell.pcs.rule_parse import parse_rule
    from hashell.shell.pcs.show_data import form_of

    env = call.env
    if not words or words == ["config"]:
        form = form_of(call.options)
        if form == "json":
            return call.lines(show_data.defaults(env, section))
        if form == "cmd":
            return call.lines(show_options.defaults_commands(env, section))
        return call.lines(show_options.defaults_lines(env, section, full=call.full))
    verb, rest = words[0], words[1:]
    if verb == "update" or "=" in verb:
        given = pairs(rest if verb == "update" else words)
        if not given:
            raise BadUsage(
                "give name=value", f"resource {'op ' if section[0] == 'o' else ''}defaults update name=value"
            )
        options.update_defaults(env, section, given)
    elif verb == "set" and rest[:1] == ["create"]:
        groups = sections(rest[1:], ("meta", "rule"))
        rule = None
        if "rule" in groups:
            rule = parse_rule(first(groups, "rule"), resource=True, operation=section == "op_defaults")
        options.create_defaults(env, section, pairs(first(groups, "meta")), pairs(groups[""][0]), rule)
    elif verb == "set" and rest[:1] == ["update"] and len(rest) > 1:
        options.update_defaults_set(env, section, rest[1], pairs(word for word in rest[2:] if word != "meta"))
    elif verb == "set" and rest[:1] in (["delete"], ["remove"]) and len(rest) > 1:
        options.delete_defaults(env, section, rest[1:])
    else:
        raise BadUsage(f"'{' '.join(words)}' is no command of defaults", "config, update, set create|update|delete")
    env.warn("Defaults do not apply to resources which override them with their own defined values")
    return call.finish(env)
