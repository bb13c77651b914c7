"""What a person supposes, and what the scheduler answered so far: the state of the screen "what if", frozen."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hashell.simulate.losses import Loss
from hashell.simulate.suppose import Answer, Fate, Supposition

#: What space goes through on a node, and on a resource; then the mark is gone.
NODE_FATES = (Fate.LOST, Fate.STANDBY)
RESOURCE_FATES = (Fate.FAILED, Fate.STOPPED)


@dataclass(frozen=True, slots=True)
class Supposed:
    """`answer` is about `marks` in the CIB `version`; `said` tells why there is none. `losses` are those of single
    nodes as far as they were reckoned, `of` how many there will be (0: nobody asked); `reckoned` is the version that
    they are about.
    """

    marks: tuple[Supposition, ...] = ()
    answer: Answer | None = None
    version: str = ""
    said: str = ""
    losses: tuple[Loss, ...] = ()
    of: int = 0
    reckoning: bool = False
    reckoned: str = ""

    def fate(self, about: str) -> Fate | None:
        """How something is marked."""
        return next((one.fate for one in self.marks if one.about == about), None)

    def next_mark(self, about: str, fates: tuple[Fate, ...]) -> Supposed:
        """With the next fate for something; after the last one it has none."""
        ways = (None, *fates)
        now = self.fate(about)
        then = ways[(ways.index(now) + 1) % len(ways)] if now in ways else None
        kept = tuple(one for one in self.marks if one.about != about)
        return replace(self, marks=(*kept, Supposition(then, about)) if then else kept, answer=None, said="")


NOTHING = Supposed()
