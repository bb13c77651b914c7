"""Corpus: how many recorded cases agree: `python -m hashell.simulate.corpus FOLDER`.

A corpus has a folder xml/ with one CIB a case, and some of summary/, scores/, exp/ and dot/ with what is expected
of it; perhaps also args.json with the arguments of cases that need some. What is not there is not checked. What is
equal is equal but for white space and empty lines.

Progress goes to standard error. The exit code is 0 when all that was checked agrees, or as many in a hundred as --min
asks for (`--min 99`, or for one kind of check `--min summary=100`).

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

from hashell.errors import BadInput, BadUsage, HashellError
from hashell.simulate.main import main as simulate

CHECKS = ("summary", "scores", "exp", "dot")
#: What Pacemaker's own comparison leaves out of a graph.
_NOISE = re.compile(r'(crm_feature_set="[^"]*"|batch-limit="[0-9]*")')
#: Cases between two lines of progress where nobody watches a terminal.
_PROGRESS = 100
_FAMILY = re.compile(r"[-_0-9].*")


class BadCorpus(BadInput):
    id = "corpus-bad"


@dataclass(slots=True)
class Case:
    """One case: which checks agree (of those there is something to check with), what differed, how long it took
    (seconds).
    """

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
    """Run one case and hold it against what was recorded of it."""
    case = Case(name)
    checks = [check for check in checks if (folder / check / f"{name}.{check}").is_file()]
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
        text = _read(folder / check / f"{name}.{check}")
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


def _read(path: Path) -> str:
    """A file of the corpus. Raises BadCorpus."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadCorpus(f"{path} cannot be read: {error.strerror}", "mend the corpus") from None
    except UnicodeDecodeError:
        raise BadCorpus(f"{path} is no text in UTF-8", "mend the corpus") from None


def _arguments(folder: Path) -> dict[str, list[str]]:
    """The words that some cases need. Raises BadCorpus."""
    path = folder / "args.json"
    if not path.exists():
        return {}
    try:
        found = json.loads(_read(path))
    except ValueError as error:
        raise BadCorpus(f"{path} is no JSON: {error}", "mend it, or take it away") from None
    if not isinstance(found, dict) or not all(
        isinstance(words, list) and all(isinstance(word, str) for word in words) for words in found.values()
    ):
        raise BadCorpus(f"{path} is not {{case: [words, …]}}", "mend it, or take it away")
    return found


def names_of(folder: Path, pattern: str = "", limit: int = 0) -> list[str]:
    """The cases of a corpus whose names match, in order. Raises BadCorpus."""
    if not (folder / "xml").is_dir():
        raise BadCorpus(f"{folder} is no corpus: it has no folder xml/", "name a folder with xml/ and summary/ in it")
    if not any((folder / check).is_dir() for check in CHECKS):
        raise BadCorpus(f"{folder} has nothing to check with", f"it needs one of {', '.join(CHECKS)}")
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise BadUsage(f"{pattern!r} is no pattern: {error}", "use a regular expression") from None
    names = sorted(path.stem for path in (folder / "xml").glob("*.xml") if wanted.search(path.stem))
    if not names:
        raise BadCorpus(f"{folder} has no case with {pattern!r} in its name" if pattern else f"{folder}/xml is empty",
                        "name a folder with cases")
    return names[: limit or None]


def run(
    folder: Path, *, pattern: str = "", limit: int = 0, checks: Sequence[str] = CHECKS
) -> Iterator[Case]:
    """The cases of a corpus whose names match, in order. Raises BadCorpus."""
    extra = _arguments(folder)
    for name in names_of(folder, pattern, limit):
        yield run_case(folder, name, extra.get(name, ()), checks)


