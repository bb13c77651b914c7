"""Command lines that nobody meant to type: what the shell answers to 10,000 of them.

`python -m hashell.testing.mutated_lines [COUNT] [SEED] [--corpus FOLDER] [--door crm|script|pcs] [-v]` makes lines from
the declared commands (and from those of a recorded corpus), spoils them, and types each at a throw-away CIB file in
this process. It prints how they ended and every answer that breaks a promise:

- an exception gets out, or the answer takes more than SECONDS_MAX of CPU;
- a line is refused without a message, or one that names no word of the line, or does not say what was expected;
- an error is told and the exit code is 0; or the exit code says error and nothing is told;
- a refused line changed the file, or an accepted one left a file that is no CIB.

No program is started but agents that are asked for their meta-data, nothing is connected to, and nothing is written
outside the throw-away folder: a spoiled line may well say `cluster init` or name a file of this machine.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hashell.cib.document import Cib
from hashell.errors import HashellError
from hashell.shell.grammar.complete import complete
from hashell.shell.grammar.highlight import about, first_wrong
from hashell.shell.grammar.lexer import lex, shell_quote
from hashell.shell.grammar.line import read_line
from hashell.shell.grammar.snapshot import snapshot_of
from hashell.shell.grammar.sources import Sources

#: Seconds of CPU for one line, and seconds at all: the first tells a loop, the second something that waits.
SECONDS_MAX = 5.0
WALL_SECONDS_MAX = 90.0
#: Words of a line that is made up, and lines of a script.
WORDS_MAX = 9
LINES_MAX = 3
DOORS = ("crm", "script", "pcs")
#: A cluster with one of everything that has a name.
CIB = """<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" epoch="7" num_updates="0" admin_epoch="0">
<configuration><crm_config><cluster_property_set id="cib-bootstrap-options">
<nvpair id="opt-1" name="stonith-enabled" value="false"/><nvpair id="opt-2" name="cluster-name" value="demo"/>
</cluster_property_set></crm_config>
<nodes><node id="1" uname="node1"/><node id="2" uname="node2"><instance_attributes id="nodes-2">
<nvpair id="nodes-2-standby" name="standby" value="off"/></instance_attributes></node><node id="3" uname="node3"/>
</nodes>
<resources><template id="small" class="ocf" provider="hashell" type="Dummy"/>
<primitive id="A" class="ocf" provider="hashell" type="Dummy"><meta_attributes id="A-meta">
<nvpair id="A-meta-role" name="target-role" value="Started"/></meta_attributes>
<operations><op id="A-monitor" name="monitor" interval="10s" timeout="20s"/></operations></primitive>
<primitive id="B" class="ocf" provider="hashell" type="Dummy"><instance_attributes id="B-params">
<nvpair id="B-params-state" name="state" value="/run/b"/></instance_attributes></primitive>
<group id="G"><primitive id="X" class="ocf" provider="hashell" type="Dummy"/>
<primitive id="Y" class="ocf" provider="hashell" type="Dummy"/></group>
<clone id="M"><meta_attributes id="M-meta"><nvpair id="M-meta-p" name="promotable" value="true"/></meta_attributes>
<primitive id="S" class="ocf" provider="hashell" type="Stateful"/></clone>
<primitive id="fence" class="stonith" type="fence_hashell"/></resources>
<constraints><rsc_location id="loc-A" rsc="A" node="node1" score="100"/>
<rsc_colocation id="col-B" rsc="B" with-rsc="A" score="INFINITY"/><rsc_order id="ord-B" first="A" then="B"/>
<rsc_ticket id="tick-G" rsc="G" ticket="paris" loss-policy="stop"/></constraints>
<fencing-topology><fencing-level id="level-1" target="node1" index="1" devices="fence"/></fencing-topology>
<rsc_defaults><meta_attributes id="rsc-options">
<nvpair id="rscopt-1" name="resource-stickiness" value="1"/></meta_attributes>
</rsc_defaults><tags><tag id="both"><obj_ref id="A"/><obj_ref id="B"/></tag></tags>
<acls><acl_role id="reader"><acl_permission id="perm-1" kind="read" xpath="/cib"/></acl_role>
<acl_target id="joe"><role id="reader"/></acl_target></acls>
<alerts><alert id="mail" path="/bin/mail"><recipient id="mail-1" value="root"/></alert></alerts></configuration>
<status><tickets><ticket_state id="paris" granted="false"/></tickets></status></cib>"""
#: Words that are odd on purpose.
ODD = (
    "", " ", "0", "-1", "1e9", "99999999999999999999", "INFINITY", "-INFINITY:", "+inf", "=", "a=", "=b", "a==b", ":",
    "::",
    "a:b:c:d", "(", ")", "[", "]", "{", "}", "'", '"', "\\", "#", "$", "$id=", "%s", "{0}", "@", "*", "..", "/",
    "/nowhere/x",
    "--", "-", "-f", "--force=yes", "--wait=", "--help", "help", "é", "日本", "\U0001f600", "\x1b[31m", "\t", "\n",
    "\udcff",
    "a" * 3000, "op", "params", "meta", "rule", "set", "and", "or", "not", "date", "in_range", "gt", "true", "maybe",
    "5x",
    "P1Y", "2026-13-45", "ocf:", "ocf:x:y:z", "stonith:", "<xml", "<a/>", "id-ref", "node9", "nothing",
)
#: What a message must hold to say what was expected; a hint (an indented line below it) does, too.
_EXPECTED = re.compile(
    r"expect|usage|must|need|missing|requires?|should|allowed|there (is|are)|did you mean|unknown|not exist|"
    r"no \w+ is called|\((?:hashell|write|see|install) |"
    r"already|is called|cannot|not supported|only|instead|known|not found|neither|use ", re.IGNORECASE,
)
#: Ways to spoil a line, the likelier ones twice; and characters that break words apart.
_WAYS = ("drop", "double", "swap", "odd", "odd", "letter", "letter", "cut", "insert", "join", "end")
_BELOW_WORDS = ("'", '"', "\\", "(", "{", "#", "\n", "\\\n", "\x00", "\x07")
_MESSAGE = re.compile(r"^(?:ERROR|Error|hashell \w+): (.*)$")
#: An option whose value says where something is written.
_PROGRAMS = {"EDITOR": "true", "VISUAL": "true", "PAGER": "cat", "NO_COLOR": "1", "TERM": "dumb"}



class Hangs(BaseException):
    """A line took too long; no handler of errors may take it for one."""


@dataclass(slots=True)
class Typed:
    """One line and what came of it; `broken` are the promises that it broke."""

    door: str
    line: str
    words: tuple[str, ...]
    code: int = 0
    out: str = ""
    err: str = ""
    broken: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Result:
    """What a run found."""

    by_door: Counter[tuple[str, str]] = field(default_factory=Counter)
    broken: list[Typed] = field(default_factory=list)
    longest_s: float = 0.0


# --- making lines --------------------------------------------------------------------------------------


class Maker:
    """Lines from the words that completion offers, which are those of the declarations; and from recorded ones."""

    def __init__(self, chance: random.Random, recorded: Mapping[str, Sequence[str]]) -> None:
        self._chance = chance
        self._recorded = recorded
        self._sources = Sources(snapshot_of(Cib.parse(CIB.encode())), agents=())
        self._pool = list(ODD)
        for lines in recorded.values():
            self._pool += dict.fromkeys(word for line in lines[:400] for word in line.split())

    def line(self, door: str) -> str:
        """One line as it might have been meant, then spoiled once or twice."""
        chance = self._chance
        recorded = self._recorded.get("pcs" if door == "pcs" else "crm", ())
        line = chance.choice(recorded) if recorded and chance.random() < 0.5 else self._made_up(door)
        words = _split(line)
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            self._spoil(words)
        if door == "script" and chance.random() < 0.3:
            return self._spoil_text(" ".join(map(shell_quote, words)))
        return " ".join(shell_quote(word) if door == "script" else shlex.quote(word) for word in words)

    def _made_up(self, door: str) -> str:
        chance = self._chance
        line = {"pcs": "pcs ", "crm": "", "script": chance.choice(("configure ", ""))}[door]
        for _ in range(chance.randint(1, WORDS_MAX)):
            offers = complete(line, (), self._sources)
            if not offers and chance.random() < 0.5:
                break
            word = chance.choice(offers).text if offers and chance.random() < 0.9 else chance.choice(self._pool)
            if word.endswith(("=", ":")) and chance.random() < 0.9:
                word += chance.choice(("1", "10s", "true", "node1", "A", "x y"))
            line += ("" if line.endswith((" ", "")) else " ") + (
                word if "'" in word or '"' in word else shell_quote(word)
            )
            line += " "
        return line.removeprefix("pcs ").strip() if door == "pcs" else line.strip()

    def _spoil(self, words: list[str]) -> None:
        chance = self._chance
        place = chance.randrange(len(words)) if words else 0
        match chance.choice(_WAYS):
            case "drop" if len(words) > 1:
                del words[place]
            case "double" if words:
                words.insert(place, words[place])
            case "swap" if len(words) > 1:
                other = chance.randrange(len(words))
                words[place], words[other] = words[other], words[place]
            case "odd" if words:
                words[place] = chance.choice(self._pool)
            case "letter" if words and words[place]:
                word = words[place]
                at = chance.randrange(len(word))
                new = chance.choice(("", chance.choice("abcxyzABC019=:-_/@#%&|;<>()[]{}$'\"\\ \u00e9"), word[at] * 2))
                words[place] = word[:at] + new + word[at + 1 :]
            case "cut" if len(words) > 2:
                del words[place + 1 :]
            case "join" if len(words) > 1 and place + 1 < len(words):
                words[place : place + 2] = [words[place] + words[place + 1]]
            case "end":
                words.append(chance.choice(self._pool))
            case _:
                words.insert(place, chance.choice(self._pool))

    def _spoil_text(self, text: str) -> str:
        """Below the words: quotes, brackets and backslashes where they should not be."""
        at = self._chance.randrange(len(text) + 1)
        return text[:at] + self._chance.choice(_BELOW_WORDS) + text[at:]


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def recorded_lines(folder: Path | None) -> dict[str, list[str]]:
    """Lines of a recorded corpus, by language; empty without one."""
    found: dict[str, list[str]] = {}
    if folder is None:
        return found
    for language, name in (("crm", "crmsh.jsonl"), ("pcs", "pcs.jsonl")):
        path = folder / name
        if not path.exists():
            continue
        lines: dict[str, None] = {}
        for text in path.read_text(encoding="utf-8").splitlines():
            record: dict[str, Any] = json.loads(text)
            if language == "pcs":
                lines.update(dict.fromkeys(record["commands"]))
            else:
                level = record.get("level") or "configure"
                lines.update(dict.fromkeys(f"{level} {line}" for line in record["cli"].split("\n") if line))
        found[language] = list(lines)
    return found


# --- typing them ---------------------------------------------------------------------------------------


class _NoProgram(subprocess.Popen[Any]):
    """Programs are not there, but for agents that are asked what they are."""

    def __init__(self, args: Any, *more: Any, **named: Any) -> None:
        words = [args] if isinstance(args, str) else [str(word) for word in args]
        if words[-1] not in ("meta-data", "metadata"):
            raise FileNotFoundError(2, "No such file or directory", words[0])
        super().__init__(args, *more, **named)


def _nobody_listens(self: socket.socket, address: object) -> None:
    raise ConnectionRefusedError(111, "Connection refused")


#: Events of the interpreter that change something on disk, with the places of the paths among their arguments.
_WRITES = {
    "os.chmod": (0,), "os.chown": (0,), "os.link": (1,), "os.mkdir": (0,), "os.remove": (0,), "os.rename": (0, 1),
    "os.rmdir": (0,), "os.symlink": (1,), "os.truncate": (0,), "os.utime": (0,), "shutil.rmtree": (0,),
}
#: What one line may not do: become another program, or be one.
_NEVER = frozenset({"os.exec", "os.fork", "os.forkpty", "os.system", "os.posix_spawn", "os.kill", "os.killpg"})
#: Where writing is allowed at the moment; None allows everything. A hook can't be taken away once it is there.
_cage: list[Path | None] = []


def _in_cage(event: str, arguments: tuple[Any, ...]) -> None:
    cage = _cage[0]
    if cage is None:
        return
    if event == "open":
        path, _, flags = arguments
        if not isinstance(path, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND):
            _need_inside(cage, path)
    elif event in _WRITES:
        for place in _WRITES[event]:
            if not isinstance(arguments[place], int):
                _need_inside(cage, arguments[place])
    elif event in _NEVER:
        raise PermissionError(1, "Operation not permitted", event)


def _need_inside(cage: Path, path: Any) -> None:
    # realpath, since a link leads out of the folder; the null device is nobody's.
    real = os.path.realpath(os.fsdecode(path))
    if real != os.devnull and "__pycache__" not in real and not Path(real).is_relative_to(cage):
        raise PermissionError(13, "Permission denied", real)


@contextlib.contextmanager
def _caged(folder: Path) -> Iterator[None]:
    if not _cage:
        _cage.append(None)
        sys.addaudithook(_in_cage)
    _cage[0] = folder.resolve()
    try:
        yield
    finally:
        _cage[0] = None


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """The process without programs, connections, terminals and the person's own files."""
    environment, popen, connect, here = dict(os.environ), subprocess.Popen, socket.socket.connect, Path.cwd()
    for name in ("CIB_file", "CIB_shadow", "HASHELL_SOCKET", "HASHELL_WRITE", "HASHELL_READ_ONLY", "HASHELL_THEME"):
        os.environ.pop(name, None)
    os.environ.update(
        _PROGRAMS, HOME=str(folder), XDG_CONFIG_HOME=str(folder), XDG_STATE_HOME=str(folder), XDG_DATA_HOME=str(folder),
        XDG_CACHE_HOME=str(folder), XDG_RUNTIME_DIR=str(folder), CIB_shadow_dir=str(folder), TMPDIR=str(folder),
        PATH=str(folder),
    )
    subprocess.Popen = _NoProgram  # type: ignore[misc]
    socket.socket.connect = _nobody_listens  # type: ignore[method-assign, assignment]
    os.chdir(folder)
    try:
        with _caged(folder):
            yield
    finally:
        os.chdir(here)
        socket.socket.connect = connect  # type: ignore[method-assign]
        subprocess.Popen = popen  # type: ignore[misc]
        os.environ.clear()
        os.environ.update(environment)


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    def late(number: int, frame: object) -> None:
        raise Hangs

    before = [(number, signal.signal(number, late)) for number in (signal.SIGPROF, signal.SIGALRM)]
    signal.setitimer(signal.ITIMER_PROF, SECONDS_MAX)
    signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS_MAX)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before:
            signal.signal(number, handler)


