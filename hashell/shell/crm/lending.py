"""The crm language, lent to a screen: text of objects, and back into a working copy; colours, completion, troubles.

Nothing here waits: agents are asked in the thread of `Sources`, and what is not known yet is not offered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from hashell.cib.document import Cib
from hashell.client.memory import MemoryClient
from hashell.commands.env import Env
from hashell.shell.grammar.complete import Offer
from hashell.shell.grammar.highlight import STYLES, Span
from hashell.shell.grammar.sources import Sources

#: Characters of a text that is read at every key.
TEXT_MAX = 64 * 1024
#: Objects are written at this level.
_LEVEL = ("configure",)


class CrmLanguage:
    """One for a screen; `learn` before an editor is opened."""

    @cached_property
    def _sources(self) -> Sources:
        sources = Sources()
        sources.start()
        return sources

    @property
    def looks(self) -> Mapping[str, tuple[str, str]]:
        """Style of a piece → a meaning of the theme, and marks that also show without colours."""
        return STYLES

    def text(self, cib: Cib) -> str:
        """A whole configuration to look at; secrets are starred."""
        from hashell.shell.crm.configure_print import Printer, objects

        return Printer(cib.root).show(objects(cib.root))

    def text_of(self, cib: Cib, names: Sequence[str]) -> str:
        """Objects to be edited, all for no names. Raises NotFound."""
        from hashell.shell.crm.configure_look import select
        from hashell.shell.crm.configure_print import Printer

        return Printer(cib.root, obscured=(), with_ids=True).show(select(_env(cib), list(names)))

    def names_of(self, cib: Cib, names: Sequence[str]) -> tuple[str, ...]:
        """The objects that `text_of` writes. Raises NotFound."""
        from hashell.shell.crm.configure_look import select
        from hashell.shell.crm.configure_print import object_id

        return tuple(object_id(element) for element in select(_env(cib), list(names)))

    def put(self, env: Env, text: str, instead_of: Sequence[str]) -> None:
        """Objects as they were edited into a working copy. Raises HashellError, with every line that is wrong."""
        from hashell.shell.crm.configure_stage import context_of
        from hashell.shell.crm.loading import load_text

        load_text(env, text, "replace", context_of(env, typed=False), "line", instead_of=list(instead_of))

    def learn(self, cib: Cib) -> None:
        """From now on offer the names of this CIB, and what its agents say of themselves as soon as they did."""
        from hashell.shell.grammar.snapshot import snapshot_of

        self._sources.snapshot = snapshot_of(cib)
        for name in {one.agent for one in self._sources.snapshot.resources.values() if one.agent is not None}:
            self._sources.metadata(name)

    def close(self) -> None:
        """No more asking of agents."""
        if "_sources" in self.__dict__:
            self._sources.stop()

    def pieces(self, text: str, cursor: int) -> Sequence[Span]:
        """What is to be coloured; nothing in a text that is too long to read at every key."""
        from hashell.shell.grammar.highlight import spans

        return spans(text, _LEVEL, self._sources, cursor) if len(text) <= TEXT_MAX else ()

    def offers(self, before: str) -> Sequence[Offer]:
        """What may stand where the text ends."""
        from hashell.shell.grammar.complete import complete

        return complete(before, _LEVEL, self._sources) if len(before) <= TEXT_MAX else ()

    def trouble(self, text: str, cursor: int) -> str:
        """The first thing that is wrong so far, with the way out."""
        from hashell.shell.grammar.highlight import trouble

        return trouble(text, cursor, _LEVEL, self._sources) if len(text) <= TEXT_MAX else ""


def _env(cib: Cib) -> Env:
    """To look only: the commands speak to an Env."""
    return Env(MemoryClient(cib), cib, cib.root)
