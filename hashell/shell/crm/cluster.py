"""The cluster level: the cluster as a whole, its nodes, its health."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hashell.errors import BadUsage, NotFound, Refused
from hashell.shell.crm.stages import IGNORED, IGNORED_VALUES, STAGES
from hashell.shell.grammar.words import Command, Danger, Level

if TYPE_CHECKING:
    from hashell.client.api import ClusterClient
    from hashell.shell.session import Session

_HERE = "hashell.shell.crm.cluster"
#: Seconds that are waited for the cluster to come up, unless said otherwise.
STARTUP_S = 60.0
#: The unit that runs hashelld where systemd does.
UNIT = "hashelld.service"


def _command(
    name: str, usage: str, help: str, danger: Danger = Danger.READS, aliases: tuple[str, ...] = (), example: str = ""
) -> Command:
    return Command(name, usage, help, f"{_HERE}:{name}", aliases=aliases, danger=danger, example=example)


LEVEL = Level(
    "cluster", "The cluster as a whole: its nodes, health, starting and stopping.",
    commands=(
        _command(
            "init", "{(-n TEXT|--name TEXT|-N NODE|-A TEXT|" + "|".join((
                *(f"{one} TEXT" for one in IGNORED_VALUES), *IGNORED, *STAGES)) + ")} {NODE}",
            "Make a cluster on this machine: key and settings; the nodes named get them over ssh. Or one stage of it.",
            Danger.CHANGES,
            example="init -n shop\ninit -n shop node2 node3\ninit admin -A 10.0.0.9",
        ),
        _command("join", "{(-c|--cluster-node|-y|-q|ssh|ssh_merge|csync2|cluster)} NODE",
                 "Join the cluster of a node, over ssh.", Danger.CHANGES, example="join -c node1"),
        _command("add", "NODE...", "Bring other machines into this cluster, over ssh.", Danger.CHANGES),
        _command("copy", "FILE {NODE}", "Send a file of this machine to the same place on other nodes.",
                 Danger.CHANGES),
        _command("diff", "FILE [--checksum] {NODE}", "Compare a file of this machine with that of other nodes."),
        _command("run", "TEXT {NODE}", "Run a command on the nodes, one after the other.", Danger.INTERRUPTS,
                 example="run 'uptime' node1 node2"),
        _command("crash_test", "[(--kill-hashelld|--fence-node NODE|--list)]",
                 "Break something on purpose and see whether the cluster stands it.", Danger.FENCES, ("crash-test",)),
        _command("status", "", "Members, quorum, who coordinates."),
        _command("links", "", "How this node reaches the others: which links are up, since when, how far away."),
        _command("health", "[(hawk2|sbd|sles16)] [--local] [--fix]",
                 "What worries about the cluster; the exit code tells whether service is at risk."),
        _command("start", "{(--all|NODE)}", "Start the daemon through systemd, here or over ssh.", Danger.CHANGES),
        _command(
            "stop", "{(--all|NODE)}", "Let nodes leave cleanly; their resources move first.", Danger.INTERRUPTS,
            example="stop node2\nstop --all",
        ),
        _command("restart", "{(--all|NODE)}", "Stop and start the daemon, here or over ssh.", Danger.INTERRUPTS),
        _command("enable", "{(--all|NODE)}", "Start the daemon with the machine, here or over ssh.", Danger.CHANGES),
        _command("disable", "{(--all|NODE)}", "Do not start it with the machine, here or over ssh.", Danger.CHANGES),
        _command("remove", "NODE...", "Take nodes that have left out for good.", Danger.INTERRUPTS, ("delete",)),
        _command("rename", "TEXT", "Name the cluster.", Danger.CHANGES),
        _command(
            "wait_for_startup", "[SECONDS]", "Wait until the cluster answers, has a DC and nothing to do.",
            aliases=("wait-for-startup",),
        ),
    ),
)


def status(session: Session, words: list[str]) -> int:
    from hashell.commands import cluster

    client = session.client
    session.out("".join(f"{line}\n" for line in cluster.status_lines(client.info(), client.where, client.kind)))
    return 0


def links(session: Session, words: list[str]) -> int:
    import time

    from hashell.commands import cluster

    info = session.client.info()
    session.out("".join(f"{line}\n" for line in cluster.link_lines(info, time.time())))
    return int(any(not one.up for one in info.links))


def health(session: Session, words: list[str]) -> int:
    """1 where service is at risk; what is only remarkable does not count."""
    named = [word for word in words if not word.startswith("--")]
    if named:
        why = {"hawk2": "there is no Hawk", "sbd": "there is no SBD"}.get(named[0], "it is about crmsh's own upgrade")
        raise Refused(f"cluster health {named[0]} makes no sense here: {why}", "`cluster health`, `doctor`")
    from hashell.commands import cluster

    found = cluster.worries(session.client.cib(), session.client.info())
    for one in found:
        hint = f"  ({one.hint})" if one.hint else ""
        session.out(f"{'BAD ' if one.bad else 'note'}  {one.text}{hint}\n")
    if not found:
        session.out("all is well\n")
    return int(any(one.bad for one in found))


def stop(session: Session, words: list[str]) -> int:
    from hashell.commands import cluster

    names = cluster.members(session.client, [word for word in words if word != "--all"], every="--all" in words)
    whole = len(names) == sum(one.state == "member" for one in session.client.info().members)
    question = f"Stop {', '.join(names)}?" + (" That is the whole cluster: all its services end." if whole else "")
    if whole and not session.confirm(question):
        raise Refused("nothing was stopped", "confirm, or use --force")
    for line in cluster.stop(session.client, names):
        session.err(f"INFO: {line}")
    return 0


def start(session: Session, words: list[str]) -> int:
    return _units(session, "start", words)


def restart(session: Session, words: list[str]) -> int:
    if not words:
        session.close()
    return _units(session, "restart", words)


def enable(session: Session, words: list[str]) -> int:
    return _units(session, "enable", words)


def disable(session: Session, words: list[str]) -> int:
    return _units(session, "disable", words)


def _units(session: Session, verb: str, words: list[str]) -> int:
    """Here without a name; on other machines over ssh, one that cannot be reached does not hold up the rest."""
    from hashell.commands import ssh
    from hashell.errors import HashellError

    nodes = list(dict.fromkeys(word for word in words if word != "--all"))
    if "--all" in words:
        nodes += [one for one in session.env().node_names() if one not in nodes]
    if not words:
        return systemd(verb)
    failed = 0
    for node in nodes:
        try:
            if node == own_name():
                systemd(verb)
            else:
                code, _, said = ssh.run(node, f"systemctl {verb} {UNIT}")
                if code:
                    raise Refused(f"systemctl {verb} {UNIT}: {said or f'exit code {code}'}", "see it there")
            session.err(f"INFO: {verb} of {UNIT} on {node} done")
        except HashellError as error:
            ssh.told(session.err, f"{verb} on {node}", node, error)
            failed = error.exit_code
    return failed


def systemd(verb: str) -> int:
    """Through systemd, which keeps the daemon; where it does not run, whoever started the daemon does that."""
    import shutil
    import subprocess

    systemctl = shutil.which("systemctl")
    if systemctl is None or not Path("/run/systemd/system").is_dir():
        raise Refused(f"systemd does not run here, so nothing can be asked to {verb} hashelld", "run `hashelld` itself")
    try:
        done = subprocess.run([systemctl, verb, UNIT], capture_output=True, text=True, check=False, timeout=120)
    except subprocess.TimeoutExpired:
        raise Refused(f"systemctl {verb} {UNIT} did not end within 120 s", "see journalctl -u hashelld") from None
    if done.returncode:
        said = done.stderr.strip() or f"exit code {done.returncode}"
        raise Refused(f"systemctl {verb} {UNIT}: {said}", "see journalctl -u hashelld")
    return 0


def remove(session: Session, words: list[str]) -> int:
    from hashell.commands import cluster

    if not session.confirm(f"Take {', '.join(words)} out of the cluster for good?"):
        raise Refused(f"{', '.join(words)} stays", "confirm, or use --force")
    for line in cluster.forget(session.client, words, force=session.options.force):
        session.err(f"INFO: {line}")
    return 0


def rename(session: Session, words: list[str]) -> int:
    from hashell.commands import options

    env = session.env()
    options.set_options(env, {"cluster-name": words[0]})
    session.finish(env)
    warn_of_name(session, words[0])
    return 0


def warn_of_name(session: Session, name: str) -> None:
    """The daemons say what their cluster is called, and note it in the CIB whenever one begins to coordinate."""
    now = session.client.info().cluster if session.client.kind in ("hashelld", "pacemaker") else name
    if now != name:
        where = "`cluster` in each node's hashelld.toml" if session.client.kind == "hashelld" else "corosync.conf"
        session.err(f"WARNING: the nodes still call it {now}, and will write that again: change {where} and restart")


def wait_for_startup(session: Session, words: list[str]) -> int:
    import time

    from hashell.commands import cluster
    from hashell.values.intervals import parse_interval_ms

    timeout_s = STARTUP_S
    if words:
        given = parse_interval_ms(words[0])
        if not given:
            raise BadUsage(f"{words[0]!r} is no time", "write 60, 60s or 2min")
        timeout_s = given / 1000

    def client() -> ClusterClient:
        return session.client

    with session.waiting():
        cluster.wait_for_startup(client, timeout_s, clock=time.monotonic, sleep=time.sleep)
    return 0


# --- setting up -------------------------------------------------------------------------------------------


def init(session: Session, words: list[str]) -> int:
    from hashell.commands import setup
    from hashell.shell.crm import stages

    name, nodes, stage, admin_ip = "", [], "", ""
    rest = iter(words)
    for word in rest:
        if word in ("-n", "--name"):
            name = next(rest, "")
        elif word == "-A":
            admin_ip = next(rest, "")
        elif word in IGNORED_VALUES:
            session.err(f"WARNING: {word} {next(rest, '')} is not needed here")
        elif word in STAGES and not stage:
            stage = word
        elif word not in IGNORED:
            nodes.append(next(rest, "") if word == "-N" else word)
    if stage:
        return stages.run(session, stage, nodes, admin_ip, name)
    if admin_ip:
        session.err(f"WARNING: -A counts once the cluster runs: `cluster init admin -A {admin_ip}`")
    name = name or "hashell"
    here, place = own_name(), setup.folder()
    others = [node for node in nodes if node != here]
    text = setup.settings_text(name, here, setup.with_peer((), here, *others) if others else (), place / setup.KEY)
    over = session.options.force
    setup.put(place / setup.SETTINGS, text.encode(), over=over)
    if over or not (place / setup.KEY).exists():
        setup.put(place / setup.KEY, setup.make_key(), over=over)
    session.err(f"INFO: cluster {name} is set up on {here}: {place / setup.SETTINGS}, {place / setup.KEY}")
    code = _bring(session, others)
    session.err("INFO: `cluster enable` and `cluster start` run it; without systemd: hashelld --settings "
                f"{place / setup.SETTINGS}")
    return code


def own_name() -> str:
    import os

    return os.uname().nodename


def add(session: Session, words: list[str]) -> int:
    return _bring(session, words)


def _bring(session: Session, nodes: list[str]) -> int:
    """Key and settings to other machines; one that cannot be reached does not hold up the rest."""
    from hashell.commands import setup, ssh
    from hashell.errors import HashellError

    if not nodes:
        return 0
    try:
        cluster_name, own, peers, key = setup.read_own()
    except NotFound as error:
        raise NotFound(f"{', '.join(nodes)} cannot be added: {error.message}", error.hint) from None
    failed = 0
    for node in dict.fromkeys(nodes):
        try:
            code, there, said = ssh.run(node, "uname -n && id -u && mkdir -p -m 750 /etc/hashell")
            lines = there.decode(errors="replace").split()
            if code or len(lines) < 2 or lines[1] != "0":
                raise Refused(f"{node}: {said or 'not root there'}", f"use root@{node}")
            place = Path("/etc/hashell")
            known = setup.with_peer(peers, own, node.rpartition("@")[2])
            text = setup.settings_text(cluster_name, lines[0], known, place / setup.KEY)
            ssh.write(node, str(place / setup.KEY), key, 0o600)
            ssh.write(node, str(place / setup.SETTINGS), text.encode(), 0o600)
            session.err(f"INFO: {node} is set up as {lines[0]}; start it there: `hashell cluster start`")
        except HashellError as error:
            ssh.told(session.err, f"{node} is not set up", node, error)
            failed = error.exit_code
    return failed


def join(session: Session, words: list[str]) -> int:
    import tomllib

    from hashell.commands import setup, ssh

    host = next(word for word in reversed(words) if word not in (*IGNORED, *STAGES, "-c", "--cluster-node"))
    stage = next((word for word in words if word in STAGES), "")
    if stage:
        from hashell.shell.crm import stages

        return stages.run(session, stage, [host] if stage.startswith("ssh") else [], "", "")
    try:
        said = tomllib.loads(ssh.read(host, f"/etc/hashell/{setup.SETTINGS}").decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"the settings of {host} cannot be read: {error}", "mend them there") from None
    key = ssh.read(host, str(said.get("key") or f"/etc/hashell/{setup.KEY}"))
    place, here = setup.folder(), own_name()
    known = setup.with_peer(tuple(map(str, said.get("peers", ()))), host.rpartition("@")[2], here)
    text = setup.settings_text(str(said.get("cluster", "")), here, known, place / setup.KEY)
    setup.put(place / setup.SETTINGS, text.encode(), over=session.options.force)
    setup.put(place / setup.KEY, key, over=session.options.force)
    session.err(f"INFO: {here} is set up for the cluster {said.get('cluster')}; `cluster start` joins it")
    return 0


# --- files and commands on other nodes --------------------------------------------------------------------


def _other_nodes(session: Session, words: list[str]) -> list[str]:
    """Those named, or all members but this machine."""
    if words:
        return words
    found = [one.name for one in session.client.info().members if one.name != own_name()]
    if not found:
        raise BadUsage("there are no other nodes", "name one")
    return found


def copy(session: Session, words: list[str]) -> int:
    from hashell.commands import ssh

    path = Path(words[0]).expanduser().resolve()
    if not path.is_file():
        raise NotFound(f"{path} is no file", "name a file of this machine")
    data, mode = path.read_bytes(), path.stat().st_mode & 0o777

    def one(host: str) -> int:
        ssh.write(host, str(path), data, mode)
        session.err(f"INFO: sent to {host}")
        return 0

    return _each(session, _other_nodes(session, words[1:]), one, f"{words[0]} was not sent to")


def diff(session: Session, words: list[str]) -> int:
    """1 where a file differs, as diff has it."""
    import difflib
    import hashlib

    from hashell.commands import ssh

    path = Path(words[0]).expanduser().resolve()
    if not path.is_file():
        raise NotFound(f"{path} is no file", "name a file of this machine")
    mine = path.read_bytes()

    def one(host: str) -> int:
        theirs = ssh.read(host, str(path))
        if "--checksum" in words:
            session.out(f"{hashlib.sha256(theirs).hexdigest()}  {host}\n")
        else:
            texts = [data.decode(errors="replace").splitlines() for data in (mine, theirs)]
            lines = difflib.unified_diff(texts[0], texts[1], f"{own_name()}:{path}", f"{host}:{path}", lineterm="")
            session.out("".join(f"{line}\n" for line in lines))
        return int(theirs != mine)

    others = _other_nodes(session, [word for word in words[1:] if word != "--checksum"])
    return _each(session, others, one, f"{words[0]} was not compared with that of")


def run(session: Session, words: list[str]) -> int:
    from hashell.commands import ssh

    def one(host: str) -> int:
        code, said, wrong = ssh.run(host, words[0])
        session.out(f"{host}: exit code {code}\n" + said.decode(errors="replace"))
        if wrong:
            session.err(wrong)
        return code

    return _each(session, _other_nodes(session, words[1:]), one, f"{words[0]} was not run on")


def _each(session: Session, hosts: list[str], what: Callable[[str], int], failed: str) -> int:
    """On every host, whether or not another failed; the first bad exit code. `failed` goes before a host's name."""
    from hashell.commands import ssh
    from hashell.errors import HashellError

    worst = 0
    for host in dict.fromkeys(hosts):
        try:
            code = what(host)
            worst = worst or code
        except HashellError as error:
            ssh.told(session.err, f"{failed} {host}", host, error)
            worst = worst or error.exit_code
    return worst