def type_line(door: str, line: str, folder: Path, serve: Callable[[list[str]], int] | None = None) -> Typed:
    """Type one line at a fresh CIB file below `folder`. `serve` takes the program's arguments; the program itself if
    none is given."""
    if serve is None:
        from hashell.entry_points import run as program

        serve = program
    path = folder / "cib.xml"
    path.write_text(CIB, encoding="utf-8")
    words = _split(line) if door != "script" else line.split()
    stdin = io.StringIO(line + "\n" if door == "script" else "")
    arguments = ["--cib", str(path), *({"crm": words, "pcs": ["pcs", *words], "script": ["-f", "-"]}[door])]
    typed = Typed(door, line, tuple(words))
    out, err = io.StringIO(), io.StringIO()
    real = sys.stdin
    sys.stdin = stdin
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _bounded():
            typed.code = serve(arguments)
    except Hangs:
        typed.broken.append("hangs")
    except SystemExit as end:
        typed.code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        typed.broken.append("traceback: " + traceback.format_exc().strip().replace("\n", "\n    "))
    finally:
        sys.stdin = real
    typed.out, typed.err = out.getvalue(), err.getvalue()
    typed.broken += judge(typed)
    typed.broken += _file_is_whole(path, typed)
    return typed


def judge(typed: Typed) -> list[str]:
    """The promises that an answer breaks."""
    if any(text.startswith(("hangs", "traceback")) for text in typed.broken):
        return []
    if "Traceback" in typed.err or "defect" in typed.err:
        return ["tells a traceback"]
    lines = typed.err.split("\n")
    messages = [match[1] for line in lines if (match := _MESSAGE.match(line))]
    if not typed.code:
        return ["tells an error and ends with 0"] if messages else []
    if not 0 < typed.code < 256:
        return [f"ends with {typed.code}, which is no exit code"]
    if not messages:
        return [] if typed.out.strip() or _tells_nothing(typed) else ["ends with an error and says nothing"]
    told = "\n".join(messages)
    broken = []
    # What verify finds is about the file's objects, not about the line.
    words = (*typed.words, *(token.text for token in lex(typed.line)), *_canonical(typed), "cib.xml")
    if "verify" not in _canonical(typed) and not _names_a_word(told, words):
        broken.append("names no word of the line")
    hinted = any(line.startswith("       ") and line.strip() for line in lines)
    if not hinted and not _EXPECTED.search(told):
        broken.append("does not say what was expected")
    if len(messages) != len(set(messages)):
        broken.append("says the same twice")
    return broken


