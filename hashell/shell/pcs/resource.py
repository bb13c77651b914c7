"""The noun resource: its table of commands, and looking. What a command does stands in the file that the table names;
stonith shares most of them."""

from __future__ import annotations

from hashell.commands.binding import find_resource, select
from hashell.errors import BadUsage, NotFound
from hashell.shell.grammar.words import Command, Danger
from hashell.shell.pcs.call import Call
from hashell.shell.pcs.root import need

_ROOM = "hashell.shell.pcs"


def _command(
    name: str, usage: str, help: str, where: str, danger: Danger = Danger.READS, aliases: tuple[str, ...] = ()
) -> Command:
    return Command(name, usage, help, f"{_ROOM}.{where}", aliases=aliases, danger=danger)


def _defaults(pairs: str) -> str:
    """The usage of both kinds of defaults."""
    return (
        f"{{{pairs}}}|config|update {{{pairs}}}|set create {{NAME=VALUE}} [meta {{{pairs}}}] [rule TEXT...]"
        f"|set (delete|remove) TEXT...|set update TEXT [meta] {{{pairs}}}"
    )


_CHANGES, _INTERRUPTS = Danger.CHANGES, Danger.INTERRUPTS
_BUNDLE = (
    "{(container [(docker|podman|rkt)] {NAME=VALUE}|network {NAME=VALUE}|port-map {NAME=VALUE}"
    "|storage-map {NAME=VALUE}|meta {META=VALUE})}"
)
_BUNDLE_CHANGE = (
    "{(container {NAME=VALUE}|network {NAME=VALUE}|(port-map|storage-map) (add {NAME=VALUE}|(delete|remove) TEXT...)"
    "|meta {META=VALUE})}"
)
COMMANDS = (
    _command("", "", "Where resources run.", "resource:status"),
    _command("status", "[RESOURCE]", "Where resources run.", "resource:status"),
    _command("show", "[RESOURCE]", "The older word for config of one resource.", "resource:show"),
    _command("config", "{RESOURCE}", "How resources are configured.", "resource:config"),
    _command("list", "[TEXT]", "Agents that are installed.", "resource:list_agents"),
    _command("describe", "AGENT", "What an agent says of itself.", "resource:describe"),
    _command("standards", "", "Classes of agents.", "resource:standards"),
    _command("providers", "", "Providers of OCF agents.", "resource:providers"),
    _command("agents", "[TEXT]", "Agents of a class.", "resource:agents"),
    _command(
        "create",
        "NEWID AGENT {PARAM=VALUE} {(op OPERATION {OPATTR=VALUE}|meta {META=VALUE}|clone [NEWID] {META=VALUE}|promotable [NEWID] {META=VALUE}|bundle RESOURCE)}",  # noqa: E501
        "A new resource.",
        "resource_change:create",
        _CHANGES,
    ),
    _command(
        "update",
        "RESOURCE {PARAM=VALUE} {(op OPERATION {OPATTR=VALUE}|meta {META=VALUE})}",
        "Change parameters.",
        "resource_change:update",
        _CHANGES,
    ),
    _command("delete", "RESOURCE...", "Delete resources with all that names them.",
             "resource_change:delete", _INTERRUPTS, ("remove",)),
    _command("enable", "RESOURCE...", "Let resources run.", "resource_state:enable", _CHANGES),
    _command("disable", "RESOURCE...", "Stop resources.", "resource_state:disable", _INTERRUPTS),
    _command("safe-disable", "RESOURCE...", "Stop resources if nothing else stops.",
             "resource_state:safe_disable", _INTERRUPTS),
    _command("restart", "RESOURCE [NODE]", "Stop and start again.", "resource_state:restart", _INTERRUPTS),
    _command("manage", "RESOURCE...", "Let the cluster manage resources.", "resource_state:manage", _CHANGES),
    _command("unmanage", "RESOURCE...", "Leave resources alone.", "resource_state:unmanage", _CHANGES),
    _command("move", "RESOURCE [NODE]", "Move a resource.", "placement:move", _INTERRUPTS),
    _command(
        "move-with-constraint",
        "RESOURCE [NODE]",
        "Move a resource by a constraint that stays.",
        "placement:move_with_constraint",
        _INTERRUPTS,
    ),
    _command("ban", "RESOURCE [NODE]", "Keep a resource off a node.", "placement:ban", _INTERRUPTS),
    _command("clear", "RESOURCE [NODE]", "Take moves and bans back.", "placement:clear", _CHANGES),
    _command("op add", "RESOURCE OPERATION {OPATTR=VALUE}", "A further operation.", "operation:add", _CHANGES),
    _command(
        "op delete",
        "RESOURCE [OPERATION] {OPATTR=VALUE}",
        "Take an operation away.",
        "operation:delete",
        _CHANGES,
        ("op remove",),
    ),
    _command("op defaults", _defaults("OPATTR=VALUE"), "Defaults of operations.", "defaults:op_defaults", _CHANGES),
    _command("meta", "RESOURCE {META=VALUE}", "Meta-attributes.", "resource_change:meta", _CHANGES),
    _command("utilization", "[RESOURCE] {NAME=VALUE}", "Utilization.", "resource_change:utilization", _CHANGES),
    _command("description", "RESOURCE [TEXT]", "A description.", "resource_change:description", _CHANGES),
    _command("group list", "", "Groups and their members.", "group:listing"),
    _command("group add", "ANYGROUP RESOURCE...", "Put resources into a group.", "group:add", _CHANGES),
    _command(
        "group delete",
        "GROUP {RESOURCE}",
        "Take resources out of a group.",
        "group:remove",
        _CHANGES,
        ("group remove", "ungroup"),
    ),
    _command("clone", "RESOURCE [NEWID] {META=VALUE}", "A clone.", "clone:clone", _CHANGES),
    _command("promotable", "RESOURCE [NEWID] {META=VALUE}", "A promotable clone.", "clone:promotable", _CHANGES),
    _command("master", "[NEWID] RESOURCE {META=VALUE}", "The older word for a promotable clone.",
             "clone:master", _CHANGES),
    _command("unclone", "RESOURCE", "Take a clone away, keep what it holds.", "clone:unclone", _CHANGES),
    _command("bundle create", f"NEWID {_BUNDLE}", "A bundle.", "bundle:create", _CHANGES),
    _command("bundle update", f"RESOURCE {_BUNDLE_CHANGE}", "Change a bundle.", "bundle:update", _CHANGES),
    _command("bundle reset", f"RESOURCE {_BUNDLE}", "Configure a bundle anew.", "bundle:reset", _CHANGES),
    _command("defaults", _defaults("META=VALUE"), "Defaults of resources.", "defaults:defaults", _CHANGES),
    _command("cleanup", "[RESOURCE] {NAME=VALUE}", "Forget failures.", "failures:cleanup", _CHANGES),
    _command("refresh", "[RESOURCE] {NAME=VALUE}", "Forget the history.", "failures:refresh", _CHANGES),
    _command("failcount", "[RESOURCE]", "Failures that were counted.",
             "failures:failcount", aliases=("failcount show",)),
    _command("relations", "RESOURCE", "What depends on what.", "resource:relations"),
    _command("relocate show", "", "Where resources are, and where they would be without stickiness.", "relocate:show"),
    _command("relocate dry-run", "{RESOURCE}", "What relocate run would do.", "relocate:dry_run"),
    _command("relocate run", "{RESOURCE}", "Move resources to where they would be without stickiness.", "relocate:run",
             _INTERRUPTS),
    _command("relocate clear", "", "Take away what relocate run left behind.", "relocate:clear", _CHANGES),
    *(
        _command(f"debug-{action}", "PRIMITIVE", f"Let the agent of a resource {action} here, by hand.",
                 f"debug:{action}", _INTERRUPTS)
        for action in ("start", "stop", "promote", "demote", "monitor")
    ),
)


