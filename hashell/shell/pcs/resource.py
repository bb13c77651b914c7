"""The noun resource, and what stonith shares with it."""

from __future__ import annotations

import time

from hashell.commands.binding import Element, put_attributes, select
from hashell.errors import BadInput, BadUsage, NotFound, Refused
from hashell.shell.grammar.words import Command, Danger
from hashell.shell.pcs.call import Call, first, operations, pairs, sections
from hashell.shell.pcs.root import need

_HERE = "hashell.shell.pcs.resource"


def _command(
    name: str, usage: str, help: str, where: str, danger: Danger = Danger.READS, aliases: tuple[str, ...] = ()
) -> Command:
    return Command(name, usage, help, f"{_HERE}:{where}", aliases=aliases, danger=danger)


_CHANGES, _INTERRUPTS = Danger.CHANGES, Danger.INTERRUPTS
COMMANDS = (
    _command("", "", "Where resources run.", "status"),
    _command("status", "[RESOURCE]", "Where resources run.", "status"),
    _command("show", "[RESOURCE]", "The older word for config of one resource.", "show"),
    _command("config", "{RESOURCE}", "How resources are configured.", "config"),
    _command("list", "[TEXT]", "Agents that are installed.", "list_agents"),
    _command("describe", "AGENT", "What an agent says of itself.", "describe"),
    _command("standards", "", "Classes of agents.", "standards"),
    _command("providers", "", "Providers of OCF agents.", "providers"),
    _command("agents", "[TEXT]", "Agents of a class.", "agents"),
    _command(
        "create",
        "NEWID AGENT {PARAM=VALUE} {(op OPERATION {OPATTR=VALUE}|meta {META=VALUE}|clone [NEWID] {META=VALUE}|promotable [NEWID] {META=VALUE}|bundle RESOURCE)}",  # noqa: E501
        "A new resource.",
        "create",
        _CHANGES,
    ),
    _command(
        "update",
        "RESOURCE {PARAM=VALUE} {(op OPERATION {OPATTR=VALUE}|meta {META=VALUE})}",
        "Change parameters.",
        "update",
        _CHANGES,
    ),
    _command("delete", "RESOURCE...", "Delete resources with all that names them.", "delete", _INTERRUPTS, ("remove",)),
    _command("enable", "RESOURCE...", "Let resources run.", "enable", _CHANGES),
    _command("disable", "RESOURCE...", "Stop resources.", "disable", _INTERRUPTS),
    _command("safe-disable", "RESOURCE...", "Stop resources if nothing else stops.", "safe_disable", _INTERRUPTS),
    _command("restart", "RESOURCE [NODE]", "Stop and start again.", "restart", _INTERRUPTS),
    _command("manage", "RESOURCE...", "Let the cluster manage resources.", "manage", _CHANGES),
    _command("unmanage", "RESOURCE...", "Leave resources alone.", "unmanage", _CHANGES),
    _command("move", "RESOURCE [NODE]", "Move a resource.", "move", _INTERRUPTS),
    _command(
        "move-with-constraint",
        "RESOURCE [NODE]",
        "Move a resource by a constraint that stays.",
        "move_with_constraint",
        _INTERRUPTS,
    ),
    _command("ban", "RESOURCE [NODE]", "Keep a resource off a node.", "ban", _INTERRUPTS),
    _command("clear", "RESOURCE [NODE]", "Take moves and bans back.", "clear", _CHANGES),
    _command("op add", "RESOURCE OPERATION {OPATTR=VALUE}", "A further operation.", "op_add", _CHANGES),
    _command(
        "op delete",
        "RESOURCE [OPERATION] {OPATTR=VALUE}",
        "Take an operation away.",
        "op_delete",
        _CHANGES,
        ("op remove",),
    ),
    _command("op defaults", "{OPATTR=VALUE}", "Defaults of operations.", "op_defaults", _CHANGES),
    _command("meta", "RESOURCE {META=VALUE}", "Meta-attributes.", "meta", _CHANGES),
    _command("utilization", "[RESOURCE] {NAME=VALUE}", "Utilization.", "utilization", _CHANGES),
    _command("description", "RESOURCE [TEXT]", "A description.", "description", _CHANGES),
    _command("group list", "", "Groups and their members.", "group_list"),
    _command("group add", "GROUP RESOURCE...", "Put resources into a group.", "group_add", _CHANGES),
    _command(
        "group delete",
        "GROUP {RESOURCE}",
        "Take resources out of a group.",
        "group_remove",
        _CHANGES,
        ("group remove", "ungroup"),
    ),
    _command("clone", "RESOURCE [NEWID] {META=VALUE}", "A clone.", "clone", _CHANGES),
    _command("promotable", "RESOURCE [NEWID] {META=VALUE}", "A promotable clone.", "promotable", _CHANGES),
    _command("master", "[NEWID] RESOURCE {META=VALUE}", "The older word for a promotable clone.", "master", _CHANGES),
    _command("unclone", "RESOURCE", "Take a clone away, keep what it holds.", "unclone", _CHANGES),
    _command("bundle create", "NEWID {NAME=VALUE}", "A bundle.", "bundle_create", _CHANGES),
    _command("bundle update", "RESOURCE {NAME=VALUE}", "Change a bundle.", "bundle_update", _CHANGES),
    _command("bundle reset", "RESOURCE {NAME=VALUE}", "Configure a bundle anew.", "bundle_reset", _CHANGES),
    _command("defaults", "{META=VALUE}", "Defaults of resources.", "defaults", _CHANGES),
    _command("cleanup", "[RESOURCE] {NAME=VALUE}", "Forget failures.", "cleanup", _CHANGES),
    _command("refresh", "[RESOURCE] {NAME=VALUE}", "Forget the history.", "refresh", _CHANGES),
    _command("failcount", "[RESOURCE]", "Failures that were counted.", "failcount", aliases=("failcount show",)),
    _command("relations", "RESOURCE", "What depends on what.", "relations"),
)


