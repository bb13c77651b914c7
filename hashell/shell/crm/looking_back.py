"""What the history level looks at: a source, a time, some nodes; scheduler inputs, and what was decided on them.

The view is one of a session: a script or a person at the prompt sets it once; `session save` keeps it under a name.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hashell.errors import BadInput, BadUsage, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hashell.cib.document import Cib
    from hashell.commands.env import Env
    from hashell.commands.inputs import Records
    from hashell.shell.session import Session
    from hashell.wire.messages import EventInfo

#: Inputs that are listed when nobody says which.
SHOWN = 20
_SESSION = re.compile(r"\w[\w.-]*")


class View(msgspec.Struct):
    """`source` empty is the cluster itself; times are seconds, 0 for no bound."""

    source: str = ""
    from_s: float = 0.0
    to_s: float = 0.0
    nodes: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    detail: int = 1


_KEPT: dict[int, tuple[object, View]] = {}


def view(session: Session) -> View:
    """The session's view; one session at a time, as a program has one."""
    kept = _KEPT.get(id(session))
    if kept is None or kept[0] is not session:
        _KEPT.clear()
        kept = _KEPT[id(session)] = (session, View(source=session.options.history))
    return kept[1]


def lets_through(session: Session, event: EventInfo) -> bool:
    """Whether the view shows an event."""
    mine = view(session)
    return (
        event.when_s >= mine.from_s
        and (not mine.to_s or event.when_s <= mine.to_s)
        and (not mine.nodes or event.node in mine.nodes)
        and (mine.detail > 0 or event.level not in ("info", "debug"))
        and not any(re.search(one, event.text) for one in mine.exclude)
    )


def _line_passes(mine: View, line: str) -> bool:
    return not any(re.search(one, line) for one in mine.exclude) and (
        not mine.nodes or any(node in line for node in mine.nodes)
    )


def recorded_lines(session: Session, about: Iterable[str] = ()) -> list[str] | None:
    """The lines of the report that the view looks at, None where it looks at the cluster itself."""
    mine = view(session)
    if not mine.source:
        return None
    names = set(about)
    return [
        line for line in records(session).log_lines()
        if _line_passes(mine, line) and (not names or any(re.search(rf"\b{re.escape(name)}\b", line) for name in names))
    ]


def looking_at_report(session: Session) -> bool:
    """Whether versions are those of a report: its scheduler inputs."""
    return bool(view(session).source)


def records(session: Session) -> Records:
    from hashell.commands.inputs import Records

    source = view(session).source
    if source:
        return Records(source)
    client = session.client
    if client.kind == "file" and getattr(client, "_archive", False):
        return Records(client.where)
    return Records("", client.kind, _state_folders(session) if client.kind == "hashelld" else ())


def _state_folders(session: Session) -> tuple[Path, ...]:
    """Where the daemons of this cluster on this machine keep their state, if they were told where."""
    from hashell.commands.running import state_folders

    return state_folders([session.client.where, *session.client.info().socket_paths])


# --- what is looked at ------------------------------------------------------------------------------------


def source(session: Session, words: list[str]) -> int:
    from hashell.commands.inputs import Records

    mine = view(session)
    if words:
        wanted = "" if words[0] == "live" else str(Path(words[0]).expanduser())
        if wanted:
            Records(wanted)
        mine.source = wanted
    session.out(f"source: {mine.source or 'live'}\n")
    return 0


def limit(session: Session, words: list[str]) -> int:
    """Without a time there is no bound any more."""
    from hashell.shell.crm.report import when

    mine, now_s = view(session), time.time()
    begin, end = (when(words[0], now_s) if words else 0.0), (when(words[1], now_s) if len(words) > 1 else 0.0)
    if end and begin >= end:
        raise BadUsage("the time ends before it begins", "limit FROM TO")
    mine.from_s, mine.to_s = begin, end
    session.out(f"period: {_period(mine)}\n")
    return 0


def _period(mine: View) -> str:
    from hashell.shell.crm.history import version_time

    if not mine.from_s and not mine.to_s:
        return "all that is kept"
    return f"{version_time(mine.from_s) if mine.from_s else '…'} - {version_time(mine.to_s) if mine.to_s else 'now'}"


def detail(session: Session, words: list[str]) -> int:
    if words[0] not in ("0", "1", "2"):
        raise BadUsage(f"{words[0]!r} is no level of detail", "0 (what changed), 1 or 2 (everything)")
    view(session).detail = int(words[0])
    return 0


