"""The keys that act on the cluster: each makes an act, shows its preview, and does it when told to.

`ActingApp` is the half of the monitor that changes things; app.py is the half that shows them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from textual import work
from textual.app import App

from hashell.client.api import ClusterClient, ReadOnly
from hashell.errors import HashellError
from hashell.monitor import edits
from hashell.monitor.acts import Act, Danger
from hashell.monitor.language import Language
from hashell.monitor.lines import Line
from hashell.monitor.previewing import changes, foresee
from hashell.monitor.scene import Scene
from hashell.monitor.screens.choose import ChooseScreen
from hashell.monitor.screens.form import FormScreen
from hashell.monitor.screens.preview import Foreseen, PreviewScreen
from hashell.monitor.session import Session
from hashell.monitor.settings import MonitorSettings
from hashell.monitor.views import details
from hashell.monitor.widgets.line_view import LineView
from hashell.status.options import StatusOptions
from hashell.theming import Theme


class Gap(Protocol):
    """How long nobody answered the demo's client."""

    @property
    def seconds(self) -> float: ...

    @property
    def after(self) -> str:
        """Who answered first after it."""
        ...


class DemoControl(Protocol):
    """What `hashell demo` lends to the monitor: stories to break something with, and the client's
    outages.
    """

    def stories(self) -> list[tuple[str, str]]:
        """(name, what it does) of each story."""
        ...

    def break_(self, name: str) -> str:
        """Begin a story; a line that says what was done. Blocks for at most a few seconds."""
        ...

    @property
    def serving(self) -> str:
        """Which node answers the client now; empty: none."""
        ...

    @property
    def outages(self) -> Sequence[Gap]:
        """Every gap that the client saw, oldest first."""
        ...

    def outage_line(self) -> str:
        """What the client sees now: `service ok on node1 · last outage 340 ms`."""
        ...


@dataclass(frozen=True)
class Options:
    """Which cluster, and how it is shown."""

    attach: str = ""
    cib_file: str = ""
    read_only: bool = False
    write: bool = False
    theme: str = ""
    ascii_only: bool = False
    status: StatusOptions = field(default_factory=StatusOptions)
    demo: DemoControl | None = None
    language: Callable[[], Language] | None = None
    record: str = ""
    replay: str = ""
    speed: float = 1.0
    probes: tuple[str, ...] = ()
    open_client: Callable[[], ClusterClient] | None = None
    settings: MonitorSettings = field(default_factory=MonitorSettings)
    #: The view that is shown first.
    view: str = ""
    #: Further clusters, each in a tab of its own: as `attach`, or CIB files.
    also: tuple[str, ...] = ()