# --- looking -------------------------------------------------------------------------------------------


def status(call: Call, words: list[str]) -> int:
    from hashell.shell.crm.status import pcs_resource_lines

    if call.full and not words:
        return _config_old(call, words)
    node = next((word[5:] for word in words if word.startswith("node=")), "")
    names = [word for word in words if "=" not in word]
    lines = pcs_resource_lines(
        call.session.client, names[0] if names else "", node, stonith=False, active="--hide-inactive" in call.options
    )
    return call.lines(lines or ["NO resources configured"])


def show(call: Call, words: list[str]) -> int:
    """0.9's word: with an id the configuration; alone it is ambiguous now."""
    if not words:
        raise BadUsage("`resource show` has become `resource status` and `resource config`", "use one of these")
    return _config_old(call, words)


def _config_old(call: Call, words: list[str]) -> int:
    """Scripts that use the older words read the older text."""
    from hashell.shell.pcs import show_resources

    return call.lines(show_resources.old_lines(show_resources.choose(call.env, words, stonith=False)))


def config(call: Call, words: list[str], *, stonith: bool = False) -> int:
    from hashell.commands.creation import is_old
    from hashell.shell.pcs import show_resources

    env = call.env
    elements = show_resources.choose(env, words, stonith=stonith)
    form = call.options.get("--output-format", "text")
    if form == "cmd":
        call.out(show_resources.as_commands(env, elements))
    elif form == "json":
        call.out(show_resources.as_json(env, elements))
    elif is_old(env):
        call.lines(show_resources.old_lines(elements))
    else:
        call.lines(show_resources.lines(elements))
    return 0


def list_agents(call: Call, words: list[str]) -> int:
    from hashell.commands import agents as known

    found = [str(name) for name in known.installed() if name.standard != "stonith"]
    return call.lines(name for name in found if not words or words[0].lower() in name.lower())


def describe(call: Call, words: list[str]) -> int:
    need(words, 1, 1, "resource describe AGENT")
    from hashell.commands.creation import find_agent
    from hashell.shell.crm.ra import description

    return call.lines(description(find_agent(call.env, words[0], fencing=False)))


def standards(call: Call, words: list[str]) -> int:
    from hashell.agents.find import list_standards

    return call.lines(list_standards())


def providers(call: Call, words: list[str]) -> int:
    from hashell.agents.find import list_providers

    return call.lines(list_providers())


