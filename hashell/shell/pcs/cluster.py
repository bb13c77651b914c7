"""The noun cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.commands.binding import select, texts
from hashell.errors import BadInput, BadUsage, NotFound
from hashell.shell.grammar.words import Command, Danger
from hashell.shell.pcs.call import Call, pairs
from hashell.shell.pcs.root import need

if TYPE_CHECKING:
    from hashell.commands.env import Env

_HERE = "hashell.shell.pcs.cluster"
_SETUP = "hashell.shell.pcs.setting_up"
_C, _I = Danger.CHANGES, Danger.INTERRUPTS
_SCOPES = (
    "acls",
    "alerts",
    "configuration",
    "constraints",
    "crm_config",
    "fencing-topology",
    "nodes",
    "op_defaults",
    "resources",
    "rsc_defaults",
    "tags",
)
COMMANDS = (
    Command("status", "", "The cluster in a few lines.", "hashell.shell.pcs.status:cluster"),
    Command("cib", "[FILE] {NAME=VALUE}", "The CIB, or a part of it, as XML.", f"{_HERE}:cib"),
    Command("cib-push", "FILE {NAME=VALUE}", "Send a CIB to the cluster.", f"{_HERE}:cib_push", danger=_I),
    Command("edit", "{NAME=VALUE}", "The CIB, or a part of it, in an editor.", f"{_HERE}:edit", danger=_I),
    Command("cib-upgrade", "", "Raise the schema.", f"{_HERE}:cib_upgrade", danger=_C),
    Command("start", "{NODE}", "Start nodes: this one, or others over ssh.", f"{_HERE}:start", danger=_C),
    Command("enable", "{NODE}", "Start the daemon with the machine.", f"{_HERE}:enable", danger=_C),
    Command("disable", "{NODE}", "Do not start it with the machine.", f"{_HERE}:disable", danger=_C),
    Command("stop", "{NODE}", "Take nodes out cleanly.", f"{_HERE}:stop", danger=_I),
    Command("kill", "", "End the daemon of this node without a goodbye.", f"{_HERE}:kill", danger=_I),
    Command("standby", "{NODE}", "The older word for node standby.", "hashell.shell.pcs.node:standby", danger=_I),
    Command("unstandby", "{NODE}", "The older word for node unstandby.", "hashell.shell.pcs.node:unstandby", danger=_C),
    Command("verify", "", "Check the configuration.", f"{_HERE}:verify"),
    Command("node add-remote", "NEWID [TEXT] {NAME=VALUE}", "A remote node.", f"{_HERE}:add_remote", danger=_C),
    Command(
        "node delete-remote",
        "TEXT",
        "Delete a remote node.",
        f"{_HERE}:delete_remote",
        danger=_I,
        aliases=("node remove-remote",),
    ),
    Command(
        "node add-guest",
        "NEWID RESOURCE {NAME=VALUE}",
        "Make a resource a guest node.",
        f"{_HERE}:add_guest",
        danger=_C,
        aliases=("remote-node add",),
    ),
    Command(
        "node delete-guest",
        "TEXT",
        "Make a guest node a plain resource again.",
        f"{_HERE}:delete_guest",
        danger=_I,
        aliases=("node remove-guest", "remote-node remove", "remote-node delete"),
    ),
    Command("auth", "{(NODE|NAME=VALUE)}", "The older word for host auth.", f"{_SETUP}:auth"),
    Command("setup", "NEWID NODE... {(NAME=VALUE|transport|totem|quorum|TEXT)}",
            "Make a cluster of this machine and others: key and settings over ssh.", f"{_SETUP}:setup", danger=_C),
    Command("node add", "NODE {NAME=VALUE}", "Bring another machine in, over ssh.", f"{_SETUP}:node_add", danger=_C),
    Command("node delete", "NODE...", "Take nodes that have left out for good.", f"{_SETUP}:node_delete", danger=_I,
            aliases=("node remove",)),
    Command("destroy", "", "Make this machine no node any more: its daemon, settings, key and state go.",
            f"{_SETUP}:destroy", danger=Danger.FENCES),
    Command("rename", "TEXT", "Name the cluster.", f"{_SETUP}:rename", danger=_C),
    Command("report", "FILE", "A support archive, without secrets.", f"{_SETUP}:report"),
    Command("config", "", "Name, transport, nodes and options of the cluster layer.",
            "hashell.shell.pcs.cluster_config:show", aliases=("config show",)),
    Command("config update", "{(transport|compression|crypto|totem) {NAME=VALUE}}",
            "Options of corosync's cluster layer; an empty value removes one.",
            "hashell.shell.pcs.cluster_config:update", danger=_C),
    Command("config uuid generate", "", "A unique name for a cluster of corosync.",
            "hashell.shell.pcs.cluster_config:generate_uuid", danger=_C),
    Command("corosync", "[NODE]", "corosync.conf of this node or of another.", f"{_SETUP}:corosync"),
    Command("sync", "[corosync]", "Send this node's corosync.conf to the others.", f"{_SETUP}:sync", danger=_C),
    Command("reload corosync", "", "Let corosync read its file again.", f"{_SETUP}:reload_corosync", danger=_C),
    Command("link add", "LINKADDRESS=VALUE... [options LINKOPTION=VALUE...]", "A further link of corosync.",
            f"{_SETUP}:link_add", danger=_C),
    Command("link delete", "COUNT...", "Take links away.", f"{_SETUP}:link_delete", danger=_C,
            aliases=("link remove",)),
    Command("link update", "COUNT {LINKADDRESS=VALUE} [options LINKOPTION=VALUE...]", "Change a link.",
            f"{_SETUP}:link_update", danger=_C),
    Command("node clear", "NODE", "Forget a node that is gone.", f"{_HERE}:node_clear", danger=_I),
)


def cib(call: Call, words: list[str]) -> int:
    """Whole, or one section; to a file or to standard output."""
    path = next((word for word in words if not word.startswith("scope=")), "")
    text = _xml(call, _scope(call, words))
    if not path:
        call.out(text)
        return 0
    from pathlib import Path

    from hashell.cib.files import write_whole

    write_whole(Path(path), text.encode())
    return 0


def _scope(call: Call, words: list[str]) -> str:
    """The section that is meant; empty for all. Raises BadUsage."""
    scope = next(
        (word[6:] for word in words if word.startswith("scope=")), "configuration" if call.has("--config") else ""
    )
    if scope and scope not in _SCOPES:
        raise BadUsage(f"invalid CIB scope '{scope}'", "one of " + ", ".join(_SCOPES))
    return scope


def _xml(call: Call, scope: str) -> str:
    """Raises NotFound for a section that is not there."""
    from lxml import etree

    root = call.env.cib.copy_root()
    if scope:
        found = root.find("configuration") if scope == "configuration" else root.find(f"configuration/{scope}")
        if found is None:
            raise NotFound(f"unable to get cib: there is no section {scope}", "leave out scope=")
        root = found
    root.tail = None
    etree.indent(root, "  ")
    return etree.tostring(root, encoding="unicode").rstrip() + "\n"


def cib_push(call: Call, words: list[str]) -> int:
    """The file's configuration in place of the cluster's, or what changed against `diff-against`."""
    from pathlib import Path

    from hashell.cib.document import Cib
    from hashell.cib.files import load_cib

    path = next((word for word in words if "=" not in word), "")
    if not path:
        raise BadUsage("usage: pcs cluster cib-push FILE [diff-against=FILE|scope=SCOPE|--config]", "name a file")
    given = pairs(word for word in words if "=" in word)
    env = call.env
    if "diff-against" in given:
        from hashell.cib.diff import make_patch
        from hashell.cib.patch import apply_patch

        patch = make_patch(load_cib(Path(given["diff-against"])), load_cib(Path(path)))
        env.root = apply_patch(Cib(env.root), patch, check_version=False).copy_root()
        return call.finish(env)
    data = Path(path).read_bytes() if Path(path).is_file() else b""
    if not data:
        raise NotFound(f"unable to read {path}", "name a file with a CIB")
    put(env, data, path, given.get("scope", "configuration"))
    call.finish(env)
    call.session.err("CIB updated")
    return 0


def put(env: Env, data: bytes, name: str, scope: str) -> None:
    """A configuration, or one section of it, in place of the present one. Raises BadInput."""
    import copy

    from hashell.cib.document import parse_fragment

    root = parse_fragment(data, name)
    source = (
        root
        if root.tag == scope
        else root.find("configuration")
        if scope == "configuration"
        else root.find(f"configuration/{scope}")
    )
    if source is None:
        raise BadInput(f"{name} holds no <{scope}>", "choose another scope")
    if scope == "configuration":
        env.root.replace(env.configuration(), copy.deepcopy(source))
        for attribute in ("validate-with", "crm_feature_set"):
            if root.tag == "cib" and root.get(attribute):
                env.root.set(attribute, root.get(attribute) or "")
    else:
        env.configuration().replace(env.section(scope), copy.deepcopy(source))
    env.forget_ids()


def edit(call: Call, words: list[str]) -> int:
    """In $EDITOR; what is refused can be edited again."""
    from hashell.shell.crm.configure_change import edited

    odd = next((word for word in words if not word.startswith("scope=")), "")
    if odd:
        raise BadUsage(f"cluster edit: '{odd}' does not fit here", "cluster edit [scope=SCOPE | --config]")
    scope = _scope(call, words) or "configuration"

    def apply(text: str) -> None:
        env = call.env
        put(env, text.encode(), "the edited text", scope)
        call.finish(env)
        call.session.err("CIB updated")

    return edited(call.session, _xml(call, scope), "cib.xml", apply)


def cib_upgrade(call: Call, words: list[str]) -> int:
    from hashell.commands.upgrading import upgrade

    env = call.env
    upgrade(env)
    call.finish(env)
    call.session.err("Cluster CIB has been upgraded to latest version")
    return 0


def start(call: Call, words: list[str]) -> int:
    from hashell.shell.crm import cluster

    return cluster.start(call.session, _nodes(call, words))


def enable(call: Call, words: list[str]) -> int:
    from hashell.shell.crm import cluster

    return cluster.enable(call.session, _nodes(call, words))


def disable(call: Call, words: list[str]) -> int:
    from hashell.shell.crm import cluster

    return cluster.disable(call.session, _nodes(call, words))


def _nodes(call: Call, words: list[str]) -> list[str]:
    return ["--all"] if call.has("--all") else words


def stop(call: Call, words: list[str]) -> int:
    from hashell.shell.crm import cluster

    return cluster.stop(call.session, ["--all"] if call.has("--all") else words)


def kill(call: Call, words: list[str]) -> int:
    from hashell.shell.crm import cluster

    cluster.kill(call.session)
    return 0


def verify(call: Call, words: list[str]) -> int:
    from hashell.commands.checks import check_all

    env = call.env
    for problem in check_all(env):
        env.report(problem)
    env.settle()
    return 0


def node_clear(call: Call, words: list[str]) -> int:
    need(words, 1, 1, "cluster node clear NODE")
    call.session.err(call.session.client.forget_node(words[0]))
    return 0


# --- remote and guest nodes ----------------------------------------------------------------------------


def _unused_name(call: Call, name: str) -> None:
    env = call.env
    guests = {str(one) for one in texts(env.root, "configuration/resources//nvpair[@name='remote-node']/@value")}
    if env.node(name) is not None or name in guests or name in env.ids:
        raise BadInput(f"'{name}' already exists", "choose another name")


def add_remote(call: Call, words: list[str]) -> int:
    """A connection is a resource of ocf:pacemaker:remote; its name is the node's."""
    if not words:
        raise BadUsage("usage: pcs cluster node add-remote NAME [ADDRESS] [options]", "name a node")
    from hashell.commands import creation
    from hashell.shell.pcs.call import first, operations, sections

    _unused_name(call, words[0])
    rest = words[1:]
    address = rest.pop(0) if rest and "=" not in rest[0] and rest[0] not in ("op", "meta") else ""
    groups = sections(rest, ("op", "meta"), repeat=("op",))
    parameters = pairs(groups[""][0])
    if address:
        parameters["server"] = address
    elif call.session.client.kind == "file" and "server" not in parameters:
        parameters["server"] = words[0]
    env = call.env
    creation.create(
        env,
        creation.Wanted(
            words[0],
            "ocf:pacemaker:remote",
            parameters,
            pairs(first(groups, "meta")),
            operations(groups.get("op", [])),
            default_operations="--no-default-ops" not in call.options,
            whole=True,
        ),
    )
    return call.finish(env)


