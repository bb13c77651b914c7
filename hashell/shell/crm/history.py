"""The history level: what happened, and which configurations there were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.errors import BadUsage, NotFound
from hashell.shell.crm.looking_back import lets_through, load_input, looking_at_report, recorded_lines
from hashell.shell.grammar.words import Command, Danger, Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hashell.cib.document import Cib
    from hashell.commands.env import Env
    from hashell.shell.session import Session
    from hashell.wire.messages import EventInfo, HistoryRow

_HERE = "hashell.shell.crm.history"
#: Events and versions that are asked for; more than a node keeps.
EVENTS_MAX = 2000
VERSIONS_MAX = 1000
#: Rows that are shown when nobody says how many.
SHOWN = 20



def _back(
    name: str, usage: str, help: str, danger: Danger = Danger.READS, aliases: tuple[str, ...] = (), example: str = "",
    function: str = "",
) -> Command:
    where = f"hashell.shell.crm.looking_back:{function or name}"
    return Command(name, usage, help, where, aliases=aliases, danger=danger, example=example)


LEVEL = Level(
    "history",
    "What happened: events, versions of the configuration.",
    commands=(
        Command(
            "log",
            "[(COUNT|NODE)] {NODE}",
            "Versions of the configuration: who changed it, when, with which command; with nodes their events.",
            f"{_HERE}:log",
            aliases=("versions", "list"),
        ),
        _back("source", "[(live|FILE)]", "What is looked at: the cluster itself, or a report."),
        _back("limit", "[TEXT] [TEXT]", "Look only at a time: limit FROM [TO]; alone at all that is kept.",
              aliases=("timeframe",), example="limit 14:00 15:30\nlimit 2h"),
        _back("detail", "COUNT", "How much is shown: 0 what changed, 1 everything."),
        _back("setnodes", "{NODE}", "Look only at these nodes; alone at all."),
        _back("exclude", "[(clear|TEXT)]", "Leave out what fits a regular expression; clear takes them all back."),
        _back("refresh", "[force]", "Read the records again."),
        _back("info", "", "What is looked at, and what is kept."),
        _back("latest", "", "What was told since the last transition began."),
        _back("peinputs", "{(v|TEXT)}", "Scheduler inputs that are kept, by number or range: peinputs 5:9 v."),
        _back("transition", "[(save|log|showdot|tags)] {(nograph|scores|actions|utilization|TEXT)}",
              "What is decided on a scheduler input; save makes a shadow CIB of it.", danger=Danger.READS,
              example="transition\ntransition 42 scores\ntransition save 42 before"),
        _back("session", "[(list|save|load|update|delete|pack)] [TEXT]", "Keep what is looked at under a name.",
              function="session_command"),
        _back("graph", "TEXT [dot] [FILE]", "Orders and colocations of a version or input.", function="graph"),
        Command("events", "[COUNT]", "The last events of this cluster.", f"{_HERE}:events"),
        Command("resource", "RESOURCE...", "Events of resources.", f"{_HERE}:about"),
        Command("node", "NODE...", "Events of nodes.", f"{_HERE}:about"),
        Command("transitions", "[COUNT]", "What the cluster decided, and how it ended.", f"{_HERE}:transitions"),
        Command("show", "VERSION [status]", "A version of the configuration; with status what ran then.",
                f"{_HERE}:show"),
        Command("diff", "VERSION [VERSION]", "What changed between two versions, or from one to now.", f"{_HERE}:diff",
                aliases=("wdiff",)),
        Command(
            "undo",
            "[VERSION]",
            "Take a change back: the last one, or that which made a version.",
            f"{_HERE}:undo",
            danger=Danger.INTERRUPTS,
        ),
        Command(
            "restore", "VERSION", "Make the configuration what it was.", f"{_HERE}:restore", danger=Danger.INTERRUPTS
        ),
    ),
)


def version_time(seconds: float) -> str:
    from datetime import datetime

    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


#: Under which names the daemons of hashell and of Pacemaker note what they change by themselves.
DAEMON_USERS = frozenset({"hashelld", "hacluster"})


def _count(words: list[str], default: int = SHOWN) -> int:
    if not words:
        return default
    if not words[0].isdigit() or not int(words[0]):
        raise BadUsage(f"{words[0]!r} is no count", "give a number")
    return int(words[0])


def event_line(event: EventInfo) -> str:
    """One event for people: time, node, text."""
    level = "" if event.level in ("info", "debug", "notice") else f"{event.level.upper()}: "
    return f"{version_time(event.when_s)} {event.node}: {level}{event.text}"


def _page(session: Session, lines: Iterable[str]) -> int:
    from hashell.shell.output import page

    page(session, "".join(f"{line}\n" for line in lines))
    return 0


def events(session: Session, words: list[str]) -> int:
    lines = recorded_lines(session)
    if lines is None:
        found = [one for one in session.client.events(EVENTS_MAX) if lets_through(session, one)]
        if not found and session.client.kind == "file":
            session.err("INFO: a file has no events")
        lines = [event_line(one) for one in found]
    return _page(session, lines[-_count(words):])


def about(session: Session, words: list[str]) -> int:
    """The events that concern one of the names."""
    names = set(words)
    lines = recorded_lines(session, words)
    if lines is None:
        found = [one for one in session.client.events(EVENTS_MAX) if lets_through(session, one)]
        lines = [event_line(one) for one in found if names & {*one.about, one.node}]
    return _page(session, lines)


def transitions(session: Session, words: list[str]) -> int:
    found = [one for one in session.client.events(EVENTS_MAX) if one.kind.startswith("transition")]
    return _page(session, [event_line(one) for one in found[-_count(words):]])


def log(session: Session, words: list[str]) -> int:
    """Newest first; with names of nodes what was told of these, as crmsh's word means it."""
    if words and not words[0].isdigit():
        from hashell.commands.env import need_node

        for name in words:
            need_node(session.env(), name)
        return about(session, words)
    return _page(session, _version_lines(session.client.history(_count(words))))