def agents(call: Call, words: list[str]) -> int:
    from hashell.commands import agents as known

    standard, _, provider = (words[0] if words else "").partition(":")
    return call.lines(
        sorted({name.type for name in known.installed(standard, provider) if standard or name.standard != "stonith"})
    )


def group_list(call: Call, words: list[str]) -> int:
    return call.lines(
        f"{group.get('id')}: " + " ".join(child.get("id", "") for child in group.findall("primitive"))
        for group in call.env.root.iterfind("configuration/resources//group")
    )


def relations(call: Call, words: list[str]) -> int:
    need(words, 1, 1, "resource relations RESOURCE [--full]")
    from hashell.shell.pcs.relations import tree

    return call.lines(tree(call.env, words[0], full=call.full))


# --- creating and changing -----------------------------------------------------------------------------


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
        pairs(first(groups, "meta")),
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
        meta = pairs(rest)
        if "--disabled" in call.options:
            meta["target-role"] = "Stopped"
        old_master = kind == "master" and creation.is_old(env)
        members.clone(env, name, clone_id, meta, promotable=kind != "clone" and not old_master, master=old_master)
    return call.finish(env)


def update(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs resource update RESOURCE [name=value]…", "see pcs resource help")
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
        env, resource, pairs(groups[""][0]), pairs(first(groups, "meta")), operations(groups.get("op", []))
    )
    return call.finish(env)


