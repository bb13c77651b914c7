"""The transition that runs now, as lines: a lane a node with what it does, waits for, has done; the critical path."""

from __future__ import annotations

from collections.abc import Sequence

from hashell.monitor.forecast import Forecast, forecast
from hashell.monitor.lines import Line, Span
from hashell.monitor.scene import Scene, TransitionNow
from hashell.monitor.views import View, Wishes
from hashell.monitor.views.times import took
from hashell.transition.graph import Action, ActionKind

#: state of an action → meaning that colours it
MEANING = {
    "waiting": "muted", "running": "pending", "done": "ok", "failed": "fail", "skipped": "stale",
}
#: In this order in a lane that has more actions than LANE_MAX; a shorter one has the order of the graph.
ORDER = {"failed": 0, "running": 1, "waiting": 2, "skipped": 3, "done": 4}
LANE_MAX = 12


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
    words = f"transition {now.number} {now.result or 'ended'} in {took(now.duration_ms / 1000)}"
    if failed:
        words += f", {failed} failed"
    if now.reason:
        words += f": {now.reason}"
    return words


def build(scene: Scene, wishes: Wishes) -> Sequence[Line]:
    """The last transition: where it stands, what everything waits for, then each node with its actions."""
    now = scene.transition
    now_s = wishes.now_s if scene.live else scene.when_s
    return lines(now, wishes, forecast(now, scene.earlier, now_s), now_s)


def lines(now: TransitionNow, wishes: Wishes, ahead: Forecast, now_s: float) -> list[Line]:
    """A headline, the progress, the critical path, then a lane a node."""
    if now.graph is None and not now.number:
        return []
    told = [Line("transition", (Span(f" {headline(now)}", "accent", True),), "transition", selectable=False)]
    total = len(now.real_actions())
    if now.running and total:
        told.append(_progress(now, ahead, wishes, now_s))
    if len(ahead.path) > 1:
        told.append(_critical(now, ahead, wishes, now_s))
    lanes: dict[str, list[Action]] = {}
    for action in now.real_actions():
        lanes.setdefault(action.node or now.dc or "cluster", []).append(action)
    path = frozenset(ahead.path)
    for node in sorted(lanes):
        states = [_state(now, action.id) for action in lanes[node]]
        open_ = sum(1 for state in states if state in ("waiting", "running"))
        count = f"{len(states) - open_} of {len(states)}" if open_ else f"{len(states)} done"
        if any(state in ("failed", "skipped") for state in states):
            count = ", ".join(
                f"{number} {word}" for word in ("done", "failed", "skipped")
                if (number := sum(1 for state in states if state == word))
            )
        told.append(Line(
            f"lane:{node}", (Span(f" {node} ", "foreground", True), Span(f" {count}", "muted")), "node", node, node,
        ))
        lane = lanes[node]
        if len(lane) > LANE_MAX:  # what goes on must not drown in what waits
            lane = sorted(lane, key=lambda action: ORDER.get(_state(now, action.id), 9))
        told += [_action(now, action, ahead, wishes, now_s, critical=action.id in path) for action in lane]
    return told


def _state(now: TransitionNow, action: int) -> str:
    state = now.step(action).state
    return "skipped" if not now.running and state in ("waiting", "running") else state


def _progress(now: TransitionNow, ahead: Forecast, wishes: Wishes, now_s: float) -> Line:
    total = len(now.real_actions())
    done = total - now.count("waiting") - now.count("running")
    width = max(10, min(40, wishes.width - 40))
    cells = round(done / total * width)
    left = "time left not known yet" if ahead.left_s is None else f"about {took(ahead.left_s)} left"
    return Line(
        "progress",
        (
            Span(" "), Span(wishes.glyphs.bar * cells, "ok"), Span(wishes.glyphs.rule * (width - cells), "muted"),
            Span(f"  {took(max(0.0, now_s - now.began_s))} so far, {left}"),
        ),
        "text", selectable=False,
    )


def _critical(now: TransitionNow, ahead: Forecast, wishes: Wishes, now_s: float) -> Line:
    actions = {action.id: action for action in now.real_actions()}
    spans = [Span(" critical path: ", "muted")]
    for place, number in enumerate(ahead.path):
        if place:
            spans.append(Span(f" {wishes.glyphs.arrow} ", "muted"))
        state = _state(now, number)
        spans.append(Span(describe(actions[number]), MEANING.get(state, "unknown") if state != "waiting" else ""))
        spans.append(Span(_time(now, actions[number], ahead, now_s, short=True), "muted"))
    return Line("critical", tuple(spans), "text", selectable=False)


def _time(now: TransitionNow, action: Action, ahead: Forecast, now_s: float, *, short: bool = False) -> str:
    """How long it took, takes or will take."""
    step, state = now.step(action.id), _state(now, action.id)
    usual_s = ahead.expected_s.get(action.id)
    if state in ("done", "failed") and step.began_s and step.ended_s:
        return f" {took(step.ended_s - step.began_s)}"
    if state == "running" and step.began_s:
        usual = f" of about {took(usual_s)}" if usual_s is not None and not short else ""
        return f" {took(max(0.0, now_s - step.began_s))}{usual}"
    if state == "waiting" and usual_s is not None and not short:
        return f" about {took(usual_s)}"
    return ""


def _action(
    now: TransitionNow, action: Action, ahead: Forecast, wishes: Wishes, now_s: float, *, critical: bool
) -> Line:
    state = _state(now, action.id)
    meaning = MEANING.get(state, "unknown")
    text = describe(action)
    return Line(
        f"action:{now.number}:{action.id}",
        (
            Span(f"  {wishes.glyphs.arrow if critical else ' '}", "accent"),
            Span(f"{wishes.glyphs.of(meaning)} ", meaning), Span(f"{state:<8}", meaning, state == "running"),
            Span(f"{text:<{max(20, min(44, wishes.width - 36))}}",
                 "foreground" if state in ("running", "failed") else "muted", state == "running"),
            Span(_time(now, action, ahead, now_s), "muted"),
        ),
        "action", action.primitive.id if action.primitive else action.task, action.node or now.dc,
        fault=2 if state == "failed" else 0, depth=1, parent=f"lane:{action.node or now.dc or 'cluster'}",
    )


VIEW = View("transition", build, frozenset({"transition"}), heavy=True, empty="no transition yet")
