"""Suppose: nodes lost or in standby, resources that fail or are stopped: where would everything be then?

In:  a CIB and suppositions. Out: `Answer`: for each resource that would be elsewhere where it is and where it would be,
what stays down and why. What is supposed is written into a copy of the CIB and walked to the end, as losses are.

As a program (`python -m hashell.simulate.suppose`) it serves a screen, which must not wait for the scheduler: one line
of question and a CIB on standard input, lines of answers on standard output; who is no longer interested ends it.
"""

from __future__ import annotations

import enum
import os
import sys
import time
from collections.abc import Iterator, Sequence

import msgspec
from lxml import etree
from msgspec import Struct

from hashell.cib.document import Cib
from hashell.errors import HashellError, NotFound
from hashell.model.nodes import NodeKind
from hashell.simulate import inject
from hashell.simulate.explain import wins
from hashell.simulate.losses import Held, Loss, Plan, lost_cib, outcome, plan, quorum_after
from hashell.simulate.rehearse import jobs_of, losses_of
from hashell.simulate.remedy import set_pair
from hashell.simulate.run import FailureWish, decide, with_status
from hashell.simulate.source import zone
from hashell.state.cluster_state import ClusterState, read_cluster_state
from hashell.state.resources import Resource
from hashell.values.roles import Role

#: Resources that one question may mark, and nodes.
MARKS_MAX = 200


class Fate(enum.StrEnum):
    """What may be supposed. FAILED: it fails where it runs, and cannot be started there again."""

    LOST = "lost"
    STANDBY = "standby"
    FAILED = "failed"
    STOPPED = "stopped"


class Supposition(Struct, frozen=True):
    """`about` is a node (lost, standby) or a resource (failed, stopped)."""

    fate: Fate
    about: str


class Ghost(Struct, frozen=True):
    """A resource that would be elsewhere: (node, role) where it is and where it would be."""

    resource: str
    now: tuple[tuple[str, str], ...]
    then: tuple[tuple[str, str], ...]


class Answer(Struct, frozen=True):
    """`loss` has what moves, stays down, is fenced; `down_before` runs nowhere already and counts in nothing."""

    ghosts: tuple[Ghost, ...]
    loss: Loss
    down_before: tuple[str, ...] = ()


class Question(Struct, frozen=True):
    """What a screen asks: suppositions, the loss of every node in turn (`every_node`), what must change for each of
    `nodes` to win a `resource`, or what would be done next if this were the CIB (`decide`). `when_s`: as of then
    (1970), 0 is now; `width`: columns of lines.
    """

    suppositions: tuple[Supposition, ...] = ()
    every_node: bool = False
    resource: str = ""
    nodes: tuple[str, ...] = ()
    when_s: float = 0.0
    width: int = 80
    decide: bool = False


class Winning(Struct, frozen=True):
    """What must change for `node` to win, in the words of `hashell explain`; no lines where it has won already."""

    node: str
    lines: tuple[str, ...]


class Word(Struct, frozen=True, omit_defaults=True):
    """One line of an answer. `of`: how many losses there will be. `counts` and `summary`: what would be done next."""

    answer: Answer | None = None
    loss: Loss | None = None
    winning: Winning | None = None
    of: int = 0
    counts: tuple[tuple[str, int], ...] = ()
    summary: tuple[str, ...] = ()
    error: str = ""


def suppose(cib: Cib, supposed: Sequence[Supposition], now_s: float, utc_offset_s: int = 0) -> Answer:
    """Where everything would be. Raises NotFound for what is not there, and what reading a CIB raises."""
    lost = tuple(sorted({one.about for one in supposed[:MARKS_MAX] if one.fate is Fate.LOST}))
    planned = plan(cib, now_s, utc_offset_s=utc_offset_s)
    state = read_cluster_state(planned.cib, now_s, utc_offset_s)
    _need(state, supposed)
    members = [node for node in state.nodes.values() if node.kind is NodeKind.CLUSTER]
    left = sum(1 for node in members if node.online and node.name not in lost)
    planned = msgspec.structs.replace(planned, quorate={lost: quorum_after(state, left, len(members), None)})
    start, failures = lost_cib(planned, lost)
    root = start.copy_root()
    stopped: set[str] = set()
    for one in supposed[:MARKS_MAX]:
        match one.fate:
            case Fate.STANDBY:
                _standby(root, one.about)
            case Fate.STOPPED:
                for element in root.iterfind("configuration/resources//*"):
                    if element.get("id") == one.about:
                        set_pair(element, "meta_attributes", "target-role", "Stopped")
                        stopped |= {inner.get("id", "") for inner in element.iter(etree.Element)}
            case Fate.FAILED:
                failures += _fail(root, one.about, state, planned)
            case Fate.LOST:
                pass
    found, then = outcome(planned, lost, Cib(root), failures)
    # What is to stop is no loss.
    found = msgspec.structs.replace(found, down=tuple(name for name in found.down if name not in stopped))
    ghosts = [
        Ghost(name, _places(was), _places(then.get(name)))
        for name, was in planned.runs.items() if _places(was) != _places(then.get(name))
    ]
    ghosts += [Ghost(name, (), _places(now)) for name, now in then.items() if name not in planned.runs]
    return Answer(tuple(ghosts), found, planned.down_before)