def delete(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs resource delete RESOURCE…", "name resources")
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


def op_add(call: Call, words: list[str]) -> int:
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


def op_delete(call: Call, words: list[str]) -> int:
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


# --- state ---------------------------------------------------------------------------------------------


def targets(call: Call, words: list[str], verb: str) -> list[Element]:
    """Resources by id or tag. All that are missing are told."""
    if not words:
        raise BadUsage(f"You must specify resource(s) to {verb}", "name resources")
    from hashell.commands import resources

    missing = []
    found = []
    env = call.env
    for name in words:
        try:
            found += resources.resources_named(env, name)
        except NotFound:
            missing.append(name)
    if missing:
        raise NotFound(
            "\n".join(f"bundle/clone/group/resource/tag '{name}' does not exist" for name in missing),
            "see resource status",
        )
    return found


def enable(call: Call, words: list[str]) -> int:
    """Takes target-role away, also where a clone or what it holds says it."""
    from hashell.commands import parameters
    from hashell.commands.binding import RESOURCES

    found = targets(call, words, "enable")
    env = call.env
    for element in found:
        for one in [
            element,
            *(child for child in element if child.tag in RESOURCES and element.tag in ("clone", "master", "bundle")),
        ]:
            parameters.update_set(env, one, "meta_attributes", {"target-role": ""})
        parent = element.getparent()
        if parent is not None and parent.tag in ("clone", "master", "bundle"):
            parameters.update_set(env, parent, "meta_attributes", {"target-role": ""})
    return call.finish(env)


def disable(call: Call, words: list[str]) -> int:
    from hashell.commands import parameters

    found = targets(call, words, "disable")
    env = call.env
    for element in found:
        parameters.update_set(env, element, "meta_attributes", {"target-role": "Stopped"})
    if call.has("--simulate"):
        return _simulate(call)
    if call.has("--safe"):
        _refuse_others(call, found)
    return call.finish(env)


def safe_disable(call: Call, words: list[str]) -> int:
    call.options["--safe"] = ""
    return disable(call, words)


def _simulate(call: Call) -> int:
    from hashell.commands.preview import preview

    call.lines(preview(call.env).summary)
    call.env.refresh()
    return 0


def _refuse_others(call: Call, found: list[Element]) -> None:
    """Stop nothing that was not named. Raises Refused."""
    from hashell.commands.preview import affected, preview

    named = {one.get("id", "") for element in found for one in element.iter("primitive")}
    hit = affected(preview(call.env), named, strict=not call.has("--no-strict"))
    if hit:
        raise Refused(f"Disabling would have an effect on other resources: {', '.join(hit)}", "leave out --safe")


def restart(call: Call, words: list[str]) -> int:
    need(words, 1, 2, "resource restart RESOURCE [NODE]")
    from hashell.shell.crm import resource

    return resource.restart(call.session, words[:1])


def manage(call: Call, words: list[str]) -> int:
    return _managed(call, words, on=True)


def unmanage(call: Call, words: list[str]) -> int:
    return _managed(call, words, on=False)


def _managed(call: Call, words: list[str], *, on: bool) -> int:
    """is-managed on each primitive; with --monitor its monitors too."""
    from hashell.commands import parameters

    found = targets(call, words, "manage" if on else "unmanage")
    env = call.env
    for element in found:
        chosen = [element] if element.tag in ("primitive",) else list(element.iter("primitive"))
        touched = [element, *chosen, *element.iterancestors("group", "clone", "master", "bundle")] if on else chosen
        for one in touched:
            parameters.update_set(env, one, "meta_attributes", {"is-managed": "" if on else "false"})
        if call.has("--monitor"):
            for primitive in chosen:
                for operation in primitive.iterfind("operations/op[@name='monitor']"):
                    put_attributes(operation, {"enabled": "" if on else "false"})
    return call.finish(env)


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
    return words[0], rest[0] if rest else "", until(lifetime, time.time()) if lifetime else ""


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


# --- groups, clones, bundles ---------------------------------------------------------------------------


def group_add(call: Call, words: list[str]) -> int:
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


def group_remove(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs resource group remove GROUP [RESOURCE…]", "name a group")
    from hashell.commands import members

    env = call.env
    members.group_remove(env, words[0], words[1:])
    return call.finish(env)


def _clone_words(words: list[str]) -> tuple[str, dict[str, str]]:
    """The clone's id, if one is given, and its meta-attributes, with or without the word meta."""
    rest = list(words)
    clone_id = rest.pop(0) if rest and "=" not in rest[0] and rest[0] != "meta" else ""
    return clone_id, pairs(word for word in rest if word != "meta")


def clone(call: Call, words: list[str]) -> int:
    return _clone(call, words, promotable=False)


def promotable(call: Call, words: list[str]) -> int:
    return _clone(call, words, promotable=True)


def _clone(call: Call, words: list[str], *, promotable: bool) -> int:
    if not words:
        raise BadUsage("must specify resource to clone", "name a resource")
    from hashell.commands import members

    clone_id, meta = _clone_words(words[1:])
    if promotable and "promotable" in meta:
        raise BadUsage("you cannot specify both promotable option and promotable keyword", "leave one out")
    env = call.env
    members.clone(env, words[0], clone_id, meta, promotable=promotable or meta.get("promotable") == "true")
    return call.finish(env)


def master(call: Call, words: list[str]) -> int:
    """0.9: `master [ID] RESOURCE [options]`."""
    from hashell.commands import creation, members

    plain = [word for word in words if "=" not in word and word != "meta"]
    if not plain:
        raise BadUsage("must specify resource to clone", "name a resource")
    env = call.env
    old = creation.is_old(env)
    identity, name = (plain[0], plain[1]) if len(plain) > 1 else ("", plain[0])
    meta = pairs(word for word in words if "=" in word)
    members.clone(env, name, identity, meta, promotable=not old, master=old)
    return call.finish(env)


def unclone(call: Call, words: list[str]) -> int:
    need(words, 1, 1, "resource unclone RESOURCE")
    from hashell.commands import members

    env = call.env
    members.unclone(env, words[0])
    return call.finish(env)


_BUNDLE = ("container", "network", "port-map", "storage-map", "meta")


def _container(words: list[str]) -> tuple[str, dict[str, str]]:
    """The type of the container, if a word without an equals sign begins, and its options."""
    kind = words[0] if words and "=" not in words[0] else ""
    return kind, pairs(words[1:] if kind else words)


def bundle_create(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs resource bundle create BUNDLE container TYPE [name=value]…", "see pcs resource help")
    from hashell.commands import members

    groups = sections(words[1:], _BUNDLE, repeat=("port-map", "storage-map"))
    kind, container = _container(first(groups, "container"))
    meta = pairs(first(groups, "meta"))
    if call.has("--disabled"):
        meta["target-role"] = "Stopped"
    env = call.env
    members.bundle_create(
        env,
        words[0],
        kind,
        container,
        pairs(first(groups, "network")),
        [pairs(one) for one in groups.get("port-map", [])],
        [pairs(one) for one in groups.get("storage-map", [])],
        meta,
    )
    return call.finish(env)


def bundle_update(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs resource bundle update BUNDLE …", "see pcs resource help")
    from hashell.commands import members

    groups = sections(words[1:], _BUNDLE, repeat=("port-map", "storage-map"))
    added: dict[str, list[dict[str, str]]] = {"port-map": [], "storage-map": []}
    dropped: dict[str, list[str]] = {"port-map": [], "storage-map": []}
    for kind in ("port-map", "storage-map"):
        for rest in groups.get(kind, []):
            if rest[:1] == ["add"]:
                added[kind].append(pairs(rest[1:]))
            elif rest[:1] in (["remove"], ["delete"]) and len(rest) > 1:
                dropped[kind] += rest[1:]
            else:
                raise BadUsage(
                    f"When using '{kind}' you must specify either 'add' and options or either of 'delete' or 'remove' and id(s)",  # noqa: E501
                    "see pcs resource help",
                )
    env = call.env
    members.bundle_update(
        env,
        words[0],
        pairs(first(groups, "container")),
        pairs(first(groups, "network")),
        added["port-map"],
        dropped["port-map"],
        added["storage-map"],
        dropped["storage-map"],
        pairs(first(groups, "meta")),
    )
    return call.finish(env)


def bundle_reset(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs resource bundle reset BUNDLE …", "see pcs resource help")
    from hashell.commands import members

    groups = sections(words[1:], _BUNDLE, repeat=("port-map", "storage-map"))
    meta = pairs(first(groups, "meta"))
    if call.has("--disabled"):
        meta["target-role"] = "Stopped"
    env = call.env
    members.bundle_reset(
        env,
        words[0],
        pairs(first(groups, "container")),
        pairs(first(groups, "network")),
        [pairs(one) for one in groups.get("port-map", [])],
        [pairs(one) for one in groups.get("storage-map", [])],
        meta,
    )
    return call.finish(env)


# --- defaults ------------------------------------------------------------------------------------------


def defaults(call: Call, words: list[str]) -> int:
    return _defaults(call, words, "rsc_defaults")


def op_defaults(call: Call, words: list[str]) -> int:
    return _defaults(call, words, "op_defaults")


def _defaults(call: Call, words: list[str], section: str) -> int:
    from hashell.commands import options
    from hashell.shell.pcs import show_options
    from hashell.shell.pcs.rule_parse import parse_rule

    env = call.env
    if not words or words == ["config"]:
        if call.options.get("--output-format") == "cmd":
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


# --- failures ------------------------------------------------------------------------------------------


def cleanup(call: Call, words: list[str]) -> int:
    return _forget(call, words, refresh=False)


def refresh(call: Call, words: list[str]) -> int:
    return _forget(call, words, refresh=True)


def _forget(call: Call, words: list[str], *, refresh: bool) -> int:
    from hashell.commands import members
    from hashell.values.intervals import interval_ms

    names = [word for word in words if "=" not in word]
    given = pairs(word for word in words if "=" in word)
    if names:
        members.need(call.env, names[0])
    text = call.session.client.clean_up(
        names[0] if names else "",
        given.get("node", call.options.get("--node", "")),
        task=given.get("operation", ""),
        interval_ms=interval_ms(given["interval"]) if "interval" in given else -1,
        refresh=refresh,
    )
    call.session.err(text)
    return 0


def failcount(call: Call, words: list[str]) -> int:
    import re

    names = [word for word in words if "=" not in word]
    given = pairs(word for word in words if "=" in word)
    found: dict[str, dict[str, str]] = {}
    for state in call.env.root.iterfind("status/node_state"):
        for pair in state.iterfind("transient_attributes/instance_attributes/nvpair"):
            match = re.fullmatch(r"fail-count-(.+)#(.+)_(\d+)", pair.get("name") or "")
            if (
                match
                and (not names or match[1] == names[0])
                and given.get("node", state.get("uname")) == state.get("uname")
            ):
                found.setdefault(match[1], {})[state.get("uname") or ""] = pair.get("value") or "0"
    if not found:
        return call.lines(["No failcounts" + (f" for resource '{names[0]}'" if names else "")])
    lines = []
    for name, counts in sorted(found.items()):
        lines.append(f"Failcounts for resource '{name}'")
        lines += [f"  {node}: {count}" for node, count in sorted(counts.items())]
    return call.lines(lines)
