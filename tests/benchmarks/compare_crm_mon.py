"""Compare `hashell monitor -1` with an installed crm_mon over a folder of CIBs; print the share equal per option.

    python tests/benchmarks/compare_crm_mon.py FOLDER [--options "-rR"] [--keep FILE] [--show N] [--summaries FOLDER]

crm_mon is asked once per CIB and option; --keep stores its answers (JSON) so that the next run asks it no more. What
depends on the moment (Last updated) is masked. --summaries compares the status sections of recorded crm_simulate
outputs (FOLDER/CASE.summary) instead. Differences of the first --show cases are printed per option.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lxml import etree

from hashell.cib.files import load_cib
from hashell.errors import HashellError
from hashell.model.options.cluster import OPTIONS as CLUSTER_OPTIONS
from hashell.monitor.one_shot import render
from hashell.monitor.options import read
from hashell.state.cluster_state import read_cluster_state
from hashell.status.build import cluster_status
from hashell.status.options import Format
from hashell.status.simple import render as one_line
from hashell.status.simulate import CURRENT, render_simulate_status

OPTIONS = (
    "", "-r", "-n", "-nr", "-A", "-f", "-o", "-t", "-c", "-L", "-D", "-R", "-Rr", "-Rnr", "-b",
    "-br", "-bn", "-bnr", "-rAfotcL", "--include=all", "-I options,attributes", "-s", "-Q",
    "--output-as=xml", "--output-as=xml -n", "-X", "--output-as=html",
    "--output-as=html -r --include=all", "--output-as=html -R -n -r -A", "--output-as=html -b -n",
)
#: crm_mon mostly waits, so several can be asked at the same time.
ASKED_AT_ONCE = 8
#: What differs from run to run, and what is written in its place.
MASKS = (
    (re.compile(r"Last updated: .*"), "Last updated:"),
    (re.compile(r'<last_update time="[^"]*"'), "<last_update"),
    (re.compile(r'request="[^"]*"'), "request"),
)


def masked(text: str) -> str:
    """A text without what depends on the moment."""
    for pattern, instead in MASKS:
        text = pattern.sub(instead, text)
    return text.rstrip("\n")


#: Cluster options that have a newer name than crm_mon 2.1 knows, and the old one.
OLD_NAMES = {row.name: row.old_name for row in CLUSTER_OPTIONS if row.old_name}


#: Fail counts of a whole resource were written up to this feature set; crm_mon 2.1 expects them there.
PER_OPERATION = (3, 0, 13)


def in_old_words(path: Path) -> bytes:
    """The CIB with the old names of cluster options, and of fail counts where its feature set is old: crm_mon 2.1
    would not see the new ones.
    """
    root = load_cib(path).copy_root()
    for pair in root.iterfind("configuration/crm_config/cluster_property_set/nvpair"):
        pair.set("name", OLD_NAMES.get(pair.get("name", ""), pair.get("name", "")))
    feature_set = tuple(int(part) for part in re.findall(r"\d+", root.get("crm_feature_set", "")))
    if feature_set < PER_OPERATION:
        for pair in root.iterfind("status/node_state/transient_attributes/instance_attributes/nvpair"):
            name = pair.get("name", "")
            if name.startswith(("fail-count-", "last-failure-")):
                pair.set("name", name.partition("#")[0])
    return bytes(etree.tostring(root))


def theirs(path: Path, options: str) -> str:
    """What crm_mon prints."""
    with tempfile.NamedTemporaryFile(suffix=".xml") as copy:
        copy.write(in_old_words(path))
        copy.flush()
        env = {**os.environ, "CIB_file": copy.name, "TZ": "UTC", "LC_ALL": "C"}
        done = subprocess.run(
            ["crm_mon", "-1", *options.split()], env=env, capture_output=True, check=False, timeout=60
        )
    return done.stdout.decode(errors="replace")


def ours(path: Path, options: str) -> str:
    """What hashell prints, or its error."""
    read_options = read(["-1", *options.split()])
    try:
        state = read_cluster_state(load_cib(path), time.time())
        status = cluster_status(state, None, read_options.status)
        if read_options.simple:
            return one_line(status)
        return render(status, read_options, read_options.output or Format.TEXT, "")
    except HashellError as error:
        return f"error: {error}\n"


def recorded_sections(summary: str, heading: str) -> list[str]:
    """The lines of one status section in a recorded output, without empty ones."""
    found: list[str] = []
    inside = False
    for line in summary.splitlines():
        if line and not line.startswith(" ") and not line.startswith("\t"):
            inside = line == f"{heading}:"
        if inside and line.strip():
            found.append(line)
    return found


def compare_summaries(cibs: list[Path], summaries: Path, show: int) -> None:
    """How many opening sections of crm_simulate we say alike."""
    equal = compared = 0
    for path in cibs:
        recorded = summaries / f"{path.stem}.summary"
        if not recorded.exists():
            continue
        compared += 1
        wanted = recorded_sections(recorded.read_text(), CURRENT)
        try:
            state = read_cluster_state(load_cib(path), execution_date(path))
            said = [line for line in render_simulate_status(state) if line.strip()]
        except HashellError as error:
            said = [f"error: {error}"]
        if [line.split() for line in wanted] == [line.split() for line in said]:
            equal += 1
        elif show:
            show -= 1
            print_difference(path.stem, "\n".join(wanted), "\n".join(said))
    print(f"{equal:4} of {compared}  {CURRENT}")


def execution_date(path: Path) -> float:
    """The moment for which an input was recorded, else now."""
    found = load_cib(path).root.get("execution-date")
    return float(found) if found else time.time()


def print_difference(name: str, wanted: str, said: str) -> None:
    lines = difflib.unified_diff(
        wanted.splitlines(), said.splitlines(), f"{name} (theirs)", f"{name} (ours)", "", "", 1, ""
    )
    print("\n".join(line[:200] for line in list(lines)[:40]))


def compare(cibs: list[Path], options: str, kept: dict[str, str], show: int) -> Iterator[str]:
    """Names of cases that differ under one set of options."""
    missing = [path for path in cibs if f"{path.stem} {options}" not in kept]
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        for path, printed in zip(missing, pool.map(lambda path: theirs(path, options), missing), strict=True):
            kept[f"{path.stem} {options}"] = printed
    for path in cibs:
        key = f"{path.stem} {options}"
        if not kept[key]:
            continue  # crm_mon itself refuses the CIB
        wanted, said = masked(kept[key]), masked(ours(path, options))
        if wanted != said:
            if show:
                show -= 1
                print_difference(path.stem, wanted, said)
            yield path.stem


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--options", action="append")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--show", type=int, default=0)
    parser.add_argument("--names", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--summaries", type=Path)
    args = parser.parse_args()
    os.environ["TZ"] = "UTC"
    time.tzset()
    cibs = [path for path in sorted(args.folder.glob("*.xml")) if args.only in path.stem]
    if args.summaries is not None:
        compare_summaries(cibs, args.summaries, args.show)
        return 0
    kept: dict[str, str] = {}
    if args.keep is not None and args.keep.exists():
        kept = json.loads(args.keep.read_text())
    elif shutil.which("crm_mon") is None:
        print("crm_mon is not installed", file=sys.stderr)
        return 1
    before = len(kept)
    for options in (line.strip() for line in args.options or OPTIONS):
        different = list(compare(cibs, options, kept, args.show))
        answered = sum(bool(kept[f"{path.stem} {options}"]) for path in cibs)
        print(f"{answered - len(different):4} of {answered}  crm_mon -1 {options}", flush=True)
        if args.names:
            print("    ", *different)
        if args.keep is not None and len(kept) > before:
            before = len(kept)
            args.keep.write_text(json.dumps(kept))
    return 0


if __name__ == "__main__":
    sys.exit(main())
