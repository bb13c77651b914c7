"""Where the cluster's news go: above the prompt while a person types; while a command waits, above its live line."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable


class News:
    """`live` shows a line that the next one replaces, an empty one takes it away; None where nobody watches."""

    def __init__(self, live: Callable[[str], None] | None) -> None:
        self._out = live
        self._line = ""
        self._lock = threading.Lock()

    def live(self, text: str) -> None:
        """The live line of a command that waits."""
        with self._lock:
            self._line = text
            if self._out is not None:
                self._out(text)

    def write(self, text: str) -> None:
        """Whole lines while nobody types, from another thread than the command's."""
        with self._lock:
            shown = bool(self._line) and self._out is not None
            sys.stdout.write(f"\r\x1b[K{text}" if shown else text)
            sys.stdout.flush()
            if shown and self._out is not None:
                self._out(self._line)
