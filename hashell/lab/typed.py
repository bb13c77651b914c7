"""Tutorials that people follow, typed as they are written, in pcs or in crm, on nodes of this machine.

    hashell demo --tutorial web-server --language crm
    hashell demo --tutorial all

A tutorial is a file of demos/tutorials: its lines in both languages, and after each step where what runs:

    nodes = ["pcmk-1", "pcmk-2"]        the cluster;  address = the service's;  agents, script = who is stood in for
    [[step]]
    say = "…"
    pcs = "…"   crm = "…"               lines as typed, with or without a prompt; lines at a prompt of the crm shell
                                        are one session of it
    kill = "WebSite"                    the node of a resource loses power (`promoted:DB`: where it is promoted); a
    start = "lost"                      node may be named, too; `lost` is the one that was lost last
    runs = { WebSite = "with:WebFS", DB = "promoted:not:lost" }     see `Place`
    answers = "pcmk-1"                  who answers at the service's address; "" does not ask

Each command is one of a shell, in which `pcs` and `crm` are hashell; one that fails ends the tutorial.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from hashell.errors import BadUsage, HashellError, NotFound, Refused
from hashell.lab import scenario, stand_ins
from hashell.lab.cluster import LocalCluster, free_port, import_path

if TYPE_CHECKING:
    from hashell.cib.document import Cib

LANGUAGES = ("pcs", "crm")
#: Seconds for one typed command, and for a step's claims: bounds, not measures.
COMMAND_S = 120.0
CLAIM_S = 90.0
_PROMPT = re.compile(r"^(?:\[[^\]]*\][#$]|[#$]) (?=\S)")
_SHELL_PROMPT = re.compile(r"^crm\([^)]*\)\w*# ?")
_HERE_DOCUMENT = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")


class BadTutorial(Refused):
    id = "tutorial-bad"


@dataclass(frozen=True, slots=True)
class Typed:
    """One command as typed: `text` for a shell, `session` what is typed into the program that it starts."""

    text: str
    session: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a resource is to be: `NODE`, `any` (one node), `not:NODE`, `with:RESOURCE`, `with:promoted:RESOURCE`; with
    `promoted:` before it this is said of the one promoted instance."""

    resource: str
    text: str

    def complaint(self, now: Mapping[str, Where], lost: str) -> str:
        """Why it does not hold; empty when it does."""
        promoted, rest = _without(self.text, "promoted:")
        found = _nodes(now, self.resource, promoted)
        what = f"{self.resource} is {'promoted' if promoted else 'active'} on {', '.join(found) or 'no node'}"
        if len(found) != 1:
            return what
        refused, rest = _without(rest, "not:")
        beside, rest = _without(rest, "with:")
        if beside:
            promoted, rest = _without(rest, "promoted:")
            other = _nodes(now, rest, promoted)
            return "" if found == other else f"{what}, {rest} on {', '.join(other) or 'no node'}"
        wanted = lost if rest == "lost" else rest
        if wanted == "any":
            return ""
        return "" if (found[0] == wanted) is not refused else f"{what}: it is to be {self.text}"


@dataclass(frozen=True, slots=True)
class Where:
    """The nodes on which a resource is active, and on which it is promoted."""

    active: tuple[str, ...] = ()
    promoted: tuple[str, ...] = ()


def _without(text: str, prefix: str) -> tuple[bool, str]:
    return text.startswith(prefix), text.removeprefix(prefix)


def _nodes(now: Mapping[str, Where], resource: str, promoted: bool) -> tuple[str, ...]:
    where = now.get(resource, Where())
    return where.promoted if promoted else where.active


@dataclass(frozen=True, slots=True)
class TypedStep:
    """`lines` by language."""

    say: str
    lines: Mapping[str, tuple[Typed, ...]]
    kill: str = ""
    start: str = ""
    runs: tuple[Place, ...] = ()
    answers: str = ""


