"""Operations of resources: `pcs resource op add|delete`."""

from __future__ import annotations

from hashell.errors import BadUsage, NotFound
from hashell.shell.pcs.call import Call, pairs


def add(call: Call, words: list[str]) -> int:
    if len(words) < 2:
        raise BadUsage("usage: pcs resource op add RESOURCE OPERATION [name=value]…", "see pcs resource help")
    from hashell.commands import parameters
    from hashell.commands.binding import find_resource

    env = call.env
    resource = find_resource(env.root, words[0])
    if resource is None or resource.tag != "primitive":
        raise NotFound(f"Unable to find resource: {words[0]}", "name a primitive")
    parameters.add_operation(env, resource, {"name": words[1], **pairs(words[2:])})
    return call.finish(env)


def delete(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage(
            "usage: pcs resource op delete RESOURCE OPERATION [name=value]… | OPERATION-ID", "see pcs resource help"
        )
    from hashell.commands import parameters
    from hashell.commands.binding import find_resource

    env = call.env
    if len(words) == 1:
        parameters.delete_operation(env, None, words)
        return call.finish(env)
    resource = find_resource(env.root, words[0])
    if resource is None or resource.tag != "primitive":
        raise NotFound(f"Unable to find resource: {words[0]}", "name a primitive")
    parameters.delete_operation(env, resource, words[1:])
    return call.finish(env)
