"""Moving resources to where they would be without stickiness: `pcs resource relocate show|dry-run|run|clear`."""

from __future__ import annotations

from hashell.commands import relocating
from hashell.errors import BadUsage, Refused
from hashell.shell.pcs.call import Call


def show(call: Call, words: list[str]) -> int:
    """Where everything is, and what would move."""
    from hashell.shell.crm.status import resource_lines

    if words:
        raise BadUsage("usage: pcs resource relocate show", "see pcs resource help")
    decision = relocating.decide_freely(call.env)
    lines = resource_lines(call.session.client)
    return call.lines([*lines, "", "Transition Summary:", *(f"  * {line}" for line in decision.summary)])


def dry_run(call: Call, words: list[str]) -> int:
    for move in relocating.moves(call.env, words):
        call.session.err(str(move))
    return 0


def run(call: Call, words: list[str]) -> int:
    """The constraints are taken away again also when the resources did not get there in time."""
    session = call.session
    if session.client.kind == "file":
        raise Refused(f"{session.client.where} is a file, in which nothing moves", "`relocate dry-run` tells what")
    env = call.env
    wanted = relocating.moves(env, words)
    if not wanted:
        session.err("every resource is where it would be without stickiness")
        return 0
    for move in wanted:
        session.err(str(move))
    relocating.constrain(env, wanted)
    call.finish(env)
    session.err("Waiting for resources to move...")
    try:
        with session.waiting():
            session.client.wait_idle(session.options.wait_s)
    finally:
        env.refresh()
        _clear(call)
    return 0


def clear(call: Call, words: list[str]) -> int:
    if words:
        raise BadUsage("usage: pcs resource relocate clear", "see pcs resource help")
    return _clear(call)


def _clear(call: Call) -> int:
    for name in relocating.clear(call.env):
        call.session.err(f"Removing constraint {name}")
    return call.finish(call.env)
