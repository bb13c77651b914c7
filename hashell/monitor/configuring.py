"""The half of the monitor that configures: the view's shapes, the editor, forms, deletion; each ends in a preview.

Nothing is lost on the way: what was left or refused in the preview comes back to the editor or the form with the text
that was typed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from lxml import etree
from textual import work

from hashell.cib.document import Cib
from hashell.client.memory import MemoryClient
from hashell.commands import configure
from hashell.commands.agents import agent_name, installed, metadata
from hashell.commands.env import Env
from hashell.errors import HashellError, NotFound
from hashell.monitor import resource_form
from hashell.monitor.acts import Act, Danger
from hashell.monitor.drafts import CrmDraft, Draft, XmlDraft, check
from hashell.monitor.fields import Field
from hashell.monitor.lines import Line
from hashell.monitor.screens.edit import EditScreen
from hashell.monitor.screens.form import FormScreen
from hashell.monitor.screens.pick import PickScreen
from hashell.monitor.supposing import SupposingApp
from hashell.monitor.views.configuration import SHAPES, object_row
from hashell.monitor.widgets.line_view import LineView
from hashell.values.agent_names import AgentName

VIEW = "configuration"
_OBJECTS = ("resource", "node", "constraint", "object")


class ConfiguringApp(SupposingApp):
    """The configuration: looked at in four shapes, edited as text, as XML and by forms."""

    _wanted_object = ""

    # --- looking

    def action_shape(self) -> None:
        """The next shape, with the cursor on the same object."""
        if self.view != VIEW:
            self.view = VIEW
            return
        line = self.base.query_one(f"#{VIEW}", LineView).current
        shapes = [shape for shape in SHAPES if shape != "crm" or self.language is not None]
        here = shapes.index(self.shape) if self.shape in shapes else 0
        self.shape = shapes[(here + 1) % len(shapes)]
        self.show_object(line.about if line is not None else "")

    def show_object(self, name: str) -> None:
        """The configuration with the cursor on an object, as soon as it is drawn."""
        self._wanted_object = name
        self.view = VIEW
        self.outdate(VIEW)

    def _show_lines(self, pane: str, lines: Sequence[Line]) -> None:
        super()._show_lines(pane, lines)
        if pane != VIEW or not self._wanted_object or len(lines) < 2:
            return
        shape = "xml" if self.shape == "crm" and self.language is None else self.shape
        if lines[1].key.partition(":")[0] != shape:
            return  # begun before the shape was turned: the next ones are on their way
        view = self.base.query_one(f"#{VIEW}", LineView)
        key = object_row(view.rows, self._wanted_object)
        if key:
            view.go_to(key)
        self._wanted_object = ""

    def action_next_match(self) -> None:
        if not self.base.query_one(f"#{VIEW}", LineView).next_match():
            self._say("nothing here matches: / looks for words")

    # --- editing as text

    def action_edit(self) -> None:
        """In the configuration the object under the cursor; elsewhere the way to it."""
        line = self._selected(*_OBJECTS) if self.view == VIEW else self._selected("resource", "node")
        if line is None:
            return
        if self.view != VIEW:
            if self.shape == "picture":
                self.shape = "crm"
            self.show_object(line.about)
        else:
            self._edit(line.about)

    def action_edit_all(self) -> None:
        self._edit("")

    def open_object(self, line: Line) -> None:
        """Enter in the configuration: a form where there is one, else the text."""
        if line.kind == "resource":
            self._form(line.about)
        elif line.kind in _OBJECTS and line.about:
            self._edit(line.about)

    def _draft(self, name: str) -> tuple[Draft, str]:
        """What is edited, and its text; in a thread. Raises HashellError."""
        cib = self.scene.cib
        if cib is None:
            raise NotFound("no cluster yet", "wait until it is connected")
        if self.language is None or self.shape == "xml":
            draft: Draft = XmlDraft(cib, name)
        else:
            self.language.learn(cib)
            draft = CrmDraft(self.language, cib, (name,) if name else ())
        return draft, draft.text

    @work(group="act", exit_on_error=False)
    async def _edit(self, name: str) -> None:
        if not self._may_change(f"editing {name or 'the configuration'}"):
            return
        try:
            draft, began = await asyncio.to_thread(self._draft, name)
        except HashellError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        await self._edited(draft, began)

    async def _edited(self, draft: Draft, began: str) -> None:
        """Editor and preview in turns, until it is committed or left."""
        typed, said = began, ""
        while True:
            text = await self.push_screen_wait(EditScreen(draft, self.palette, began, typed, said))
            if text is None:
                self._say("left as it is")
                return
            typed, said = text, ""
            try:
                act = await asyncio.to_thread(draft.act, text)
                said = await asyncio.to_thread(draft.complaint, text)
                if not said and await self._ask_and_do(act):
                    return
            except HashellError as error:
                said = str(error)

    # --- forms

    def action_form(self) -> None:
        line = self._target("resource")
        if line is not None:
            self._form(line.about)

    @work(group="act", exit_on_error=False)
    async def _form(self, name: str) -> None:
        if not self._may_change(f"editing {name}"):
            return
        cib = self.scene.cib
        if cib is None:
            return
        try:
            element = cib.by_id(name)
            agent = None if element is None else _agent(cib, element)
            said = None if agent is None else await asyncio.to_thread(metadata, agent)
            fields = resource_form.fields_of(cib, name, said)
        except HashellError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        title = f"{name}: {agent}" if agent is not None else name
        await self._filled(title, fields, lambda typed: resource_form.change(cib, name, fields, typed))

    @work(group="act", exit_on_error=False)
    async def action_add_resource(self) -> None:
        """A new resource: its agent, then its form."""
        if not self._may_change("adding a resource") or not self._need_cib():
            return
        cib = self.scene.cib
        assert cib is not None
        names = [str(one) for one in await asyncio.to_thread(installed)]
        chosen = await self.push_screen_wait(
            PickScreen("A new resource: which agent?", names, "class, provider or type, as in: heart ipadd")
        )
        agent = AgentName.parse(chosen) if chosen else None
        if agent is None:
            return
        self._say(f"asking {agent} about itself …")
        said = await asyncio.to_thread(metadata, agent)
        fields = resource_form.new_fields(cib, agent, said)
        about = f": {said.shortdesc}" if said is not None and said.shortdesc else ""
        await self._filled(
            f"New {agent}{about}", fields, lambda typed: resource_form.create(cib, agent, fields, typed)
        )

    async def _filled(self, title: str, fields: list[Field], make: resource_form.Maker) -> None:
        """Form and preview in turns, until it is committed or left."""
        typed: dict[str, str] = {}
        while True:
            changed = await self.push_screen_wait(FormScreen(title, fields, add=True, typed=typed))
            if changed is None:
                self._say("left as it is")
                return
            if not changed:
                self._say("nothing changed")
                return
            typed = changed
            try:
                if await self._ask_and_do(make(changed)):
                    return
            except HashellError as error:
                self.notify(str(error), severity="error", timeout=12, markup=False)

    # --- deleting

    def action_delete(self) -> None:
        if self.view != VIEW:
            self._say("D deletes an object in the configuration (4)")
            return
        line = self._target("resource", "constraint", "object")
        if line is not None:
            name = line.about
            self._run(lambda: Act(
                f"delete {name}", f"configure delete {name}", Danger.INTERRUPTS,
                lambda env: _delete(env, name),
            ))


def _delete(env: Env, name: str) -> None:
    configure.delete(env, [name])
    check(env)


def _agent(cib: Cib, element: etree._Element) -> AgentName | None:
    """The agent of a primitive, through its template if it has one."""
    return agent_name(Env(MemoryClient(cib), cib, cib.root), element)
