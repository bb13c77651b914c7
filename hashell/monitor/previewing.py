"""What an act would change and bring about, found out before it is done: beside the screen, which goes on."""

from __future__ import annotations

import asyncio
import difflib
from contextlib import aclosing
from dataclasses import dataclass

from hashell.cib.document import Cib
from hashell.monitor.acts import Act
from hashell.monitor.asking import ask
from hashell.monitor.language import Language
from hashell.monitor.screens.preview import Foreseen
from hashell.monitor.views.configuration import xml_lines
from hashell.simulate.suppose import Question


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference in lines, what was said on the way, and the CIB as it would be."""

    lines: tuple[str, ...]
    warnings: tuple[str, ...]
    after: bytes


async def changes(act: Act, cib: Cib, language: Language | None) -> Changes:
    """Try an act on a CIB, in a thread. Raises HashellError where it does not fit."""
    return await asyncio.to_thread(_changes, act, cib, language)


def _changes(act: Act, cib: Cib, language: Language | None) -> Changes:
    tried = act.tried_on(cib)
    if act.edit is None:
        return Changes((), (), b"")
    before, after = (_text(one, language) for one in (cib, tried.cib))
    found = difflib.unified_diff(before, after, lineterm="", n=1)
    lines = tuple(line for line in found if not line.startswith(("+++", "---", "@@")))
    if not lines:  # where the language says no more of it than stars, or nothing
        before, after = _text(cib, None), _text(tried.cib, None)
        found = difflib.unified_diff(before, after, lineterm="", n=1)
        lines = tuple(line for line in found if not line.startswith(("+++", "---", "@@")))
    return Changes(lines, tried.warnings, tried.cib.to_bytes())


def _text(cib: Cib, language: Language | None) -> list[str]:
    if language is None:
        return [line.text for line in xml_lines(cib)]
    return language.text(cib).expandtabs(4).splitlines()


async def foresee(cib: bytes) -> Foreseen:
    """What the cluster would do next with this CIB, from a scheduler in a process of its own."""
    async with aclosing(ask(Question(decide=True), cib)) as words:
        async for word in words:
            return Foreseen(word.counts, word.summary, word.error)
    return Foreseen(error="the scheduler gave no answer")
