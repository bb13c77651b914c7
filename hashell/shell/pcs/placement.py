"""Where resources are to run until further notice: `pcs resource move|ban|clear`."""

from __future__ import annotations

import time

from hashell.commands.binding import Element, select
from hashell.errors import BadInput, BadUsage
from hashell.shell.pcs.call import Call
from hashell.shell.pcs.root import need


def _place(call: Call, words: list[str], verb: str) -> tuple[str, str, str]:
    """Resource, node, end of the lifetime."""
    from hashell.commands import members
    from hashell.commands.resources import until

    if not words:
        raise BadUsage(f"must specify a resource to {verb}", "name a resource")
    rest = [word for word in words[1:] if not word.startswith("lifetime=")]
    need(rest, 0, 1, f"resource {verb} RESOURCE [NODE] [lifetime=…] [--promoted]")
    lifetime = next((word[9:] for word in words[1:] if word.startswith("lifetime=")), "")
    env = call.env
    resource = members.need(env, words[0])
    promoted = call.has("--promoted") or call.has("--master")
    if promoted and not (
        resource.tag == "master"
        or select(resource, "meta_attributes/nvpair[@name='promotable' and @value='true']")
        or resource.tag == "bundle"
    ):
        raise BadInput(
            f"when specifying promoted you must use the promotable clone id, and {words[0]} is none", "name the clone"
        )
    _refuse_inner(words[0], resource, verb)
    return words[0], rest[0] if rest else "", until(lifetime, time.time()) if lifetime else ""


def _refuse_inner(name: str, resource: Element, verb: str) -> None:
    """What is in a clone or a bundle goes where the whole goes. Raises BadInput."""
    if next(resource.iterancestors("bundle"), None) is not None:
        bundle = next(resource.iterancestors("bundle")).get("id")
        raise BadInput(f"resource '{name}' is in a bundle, which moves as a whole ({bundle})", f"{verb} {bundle}")
    clone = next(resource.iterancestors("clone", "master"), None)
    if verb == "move" and clone is not None:
        raise BadInput(f"to move clone resources you must use the clone id ({clone.get('id')})", "name the clone")


def move(call: Call, words: list[str]) -> int:
    """The constraint that moves goes again when the cluster has settled; a file keeps it, for there is nothing to
    wait for.
    """
    from hashell.commands import resources

    name, node, end = _place(call, words, "move")
    env = call.env
    _move(call, name, node, end)
    call.finish(env)
    if call.session.client.kind == "file":
        return 0
    call.session.client.wait_idle(call.session.options.wait_s)
    env = call.env
    env.refresh()
    resources.clear(env, name)
    return call.finish(env)


def _move(call: Call, name: str, node: str, end: str) -> None:
    from hashell.commands import resources

    env = call.env
    promoted = call.has("--promoted") or call.has("--master")
    if node:
        resources.prefer(env, name, node, end=end, promoted=promoted)
    else:
        resources.ban(env, name, resources.node_of(env, name), end=end, promoted=promoted)


def move_with_constraint(call: Call, words: list[str]) -> int:
    name, node, end = _place(call, words, "move")
    _move(call, name, node, end)
    call.env.warn(
        f"A move constraint has been created and the resource '{name}' may or may not move depending on other configuration"  # noqa: E501
    )
    return call.finish(call.env)


def ban(call: Call, words: list[str]) -> int:
    from hashell.commands import resources

    name, node, end = _place(call, words, "ban")
    env = call.env
    promoted = call.has("--promoted") or call.has("--master")
    resources.ban(env, name, node or resources.node_of(env, name), end=end, promoted=promoted)
    return call.finish(env)


def clear(call: Call, words: list[str]) -> int:
    from hashell.commands import members, resources

    if not words:
        raise BadUsage("must specify a resource to clear", "name a resource")
    env = call.env
    members.need(env, words[0])
    for gone in resources.clear(env, words[0], words[1] if len(words) > 1 else ""):
        env.say(f"Removing constraint: {gone}")
    return call.finish(env)
