"""Signs on terminals that show nothing but ASCII: which terminals these are, and what stands for our signs there."""

from __future__ import annotations

import codecs
import os
import sys
from typing import TextIO

#: Our own signs → what stands for them.
_PLAIN = str.maketrans({"…": "...", "→": "->", "✖": "x", "▲": "!", "·": "-", "│": "|", "“": '"', "”": '"'})
#: Terminals without other letters.
_OLD = frozenset({"dumb", "linux", "vt100", "vt102", "vt220"})
#: Name of the handler that writes a sign as ASCII.
_ERRORS = "hashell-signs"


def only_ascii(display: str = "") -> bool:
    """Asked for with -D plain, an old terminal, or a locale that says nothing of UTF-8."""
    if "plain" in display.split(",") or os.environ.get("TERM") in _OLD:
        return True
    # The interpreter writes UTF-8 in the locale C as well, and says so here; PYTHONUTF8 is somebody's wish.
    in_c = bool(sys.flags.utf8_mode) and not os.environ.get("PYTHONUTF8") and "utf8" not in sys._xoptions
    return in_c or "utf" not in (sys.stdout.encoding or "utf-8").lower()


def to_ascii(text: str) -> str:
    """The text with plain signs; letters that are none of ours become question marks."""
    return text if text.isascii() else text.translate(_PLAIN).encode("ascii", "replace").decode("ascii")


def settle(display: str) -> None:
    """Let what goes to a terminal be ASCII where that is all it shows; what goes into files and pipes stays whole."""
    if not only_ascii(display):
        return
    codecs.register_error(_ERRORS, _plain)
    for stream in (sys.stdout, sys.stderr):
        if stream.isatty() and hasattr(stream, "reconfigure"):
            _reconfigure(stream)


def _reconfigure(stream: TextIO) -> None:
    stream.reconfigure(encoding="ascii", errors=_ERRORS)  # type: ignore[attr-defined]


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return to_ascii(error.object[error.start : error.end]), error.end
