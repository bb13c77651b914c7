"""The interactive shell: a loop of prompt and command on one thread, the cluster's news on another.

Commands run on the main thread, where Ctrl-C ends any wait as it does everywhere; meanwhile the follower's thread keeps
the view of the cluster, and a third one reads CIBs and agents for completion. The prompt shows what these two have.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import FormattedText, StyleAndTextTuples, to_formatted_text
from prompt_toolkit.history import History as AnyHistory
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.patch_stdout import StdoutProxy
from prompt_toolkit.renderer import print_formatted_text as render_text
from prompt_toolkit.shortcuts import CompleteStyle

from hashell.errors import HashellError
from hashell.shell.grammar.highlight import about, trouble
from hashell.shell.grammar.lexer import split_words
from hashell.shell.grammar.line import pieces, spelled_out
from hashell.shell.live import ClusterView, Follower
from hashell.shell.news import News
from hashell.shell.prompt import (
    GrammarCompleter,
    GrammarLexer,
    GrammarValidator,
    Misplaced,
    Place,
    SafeSuggest,
    key_bindings,
    style_of,
)
from hashell.shell.signs import only_ascii, to_ascii

if TYPE_CHECKING:
    from hashell.client.feed import Update
    from hashell.shell.session import Session
    from hashell.theming import Theme

#: Rows kept free below the prompt for the menu.
MENU_ROWS = 6
#: Seconds between two looks at the clock: ages and counters move without a key.
REFRESH_S = 1.0
#: Seconds between two writes above the prompt; what comes between is written at once.
BETWEEN_WRITES_S = 0.1
#: Seconds after which a busy thread gives way: a key must not wait for one that reads a large CIB.
SWITCH_S = 0.001
#: Characters of a text whose words are explained at every key.
LOOKED_AT_MAX = 4096
#: Versions offered for completion in the history level.
VERSIONS_OFFERED = 50


def run_interactive(session: Session) -> int:
    """Talk with a person until they leave; the exit code. Raises NotReachable without a cluster to begin with."""
    return Shell(session).run()


class Shell:
    """One session at a terminal."""

    def __init__(self, session: Session, *, history: AnyHistory | None = None) -> None:
        self.session = session
        session.interactive = True
        session.ask = self.ask
        session.choose = self.choose
        session.on_wait = self._waits
        session.apply_settings(start=True)
        self.place = Place()
        self.place.sources.on_change = self._knows_more
        self.follower: Follower | None = None
        self._history = history
        self._prompt: PromptSession[str] | None = None
        self._proxy: StdoutProxy | None = None
        self._typing = False
        self._theme_name = ""
        self._news = News(session.live)
        if session.live is not None:
            session.live = self._news.live
        #: Whether the terminal shows nothing but ASCII.
        self._ascii = only_ascii(session.options.display)
        self._moved_to = ""
        #: What the file looked like when it was read last: its time and size.
        self._read_file: tuple[int, int] | None = None

    # --- beginning and end

    def run(self) -> int:
        """The loop. A failed command is told and the loop goes on."""
        self.start()
        try:
            while not self.session.ended:
                text = self.read()
                if text is None:
                    continue
                self.execute(text)
        finally:
            self.stop()
        return 0

    def start(self) -> None:
        """Connect, begin to follow, greet."""
        client = self.session.client
        sys.setswitchinterval(SWITCH_S)
        self.place.sources.start()
        if client.kind != "file":
            self.place.sources.show_cib(client.cib())
        self._follow()
        self._greet()
        self._proxy = StdoutProxy(sleep_between_writes=BETWEEN_WRITES_S, raw=True)
        self._after_command()

    def stop(self) -> None:
        if self.follower is not None:
            self.follower.stop()
        self.place.sources.stop()
        if self._proxy is not None:
            self._proxy.close()

    def _follow(self) -> None:
        """Follow the cluster that the session works on now."""
        from hashell.client.feed import PollingFeed, feed_of

        if self.follower is not None:
            self.follower.stop()
            self.follower = None
        client = self.session.client
        self._followed, self._moved_to, self._read_file = client, "", None
        if client.kind == "file":
            return  # Nothing happens there; whether somebody wrote it is looked at after each command.
        feed = feed_of(client) if client.kind == "hashelld" else PollingFeed(client, interval_s=2.0)
        self.follower = Follower(feed, self._show, self._changed)
        self.follower.start()

    def _greet(self) -> None:
        from hashell import __version__

        client = self.session.client
        info = client.info()
        up = sum(one.state == "member" for one in info.members)
        if client.kind == "file":
            where = f"file {client.where}"
        else:
            quorum = "quorum" if info.quorate else "NO QUORUM"
            where = f"{info.cluster or 'cluster'} at {info.node or client.kind}, "
            where += f"{up} of {len(info.members)} nodes, {quorum}"
        said = f"hashell {__version__}: {where}."
        keys = "help explains, Ctrl-D leaves."
        columns = get_app_session().output.get_size().columns
        self.session.err(f"{said} {keys}" if len(said) + len(keys) < columns else f"{said}\n{keys}")

    # --- news, from the follower's thread

    @property
    def view(self) -> ClusterView:
        return self.follower.view if self.follower is not None else ClusterView()

    def _changed(self, update: Update) -> None:
        from hashell.client.feed import CibUpdate, Connected

        if isinstance(update, CibUpdate) and not self.session.staged:
            self.place.sources.show_cib(update.after)
        if isinstance(update, Connected) and self._followed.kind == "hashelld":
            self._moved_to = update.where
        self._redraw()

    def _waits(self, begins: bool) -> None:
        if self.follower is not None:
            self.follower.let_through(begins)

    def _redraw(self) -> None:
        if self._typing and self._prompt is not None:
            self._prompt.app.invalidate()

    def _knows_more(self) -> None:
        """From the loading thread: there is more to offer than when the menu was opened."""
        prompt = self._prompt
        if self._typing and prompt is not None and prompt.app.loop is not None:
            # The loop may have ended between the two lines: then nobody looks at a menu.
            with contextlib.suppress(RuntimeError):
                prompt.app.loop.call_soon_threadsafe(self._offer_again)
        self._redraw()

    def _offer_again(self) -> None:
        """Make a menu anew that nobody has chosen from yet, also one that had nothing to show where a word is due."""
        prompt = self._prompt
        if prompt is None or not self._typing:
            return
        buffer = prompt.default_buffer
        menu = buffer.complete_state
        if (menu is not None and menu.current_completion is None) or (
            menu is None and buffer.document.text_before_cursor[-1:] == " "
        ):
            buffer.complete_state = None  # a menu that stands is never made anew
            buffer.start_completion(select_first=False)

    def _show(self, lines: list[tuple[str, str]]) -> None:
        """Lines above the prompt, where the text that is being typed stays, or above a command's live line."""
        if self._proxy is None or not self.session.settings.is_on("events"):
            return
        if not self._typing:
            self._news.write(self._painted(lines))
            return
        self._proxy.write(self._painted(lines))
        self._proxy.flush()

    def _painted(self, lines: Iterable[tuple[str, str]]) -> str:
        """Lines with the theme's colours, as the terminal reads them."""
        marks = {"error": "✖ ", "warning": "▲ ", "critical": "✖ "}
        known = ("error", "warning", "ok")
        fragments: StyleAndTextTuples = []
        for level, text in lines:
            style = "error" if level == "critical" else level if level in known else "info"
            fragments.append((f"class:event.{style}", self._shown(_printable(marks.get(level, "· ") + text))))
            fragments.append(("", "\n"))
        output = get_app_session().output
        buffer = io.StringIO()
        terminal = Vt100_Output(buffer, output.get_size, term=os.environ.get("TERM"), enable_cpr=False)
        render_text(
            terminal, to_formatted_text(FormattedText(fragments)), style_of(self._theme()), color_depth=self._depth()
        )
        return buffer.getvalue().replace("\r\n", "\n")

    # --- the prompt

    def _theme(self) -> Theme | None:
        from hashell import theming

        display = self.session.options.display.split(",")
        if "plain" in display or not (theming.colour_wanted(True) or "color-always" in display):
            return None
        try:
            theme = theming.load(self.session.options.theme)
        except HashellError as error:
            self.session.err(f"WARNING: {error}")
            self.session.options.theme = ""
            theme = theming.load()
        return None if theme.monochrome else theme

    def _depth(self) -> ColorDepth:
        if self._theme() is None:
            return ColorDepth.DEPTH_1_BIT
        if os.environ.get("COLORTERM", "") in ("truecolor", "24bit"):
            return ColorDepth.DEPTH_24_BIT
        return ColorDepth.default()

    def _make_prompt(self) -> PromptSession[str]:
        place, settings = self.place, self.session.settings
        prompt: PromptSession[str] = PromptSession(
            multiline=True,
            history=self._open_history(),
            completer=GrammarCompleter(place),
            complete_while_typing=True,
            complete_style=CompleteStyle.COLUMN,
            reserve_space_for_menu=MENU_ROWS,
            lexer=GrammarLexer(place),
            validator=GrammarValidator(place),
            validate_while_typing=False,
            auto_suggest=SafeSuggest(place) if settings.is_on("suggest") else None,
            enable_history_search=Condition(lambda: place.prefix_search),
            key_bindings=key_bindings(place),
            prompt_continuation=lambda width, line, wrapped: "" if wrapped else "  > ",
            bottom_toolbar=self.toolbar,
            enable_open_in_editor=True,
            tempfile_suffix=".crm",
            style=style_of(self._theme()),
            color_depth=self._depth(),
            refresh_interval=REFRESH_S,
            include_default_pygments_style=False,
        )
        # Escape alone is a key of vi and begins Alt-Enter; half a second of waiting for more of it is too long.
        prompt.app.ttimeoutlen = 0.05
        return prompt

    def _open_history(self) -> AnyHistory:
        if self._history is None:
            from hashell.shell.remember import History, history_path

            client = self.session.client
            name = client.info().cluster if client.kind != "file" else "files"
            try:
                self._history = History(history_path(name or client.kind))
            except OSError:
                self._history = InMemoryHistory()
        return self._history

    def read(self) -> str | None:
        """One entry; None when there is nothing to run."""
        if self._prompt is None or self._theme_name != self._look():
            self._prompt, self._theme_name = self._make_prompt(), self._look()
        self._ascii = self.place.ascii = only_ascii(self.session.options.display)
        vi = self.session.settings["keys"] == "vi"
        self._prompt.editing_mode = EditingMode.VI if vi else EditingMode.EMACS
        # In vi Escape and Enter are two keys, pressed one after the other; Alt-Enter arrives as one.
        self._prompt.app.timeoutlen = 0.1 if vi else 1.0
        self._release()
        self._typing = True
        try:
            text = self._prompt.prompt(self.message)
        except EOFError:
            self._typing = False
            self._go_up()
            return None
        except KeyboardInterrupt:
            return None
        finally:
            self._typing = False
            if self.follower is not None:
                self.follower.hold()
            if self._proxy is not None:
                self._proxy.flush()
        return text if text.strip() else None

    def _look(self) -> str:
        options = self.session.options
        return f"{options.theme}/{options.display}/{self.session.settings['suggest']}"

    def _release(self) -> None:
        """Show what was held back while a command ran."""
        if self.follower is None:
            return
        held = self.follower.release()
        if held and self.session.settings.is_on("events"):
            sys.stdout.write(self._painted(held))
            sys.stdout.flush()

    def message(self) -> StyleAndTextTuples:
        """cluster(live) level*#"""
        options, view = self.session.options, self.view
        client = self.session.client
        if options.shadow:
            cluster, where = view.cluster or "cluster", options.shadow
        elif client.kind == "file":
            cluster, where = "file", Path(client.where).name
        else:
            cluster, where = view.cluster or "cluster", "live"
        where += ", read-only" if options.read_only or client.read_only else ""
        found: StyleAndTextTuples = [("class:prompt.cluster", cluster), ("class:prompt.where", f"({where})")]
        troubles = view.troubles(0) if client.kind != "file" and not options.shadow else []
        if troubles:
            found += [("", " "), ("class:prompt.bad", troubles[0])]
        level = "/".join(one.name for one in self.session.path)
        if level:
            found += [("", " "), ("class:prompt.level", level)]
        if self.session.staged:
            found.append(("class:prompt.star", "*"))
        found.append(("class:prompt.where", "# "))
        return found

    def toolbar(self) -> StyleAndTextTuples:
        """Two lines: about the word under the cursor, and about the cluster."""
        prompt = self._prompt
        columns = prompt.app.output.get_size().columns if prompt is not None else 80
        style, told = self._word_line(prompt.default_buffer) if prompt is not None else ("help", "")
        said = " " + _cut(self._shown(told), columns - 2, self._shown("…"))
        return [(f"class:toolbar.{style}", said), ("", "\n"), *self._state_line(columns)]

    def _shown(self, text: str) -> str:
        """As the terminal can show it."""
        return to_ascii(text) if self._ascii else text

    def _word_line(self, buffer: Buffer) -> tuple[str, str]:
        """What Enter refused and how to mend it; else what is wrong so far; else what the word at the cursor is."""
        refused = buffer.validation_error
        if isinstance(refused, Misplaced) and refused.hint:
            return "help", refused.hint
        text, cursor = buffer.text, buffer.cursor_position
        if len(text) >= LOOKED_AT_MAX:
            return "help", ""
        try:
            wrong = trouble(text, cursor, self.place.path, self.place.sources)
            return ("bad", f"✖ {wrong}") if wrong else (
                "help", about(text, cursor, self.place.path, self.place.sources)
            )
        except Exception:  # A defect in reading must not take the line from who types it.
            return "help", ""

    def _state_line(self, columns: int) -> StyleAndTextTuples:
        view = self.view
        client = self.session.client
        faults = self.place.sources.snapshot.faults
        info = view.info
        if client.kind == "file" or info is None:
            known = self.place.sources.snapshot
            if client.kind == "file":
                nodes, resources = len(known.nodes), len(known.resources)
                name = f"{nodes} node{'s' * (nodes != 1)}, {resources} resource{'s' * (resources != 1)}"
                name += "; a file: nothing runs here"
            else:
                name = "not connected" if view.why_lost else "connecting …"
            staged = "; edits staged" if self.session.staged else ""
            said = _cut(self._shown(f"{name}{staged}"), columns - 2, self._shown("…"))
            return [("class:toolbar.muted", f" {said}")]
        up, every = view.nodes_up
        parts: list[tuple[str, str]] = []
        if not view.connected:
            parts.append(("class:toolbar.bad", "lost, retrying"))
        parts.append(("", f"DC {info.dc}") if info.dc else ("class:toolbar.bad", "no DC"))
        parts.append(("class:toolbar.ok", "quorum") if info.quorate else ("class:toolbar.bad", "NO QUORUM"))
        parts.append(("" if up == every else "class:toolbar.bad", f"nodes {up}/{every}"))
        parts.append(("class:toolbar.bad", f"failures {faults}") if faults else ("class:toolbar.ok", "no failures"))
        if view.transition:
            done = f" {view.done}/{view.actions}" if view.actions else ""
            parts.append(("class:toolbar.busy", f"transition {view.transition}{done}"))
        elif info.controller_state == "S_POLICY_ENGINE":
            parts.append(("class:toolbar.busy", "deciding"))
        if self.session.options.read_only or client.read_only:
            parts.append(("class:toolbar.muted", "read-only"))
        if self.session.staged:
            parts.append(("class:toolbar.busy", "edits staged"))
        found: StyleAndTextTuples = [("", " ")]
        room = columns - 2
        for number, (style, text) in enumerate(parts):
            gap = self._shown(" │ ") if number else ""
            if len(gap) + len(text) > room:
                break
            room -= len(gap) + len(text)
            found += [("class:toolbar.muted", gap), (style, text)]
        return found

    # --- questions

    def ask(self, question: str) -> bool:
        """Yes or no; anything else asks again. Ctrl-C is no answer: it ends the command."""
        return self.choose(question, ("yes", "no")) == "yes"

    def choose(self, question: str, answers: tuple[str, ...]) -> str:
        """One of the words, or its beginning. Ctrl-D means the last one, which is the harmless one."""
        asker: PromptSession[str] = PromptSession(reserve_space_for_menu=0)
        while True:
            try:
                text = asker.prompt(f"{question} [{'/'.join(answers)}] ").strip().lower()
            except EOFError:
                return answers[-1]
            found = [one for one in answers if text and one.startswith(text)]
            if len(found) == 1:
                return found[0]

    # --- commands

    def execute(self, text: str) -> int:
        """Every line of an entry; ends at the first that fails. The exit code of the last one that ran."""
        from hashell.shell.lines import run_line

        session = self.session
        lines = [(number, piece.strip()) for number, (_, piece) in enumerate(pieces(text), 1) if piece.strip()]
        code = 0
        for number, line in lines:
            where = f"line {number}: " if len(lines) > 1 else ""
            try:
                self._move()
                self._echo(line)
                code = run_line(session, line, split_words)
            except HashellError as error:
                self._tell(error, where)
                code = error.exit_code
            except KeyboardInterrupt:
                self._interrupted()
                code = 130
            except BrokenPipeError:
                code = 141  # The pager was left early.
            except Exception as error:  # The person's session must outlive a defect of one command.
                self._defect(error, where)
                code = 70
            if code or session.ended:
                if code and number != lines[-1][0]:
                    session.err(f"INFO: the lines after line {number} were not run")
                break
        sys.stdout.flush()
        self._after_command()
        return code

    def _echo(self, line: str) -> None:
        """What an abbreviated line was understood as."""
        whole = spelled_out(line, tuple(one.name for one in self.session.path))
        if whole != line:
            self.session.err(f"INFO: {whole}")

    def _tell(self, error: HashellError, where: str) -> None:
        lines = error.message.split("\n")
        shown = [("error", f"{where}{line}") for line in lines]
        sys.stdout.flush()
        sys.stderr.write(
            self._painted(shown) if sys.stderr.isatty() else "".join(f"ERROR: {line}\n" for _, line in shown)
        )
        if error.hint:
            self.session.err(f"  {error.hint}")
        if self.session.options.debug:
            import traceback

            traceback.print_exception(error, file=sys.stderr)

    def _defect(self, error: Exception, where: str) -> None:
        import traceback

        self.session.err(f"ERROR: {where}this is a defect of hashell: {type(error).__name__}: {error}")
        if self.session.options.debug:
            traceback.print_exception(error, file=sys.stderr)
        else:
            self.session.err("  start with --debug to see where; nothing that was staged is lost")

    def _interrupted(self) -> None:
        """The wait is over, not what the cluster does. The connection was left in the middle of an answer."""
        client = self.session._client
        if client is not None:
            client.close()
        self.session.err("\nINFO: interrupted; what was sent to the cluster already goes on there")

    def _move(self) -> None:
        """When our node died and the feed went on elsewhere, commands go there too."""
        where, client = self._moved_to, self.session._client
        if client is None or client is not self._followed or not where or client.where == where:
            return
        from hashell.client.daemon import DaemonClient

        try:
            moved = DaemonClient(where, read_only=self.session.options.read_only)
        except HashellError:
            return  # The command says what is wrong.
        self.session.follow_to(moved)
        self._followed = moved

    def _go_up(self) -> None:
        """Ctrl-D: up one level, at the top out; who has staged edits is asked."""
        from hashell.shell.crm.root import go_up, leave

        try:
            (go_up if self.session.path else leave)(self.session, [])
        except HashellError as error:
            self.session.err(f"INFO: {error.message}")
        except KeyboardInterrupt:
            self.session.err("INFO: stayed")
        self._after_command()

    def _after_command(self) -> None:
        """Let prompt and completion know what the command changed."""
        session, sources = self.session, self.place.sources
        self.place.path = tuple(one.name for one in session.path)
        if session.ended:
            return
        try:
            if session.client is not self._followed:
                self._follow()
            self._show_sources()
        except HashellError as error:
            session.err(f"WARNING: {error}")
        from hashell.shell import shadow

        sources.shadows = shadow.names()

    def _show_sources(self) -> None:
        session, sources = self.session, self.place.sources
        staged = session.staged_env
        if staged is not None:
            from hashell.cib.document import Cib

            # A copy: the next command edits the original while the loader reads.
            sources.show_cib(Cib(Cib(staged.root).copy_root()))
        elif session.client.kind == "file":
            self._show_file()
        elif self.view.cib is not None:
            sources.show_cib(self.view.cib)
        if self.place.path[-1:] == ("history",) and session.client.kind == "hashelld":
            rows = session.client.history(VERSIONS_OFFERED)
            sources.versions = {
                row.version: " ".join(
                    (time.strftime("%d %b %H:%M", time.localtime(row.when_s)), row.user, row.command or row.message)
                )
                for row in rows
            }

    def _show_file(self) -> None:
        """The names in a file, read again when it was written."""
        client = self.session.client
        try:
            found = Path(client.where).stat()
        except OSError:
            return  # Standard input, or gone: the command that needs it says so.
        if self._read_file != (found.st_mtime_ns, found.st_size):
            self._read_file = (found.st_mtime_ns, found.st_size)
            self.place.sources.show_cib(client.cib())


def _cut(text: str, width: int, end: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else text[: max(width - len(end), 0)] + end


def _printable(text: str) -> str:
    """No control characters: what a node tells must not steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