# --- looking -------------------------------------------------------------------------------------------


def status(call: Call, words: list[str]) -> int:
    from hashell.shell.crm.status import pcs_resource_lines

    if call.full and not words:
        return _config_old(call, words)
    node = next((word[5:] for word in words if word.startswith("node=")), "")
    names = [word for word in words if "=" not in word]
    for name in names:
        if find_resource(call.env.root, name) is None and not select(
            call.env.root, "configuration/tags/tag[@id=$n]", n=name
        ):
            raise NotFound(f"resource or tag id '{name}' not found", "see resource status")
    active = "--hide-inactive" in call.options
    lines = pcs_resource_lines(call.session.client, names[0] if names else "", node, stonith=False, active=active)
    if active and [line.strip(" *") for line in lines] in ([], ["No active resources"]):
        return call.lines(["No active resources"])
    return call.lines(lines or ["NO resources configured"])


def show(call: Call, words: list[str]) -> int:
    """0.9's word: with an id the configuration; alone it is refused, as pcs does since 0.11."""
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
        from hashell.shell.pcs.rebuild import as_commands

        call.out(as_commands(env, elements))
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


def relations(call: Call, words: list[str]) -> int:
    need(words, 1, 1, "resource relations RESOURCE [--full]")
    from hashell.shell.pcs.relations import tree

    return call.lines(tree(call.env, words[0], full=call.full))
