"""Garbage: none is looked for while a cluster is read or scheduled.

Both make many objects that all live until the end, and Python's collector would look through them again and again.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Iterator[None]:
    """The collector rests meanwhile, and goes on if it was on before."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
