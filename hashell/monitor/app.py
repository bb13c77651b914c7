"""The full-screen monitor: composition, keys and modes; what is shown comes from views, what is done from acts.

In:  `Options` (which cluster, which theme, the demo's control). Out: an exit code.
The app stands on two halves: showing.py (from the session's past to the panes) and acting.py (from keys to acts).
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Footer, Input, Static, TextArea

from hashell import theming
from hashell.client.api import ClusterClient
from hashell.client.feed import ProbeUpdate
from hashell.client.probing import parse as parse_probe
from hashell.client.recording import Recorder
from hashell.errors import HashellError
from hashell.monitor import glyphs, settings
from hashell.monitor.acting import DemoControl, Options
from hashell.monitor.around import AroundApp
from hashell.monitor.driver import HangupDriver
from hashell.monitor.screens.help import HelpScreen
from hashell.monitor.session import ReplaySession, Session
from hashell.monitor.settings import keymap
from hashell.monitor.showing import SIDE
from hashell.monitor.views import View
from hashell.monitor.views.all import BY_NAME, VIEWS
from hashell.monitor.views.logs import LEVELS
from hashell.monitor.widgets.line_view import LineView
from hashell.monitor.widgets.time_bar import TimeBar

__all__ = ["HashellMonitor", "Options", "run"]

#: Seconds between two flushes of what is dirty: fast enough for the eye, slow enough for a flood.
FLUSH_S = 0.05
#: Seconds for which one thread keeps the interpreter while another waits for it.
SWITCH_S = 0.0005
#: Keys of lists, which no wish takes away.
MOVING = ("up", "k", "down", "j", "pageup", "pagedown", "home", "g", "G", "enter", "tab", "shift+tab")
#: Columns from which there are panes beside the main one.
WIDE = 110


class HashellMonitor(AroundApp):
    """One cluster on one screen."""

    TITLE = "hashell"
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide"), (160, "-xwide")]
    CSS_PATH = "styles/monitor.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", "Help", key_display="?", id="help"),
        Binding("slash", "filter", "Filter", key_display="/", id="filter"),
        Binding("s", "standby", "Standby", id="standby"),
        Binding("m", "move", "Move", id="move"),
        Binding("c", "cleanup", "Clean up", id="cleanup"),
        Binding("e", "edit", "Edit", id="edit"),
        Binding("exclamation_mark", "break_something", "Break!", key_display="!", id="break"),
        Binding("q", "quit", "Quit", id="quit"),
        Binding("ctrl+q", "quit", show=False, priority=True),
        Binding("enter", "end_filter", show=False, priority=True),
        Binding("1", "view('overview')", show=False, id="overview"),
        Binding("2", "view('transition')", show=False, id="transition"),
        Binding("3,t", "view('timeline')", show=False, id="timeline"),
        Binding("4", "view('configuration')", show=False, id="configuration"),
        Binding("5", "view('why')", show=False, id="explanation"),
        Binding("6", "view('what_if')", show=False, id="supposed"),
        Binding("7,l", "view('logs')", show=False, id="logs"),
        Binding("v", "level", show=False, id="level"),
        Binding("w", "what_if", show=False, id="what-if"),
        Binding("N", "every_node", show=False, id="every-node"),
        Binding("x", "why", "Why", show=False, id="why"),
        Binding("M", "form", show=False, id="form"),
        Binding("E", "edit_all", show=False, id="edit-all"),
        Binding("a", "add_resource", show=False, id="add-resource"),
        Binding("D", "delete", show=False, id="delete"),
        Binding("C", "constraint", show=False, id="constraint"),
        Binding("U", "unmove", show=False, id="unmove"),
        Binding("S", "stop_start", show=False, id="stop-start"),
        Binding("F", "fence", show=False, id="fence"),
        Binding("u", "undo", show=False, id="undo"),
        Binding("z", "faults", show=False, id="faults"),
        Binding("n", "by_node", show=False, id="by-node"),
        Binding("A", "section('attributes')", show=False, id="attributes"),
        Binding("f", "section('failcounts')", show=False, id="failcounts"),
        Binding("o", "section('operations')", show=False, id="operations"),
        Binding("L", "section('bans')", show=False, id="bans"),
        Binding("R", "section('detail')", show=False, id="detail"),
        Binding("left_square_bracket", "event(-1)", show=False, id="event-back"),
        Binding("right_square_bracket", "event(1)", show=False, id="event-forth"),
        Binding("left_curly_bracket", "stride(-1)", show=False, id="stride-back"),
        Binding("right_curly_bracket", "stride(1)", show=False, id="stride-forth"),
        Binding("end", "live", show=False, priority=True, id="live"),
        Binding("p", "play", show=False, id="play"),
        Binding("space", "mark", show=False, id="mark"),
        Binding("d", "difference", show=False, id="difference"),
        Binding("r", "restore", show=False, id="restore"),
        Binding("greater_than_sign", "cluster(1)", show=False, id="next-cluster"),
        Binding("less_than_sign", "cluster(-1)", show=False, id="previous-cluster"),
        Binding("P", "picture", show=False, id="picture"),
        Binding("T", "theme", show=False, id="theme"),
        Binding("colon", "command_palette", show=False, id="palette"),
        Binding("escape", "back", show=False),
        Binding("ctrl+c", "interrupt", show=False, priority=True),
    ]

    view: reactive[str] = reactive("overview")

    def __init__(self, options: Options, session: Session | None = None) -> None:
        self.options = options
        self.palette = theming.load(options.theme or options.settings.theme)
        self.glyphs = glyphs.choose(ascii_only=options.ascii_only)
        self.language = options.language() if options.language is not None else None
        self.session = session or _session(options)
        #: All clusters, each in a tab; `session` is the one that is shown.
        self.sessions = [self.session, *(_session(_other(options, where)) for where in options.also)]
        # In a browser the server names the driver.
        super().__init__(None if "TEXTUAL_DRIVER" in os.environ else HangupDriver)
        self.animation_level = "none"
        self.set_keymap(keymap(options.settings, self.BINDINGS, MOVING))
        self._install_theme(self.palette)

    # --- what is on it

    def compose(self) -> ComposeResult:
        yield Static("", id="header", markup=False)
        yield Static("", id="tabs", markup=False)
        with Horizontal(id="body"):
            with Vertical(id="left"):
                with ContentSwitcher(initial="overview", id="views"):
                    for view in VIEWS:
                        yield self._pane(view.name, view)
                yield LineView(self.palette, id="detail", ellipsis=self.glyphs.ellipsis)
            with Vertical(id="side"):
                for pane, name in SIDE.items():
                    yield self._pane(pane, BY_NAME[name])
        with Horizontal(id="bottom"):
            yield Static("", id="strip", markup=False)
            yield TimeBar(self.palette, self.glyphs, id="time")
        yield Input(placeholder="filter: words that a row must have, !word leaves out", id="filter")
        yield Footer(show_command_palette=False, compact=True)

    def _pane(self, name: str, view: View) -> LineView:
        return LineView(
            self.palette, id=name, empty=view.empty, follow=view.follow, ellipsis=self.glyphs.ellipsis,
            seeks=view.seeks,
        )

    def on_mount(self) -> None:
        self.base.query_one("#overview", LineView).focus()
        self.base.query_one("#filter", Input).display = False
        for name in ("detail", *SIDE):
            self.base.query_one(f"#{name}", LineView).can_focus = False
        self.wide = self.size.width >= WIDE
        if self.options.view:
            self.view = self.options.view
        self._draw_frame()
        self.set_interval(FLUSH_S, self.flush)
        self.set_interval(1.0, self._tick)
        for session in self.sessions:
            self._watch_cluster(session)

    async def on_unmount(self) -> None:
        if self.language is not None:
            self.language.close()

    def flush(self) -> None:
        if self.options.demo is not None:
            self._hear_demo(self.options.demo)
        super().flush()
        self._notice_faults()

    def _hear_demo(self, demo: DemoControl) -> None:
        """What the demo's client sees, as of any other probe."""
        gaps = demo.outages
        for gap in gaps[self._gaps_heard :]:
            self.sessions[0].hear(ProbeUpdate("service", True, gap.after, gap.seconds))
        self._gaps_heard = len(gaps)
        serving = demo.serving
        if serving != self._serving:
            self._serving = serving
            self.sessions[0].hear(ProbeUpdate("service", bool(serving), serving))

    _gaps_heard = 0
    _serving: str | None = None

    def _tick(self) -> None:
        """What shows how long something takes goes on although nothing is heard."""
        self._follow_theme()
        if self.when_s is None and self.scene.transition.running and self.session.past.link.connected:
            self.outdate("transition", "side-transition")
        self._draw_frame()

    # --- hearing

    @work(group="feed", exit_on_error=False)
    async def _watch_cluster(self, session: Session) -> None:
        """Follow a cluster for as long as the app lives; a lost node is news, never an end."""
        await session.watch()
        if session is self.session and isinstance(session, ReplaySession) and session.loaded.is_set():
            self.go(session.past.began_s)
            self.action_play()

    def client(self) -> ClusterClient:
        return self.session.client()

    # --- what is under the cursor, and which view is seen

    def on_resize(self, event: Resize) -> None:
        self.wide = event.size.width >= WIDE
        self._old |= {view.name for view in VIEWS if not view.asked} | set(SIDE)  # built by the clock, not by each size
        self._draw_frame()

    def on_line_view_moved(self, event: LineView.Moved) -> None:
        if event.view.id == self.view:
            self._draw_detail()

    def on_line_view_opened(self, event: LineView.Opened) -> None:
        if self.view == "configuration":
            self.open_object(event.line)
        elif event.line.kind == "resource":
            self.action_why()
        elif event.line.kind == "constraint":
            self.action_constraint()
        elif event.line.kind == "node" and self.view == "why":
            self.ask_winning(event.line.about)
        elif event.line.kind == "loss":
            self.suppose_lost(event.line.about)
        elif event.line.when_s:
            self.open_moment(event.line)

    def watch_view(self, view: str) -> None:
        self.session.logs_wanted = view == "logs"
        if not self.has("#views"):
            return  # set before the first screen was there
        self.base.query_one("#views", ContentSwitcher).current = view
        # What is beside the others would be there twice, and takes the room that long lines need.
        self.base.set_class(view in (*SIDE.values(), "why", "logs"), "-alone")
        self.base.query_one(f"#{view}", LineView).focus()
        self._build_old()
        self._draw_frame()
        self._draw_detail()

    # --- keys: looking

    def action_view(self, name: str) -> None:
        self.view = name

    async def action_back(self) -> None:
        field_ = self.base.query_one("#filter", Input)
        if field_.display:
            field_.value = ""
            field_.display = False
            self.base.query_one(f"#{self.view}", LineView).focus()
        elif self.base.query_one(f"#{self.view}", LineView).pattern:
            self.base.query_one(f"#{self.view}", LineView).pattern = ""
        elif self.view != "overview":
            self.view = "overview"
        else:
            self.action_live()

    async def action_interrupt(self) -> None:
        await self.action_quit()

    def action_help(self) -> None:
        self.push_screen(HelpScreen(self.options.settings.keys))

    def action_filter(self) -> None:
        field_ = self.base.query_one("#filter", Input)
        field_.display = True
        field_.value = self.base.query_one(f"#{self.view}", LineView).pattern
        self.base.set_focus(field_)  # at once: what is typed in one burst after the key belongs to it

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "filter":
            self.base.query_one(f"#{self.view}", LineView).pattern = event.value

    def action_end_filter(self) -> None:
        self.base.query_one("#filter", Input).display = False
        # At once: what is typed in one burst after Enter is no part of the filter.
        self.base.set_focus(self.base.query_one(f"#{self.view}", LineView))

    def action_faults(self) -> None:
        view = self.base.query_one(f"#{self.view}", LineView)
        view.faults_only = not view.faults_only
        self._say("faults only" if view.faults_only else "everything")

    def action_level(self) -> None:
        """Of the logs only what is worse than so bad, one level after the other; the configuration's next shape."""
        if self.view == "configuration":
            self.action_shape()
            return
        self.view = "logs"
        self.level = LEVELS[(LEVELS.index(self.level) + 1) % len(LEVELS)] if self.level in LEVELS else LEVELS[1]
        self.outdate("logs")

    def action_by_node(self) -> None:
        if self.view == "logs":
            line = self.base.query_one("#logs", LineView).current
            self.only_node = "" if self.only_node or line is None else line.node
            self.outdate("logs")
            return
        if self.view == "configuration":
            self.action_next_match()
            return
        self.by_node = not self.by_node
        self.outdate("overview")

    def action_section(self, name: str) -> None:
        self.sections = self.sections ^ {name}
        self.outdate("overview")

    def action_why(self) -> None:
        line = self._selected("resource")
        if line is None or not self._need_cib():
            return
        super().action_why()
        self.about = line.about
        self.view = "why"
        self.base.query_one("#why", LineView).say(f"asking the scheduler about {line.about} …")
        self.outdate("why")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "break_something":
            return self.options.demo is not None
        if action == "end_filter":
            return isinstance(self.focused, Input) and self.focused.id == "filter"
        if action == "interrupt":  # where text is typed, it is taken into the clipboard
            return not isinstance(self.focused, (Input, TextArea))
        if action == "live":  # elsewhere End is the end of a list or of a line
            return self.in_past and len(self.screen_stack) == 1 and not isinstance(self.focused, Input)
        return True

    def get_system_commands(self, screen: Screen[object]) -> list[SystemCommand]:
        """The palette: every key's work by name."""
        return [
            SystemCommand("Standby or online", "the node under the cursor", self.action_standby),
            SystemCommand("Move", "the resource under the cursor, to a node", self.action_move),
            SystemCommand("Take moves and bans back", "of the resource under the cursor", self.action_unmove),
            SystemCommand("Clean up", "failures of the resource under the cursor", self.action_cleanup),
            SystemCommand("Stop or start", "the resource under the cursor", self.action_stop_start),
            SystemCommand("Edit as text", "the object under the cursor of the configuration", self.action_edit),
            SystemCommand("Edit the whole configuration", "as text", self.action_edit_all),
            SystemCommand("Form", "parameters, operations and options of the resource here", self.action_form),
            SystemCommand("New resource", "its agent, then a form", self.action_add_resource),
            SystemCommand("Delete", "the object under the cursor of the configuration", self.action_delete),
            SystemCommand("Shape of the configuration", "crm text, tree, XML, picture", self.action_shape),
            SystemCommand("Constraints", "of the resource under the cursor", self.action_constraint),
            SystemCommand("Fence", "the node under the cursor", self.action_fence),
            SystemCommand("Undo", "the last change of the configuration", self.action_undo),
            SystemCommand("Why is it here", "scores of every node", self.action_why),
            SystemCommand("Back in time", "to the event before", partial(self.action_event, -1)),
            SystemCommand("Now", "out of the past", self.action_live),
            SystemCommand("What changed", "between the marked moment and here", self.action_difference),
            SystemCommand("Restore", "the configuration as it was at this moment", self.action_restore),
            SystemCommand("What if", "nodes or resources lost, standby, failed, stopped", self.action_what_if),
            SystemCommand("What if one node is lost", "every node in turn", self.action_every_node),
            SystemCommand("Faults only", "on and off", self.action_faults),
            SystemCommand("Logs of all nodes", "in one order", lambda: self.action_view("logs")),
            SystemCommand("By node or by resource", "the other grouping", self.action_by_node),
            SystemCommand("Picture", "the screen as SVG, in this folder", self.action_picture),
            SystemCommand("Theme", "choose another palette", self.action_theme),
            SystemCommand("Help", "all keys", self.action_help),
            SystemCommand("Quit", "leave the cluster as it is", self.exit),
        ]