def _places(held: Held | None) -> tuple[tuple[str, str], ...]:
    return () if held is None else tuple(sorted((node, role.value) for node, role in held.places.items()))


def _need(state: ClusterState, supposed: Sequence[Supposition]) -> None:
    nodes = {node.name for node in state.nodes.values()}
    resources = {one.config.id for one in state.all_resources()} | set(state.by_id)
    for one in supposed:
        if one.about not in (nodes if one.fate in (Fate.LOST, Fate.STANDBY) else resources):
            raise NotFound(f"{one.about} is not there (any more)", "take the mark away")


def _standby(root: etree._Element, name: str) -> None:
    nodes = inject.section(root, "nodes")
    holder = next((one for one in nodes.iterfind("node") if one.get("uname") == name), None)
    if holder is None:
        holder = etree.SubElement(nodes, "node", id=name, uname=name, type="remote")
    set_pair(holder, "instance_attributes", "standby", "on")


def _fail(root: etree._Element, name: str, state: ClusterState, planned: Plan) -> list[FailureWish]:
    """The recurring monitor fails wherever it runs; the start that would follow there fails, too."""
    wishes: list[FailureWish] = []
    for resource in _kin(state, name):
        config = resource.config
        monitors = [one.interval_ms for one in config.operations if one.name == "monitor" and one.interval_ms]
        agent = inject.Agent(config.standard, config.provider, config.type)
        for ident in resource.active_on:
            host = state.nodes.get(ident)
            if host is None:
                continue
            where = inject.node_state(root, host.name, host.id)
            by_name = inject.recorded(where)
            key = resource.id if resource.id in by_name else config.id
            result = inject.Result(
                key, "monitor", monitors[0] if monitors else 60_000, 1, _usual(resource), "supposed to fail",
                int(planned.now_s), {},
            )
            inject.count_failure(where, result, config.id, infinity=False)
            inject.record(inject.resource_history(where, key, config.id, agent, by_name), result, host.name)
            wishes.append(FailureWish(f"{config.id}_start_0@{host.name}=1"))
    return wishes


def _usual(resource: Resource) -> int:
    """What its monitor says while all is well."""
    return 8 if resource.role is Role.PROMOTED else 0


def _kin(state: ClusterState, name: str) -> Iterator[Resource]:
    for top in state.resources:
        for one in top.primitives():
            if name in (one.config.id, one.id) and not one.removed:
                yield one


# As a program -----------------------------------------------------------------------------------------


def answers(question: Question, cib: Cib, now_s: float) -> Iterator[Word]:
    """What is to be said to a question, as it is found out."""
    now_s = question.when_s or now_s
    try:
        if question.decide:
            decided = decide(cib, now_s, utc_offset_s=zone(now_s))
            yield Word(counts=tuple(decided.counts().items()), summary=decided.summary)
            return
        cib = with_status(cib)
        if question.resource:
            for node in question.nodes[:MARKS_MAX]:
                lines = wins(cib, question.resource, node, now_s, zone(now_s), question.width)
                yield Word(winning=Winning(node, lines))
            return
        if not question.every_node:
            yield Word(suppose(cib, question.suppositions, now_s, zone(now_s)))
            return
        planned = plan(cib, now_s, utc_offset_s=zone(now_s))
        total = len(planned.cases)
        if not total:
            yield Word()
        for loss in losses_of(planned, jobs_of(0, planned, len(cib.to_bytes())), lambda _, __: None):
            yield Word(loss=loss, of=total)
    except HashellError as error:
        yield Word(error=str(error))


def main() -> int:
    """A question from standard input; the exit code."""
    os.nice(10)  # the cluster goes first: this is only what might be
    try:
        question = msgspec.json.decode(sys.stdin.buffer.readline(), type=Question)
        cib = Cib.parse(sys.stdin.buffer.read())
    except (msgspec.DecodeError, HashellError) as error:
        _write(Word(error=str(error)))
        return 0
    try:
        for word in answers(question, cib, time.time()):
            _write(word)
    except BrokenPipeError:
        return 141
    return 0


def _write(word: Word) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(word) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