def delete_remote(call: Call, words: list[str]) -> int:
    need(words, 1, 1, "cluster node delete-remote NAME")
    from hashell.commands import deletion

    env = call.env
    found = [
        one.get("id")
        for one in env.root.iterfind("configuration/resources//primitive[@type='remote']")
        if words[0] == one.get("id")
        or select(one, "instance_attributes/nvpair[@name='server' and @value=$v]", v=words[0])
    ]
    if not found:
        raise NotFound(f"remote node '{words[0]}' does not appear to exist in configuration", "see resource config")
    deletion.delete(env, [str(name) for name in found])
    return call.finish(env)


def add_guest(call: Call, words: list[str]) -> int:
    if len(words) < 2:
        raise BadUsage("usage: pcs cluster node add-guest NAME RESOURCE [options]", "name a node and a resource")
    from hashell.commands import parameters

    _unused_name(call, words[0])
    env = call.env
    primitive = parameters.need_primitive(env, words[1])
    given = pairs(words[2:])
    for name in given:
        if name not in ("remote-addr", "remote-port", "remote-connect-timeout"):
            raise BadUsage(
                f"invalid guest option '{name}', allowed options are: 'remote-addr', 'remote-connect-timeout', 'remote-port'",  # noqa: E501
                "leave it out",
            )
    if select(primitive, "meta_attributes/nvpair[@name='remote-node']"):
        raise BadInput(f"the resource '{words[1]}' is already a guest node", "name another resource")
    # Without an address the node's name is one.
    given.setdefault("remote-addr", words[0])
    parameters.update_set(env, primitive, "meta_attributes", dict(sorted({**given, "remote-node": words[0]}.items())))
    return call.finish(env)


def delete_guest(call: Call, words: list[str]) -> int:
    need(words, 1, 1, "cluster node delete-guest NAME")
    from hashell.commands import parameters

    env = call.env
    names = ("remote-node", "remote-addr", "remote-port", "remote-connect-timeout")
    for primitive in env.root.iterfind("configuration/resources//primitive"):
        values = {str(pair.get("name")): pair.get("value") for pair in primitive.iterfind("meta_attributes/nvpair")}
        if "remote-node" in values and words[0] in (
            primitive.get("id"),
            values["remote-node"],
            values.get("remote-addr"),
        ):
            parameters.update_set(env, primitive, "meta_attributes", dict.fromkeys(names, ""))
            return call.finish(env)
    raise NotFound(f"guest node '{words[0]}' does not appear to exist in configuration", "see resource config")
