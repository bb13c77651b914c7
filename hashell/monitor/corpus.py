"""Corpus: how often `hashell monitor -1` prints what crm_mon prints: `python -m hashell.monitor.corpus FOLDER`.

A folder holds CIBs (NAME.xml, or xml/NAME.xml). Each is given to an installed crm_mon with each line of options, as
`CIB_file=FILE crm_mon -1 OPTIONS`, and to hashell; the exit code and the output are compared, but for the time of
asking, the words of the request and the version of the output's schema. --keep FILE keeps what crm_mon said, so that it
is asked once; a run that was broken off goes on from there. Where hashell differs on purpose is described in
corpus_differences.toml. With a crm_mon of Pacemaker 3 hashell is asked for its words (--release).

The exit code is 0 when of each line of options as many in a hundred are equal as --min asks for (99), and each
difference has a reason. A CIB that crm_mon cannot read at all is counted apart (unread): there is nothing to compare.
"""

from __future__ import annotations

import argparse
import functools
import os
import re
import sys
import time
import tomllib
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path

from lxml import etree

from hashell.cib.document import Cib
from hashell.cib.files import load_cib
from hashell.errors import BadInput, HashellError
from hashell.monitor.corpus_lines import LINES, names, words_for
from hashell.monitor.one_shot import answer, no_file, read_state, release_of_cib
from hashell.monitor.options import read
from hashell.monitor.peer_answers import Answer, Peer
from hashell.state.cluster_state import ClusterState
from hashell.status.build import cluster_status
from hashell.status.options import Release

_DIFFERENCES = Path(__file__).with_name("corpus_differences.toml")
#: What differs from run to run and from program to program, and what is compared in its place.
_MASKS = (
    (re.compile(r"Last updated: (</span><span>)?[^<\n]*"), "Last updated:"),
    (re.compile(r'<last_update time="[^"]*"'), "<last_update"),
    (re.compile(r' (request|api-version)="[^"]*"'), ""),
    (re.compile(r'<crm_mon version="[^"]*"'), "<crm_mon"),
)
#: Exit codes from here on say that the question was refused. Those below say how the cluster is: crm_mon 2.1 leaves
#: that out where it reads a file (--simple-status).
_REFUSED = 64
#: CIBs whose state is kept while their lines are compared.
_STATES_MAX = 4


class BadCorpus(BadInput):
    id = "corpus-bad"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some answers differ; see corpus_differences.toml. `unread`: crm_mon cannot read such a CIB at all."""

    why: str
    crm_mon: str
    cib: etree.XPath
    line: re.Pattern[str]
    differs: re.Pattern[str]
    unread: bool = False

    def covers(self, case: Case, root: etree._Element, version: str) -> bool:
        """Whether it explains all that differs in a case."""
        return (
            version.startswith(self.crm_mon) and self.line.search(case.line) is not None
            and bool(self.cib(root)) and all(self.differs.fullmatch(line) for line in case.difference)
        )


@dataclass(slots=True)
class Case:
    """One CIB asked for with one line of options: whether both say the same, the lines that differ, and why."""

    name: str
    line: str
    equal: bool = False
    difference: list[str] = field(default_factory=list)
    #: Empty for what is equal, or wrong.
    why: str = ""
    unread: bool = False


def reasons() -> tuple[Reason, ...]:
    """The differences that are meant."""
    rows = tomllib.loads(_DIFFERENCES.read_text(encoding="utf-8")).get("difference", [])
    return tuple(
        Reason(
            " ".join(row["why"].split()), row.get("crm_mon", ""), etree.XPath(f"boolean({row.get('cib', '/')})"),
            re.compile(row.get("line", "")), re.compile(row.get("differs", ".*")), row.get("unread", False),
        )
        for row in rows
    )


def masked(text: str) -> list[str]:
    """The lines of an output without what depends on the moment and on the program's name."""
    for pattern, instead in _MASKS:
        text = pattern.sub(instead, text)
    return text.rstrip("\n").split("\n")


@functools.lru_cache(maxsize=_STATES_MAX)
def _cib(path: Path) -> Cib:
    return load_cib(path)


@functools.lru_cache(maxsize=_STATES_MAX)
def _state(path: Path, release: Release) -> ClusterState:
    return read_state(_cib(path), release)


def ours(path: Path, words: Sequence[str]) -> Answer:
    """What `hashell --cib PATH monitor WORDS` prints. The state of a CIB is read once for all its lines."""
    try:
        options = read(list(words))
        if options.live_only:
            raise no_file()
        release = options.status.release or release_of_cib(_cib(path))
        status = cluster_status(_state(path, release), None, options.status)
        code, shown = answer(status, options, "")
    except HashellError as error:
        return Answer(error.exit_code, "", str(error))
    except Exception:  # one case that breaks must not hide the others
        return Answer(70, "", traceback.format_exc().strip().rpartition("\n")[2])
    return Answer(code, shown, "")


def compare(name: str, line: str, theirs: Answer, mine: Answer) -> Case:
    """A case from two answers. Of a refusal the exit code counts, not the words."""
    case = Case(name, line)
    if theirs.code != mine.code and max(theirs.code, mine.code) >= _REFUSED:
        case.difference.append(f"- ends with {theirs.code} {theirs.err.strip()}"[:300])
        case.difference.append(f"+ ends with {mine.code} {mine.err.strip()}"[:300])
    if min(theirs.code, mine.code) < _REFUSED:
        found = unified_diff(masked(theirs.out), masked(mine.out), lineterm="", n=0)
        case.difference += [one for one in found if not one.startswith(("---", "+++", "@@"))]
    case.equal = not case.difference
    return case


