"""Corpus: how many recorded cases agree: `python -m hashell.simulate.corpus FOLDER`.

A corpus has folders xml/, summary/, scores/, exp/ and dot/ with one file a case, and perhaps args.json with the
arguments of cases that need some. What is equal is equal but for white space and empty lines.

Source: the layout of Pacemaker's cts/scheduler.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path

from hashell.simulate.main import main as simulate

CHECKS = ("summary", "scores", "exp", "dot")
#: What Pacemaker's own comparison leaves out of a graph.
_NOISE = re.compile(r'(crm_feature_set="[^"]*"|batch-limit="[0-9]*")')
_FAMILY = re.compile(r"[-_0-9].*")


@dataclass(slots=True)
class Case:
    """One case: which checks agree, what differed, how long it took (seconds)."""

    name: str
    equal: dict[str, bool] = field(default_factory=dict)
    difference: list[str] = field(default_factory=list)
    error: str = ""
    seconds: float = 0.0

    @property
    def family(self) -> str:
        """The beginning of the name; numbers alone are old bugs."""
        return _FAMILY.sub("", self.name) or "bug"


def squash(text: str) -> list[str]:
    """Lines without white space, empty ones left out."""
    return [line for line in ("".join(line.split()) for line in text.splitlines()) if line]


def _dot_lines(text: str) -> list[str]:
    lines = text.splitlines()
    return squash("\n".join([*lines[:1], *sorted(set(lines[1:-1])), *lines[-1:]]))


def _run(argv: Sequence[str], *, errors: bool = False) -> str:
    """What one command line prints, with or without errors among it."""
    written = io.StringIO()
    aside = written if errors else io.StringIO()
    with contextlib.redirect_stdout(written), contextlib.redirect_stderr(aside):
        simulate(list(argv))
    return written.getvalue()


def run_case(folder: Path, name: str, extra: Sequence[str], checks: Sequence[str]) -> Case:
    """Run one case and hold it against what was recorded."""
    case = Case(name)
    begin = time.process_time()
    source = str(folder / "xml" / f"{name}.xml")
    got: dict[str, list[str]] = {}
    try:
        if "summary" in checks:
            got["summary"] = squash(_run(["-x", source, "-S", *extra], errors=True))
        if set(checks) - {"summary"}:
            with tempfile.TemporaryDirectory() as place:
                graph, dot = Path(place, "graph"), Path(place, "dot")
                text = _run(["-x", source, "-D", str(dot), "-G", str(graph), "-sSQ", *extra])
                got["scores"] = sorted(squash(text))
                got["exp"] = squash(_NOISE.sub("", graph.read_text(encoding="utf-8")))
                got["dot"] = _dot_lines(dot.read_text(encoding="utf-8"))
    except (Exception, SystemExit):  # one case that breaks must not hide the others
        case.error = traceback.format_exc()
    case.seconds = time.process_time() - begin
    for check in checks:
        text = (folder / check / f"{name}.{check}").read_text(encoding="utf-8")
        if check == "exp":
            text = _NOISE.sub("", text)
        want = _dot_lines(text) if check == "dot" else squash(text)
        if check == "scores":
            want = sorted(want)
        case.equal[check] = got.get(check) == want
        if not case.equal[check]:
            case.difference += unified_diff(
                want, got.get(check, []), f"want {check}", f"got {check}", lineterm="", n=2
            )
    return case


def run(
    folder: Path, *, pattern: str = "", limit: int = 0, checks: Sequence[str] = CHECKS
) -> Iterator[Case]:
    """The cases of a corpus whose names match, in order."""
    arguments = folder / "args.json"
    extra = json.loads(arguments.read_text(encoding="utf-8")) if arguments.exists() else {}
    names = sorted(path.stem for path in (folder / "xml").glob("*.xml"))
    names = [name for name in names if re.search(pattern, name)]
    for name in names[: limit or None]:
        yield run_case(folder, name, extra.get(name, ()), checks)


def _table(cases: Sequence[Case], checks: Sequence[str]) -> Iterator[str]:
    families: dict[str, list[Case]] = {}
    for case in cases:
        families.setdefault(case.family, []).append(case)
    yield f"{'family':24}{'cases':>6}" + "".join(f"{check:>9}" for check in checks)
    ordered = sorted(families.items(), key=lambda item: (-len(item[1]), item[0]))
    for name, rows in [*ordered, ("all", list(cases))]:
        counts = Counter(check for case in rows for check in checks if case.equal[check])
        yield f"{name:24}{len(rows):6}" + "".join(f"{counts[check]:9}" for check in checks)


def main(argv: list[str]) -> int:
    """0 when all that was checked agrees."""
    parser = argparse.ArgumentParser(prog="python -m hashell.simulate.corpus", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--only", default="", metavar="PATTERN", help="cases to run")
    parser.add_argument("-n", "--limit", type=int, default=0, help="at most so many")
    parser.add_argument("-c", "--check", action="append", choices=CHECKS, help="only this")
    parser.add_argument("-d", "--diff", action="store_true", help="show what differs")
    parser.add_argument("-l", "--list", action="store_true", help="name the cases that differ")
    options = parser.parse_args(argv)
    checks = options.check or CHECKS
    os.environ["TZ"] = "UTC"
    time.tzset()
    cases = list(run(options.folder, pattern=options.only, limit=options.limit, checks=checks))
    errors: Counter[str] = Counter()
    for case in cases:
        if case.error:
            errors[case.error.strip().splitlines()[-1]] += 1
        if options.diff and (case.difference or case.error):
            print(f"=== {case.name}", *case.difference, case.error, sep="\n")
    if options.list:
        for check in checks:
            print(f"{check}:", *(case.name for case in cases if not case.equal[check]))
    print(*_table(cases, checks), sep="\n")
    for text, count in errors.most_common(12):
        print(f"{count:5} times {text}")
    slowest = sorted(cases, key=lambda case: -case.seconds)[:3]
    print(
        f"{sum(case.seconds for case in cases):.1f} s; slowest:",
        ", ".join(f"{case.name} {case.seconds:.2f}" for case in slowest),
    )
    return 0 if all(all(case.equal.values()) for case in cases) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
