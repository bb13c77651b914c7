"""The node level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.commands.binding import attributes, owner, select
from hashell.errors import BadUsage, Refused
from hashell.shell.grammar.words import WAIT, Command, Danger, Level

if TYPE_CHECKING:
    from hashell.shell.session import Session

_HERE = "hashell.shell.crm.node"
_ATTRIBUTE = "NODE (set ATTRIBUTE TEXT|delete ATTRIBUTE|show ATTRIBUTE)"


def _command(name: str, usage: str, help: str, danger: Danger = Danger.READS, aliases: tuple[str, ...] = ()) -> Command:
    waits = WAIT if danger is not Danger.READS else ""
    return Command(name, usage + waits, help, f"{_HERE}:{name.replace('-', '_')}", aliases=aliases, danger=danger)


LEVEL = Level(
    "node",
    "Nodes: standby, maintenance, attributes, fencing.",
    commands=(
        _command("show", "[NODE]", "Nodes and their attributes.", aliases=("list",)),
        _command("status", "[NODE]", "What the status section says of nodes."),
        _command("standby", "{(--all|reboot|forever|NODE)}", "No resources on these nodes.", Danger.INTERRUPTS),
        _command("online", "{(--all|NODE)}", "Take standby back.", Danger.CHANGES),
        _command("maintenance", "[NODE]", "Leave all resources of a node alone.", Danger.CHANGES),
        _command("ready", "[NODE]", "Take maintenance back.", Danger.CHANGES),
        _command("fence", "NODE", "Fence a node.", Danger.FENCES),
        _command("clearstate", "[NODE]", "Forget what is known of a node, and look again.", Danger.CHANGES),
        _command("delete", "NODE", "Take a node that is gone out of the cluster.", Danger.INTERRUPTS),
        _command("attribute", _ATTRIBUTE, "One attribute of a node.", Danger.CHANGES),
        _command("utilization", _ATTRIBUTE, "One utilization attribute of a node.", Danger.CHANGES),
        _command("status-attr", _ATTRIBUTE, "One attribute that lasts until the node restarts.", Danger.CHANGES),
        _command("server", "{NODE}", "Addresses of nodes."),
    ),
)


def show(session: Session, words: list[str]) -> int:
    from hashell.commands import nodes

    session.out("".join(f"{line}\n" for line in nodes.lines(session.env(), *words)))
    return 0


def status(session: Session, words: list[str]) -> int:
    from lxml import etree

    for state in session.env().root.iterfind("status/node_state"):
        if not words or words[0] in (state.get("uname"), state.get("id")):
            head = etree.Element(state.tag, attributes(state))
            session.out(etree.tostring(head, encoding="unicode") + "\n")
    return 0


def _nodes(session: Session, words: list[str]) -> list[str]:
    env = session.env()
    if "--all" in words:
        return list(env.node_names())
    chosen = [word for word in words if word not in ("reboot", "forever")]
    return chosen or [_here(session)]


def _here(session: Session) -> str:
    """The node that this session talks to."""
    node = session.client.info().node
    if not node:
        raise BadUsage("node: the name is missing, expected NODE", "name one: a file has no node of its own")
    return node


def standby(session: Session, words: list[str]) -> int:
    from hashell.commands import nodes

    env = session.env()
    chosen = _nodes(session, words)
    nodes.standby(env, chosen, until_reboot="reboot" in words)
    session.finish(env)
    for node in chosen:
        session.err(f"INFO: standby node {node}")
    return 0


def online(session: Session, words: list[str]) -> int:
    from hashell.commands import nodes

    env = session.env()
    chosen = _nodes(session, words)
    nodes.online(env, chosen)
    session.finish(env)
    for node in chosen:
        session.err(f"INFO: online node {node}")
    return 0


def maintenance(session: Session, words: list[str]) -> int:
    return _maintenance(session, words, on=True)


def ready(session: Session, words: list[str]) -> int:
    return _maintenance(session, words, on=False)


def _maintenance(session: Session, words: list[str], *, on: bool) -> int:
    from hashell.commands import nodes

    env = session.env()
    nodes.maintenance(env, words[0] if words else _here(session), on)
    session.finish(env)
    return 0


def fence(session: Session, words: list[str]) -> int:
    from hashell.commands.env import need_node

    node = need_node(session.env(), words[0]).get("uname") or words[0]
    question = f"Fencing {node} will shut down the node and move its resources. Do you want to fence {node}?"
    if not session.confirm(question):
        raise Refused(f"{node} was not fenced", "confirm, or use --force")
    session.err(session.client.fence(node))
    session.wait_if_asked()
    return 0


def clearstate(session: Session, words: list[str]) -> int:
    from hashell.commands.env import need_node

    node = words[0] if words else _here(session)
    node = need_node(session.env(), node).get("uname") or node
    if not session.confirm(f"Do you really want to drop the state of node {node}?"):
        raise Refused(f"the state of {node} was kept", "confirm, or use --force")
    session.err(session.client.clean_up("", node, refresh=True))
    return 0


def delete(session: Session, words: list[str]) -> int:
    from hashell.commands.env import need_node

    env = session.env()
    element = need_node(env, words[0])
    name = element.get("uname") or words[0]
    if session.client.kind != "file":
        session.err(session.client.forget_node(name))
        return 0
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)
    for state in select(env.root, "status/node_state[@uname=$u]", u=name):
        owner(state).remove(state)
    session.finish(env)
    return 0


def _attribute(session: Session, kind: str, words: list[str]) -> int:
    from hashell.commands import nodes

    env = session.env()
    node, verb, name = words[:3]
    if verb.lower() == "show":
        value = nodes.attribute(env, node, kind, name)
        session.out(f"scope=nodes  name={name} value={value}\n")
        return 0
    if verb.lower() == "set":
        nodes.set_attribute(env, node, kind, name, words[3])
    else:
        nodes.delete_attribute(env, node, kind, name)
    session.finish(env)
    return 0


def attribute(session: Session, words: list[str]) -> int:
    return _attribute(session, "attribute", words)


def utilization(session: Session, words: list[str]) -> int:
    return _attribute(session, "utilization", words)


def status_attr(session: Session, words: list[str]) -> int:
    from hashell.commands import nodes
    from hashell.commands.env import need_node
    from hashell.errors import NotFound

    env = session.env()
    node = need_node(env, words[0]).get("uname") or words[0]
    verb, name = words[1].lower(), words[2]
    if verb == "show":
        value = nodes.transient(env, node, name)
        if value is None:
            raise NotFound(f"{node} has no transient attribute {name}", "set it first")
        session.out(f"scope=status  name={name} value={value}\n")
        return 0
    session.client.set_attribute(node, name, words[3] if verb == "set" else None)
    return 0


def server(session: Session, words: list[str]) -> int:
    for member in session.client.info().members:
        if not words or member.name in words:
            session.out(f"{member.name}: {member.address or 'unknown'}\n")
    return 0
