"""The crm language as the screen borrows it: the shell owns it, and neither room knows the other.

A `Language` is wired in where the program is put together; without one the configuration is shown as XML only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from hashell.cib.document import Cib
from hashell.commands.env import Env


class Piece(Protocol):
    """A half-open place in a text and what stands there: command, keyword, id, value, wrong …"""

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...

    @property
    def style(self) -> str: ...


class Offered(Protocol):
    """A word to offer: `text` replaces what stands from `start` up to the cursor; `open` words are only a beginning."""

    @property
    def text(self) -> str: ...

    @property
    def start(self) -> int: ...

    @property
    def help(self) -> str: ...

    @property
    def show(self) -> str: ...

    @property
    def open(self) -> bool: ...


class Language(Protocol):
    """What a screen needs of a language for configurations. Nothing here waits for a cluster."""

    @property
    def looks(self) -> Mapping[str, tuple[str, str]]:
        """Style of a piece → a meaning of the theme, and marks that also show without colours."""
        ...

    def text(self, cib: Cib) -> str:
        """A whole configuration to look at; secrets are starred."""
        ...

    def text_of(self, cib: Cib, names: Sequence[str]) -> str:
        """Objects to be edited, all for no names; reading it back gives the same. Raises NotFound."""
        ...

    def names_of(self, cib: Cib, names: Sequence[str]) -> tuple[str, ...]:
        """The objects that `text_of` writes."""
        ...

    def put(self, env: Env, text: str, instead_of: Sequence[str]) -> None:
        """Edit the working copy so that it holds the objects of a text; those of `instead_of` that the text no longer
        names go. Raises HashellError, with every line that is wrong."""
        ...

    def learn(self, cib: Cib) -> None:
        """From now on offer the names of this CIB."""
        ...

    def pieces(self, text: str, cursor: int) -> Sequence[Piece]:
        """What is to be coloured, in order and without overlaps."""
        ...

    def offers(self, before: str) -> Sequence[Offered]:
        """What may stand where the text ends."""
        ...

    def trouble(self, text: str, cursor: int) -> str:
        """The first thing that is wrong so far, with the way out; what is merely missing is none."""
        ...

    def close(self) -> None:
        """No more is wanted: what works in the background ends."""
        ...