@dataclass(frozen=True, slots=True)
class Tutorial:
    name: str
    title: str
    about: str
    cluster: str
    nodes: tuple[str, ...]
    address: str
    agents: tuple[str, ...]
    script: str
    steps: tuple[TypedStep, ...]


# --- reading


def folder() -> Path:
    return scenario.folder() / "tutorials"


def names() -> tuple[str, ...]:
    return tuple(sorted(file.stem for file in folder().glob("*.toml")))


def load(name: str) -> Tutorial:
    """Raises NotFound, BadTutorial."""
    if name not in names():
        raise NotFound(f"there is no tutorial {name!r}", "there are: " + ", ".join(names()))
    path = folder() / f"{name}.toml"
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        steps = tuple(_step(one) for one in raw["step"])
        return Tutorial(
            name, raw["title"], " ".join(raw["about"].split()), raw["cluster"], tuple(raw["nodes"]), raw["address"],
            tuple(raw["agents"]), raw.get("script", ""), steps,
        )
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise BadTutorial(f"{path}: {error!r}", "see the other tutorials for what one holds") from None


def _step(raw: Mapping[str, Any]) -> TypedStep:
    unknown = set(raw) - {"say", "pcs", "crm", "kill", "start", "runs", "answers"}
    if unknown:
        raise BadTutorial(f"nobody knows {', '.join(sorted(unknown))}", "a step has say, pcs, crm, kill, start, runs")
    return TypedStep(
        raw["say"], {one: commands(raw.get(one, "")) for one in LANGUAGES}, raw.get("kill", ""),
        raw.get("start", ""), tuple(Place(name, text) for name, text in raw.get("runs", {}).items()),
        raw.get("answers", ""),
    )


def commands(text: str) -> tuple[Typed, ...]:
    """The commands of a step's lines: a line that ends in a backslash goes on, a here document belongs to its command,
    and what is typed at a prompt of the crm shell to the session that is open there."""
    lines = iter(text.split("\n"))
    found: list[Typed] = []
    for line in lines:
        whole = _SHELL_PROMPT.sub("", _PROMPT.sub("", line))
        while whole.endswith("\\"):
            whole += "\n" + next(lines, "")
        if _SHELL_PROMPT.match(line):
            if not found:
                raise BadTutorial(f"{whole!r} is typed at a prompt that no command opened", "begin with crm")
            found[-1] = Typed(found[-1].text, f"{found[-1].session}{whole}\n")
        elif whole.strip():
            document = _HERE_DOCUMENT.search(whole)
            while document and not whole.endswith(f"\n{document[2]}"):
                following = next(lines, None)
                if following is None:
                    raise BadTutorial(f"<<{document[2]} is never ended", f"end it with a line {document[2]}")
                whole += "\n" + following
            found.append(Typed(whole))
    return tuple(found)


# --- playing