def setnodes(session: Session, words: list[str]) -> int:
    view(session).nodes = tuple(words)
    session.out(f"nodes: {' '.join(words) or 'all'}\n")
    return 0


def exclude(session: Session, words: list[str]) -> int:
    mine = view(session)
    if words == ["clear"]:
        mine.exclude = ()
    elif words:
        try:
            re.compile(words[0])
        except re.error as error:
            raise BadInput(f"{words[0]!r} is no regular expression: {error}", "see `help exclude`") from None
        mine.exclude = (*mine.exclude, words[0])
    session.out("".join(f"{one}\n" for one in mine.exclude))
    return 0


def refresh(session: Session, words: list[str]) -> int:
    session.err("INFO: the records are read anew by each command: nothing is out of date")
    return 0


def info(session: Session, words: list[str]) -> int:
    mine = view(session)
    kept = records(session).inputs()
    names = [one.name for one in session.client.info().members] if not mine.source else list(mine.nodes)
    session.out(f"Source: {mine.source or 'live'} ({session.client.where})\nPeriod: {_period(mine)}\n")
    session.out(f"Nodes: {' '.join(mine.nodes or names) or 'not told'}\n")
    session.out(f"Scheduler inputs: {len(kept)}" + (f" ({kept[0].name} … {kept[-1].name})\n" if kept else "\n"))
    if mine.exclude:
        session.out("Left out: " + ", ".join(mine.exclude) + "\n")
    return 0


# --- inputs, and what was decided -------------------------------------------------------------------------


def peinputs(session: Session, words: list[str]) -> int:
    """All in the period, or numbers and ranges of numbers; with `v` also when."""
    from hashell.shell.crm.history import version_time

    mine = view(session)
    found = [
        one for one in records(session).inputs()
        if one.when_s >= mine.from_s and (not mine.to_s or one.when_s <= mine.to_s)
    ]
    wanted = [word for word in words if word != "v"]
    for word in wanted:
        if not re.fullmatch(r"\d+(:\d+)?", word):
            raise BadUsage(f"{word!r} is neither a number nor a range", "peinputs 5, or peinputs 5:9")
    if wanted:
        spans = [tuple(map(int, (*word.split(":"), word.split(":")[-1])[:2])) for word in wanted]
        found = [one for one in found if any(low <= one.number <= high for low, high in spans)]
    for one in found if wanted else found[-SHOWN:]:
        session.out(f"{version_time(one.when_s)}  {one.place}\n" if "v" in words else f"{one.place}\n")
    if not found:
        session.err("INFO: no scheduler inputs here" + ("" if wanted else "; the node that was DC keeps them"))
    return 0


def load_input(session: Session, text: str) -> Cib:
    """An input by number, name or file. Raises NotFound."""
    from hashell.cib.files import load_cib

    if "/" in text and Path(text).is_file():
        return load_cib(text)
    kept = records(session)
    return kept.load(kept.find(text))


def transition(session: Session, words: list[str]) -> int:
    """What is decided on an input, the last one unless said otherwise; `save` makes a shadow of it, `log` tells of it,
    `showdot` draws it."""
    from hashell.commands.env import Env
    from hashell.shell.crm.configure_look import show_decision

    options = ("nograph", "scores", "actions", "utilization")
    verb = words[0] if words and words[0] in ("save", "log", "showdot", "tags") else ""
    rest = words[1:] if verb else words
    names = [word for word in rest if word not in options and not re.fullmatch("v+", word)]
    if verb == "save":
        return _save(session, names)
    if verb == "log":
        return _log(session, names)
    if len(names) > 1:
        raise BadUsage(f"transition: {names[1]!r} does not fit here", "transition [NUMBER|FILE] [scores] [actions]")
    cib = load_input(session, names[0] if names else "-1")
    env = Env(session.client, cib, cib.copy_root())
    if verb == "showdot":
        return _dot(session, env)
    if verb == "tags":
        return _tags(session, env)
    return show_decision(session, env, [word for word in rest if word in options])


def _tags(session: Session, env: Env) -> int:
    """The resources and nodes that what was decided is about, in one line."""
    from hashell.commands.preview import preview

    actions = [one.action for one in preview(env).graph.synapses]
    resources = {one.primitive.id for one in actions if one.primitive is not None}
    session.out(" ".join([*sorted(resources), *sorted({one.node for one in actions if one.node})]) + "\n")
    return 0


