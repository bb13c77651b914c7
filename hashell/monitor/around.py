"""The part of the monitor that is about more than one cluster's panes: several clusters in tabs, themes, notices to who
does not look, pictures of the screen.
"""

from __future__ import annotations

import time
from pathlib import Path

from textual import work
from textual.driver import Driver
from textual.theme import BUILTIN_THEMES
from textual.theme import Theme as TextualTheme

from hashell import theming
from hashell.errors import HashellError
from hashell.monitor import picture
from hashell.monitor.configuring import ConfiguringApp
from hashell.monitor.lines import Span
from hashell.monitor.notices import Noticer, desktop
from hashell.monitor.screens.choose import ChooseScreen
from hashell.monitor.session import Session
from hashell.monitor.views import overview
from hashell.monitor.widgets.line_view import LineView
from hashell.monitor.widgets.time_bar import TimeBar


class AroundApp(ConfiguringApp):
    """`sessions` are all clusters, each in a tab; `session` is the one that is shown."""

    sessions: list[Session]

    def __init__(self, driver_class: type[Driver] | None = None) -> None:
        self._noticer = Noticer()
        self._theme_file = _stamp(self.palette.name)
        super().__init__(driver_class)

    # --- several clusters

    def action_cluster(self, step: int) -> None:
        """The next cluster's tab, or the one before."""
        if len(self.sessions) < 2:
            self._say("one cluster is shown: `hashell monitor --also WHERE` opens more, each in a tab")
            return
        self.show_session(self.sessions[(self.sessions.index(self.session) + step) % len(self.sessions)])

    def show_session(self, session: Session) -> None:
        """Show another cluster, as it is now. Not while something is being done to this one."""
        if any(worker.group == "act" and not worker.is_finished for worker in self.workers):
            self._say("something is being done here: wait for its end")
            return
        self.forget_past()
        self.session.logs_wanted = False
        self.about = self.only_node = ""
        self.session, self.overview = session, overview.NOTHING
        session.logs_wanted = self.view == "logs"
        for view in self.base.query(LineView):
            view.show_lines(())
        session.past.take_changed()
        self.show_scene(session.past.scene())
        self._show_link()
        self._draw_frame()

    def _cluster_spans(self) -> tuple[Span, ...]:
        """The clusters' tabs: a name each, what is lost in the colour of a fault."""
        if len(self.sessions) < 2:
            return ()
        spans = []
        for session in self.sessions:
            info, link = session.past.info, session.past.link
            name = info.cluster if info is not None and info.cluster else Path(link.where).name or "?"
            lost = not link.connected and link.kind not in ("file", "recording")
            here = session is self.session
            meaning = "fail" if lost else "accent" if here else "muted"
            spans.append(Span(f"[{name}] " if here else f" {name}  ", meaning, here))
        return (*spans, Span(" ", "muted"))

    # --- notices

    def _notice_faults(self) -> None:
        """Ring and tell of what broke, as the person wishes; never for each of many."""
        how = self.options.settings.notices
        for session in self.sessions:
            fresh, info = session.past.take_fresh(), session.past.info
            if fresh and how != "off":
                name = info.cluster if info is not None else ""
                self._tell_notice(self._noticer.notice(name, fresh, time.monotonic()), how)

    def _tell_notice(self, text: str, how: str) -> None:
        if not text:
            return
        if how in ("bell", "both"):
            self.bell()
        if how in ("desktop", "both") and self._driver is not None and not self.is_web:
            self._driver.write(desktop(text))

    # --- themes

    def _follow_theme(self) -> None:
        """A theme's file that was changed is read again; one that is spoiled is told of once, the last good stays."""
        stamp = _stamp(self.palette.name)
        if stamp is None or stamp == self._theme_file:
            return
        self._theme_file = stamp
        try:
            self.palette = theming.load(self.palette.name)
        except HashellError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self._install_theme(self.palette)
        self._draw_frame()

    def _install_theme(self, palette: theming.Theme) -> None:
        def colour(meaning: str) -> str:
            value = palette[meaning]
            if value == "default":
                return "ansi_default"
            return value

        native = any(not value.startswith("#") for value in palette.colours.values())
        theme = TextualTheme(
            name=f"hashell-{palette.name}", primary=colour("accent"), secondary=colour("muted"),
            warning=colour("warn"), error=colour("fail"), success=colour("ok"),
            accent=colour("accent"), foreground=colour("foreground"),
            background=colour("background"), surface=colour("background"), panel=colour("panel"),
            dark=palette.dark, ansi=native,
            # The terminal's own palette needs variables of its own, which Textual's ansi themes bring.
            variables=(BUILTIN_THEMES["ansi-dark" if palette.dark else "ansi-light"].variables if native else {}) | {
                meaning: colour(meaning) for meaning in theming.MEANINGS
                if meaning not in ("background", "panel", "foreground", "accent")
            } | {
                "footer-key-foreground": colour("accent"),
                "footer-background": colour("panel"),
                "input-selection-background": colour("selection"),
            },
        )
        self.register_theme(theme)
        self.theme = theme.name
        if self._running:
            self.refresh_css(animate=False)  # a theme of the same name may have other colours now
        for view in self.base.query(LineView) if self._running else ():
            view.show_palette(palette)
        for bar in self.base.query(TimeBar) if self._running else ():
            bar.palette = palette
            bar.refresh()

    @work(group="theme")
    async def action_theme(self) -> None:
        names = theming.names()
        chosen = await self.push_screen_wait(ChooseScreen("Theme", [(name, name) for name in names]))
        if chosen:
            try:
                self.palette = theming.load(chosen)
                self._theme_file = _stamp(chosen)
            except HashellError as error:
                self.notify(str(error), severity="error", markup=False)
                return
            self._install_theme(self.palette)
            self._draw_frame()

    # --- pictures

    def action_picture(self) -> None:
        """The screen as SVG, into the folder in which the monitor was started."""
        if self.is_web:
            self._say("no pictures from a browser: it would write to the server's disk")
            return
        name = picture.file_name(self.session.clock.now_s())
        try:
            picture.write(name, self.export_screenshot())
        except HashellError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self._say(f"the screen is in {name}")


def _stamp(theme: str) -> tuple[str, int, int] | None:
    """Tells one state of a theme's file from another."""
    path = theming.find(theme)
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return None if found is None else (str(path), found.st_mtime_ns, found.st_size)
