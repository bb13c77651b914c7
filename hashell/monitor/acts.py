"""Acts: what a person can do from the screen, as data: the command that does the same, its danger, what carries it out.

An act is tried on a working copy of the CIB, previewed with the scheduler, and only then done: the same function over
an `Env` both times, first with a client in memory, then with the cluster's.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass

from hashell.cib.document import Cib
from hashell.client.api import ClusterClient
from hashell.client.memory import MemoryClient
from hashell.commands.env import Env
from hashell.simulate.run import decide
from hashell.simulate.source import zone


class Danger(enum.IntEnum):
    """How much an act can hurt; read-only mode lets only the first through."""

    READS = 0
    CHANGES = 1
    INTERRUPTS = 2
    FENCES = 3


@dataclass(frozen=True, slots=True)
class Act:
    """One thing to do: `edit` changes a working copy of the CIB, `call` is what the daemon does itself (clean up …)."""

    title: str
    command: str
    danger: Danger
    edit: Callable[[Env], object] | None = None
    call: Callable[[ClusterClient], str] | None = None

    def tried_on(self, cib: Cib) -> Cib:
        """The CIB as it would be. Raises HashellError where the act does not fit."""
        if self.edit is None:
            return cib
        env = Env(MemoryClient(cib), cib, cib.copy_root(), command_line=self.command)
        self.edit(env)
        env.settle()
        return env.cib

    def do(self, client: ClusterClient) -> str:
        """Send it; what to tell the person. Raises HashellError."""
        if self.edit is not None:
            env = Env.open(client, command_line=self.command)
            self.edit(env)
            env.settle()
            return f"{self.title}: committed as {env.commit()}"
        assert self.call is not None, "an act edits the CIB or calls the daemon"
        return self.call(client) or f"{self.title}: done"


@dataclass(frozen=True, slots=True)
class Preview:
    """What an act would do: lines as the transition summary has them."""

    act: Act
    lines: tuple[str, ...]


def preview(act: Act, cib: Cib) -> Preview:
    """Ask the scheduler what would follow. An act that edits nothing has nothing to preview but itself."""
    after = act.tried_on(cib)
    if act.edit is None:
        return Preview(act, ())
    now_s = time.time()
    summary = decide(after, now_s, 0, utc_offset_s=zone(now_s)).summary
    return Preview(act, tuple(line for line in summary if line.strip()))
