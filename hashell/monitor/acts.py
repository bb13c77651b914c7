"""Acts: what a person can do from the screen, as data: the command that does the same, its danger, what carries it out.

An act is tried on a working copy of the CIB, previewed with the scheduler, and only then done: the same function over
an `Env` both times, first with a client in memory, then with the cluster's.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from hashell.cib.document import Cib
from hashell.client.api import ClusterClient
from hashell.client.memory import MemoryClient
from hashell.commands.env import Env


class Danger(enum.IntEnum):
    """How much an act can hurt; read-only mode lets only the first through."""

    READS = 0
    CHANGES = 1
    INTERRUPTS = 2
    FENCES = 3


@dataclass(frozen=True, slots=True)
class Tried:
    """The CIB as it would be, and what was to be said on the way."""

    cib: Cib
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Act:
    """One thing to do: `edit` changes a working copy of the CIB, `call` is what the daemon does itself (clean up …).

    `base` is the CIB that a person looked at while editing: what others changed since is merged, or the act is refused
    with nothing sent. Without one it is done on what there is at that moment.
    """

    title: str
    command: str
    danger: Danger
    edit: Callable[[Env], object] | None = None
    call: Callable[[ClusterClient], str] | None = None
    base: Cib | None = None

    def tried_on(self, cib: Cib) -> Tried:
        """What would come of it. Raises HashellError where the act does not fit."""
        if self.edit is None:
            return Tried(cib)
        warnings: list[str] = []
        env = Env(MemoryClient(cib), cib, cib.copy_root(), command_line=self.command, warn=warnings.append)
        self.edit(env)
        env.settle()
        return Tried(env.cib, tuple(warnings))

    def do(self, client: ClusterClient, message: str = "") -> str:
        """Send it; what to tell the person. Raises HashellError, with nothing changed."""
        if self.edit is not None:
            told: list[str] = []
            base = client.cib() if self.base is None else self.base
            env = Env(client, base, base.copy_root(), command_line=self.command, say=told.append)
            self.edit(env)
            env.settle()
            return "; ".join([f"{self.title}: committed as {env.commit(message)}", *told])
        assert self.call is not None, "an act edits the CIB or calls the daemon"
        return self.call(client) or f"{self.title}: done"