def _dot(session: Session, env: Env) -> int:
    from hashell.commands.preview import preview
    from hashell.shell.output import page

    graph = preview(env).graph
    lines = ["digraph transition {"]
    names = {}
    for one in graph.synapses:
        resource = f"{one.action.primitive.id}_" if one.action.primitive is not None else ""
        names[one.action.id] = f"{resource}{one.action.task} {one.action.node}".strip()
    for one in graph.synapses:
        lines.append(f'\t"{names[one.action.id]}";')
        lines += [f'\t"{names[before]}" -> "{names[one.action.id]}";' for before in one.inputs if before in names]
    page(session, "\n".join([*lines, "}"]) + "\n")
    return 0


def _save(session: Session, names: list[str]) -> int:
    """[NUMBER] NAME: to try out what else would have been decided."""
    from hashell.shell.crm.cib import write_shadow

    if not 1 <= len(names) <= 2:
        raise BadUsage("transition save: a name is missing", "transition save [NUMBER] NAME")
    write_shadow(names[-1], load_input(session, names[0] if len(names) == 2 else "-1"))
    session.err(f"INFO: `cib use {names[-1]}` works on it")
    return 0


def _log(session: Session, names: list[str]) -> int:
    """Events from the input before to this one's successor."""
    from hashell.shell.crm.history import EVENTS_MAX, event_line

    found = records(session).inputs()
    one = records(session).find(names[0] if names else "-1")
    later = [other.when_s for other in found if other.when_s > one.when_s]
    end = min(later, default=time.time())
    lines = [event_line(event) for event in session.client.events(EVENTS_MAX) if one.when_s - 1 <= event.when_s <= end]
    session.out("".join(f"{line}\n" for line in lines))
    return 0


def latest(session: Session, words: list[str]) -> int:
    """What was told since the last transition began."""
    from hashell.shell.crm.history import EVENTS_MAX, event_line

    lines = recorded_lines(session)
    if lines is not None:
        session.out("".join(f"{line}\n" for line in lines[-SHOWN:]))
        return 0
    events = [one for one in session.client.events(EVENTS_MAX) if lets_through(session, one)]
    begun = [place for place, one in enumerate(events) if one.kind.startswith("transition")]
    session.out("".join(f"{event_line(one)}\n" for one in events[begun[-1] if begun else -SHOWN :]))
    return 0


def graph(session: Session, words: list[str]) -> int:
    """Of a version or an input: as lines, or in the dot language."""
    from hashell.cib.files import write_whole
    from hashell.commands.env import Env
    from hashell.shell.crm.configure_look import dot_of, graph_lines
    from hashell.shell.crm.history import kept_version

    cib = kept_version(session, words[0])
    env = Env(session.client, cib, cib.copy_root())
    text = dot_of(env) if "dot" in words[1:2] else "".join(f"{line}\n" for line in graph_lines(env))
    if len(words) > 2:
        write_whole(session.target(words[2]), text.encode(), 0o644)
    else:
        session.out(text)
    return 0


# --- sessions ---------------------------------------------------------------------------------------------


def _folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_state_dir("hashell")) / "history-sessions"


def _session_path(name: str, *, exists: bool) -> Path:
    if not _SESSION.fullmatch(name):
        raise BadUsage(f"{name!r} cannot be the name of a session", "use letters, digits, dots, _ and -")
    path = _folder() / f"{name}.json"
    if exists and not path.is_file():
        raise NotFound(f"no session is called {name}", "see `history session list`")
    return path


def session_command(session: Session, words: list[str]) -> int:
    from hashell.cib.files import write_whole

    verb, name = (words[0] if words else "list"), (words[1] if len(words) > 1 else "")
    if verb == "list":
        names = sorted(path.stem for path in _folder().glob("*.json")) if _folder().is_dir() else []
        session.out("".join(f"{one}\n" for one in names))
        return 0
    if verb == "pack":
        from hashell.shell.crm.report import report

        return report(session, [f"{name}.tar.gz"] if name else [])
    if not name:
        raise BadUsage(f"session {verb}: a name is missing", f"session {verb} NAME")
    if verb in ("save", "update"):
        path = _session_path(name, exists=verb == "update")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, msgspec.json.encode(view(session)), 0o600)
    elif verb == "load":
        path = _session_path(name, exists=True)
        try:
            _KEPT[id(session)] = (session, msgspec.json.decode(path.read_bytes(), type=View))
        except msgspec.DecodeError as error:
            raise BadInput(f"{path} is damaged: {error}", "`history session delete` it") from None
    else:
        _session_path(name, exists=True).unlink()
    return 0
