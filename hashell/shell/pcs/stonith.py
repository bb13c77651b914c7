"""The noun stonith: fence devices, levels, fencing by hand."""

from __future__ import annotations

from hashell.errors import BadUsage
from hashell.shell.grammar.words import Command, Danger
from hashell.shell.pcs import resource
from hashell.shell.pcs.call import Call, first, operations, pairs, sections
from hashell.shell.pcs.root import need

_ROOM = "hashell.shell.pcs"


def _command(
    name: str,
    usage: str,
    help: str,
    where: str,
    danger: Danger = Danger.READS,
    aliases: tuple[str, ...] = (),
) -> Command:
    return Command(name, usage, help, f"{_ROOM}.{where}", aliases=aliases, danger=danger)


COMMANDS = (
    _command("", "", "Where fence devices run.", "stonith:status"),
    _command("status", "[RESOURCE]", "Where fence devices run.", "stonith:status"),
    _command("config", "{RESOURCE}", "How fence devices are configured.", "stonith:config"),
    _command("show", "{RESOURCE}", "The older word for status, and for config of devices.", "stonith:show"),
    _command("list", "[TEXT]", "Fence agents that are installed.", "stonith:list_agents"),
    _command("describe", "AGENT", "What a fence agent says of itself.", "stonith:describe"),
    _command(
        "create",
        "NEWID FENCEAGENT {PARAM=VALUE} {(op OPERATION {OPATTR=VALUE}|meta {META=VALUE})}",
        "A new fence device.",
        "stonith:create",
        Danger.CHANGES,
    ),
    _command(
        "update", "RESOURCE {PARAM=VALUE} {(op OPERATION {OPATTR=VALUE}|meta {META=VALUE})}", "Change a fence device.",
        "resource_change:update", Danger.CHANGES,
    ),
    _command("delete", "RESOURCE...", "Delete fence devices.", "resource_change:delete", Danger.CHANGES, ("remove",)),
    _command("enable", "RESOURCE...", "Let fence devices run.", "resource_state:enable", Danger.CHANGES),
    _command("disable", "RESOURCE...", "Stop fence devices.", "resource_state:disable", Danger.CHANGES),
    _command("meta", "RESOURCE {META=VALUE}", "Meta-attributes.", "resource_change:meta", Danger.CHANGES),
    _command(
        "op add",
        "RESOURCE OPERATION {OPATTR=VALUE}",
        "A further operation.",
        "operation:add",
        Danger.CHANGES
    ),
    _command(
        "op delete",
        "RESOURCE [OPERATION] {OPATTR=VALUE}",
        "Take an operation away.",
        "operation:delete",
        Danger.CHANGES,
        ("op remove",)
    ),
    _command("defaults", "{META=VALUE}", "Defaults of resources.", "defaults:defaults", Danger.CHANGES),
    _command(
        "op defaults", "{OPATTR=VALUE}", "Defaults of operations.", "defaults:op_defaults", Danger.CHANGES
    ),
    _command("cleanup", "[RESOURCE] {NAME=VALUE}", "Forget failures.", "failures:cleanup", Danger.CHANGES),
    _command("refresh", "[RESOURCE] {NAME=VALUE}", "Forget the history.", "failures:refresh", Danger.CHANGES),
    _command(
        "failcount",
        "[RESOURCE]",
        "Failures that were counted.",
        "failures:failcount",
        aliases=("failcount show",),
    ),
    _command("description", "RESOURCE [TEXT]", "A description.", "resource_change:description", Danger.CHANGES),
    _command("level", "", "Levels of devices.", "stonith:level_config", aliases=("level config",)),
    _command("level add", "LEVEL TARGET FENCEDEVICE...", "A level.", "stonith:level_add", Danger.CHANGES),
    _command(
        "level delete",
        "LEVEL [TARGET] {FENCEDEVICE}",
        "Take a level away.",
        "stonith:level_delete",
        Danger.CHANGES,
        ("level remove",),
    ),
    _command("level clear", "{TEXT}", "Take levels away.", "stonith:level_clear", Danger.CHANGES),
    _command("level verify", "", "Check levels.", "stonith:level_verify"),
    _command("fence", "NODE", "Fence a node.", "stonith:fence", Danger.FENCES),
    _command("confirm", "NODE", "Vouch that a node is down.", "stonith:confirm", Danger.FENCES),
    _command("history", "{TEXT}", "What was fenced.", "stonith:history", aliases=("history show",)),
    _command("history cleanup", "[NODE]", "Forget what was fenced.", "stonith:history_cleanup", Danger.CHANGES),
)


def status(call: Call, words: list[str]) -> int:
    from hashell.shell.crm.status import pcs_resource_lines

    names = [word for word in words if "=" not in word]
    lines = pcs_resource_lines(call.session.client, names[0] if names else "", "", stonith=True)
    return call.lines(lines or ["NO stonith devices configured"])


def show(call: Call, words: list[str]) -> int:
    return config(call, words) if words or call.full else status(call, words)


