"""Staging: what the configure level edits before it is committed, and the commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hashell.errors import HashellError

if TYPE_CHECKING:
    from hashell.commands.env import Env
    from hashell.shell.crm.configure_cursor import ParseContext
    from hashell.shell.session import Session


def context_of(env: Env, *, typed: bool) -> ParseContext:
    """What the language needs to know of the cluster."""
    from hashell.commands.agents import agent_of
    from hashell.commands.facts import knows_promoted
    from hashell.shell.crm.configure_cursor import ParseContext

    return ParseContext(
        typed=typed, modern_roles=knows_promoted(env.validate_with), node_names=env.node_names(), agent_of=agent_of
    )


@contextmanager
def staging(session: Session) -> Iterator[Env]:
    """The staged environment; after an error it is as it was."""
    import copy

    env = session.env()
    before = copy.deepcopy(env.root)
    try:
        yield env
    except HashellError:
        env.root = before
        env.forget_ids()
        env.problems = []
        raise
    session.staged = True


def commit_staged(session: Session, *, force: bool = False) -> None:
    """Check what is staged and send it. Raises ProblemsFound and leaves it staged when something is wrong."""
    from hashell.commands.checks import check_changes

    env = session.env()
    env.force = force or session.options.force
    if not env.changed:
        if session.interactive:
            session.err("INFO: apparently there is nothing to commit")
        session.drop_staged()
        return
    if session.settings["check-frequency"] == "always":
        for problem in check_changes(env):
            env.report(problem)
    env.force = env.force or session.settings["check-mode"] == "relaxed"
    env.settle()
    env.force = force or session.options.force
    waits = session.options.wait and session.client.kind != "file"
    progress = session.progress(env) if waits else None
    foreseen = _foreseen(session, env) if session.interactive else ""
    version = env.commit()
    session.drop_staged()
    if session.interactive:
        session.err(f"INFO: committed as {version}{foreseen}")
    if progress is not None:
        session.follow(progress)


def _foreseen(session: Session, env: Env) -> str:
    """What the cluster is about to do, and how to have it back; nothing where it cannot tell or it would take long."""
    from hashell.commands.preview import counts, preview
    from hashell.shell.progress import PLAN_MAX

    if sum(1 for _ in env.root.iterfind("configuration/resources//primitive")) > PLAN_MAX:
        return ""
    try:
        said = f": {counts(preview(env))}"
    except HashellError:
        return ""
    return f"{said}\n  `history undo` takes it back" if session.client.kind == "hashelld" else said


def commit(session: Session, words: list[str]) -> int:
    commit_staged(session, force="force" in words)
    return 0


def refresh(session: Session, words: list[str]) -> int:
    if session.staged and session.interactive and not session.confirm("Drop the changes that are pending?"):
        return 0
    session.drop_staged()
    return 0
