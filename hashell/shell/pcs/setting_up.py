"""Making a cluster and changing who is in it: `pcs host auth`, `pcs cluster setup|auth|node add|node delete|…`.

There is no pcsd: the way to another machine is ssh, and what nodes trust one another by is the cluster's key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from hashell.errors import BadUsage, HashellError, NotFound, Refused
from hashell.shell.pcs.call import Call, pairs
from hashell.shell.pcs.root import need

if TYPE_CHECKING:
    from hashell.shell.session import Session

#: Words that begin settings of corosync in a set-up; its own layer needs none of them. Source: pcs(8), "cluster setup".
_COROSYNC_PARTS = ("transport", "link", "compression", "crypto", "totem")
#: Options of quorum that the set-up of a cluster may name.
QUORUM = ("auto_tie_breaker", "last_man_standing", "last_man_standing_window", "wait_for_all")


class Host(msgspec.Struct, frozen=True):
    """A machine as it was named, and where it is reached."""

    name: str
    address: str


def _hosts(words: Sequence[str]) -> list[Host]:
    """`NAME [addr=ADDRESS]…` groups; the first address counts. Raises BadUsage."""
    found: list[Host] = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            if any(one.name == word for one in found):
                raise BadUsage(f"node '{word}' is named twice", "name each once")
            found.append(Host(word, word))
        elif name == "addr" and found and value:
            last = found[-1]
            if last.address == last.name:
                found[-1] = Host(last.name, value)
        elif name in ("watchdog", "device") and found:
            continue
        else:
            raise BadUsage(f"'{word}' does not fit here", "NAME [addr=ADDRESS]")
    return found


def auth(call: Call, words: list[str]) -> int:
    """Whether each machine can be reached as what comes next needs it; user and password are not asked for."""
    hosts = _hosts(words) or [Host(name, name) for name in call.env.node_names()]
    if not hosts:
        raise BadUsage("usage: pcs host auth NODE [addr=ADDRESS] …", "name nodes")
    from hashell.commands import ssh
    from hashell.shell.crm.cluster import own_name

    failed = 0
    for host in hosts:
        try:
            if host.name != own_name():
                code, _, said = ssh.run(host.address, "true")
                if code:
                    raise Refused(f"{host.name}: {said or f'exit code {code}'}", "see it there")
            call.out(f"{host.name}: Authorized\n")
        except HashellError as error:
            said = error.message.removeprefix(f"{host.address}: ")
            call.session.err(f"Error: {host.name}: Not authorized: {said}")
            if error.hint:
                call.session.err(f"       {error.hint}")
            failed = 1
    return failed


def setup(call: Call, words: list[str]) -> int:
    """This machine is one of the nodes; the others get key and settings over ssh."""
    from hashell.shell.crm import cluster

    words = list(words)
    if "--name" in call.options:
        words.insert(0, call.options["--name"])
    place = next((at for at, word in enumerate(words) if word in (*_COROSYNC_PARTS, "quorum")), len(words))
    named, rest = words[:place], words[place:]
    if len(named) < 2 or "=" in named[0]:
        raise BadUsage("usage: pcs cluster setup NAME NODE [addr=ADDRESS] …", "name the cluster and its nodes")
    hosts, here = _hosts(named[1:]), cluster.own_name()
    if here not in (one.name for one in hosts):
        named_nodes = ", ".join(one.name for one in hosts)
        raise BadUsage(
            f"this machine, {here}, is not among the nodes {named_nodes}", f"run it on one of them, or name {here} too"
        )
    quorum = _quorum_words(rest)
    ignored = [word for word in rest if word in _COROSYNC_PARTS]
    if ignored:
        named_parts = ", ".join(dict.fromkeys(ignored))
        call.session.err(f"Warning: {named_parts}: not needed, the cluster layer is hashell's own")
    addresses = [one.address for one in hosts if one.name != here]
    with _Forced(call):
        code = cluster.init(call.session, ["-n", named[0], *addresses])
    if quorum:
        from hashell.commands import setup as own

        own.change_settings({name: value for name, value in quorum.items() if value})
    return code or _up(call, [here if one.name == here else one.address for one in hosts])


def _quorum_words(words: list[str]) -> dict[str, str]:
    if "quorum" not in words:
        return {}
    found = {}
    for word in words[words.index("quorum") + 1 :]:
        if word in _COROSYNC_PARTS:
            break
        found.update(pairs([word]))
    check_quorum(found)
    return found


def check_quorum(given: dict[str, str]) -> None:
    """Raises BadUsage for an option that pcs does not set, and for a value that fits none."""
    for name, value in given.items():
        if name not in QUORUM:
            raise BadUsage(
                f"invalid quorum option '{name}', allowed options are: " + ", ".join(f"'{one}'" for one in QUORUM),
                "name one of these",
            )
        if value and not (value.isdigit() if name.endswith("window") else value in ("0", "1")):
            raise BadUsage(
                f"'{value}' is not a valid {name} value, use "
                + ("a positive integer" if name.endswith("window") else "'0', '1'"), "or leave it empty to remove it",
            )


def _up(call: Call, hosts: Sequence[str]) -> int:
    """What --enable and --start ask for besides."""
    from hashell.shell.crm import cluster

    code = 0
    if call.has("--enable"):
        code = cluster.enable(call.session, list(hosts))
    if call.has("--start"):
        code = cluster.start(call.session, list(hosts)) or code
    return code


class _Forced:
    """pcs's own --force counts for what the command calls."""

    def __init__(self, call: Call) -> None:
        self._session: Session = call.session
        self._force = call.force

    def __enter__(self) -> None:
        self._before, self._session.options.force = self._session.options.force, self._force

    def __exit__(self, *error: object) -> None:
        self._session.options.force = self._before


