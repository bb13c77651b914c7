"""Creating, changing and deleting resources: `pcs resource create|update|delete|meta|utilization|description`."""

from __future__ import annotations

from hashell.commands.binding import put_attributes
from hashell.errors import BadInput, BadUsage, NotFound
from hashell.shell.pcs.call import Call, first, operations, pairs, sections
from hashell.shell.pcs.root import need


def create(call: Call, words: list[str]) -> int:
    if len(words) < 2:
        raise BadUsage("usage: pcs resource create RESOURCE AGENT [name=value]…", "see pcs resource help")
    from hashell.commands import creation, members

    name, agent = words[:2]
    groups = sections(words[2:], ("op", "meta", "clone", "promotable", "master", "bundle"), repeat=("op",))
    wanted = creation.Wanted(
        name,
        agent,
        pairs(groups[""][0]),
        pairs(_own_meta(call, words[2:])),
        operations(groups.get("op", [])),
        default_operations="--no-default-ops" not in call.options,
        disabled="--disabled" in call.options,
    )
    env = call.env
    kinds: list[str] = [kind for kind in ("clone", "promotable", "master", "bundle") if kind in groups]
    kinds += [kind for option, kind in (("--clone", "clone"), ("--master", "master")) if option in call.options]
    if len(kinds) + ("--group" in call.options) > 1:
        raise BadUsage("you can specify only one of clone, promotable, bundle or --group", "choose one")
    if ("--before" in call.options or "--after" in call.options) and "--group" not in call.options:
        raise BadUsage("you cannot use --before or --after without --group", "name the group")
    group = call.options.get("--group", "")
    if group:
        existing = env.by_id(group)
        if existing is not None and existing.tag != "group":
            raise BadInput(f"'{group}' is not a group", "name a group")
    if kinds and wanted.disabled:
        wanted.disabled = False
    primitive = creation.create(env, wanted)
    if group:
        members.group_add(
            env, group, [name], before=call.options.get("--before", ""), after=call.options.get("--after", "")
        )
    elif kinds and kinds[0] == "bundle":
        rest = first(groups, "bundle")
        if len(rest) != 1:
            raise BadUsage("you have to specify exactly one bundle", "bundle NAME")
        members.bundle_put(env, rest[0], primitive)
        if "--disabled" in call.options:
            creation.add_set(env, primitive, "meta_attributes", {"target-role": "Stopped"})
    elif kinds:
        kind = kinds[0]
        rest = list(first(groups, kind))
        clone_id = rest.pop(0) if rest and "=" not in rest[0] else ""
        # The newer way of pcs: what belongs to the clone stands behind a `meta` of its own.
        meta = pairs(rest)
        if "--future" in call.options:
            behind = words[2:][words[2:].index(kind) + 1 :]
            meta = pairs(first(sections(behind, ("op", "meta"), repeat=("op",)), "meta"))
        if "--disabled" in call.options:
            meta["target-role"] = "Stopped"
        old_master = kind == "master" and creation.is_old(env)
        members.clone(env, name, clone_id, meta, promotable=kind != "clone" and not old_master, master=old_master)
    return call.finish(env)


def _own_meta(call: Call, words: list[str]) -> list[str]:
    """The meta-attributes of the resource; with --future those behind `clone` are the clone's."""
    keywords = ("op", "meta", "clone", "promotable", "master", "bundle")
    if "--future" in call.options:
        clone = next((place for place, word in enumerate(words) if word in ("clone", "promotable")), len(words))
        words = words[:clone]
    return first(sections(words, keywords, repeat=("op",)), "meta")


def update(call: Call, words: list[str]) -> int:
    if len(words) < 2:
        raise BadUsage("usage: pcs resource update RESOURCE name=value…", "see pcs resource help")
    from hashell.commands import parameters
    from hashell.commands.binding import find_resource

    env = call.env
    groups = sections(words[1:], ("op", "meta"), repeat=("op",))
    resource = find_resource(env.root, words[0])
    if resource is None or resource.tag not in ("primitive", "clone", "master"):
        raise NotFound(f"Unable to find resource: {words[0]}", "name a primitive or a clone")
    if resource.tag != "primitive":
        parameters.update_set(env, resource, "meta_attributes", pairs(groups[""][0]) | pairs(first(groups, "meta")))
        return call.finish(env)
    parameters.update(
        env, resource, pairs(groups[""][0]), pairs(first(groups, "meta")),
        operations([one for one in groups.get("op", []) if len(one) > 1]),
    )
    return call.finish(env)


def delete(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs resource delete RESOURCE…", "name resources")
    twice = [name for place, name in enumerate(words) if name in words[:place]]
    if twice:
        raise BadUsage("duplicate argument: " + ", ".join(f"'{name}'" for name in sorted(set(twice))), "name each once")
    from hashell.commands import deletion
    from hashell.commands.running import running_resources

    env = call.env
    running = running_resources(call.session.client.cib())
    if running and call.session.client.kind != "file":
        # As pcs does: first stopped, so that nothing keeps running that nobody configures any more.
        from hashell.commands import resources

        still = [name for name in words if name in running]
        if still:
            resources.stop(env, still)
            env.commit()
            call.session.client.wait_idle(call.session.options.wait_s)
            env = call.env
            env.refresh()
        running = ()
    deletion.delete(env, words, running=() if call.session.client.kind == "file" else running)
    return call.finish(env)


def meta(call: Call, words: list[str]) -> int:
    if len(words) < 2:
        raise BadUsage("must specify a resource id and meta options", "resource meta RESOURCE name=value")
    from hashell.commands import members, parameters

    env = call.env
    parameters.update_set(env, members.need(env, words[0]), "meta_attributes", pairs(words[1:]))
    return call.finish(env)


def utilization(call: Call, words: list[str]) -> int:
    from hashell.commands import options, parameters
    from hashell.shell.pcs import show_resources

    env = call.env
    if len(words) == 1:
        parameters.need_primitive(env, words[0])
    if len(words) < 2:
        return call.lines(show_resources.utilization_lines(env, words[0] if words else ""))
    options.set_utilization(env, parameters.need_primitive(env, words[0]), pairs(words[1:]))
    return call.finish(env)


def description(call: Call, words: list[str]) -> int:
    need(words, 1, 2, "resource description RESOURCE [TEXT]")
    from hashell.commands import members

    env = call.env
    resource = members.need(env, words[0])
    if len(words) == 1:
        return call.lines([resource.get("description") or ""])
    put_attributes(resource, {"description": words[1]})
    return call.finish(env)