def crash_test(session: Session, words: list[str]) -> int:
    """One fault on the cluster that runs; many, audited, are `hashell chaos`."""
    verb = words[0] if words else "--list"
    if verb == "--list":
        session.out("--kill-hashelld    kill the daemon of this node; its services go on\n"
                    "--fence-node NODE  fence a node\nmore, on clusters of their own: hashell chaos --list\n")
        return 0
    if verb == "--fence-node":
        from hashell.shell.crm import node

        return node.fence(session, words[1:])
    client, pid = daemon_here(session)
    if not session.confirm(f"Kill the hashelld of {client.info().node} (process {pid})?"):
        raise Refused("nothing was killed", "confirm, or use --force")
    kill(session)
    return 0


def daemon_here(session: Session) -> tuple[ClusterClient, int]:
    """The client and the process of the daemon that it talks to. Raises Refused where that is no hashelld of here."""
    from hashell.client.daemon import DaemonClient

    client = session.client
    pid = client.welcome.pid if isinstance(client, DaemonClient) and client.welcome else 0
    if not pid:
        raise Refused("no hashelld of this machine answers", "give its socket with --attach")
    return client, pid


def kill(session: Session) -> None:
    """End the daemon of this node without a goodbye: the others take over."""
    import os
    import signal

    _, pid = daemon_here(session)
    os.kill(pid, signal.SIGKILL)
    session.err(f"INFO: process {pid} was killed; see `events` and `cluster status`")