def _version_lines(rows: Iterable[HistoryRow]) -> Iterator[str]:
    rows = list(rows)
    width = max((len(row.version) for row in rows), default=0)
    for row in rows:
        who = "@".join(filter(None, (row.user, row.node)))
        said = row.command or row.message
        more = f"  ({row.message})" if row.command and row.message else ""
        yield f"{row.version:{width}}  {version_time(row.when_s)}  {who}  {said}{more}".rstrip()


def _rows(session: Session) -> tuple[HistoryRow, ...]:
    return session.client.history(VERSIONS_MAX)


def kept_version(session: Session, text: str) -> Cib:
    """A kept version, `live` or counted from the end (-1); an epoch alone is enough when only one version has it."""
    if "pe-" in text or "/" in text or looking_at_report(session):
        return load_input(session, text)
    if text == "live":
        return session.client.cib()
    rows = _rows(session)
    names = [row.version for row in rows]
    if text.startswith("-") and text[1:].isdigit() and 0 < int(text[1:]) <= len(names):
        text = names[int(text[1:]) - 1]
    if text in names:
        return session.client.version(text)
    close = [name for name in names if text.isdigit() and name.split(".")[1] == text]
    if len(close) != 1:
        raise NotFound(f"no version {text} of the configuration is kept", "see `history log`")
    return session.client.version(close[0])


def _as_text(cib: Cib) -> str:
    from hashell.shell.crm.configure_print import Printer, objects

    return Printer(cib.root).show(objects(cib.root))


def show(session: Session, words: list[str]) -> int:
    from hashell.shell.crm.configure_print import Printer, objects
    from hashell.shell.output import page, painter

    cib = kept_version(session, words[0])
    if words[1:] == ["status"]:
        from hashell.shell.crm.status import resource_lines

        if cib.root.find("status/node_state") is None:
            raise NotFound(
                f"version {words[0]} is kept without a status",
                "a scheduler input has one: `history show pe-input-N status`",
            )
        return _page(session, resource_lines(session.client, cib))
    root = cib.root
    page(session, Printer(root, painter(session)).show(objects(root)))
    return 0


def difference(before: str, after: str) -> list[str]:
    """Lines that went, marked -, and lines that came, marked +, with a little of what stands around them."""
    import difflib

    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    return [line for line in lines if not line.startswith(("+++", "---"))]


def diff(session: Session, words: list[str]) -> int:
    before = kept_version(session, words[0])
    after = kept_version(session, words[1]) if len(words) > 1 else session.client.cib()
    return _page(session, difference(_as_text(before), _as_text(after)))


def _refuse_staged(session: Session) -> None:
    if session.staged:
        raise BadUsage("edits are staged", "commit or refresh in configure first")


def undo(session: Session, words: list[str]) -> int:
    """The change before the version is told, then taken back."""
    from hashell.commands import versions

    _refuse_staged(session)
    rows = _rows(session)
    if not rows:
        raise NotFound("no version of the configuration is kept", "there is nothing to take back")
    wanted = str(kept_version(session, words[0]).version) if words else _newest_by_people(rows)
    place = next((place for place, row in enumerate(rows) if row.version == wanted), 0)
    if place + 1 >= len(rows):
        raise NotFound(
            f"what came before version {wanted} is not kept", "it is the oldest; there is nothing to go back to"
        )
    before, after = session.client.version(rows[place + 1].version), session.client.version(wanted)
    env = session.env()
    versions.undo(env, before, after)
    return _carry_out(session, env, f"undo of {wanted}", f"Take back {rows[place].command or wanted}?")


def _newest_by_people(rows: tuple[HistoryRow, ...]) -> str:
    """The newest change that somebody made; what the cluster notes by itself is not for people to take back."""
    made = [row.version for row in rows if row.user not in DAEMON_USERS]
    if not made:
        raise NotFound("nobody has changed the configuration", "name the version whose change is meant")
    return made[0]


def restore(session: Session, words: list[str]) -> int:
    from hashell.commands import versions

    _refuse_staged(session)
    found = kept_version(session, words[0])
    env = session.env()
    versions.restore(env, found)
    return _carry_out(session, env, f"restore of {found.version}", f"Go back to version {found.version}?")


def _carry_out(session: Session, env: Env, message: str, question: str) -> int:
    """Show what will change, ask a person, commit."""
    from hashell.errors import Refused

    if not env.changed:
        session.err("INFO: that changes nothing")
        return 0
    _page(session, difference(_as_text(env.base), _as_text(env.cib)))
    if session.ask is not None and not session.confirm(question):
        raise Refused("nothing was changed", "confirm, or use --force")
    env.settle()
    version = env.commit(message)
    if session.interactive:
        session.err(f"INFO: {message} committed as {version}")
    session.wait_if_asked()
    return 0
