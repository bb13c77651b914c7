"""The cib level: save and load whole CIBs, and shadows: private copies to work on, compare and commit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hashell.errors import AlreadyExists, BadUsage, NotFound
from hashell.shell import shadow
from hashell.shell.grammar.words import Command, Danger, Level

if TYPE_CHECKING:
    from hashell.cib.document import Cib
    from hashell.client.api import ClusterClient
    from hashell.shell.session import Session

_HERE = "hashell.shell.crm.cib"

LEVEL = Level(
    "cib",
    "Shadow copies of the configuration: work on one, compare, commit.",
    commands=(
        Command("show", "[status]", "The CIB as XML; with status also what runs.", f"{_HERE}:show"),
        Command("save", "FILE", "Write the CIB as it is now to a file; - is standard output.", f"{_HERE}:save"),
        Command("list", "", "Shadow copies; the one in use has a star.", f"{_HERE}:list_shadows"),
        Command(
            "new",
            "[NEWSHADOW] {(withstatus|force|empty)}",
            "Make a copy of the CIB, or an empty one, and work on it.",
            f"{_HERE}:new",
        ),
        Command(
            "use",
            "[(live|SHADOW)] [withstatus]",
            "Work on a copy; without a name or with `live` on the cluster.",
            f"{_HERE}:use",
        ),
        Command("reset", "SHADOW", "Make a copy what the cluster is now.", f"{_HERE}:reset"),
        Command("delete", "SHADOW", "Delete a copy.", f"{_HERE}:delete"),
        Command("diff", "", "What the copy in use would change in the cluster.", f"{_HERE}:diff"),
        Command(
            "commit",
            "[SHADOW]",
            "Send a copy's configuration to the cluster.",
            f"{_HERE}:commit",
            danger=Danger.INTERRUPTS,
        ),
        Command(
            "conflicts",
            "[(list|show|apply|drop)] [TEXT] [xml]",
            "Changes that lost when partitions met: list them, see one, make it again, forget it.",
            "hashell.shell.crm.conflicts:conflicts",
            danger=Danger.CHANGES,
            example="conflicts\nconflicts show NAME\nconflicts apply NAME",
        ),
        Command(
            "import", "FILE [NEWSHADOW]", "Make a copy from a file: a CIB or a scheduler input.", f"{_HERE}:import_file"
        ),
    ),
)


def _refuse_staged(session: Session) -> None:
    if session.staged:
        raise BadUsage("edits are staged", "commit or refresh in configure first")


def _live(session: Session) -> ClusterClient:
    """The cluster behind the shadow in use. The caller closes it."""
    from hashell.client.choose import open_client

    return open_client(
        session.options.attach, session.options.cib_file, session.options.read_only,
        write=session.options.write or session.options.yes, ask=session.ask_leave if session.ask is not None else None,
    )


def _live_cib(session: Session) -> Cib:
    if not session.options.shadow:
        return session.client.cib()
    client = _live(session)
    try:
        return client.cib()
    finally:
        client.close()


def show(session: Session, words: list[str]) -> int:
    from hashell.commands.versions import configuration_only
    from hashell.shell.output import page

    cib = session.env().cib
    page(session, (cib if words else configuration_only(cib)).to_bytes(pretty=True).decode())
    return 0


def save(session: Session, words: list[str]) -> int:
    """The running cluster's whole CIB, as Pacemaker's tools read it."""
    from hashell.cib.files import save_cib

    cib = session.client.cib()
    if words[0] == "-":
        session.out(cib.to_bytes(pretty=True).decode())
    else:
        save_cib(Path(words[0]).expanduser(), cib)
    return 0


def list_shadows(session: Session, words: list[str]) -> int:
    for name in shadow.names():
        session.out(f"{'*' if session.interactive and name == session.options.shadow else ''}{name}\n")
    return 0


def write_shadow(name: str, cib: Cib) -> Path:
    """Keep a shadow under a name, over what was there."""
    from hashell.cib.files import save_cib

    path = shadow.path_of(name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    save_cib(path, cib)
    return path


def _free_name() -> str:
    taken = set(shadow.names())
    return next(name for number in range(1, len(taken) + 2) if (name := f"shadow{number}") not in taken)


def new(session: Session, words: list[str]) -> int:
    from hashell.cib.document import Cib
    from hashell.commands.versions import configuration_only

    _refuse_staged(session)
    switches = {word for word in words if word in ("withstatus", "force", "empty")}
    names = [word for word in words if word not in switches]
    name = names[0] if names else _free_name()
    if shadow.path_of(name).exists() and "force" not in switches and not session.options.force:
        raise AlreadyExists(f"a shadow CIB is called {name} already", "add force to write over it, or `cib reset` it")
    if "empty" in switches:
        cib = Cib.empty()
    else:
        cib = _live_cib(session)
        cib = cib if "withstatus" in switches else configuration_only(cib)
    write_shadow(name, cib)
    session.err(f"INFO: {name} shadow CIB created")
    return _change_to(session, name)


def use(session: Session, words: list[str]) -> int:
    _refuse_staged(session)
    names = [word for word in words if word != "withstatus"]
    return _change_to(session, names[0] if names and names[0] != "live" else "")


def _change_to(session: Session, name: str) -> int:
    """`name` empty is the cluster itself."""
    session.use_client(shadow.open_shadow(name, session.options.read_only) if name else _live(session))
    session.options.shadow = name
    return 0


def reset(session: Session, words: list[str]) -> int:
    from hashell.commands.versions import configuration_only

    _refuse_staged(session)
    if words[0] not in shadow.names():
        raise NotFound(f"no shadow CIB is called {words[0]}", "make one with `cib new`")
    write_shadow(words[0], configuration_only(_live_cib(session)))
    session.err(f"INFO: copied the cluster's CIB to {words[0]}")
    return 0


def delete(session: Session, words: list[str]) -> int:
    name = words[0]
    if name == session.options.shadow:
        raise BadUsage(f"{name} shadow CIB is in use", "`cib use` the live one first")
    try:
        shadow.path_of(name).unlink()
    except FileNotFoundError:
        raise NotFound(f"no shadow CIB is called {name}", "see `cib list`") from None
    session.err(f"INFO: {name} shadow CIB deleted")
    return 0


def diff(session: Session, words: list[str]) -> int:
    from hashell.shell.crm.configure_print import Printer, objects
    from hashell.shell.crm.history import difference
    from hashell.shell.output import page

    if not session.options.shadow:
        raise BadUsage("this is the live CIB", "`cib use` a shadow first")
    live, mine = _live_cib(session).root, session.env().root
    lines = difference(Printer(live).show(objects(live)), Printer(mine).show(objects(mine)))
    page(session, "".join(f"{line}\n" for line in lines))
    return 0


def commit(session: Session, words: list[str]) -> int:
    """The cluster's configuration becomes that of the copy, as one change; what runs is the cluster's to adapt."""
    from hashell.commands import versions
    from hashell.commands.env import Env

    _refuse_staged(session)
    name = words[0] if words else session.options.shadow
    if not name:
        raise BadUsage("this is the live CIB", "name a shadow to commit")
    mine = shadow.open_shadow(name, True).cib()
    client = _live(session)
    try:
        env = Env.open(client, force=session.options.force, command_line=session.command_line)
        versions.restore(env, mine)
        env.commit(f"from shadow {name}")
        if session.options.wait and client.kind != "file":
            client.wait_idle(session.options.wait_s)
    finally:
        client.close()
    session.err(f"INFO: committed '{name}' shadow CIB to the cluster")
    return 0


def import_file(session: Session, words: list[str]) -> int:
    from hashell.cib.files import load_cib

    _refuse_staged(session)
    path = Path(words[0]).expanduser()
    cib = load_cib(path)
    plain = path.name.removesuffix(".bz2").removesuffix(".xml")
    name = words[1] if len(words) > 1 else plain
    if shadow.path_of(name).exists() and not session.options.force:
        raise AlreadyExists(f"a shadow CIB is called {name} already", "give another name, or use --force")
    write_shadow(name, cib)
    session.err(f"INFO: {name} shadow CIB created")
    return _change_to(session, name)
