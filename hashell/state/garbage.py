"""Garbage: none is looked for while a cluster is read or scheduled.

Both make many objects that all live until the end, and Python's collector would look through them again and again.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