def _canonical(typed: Typed) -> Iterator[str]:
    """Names of the levels and commands that the line was understood as: `grup` is group."""
    joined = typed.line.replace("\\\n", "")
    if typed.door != "script":
        joined = " ".join(shell_quote(word) for word in typed.words)
    for piece in (("pcs " if typed.door == "pcs" else "") + joined).split("\n"):
        line = read_line(piece)
        yield from line.path
        if line.command is not None:
            yield line.command.name


def _tells_nothing(typed: Typed) -> bool:
    """Commands whose answer is their exit code."""
    return any("quiet" in word for word in typed.words)


def _names_a_word(told: str, words: Sequence[str]) -> bool:
    """Whether the message holds a word that was typed, or the part of it that was meant."""
    lower = told.lower()
    if not all(word.strip("\"' \t") for word in words):
        return True  # How a word of blanks would be named is anybody's taste.
    for word in words:
        for part in (word, *re.split(r"[=:,/.%@\s'\"\\()\[\]{}<>|&;#!?*+~^$]", word)):
            if part and (part.lower() in lower or repr(part)[1:-1].lower() in lower):
                return True
            if len(part) > 40 and part[:30].lower() in lower:
                return True
    return not any(words)


def _file_is_whole(path: Path, typed: Typed) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return [f"the CIB file is gone: {error}"]
    # A script's lines count one by one, each committed or not; one command is all or nothing.
    if typed.code and typed.door != "script" and text != CIB and not any("commit" in word for word in typed.words):
        return ["was refused and changed the CIB all the same"]
    try:
        Cib.parse(text.encode())
    except HashellError as error:
        return [f"left a file that is no CIB: {error}"]
    return []


