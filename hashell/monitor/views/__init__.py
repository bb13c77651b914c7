"""Views: what each part of the screen shows, as pure builders of lines. No Textual here, no clock, no files.

In:  a `Scene` (the cluster at a moment) and `Wishes` (how it is to be drawn, what it is about).
Out: lines (`hashell.monitor.lines`), of which `LineView` draws those on the screen.
To change: a screen: its module here; which screens there are, in which order and on which digit: all.py. A new one is
           a module with a `build(scene, wishes)` and a `VIEW`, and a line in all.py; its keys stand in its `help`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hashell.cib.document import Cib
from hashell.monitor.glyphs import UNICODE, Glyphs
from hashell.monitor.lines import Line
from hashell.monitor.scene import Scene
from hashell.monitor.supposed import NOTHING, Supposed

#: A configuration as text in the crm language, wired in from the shell.
CrmText = Callable[[Cib], str]


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a person wants it: `width` and `height` in cells of the pane; `sections` are those of the overview that are
    asked for beside the usual; `about` is the thing that a view is asked about (why: a resource).

    `winning`: what must change for a node to win what `about` names, by node; None while that is asked.
    `level` (the lowest that is shown) and `only_node` are for the logs.
    `shape`: of the configuration: crm, tree, xml or picture.
    `marks`: things that were marked with space, by their line's keys. `supposed` is what the view what_if is about.
    `now_s` is the clock, for ages in live scenes.
    """

    glyphs: Glyphs = UNICODE
    width: int = 80
    height: int = 24
    sections: frozenset[str] = frozenset()
    by_node: bool = False
    about: str = ""
    marks: frozenset[str] = frozenset()
    crm_text: CrmText | None = None
    shape: str = "crm"
    now_s: float = 0.0
    supposed: Supposed = NOTHING
    level: str = ""
    only_node: str = ""
    winning: Mapping[str, Sequence[str] | None] = field(default_factory=dict)


Builder = Callable[[Scene, Wishes], Sequence[Line]]


@dataclass(frozen=True, slots=True)
class View:
    """One screen. `reads`: the parts of a scene whose change makes it old (cib, info, events, transition, history,
    probes). `heavy`: built in a thread, since it can take longer than a frame. `asked`: built when somebody asks about
    a thing (`Wishes.about`), not on every change. `follow`: stays at its end when the cursor is there. `seeks`: words
    that are looked for leave no row out, they are gone to.
    `help`: (key, what it does) of the keys that mean something here only.
    """

    name: str
    build: Builder
    reads: frozenset[str]
    heavy: bool = False
    asked: bool = False
    follow: bool = False
    seeks: bool = False
    empty: str = "nothing here"
    help: tuple[tuple[str, str], ...] = ()
