"""The transition that runs now, as lines: what each node does, waits for and has done.

A lane a node, in the order of the graph.
"""

from __future__ import annotations

from collections.abc import Sequence

from hashell.monitor.glyphs import Glyphs
from hashell.monitor.lines import Line, Span
from hashell.monitor.scene import Scene, TransitionNow
from hashell.monitor.views import View, Wishes
from hashell.transition.graph import Action, ActionKind

#: state of an action → meaning that colours it
MEANING = {
    "waiting": "muted", "running": "pending", "done": "ok", "failed": "fail", "skipped": "stale",
}


def describe(action: Action) -> str:
    """`start web`, `monitor web every 10s`, `fence node2`, as a person would say it."""
    if action.task == "stonith":
        return f"fence {action.node} ({action.attributes.get('CRM_meta_stonith_action', 'reboot')})"
    if action.kind is ActionKind.CLUSTER:
        return action.task.replace("_", " ") + (f" {action.node}" if action.node else "")
    name = action.primitive.id if action.primitive is not None else action.key
    if action.task == "monitor":
        if action.interval_ms:
            return f"monitor {name} every {action.interval_ms / 1000:g}s"
        return f"probe {name}"
    return f"{action.task} {name}"


def headline(now: TransitionNow) -> str:
    """One line that says where it stands."""
    total = len(now.real_actions())
    if not now.number and now.graph is None:
        return "no transition yet"
    if now.running:
        return (
            f"transition {now.number} runs: {now.count('done')} of {total} done, "
            f"{now.count('running')} running"
        )
    failed = now.count("failed")
    words = f"transition {now.number} {now.result or 'ended'} in {seconds(now.duration_ms)}"
    if failed:
        words += f", {failed} failed"
    if now.reason:
        words += f": {now.reason}"
    return words


def seconds(milliseconds: int) -> str:
    """`340ms`, `1.2s`, `3m05s`."""
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f}s"
    minutes, rest = divmod(milliseconds // 1000, 60)
    return f"{minutes}m{rest:02d}s"


def build(scene: Scene, wishes: Wishes) -> Sequence[Line]:
    """The last transition."""
    return lines(scene.transition, wishes.glyphs)


def lines(now: TransitionNow, glyphs: Glyphs) -> list[Line]:
    """A headline, then each node with its actions."""
    result = [
        Line("transition", (Span(headline(now), "accent", True),), "transition", selectable=False)
    ]
    lanes: dict[str, list[Action]] = {}
    for action in now.real_actions():
        lanes.setdefault(action.node or now.dc or "cluster", []).append(action)
    for node in sorted(lanes):
        result.append(
            Line(f"lane:{node}", (Span(f" {node}", "foreground", True),), "node", node, node)
        )
        for action in lanes[node]:
            state = now.step(action.id).state
            if not now.running and state in ("waiting", "running"):
                state = "skipped"
            meaning = MEANING.get(state, "unknown")
            result.append(
                Line(
                    f"action:{now.number}:{action.id}",
                    (
                        Span(f"   {glyphs.of(meaning)} ", meaning),
                        Span(f"{state:<8}", meaning),
                        Span(describe(action), "foreground" if state == "running" else "muted"),
                    ),
                    "action", action.primitive.id if action.primitive else action.task, node,
                    fault=2 if state == "failed" else 0, depth=1, parent=f"lane:{node}",
                )
            )
    return result


VIEW = View("transition", build, frozenset({"transition"}), empty="no transition yet")
