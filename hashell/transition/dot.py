"""Dot: the actions of a transition and what waits for what, for Graphviz.

Source: crm_simulate's --save-dotfile; lib/pacemaker/pcmk_simulate.c decides colours and styles.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DotNode:
    """One action. It is drawn bold and green when it is in the graph; else dashed: red when it cannot run, blue when it
    need not, red with purple letters when its resource is not managed."""

    name: str
    in_graph: bool
    pseudo: bool = False
    unmanaged: bool = False
    optional: bool = False

    @property
    def always_drawn(self) -> bool:
        """What is neither in the graph nor wanted is drawn only where all actions are asked for."""
        return self.in_graph or not (self.unmanaged or self.optional)

    def line(self) -> str:
        font = "orange" if self.pseudo else "black"
        style, color = "dashed", "red"
        if self.in_graph:
            style, color = "bold", "green"
        elif self.unmanaged:
            font = "purple"
        elif self.optional:
            color = "blue"
        return f'"{self.name}" [ style={style} color="{color}" fontcolor="{font}"]'


@dataclass(frozen=True, slots=True)
class DotEdge:
    """`before` has to be done before `after`; `graphed` when the graph says so."""

    before: str
    after: str
    graphed: bool

    def line(self) -> str:
        return f'"{self.before}" -> "{self.after}" [ style = {"bold" if self.graphed else "dashed"}]'


def dot_text(nodes: Iterable[DotNode], edges: Iterable[DotEdge]) -> str:
    """The whole file, in the order given."""
    lines = [' digraph "g" {', *(node.line() for node in nodes), *(edge.line() for edge in edges), "}"]
    return "\n".join(lines) + "\n"
