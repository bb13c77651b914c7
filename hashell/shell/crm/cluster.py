"""The cluster level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.errors import Refused, TimedOut
from hashell.shell.grammar.words import Command, Danger, Level

if TYPE_CHECKING:
    from hashell.shell.session import Session

_HERE = "hashell.shell.crm.cluster"

LEVEL = Level(
    "cluster", "The cluster as a whole: its nodes, health, starting and stopping.",
    commands=(
        Command("status", "", "Members, quorum, who leads.", f"{_HERE}:status"),
        Command("health", "", "What worries the cluster.", f"{_HERE}:health"),
        Command("stop", "{(--all|NODE)}", "Take nodes out cleanly; their resources move first.", f"{_HERE}:stop", danger=Danger.INTERRUPTS),
        Command("start", "{(--all|NODE)}", "How a node is started.", f"{_HERE}:start"),
        Command("remove", "NODE...", "Take nodes that are gone out of the cluster.", f"{_HERE}:remove", aliases=("delete",), danger=Danger.INTERRUPTS),
        Command("rename", "TEXT", "Name the cluster.", f"{_HERE}:rename", danger=Danger.CHANGES),
        Command("wait_for_startup", "[SECONDS]", "Wait until the cluster answers and has nothing to do.", f"{_HERE}:wait_for_startup"),
    ),
)


def status(session: Session, words: list[str]) -> int:
    info = session.client.info()
    out = session.out
    out(f"Cluster: {info.cluster or 'without a name'} ({info.engine or session.client.kind}, {session.client.where})\n")
    out(f"Members: {len([one for one in info.members if one.state == 'member'])} of {len(info.members)}\n")
    for member in info.members:
        out(f"  {member.name}: {member.state}" + (f" at {member.address}" if member.address else "") + "\n")
    out(f"Quorum: {'yes' if info.quorate else 'no'} ({info.votes} of {info.expected_votes} votes, {info.quorum} needed)\n")
    out(f"DC: {info.dc or 'none'}\n")
    return 0


def health(session: Session, words: list[str]) -> int:
    """1 when something is not as it should be."""
    info = session.client.info()
    worries = [*info.warnings]
    if not info.quorate:
        worries.append("the partition has no quorum")
    if not info.dc:
        worries.append("no node leads")
    worries += [f"{one.name} is {one.state}" for one in info.members if one.state != "member"]
    session.out("".join(f"{one}\n" for one in worries) or "all is well\n")
    return 1 if worries else 0


def _members(session: Session, words: list[str]) -> list[str]:
    if "--all" in words:
        return [one.name for one in session.client.info().members if one.state == "member"]
    return words or [session.client.info().node]


def stop(session: Session, words: list[str]) -> int:
    """The node that answers us last, or we would cut ourselves off."""
    own = session.client.info().node
    for node in sorted(_members(session, words), key=lambda name: name == own):
        session.err(session.client.stop_node(node))
    return 0


def start(session: Session, words: list[str]) -> int:
    raise Refused("a node is started where it is", "run `hashelld` there, or its service: systemctl start hashelld")


def remove(session: Session, words: list[str]) -> int:
    for node in words:
        if not session.confirm(f"Take {node} out of the cluster for good?"):
            raise Refused(f"{node} stays", "confirm, or use --force")
        session.err(session.client.forget_node(node))
    return 0


def rename(session: Session, words: list[str]) -> int:
    from hashell.commands import options

    env = session.env()
    options.set_options(env, {"cluster-name": words[0]})
    session.finish(env)
    return 0


def wait_for_startup(session: Session, words: list[str]) -> int:
    import time

    from hashell.errors import HashellError

    end = time.monotonic() + (float(words[0]) if words and words[0].isdigit() else 30.0)
    while time.monotonic() < end:
        try:
            if session.client.info().dc:
                session.client.wait_idle(max(end - time.monotonic(), 1.0))
                return 0
        except TimedOut:
            break
        except HashellError:
            session.close()
        time.sleep(0.5)
    raise TimedOut("the cluster did not come up in time", "see cluster status")
