"""The noun node."""

from __future__ import annotations

from hashell.commands.binding import select
from hashell.errors import BadUsage
from hashell.shell.grammar.words import Command, Danger
from hashell.shell.pcs.call import Call, pairs

_HERE = "hashell.shell.pcs.node"
COMMANDS = (
    Command("attribute", "[NODE] {NAME=VALUE}", "Attributes of nodes.", f"{_HERE}:attribute", danger=Danger.CHANGES),
    Command(
        "utilization", "[NODE] {NAME=VALUE}", "Utilization of nodes.", f"{_HERE}:utilization", danger=Danger.CHANGES
    ),
    Command("standby", "{NODE}", "No resources on nodes.", f"{_HERE}:standby", danger=Danger.INTERRUPTS),
    Command("unstandby", "{NODE}", "Take standby back.", f"{_HERE}:unstandby", danger=Danger.CHANGES),
    Command("maintenance", "{NODE}", "Leave resources of nodes alone.", f"{_HERE}:maintenance", danger=Danger.CHANGES),
    Command("unmaintenance", "{NODE}", "Take maintenance back.", f"{_HERE}:unmaintenance", danger=Danger.CHANGES),
)


def attribute(call: Call, words: list[str]) -> int:
    from hashell.commands import nodes
    from hashell.commands.env import need_node
    from hashell.shell.pcs import show_data, show_options

    env = call.env
    form = show_data.form_of(call.options)
    if len(words) < 2:
        if words:
            need_node(env, words[0])
        if form != "text":
            name = call.options.get("--name", "")
            return call.lines(show_data.nodes(env, form, "instance_attributes", "".join(words[:1]), name))
        return call.lines(
            show_options.node_lines(
                env, "instance_attributes", "Attributes", words[0] if words else "", call.options.get("--name", "")
            )
        )
    for name, value in pairs(words[1:]).items():
        if value:
            nodes.set_attribute(env, words[0], "attribute", name, value)
        else:
            if not select(need_node(env, words[0]), "instance_attributes/nvpair[@name=$n]", n=name) and not call.force:
                raise BadUsage(f"attribute: '{name}' doesn't exist for node: '{words[0]}'", "nothing to remove")
            nodes.delete_attribute(env, words[0], "attribute", name)
    return call.finish(env)


def utilization(call: Call, words: list[str]) -> int:
    from hashell.commands import options
    from hashell.commands.env import need_node
    from hashell.shell.pcs import show_data, show_options

    env = call.env
    form = show_data.form_of(call.options)
    if len(words) < 2:
        if form != "text":
            name = call.options.get("--name", "")
            return call.lines(show_data.nodes(env, form, "utilization", "".join(words[:1]), name))
        return call.lines(
            show_options.node_lines(
                env, "utilization", "Utilization", words[0] if words else "", call.options.get("--name", "")
            )
        )
    node = need_node(env, words[0])
    options.set_utilization(env, node, pairs(words[1:]), name=f"nodes-{node.get('id')}-utilization")
    return call.finish(env)


def _chosen(call: Call, words: list[str]) -> list[str]:
    if call.has("--all"):
        return list(call.env.node_names())
    node = words or [call.session.client.info().node]
    if not node[0]:
        raise BadUsage(f"{call.name}: the node is missing, expected NODE", "name one, or give --all")
    return node


def standby(call: Call, words: list[str]) -> int:
    from hashell.commands import nodes

    env = call.env
    nodes.standby(env, _chosen(call, words))
    return call.finish(env)


def unstandby(call: Call, words: list[str]) -> int:
    from hashell.commands import nodes

    env = call.env
    for node in _chosen(call, words):
        nodes.online(env, [node])
        nodes.delete_attribute(env, node, "attribute", "standby")
    return call.finish(env)


def maintenance(call: Call, words: list[str]) -> int:
    from hashell.commands import nodes

    env = call.env
    for node in _chosen(call, words):
        nodes.set_attribute(env, node, "attribute", "maintenance", "on")
    return call.finish(env)


def unmaintenance(call: Call, words: list[str]) -> int:
    from hashell.commands import nodes

    env = call.env
    for node in _chosen(call, words):
        nodes.delete_attribute(env, node, "attribute", "maintenance")
    return call.finish(env)