def config(call: Call, words: list[str]) -> int:
    from hashell.commands.creation import is_old
    from hashell.shell.pcs import show_options, show_resources

    env = call.env
    elements = show_resources.choose(env, words, stonith=True)
    form = call.options.get("--output-format", "text")
    if form != "text":
        return resource.config(call, words, stonith=True)
    lines = list(show_resources.old_lines(elements) if is_old(env) else show_resources.lines(elements))
    if not words:
        levels = list(show_options.level_lines(env))
        lines += ["", *levels] if levels and lines else levels
    return call.lines(lines)


def list_agents(call: Call, words: list[str]) -> int:
    from hashell.commands import agents

    return call.lines(name.type for name in agents.installed("stonith") if not words or words[0] in name.type)


def describe(call: Call, words: list[str]) -> int:
    need(words, 1, 1, "stonith describe AGENT")
    from hashell.commands.creation import find_agent
    from hashell.shell.crm.ra import description

    return call.lines(description(find_agent(call.env, words[0], fencing=True)))


def create(call: Call, words: list[str]) -> int:
    if len(words) < 2:
        raise BadUsage("usage: pcs stonith create DEVICE AGENT [name=value]…", "see pcs stonith help")
    from hashell.commands import creation, members

    groups = sections(words[2:], ("op", "meta"), repeat=("op",))
    env = call.env
    creation.create(
        env,
        creation.Wanted(
            words[0],
            words[1],
            pairs(groups[""][0]),
            pairs(first(groups, "meta")),
            operations(groups.get("op", [])),
            disabled=call.has("--disabled"),
            fencing=True,
        ),
    )
    if "--group" in call.options:
        members.group_add(
            env,
            call.options["--group"],
            [words[0]],
            before=call.options.get("--before", ""),
            after=call.options.get("--after", ""),
        )
    return call.finish(env)


def level_config(call: Call, words: list[str]) -> int:
    from hashell.shell.pcs import show_data, show_options

    form = show_data.form_of(call.options)
    if form != "text":
        return call.lines(show_data.levels(call.env, form))
    return call.lines(line[2:] for line in list(show_options.level_lines(call.env))[1:])


def level_add(call: Call, words: list[str]) -> int:
    if len(words) < 3:
        raise BadUsage("usage: pcs stonith level add LEVEL TARGET DEVICE…", "see pcs stonith help")
    from hashell.commands import fencing

    env = call.env
    given = [word for word in words[2:] if word.startswith("id=")]
    devices = [word for word in words[2:] if word not in given]
    fencing.add_level(env, words[0], words[1], devices, given[-1][3:] if given else "")
    return call.finish(env)


def level_delete(call: Call, words: list[str]) -> int:
    """`LEVEL [target T] [stonith D…]`, and the older `LEVEL [T] [D…]`."""
    if not words:
        raise BadUsage("usage: pcs stonith level delete LEVEL [target T] [stonith DEVICE…]", "see pcs stonith help")
    from hashell.commands import fencing

    groups = sections(words[1:], ("target", "stonith"))
    target = (first(groups, "target") or [""])[0]
    devices = first(groups, "stonith")
    rest = groups[""][0]
    env = call.env
    if rest:
        known = {level.get("target") for level in fencing.levels(env)}
        if rest[0] in known or "%" in rest[0] or env.node(rest[0]) is not None:
            target, devices = rest[0], rest[1:]
        else:
            devices = rest
    fencing.remove_levels(env, words[0], target, devices)
    return call.finish(env)


def level_clear(call: Call, words: list[str]) -> int:
    from hashell.commands import fencing

    env = call.env
    groups = sections(words, ("target", "stonith"))
    if first(groups, "stonith"):
        fencing.clear_levels(env, ",".join(first(groups, "stonith")))
    else:
        fencing.clear_levels(env, (first(groups, "target") or groups[""][0] or [""])[0])
    return call.finish(env)


def level_verify(call: Call, words: list[str]) -> int:
    from hashell.commands import fencing
    from hashell.errors import BadInput

    problems = fencing.check_levels(call.env)
    if problems:
        raise BadInput("\n".join(problems), "mend the levels")
    return 0


def fence(call: Call, words: list[str]) -> int:
    need(words, 1, 1, "stonith fence NODE [--off]")
    call.session.err(call.session.client.fence(words[0], "off" if call.has("--off") else "reboot"))
    call.session.err(f"Node: {words[0]} fenced")
    return 0


def confirm(call: Call, words: list[str]) -> int:
    need(words, 1, 1, "stonith confirm NODE [--yes]")
    if not (call.has("--yes") or call.force) and not call.session.confirm(
        f"If node '{words[0]}' is not powered off or it does have access to shared resources, data corruption may occur. Go on?"  # noqa: E501
    ):
        from hashell.errors import Refused

        raise Refused(f"{words[0]} was not confirmed", "answer yes, or give --yes")
    call.session.err(call.session.client.fence(words[0], "off", confirm=True))
    return 0


def history_cleanup(call: Call, words: list[str]) -> int:
    return call.lines([call.session.client.forget_fencing(words[0] if words else "")])


def history(call: Call, words: list[str]) -> int:
    return call.lines(
        f"{one.text}"
        for one in call.session.client.events(500)
        if one.kind.startswith("fenc") and (not words or words[-1] in one.about)
    )
