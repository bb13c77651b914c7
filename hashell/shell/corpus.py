"""Corpus: how many recorded command lines do here what they did there: `python -m hashell.shell.corpus FOLDER`.

A corpus has crmsh.jsonl, pcs.jsonl or both, one record a line: the configuration before, the lines as they are typed,
and the outcomes to accept: a configuration, a text, or a refusal that changes nothing. Perhaps agents.json with the
agents that the lines use. Records where hashell differs on purpose are those that corpus_differences.toml describes.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import shlex
import sys
import tempfile
import time
import tomllib
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path
from typing import Any

from hashell.shell.corpus_equality import configuration_of, crm_lines, difference, pcs_lines, typed_names
from hashell.shell.one_shot import main as one_shot

TOOLS = ("crmsh", "pcs")
_DIFFERENCES = Path(__file__).with_name("corpus_differences.toml")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why records differ on purpose; the expressions are for a typed line and for each line that differs."""

    tool: str
    line: re.Pattern[str]
    difference: re.Pattern[str]
    why: str

    def covers(self, case: Case) -> bool:
        return (
            self.tool == case.tool
            and any(self.line.search(line) for line in case.lines)
            and all(self.difference.fullmatch(line) for line in case.difference)
        )


@dataclass(slots=True)
class Case:
    """One record: what was typed, whether it agrees, and the lines that differ."""

    tool: str
    name: str
    family: str
    lines: tuple[str, ...]
    equal: bool = False
    difference: list[str] = field(default_factory=list)
    #: Why it differs on purpose; empty for what is equal or wrong.
    why: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What the lines did: the exit code and output of the last one that ran, and the file afterwards."""

    code: int
    out: str
    err: str
    ran_all: bool
    after: str


def reasons() -> tuple[Reason, ...]:
    """The differences that are meant."""
    rows = tomllib.loads(_DIFFERENCES.read_text(encoding="utf-8"))["difference"]
    return tuple(
        Reason(row["tool"], re.compile(row["line"]), re.compile(row["differs"]), " ".join(row["why"].split()))
        for row in rows
    )


def run(folder: Path, *, pattern: str = "", limit: int = 0) -> Iterator[Case]:
    """The records of a corpus whose tool, family or id match, in order."""
    known = reasons()
    left = limit or sys.maxsize
    for tool in TOOLS:
        path = folder / f"{tool}.jsonl"
        if not path.exists():
            continue
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                if not re.search(pattern, f"{tool} {record['family']} {record['id']}"):
                    continue
                if left <= 0:
                    return
                left -= 1
                case = run_record(tool, record)
                if not case.equal:
                    case.why = next((one.why for one in known if one.covers(case)), "")
                yield case


def run_record(tool: str, record: Mapping[str, Any]) -> Case:
    """Type a record's lines at a throw-away CIB file and hold what comes of it against what is accepted."""
    begin = time.process_time()
    typed = tuple(record["cli"].split("\n") if tool == "crmsh" else record["commands"])
    case = Case(tool, record["id"], record["family"], typed)
    with tempfile.TemporaryDirectory(prefix="hashell-corpus-") as place:
        found = _carry_out(tool, record, typed, Path(place))
    before = record["cib_before"]
    names = typed_names([*typed, record.get("file") or ""], before)
    # What fails like the outcome, or succeeds like it, tells best how they differ: it comes last.
    for accepted in sorted(record["accept"], key=lambda one: one["ok"] == (not found.code)):
        differs = _compare(tool, record, accepted, found, names)
        if not differs:
            case.equal, case.difference = True, []
            break
        case.difference = differs
    case.seconds = time.process_time() - begin
    return case


def _carry_out(tool: str, record: Mapping[str, Any], typed: Sequence[str], place: Path) -> _Outcome:
    cib = place / "cib.xml"
    schema = record.get("schema") or "pacemaker-3.9"
    cib.write_text(
        f'<cib crm_feature_set="3.16.1" validate-with="{schema}" epoch="1" num_updates="0" admin_epoch="0">'
        f"{record['cib_before']}<status/></cib>",
        encoding="utf-8",
    )
    for hole in ("file", "corosync_conf"):
        if record.get(hole) is not None:
            (place / hole).write_text(record[hole], encoding="utf-8")
            typed = [line.replace(f"{{{hole}}}", str(place / hole)) for line in typed]
    start = ["--cib", str(cib)]
    if tool == "pcs":
        start.append("pcs")
    else:
        start += [*(["-F"] if record.get("force") else []), record.get("level") or "configure"]
    code, out, err, done = 0, "", "", 0
    for line in typed:
        code, out, err = _type([*start, *shlex.split(line)], place)
        done += 1
        if code:
            break
    return _Outcome(code, out, err, done == len(typed), cib.read_text(encoding="utf-8"))


