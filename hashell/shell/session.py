"""A session: which cluster, where the user is, what is staged, and how output is to look.

One-shot lines, scripts and the interactive shell all run their commands through `Session.run_words`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from hashell.errors import BadUsage, HashellError, Refused
from hashell.shell.grammar.match import find
from hashell.shell.grammar.words import WAIT, Command, Danger, Level, LevelName

if TYPE_CHECKING:
    from pathlib import Path

    from hashell.client.api import ClusterClient
    from hashell.commands.env import Env
    from hashell.shell.progress import Progress
    from hashell.shell.settings import Settings


class NoSuchCommand(BadUsage):
    id = "no-such-command"


#: Characters of a command that are kept beside a version.
COMMAND_LINE_MAX = 2_000


class Options(msgspec.Struct):
    """What the command line said about this run."""

    cib_file: str = ""
    attach: str = ""
    shadow: str = ""
    force: bool = False
    read_only: bool = False
    #: A Pacemaker that hashell did not set up may be changed without a question.
    write: bool = False
    wait: bool = False
    wait_s: float = 60.0
    display: str = ""
    yes: bool = False
    no: bool = False
    debug: bool = False
    trace: bool = False
    output_as: str = ""
    theme: str = ""
    history: str = ""


class Session(msgspec.Struct, eq=False):
    """`path` is the stack of levels below the root. `ask` is None where nobody can be asked."""

    options: Options = msgspec.field(default_factory=Options)
    path: list[Level] = msgspec.field(default_factory=list)
    out: Callable[[str], None] = msgspec.field(default=lambda text: _write(sys.stdout, text))
    err: Callable[[str], None] = msgspec.field(default=lambda text: _write(sys.stderr, text + "\n"))
    ask: Callable[[str], bool] | None = None
    #: Asks for one of several words; None where nobody can be asked.
    choose: Callable[[str, tuple[str, ...]], str] | None = None
    #: Told when a wait begins and ends.
    on_wait: Callable[[bool], None] = msgspec.field(default=lambda begins: None)
    #: Shows a line that the next one replaces, an empty one takes it away; None where nobody watches.
    live: Callable[[str], None] | None = None
    #: Opens the full-screen monitor; its exit code.
    open_monitor: Callable[[Options], int] | None = None
    interactive: bool = False
    ended: bool = False
    #: The line being run, for the history and for Env.command_line.
    line: str = ""
    #: Comment lines that belong to the next object of the configuration.
    comments: list[str] = msgspec.field(default_factory=list)
    _client: ClusterClient | None = None
    _env: Env | None = None
    _settings: Settings | None = None
    #: True while configuration edits wait for a commit; the lines that made them.
    staged: bool = False
    staged_lines: list[str] = msgspec.field(default_factory=list)

    # --- the cluster -----------------------------------------------------------------------------------

    @property
    def client(self) -> ClusterClient:
        """Connected at the first use."""
        if self._client is None:
            if self.options.shadow:
                from hashell.shell import shadow

                self._client = shadow.open_shadow(self.options.shadow, self.options.read_only)
            else:
                from hashell.client.choose import open_client

                self._client = open_client(
                    self.options.attach, self.options.cib_file, self.options.read_only,
                    write=self.options.write or self.options.yes, ask=self.ask_leave if self.ask is not None else None,
                )
        return self._client

    def use_client(self, client: ClusterClient) -> None:
        """Work with another cluster from now on; staged edits are dropped."""
        self.close()
        self._client = client

    def target(self, path: str) -> Path:
        """A file that a text or picture goes to. Raises Refused for the CIB that is worked on, which it is not."""
        from pathlib import Path

        found = Path(path)
        if self.client.kind == "file" and self.client.where != "-" and found.absolute() == Path(
            self.client.where
        ).absolute():
            raise Refused(f"{path} is the CIB that is worked on", "name another file")
        return found

    def follow_to(self, client: ClusterClient) -> None:
        """The same cluster through another node: staged edits stay."""
        if self._client is not None:
            self._client.close()
        self._client = client
        if self._env is not None:
            self._env.client = client

    @property
    def settings(self) -> Settings:
        """The person's own settings, read at the first use; a bad file is told and passed over."""
        if self._settings is None:
            from hashell.shell import settings

            try:
                self._settings = settings.load()
            except HashellError as error:
                self.err(f"WARNING: {error}")
                self._settings = settings.Settings()
        return self._settings

    def apply_settings(self, *, start: bool = False) -> None:
        """Let the settings count; at the start what the command line said counts more."""
        given, options = self.settings, self.options
        display = "" if given["output"] == "auto" else given["output"]
        options.wait = options.wait or given.is_on("wait") if start else given.is_on("wait")
        options.display = options.display or display if start else display
        options.theme = options.theme or given["theme"] if start else given["theme"]

    def env(self) -> Env:
        """The environment of the command that runs: the staged one if edits wait, else a fresh one."""
        from hashell.commands.env import Env

        if self._env is None or not self.staged:
            self._env = Env.open(self.client, force=self.options.force)
            self._env.say = lambda text: self.err(f"INFO: {text}")
            self._env.warn = lambda text: self.err(f"WARNING: {text}")
        self._env.force = self.options.force
        self._env.command_line = self.command_line
        return self._env

    @property
    def command_line(self) -> str:
        """What is kept beside the version that a commit makes: the lines that were staged, without secrets."""
        from hashell.shell.scrub import scrub

        return scrub("; ".join(self.staged_lines) if self.staged_lines else self.line)[:COMMAND_LINE_MAX]

    @property
    def staged_env(self) -> Env | None:
        """The environment with edits that wait, or None."""
        return self._env if self.staged else None

    def drop_staged(self) -> None:
        self._env, self.staged = None, False
        self.staged_lines.clear()

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None
        self.drop_staged()

    def finish(self, env: Env, message: str = "") -> None:
        """Commit what a command outside configure edited; while edits are staged it joins them."""
        env.settle()
        if self.staged:
            self.err("INFO: edits are staged: this one is committed with them")
            return
        waits = self.options.wait and self.client.kind != "file"
        progress = self.progress(env) if waits else None
        env.commit(message)
        if progress is not None:
            self.follow(progress)

    def wait_if_asked(self) -> None:
        """With -w: until the cluster has nothing to do."""
        if self.options.wait and self.client.kind != "file":
            self.follow()

    def progress(self, env: Env) -> Progress:
        """To be made before an environment is committed: what the cluster will do then, to be followed."""
        from hashell.shell.progress import Progress, planned

        return Progress(env.base, planned(env))

    def follow(self, progress: Progress | None = None) -> None:
        """Wait until the cluster has nothing to do, telling meanwhile what it does. Raises TimedOut."""
        from hashell.shell.progress import Progress, Step, follow

        if progress is None:
            progress = Progress(self.client.cib())

        def fresh(step: Step) -> None:
            if step.failed:
                self.err(f"WARNING: {step.task} of {step.resource} on {step.node} failed with code {step.code}")

        with self.waiting():
            took_s = follow(self.client, progress, self.options.wait_s, live=self.live, fresh=fresh)
        self.err(f"INFO: {progress.summary(took_s)}")

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """While a command only waits: who types sees meanwhile what goes on."""
        self.on_wait(True)
        try:
            yield
        finally:
            self.on_wait(False)

    def confirm(self, question: str) -> bool:
        """Yes when forced or answered so; where nobody can be asked, no."""
        if self.options.force or self.options.yes:
            return True
        if self.options.no or self.ask is None:
            return False
        return self.ask(question)

    def ask_leave(self, question: str) -> bool:
        """Whether a cluster that is only looked at may be changed: --force does not answer this."""
        return not self.options.no and self.ask is not None and (self.options.yes or self.ask(question))

    # --- lines -----------------------------------------------------------------------------------------

    @property
    def level(self) -> Level:
        from hashell.shell.crm.root import ROOT

        return self.path[-1] if self.path else ROOT

    def run_words(self, words: list[str]) -> int:
        """Carry out one line; its exit code. Errors are raised as HashellErrors."""
        if not words:
            return 0
        if words[0] == "pcs":
            from hashell.shell.pcs.root import run_pcs

            return run_pcs(self, words[1:])
        return self._run(words)

    def _run(self, words: list[str]) -> int:
        from hashell.shell.crm.root import BUILT_IN, level_named

        start = list(self.path)
        had_staged = self.staged
        one_shot_levels = 0
        while True:
            level = self.level
            choices: list[Command | LevelName] = [*level.commands, *(level_named(name) for name in level.levels)]
            found, ambiguous = find(words[0], choices)
            if found is None or (words[0].lower() not in found.names and words[0].lower() in BUILT_IN.names):
                built_in = BUILT_IN.find(words[0])
                if built_in is not None:
                    from hashell.shell.grammar.pattern import check

                    check(built_in, words[1:])
                    return built_in.handler()(self, words[1:]) or 0
            if found is None and not ambiguous and not one_shot_levels:
                # A level of the root can be used from anywhere.
                from hashell.shell.crm.root import ROOT

                found, _ = find(words[0], [level_named(name) for name in ROOT.levels])
            if isinstance(found, LevelName):
                self.path.append(found.load())
                words = words[1:]
                one_shot_levels += 1
                if not words:
                    self._entered(start)
                    return 0
                continue
            try:
                if found is None:
                    raise self._unknown(words[0], ambiguous)
                code = self._call(found, words[1:])
                passing = any(level.name == "configure" for level in self.path[len(start):])
                if passing and self.staged and not had_staged and not code:
                    self._commit_in_passing()
                return code
            finally:
                if one_shot_levels:
                    self.path[:] = start if not self.ended else []

    def _commit_in_passing(self) -> None:
        """`configure X` typed above configure is a commit of its own, as in crmsh; what cannot be committed is dropped,
        for nobody is in configure to mend it."""
        from hashell.shell.crm.configure_stage import commit_staged

        try:
            commit_staged(self)
        except HashellError:
            self.drop_staged()
            raise

    def _entered(self, start: list[Level]) -> None:
        """A level without a command stays entered; a script or a one-shot line has no more to do there."""
        # Entering a sibling from below leaves the old place, as `cd ../X` does.
        if len(self.path) > len(start) + 1:
            return

    def _unknown(self, word: str, ambiguous: tuple[str, ...]) -> HashellError:
        from hashell.shell.crm.root import hint_for

        place = ".".join([*(level.name for level in self.path), word])
        if ambiguous:
            return NoSuchCommand(f"{place}: ambiguous, it could be {', '.join(ambiguous)}", "type more of it")
        from hashell.shell import elsewhere

        way = elsewhere.way(elsewhere.CRM, [*(level.name for level in self.path), word])
        if way:
            return Refused(f"{place} is not needed here", f"instead: {way}")
        return NoSuchCommand(f"{place if word else repr(word)}: no such command", hint_for(word, self.level))

    def _call(self, command: Command, words: list[str]) -> int:
        if (words and words[-1] in ("--help", "-h")) or words == ["help"]:
            from hashell.shell.grammar.help import command_help, property_help

            about = property_help(words[:-1]) if command.name == "property" else ""
            self.out(about or command_help(command))
            return 0
        if command.danger is not Danger.READS and self.options.read_only:
            raise Refused(
                f"{command.name} would change the cluster, and this session only reads", "leave out --read-only"
            )
        if command.danger is not Danger.READS and any(level.name == "configure" for level in self.path):
            self._check_skill(command.name)
        if not command.free:
            from hashell.shell.grammar.pattern import check

            check(command, words)
        if not command.free and "--wait" in words and command.usage.endswith(WAIT):
            code = self._call_waiting(command, [word for word in words if word != "--wait"])
        else:
            code = command.handler()(self, words) or 0
        if self.staged and command.danger is not Danger.READS:
            self.staged_lines.append(self.line)
        return code

    def _check_skill(self, name: str) -> None:
        """Raises Refused for an operator, who does not configure by hand."""
        if self.settings["skill-level"] == "operator":
            raise Refused(
                f"{name} changes the configuration, and the skill level is operator",
                "`options skill-level administrator`",
            )

    def _call_waiting(self, command: Command, words: list[str]) -> int:
        """One command with --wait at its end: the next one does not wait for that."""
        from hashell.shell.grammar.pattern import check

        # The usage may have taken it for a value that is missing: `node fence --wait`.
        check(command, words)
        before, self.options.wait = self.options.wait, True
        try:
            return command.handler()(self, words) or 0
        finally:
            self.options.wait = before


def _write(stream: object, text: str) -> None:
    stream.write(text)  # type: ignore[attr-defined]
