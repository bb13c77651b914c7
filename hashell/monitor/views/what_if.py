"""What if: the live tree with ghosts where everything would be, and what the loss of each node would mean.

In:  the scene and what is supposed (`Wishes.supposed`: marks, the scheduler's answer, the losses reckoned so far).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hashell.monitor.glyphs import Glyphs
from hashell.monitor.lines import Line, Span
from hashell.monitor.scene import Scene
from hashell.monitor.supposed import Supposed
from hashell.monitor.views import View, Wishes, overview
from hashell.simulate.losses import Loss
from hashell.simulate.suppose import Ghost

#: Resources named in one line of a loss.
NAMES_MAX = 6


def build(scene: Scene, wishes: Wishes) -> Sequence[Line]:
    """Headline, tree with ghosts, table of losses."""
    if scene.cib is None:
        return ()
    supposed, glyphs = wishes.supposed, wishes.glyphs
    version = str(scene.cib.version)
    lines = [*_headline(supposed, version)]
    tree = overview.survey(scene, replace(wishes, sections=frozenset(), by_node=False)).lines
    ghosts = {} if supposed.answer is None else {ghost.resource: _Places(ghost) for ghost in supposed.answer.ghosts}
    for line in tree:
        if line.kind in ("node", "resource") or line.key in ("heading:nodes", "heading:resources"):
            lines.append(_marked(line, supposed, ghosts, glyphs))
    for name, places in ghosts.items():
        for node in places.left():
            lines.append(Line(
                f"ghost:{name}:{node}", (Span(f"   {name} "), Span(f"{glyphs.arrow} {node}", "pending", True)),
                "resource", name, node,
            ))
    return [*lines, *_losses(supposed, version, glyphs)]


def _headline(supposed: Supposed, version: str) -> Iterator[Line]:
    if not supposed.marks:
        yield _note("what-if", " space marks a node as lost or standby, a resource as failed or stopped", "muted")
        return
    told = ", ".join(f"{one.about} {one.fate.value}" for one in supposed.marks)
    yield Line("what-if", (Span(" What if ", "accent", True), Span(told, bold=True)), selectable=False)
    answer = supposed.answer
    if answer is None:
        yield _note("what-if:said", f" {supposed.said or 'asking the scheduler …'}", "pending")
        return
    loss = answer.loss
    parts = [Span("   all that runs would run on" if loss.survived else f"   {len(loss.down)} would stay down",
                  "ok" if loss.survived else "fail", True)]
    moved = sum(1 for ghost in answer.ghosts if ghost.then and ghost.then != ghost.now)
    parts.append(Span(f", {moved} would be elsewhere" if moved else ", nothing would move"))
    parts += [Span(f", {text}", "warn") for text in _circumstances(loss)]
    if supposed.version != version:
        parts.append(Span(f"  (as of {supposed.version}; w asks again)", "muted"))
    yield Line("what-if:answer", tuple(parts), selectable=False)
    for name, why in loss.reasons:
        yield _note(f"what-if:why:{name}", f"   {name}: {why}", "warn")


def _circumstances(loss: Loss) -> Iterator[str]:
    if not loss.quorum:
        yield "no quorum"
    if loss.fenced:
        yield f"{' '.join(loss.fenced)} fenced"
    if loss.unfenced:
        yield f"{' '.join(loss.unfenced)} cannot be fenced"
    if not loss.at_rest:
        yield "it finds no rest"


class _Places:
    """Hands the places of a ghost out to the rows of its resource: a clone has several."""

    def __init__(self, ghost: Ghost) -> None:
        now, then = dict(ghost.now), dict(ghost.then)
        self.gone = set(now) - set(then)
        self.coming = [(node, role) for node, role in ghost.then if node not in now]
        self.roles = {node: role for node, role in then.items() if node in now and now[node] != role}

    def of(self, where: str) -> tuple[str, str] | None:
        """(words, meaning) for the row of the instance on `where`, or of one that runs nowhere."""
        if where in self.roles:
            return self.roles[where], "promoted" if self.roles[where] == "Promoted" else "pending"
        if where and where not in self.gone:
            return None
        if self.coming:
            node, role = self.coming.pop(0)
            return node + (f" {role}" if role not in ("Started", "Unpromoted") else ""), "pending"
        return ("stopped", "fail") if where else None

    def left(self) -> list[str]:
        """Where it would run and no row is left to say so."""
        return [node for node, _ in self.coming]


def _marked(line: Line, supposed: Supposed, ghosts: dict[str, _Places], glyphs: Glyphs) -> Line:
    spans = line.spans
    if line.kind == "resource" and line.about in ghosts and len(spans) > 4:
        told = ghosts[line.about].of(line.node)
        if told is not None:
            # Instead of the agent's name: at 80 columns there is room for one of them.
            spans = (*spans[:4], Span(f"{glyphs.arrow} {told[0]}", told[1], True))
    fate = supposed.fate(line.about) if line.kind in ("node", "resource") else None
    if fate is not None:
        place = 2 if line.kind == "node" else min(2, len(spans))
        spans = (*spans[:place], Span(f"[{fate.value}] ", "fenced", True), *spans[place:])
    return replace(line, spans=spans)


def _losses(supposed: Supposed, version: str, glyphs: Glyphs) -> Iterator[Line]:
    if not supposed.of and not supposed.reckoning:
        yield Line("heading:losses", (
            Span("If one node is lost", "accent", True), Span("   N reckons it for every node", "muted"),
        ), "heading", selectable=False)
        return
    how = f"   {len(supposed.losses)} of {supposed.of or '?'} reckoned, N stops" if supposed.reckoning else ""
    if not supposed.reckoning and supposed.reckoned != version:
        how = f"   as of {supposed.reckoned}; N reckons again"
    yield Line("heading:losses", (Span("If one node is lost", "accent", True), Span(how, "muted")), "heading",
               selectable=False)
    for loss in supposed.losses:
        name = " + ".join(loss.lost)
        sign = ("ok", "survived") if loss.survived else ("fail", f"{len(loss.down)} stay down")
        moves = ", ".join(f"{one.resource} {glyphs.arrow} {' '.join(one.target)}" for one in loss.moved[:NAMES_MAX])
        more = f" and {len(loss.moved) - NAMES_MAX} more" if len(loss.moved) > NAMES_MAX else ""
        also = "".join(f"  {text}" for text in _circumstances(loss) if not text.endswith(" fenced"))
        yield Line(
            f"loss:{name}",
            (
                Span(f" {glyphs.of(sign[0])} ", sign[0]), Span(f"{name:<16} ", bold=True),
                Span(f"{sign[1]:<14} ", sign[0]), Span(f"{moves}{more}"), Span(also, "warn"),
            ),
            "loss", name, name, 0 if loss.survived else 2,
        )
        for resource in loss.down[:NAMES_MAX]:
            why = next((f": {text}" for known, text in loss.reasons if known == resource), "")
            yield _note(f"loss:{name}:{resource}", f"      {resource} stays down{why}", "warn", f"loss:{name}")
        if len(loss.down) > NAMES_MAX:
            yield _note(f"loss:{name}:more", f"      and {len(loss.down) - NAMES_MAX} more stay down", "warn",
                        f"loss:{name}")


def _note(key: str, text: str, meaning: str, parent: str = "") -> Line:
    return Line(key, (Span(text, meaning),), parent=parent, selectable=False)


VIEW = View(
    "what_if", build, frozenset({"cib", "info"}), heavy=True, empty="waiting for the cluster …",
    help=(("space", "mark: lost, standby; failed, stopped"), ("N", "the loss of every node"), ("w", "ask again")),
)
