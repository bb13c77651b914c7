"""Changing what is staged as a whole or by name: delete, rename, load, edit, upgrade."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hashell.errors import BadUsage, HashellError, Refused, TimedOut
from hashell.shell.crm.configure_look import as_xml, select
from hashell.shell.crm.configure_stage import context_of, staging

if TYPE_CHECKING:
    from hashell.shell.session import Session


#: Seconds for a filter.
FILTER_TIMEOUT_S = 60


def _running(session: Session) -> tuple[str, ...]:
    """Resources that run now, with the containers that hold them."""
    from hashell.commands.running import running_resources

    return running_resources(session.client.cib())


def delete(session: Session, words: list[str]) -> int:
    from hashell.commands import configure

    force = "--force" in words
    with staging(session) as env:
        env.force = force or session.options.force
        configure.delete(env, [word for word in words if word != "--force"], running=_running(session))
    return 0


def rename(session: Session, words: list[str]) -> int:
    from hashell.commands import configure

    with staging(session) as env:
        if words[0] in _running(session) and not env.force:
            raise BadUsage(f"cannot rename a running resource ({words[0]})", "stop it first")
        configure.rename(env, words[0], words[1])
    return 0


def modgroup(session: Session, words: list[str]) -> int:
    from hashell.commands import configure

    where, beside = (words[3].lower(), words[4]) if len(words) > 3 else ("", "")
    with staging(session) as env:
        configure.change_group(env, words[0], words[1].lower(), words[2], where, beside)
    return 0


def erase(session: Session, words: list[str]) -> int:
    from hashell.commands import configure

    with staging(session) as env:
        if _running(session) and not words and not env.force:
            raise BadUsage("resources are running, nothing was erased", "stop them first, or force it")
        configure.erase(env, nodes=bool(words))
    return 0


def set_value(session: Session, words: list[str]) -> int:
    from hashell.commands import configure

    with staging(session) as env:
        configure.set_value(env, words[0], words[1])
    return 0


def default_timeouts(session: Session, words: list[str]) -> int:
    from hashell.commands import configure

    with staging(session) as env:
        configure.default_timeouts(env, words)
    return 0


def load(session: Session, words: list[str]) -> int:
    """`update` adds and replaces what the file holds, `replace` makes it all there is, `push` replaces the changed."""
    from hashell.shell.crm.loading import load_text, load_xml, read_source

    is_xml = words[0] == "xml"
    method, path = words[-2].lower(), words[-1]
    text = read_source(path)
    with staging(session) as env:
        if is_xml:
            load_xml(env, text, method)
        else:
            load_text(env, text, method, context_of(env, typed=False), path)
    return 0


def edit(session: Session, words: list[str]) -> int:
    text, is_xml, chosen = _editable(session, words)
    name = "cib.xml" if is_xml else "configuration.crm"
    return edited(session, text, name, lambda after: _apply_edited(session, after, is_xml, chosen))


def edited(session: Session, text: str, name: str, apply: Callable[[str], None]) -> int:
    """A text in the person's editor, then to `apply`, whose HashellError offers to edit it again; the exit code."""
    import os
    import shlex
    import subprocess
    import tempfile
    from pathlib import Path

    editor = session.settings["editor"] or os.environ.get("EDITOR") or os.environ.get("VISUAL") or ""
    if not editor and not session.interactive and session.ask is None:
        # A script may name a program that edits by itself.
        raise BadUsage("an editor needs a terminal", "set EDITOR to a program that needs none, or use load")
    editor = editor or "vi"
    try:
        place = tempfile.TemporaryDirectory(prefix="hashell-")
    except OSError as error:
        raise Refused(f"edit: {error.filename} cannot be made: {error.strerror}", "set TMPDIR") from None
    with place as folder:
        path = Path(folder) / name
        path.write_text(text, encoding="utf-8")
        while True:
            try:
                subprocess.run([*shlex.split(editor), str(path)], check=False)
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                raise BadUsage(f"edit: {editor} cannot be started: {reason}", "set EDITOR") from None
            after = path.read_text(encoding="utf-8")
            if after == text:
                session.err("INFO: nothing was changed")
                return 0
            try:
                apply(after)
            except HashellError as error:
                session.err(f"ERROR: {error.message}")
                if not session.confirm("Edit again?"):
                    session.err("INFO: nothing was changed")
                    return error.exit_code
            else:
                return 0


def filter_through(session: Session, words: list[str]) -> int:
    import shlex
    import subprocess

    text, is_xml, chosen = _editable(session, words[1:])
    try:
        command = shlex.split(words[0])
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, timeout=FILTER_TIMEOUT_S
        )
    except (OSError, ValueError, IndexError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise BadUsage(
            f"filter {words[0]!r} cannot be started: {reason}", "name a program, as in filter 'sed s/a/b/'"
        ) from None
    except subprocess.TimeoutExpired:
        raise TimedOut(f"filter {words[0]!r} did not end within {FILTER_TIMEOUT_S} s", "nothing was changed") from None
    if done.returncode:
        raise BadUsage(f"{words[0]} ended with {done.returncode}: {done.stderr.strip()}", "mend the filter")
    _apply_edited(session, done.stdout, is_xml, chosen)
    return 0


def _editable(session: Session, words: list[str]) -> tuple[str, bool, list[str]]:
    from hashell.shell.crm.configure_print import Printer

    env = session.env()
    is_xml = words[:1] == ["xml"]
    chosen = words[1:] if is_xml else words
    text = as_xml(env, chosen) if is_xml else Printer(env.root, obscured=(), with_ids=True).show(select(env, chosen))
    return text, is_xml, chosen


def _apply_edited(session: Session, text: str, is_xml: bool, chosen: list[str]) -> None:
    from hashell.shell.crm.configure_print import object_id
    from hashell.shell.crm.loading import load_text, load_xml

    with staging(session) as env:
        if is_xml:
            load_xml(env, text, "update")
        else:
            known = [object_id(element) for element in select(env, chosen)]
            load_text(env, text, "replace", context_of(env, typed=False), "the edited text", instead_of=known)


def schema(session: Session, words: list[str]) -> int:
    if not words:
        session.out(session.env().validate_with + "\n")
        return 0
    from hashell.cib.document import Cib
    from hashell.schema.check import errors, validate
    from hashell.schema.table import VERSIONS

    version = words[0].removeprefix("pacemaker-")
    if words[0] != "none" and version not in VERSIONS:
        raise BadUsage(f"no schema is called {words[0]}", "the newest: pacemaker-" + list(VERSIONS)[-1])
    with staging(session) as env:
        env.root.set("validate-with", words[0] if words[0] == "none" else f"pacemaker-{version}")
        wrong = errors(validate(Cib(env.root))) if words[0] != "none" else ()
        if wrong and not env.force:
            raise BadUsage(f"the configuration does not fit {words[0]}: {wrong[0].message}",
                           "mend it, choose another, or use --force")
    return 0


def upgrade(session: Session, words: list[str]) -> int:
    if words != ["force"] and not session.options.force:
        raise BadUsage("upgrade: it cannot be taken back", "say: upgrade force")
    from hashell.commands.upgrading import upgrade as raise_schema

    with staging(session) as env:
        before = env.validate_with
        after = raise_schema(env)
    session.err(f"INFO: {'already ' if before == after else ''}{after}")
    return 0
