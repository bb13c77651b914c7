"""Groups: `pcs resource group list|add|delete`."""

from __future__ import annotations

from hashell.errors import BadUsage
from hashell.shell.pcs.call import Call


def listing(call: Call, words: list[str]) -> int:
    return call.lines(
        f"{group.get('id')}: " + " ".join(child.get("id", "") for child in group.findall("primitive"))
        for group in call.env.root.iterfind("configuration/resources//group")
    )


def add(call: Call, words: list[str]) -> int:
    if len(words) < 2:
        raise BadUsage(
            "usage: pcs resource group add GROUP RESOURCE… [--before R|--after R]", "name a group and resources"
        )
    from hashell.commands import members

    env = call.env
    members.group_add(
        env, words[0], words[1:], before=call.options.get("--before", ""), after=call.options.get("--after", "")
    )
    return call.finish(env)


def remove(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs resource group remove GROUP [RESOURCE…]", "name a group")
    from hashell.commands import members

    env = call.env
    members.group_remove(env, words[0], words[1:])
    return call.finish(env)
