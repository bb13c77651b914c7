"""`hashell demo`: a cluster on this machine, a service on it, and stories of what breaks; the outage in seconds.

    hashell demo                              the monitor; key ! breaks something
    hashell demo --headless --story all       told on a plain terminal; --json for programs
    hashell demo --tutorial all               tutorials typed as they are written, in pcs and in crm (typed.py)
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from hashell.errors import BadUsage, HashellError
from hashell.lab import scenario
from hashell.lab.namespaces import in_user_namespace
from hashell.lab.probe import Gap
from hashell.lab.scenario import Outcome, Story
from hashell.lab.stage import LoopbackStage, ServiceStage
from hashell.lab.timeline import Moment, Timeline

#: The stories that the demo tells, in an order in which each begins where the last ended.
STORIES = ("process", "standby", "node", "failback", "freeze")
#: The story with a stage of its own: machines in namespaces.
TUTORIAL = "tutorial"

#: Seconds that the service gets to answer before a story begins and when it has ended: one look may fall between.
ANSWER_S = 5.0
#: What the entry point joins us with: shows the monitor for a socket with the demo's control; its exit code.
OpenMonitor = Callable[[str, "DemoControl"], int]


@dataclass(frozen=True, slots=True)
class Told:
    """A story that was told, with the gaps that the client saw meanwhile."""

    story: Story
    outcome: Outcome
    gaps: tuple[Gap, ...]

    @property
    def longest_s(self) -> float:
        return max((gap.seconds for gap in self.gaps), default=0.0)


class DemoControl:
    """What a screen needs to break things: the stories, what was told, and a way to begin one.

    `break_` returns at once; the story runs in a thread. `timeline.moments` grows at its end.
    """

    def __init__(self, stage: ServiceStage, stories: Sequence[Story]) -> None:
        self._stories: tuple[Story, ...] = tuple(stories)
        self.told: list[Told] = []
        self.timeline: Timeline = stage.timeline
        self._stage = stage
        self._thread: threading.Thread | None = None
        self._running = ""

    @property
    def running(self) -> str:
        """The story that is being told; empty between stories."""
        return self._running if self._thread is not None and self._thread.is_alive() else ""

    @property
    def outages(self) -> tuple[Gap, ...]:
        """Every gap that the client saw since the beginning, oldest first."""
        return tuple(self._stage.probe.gaps)

    @property
    def doubles(self) -> tuple[str, ...]:
        """Signs of two owners at a time; empty unless something is badly wrong."""
        return tuple(self._stage.probe.doubles)

    @property
    def serving(self) -> str:
        """The node that answers now; empty when nobody does."""
        return self._stage.owner()

    @property
    def service(self) -> str:
        """Where the service is, for people: address and port."""
        return self._stage.service

    def stories(self) -> list[tuple[str, str]]:
        """(name, what happens in it) of each story."""
        return [(story.name, story.title) for story in self._stories]

    def outage_line(self) -> str:
        """What the client sees now, in a few words."""
        serving = self.serving
        now = f"service ok on {serving}" if serving else "service DOWN"
        gaps = self.outages
        last = f" · last outage {gaps[-1].seconds * 1000:.0f} ms" if gaps else ""
        told = f" · {self.running}" if self.running else ""
        return now + last + told

    def break_(self, name: str) -> str:
        """Begin a story; a line for people. While another is told nothing begins. Raises NotFound for an unknown
        name."""
        if self.running:
            return f"the story {self.running!r} is still being told"
        scenario.check_names([name], [story.name for story in self._stories])
        (story,) = (story for story in self._stories if story.name == name)
        self._running = name
        self._thread = threading.Thread(target=self.tell, args=(story,), daemon=True)
        self._thread.start()
        return f"{story.title}: it begins"

    def tell(self, story: Story) -> Told:
        """Tell a story here and now, and keep what came of it."""
        stage = self._stage
        self.timeline.add("story", story.title)
        first = len(stage.probe.gaps)
        doubles = len(stage.probe.doubles)
        self._complaint()
        outcome = scenario.tell(story, stage, lambda text: self.timeline.add("step", text))
        problem = outcome.problem
        if not problem and len(stage.probe.doubles) > doubles:
            problem = f"two owners: {stage.probe.doubles[-1]}"
        problem = problem or self._complaint()
        if problem:
            outcome = Outcome(story.name, outcome.began_s, outcome.ended_s, problem, outcome.owner)
            self.timeline.add("problem", problem)
        told = Told(story, outcome, tuple(stage.probe.gaps[first:]))
        self.told.append(told)
        self.timeline.add("story", _summary(told))
        return told

    def _complaint(self) -> str:
        """Why the service does not answer, empty as soon as it does."""
        deadline_s = time.monotonic() + ANSWER_S
        while complaint := self._stage.complaint("answers", "", "", ""):
            if time.monotonic() > deadline_s:
                break
            time.sleep(scenario.LOOK_S)
        return complaint


def _summary(told: Told) -> str:
    if not told.outcome.good:
        return f"{told.story.name}: NOT as it should be: {told.outcome.problem}"
    gaps = ", ".join(
        f"{gap.seconds:.2f} s ({gap.before} → {gap.after})" if gap.before != gap.after
        else f"{gap.seconds:.2f} s ({gap.after})"
        for gap in told.gaps
    )
    return f"{told.story.name}: good; outages: {gaps or 'none'}"


# --- the command


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadUsage(f"hashell demo: {message}", "see hashell demo --help")


def parser() -> argparse.ArgumentParser:
    """The command line of `hashell demo`."""
    made = _Parser(
        prog="hashell demo", allow_abbrev=False,
        description="A cluster of real daemons on this machine, a service, and what breaks it.",
    )
    add = made.add_argument
    add("--nodes", type=int, default=3, metavar="N", help="2 to 8 nodes (default 3)")
    add("--story", action="append", metavar="NAME",
        help=f"{', '.join(STORIES)}, {TUTORIAL} (root) or all; may be given several times")
    add("--headless", action="store_true", help="tell the story on a plain terminal, no monitor")
    add("--json", action="store_true", help="headless; one JSON document on standard output")
    add("--keep", action="store_true", help="leave the nodes' folders, with their logs")
    add("--folder", metavar="DIR", help="put the nodes' folders there, and leave them")
    add("--tutorial", action="append", metavar="NAME", help="play a tutorial's lines as typed; all plays every one")
    add("--language", default="both", choices=("pcs", "crm", "both"), help="of the tutorial's lines (default both)")
    add("--list", action="store_true", help="list the stories and end")
    return made


def main(argv: Sequence[str], open_monitor: OpenMonitor | None = None) -> int:
    """The command; its exit code: 0 when after every story the service answered on one node, and never on two."""
    try:
        options = parser().parse_args(argv)
        if options.tutorial:
            from hashell.lab import typed

            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, _interrupt)
            return typed.main(options.tutorial, options.language)
        stories = [scenario.load_story(scenario.folder() / f"{name}.toml") for name in (*STORIES, TUTORIAL)]
        # Without a terminal there is no screen to show the monitor on.
        headless = options.headless or options.json or open_monitor is None or not sys.stdout.isatty()
        wanted = options.story or (["all"] if headless else [])
        names = list(STORIES) if "all" in wanted else wanted
        scenario.check_names(names, (*STORIES, TUTORIAL))
        if TUTORIAL in names and len(names) > 1:
            raise BadUsage("the tutorial has machines of its own", "tell it by itself: --story tutorial")
        if options.list:
            for story in stories:
                print(f"{story.name:10} {story.title}. {story.about}")
            from hashell.lab import typed

            for name in typed.names():
                tutorial = typed.load(name)
                print(f"{f'--tutorial {name}':10} {tutorial.title}. {tutorial.about}")
            return 0
        if TUTORIAL in names:
            code = in_user_namespace([sys.executable, "-m", "hashell", "demo", *argv])
            if code is not None:
                return code
        return _run(options, stories, names, None if headless else open_monitor)
    except HashellError as error:
        print(f"hashell demo: {error}", file=sys.stderr)
        return error.exit_code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0


def _run(
    options: argparse.Namespace, stories: list[Story], names: list[str],
    open_monitor: OpenMonitor | None,
) -> int:
    out = sys.stderr if options.json else sys.stdout
    timeline = Timeline()
    timeline.show = lambda moment: print(_line(moment, timeline.began_s), file=out, flush=True)
    # A terminal that is closed, or `kill`: end as for Ctrl-C, so that nothing is left behind.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    stage = _stage(options, stories, names, timeline)
    try:
        stage.build()
        control = DemoControl(stage, [story for story in stories if story.plan is None])
        if open_monitor is not None:
            timeline.show = None
            for name in names[:1]:
                control.break_(name)
            last = stage.cluster.place(stage.cluster.nodes[-1])
            return open_monitor(str(last.socket), control)
        by_name = {story.name: story for story in stories}
        for name in names:
            if not control.tell(by_name[name]).outcome.good:
                break
        if options.json:
            print(json.dumps(_document(control, stage, names), indent=1))
        return 0 if _good(control, names) else 1
    finally:
        timeline.show = None
        stage.close()
        if options.keep and not options.folder:
            print(f"kept: {stage.cluster.folder}", file=sys.stderr)


def _stage(
    options: argparse.Namespace, stories: Sequence[Story], names: Sequence[str], timeline: Timeline
) -> ServiceStage:
    """The stage that the stories need."""
    folder = Path(options.folder) if options.folder else None
    for story in stories:
        if story.name in names and story.plan is not None:
            from hashell.lab.tutorial import TutorialStage

            return TutorialStage(story.plan, folder=folder, keep=options.keep, timeline=timeline)
    return LoopbackStage(options.nodes, folder=folder, keep=options.keep, timeline=timeline)


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


_MARKS = {"story": "══", "step": "──", "service": "  ▸", "event": "    ", "problem": "!!"}


def _line(moment: Moment, began_s: float) -> str:
    mark = _MARKS.get(moment.kind, "  ")
    return f"{moment.at_s - began_s:8.3f}  {mark} {moment.text}"


def _good(control: DemoControl, names: Sequence[str]) -> bool:
    told = [one.story.name for one in control.told if one.outcome.good]
    return told == list(names) and not control.doubles


def _document(control: DemoControl, stage: ServiceStage, names: Sequence[str]) -> dict[str, Any]:
    """What a program reads: seconds count from the start of the demo."""
    began_s = control.timeline.began_s
    return {
        "good": _good(control, names),
        "nodes": list(stage.cluster.nodes),
        "service": control.service,
        "formed_s": round(stage.formed_s, 3),
        "serving_s": round(stage.serving_s, 3),
        "stories": [
            {
                "name": told.story.name,
                "good": told.outcome.good,
                "problem": told.outcome.problem,
                "seconds": round(told.outcome.ended_s - told.outcome.began_s, 3),
                "owner": told.outcome.owner,
                "longest_outage_ms": round(told.longest_s * 1000),
                "outages": [
                    {
                        "at_s": round(gap.began_s - began_s, 3), "seconds": round(gap.seconds, 3),
                        "before": gap.before, "after": gap.after,
                    }
                    for gap in told.gaps
                ],
            }
            for told in control.told
        ],
        "two_owners": list(control.doubles),
        "timeline": [
            {"at_s": round(moment.at_s - began_s, 3), "kind": moment.kind, "text": moment.text}
            for moment in control.timeline.moments
        ],
    }
