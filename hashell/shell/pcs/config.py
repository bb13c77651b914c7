"""The noun config: the whole configuration in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hashell.shell.grammar.words import Command, Danger
from hashell.shell.pcs.call import Call

if TYPE_CHECKING:
    from hashell.commands.env import Env

_HERE = "hashell.shell.pcs.config"
_POINTS = "hashell.shell.pcs.checkpoint"
COMMANDS = (
    Command("", "", "The whole configuration.", f"{_HERE}:show", aliases=("show",)),
    Command("backup", "[FILE]", "An archive of the configuration; without a name to standard output.",
            f"{_POINTS}:backup"),
    Command("restore", "[FILE]", "The configuration of such an archive, in place of the present one.",
            f"{_POINTS}:take_back", danger=Danger.INTERRUPTS),
    Command("checkpoint", "", "Earlier configurations that are kept.", f"{_POINTS}:listing",
            aliases=("checkpoint list",)),
    Command("checkpoint view", "VERSION", "An earlier configuration.", f"{_POINTS}:view"),
    Command("checkpoint diff", "(live|VERSION) (live|VERSION)", "What differs between two of them.", f"{_POINTS}:diff"),
    Command("checkpoint restore", "VERSION", "Make the configuration what it was.", f"{_POINTS}:restore",
            danger=Danger.INTERRUPTS),
)


def show(call: Call, words: list[str]) -> int:
    from hashell.commands.creation import is_old

    return call.lines(_old(call) if is_old(call.env) else _lines(call))


def _head(call: Call) -> Iterator[str]:
    env = call.env
    client = call.session.client
    info = client.info() if client.kind != "file" else None
    yield f"Cluster Name: {env.option('cluster-name') or (info.cluster if info else '')}"
    names = [member.name for member in info.members] if info is not None else _corosync_names(call)
    if names:
        yield "Corosync Nodes:"
        yield " " + " ".join(names)
    yield "Pacemaker Nodes:"
    yield " " + " ".join(env.node_names())


def _corosync_names(call: Call) -> list[str]:
    """The nodes of the file that --corosync_conf names: a CIB file alone does not tell them."""
    path = call.options.get("--corosync_conf", "")
    if not path:
        return []
    from pathlib import Path

    from hashell.errors import NotFound
    from hashell.values import corosync_edit

    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"Unable to read {path}: {error}", "name a corosync.conf") from None
    paths = ("nodelist.node.name", "nodelist.node.ring0_addr")
    return list(next(filter(None, (corosync_edit.values(text, path) for path in paths)), ()))


def _lines(call: Call) -> Iterator[str]:
    """Only what there is; a free line between the parts."""
    yield from _head(call)
    body = list(body_lines(call.env))
    yield from ["", *body] if body else []


def body_lines(env: Env) -> Iterator[str]:
    """What stands in the CIB, without what is known of the cluster besides."""
    from hashell.shell.pcs import show_constraints, show_options, show_resources

    kinds = ("rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket")

    def titled(title: str, lines: list[str]) -> list[str]:
        return [title, *(f"  {line}" for line in lines)] if lines else []

    no_defaults = ["No defaults set"]
    parts = [
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
