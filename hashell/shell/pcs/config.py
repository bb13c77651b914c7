"""The noun config: the whole configuration in words."""

from __future__ import annotations

from collections.abc import Iterator

from hashell.shell.grammar.words import Command
from hashell.shell.pcs.call import Call

_HERE = "hashell.shell.pcs.config"
COMMANDS = (Command("", "", "The whole configuration.", f"{_HERE}:show", aliases=("show",)),)


def show(call: Call, words: list[str]) -> int:
    from hashell.commands.creation import is_old

    return call.lines(_old(call) if is_old(call.env) else _lines(call))


def _head(call: Call) -> Iterator[str]:
    env = call.env
    client = call.session.client
    info = client.info() if client.kind != "file" else None
    yield f"Cluster Name: {env.option('cluster-name') or (info.cluster if info else '')}"
    if info is not None:
        yield "Corosync Nodes:"
        yield " " + " ".join(member.name for member in info.members)
    yield "Pacemaker Nodes:"
    yield " " + " ".join(env.node_names())


def _lines(call: Call) -> Iterator[str]:
    """Only what there is; a free line between the parts."""
    from hashell.shell.pcs import show_constraints, show_options, show_resources

    env = call.env
    kinds = ("rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket")

    def titled(title: str, lines: list[str]) -> list[str]:
        return [title, *(f"  {line}" for line in lines)] if lines else []

    no_defaults = ["No defaults set"]
    parts = [
        list(_head(call)),
        titled("Resources:", list(show_resources.lines(show_resources.choose(env, [], stonith=False)))),
        titled("Stonith Devices:", list(show_resources.lines(show_resources.choose(env, [], stonith=True)))),
        list(show_options.level_lines(env)),
        list(show_constraints.render(env, kinds, "text", full=True)),
        titled("Alerts:", list(show_options.alert_lines(env))),
        titled(
            "Resources Defaults:", _unless(show_options.defaults_lines(env, "rsc_defaults", full=True), no_defaults)
        ),
        titled(
            "Operations Defaults:", _unless(show_options.defaults_lines(env, "op_defaults", full=True), no_defaults)
        ),
        list(show_options.property_lines(env)),
        titled("Tags:", list(show_options.tag_lines(env, []))),
    ]
    first = True
    for part in parts:
        if not part:
            continue
        if not first:
            yield ""
        first = False
        yield from part


def _unless(lines: Iterator[str], nothing: list[str]) -> list[str]:
    found = list(lines)
    return [] if found == nothing else found


def _old(call: Call) -> Iterator[str]:
    """As pcs 0.9 printed it: every part, also the empty ones."""
    from hashell.shell.pcs import show_constraints, show_options, show_resources

    env = call.env
    yield from _head(call)
    yield ""
    yield "Resources:"
    yield from show_resources.old_lines(show_resources.choose(env, [], stonith=False))
    yield ""
    yield "Stonith Devices:"
    yield from show_resources.old_lines(show_resources.choose(env, [], stonith=True))
    yield "Fencing Levels:"
    yield from (f" {line}" for line in list(show_options.level_lines(env))[1:])
    yield ""
    yield from show_constraints.old_lines(env, ("rsc_location", "rsc_order", "rsc_colocation", "rsc_ticket"), full=True)
    for title, section in (("Resources Defaults:", "rsc_defaults"), ("Operations Defaults:", "op_defaults")):
        if section == "rsc_defaults":
            yield ""
        yield title
        pairs = env.root.findall(f"configuration/{section}/meta_attributes/nvpair")
        yield from (f" {pair.get('name')}: {pair.get('value')}" for pair in pairs)
        if not pairs:
            yield " No defaults set"
    yield ""
    yield from show_options.property_lines(env)
