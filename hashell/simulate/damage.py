"""Damage: spoilt CIBs in bulk, each to end in a plan or a report: `python -m hashell.simulate.damage FOLDER…`.

Every round takes a file of the folders, spoils it (spoil.py) and runs the whole command on it with words that change
from round to round; some rounds explain a resource too. A round has its own chance, made of the seed and its number, so
each can be repeated alone (--only), and a long run can be cut in pieces (--begin, --count) that are the same as the
whole. What ends in a traceback, without a word, or takes too long, is counted and can be kept.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import io
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from hashell.cib.document import Cib, parse_xml
from hashell.errors import HashellError
from hashell.scheduler.trace import trace
from hashell.scheduler.why import WANTED, instances, tell
from hashell.simulate.main import main as simulate
from hashell.simulate.run import decide, with_status
from hashell.simulate.spoil import spoil_bytes, spoil_tree

_MOMENT_S = 1_704_067_200
#: One round in so many also explains a resource.
_EXPLAINED = 4
#: Lines of progress come after so many rounds.
_PROGRESS = 1000
#: After so many times its time by the clock, of a busy machine perhaps, the process is ended from outside of Python.
_PATIENCE = 20


class TooLong(BaseException):
    """A round took longer than it may; nothing that mends an error of its own swallows it."""


class Unsaid(Exception):
    """The command failed, and gave no reason."""


def damaged(data: bytes, rng: random.Random) -> bytes:
    """One damaged file."""
    if rng.random() < 0.1:
        return spoil_bytes(data, rng)
    return spoil_tree(data, rng)


def words(rng: random.Random, graph: str, dot: str, kept: str) -> list[str]:
    """What the command is asked for: always a whole simulation, with more around it."""
    argv = ["-S"]
    for chance, more in (
        (0.8, ["-s"]), (0.7, ["-G", graph]), (0.3, ["-U"]), (0.3, ["-D", dot]), (0.1, ["-a"]), (0.1, ["-Q"]),
        (0.2, ["-V"]), (0.2, ["-A", "-c"]), (0.2, ["-O", kept]), (0.1, ["-q", "0"]), (0.05, ["-w", "true"]),
        (0.1, ["-d", "node1"]), (0.05, ["-f", "node2"]), (0.05, ["-u", "nœud"]), (0.05, ["-g", "ticketA"]),
        (0.05, ["-t", "2024-01-01T00:00:00Z"]), (0.1, ["--output-as=xml"]), (0.05, ["--output-as=json"]),
        (0.05, ["-i", "rsc1_monitor_10000@node1=1"]), (0.05, ["-F", "rsc1_start_0@node1=1"]),
    ):
        if rng.random() < chance:
            argv += more
    return argv


def run_command(data: bytes, argv: Sequence[str], folder: Path) -> str:
    """The whole command on one file; its exit code in words. Raises Unsaid, or whatever is a defect."""
    source = folder / "spoilt.xml"
    source.write_bytes(data)
    out, aside = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(aside):
        code = simulate(["-x", str(source), *argv])
    if code and not aside.getvalue().strip() and "<error>" not in out.getvalue() and '"errors"' not in out.getvalue():
        raise Unsaid(f"exit code {code} without a word")
    return "planned" if code == 0 else f"refused with exit code {code}"


def look(data: bytes) -> str:
    """What comes of scheduling and explaining one file: "explained", or the id of the error that was reported. Anything
    else raises.
    """
    try:
        decision = decide(with_status(Cib.parse(data)), _MOMENT_S, 1, WANTED)
        names = [name for name in decision.schedule.placements if instances(decision.state, name) == (name,)][:1]
        for name in names:
            tell(decision.state, decision.schedule, trace(decision.state, [name]), name)
    except HashellError as error:
        if not error.message:
            raise Unsaid(f"{error.id} without a word") from error
        return error.id
    return "explained"


class Rounds:
    """The rounds of a seed over some folders."""

    def __init__(self, folders: Sequence[Path], seed: int, bytes_max: int) -> None:
        self.seed = seed
        self.files = [
            path for folder in folders for path in sorted(folder.glob("*.xml")) if path.stat().st_size <= bytes_max
        ]
        self._contents: dict[Path, bytes] = {}

    def make(self, number: int) -> tuple[str, bytes, random.Random]:
        """Name and contents of one damaged file, and the chance that goes on from there."""
        rng = random.Random(f"{self.seed}:{number}")  # noqa: S311
        path = rng.choice(self.files)
        if path not in self._contents:
            self._contents[path] = path.read_bytes()
            parse_xml(self._contents[path], str(path))
        return f"{path.stem}-{self.seed}-{number}", damaged(self._contents[path], rng), rng


def play(data: bytes, rng: random.Random, number: int, folder: Path) -> Iterator[str]:
    """What comes of one round."""
    yield run_command(data, words(rng, str(folder / "graph"), str(folder / "dot"), str(folder / "after.xml")), folder)
    if number % _EXPLAINED == 0:
        yield look(data)


def _alarm(number: int, frame: FrameType | None) -> None:
    raise TooLong("took too long")


def _place(error: BaseException) -> str:
    """Where a defect showed: the innermost frames of the project's own."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "hashell" in one.filename]
    if isinstance(error, TooLong):
        frames = frames[2:5] or frames  # the innermost one is chance
    else:
        frames = frames[-2:]
    return " < ".join(f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in reversed(frames))


