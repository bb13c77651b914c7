"""Cases: a small cluster, what is to be decided for it, and whether another program decides the same.

A case is written once and held against the output of any program that speaks crm_simulate's words: the project's own
command everywhere, and Pacemaker's where it is installed. So an expectation that was misunderstood does not stand.

Source: the form of crm_simulate's output, lib/pacemaker/pcmk_output.c of Pacemaker.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hashell.simulate.main import main as simulate
from hashell.testing.clusters import Cluster

_HEADINGS = {
    "Current cluster status:": "before", "Transition Summary:": "summary",
    "Performing Requested Modifications:": "injected", "Executing Cluster Transition:": "executed",
    "Revised Cluster Status:": "after",
}
#: Words of 3.0 that 2.1 does not know yet, and the older ones that both understand.
_OLDER = (
    ('name="fencing-enabled"', 'name="stonith-enabled"'), ('name="fencing-action"', 'name="stonith-action"'),
    ('name="fencing-timeout"', 'name="stonith-timeout"'),
    (
        'validate-with="pacemaker-4.0"',
        'validate-with="pacemaker-3.9" admin_epoch="0" epoch="1" num_updates="0" crm_feature_set="3.16.0"',
    ),
)
#: Each program names the step that gave points in its own way.
_STEP = re.compile(r"^pcmk__\w+: ")
_NOW = "2024-01-01T00:00:00Z"
#: Lines that come again in the middle of others, or tell the time.
_ASIDE = ("Setting effective cluster time", "Injecting attribute")
#: Seconds for one run of another program.
_TIMEOUT_S = 30


@dataclass(frozen=True)
class Told:
    """One output, its lines without bullets and with single spaces, by section."""

    text: str
    sections: Mapping[str, tuple[str, ...]]
    graph: str = ""

    def lines(self, section: str) -> tuple[str, ...]:
        return self.sections.get(section, ())


def told(text: str, points: str = "", graph: str = "") -> Told:
    """Take an output apart; `points` is that of a run which shows nothing else, `graph` what was written."""
    sections: dict[str, list[str]] = {"scores": [_STEP.sub("", line) for line in points.splitlines()]}
    current = sections.setdefault("", [])
    for line in text.splitlines():
        bare = " ".join(line.replace("*", " ", 1).split())
        if line in _HEADINGS:
            current = sections.setdefault(_HEADINGS[line], [])
        elif bare and not bare.startswith(_ASIDE):
            current.append(bare)
    return Told(text, {name: tuple(lines) for name, lines in sections.items()}, graph)


@dataclass(frozen=True)
class Case:
    """What is to be decided for a cluster.

    features   what of the policy it is about
    changes    all lines of the transition summary, in any order
    does       lines of the executed transition, in this order, perhaps with others between
    never      words that no line of the executed transition has
    graph      what the transition graph has in it somewhere, as it is written
    scores     (resource, node) → points, as they are shown
    shows      lines of the revised status (parts of them are enough)
    argv       more words for the command
    differs    why 2.1 gives other lines elsewhere by design; then only what is stated here is confirmed, not the rest
    """

    name: str
    features: tuple[str, ...]
    cluster: Cluster
    changes: Sequence[str] | None = None
    does: Sequence[str] = ()
    never: Sequence[str] = ()
    graph: Sequence[str] = ()
    scores: Mapping[tuple[str, str], str] = field(default_factory=dict)
    shows: Sequence[str] = ()
    argv: Sequence[str] = ()
    differs: str = ""

    def write(self, folder: Path) -> list[str]:
        """The CIB in words that old and new versions understand, as a file; the words for the command."""
        text = self.cluster.cib().to_bytes().decode()
        for new, old in _OLDER:
            text = text.replace(new, old)
        path = folder / "case.xml"
        path.write_text(text, encoding="utf-8")
        moment = () if "-t" in self.argv else ("-t", _NOW)
        return ["-x", str(path), "-S", *moment, *self.argv]

    def _outputs(self, run: Callable[[list[str]], str], folder: Path) -> Told:
        """What comes of it, and where points count, what a second run says of them."""
        words = self.write(folder)
        graph = folder / "graph.xml"
        graph.unlink(missing_ok=True)
        seen = run([*words, *(("-G", str(graph)) if self.graph else ())])
        return told(
            seen, run([*words, "-s", "-Q"]) if self.scores else "",
            graph.read_text(encoding="utf-8") if graph.exists() else "",
        )

    def ours(self, folder: Path) -> Told:
        """What the project's own command says."""
        def run(words: list[str]) -> str:
            out = io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
                simulate(words)
            return out.getvalue()

        return self._outputs(run, folder)

    def of(self, program: str, folder: Path) -> Told:
        """What another program says."""
        # A program that was built elsewhere may know no folder for the copy that it works on.
        surroundings = {**os.environ, "TZ": "UTC", "CIB_shadow_dir": str(folder)}

        def run(words: list[str]) -> str:
            done = subprocess.run(
                [program, *words], capture_output=True, text=True, check=False, timeout=_TIMEOUT_S, env=surroundings,
            )
            return done.stdout

        return self._outputs(run, folder)

    def unmet(self, seen: Told) -> list[str]:
        """What of the expectation an output does not bear out."""
        missing = []
        summary = seen.lines("summary")
        if self.changes is not None and sorted(self.changes) != sorted(summary):
            missing.append(f"changes are {list(summary)}")
        executed = list(seen.lines("executed"))
        at = 0
        for line in self.does:
            if line not in executed[at:]:
                missing.append(f"not done, or not then: {line!r} in {executed}")
                break
            at = executed.index(line, at) + 1
        missing += [f"done: {line}" for line in executed for words in self.never if words in line]
        for (resource, node), score in self.scores.items():
            shown = [
                line for line in seen.lines("scores") if f" on {node}: " in line and line.startswith(f"{resource} ")
            ]
            if f" on {node}: {score}" not in (line[line.index(" on "):] for line in shown):
                missing.append(f"points of {resource} on {node}: {shown}")
        missing += [f"not in the graph: {words!r}" for words in self.graph if words not in seen.graph]
        after = seen.lines("after")
        missing += [f"not shown: {words!r} in {list(after)}" for words in self.shows
                    if not any(words in line for line in after)]
        return missing


def apart(first: Told, second: Told) -> list[str]:
    """Where two outputs decide differently: changes and actions in any order, and the status that comes of them."""
    found = []
    for section in ("summary", "executed"):
        left, right = Counter(first.lines(section)), Counter(second.lines(section))
        found += [f"only the first, {section}: {line}" for line in (left - right)]
        found += [f"only the second, {section}: {line}" for line in (right - left)]
    if first.lines("after") != second.lines("after"):
        found.append(f"after: {first.lines('after')} and {second.lines('after')}")
    return found