def _table(cases: Sequence[Case], checks: Sequence[str]) -> Iterator[str]:
    families: dict[str, list[Case]] = {}
    for case in cases:
        families.setdefault(case.family, []).append(case)
    yield f"{'family':24}{'cases':>6}" + "".join(f"{check:>10}" for check in checks)
    ordered = sorted(families.items(), key=lambda item: (-len(item[1]), item[0]))
    for name, rows in [*ordered, ("all", list(cases))]:
        yield f"{name:24}{len(rows):6}" + "".join(f"{_share(rows, check):>10}" for check in checks)
    yield f"{'per cent':30}" + "".join(f"{_percent(cases, check):10.2f}" for check in checks)


def _counts(cases: Sequence[Case], check: str) -> tuple[int, int]:
    """How many agree, of how many."""
    results = [case.equal[check] for case in cases if check in case.equal]
    return sum(results), len(results)


def _share(cases: Sequence[Case], check: str) -> str:
    """How many agree; and of how many, where that is not of all."""
    equal, checked = _counts(cases, check)
    return str(equal) if checked == len(cases) else f"{equal}/{checked}"


def _percent(cases: Sequence[Case], check: str) -> float:
    equal, checked = _counts(cases, check)
    return 100 * equal / checked if checked else 100.0


def _floors(words: Sequence[str], checks: Sequence[str]) -> dict[str, float]:
    """For each check how many in a hundred have to agree. Raises BadUsage."""
    floors = dict.fromkeys(checks, 100.0)
    for word in words:
        check, equals, number = word.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = -1
        if not 0 <= value <= 100 or (equals and check not in checks):
            raise BadUsage(f"--min {word} says nothing", "--min 99, or --min summary=100")
        floors.update({check: value} if equals else dict.fromkeys(checks, value))
    return floors


def _progress(done: int, count: int, name: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{done}/{count} {name:.40}\x1b[K", end="\n" if done == count else "", file=sys.stderr, flush=True)
    elif done % _PROGRESS == 0:
        print(f"{done} of {count} cases", file=sys.stderr, flush=True)


def main(argv: list[str]) -> int:
    """0 when all that was checked agrees, or as much as --min asks for."""
    parser = argparse.ArgumentParser(prog="python -m hashell.simulate.corpus", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--only", default="", metavar="PATTERN", help="cases to run")
    parser.add_argument("-n", "--limit", type=int, default=0, help="at most so many")
    parser.add_argument("-c", "--check", action="append", choices=CHECKS, help="only this")
    parser.add_argument("-d", "--diff", action="store_true", help="show what differs")
    parser.add_argument("-l", "--list", action="store_true", help="name the cases that differ")
    parser.add_argument(
        "-m", "--min", action="append", default=[], metavar="[CHECK=]PERCENT", help="how many have to agree",
    )
    options = parser.parse_args(argv)
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        return _main(options)
    except HashellError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return error.exit_code


def _main(options: argparse.Namespace) -> int:
    count = len(names_of(options.folder, options.only, options.limit))
    checks = [check for check in options.check or CHECKS if (options.folder / check).is_dir()]
    floors = _floors(options.min, checks)
    cases = []
    for case in run(options.folder, pattern=options.only, limit=options.limit, checks=checks):
        cases.append(case)
        _progress(len(cases), count, case.name)
    errors: Counter[str] = Counter()
    for case in cases:
        if case.error:
            errors[case.error.strip().splitlines()[-1]] += 1
        if options.diff and (case.difference or case.error):
            print(f"=== {case.name}", *case.difference, case.error, sep="\n")
    if options.list:
        for check in checks:
            print(f"{check}:", *(case.name for case in cases if not case.equal.get(check, True)))
    print(*_table(cases, checks), sep="\n")
    for text, count in errors.most_common(12):
        print(f"{count:5} times {text}")
    slowest = sorted(cases, key=lambda case: -case.seconds)[:3]
    print(
        f"{sum(case.seconds for case in cases):.1f} s; slowest:",
        ", ".join(f"{case.name} {case.seconds:.2f}" for case in slowest),
    )
    if not any(case.equal for case in cases):
        raise BadCorpus(f"nothing in {options.folder} could be checked", "look for files named like those in xml/")
    return 0 if all(_percent(cases, check) >= floors[check] for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