def _type(words: list[str], place: Path) -> tuple[int, str, str]:
    """One command line, in this process, in a folder of its own: exit code, output, narration."""
    out, err = io.StringIO(), io.StringIO()
    here, stdin = Path.cwd(), sys.stdin
    os.chdir(place)
    sys.stdin = io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = one_shot(words)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except Exception:  # one record that breaks must not hide the others; it counts as no refusal either
        return -1, out.getvalue(), traceback.format_exc()
    finally:
        sys.stdin = stdin
        os.chdir(here)
    return code, out.getvalue(), err.getvalue()


def _compare(
    tool: str, record: Mapping[str, Any], accepted: Mapping[str, Any], found: _Outcome, names: frozenset[str]
) -> list[str]:
    """The lines in which an outcome differs from an accepted one; none if it is as good."""
    if found.code < 0:
        return ["broken: " + found.err.strip().rsplit("\n", 1)[-1]]
    if not accepted["ok"]:
        if not found.code:
            return ["carried out, and was refused there"]
        if not found.ran_all:
            return [f"refused too early: {found.err.strip()}"]
        wanted = accepted.get("cib") or record["cib_before"]
    elif found.code:
        return [f"refused with {found.code}: {found.err.strip()}"]
    elif "stdout" in accepted:
        read = crm_lines if tool == "crmsh" else pcs_lines
        lines = unified_diff(read(accepted["stdout"]), read(found.out), lineterm="", n=0)
        return [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    else:
        wanted = accepted.get("cib") or record["cib_after"]
    return difference(configuration_of(wanted), configuration_of(found.after), names)


def missing_agents(folder: Path) -> tuple[str, ...]:
    """Agents that the corpus uses and that are not on this machine: records with them can differ."""
    from hashell.commands.agents import installed

    path = folder / "agents.json"
    if not path.exists():
        return ()
    here = {":".join(part for part in (one.standard, one.provider, one.type) if part) for one in installed()}
    return tuple(sorted(set(json.loads(path.read_text(encoding="utf-8"))) - here))


def _table(cases: Sequence[Case]) -> Iterator[str]:
    families: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        families.setdefault((case.tool, case.family), []).append(case)
    yield f"{'tool':6} {'family':28}{'records':>8}{'equal':>7}{'meant':>7}{'wrong':>7}"
    for (tool, family), members in [*sorted(families.items()), *([(("all", ""), list(cases))] if cases else [])]:
        equal, meant = sum(one.equal for one in members), sum(bool(one.why) for one in members)
        wrong = len(members) - equal - meant
        yield f"{tool:6} {family:28}{len(members):8}{equal:7}{meant or '':>7}{wrong or '':>7}"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1 when a record differs that is not meant to."""
    parser = argparse.ArgumentParser(prog="python -m hashell.shell.corpus", description=__doc__)
    parser.add_argument("folder", type=Path, help="with crmsh.jsonl and pcs.jsonl")
    parser.add_argument("--only", default="", metavar="REGEX", help="records whose tool, family or id match")
    parser.add_argument("--limit", type=int, default=0, help="only so many records")
    parser.add_argument("-v", "--verbose", action="store_true", help="also the records that differ, and how")
    options = parser.parse_args(argv)
    if not any((options.folder / f"{tool}.jsonl").exists() for tool in TOOLS):
        parser.error(f"{options.folder} holds neither crmsh.jsonl nor pcs.jsonl")
    for agent in missing_agents(options.folder):
        sys.stderr.write(f"not on this machine, records with it can differ: {agent}\n")
    cases = list(run(options.folder, pattern=options.only, limit=options.limit))
    print("\n".join(_table(cases)))
    meant: dict[str, list[Case]] = {}
    for case in cases:
        if case.why:
            meant.setdefault(case.why, []).append(case)
    for why, members in meant.items():
        print(f"\nmeant: {why}")
        print("\n".join(f"  {one.tool} {one.name} [{one.family}] {'; '.join(one.lines)[:100]}" for one in members))
    wrong = [case for case in cases if not case.equal and not case.why]
    for case in wrong if options.verbose else ():
        print(f"\nwrong: {case.tool} {case.name} [{case.family}] {'; '.join(case.lines)}")
        print("\n".join(f"  {line}" for line in case.difference[:20]))
    print(f"\n{sum(case.seconds for case in cases):.1f} s of CPU")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
