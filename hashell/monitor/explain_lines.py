"""Why is it here: what the scheduler adds up for each node, as lines.

In:  the CIB and a resource. Out: for each node the score and, where the scheduler kept them, the
terms of the sum.
"""

from __future__ import annotations

from hashell.cib.document import Cib
from hashell.errors import HashellError
from hashell.monitor.glyphs import Glyphs
from hashell.monitor.lines import Line, Span
from hashell.simulate.run import decide
from hashell.values.scores import INFINITY, show_score


def build(cib: Cib, resource: str, glyphs: Glyphs, now_s: float) -> list[Line]:
    """One line a node, best first, with its terms below."""
    try:
        decision = decide(cib, now_s, 0)
    except HashellError as error:
        return [Line("why", (Span(f" the scheduler cannot say: {error}", "fail"),), selectable=False)]
    raise NotImplementedError(decision, resource, glyphs, INFINITY, show_score)
