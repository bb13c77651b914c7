"""Damage: spoilt CIBs in bulk, each to end in a plan or a report: `python -m hashell.simulate.damage FOLDER`.

Every round takes a file of the folder, spoils it (elements dropped, doubled, moved, renamed; attributes taken away,
given odd values or those of others; bytes cut or changed), schedules it, walks the transition, shows the status and
explains a resource. The same --seed spoils alike. What ends in a traceback, or takes too long, is counted
and can be kept.
"""

from __future__ import annotations

import argparse
import copy
import random
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from lxml import etree

from hashell.cib.document import Cib, parse_xml
from hashell.errors import HashellError
from hashell.scheduler.schedule import Wanted
from hashell.scheduler.trace import trace
from hashell.scheduler.why import instances, tell
from hashell.simulate.run import decide, walk, with_status
from hashell.state.cluster_state import read_cluster_state
from hashell.status.simulate import render_simulate_status

#: Values that have confused readers of CIBs before.
ODD_VALUES = (
    "", " ", "0", "-1", "1", "INFINITY", "-INFINITY", "99999999999999999999", "1e9", "0x10", "NaN", "true", "false",
    "Promoted", "Stopped", "never", "é", "a b", "#uname", "node1", "$", "2024-13-45", "P1Y", "10s", "-10s", "%1",
    "[", "*", "\u00a0", "a:0", "::", "/", "0:0;1:2:3:x", "start_0", "_start_", "1.2.3", "x" * 3000,
)
#: Elements that mean something nearly anywhere.
_TAGS = (
    "primitive", "group", "clone", "bundle", "rule", "nvpair", "op", "resource_set", "resource_ref", "rsc_location",
    "rsc_colocation", "rsc_order", "lrm_rsc_op", "node_state", "template", "tag", "meta_attributes",
)
#: Files larger than this say nothing that smaller ones don't, and cost the time.
_BYTES_MAX = 200_000
_MOMENT_S = 1_704_067_200


class TooLong(Exception):
    """A round took longer than it may."""


def spoil(root: etree._Element, rng: random.Random) -> None:
    """One change to a tree, anywhere."""
    elements = [one for one in root.iter() if isinstance(one.tag, str)]
    element = rng.choice(elements)
    parent = element.getparent()
    names = list(element.attrib)
    match rng.randrange(9):
        case 0 if parent is not None:
            parent.remove(element)
        case 1 if parent is not None:
            parent.append(copy.deepcopy(element))
        case 2 if parent is not None:
            target = rng.choice(elements)
            if target is not element and element not in target.iterancestors():
                target.append(element)
        case 3 if parent is not None:
            element.tag = rng.choice(_TAGS)
        case 4 if names:
            del element.attrib[rng.choice(names)]
        case 5 if names:
            other = rng.choice(elements)
            value = other.get(rng.choice(list(other.attrib)), "") if other.attrib else ""
            element.set(rng.choice(names), value)
        case 6:
            element.append(etree.Comment("spoilt"))
        case 7:
            element.text = rng.choice(ODD_VALUES)
        case _:
            name = rng.choice(names) if names else rng.choice(("id", "score", "value", "name", "rsc"))
            element.set(name, rng.choice(ODD_VALUES))


def spoil_bytes(data: bytes, rng: random.Random) -> bytes:
    """A file cut off, or with some bytes changed."""
    place = rng.randrange(max(len(data), 1))
    if rng.random() < 0.5:
        return data[:place]
    return data[:place] + bytes(rng.randrange(256) for _ in range(rng.randrange(1, 4))) + data[place + 1 :]


def damaged(data: bytes, rng: random.Random) -> bytes:
    """One damaged file."""
    if rng.random() < 0.1:
        return spoil_bytes(data, rng)
    root = etree.fromstring(data)
    for _ in range(rng.randrange(1, 12)):
        spoil(root, rng)
    return etree.tostring(root)


def look(data: bytes) -> str:
    """What comes of one file: "planned", or the id of the error that was reported. Anything else raises."""
    try:
        cib = with_status(Cib.parse(data))
        decision = decide(cib, _MOMENT_S, 1, Wanted(scores=True, utilization=True, dot=True))
        names = [name for name in decision.schedule.placements if instances(decision.state, name) == (name,)][:1]
        for name in names:
            tell(decision.state, decision.schedule, trace(decision.state, [name]), name)
        after = walk(decision, clock_s=_MOMENT_S).cib
        for _ in render_simulate_status(read_cluster_state(after, _MOMENT_S)):
            pass
    except HashellError as error:
        assert error.message, "an error has to say something"
        return error.id
    return "planned"


def _alarm(number: int, frame: FrameType | None) -> None:
    raise TooLong


def rounds(folder: Path, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Names and contents of damaged files; each round is its own chance, so one can be repeated alone."""
    files = [path for path in sorted(folder.glob("*.xml")) if path.stat().st_size <= _BYTES_MAX]
    contents: dict[Path, bytes] = {}
    for number in range(count if files else 0):
        rng = random.Random(f"{seed}:{number}")  # noqa: S311
        path = rng.choice(files)
        if path not in contents:
            contents[path] = path.read_bytes()
            parse_xml(contents[path])
        yield f"{path.stem}-{seed}-{number}", damaged(contents[path], rng)


def main(argv: list[str]) -> int:
    """0 when every round ended in a plan or a report."""
    parser = argparse.ArgumentParser(prog="python -m hashell.simulate.damage", description=__doc__)
    parser.add_argument("folder", type=Path, help="whole CIBs in *.xml")
    parser.add_argument("-n", "--count", type=int, default=1000)
    parser.add_argument("-s", "--seed", type=int, default=1)
    parser.add_argument("-t", "--timeout", type=int, default=20, metavar="SECONDS", help="for one round")
    parser.add_argument("-k", "--keep", type=Path, metavar="DIR", help="where to keep what ended badly")
    options = parser.parse_args(argv)
    outcomes: Counter[str] = Counter()
    bad: Counter[str] = Counter()
    signal.signal(signal.SIGALRM, _alarm)
    for name, data in rounds(options.folder, options.count, options.seed):
        signal.alarm(options.timeout)
        try:
            outcomes[look(data)] += 1
        except Exception as error:  # every kind of defect is what is looked for
            frames = traceback.extract_tb(error.__traceback__)
            where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno} {frames[-1].name}" if frames else ""
            bad[f"{type(error).__name__}: {str(error)[:80]} ({where})"] += 1
            if options.keep is not None:
                options.keep.mkdir(parents=True, exist_ok=True)
                (options.keep / f"{name}.xml").write_bytes(data)
        finally:
            signal.alarm(0)
    for outcome, number in outcomes.most_common():
        print(f"{number:6} {outcome}")
    for text, number in bad.most_common():
        print(f"{number:6} DEFECT {text}")
    print(f"{sum(outcomes.values())} ended well, {sum(bad.values())} did not")
    return 1 if bad or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