def node_add(call: Call, words: list[str]) -> int:
    hosts = _hosts(words)
    if len(hosts) != 1:
        raise BadUsage("usage: pcs cluster node add NODE [addr=ADDRESS] [--start] [--enable]", "name one node")
    from hashell.shell.crm import cluster

    return cluster.add(call.session, [hosts[0].address]) or _up(call, [hosts[0].address])


def node_delete(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs cluster node delete NODE…", "name nodes")
    from hashell.commands import cluster

    missing = [name for name in words if call.env.node(name) is None]
    if missing:
        raise NotFound(
            "Node" + ("s " if len(missing) > 1 else " ") + ", ".join(f"'{name}'" for name in missing)
            + f" do{'es' * (len(missing) == 1)} not appear to exist in configuration", "see status nodes",
        )
    for line in cluster.forget(call.session.client, words, force=call.force):
        call.session.err(line)
    return 0


def destroy(call: Call, words: list[str]) -> int:
    """With --all on the other nodes first, over ssh: who has forgotten them cannot name them any more."""
    need(words, 0, 0, "cluster destroy [--all] [--yes]")
    from hashell.commands import setup, ssh
    from hashell.shell.crm import cluster

    try:
        cluster_name, own, _, _ = setup.read_own()
    except NotFound as error:
        raise NotFound(f"cluster destroy: {error.message}", "there is nothing to destroy") from None
    here = (own, cluster.own_name())
    others = [one for one in call.env.node_names() if one not in here] if call.has("--all") else []
    who = f"{', '.join(others)} and this machine" if others else "this machine"
    if not (call.has("--yes") or call.force) and not call.session.confirm(
        f"Take {who} out of the cluster, with settings, key and all state?"
    ):
        raise Refused("cluster destroy: nothing was destroyed", "answer yes, or give --yes")
    failed = 0
    for node in others:
        try:
            code, _, said = ssh.run(node, "hashell pcs cluster destroy --yes")
            if code:
                raise Refused(said or f"exit code {code}", "see it there")
        except HashellError as error:
            ssh.told(call.session.err, f"cluster destroy on {node}", node, error)
            failed = 1
    if failed:
        return failed
    _end_daemon(call, cluster_name, own)
    for path in setup.take_down():
        call.session.err(f"INFO: {path} is gone")
    return 0


def _end_daemon(call: Call, name: str, node: str) -> None:
    """Through systemd where it keeps the daemon. Raises Refused where that of this node still answers."""
    import contextlib

    from hashell.client.choose import default_sockets
    from hashell.client.daemon import answers
    from hashell.shell.crm import cluster

    call.session.close()
    for verb in ("disable", "stop"):
        with contextlib.suppress(Refused):
            cluster.systemd(verb)
    found = [answers(path) for path in default_sockets()]
    if any(not isinstance(one, HashellError) and (one.cluster, one.node) == (name, node) for one in found):
        raise Refused("cluster destroy: hashelld still runs here", "end it, then say it again; nothing was destroyed")


def rename(call: Call, words: list[str]) -> int:
    need(words, 1, 1, "cluster rename NAME")
    from hashell.commands import options
    from hashell.shell.crm import cluster

    env = call.env
    options.set_options(env, {"cluster-name": words[0]})
    code = call.finish(env)
    cluster.warn_of_name(call.session, words[0])
    return code


def report(call: Call, words: list[str]) -> int:
    need(words, 1, 1, "cluster report [--from TIME [--to TIME]] FILE")
    from hashell.shell.crm import report as archive

    times = [word for name in ("--from", "--to") if name in call.options for word in (name, call.options[name])]
    return archive.report(call.session, [*times, words[0]])


def corosync(call: Call, words: list[str]) -> int:
    """corosync.conf of this node, or over ssh that of another."""
    need(words, 0, 1, "cluster corosync [NODE]")
    if not words:
        from hashell.shell.crm import corosync as level

        return level.show(call.session, [])
    from hashell.commands import ssh
    from hashell.shell.crm.corosync import CONF

    call.out(ssh.read(words[0], CONF).decode(errors="replace"))
    return 0


def sync(call: Call, words: list[str]) -> int:
    if words not in ([], ["corosync"]):
        raise BadUsage("usage: pcs cluster sync [corosync]", "nothing else is sent")
    from hashell.shell.crm import corosync as level

    return level.push(call.session, [])


def reload_corosync(call: Call, words: list[str]) -> int:
    need(words, 0, 0, "cluster reload corosync")
    from hashell.shell.crm import corosync as level

    return level.reload(call.session, [])


def link_add(call: Call, words: list[str]) -> int:
    return _link(call, "add", words)


def link_delete(call: Call, words: list[str]) -> int:
    return _link(call, "remove", words)


def link_update(call: Call, words: list[str]) -> int:
    return _link(call, "update", words)


def _link(call: Call, verb: str, words: list[str]) -> int:
    if not words:
        raise BadUsage(f"usage: pcs cluster link {verb} …", "see corosync link")
    from hashell.shell.crm import corosync as level

    for number in words if verb == "remove" else [""]:
        level.link(call.session, [verb, number] if number else [verb, *words])
    return 0
