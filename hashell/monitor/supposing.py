"""The half of the monitor that supposes: marks, asked about in a process of their own, and what came of it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

from textual import work
from textual.worker import WorkerError

from hashell.monitor.asking import ask
from hashell.monitor.lines import Line
from hashell.monitor.supposed import NODE_FATES, NOTHING, RESOURCE_FATES, Supposed
from hashell.monitor.travelling import TravellingApp
from hashell.simulate.suppose import Fate, Question, Supposition

VIEW = "what_if"


#: Workers that have a process of their own.
_ASKING = frozenset({"what-if", "losses", "winning"})


class SupposingApp(TravellingApp):
    """What if, on the scene that is shown: of now, or of then."""

    async def on_unmount(self) -> None:
        """No process outlives the screen."""
        asking = [worker for worker in self.workers if worker.group in _ASKING and not worker.is_finished]
        for worker in asking:
            worker.cancel()
        for worker in asking:
            with contextlib.suppress(WorkerError):
                await worker.wait()

    def _suppose(self, supposed: Supposed) -> None:
        self.supposed = supposed
        self.outdate(VIEW)

    def action_what_if(self) -> None:
        """Open the view; there already: ask again."""
        if self.view == VIEW and self.supposed.marks:
            self._suppose(replace(self.supposed, answer=None, said=""))
            self._ask()
        self.view = VIEW

    def action_mark(self) -> None:
        if self.view != VIEW:
            super().action_mark()
            return
        line = self._selected("node", "resource")
        if line is not None:
            self._suppose(
                self.supposed.next_mark(line.about, NODE_FATES if line.kind == "node" else RESOURCE_FATES)
            )
            self._ask()

    def suppose_lost(self, name: str) -> None:
        """Mark the nodes of a loss, and nothing else."""
        marks = tuple(Supposition(Fate.LOST, node) for node in name.split(" + "))
        self._suppose(replace(self.supposed, marks=marks, answer=None, said=""))
        self._ask()

    @work(group="what-if", exclusive=True, exit_on_error=False)
    async def _ask(self) -> None:
        """The newest marks win: what was asked before is ended."""
        supposed, cib = self.supposed, self.scene.cib
        if cib is None or not supposed.marks:
            return
        async with aclosing(ask(Question(supposed.marks), cib.to_bytes())) as words:
            async for word in words:
                self._suppose(replace(
                    self.supposed, answer=word.answer, said=word.error, version=str(cib.version),
                ))
                return

    def action_every_node(self) -> None:
        """Reckon the loss of every node, or stop reckoning."""
        if self.view != VIEW:
            self.view = VIEW
        if self.supposed.reckoning:
            self.workers.cancel_group(self, "losses")
            self._suppose(replace(self.supposed, reckoning=False))
            return
        cib = self.scene.cib
        if cib is not None:
            self._suppose(replace(
                self.supposed, losses=(), of=0, reckoning=True, reckoned=str(cib.version),
            ))
            self._reckon(cib.to_bytes())

    @work(group="losses", exclusive=True, exit_on_error=False)
    async def _reckon(self, cib: bytes) -> None:
        async with aclosing(ask(Question(every_node=True), cib)) as words:
            async for word in words:
                if word.error:
                    self.notify(word.error, severity="error", markup=False)
                elif word.loss is not None:
                    self._suppose(replace(self.supposed, losses=(*self.supposed.losses, word.loss), of=word.of))
        self._suppose(replace(self.supposed, reckoning=False, of=self.supposed.of or 1))

    # --- what must change for another node to win

    _asked_about: tuple[str, float | None] | None = None

    def _show_lines(self, pane: str, lines: Sequence[Line]) -> None:
        super()._show_lines(pane, lines)
        if pane == "why" and (self.about, self.when_s) != self._asked_about:
            self._asked_about, self.winning = (self.about, self.when_s), {}
            # The next best node by itself, any other with enter. In the past, where one passes by, none.
            others = [line.about for line in lines if line.kind == "node" and not line.spans[0].text.strip()]
            self.ask_winning(*others[:1] if self.when_s is None else ())

    def action_why(self) -> None:
        """Ask about the resource under the cursor, also when it was asked about before."""
        self._asked_about = None

    def forget_past(self) -> None:
        super().forget_past()
        for group in _ASKING:
            self.workers.cancel_group(self, group)
        self.supposed, self.winning, self._asked_about = NOTHING, {}, None

    def ask_winning(self, *nodes: str) -> None:
        """Find out what must change for nodes to win the resource that the view why is about."""
        if nodes:
            self.winning |= dict.fromkeys(nodes)
            self.outdate("why")
            self._ask_winning()

    @work(group="winning", exclusive=True, exit_on_error=False)
    async def _ask_winning(self) -> None:
        """All that are not known yet: what was asked before is asked with the rest."""
        cib, about = self.scene.cib, self._asked_about
        nodes = tuple(node for node, lines in self.winning.items() if lines is None)
        if cib is None or not nodes:
            return
        question = Question(
            resource=self.about, nodes=nodes, when_s=0.0 if self.scene.live else self.scene.when_s,
            width=max(30, self.wishes("why").width - 3),
        )
        async with aclosing(ask(question, cib.to_bytes())) as words:
            async for word in words:
                if about != self._asked_about:
                    return
                if word.winning is not None:
                    self.winning[word.winning.node] = word.winning.lines
                else:
                    self.winning |= dict.fromkeys(
                        (node for node, lines in self.winning.items() if lines is None), (f"  {word.error}",)
                    )
                self.outdate("why")
