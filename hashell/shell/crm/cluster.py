"""The cluster level: the cluster as a whole, its nodes, its health."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.errors import BadUsage, Refused
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
        _command("status", "", "Members, quorum, who coordinates."),
        _command("links", "", "How this node reaches the others: which links are up, since when, how far away."),
        _command("health", "", "What worries about the cluster; the exit code tells whether service is at risk."),
        _command("start", "", "Start the daemon of this machine through systemd.", Danger.CHANGES),
        _command(
            "stop", "{(--all|NODE)}", "Let nodes leave cleanly; their resources move first.", Danger.INTERRUPTS,
            example="stop node2\nstop --all",
        ),
        _command("restart", "", "Stop and start the daemon of this machine.", Danger.INTERRUPTS),
        _command("enable", "", "Start the daemon whenever this machine starts.", Danger.CHANGES),
        _command("disable", "", "Do not start it with the machine.", Danger.CHANGES),
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
    return _unit("start")


def restart(session: Session, words: list[str]) -> int:
    session.close()
    return _unit("restart")


def enable(session: Session, words: list[str]) -> int:
    return _unit("enable")


def disable(session: Session, words: list[str]) -> int:
    return _unit("disable")


def _unit(verb: str) -> int:
    """Through systemd, which keeps the daemon; where it does not run, whoever started the daemon does that."""
    import shutil
    import subprocess
    from pathlib import Path

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
    return 0


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