def main(argv: list[str]) -> int:
    """0 when every round ended in a plan or a report."""
    parser = argparse.ArgumentParser(prog="python -m hashell.simulate.damage", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="whole CIBs in *.xml")
    parser.add_argument("-n", "--count", type=int, default=1000, help="rounds")
    parser.add_argument("-b", "--begin", type=int, default=0, metavar="N", help="the first round's number")
    parser.add_argument("-o", "--only", type=int, metavar="N", help="just this round, and what came of it in full")
    parser.add_argument("-s", "--seed", type=int, default=1)
    parser.add_argument(
        "-m", "--max-bytes", type=int, default=15_000, metavar="N",
        help="leave out larger files: they cost the time, and say little that smaller ones don't",
    )
    parser.add_argument("-t", "--timeout", type=int, default=20, metavar="SECONDS", help="of computing, for one round")
    parser.add_argument("-k", "--keep", type=Path, metavar="DIR", help="where to keep what ended badly")
    options = parser.parse_args(argv)
    rounds = Rounds(options.folders, options.seed, options.max_bytes)
    if not rounds.files:
        where = ", ".join(map(str, options.folders))
        print(f"no CIBs of at most {options.max_bytes} bytes in {where}", file=sys.stderr)
        return 66
    numbers = range(options.begin, options.begin + options.count)
    if options.only is not None:
        numbers = range(options.only, options.only + 1)
    outcomes: Counter[str] = Counter()
    bad: Counter[str] = Counter()
    began = time.monotonic()
    before = signal.signal(signal.SIGPROF, _alarm)
    try:
        with tempfile.TemporaryDirectory() as folder:
            for done, number in enumerate(numbers, start=1):
                _round(rounds, number, Path(folder), options, outcomes, bad)
                if done % _PROGRESS == 0:
                    rate = done / (time.monotonic() - began)
                    print(f"{done} rounds, {rate:.0f} a second, {sum(bad.values())} defects", file=sys.stderr)
    finally:
        signal.signal(signal.SIGPROF, before)
    for outcome, count in outcomes.most_common():
        print(f"{count:6} {outcome}")
    for text, count in bad.most_common():
        print(f"{count:6} DEFECT {text}")
    print(f"{len(numbers) - sum(bad.values())} rounds ended well, {sum(bad.values())} did not")
    return 1 if bad else 0


def _round(
    rounds: Rounds, number: int, folder: Path, options: argparse.Namespace, outcomes: Counter[str], bad: Counter[str]
) -> None:
    """One round, counted."""
    name, data, rng = rounds.make(number)
    signal.setitimer(signal.ITIMER_PROF, options.timeout)
    # An alarm is heard between two steps of Python; a loop in C would not hear it.
    faulthandler.dump_traceback_later(options.timeout * _PATIENCE, exit=True, file=2)
    try:
        outcomes.update(play(data, rng, number, folder))
    except (Exception, TooLong, SystemExit) as error:  # every kind of defect is what is looked for
        bad[f"{type(error).__name__}: {str(error)[:80]} ({_place(error)})"] += 1
        print(f"round {number}: {type(error).__name__}: {str(error)[:80]}", file=sys.stderr)
        if options.only is not None:
            traceback.print_exception(error)
        if options.keep is not None:
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / f"{name}.xml").write_bytes(data)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