class Desk:
    """A cluster of this machine, and somebody who types at one of its nodes."""

    def __init__(self, tutorial: Tutorial, language: str, *, say: Callable[[str], None] = lambda text: None) -> None:
        self.tutorial = tutorial
        self.language = language
        self.said: list[str] = []
        self.lost = ""
        self._say = say
        self._port = free_port()
        self.cluster = _Cluster(tutorial.nodes, name=tutorial.cluster)
        self.cluster.more = stand_ins.write(
            self.cluster.folder / "stand-ins", tutorial.agents, tutorial.script, tutorial.address,
            (self._port, free_port(), free_port()),
        )
        self._work = self.cluster.folder / "desk"
        self._programs()

    def _programs(self) -> None:
        """`pcs` and `crm` for the shell that commands are typed into."""
        (self._work / "bin").mkdir(parents=True)
        for name, words in (("pcs", " pcs"), ("crm", ""), ("hashell", "")):
            program = self._work / "bin" / name
            program.write_text(
                f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m hashell --attach "$DESK_SOCKET"{words} "$@"\n',
                encoding="utf-8",
            )
            program.chmod(0o755)

    def play(self) -> None:
        """The whole tutorial. Raises HashellError at what fails or does not come to be."""
        self._say(f"{self.tutorial.title}; typed in {self.language}")
        for agent in self.tutorial.agents:
            self._say(f"   {agent} is stood in for: {stand_ins.KINDS[agent.partition(':')[2]][0]}")
        self.cluster.start()
        self.cluster.wait_formed()
        for step in self.tutorial.steps:
            self.step(step)

    def step(self, step: TypedStep) -> None:
        self._say(f"── {step.say}")
        if step.kill:
            self.lost = self._node(step.kill)
            self._say(f"   {self.lost} loses power")
            self.cluster.kill(self.lost)
            # What a machine without power had in /run is gone.
            shutil.rmtree(self.cluster.place(self.lost).run / "rsctmp", ignore_errors=True)
        if step.start:
            self._start(self.lost if step.start == "lost" else step.start)
        for typed in step.lines[self.language]:
            self.type(typed)
        self._settle(step)

    def _start(self, node: str) -> None:
        # Who was told to leave may still be about it.
        self.cluster.wait_until(lambda: not self.cluster.alive(node), f"{node} does not end")
        self.cluster.start_node(node)
        self.cluster.wait_formed(nodes=[one for one in self.cluster.nodes if self.cluster.alive(one)])

    def type(self, typed: Typed) -> None:
        """Raises Refused with what was said when the command fails."""
        for line in (typed.text + "\n" + typed.session).rstrip("\n").split("\n"):
            self._say(f"   {line}")
        home = self.cluster.place(self._desk())
        env = {
            **os.environ, **self.cluster.more, "PYTHONPATH": import_path(), "DESK_SOCKET": str(home.socket),
            "PATH": f"{self._work / 'bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}", "HOME": str(self._work),
            "XDG_DATA_HOME": str(self._work / "data"), "XDG_CONFIG_HOME": str(self._work / "config"),
        }
        if env.pop("PYTHONDONTWRITEBYTECODE", ""):
            # What is installed is compiled: a command that compiles itself takes five times as long.
            env["PYTHONPYCACHEPREFIX"] = str(self.cluster.folder / "compiled")
        try:
            done = subprocess.run(
                ["/bin/sh", "-c", typed.text], input=typed.session, cwd=self._work, env=env, capture_output=True,
                text=True, check=False, timeout=COMMAND_S,
            )
        except subprocess.TimeoutExpired:
            raise Refused(f"{typed.text} did not end within {COMMAND_S:g} s") from None
        self.said.append(done.stdout + done.stderr)
        if done.returncode:
            raise Refused(f"{typed.text}: exit code {done.returncode}: {(done.stderr or done.stdout).strip()}")
        if "Traceback" in done.stderr:
            raise Refused(f"{typed.text}: {done.stderr.strip()}")

    def _desk(self) -> str:
        """Where is typed: the last node that runs, since tutorials stop the first."""
        return next(node for node in reversed(self.cluster.nodes) if self.cluster.alive(node))

    def _node(self, text: str) -> str:
        """A node's name, or the node of a resource."""
        if text in self.cluster.nodes:
            return text
        promoted, resource = _without(text, "promoted:")
        found = _nodes(self.where(), resource, promoted)
        if len(found) != 1:
            raise NotFound(f"{resource} is on {', '.join(found) or 'no node'}, and one was to be lost")
        return found[0]

    def _settle(self, step: TypedStep) -> None:
        deadline_s = time.monotonic() + CLAIM_S
        while complaint := self.complaint(step):
            if time.monotonic() > deadline_s:
                raise Refused(f"{step.say}: {complaint}")
            time.sleep(0.1)
        for place in step.runs:
            self._say(f"   ✓ {place.resource} {place.text}")

    def complaint(self, step: TypedStep) -> str:
        """Why it is not as the step claims; empty when it is and the cluster has nothing more to do."""
        try:
            client = self.cluster.client(self._desk())
            try:
                client.wait_idle(2.0)
            finally:
                client.close()
            now = self.where()
        except HashellError as error:
            return str(error)
        for place in step.runs:
            if complaint := place.complaint(now, self.lost):
                return complaint
        if not step.answers:
            return ""
        return Place("the service", step.answers).complaint({"the service": Where(self.answering())}, self.lost)

    def where(self) -> dict[str, Where]:
        """Each resource, and what is made of several, with its nodes as the status has them."""
        client = self.cluster.client(self._desk())
        try:
            return placements(client.cib())
        finally:
            client.close()

    def answering(self) -> tuple[str, ...]:
        """The name that the web server at the service's address answers with, or nothing."""
        try:
            with socket.create_connection((stand_ins.on_loopback(self.tutorial.address), self._port), 2) as asked:
                asked.sendall(b"GET / HTTP/1.0\r\n\r\n")
                said = b""
                while more := asked.recv(4096):
                    said += more
        except OSError:
            return ()
        return (said.decode(errors="replace").split("\r\n\r\n", 1)[-1].strip().split()[-1],) if said else ()

    def close(self) -> None:
        self.cluster.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def placements(cib: Cib) -> dict[str, Where]:
    """Where each primitive, group, clone and bundle is, as the status has it."""
    from hashell.simulate.source import zone
    from hashell.state.cluster_state import read_cluster_state
    from hashell.status.build import cluster_status
    from hashell.status.cluster_status import BundleStatus, CloneStatus, GroupStatus, PrimitiveStatus, ResourceStatus
    from hashell.status.options import StatusOptions
    from hashell.values.roles import Role

    now_s = time.time()
    found: dict[str, Where] = {}

    def primitives(one: ResourceStatus) -> Iterator[PrimitiveStatus]:
        """Those in it; each level on the way is put down too."""
        inside: tuple[ResourceStatus, ...] = ()
        match one:
            case GroupStatus(members=members):
                inside = members
            case CloneStatus(instances=instances):
                inside = instances
            case BundleStatus(replicas=replicas):
                inside = tuple(part for replica in replicas for part in replica.parts())
            case PrimitiveStatus():
                yield one
        parts = [part for child in inside for part in put(child)]
        yield from parts

    def put(one: ResourceStatus) -> list[PrimitiveStatus]:
        parts = list(primitives(one))
        before = found.get(one.name, Where())
        active = {node for part in parts if part.active for node in part.active_on}
        promoted = {node for part in parts if part.active and part.role is Role.PROMOTED for node in part.active_on}
        found[one.name] = Where(
            tuple(sorted({*before.active, *active})), tuple(sorted({*before.promoted, *promoted}))
        )
        return parts

    status = cluster_status(
        read_cluster_state(cib, now_s, zone(now_s)), None, StatusOptions(inactive=True, details=False)
    )
    for one in status.resources:
        put(one)
    return found


class _Cluster(LocalCluster):
    """Nodes that find the stand-ins."""

    more: Mapping[str, str] = {}

    def environment(self, node: str) -> dict[str, str]:
        return {**super().environment(node), **self.more}


def main(wanted: list[str], language: str) -> int:
    """Play tutorials; 0 when everything worked as typed."""
    chosen = names() if "all" in wanted else tuple(wanted)
    languages = LANGUAGES if language in ("", "both") else (language,)
    if set(languages) - set(LANGUAGES):
        raise BadUsage(f"{language} is no language of the shell", "pcs, crm or both")
    tutorials = [load(name) for name in chosen]
    bad = 0
    for tutorial in tutorials:
        for one in languages:
            began_s = time.monotonic()
            problem = ""
            with Desk(tutorial, one, say=lambda text: print(text, flush=True)) as desk:
                try:
                    desk.play()
                except HashellError as error:
                    problem = str(error)
            bad += bool(problem)
            print(f"{tutorial.name} in {one}: {problem or 'good'}, {time.monotonic() - began_s:.1f} s\n", flush=True)
    return int(bad > 0)