def run(paths: Sequence[Path], lines: Sequence[str], peer: Peer) -> Iterator[Case]:
    """Each CIB with each line of options that fits it, CIB by CIB."""
    known = reasons()
    release = ["--release=3.0"] if not peer.version.startswith(("1.", "2.")) else []
    for path in paths:
        try:
            root = _cib(path).root
        except HashellError as error:
            raise BadCorpus(f"{path}: {error}", "take it out of the folder") from None
        words_of = {line: words_for(line, names(root)) for line in lines}
        asked = [(line, words) for line, words in words_of.items() if words is not None]
        answers = peer.answers([(path, ["-1", *words]) for _, words in asked])
        for (line, words), theirs in zip(asked, answers, strict=True):
            case = compare(path.stem, line, theirs, ours(path, ["-1", *words, *release]))
            if not case.equal:
                reason = next((one for one in known if one.covers(case, root, peer.version)), None)
                if reason is not None:
                    case.why, case.unread = reason.why, reason.unread
            yield case


def cibs(folder: Path, pattern: str = "", every: int = 1) -> list[Path]:
    """The CIBs of a folder whose names match, in order. Raises BadCorpus."""
    place = folder / "xml" if (folder / "xml").is_dir() else folder
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise BadCorpus(f"{pattern!r} is no pattern: {error}", "use a regular expression") from None
    found = [path for path in sorted(place.glob("*.xml")) if wanted.search(path.stem)]
    if not found:
        raise BadCorpus(f"{folder} has no CIBs (NAME.xml, or xml/NAME.xml)", "name a folder with some")
    return found[::every]


def _table(cases: Sequence[Case]) -> Iterator[str]:
    by_line: dict[str, list[Case]] = {}
    for case in cases:
        by_line.setdefault(case.line, []).append(case)
    yield f"{'crm_mon -1 …':52}{'CIBs':>7}{'unread':>7}{'equal':>7}{'share':>8}{'meant':>7}{'wrong':>7}"
    for line, members in [*by_line.items(), ("all", list(cases))]:
        equal, meant = sum(one.equal for one in members), sum(bool(one.why) for one in members)
        wrong, unread = len(members) - equal - meant, sum(one.unread for one in members)
        meant -= unread
        share = f"{_percent(members):.2f}"
        yield f"{line:52}{len(members):7}{unread or '':>7}{equal:7}{share:>8}{meant or '':>7}{wrong or '':>7}"


def _percent(cases: Sequence[Case]) -> float:
    read_ = [case for case in cases if not case.unread]
    return 100 * sum(case.equal for case in read_) / len(read_) if read_ else 100.0


def _lowest(cases: Sequence[Case]) -> float:
    """The smallest share of a line of options, in a hundred."""
    by_line: dict[str, list[Case]] = {}
    for case in cases:
        by_line.setdefault(case.line, []).append(case)
    return min(map(_percent, by_line.values()))


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m hashell.monitor.corpus", description=__doc__)
    parser.add_argument("folder", type=Path, help="with CIBs, or with a folder xml/ of them")
    parser.add_argument("-o", "--only", default="", metavar="PATTERN", help="CIBs whose names match")
    parser.add_argument("-e", "--every", type=int, default=1, metavar="N", help="each Nth CIB only")
    parser.add_argument("--options", action="append", metavar="LINE", help="this line of options, not all of them")
    parser.add_argument("--program", default="crm_mon", help="the crm_mon to compare with")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keep its answers, and ask only for what is missing")
    parser.add_argument("-d", "--diff", type=int, default=0, metavar="N", help="show N of the cases that are wrong")
    parser.add_argument("-l", "--list", action="store_true", help="name the cases that differ")
    parser.add_argument("-m", "--min", type=float, default=99.0, metavar="PERCENT", help="how many have to be equal")
    options = parser.parse_args(argv)
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        paths = cibs(options.folder, options.only, options.every)
        with Peer(options.program, options.keep) as peer:
            cases = _watched(run(paths, options.options or LINES, peer), len(paths))
            print(f"crm_mon of Pacemaker {peer.version}, {len(paths)} CIBs")
    except HashellError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return error.exit_code
    print("\n".join(_table(cases)))
    meant = Counter(case.why for case in cases if case.why)
    for why, count in meant.most_common():
        print(f"\nmeant ({count}): {why}")
    wrong = [case for case in cases if not case.equal and not case.why]
    for case in wrong[: options.diff]:
        print(f"\nwrong: {case.name}: crm_mon -1 {case.line}")
        print("\n".join(f"  {line}" for line in case.difference[:20]))
    if options.list:
        for why in ("", *meant):
            some = [f"{case.name} ({case.line})" for case in cases if not case.equal and case.why == why]
            print(f"\n{why or 'wrong'}:", *some, sep="\n  ")
    return 1 if wrong or _lowest(cases) < options.min else 0


def _watched(cases: Iterator[Case], count: int) -> list[Case]:
    """All cases; on a terminal with the number of CIBs that are done."""
    found: list[Case] = []
    done = 0
    for case in cases:
        if not found or found[-1].name != case.name:
            done += 1
            if sys.stderr.isatty():
                print(f"\r{done}/{count} {case.name:.40}\x1b[K", end="", file=sys.stderr, flush=True)
        found.append(case)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return found


if __name__ == "__main__":
    sys.exit(main())