def _session(options: Options) -> Session:
    """The cluster, or the recording, that the options mean. Raises HashellError for what cannot be recorded, probed."""
    if options.replay:
        return ReplaySession(options.replay)
    probes = [parse_probe(text) for text in options.probes]
    recorder = Recorder(options.record) if options.record else None
    return Session(
        partial(_open_client, options), close_clients=options.open_client is None, recorder=recorder,
        probes=probes,
    )


def _other(options: Options, where: str) -> Options:
    """The options of one more cluster: a CIB file, or what --attach takes. Recorded and probed is the first alone."""
    is_file = Path(where).is_file()
    return replace(
        options, attach="" if is_file else where, cib_file=where if is_file else "", record="", replay="", probes=(),
        open_client=None,
    )


def _open_client(options: Options, where: str) -> ClusterClient:
    """A client of the cluster that the options mean; `where` we are attached, when that is known already."""
    if options.open_client is not None:
        return options.open_client()
    from hashell.client.choose import open_client

    return open_client(
        attach=where or options.attach, cib_file=options.cib_file, read_only=options.read_only, write=options.write,
    )


def _follow_the_terminal() -> None:
    """A size in the environment is what the terminal had once; who has a terminal that tells its own goes by that.

    Textual and Rich would go by the variables, and no resize would ever be seen.
    """
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        try:
            size = os.get_terminal_size(stream.fileno()) if stream is not None else (0, 0)
        except (OSError, ValueError):
            continue
        if all(size):
            os.environ.pop("COLUMNS", None)
            os.environ.pop("LINES", None)
            return


def run(options: Options) -> int:
    """Show the monitor until the person leaves; the exit code."""
    _follow_the_terminal()
    # A key goes through some turns of the loop, and before each one that is built in a thread would keep the
    # interpreter for so long.
    sys.setswitchinterval(SWITCH_S)
    try:
        app = HashellMonitor(replace(options, settings=settings.load()))
    except HashellError as error:
        sys.stderr.write(f"hashell monitor: {error}\n")
        return error.exit_code
    result = app.run()
    return result if isinstance(result, int) else app.return_code or 0
