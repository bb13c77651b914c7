"""The template level: the wizards' texts as files of one's own: made, edited, then applied to what is staged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hashell.errors import AlreadyExists, BadUsage, NotFound
from hashell.shell.grammar.words import Command, Danger, Level

if TYPE_CHECKING:
    from hashell.shell.session import Session

_HERE = "hashell.shell.crm.template"

LEVEL = Level(
    "template", "Configurations to fill in, kept as files of your own.",
    commands=(
        Command("list", "[(templates|configs)]", "Templates, and configurations made from them.", f"{_HERE}:list_all"),
        Command("new", "NEWID WIZARD [params] {NAME=VALUE}", "Make a configuration from a template.", f"{_HERE}:new",
                example="new shop apache params id=shop ip=10.0.0.50"),
        Command("show", "TEMPLATECONFIG", "A configuration.", f"{_HERE}:show"),
        Command("edit", "TEMPLATECONFIG", "Change a configuration in an editor.", f"{_HERE}:edit"),
        Command("apply", "[(replace|update)] TEMPLATECONFIG", "Put it into what configure has staged.",
                f"{_HERE}:apply", danger=Danger.CHANGES),
        Command("load", "TEMPLATECONFIG", "See whether a configuration can be applied: it is read, nothing is staged.",
                f"{_HERE}:load"),
        Command("delete", "TEMPLATECONFIG [force]", "Delete a configuration.", f"{_HERE}:delete"),
    ),
)


def _folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_state_dir("hashell")) / "templates"


def _path(name: str, *, exists: bool = True) -> Path:
    import re

    if not re.fullmatch(r"\w[\w.-]*", name):
        raise BadUsage(f"{name!r} cannot be the name of a configuration", "use letters, digits, dots, _ and -")
    path = _folder() / f"{name}.crm"
    if exists and not path.is_file():
        raise NotFound(f"no configuration is called {name}", "see `template list configs`")
    return path


def list_all(session: Session, words: list[str]) -> int:
    from hashell.shell.wizards import wizards

    which = words[0].lower() if words else ""
    if which != "configs":
        session.out("Templates:\n" + "".join(f"  {name}  {one.help}\n" for name, one in sorted(wizards().items())))
    if which != "templates":
        made = sorted(path.stem for path in _folder().glob("*.crm")) if _folder().is_dir() else []
        session.out("Configurations:\n" + "".join(f"  {name}\n" for name in made))
    return 0


def new(session: Session, words: list[str]) -> int:
    """Private: a value may be a password. `id` is the configuration's name unless it is given."""
    from hashell.cib.files import write_whole
    from hashell.shell.wizards import need

    path = _path(words[0], exists=False)
    if path.exists() and not session.options.force:
        raise AlreadyExists(f"a configuration is called {words[0]} already", "`template delete` it, or use --force")
    values = {"id": words[0], **dict(word.split("=", 1) for word in words[2:] if "=" in word)}
    text = need(words[1]).fill(values)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, text.encode(), 0o600)
    session.err(f"INFO: `configure template apply {words[0]}` stages it")
    return 0


def show(session: Session, words: list[str]) -> int:
    session.out(_path(words[0]).read_text(encoding="utf-8"))
    return 0


def edit(session: Session, words: list[str]) -> int:
    import os
    import shlex
    import subprocess

    if not session.interactive and session.ask is None:
        raise BadUsage("an editor needs a terminal", "make it anew with other values")
    editor = session.settings["editor"] or os.environ.get("EDITOR") or os.environ.get("VISUAL") or "vi"
    return subprocess.run([*shlex.split(editor), str(_path(words[0]))], check=False).returncode


def apply(session: Session, words: list[str]) -> int:
    from hashell.shell.crm.configure_stage import context_of, staging
    from hashell.shell.crm.loading import load_text

    path = _path(words[-1])
    method = words[0].lower() if len(words) > 1 else "update"
    with staging(session) as env:
        load_text(env, path.read_text(encoding="utf-8"), method, context_of(env, typed=False), str(path))
    return 0


def load(session: Session, words: list[str]) -> int:
    """What stands in it is tried on a copy; crmsh's word for working on a configuration, which needs none here."""
    import copy

    import msgspec

    from hashell.shell.crm.configure_stage import context_of
    from hashell.shell.crm.loading import load_text

    path = _path(words[0])
    env = session.env()
    trial = msgspec.structs.replace(env, root=copy.deepcopy(env.root), problems=[])
    load_text(trial, path.read_text(encoding="utf-8"), "update", context_of(trial, typed=False), str(path))
    session.err(f"INFO: {words[0]} is sound; `configure template apply {words[0]}` stages it")
    return 0


def delete(session: Session, words: list[str]) -> int:
    _path(words[0]).unlink()
    return 0
