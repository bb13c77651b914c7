"""Garbage: none is looked for while a cluster is read or scheduled.

Both make many objects that all live until the end, and Python's collector would look through them again and again.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: Objects more than before at which the youngest are looked through, and how often those before older ones are.
_SELDOM = (50_000, 20, 100)


def look_seldom() -> None:
    """For a process that does little but decide: a decision takes apart by itself what refers to one another, and
    looking for the rest through all that is kept of a large cluster takes a second.
    """
    gc.set_threshold(*_SELDOM)


@contextmanager
def collection_paused() -> Iterator[None]:
    """The collector rests meanwhile, and goes on if it was on before.

    What was made counts as old from then on: it was made to stay, and looking it through as if it were new would cost
    a tenth of a second with a large cluster. Whoever froze objects before keeps them frozen.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()