def look_at(line: str) -> list[str]:
    """What the prompt does with a line at every key; the promises that breaks."""
    sources = Sources(snapshot_of(Cib.parse(CIB.encode())), agents=())
    try:
        with _bounded():
            for end in {len(line), len(line) // 2, len(line) * 3 // 4}:
                complete(line[:end], (), sources)
            first_wrong(line, ())
            about(line, len(line), (), sources)
    except Hangs:
        return ["hangs while it is typed"]
    except Exception:
        return ["traceback while it is typed: " + traceback.format_exc().strip().replace("\n", "\n    ")]
    return []


# --- the run -------------------------------------------------------------------------------------------


def run(
    count: int, seed: int, *, corpus: Path | None = None, doors: Sequence[str] = DOORS,
    serve: Callable[[list[str]], int] | None = None,
) -> Result:
    """Type so many lines, the doors in turn. The same seed makes the same lines."""
    maker = Maker(random.Random(seed), recorded_lines(corpus))
    result = Result()
    with tempfile.TemporaryDirectory(prefix="hashell-lines-") as place, alone(Path(place)):
        for number in range(count):
            door = doors[number % len(doors)]
            line = maker.line(door)
            begin = time.process_time()
            typed = type_line(door, line, Path(place), serve)
            result.longest_s = max(result.longest_s, time.process_time() - begin)
            typed.broken += look_at(("pcs " if door == "pcs" else "") + line)
            ended = "broken" if typed.broken else "refused" if typed.code else "carried out"
            result.by_door[door, ended] += 1
            if typed.broken:
                result.broken.append(typed)
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1 when a line broke a promise."""
    parser = argparse.ArgumentParser(prog="python -m hashell.testing.mutated_lines", description=__doc__.split("\n")[0])
    parser.add_argument("count", nargs="?", type=int, default=10_000)
    parser.add_argument("seed", nargs="?", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="a folder with crmsh.jsonl and pcs.jsonl: lines to begin with")
    parser.add_argument("--door", choices=DOORS, help="only this one")
    parser.add_argument("-v", "--verbose", action="store_true", help="every one that is broken")
    options = parser.parse_args(argv)
    result = run(
        options.count, options.seed, corpus=options.corpus, doors=(options.door,) if options.door else DOORS,
    )
    print(f"{'door':8}{'carried out':>13}{'refused':>9}{'broken':>8}")
    for door in DOORS:
        row = [result.by_door[door, ended] for ended in ("carried out", "refused", "broken")]
        if any(row):
            print(f"{door:8}{row[0]:13}{row[1]:9}{row[2]:8}")
    kinds: Counter[str] = Counter()
    for typed in result.broken:
        for promise in typed.broken:
            kind = promise.rsplit("\n", 1)[-1].strip()
            kinds[kind] += 1
            if kinds[kind] > 1 and not options.verbose:
                continue
            shown = typed.err.strip().replace("\n", "\n    ")
            print(f"\n{promise}\n  {typed.door}: {typed.line[:300]!r} → {typed.code}\n    {shown[:600]}")
    for kind, times in kinds.most_common():
        print(f"{times:6} times: {kind[:150]}")
    print(f"the longest took {result.longest_s * 1000:.0f} ms of CPU")
    return 1 if result.broken else 0


if __name__ == "__main__":
    sys.exit(main())