class ActingApp(App[int]):
    """What acting needs of the whole: the scene, the view with the cursor, a client, a line to say things in."""

    options: Options
    session: Session
    scene: Scene
    view: str
    palette: Theme
    language: Language | None = None

    def client(self) -> ClusterClient:
        """A connection for one act. Raises HashellError."""
        raise NotImplementedError

    def _say(self, text: str, seconds: float = 6.0) -> None:
        raise NotImplementedError

    @property
    def in_past(self) -> bool:
        """Whether what is shown is not now: then nothing is done to the cluster from it."""
        return False

    def _target(self, *kinds: str) -> Line | None:
        """As `_selected`, for a key that acts: the past is looked at only."""
        if self.in_past:
            self._refuse_past()
            return None
        return self._selected(*kinds)

    def _refuse_past(self) -> None:
        self._say("this is the past: End leads back to now; r restores its configuration")

    def _selected(self, *kinds: str) -> Line | None:
        """The row under the cursor if it is of a kind, else a word about what the key needs."""
        line = self.query_one(f"#{self.view}", LineView).current
        if line is None or line.kind not in kinds or not line.about:
            self._say(f"put the cursor on a {' or '.join(kinds)} first")
            return None
        return line

    async def _ask_and_do(self, act: Act, typed: str = "", *, from_past: bool = False) -> bool:
        """Preview, then do: the one way by which anything is changed from the screen; whether it was done. `from_past`:
        the act is what leads back to what is shown."""
        if act.danger is not Danger.READS:
            if self._only_looks:
                self.notify(f"read-only: {act.title} is not done ({self._way_out})", severity="warning", markup=False)
                return False
            if self.in_past and not from_past:
                self._refuse_past()
                return False
        screen = PreviewScreen(act, self.palette, typed)
        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

        def settle(message: str | None) -> None:
            if not answer.done():
                answer.set_result(message)

        self.push_screen(screen, callback=settle)
        looking = asyncio.create_task(self._look_ahead(act, screen))
        try:
            message = await answer
        finally:
            looking.cancel()
        if message is None:
            self._say(f"left as it is: {act.title}")
            return False
        try:
            said = await asyncio.to_thread(self._do, act, message)
        except HashellError as error:
            self.notify(str(error), severity="error", timeout=12, markup=False)
            return False
        self._say(said)
        return True

    async def _look_ahead(self, act: Act, screen: PreviewScreen) -> None:
        """Fill a preview; it may be left before all is known."""
        cib = self.session.past.cib if act.base is None else act.base
        if cib is None:
            screen.show_effect(Foreseen(error="no cluster yet"))
            return
        try:
            found = await changes(act, cib, self.language)
        except HashellError as error:
            screen.show_effect(Foreseen(error=str(error)))
            return
        screen.show_difference(found.lines, found.warnings)
        screen.show_effect(await foresee(found.after) if found.after else Foreseen())

    def _do(self, act: Act, message: str) -> str:
        """In a worker thread. The last door: nothing gets past it where nothing may be changed."""
        if self._only_looks and act.danger is not Danger.READS:
            raise ReadOnly(f"read-only: {act.title} is not done", "start without --read-only")
        client = self.client()
        try:
            return act.do(client, message)
        finally:
            self.session.release(client)

    @property
    def _only_looks(self) -> bool:
        """Whether nothing may be changed at all."""
        return self.options.read_only or self.session.past.read_only or self.session.past.kind == "recording"

    def _may_change(self, what: str) -> bool:
        """Whether something may be edited here and now, else a word about why not."""
        if self.in_past:
            self._refuse_past()
            return False
        if self._only_looks:
            self.notify(
                f"read-only: {what} is not done ({self._way_out})", severity="warning", markup=False,
            )
            return False
        return True

    @property
    def _way_out(self) -> str:
        if self.session.past.kind == "recording":
            return "a recording is only looked at"
        return "start without --read-only" if self.options.read_only else "start with --write"

    def _need_cib(self) -> bool:
        if self.scene.cib is None:
            self._say("no cluster yet")
        return self.scene.cib is not None

    @work(group="act", exit_on_error=False)
    async def _run(self, make: Callable[[], Act | None], typed: str = "", *, from_past: bool = False) -> None:
        try:
            act = make()
        except HashellError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        if act is not None:
            await self._ask_and_do(act, typed, from_past=from_past)

    def action_standby(self) -> None:
        line = self._target("node")
        cib = self.scene.cib
        if line is not None and cib is not None:
            self._run(lambda: edits.toggle_standby(cib, line.about))

    def action_cleanup(self) -> None:
        line = self._target("resource", "failure")
        if line is not None:
            self._run(lambda: edits.clean_up(line.about, line.node if line.kind == "failure" else ""))

    def action_stop_start(self) -> None:
        line = self._target("resource")
        cib = self.scene.cib
        if line is not None and cib is not None:
            self._run(lambda: edits.toggle_stopped(cib, line.about))

    def action_unmove(self) -> None:
        line = self._target("resource")
        cib = self.scene.cib
        if line is not None and cib is not None:
            self._run(lambda: edits.unmove(cib, line.about))

    def action_fence(self) -> None:
        line = self._target("node")
        if line is not None:
            self._run(lambda: edits.fence(line.about), typed=line.about)

    def action_undo(self) -> None:
        if self.in_past:
            self._refuse_past()
        elif self._need_cib():
            self._undo()

    @work(group="act", exit_on_error=False)
    async def _undo(self) -> None:
        cib = self.scene.cib
        assert cib is not None
        try:
            act = await asyncio.to_thread(self._make_undo)
        except HashellError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        await self._ask_and_do(act)

    def _make_undo(self) -> Act:
        client = self.client()
        try:
            return edits.undo(client)
        finally:
            self.session.release(client)

    @work(group="act", exit_on_error=False)
    async def action_move(self) -> None:
        line = self._target("resource")
        cib = self.scene.cib
        if line is None or cib is None:
            return
        nodes = edits.nodes_of(cib)
        chosen = await self.push_screen_wait(
            ChooseScreen(f"Move {line.about} to", [(node, node) for node in nodes])
        )
        if chosen:
            await self._guarded(lambda: edits.move(cib, line.about, chosen))

    async def _guarded(self, make: Callable[[], Act]) -> None:
        try:
            act = make()
        except HashellError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        await self._ask_and_do(act)

    @work(group="act", exit_on_error=False)
    async def action_constraint(self) -> None:
        line = self._target("resource", "constraint")
        cib = self.scene.cib
        if line is None or cib is None:
            return
        if line.kind == "constraint":
            await self._guarded(lambda: edits.delete_constraint(cib, line.about))
            return
        choices = [(f"delete {name}", f"delete: {words}") for name, words in details.constraints_of(cib, line.about)]
        choices += [
            ("location", f"add: {line.about} prefers (or avoids) a node"),
            ("colocation", f"add: {line.about} together with another resource"),
            ("order", f"add: {line.about} after another resource"),
        ]
        chosen = await self.push_screen_wait(ChooseScreen(f"Constraints of {line.about}", choices))
        if not chosen:
            return
        if chosen.startswith("delete "):
            await self._guarded(lambda: edits.delete_constraint(cib, chosen.removeprefix("delete ")))
            return
        fields = edits.constraint_fields(cib, chosen, line.about)
        values = await self.push_screen_wait(FormScreen(f"{chosen} of {line.about}", fields))
        if values is None:
            return
        filled = {item.name: item.value for item in fields} | values
        await self._guarded(lambda: edits.add_constraint(cib, chosen, line.about, filled))

    @work(group="demo", exit_on_error=False)
    async def action_break_something(self) -> None:
        demo = self.options.demo
        if demo is None:
            self._say("! breaks things in `hashell demo` only")
            return
        chosen = await self.push_screen_wait(
            ChooseScreen(
                "Break something", demo.stories(), "The client asks the service every 10 ms: its outage is below."
            )
        )
        if chosen:
            self._say(await asyncio.to_thread(demo.break_, chosen))
