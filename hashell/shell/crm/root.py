"""The top level, the levels below it, and the words that work everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.errors import BadUsage, NotFound, Refused
from hashell.shell.grammar.words import Command, Danger, Level, LevelName

if TYPE_CHECKING:
    from hashell.shell.session import Session

_HERE = "hashell.shell.crm.root"
#: Names of commands in a hint.
NAMES_SHOWN = 12
_STATUS = "full|bynode|inactive|ops|timing|failcounts|verbose|quiet|html|xml|json|simple|tickets|noheaders|detail|brief"

ROOT = Level(
    "root", "The crm language. A level's command can be given from here: resource stop A.",
    commands=(
        Command("status", "{(" + _STATUS + ")}", "What the cluster does now.", "hashell.shell.crm.status:status"),
        Command("verify", "[scores]", "Check configuration and status.", "hashell.shell.crm.status:verify"),
        Command(
            "explain", "RESOURCE [NODE]", "Why a resource is where it is, or not there; why it is stopped.",
            "hashell.shell.crm.explain:explain", example="explain web\nexplain web node2",
        ),
        Command(
            "conflicts", "[RESOURCE]", "Constraints that keep a resource from running.",
            "hashell.shell.crm.explain:conflicts",
        ),
        Command("events", "[COUNT]", "The last events of this cluster.", "hashell.shell.crm.history:events"),
        Command(
            "doctor", "[(node|cluster|--paths)]",
            "What is wrong with this node and this cluster, and the way out; exit code 1 where service is at risk.",
            "hashell.shell.crm.doctor:doctor", example="doctor\ndoctor cluster\ndoctor --paths",
        ),
        Command(
            "import", "[(settings|corosync|crm|left)] (FILE|NODEADDRESS=VALUE)...",
            "Files of corosync 1 and 2, CMAN or Heartbeat, translated; what has no equivalent is listed.",
            "hashell.shell.crm.importing:import_files",
            example="import /etc/cluster/cluster.conf\nimport corosync old.conf node1=10.0.0.1 node2=10.0.0.2\n"
            "import crm ha.cf haresources",
        ),
        Command(
            "report", "{(-f TEXT|--from TEXT|-t TEXT|--to TEXT|-n NODE|--node NODE)} [FILE]",
            "A support archive: configuration, events, logs and findings, without secrets.",
            "hashell.shell.crm.report:report", example='report\nreport -f "2026-11-22 14:00" -t 15:30 trouble.tar.gz',
        ),
        Command("monitor", "", "The full-screen monitor; back here when it ends.", f"{_HERE}:monitor"),
    ),
    levels=("cib", "cibstatus", "cluster", "configure", "corosync", "history", "maintenance", "node", "options",
            "quorum", "ra", "resource", "script", "site"),
)


LEVELS = {
    one.name: one
    for one in (
        LevelName("cib", "Shadow copies of the configuration: work on one, compare, commit."),
        LevelName("cibstatus", "A status that is made up: what would the cluster do if …"),
        LevelName("cluster", "The cluster as a whole: its nodes, health, starting and stopping."),
        LevelName("configure", "The cluster's configuration. Edits are staged; commit sends them.", ("cfg",)),
        LevelName("corosync", "corosync.conf and corosync itself, for clusters that run on it."),
        LevelName("history", "What happened: events, versions of the configuration."),
        LevelName("maintenance", "Maintenance mode."),
        LevelName("node", "Nodes: standby, maintenance, attributes, fencing."),
        LevelName("options", "Your own settings."),
        LevelName("quorum", "Votes, and why there are enough of them or not."),
        LevelName("ra", "Agents: list and describe them."),
        LevelName("resource", "Resources: start, stop, move, clean up."),
        LevelName("script", "Wizards: services that are often wanted, from a few values."),
        LevelName("assist", "Edits that take several commands by hand; staged like those of configure."),
        LevelName("template", "Configurations to fill in, kept as files of your own."),
        LevelName("site", "Tickets of sites."),
    )
}


def level_named(name: str) -> LevelName:
    """A level by its full name."""
    return LEVELS[name]


class _BuiltIn:
    """The words that every level has."""

    commands = (
        Command("help", "{TOPIC}", "What a command or level does.", f"{_HERE}:show_help",
                aliases=("?", "-h", "--help")),
        Command("ls", "", "The commands and levels here.", f"{_HERE}:list_here"),
        Command("cd", "[LEVEL]", "Go to a level: cd resource, cd .., cd ../node.", f"{_HERE}:change_level"),
        Command("up", "", "Go up one level.", f"{_HERE}:go_up", aliases=("end", "back")),
        Command("quit", "", "Leave the shell.", f"{_HERE}:leave", aliases=("bye", "exit")),
    )
    names = frozenset(name for command in commands for name in command.names)

    def find(self, word: str) -> Command | None:
        """By name, or by a unique prefix of at least two letters."""
        word = word.lower()
        for command in self.commands:
            if word in command.names:
                return command
        close = [command for command in self.commands if len(word) > 1 and command.name.startswith(word)]
        return close[0] if len(close) == 1 else None


BUILT_IN = _BuiltIn()


def names_at(level: Level) -> list[str]:
    """All words that begin a line at a level."""
    names = [name for command in level.commands for name in command.names]
    pcs = ["pcs"] if level is ROOT else []
    return sorted({*names, *level.levels, *(command.name for command in BUILT_IN.commands), *pcs})


def hint_for(word: str, level: Level) -> str:
    """The way out for who typed a word that no command has here: a like name, where it is one, or what there is."""
    import difflib

    from hashell.shell.pcs.root import NOUNS

    names = names_at(level)
    close = difflib.get_close_matches(word, names, 1)
    if close:
        return f"did you mean {close[0]}?"
    lower = word.lower()
    places = [
        one.name for one in LEVELS.values()
        if one.name != level.name and any(lower in command.names for command in one.load().commands)
    ]
    if level is not ROOT and any(lower in command.names for command in ROOT.commands):
        return "it is a command of the top: `cd /` leads there"
    if places and len(word) > 1:
        said = " or ".join(f"`{place} {lower}`" for place in places[:3])
        return f"say {said}"
    if lower in NOUNS:
        return f"say `pcs {lower} …`"
    shown = [name for name in names if name.isalpha()]
    rest = f" and {len(shown) - NAMES_SHOWN} more" if len(shown) > NAMES_SHOWN else ""
    return f"expected one of {', '.join(shown[:NAMES_SHOWN])}{rest}; see `help`"


def show_help(session: Session, words: list[str]) -> int:
    from hashell.shell.grammar.help import command_help, level_help
    from hashell.shell.grammar.match import find

    level = session.level
    for place, word in enumerate(words):
        choices: list[Command | LevelName] = [*level.commands, *(level_named(name) for name in level.levels)]
        found, _ = find(word, choices)
        if found is None and place == 0:
            found, _ = find(word, [*ROOT.commands, *(level_named(name) for name in ROOT.levels), *BUILT_IN.commands])
        if found is None:
            raise NotFound(f"nothing is called {word} here", "see `help`, `ls`")
        if isinstance(found, Command):
            session.out(command_help(found))
            return 0
        level = found.load()
    session.out(level_help(level, tuple(level_named(name) for name in level.levels)))
    return 0


def list_here(session: Session, words: list[str]) -> int:
    session.out("  ".join(names_at(session.level)) + "\n")
    return 0


def change_level(session: Session, words: list[str]) -> int:
    from hashell.shell.grammar.match import find

    path = list(session.path)
    for part in (words[0] if words else "..").split("/"):
        level = path[-1] if path else ROOT
        if part == "..":
            if path:
                path.pop()
        elif part not in ("", "."):
            found, _ = find(part, [level_named(name) for name in level.levels])
            if found is None:
                found, _ = find(part, [level_named(name) for name in ROOT.levels])
                path = []
            if not isinstance(found, LevelName):
                raise NotFound(f"no level is called {part}", "levels: " + ", ".join(ROOT.levels))
            path.append(found.load())
        elif part == "":
            path = []
    _leaving_configure(session, path)
    session.path[:] = path
    return 0


def go_up(session: Session, words: list[str]) -> int:
    if not session.path:
        raise BadUsage("up: this is the top", "quit leaves the shell")
    path = session.path[:-1]
    _leaving_configure(session, path)
    session.path[:] = path
    return 0


def leave(session: Session, words: list[str]) -> int:
    _leaving_configure(session, [])
    session.ended = True
    session.path.clear()
    return 0


def _leaving_configure(session: Session, path: list[Level]) -> None:
    """Staged edits are committed when configure is left; a person is asked first."""
    inside = any(level.name == "configure" for level in session.path)
    if not session.staged or not inside or any(level.name == "configure" for level in path):
        return
    from hashell.shell.crm.configure_stage import commit_staged

    question = "There are changes pending. Do you want to commit them?"
    if session.choose is not None and not (session.options.force or session.options.yes):
        answer = session.choose(question, ("commit", "drop", "stay"))
    else:
        answer = "commit" if not session.interactive or session.confirm(question) else "drop"
    if answer == "stay":
        raise Refused("still in configure", "commit or refresh, then leave")
    if answer == "commit":
        commit_staged(session)
    else:
        session.drop_staged()
        session.err("INFO: changes dropped")


def monitor(session: Session, words: list[str]) -> int:
    """The shell does not know the monitor: who put both together gave us a way to open it."""
    if not session.interactive or session.open_monitor is None:
        raise BadUsage("the monitor needs a terminal", "run `hashell monitor`")
    return session.open_monitor(session.options)


__all__ = ["BUILT_IN", "ROOT", "Danger", "level_named", "names_at"]
