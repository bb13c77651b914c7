"""The cib level: shadow copies of the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.errors import AlreadyExists, BadUsage, NotFound
from hashell.shell import shadow
from hashell.shell.grammar.words import Command, Danger, Level

if TYPE_CHECKING:
    from hashell.client.api import ClusterClient
    from hashell.shell.session import Session

_HERE = "hashell.shell.crm.cib"

LEVEL = Level(
    "cib", "Shadow copies of the configuration: work on one, compare, commit.",
    commands=(
        Command("new", "[SHADOW] {(withstatus|force|empty)}", "Make a shadow, and work on it.", f"{_HERE}:new"),
        Command("use", "[SHADOW] [withstatus]", "Work on a shadow; without a name, or with live, on the cluster.", f"{_HERE}:use"),
        Command("list", "", "The shadows that there are.", f"{_HERE}:list_all"),
        Command("diff", "", "How the shadow differs from the cluster.", f"{_HERE}:diff"),
        Command("commit", "[SHADOW]", "Send a shadow to the cluster.", f"{_HERE}:commit", danger=Danger.INTERRUPTS),
        Command("reset", "SHADOW", "Copy the cluster's configuration to a shadow again.", f"{_HERE}:reset"),
        Command("delete", "SHADOW", "Delete a shadow.", f"{_HERE}:delete"),
        Command("save", "FILE", "Write the whole CIB to a file.", f"{_HERE}:save"),
        Command("import", "FILE [SHADOW]", "Make a shadow of a file.", f"{_HERE}:import_file"),
    ),
    levels=("configure",),
)


def _live(session: Session) -> ClusterClient:
    """The cluster behind the shadows."""
    from hashell.client.choose import open_client

    return open_client(session.options.attach, session.options.cib_file, session.options.read_only)


def _switch(session: Session, name: str) -> None:
    session.options.shadow = name
    session.close()


def new(session: Session, words: list[str]) -> int:
    from hashell.cib.document import Cib
    from hashell.cib.files import save_cib

    flags = {word for word in words if word in ("withstatus", "force", "empty")}
    names = [word for word in words if word not in flags]
    name = names[0] if names else (session.options.shadow or "shadow")
    path = shadow.path_of(name)
    if path.exists() and "force" not in flags and not session.options.force:
        raise AlreadyExists(f"there is a shadow CIB {name}", "say force, or choose another name")
    cib = Cib.empty() if "empty" in flags else _live(session).cib()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    save_cib(path, cib)
    _switch(session, name)
    session.err(f"INFO: {name} shadow CIB created")
    return 0


def use(session: Session, words: list[str]) -> int:
    name = words[0] if words and words[0] != "withstatus" else "live"
    if name != "live" and not shadow.path_of(name).is_file():
        raise NotFound(f"no shadow CIB is called {name}", "there are " + ", ".join(shadow.names()))
    _switch(session, "" if name == "live" else name)
    return 0


def list_all(session: Session, words: list[str]) -> int:
    session.out("".join(f"{name}\n" for name in shadow.names()))
    return 0


def _named(session: Session, words: list[str]) -> str:
    name = words[0] if words else session.options.shadow
    if not name:
        raise BadUsage("which shadow is meant?", "name one, or `cib use` one first")
    return name


def diff(session: Session, words: list[str]) -> int:
    import difflib

    from hashell.shell.crm.configure_print import Printer, objects

    name = _named(session, words)
    mine = shadow.open_shadow(name, True).cib()
    theirs = _live(session).cib()
    before = Printer(theirs.root).show(objects(theirs.root)).splitlines()
    after = Printer(mine.root).show(objects(mine.root)).splitlines()
    session.out("".join(f"{line}\n" for line in difflib.unified_diff(before, after, "live", name, lineterm="")))
    return 0


def commit(session: Session, words: list[str]) -> int:
    """The configuration alone; the status is the cluster's."""
    import copy

    from hashell.commands.env import Env

    name = _named(session, words)
    mine = shadow.open_shadow(name, True).cib().configuration
    env = Env.open(_live(session), force=session.options.force, command_line=session.line)
    assert mine is not None
    env.root.replace(env.configuration(), copy.deepcopy(mine))
    env.commit(f"shadow {name}")
    env.client.close()
    session.err(f"INFO: committed '{name}' shadow CIB to the cluster")
    return 0


def reset(session: Session, words: list[str]) -> int:
    from hashell.cib.files import save_cib

    if not shadow.path_of(words[0]).is_file():
        raise NotFound(f"no shadow CIB is called {words[0]}", "see cib list")
    save_cib(shadow.path_of(words[0]), _live(session).cib())
    return 0


def delete(session: Session, words: list[str]) -> int:
    path = shadow.path_of(words[0])
    if not path.is_file():
        raise NotFound(f"no shadow CIB is called {words[0]}", "see cib list")
    if session.options.shadow == words[0]:
        raise BadUsage(f"{words[0]} is in use", "cib use live first")
    path.unlink()
    session.err(f"INFO: {words[0]} shadow CIB deleted")
    return 0


def save(session: Session, words: list[str]) -> int:
    from hashell.cib.files import save_cib

    save_cib(words[0], session.client.cib())
    return 0


def import_file(session: Session, words: list[str]) -> int:
    from pathlib import Path

    from hashell.cib.files import load_cib, save_cib

    name = words[1] if len(words) > 1 else Path(words[0]).stem
    path = shadow.path_of(name)
    if path.exists() and not session.options.force:
        raise AlreadyExists(f"there is a shadow CIB {name}", "choose another name, or force it")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    save_cib(path, load_cib(Path(words[0])))
    _switch(session, name)
    return 0
