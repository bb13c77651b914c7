"""The past: everything that a feed told, with its times, kept within a bound; and the scene at any moment of it.

    past.hear(update, now_s)            what the feed says, in order; `now_s` never goes back
    past.scene()                        now
    past.look(when_s).scene()           then; `look` is cheap, its `scene()` may take longer than a frame: in a thread

CIBs are kept as a whole followed by patches; a new whole is kept once the patches behind the last weigh as much as it
does. When all together weigh more than `bytes_max` the oldest whole goes, with its patches.
"""

from __future__ import annotations

import math
import zlib
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from hashell.cib.document import Cib, parse_xml
from hashell.cib.patch import apply_to
from hashell.client import recording
from hashell.client.feed import (
    CibUpdate,
    Connected,
    Disconnected,
    EventUpdate,
    HistoryUpdate,
    InfoUpdate,
    LogUpdate,
    ProbeUpdate,
    TransitionUpdate,
    Update,
)
from hashell.errors import HashellError
from hashell.monitor.other_logs import Logs
from hashell.monitor.scene import Link, ProbeSight, Scene, Step, TransitionNow
from hashell.transition.graph import Graph
from hashell.transition.xml import graph_from_xml
from hashell.wire.messages import EventInfo, HistoryRow, Info, TransitionNotice

#: Bytes of CIBs, patches and graphs kept: about an hour of a busy cluster of 5,000 resources, weeks of a quiet one.
BYTES_MAX = 96 * 1024 * 1024
#: Events kept; older ones are in the daemon's own log.
EVENTS_MAX = 5_000
#: Events that nobody has taken note of yet.
FRESH_MAX = 1_000
#: Changes of members, of the connection, transitions: each is small.
INFOS_MAX = 5_000
TRANSITIONS_MAX = 500
#: Earlier transitions that a scene has, for the time that the running one will take.
EARLIER_MAX = 50
#: Patches behind a whole: undoing time step by step applies at most so many.
PATCHES_MAX = 400
#: Bytes of patches that are no reason for a new whole.
PATCHES_FREE = 65_536
#: Outages kept for each probe.
GAPS_MAX = 2_000


@dataclass(slots=True)
class _Chain:
    """A whole CIB and the patches behind it. `whole` is packed once `Past.pack` was called."""

    began_s: float
    whole: Cib | bytes
    patches: list[tuple[float, bytes]] = field(default_factory=list)
    weight: int = 0

    def cib_bytes(self) -> bytes:
        return zlib.decompress(self.whole) if isinstance(self.whole, bytes) else self.whole.to_bytes()


def _is_full(chain: _Chain, grown: int) -> bool:
    """Whether the patches behind a whole (and `grown` bytes more) are as dear as a new one."""
    heavy = isinstance(chain.whole, bytes) and chain.weight + grown > 2 * len(chain.whole) + PATCHES_FREE
    return heavy or len(chain.patches) >= PATCHES_MAX


@dataclass(slots=True)
class _Course:
    """One transition as it went: each change of an action with its time."""

    notice: TransitionNotice
    began_s: float
    graph: Graph | None
    changes: list[tuple[float, TransitionNotice]] = field(default_factory=list)
    ended_s: float = 0.0
    end: TransitionNotice | None = None
    latest: dict[int, Step] = field(default_factory=dict)

    def at(self, when_s: float | None) -> TransitionNow:
        """As far as it had come."""
        ended = self.end is not None and (when_s is None or self.ended_s <= when_s)
        if when_s is None or (self.end is not None and ended and self.changes and self.changes[-1][0] <= when_s):
            steps = dict(self.latest)
        else:
            steps = {}
            for at_s, change in self.changes:
                if at_s > when_s:
                    break
                steps[change.action] = _stepped(steps.get(change.action), change, at_s)
        now = TransitionNow(
            self.notice.number, self.notice.dc, self.graph, self.notice.summary, steps, not ended, began_s=self.began_s
        )
        if ended and self.end is not None:
            now = replace(
                now, result=self.end.result, reason=self.end.reason, duration_ms=self.end.duration_ms,
                ended_s=self.ended_s,
            )
        return now


def _stepped(before: Step | None, change: TransitionNotice, at_s: float) -> Step:
    began_s = at_s if change.state == "running" else (before.began_s if before is not None else 0.0)
    ended_s = at_s if change.state in ("done", "failed") else 0.0
    return Step(change.state, began_s, ended_s, change.rc)


@dataclass(frozen=True, slots=True)
class Looking:
    """What a scene of the past is made of; `scene()` may be called in any thread."""

    bare: Scene
    whole: bytes | Cib | None
    patches: tuple[bytes, ...]

    def scene(self) -> Scene:
        """The scene with its CIB. A patch that does not fit ends the walk: what came before it is shown."""
        if self.whole is None:
            return self.bare
        if isinstance(self.whole, Cib):
            if not self.patches:
                return replace(self.bare, cib=self.whole)
            root = self.whole.copy_root()
        else:
            root = parse_xml(zlib.decompress(self.whole), "a kept CIB")
        for patch in self.patches:
            try:
                apply_to(root, parse_xml(patch, "a kept patch"))
            except HashellError:
                break
        return replace(self.bare, cib=Cib(root))


class Past:
    """What one cluster told so far. For one thread, but for what `look` gives out."""

    def __init__(self, *, bytes_max: int = BYTES_MAX) -> None:
        self.kind = "hashelld"
        self.read_only = False
        self.history: tuple[HistoryRow, ...] = ()
        self.began_s = 0.0
        self.heard_s = 0.0
        self._bytes_max = bytes_max
        self._chains: deque[_Chain] = deque()
        self._packed = 0
        self._weight = 0
        self._cib: Cib | None = None
        self._infos: deque[tuple[float, Info]] = deque(maxlen=INFOS_MAX)
        self._links: deque[tuple[float, Link]] = deque(maxlen=INFOS_MAX)
        self._events: deque[tuple[float, EventInfo]] = deque()
        self._seen: set[tuple[str, int, float]] = set()
        self._fresh: deque[EventInfo] = deque(maxlen=FRESH_MAX)
        self._courses: deque[_Course] = deque()
        self._cib_times: deque[float] = deque(maxlen=EVENTS_MAX)
        self._logs = Logs()
        self._probes: dict[str, deque[tuple[float, ProbeUpdate]]] = {}
        self._gaps: dict[str, deque[tuple[float, float]]] = {}
        self._changed: set[str] = set()
        self._marks: tuple[tuple[float, str], ...] | None = ()
        self._live_earlier: tuple[TransitionNow, ...] | None = None

    # --- hearing

    def hear(self, update: Update, now_s: float) -> None:
        """Keep one word of the feed. Times that go back are taken as the time of the last word."""
        now_s = self._now(now_s)
        match update:
            case Connected():
                moved = f"{update.why}: moved to {update.node}" if update.moved_from else ""
                self._link(now_s, Link(
                    True, self.kind, update.where or self.link.where, update.node,
                    moved or f"attached to {update.node}", moved,
                ))
            case Disconnected():
                again = f"again in {update.retry_s:.0f} s" if update.retry_s >= 1 else "looking for another node"
                self.lost(f"lost: {update.why}; {again}", now_s)
            case CibUpdate():
                self._take_cib(update, now_s)
            case InfoUpdate():
                self._infos.append((now_s, update.info))
                self._changed.add("info")
            case EventUpdate():
                self._take_event(update, now_s)
            case TransitionUpdate():
                self._take_transition(update.notice, now_s)
            case HistoryUpdate():
                self._remember(update.rows)
            case ProbeUpdate():
                self._take_probe(update, now_s)
            case LogUpdate():
                if self._logs.take(update, now_s):
                    self._changed.add("logs")

    def hear_frame(self, frame: recording.Frame) -> None:
        """As `hear`, for a frame of a recording: a CIB is not unpacked before somebody looks at it."""
        match frame.body:
            case recording.Whole(packed):
                self._now(frame.at_s)
                self._take_whole(_Chain(self.heard_s, packed, weight=len(packed)))
            case recording.Patches(patches):
                self._now(frame.at_s)
                if self._chains:
                    self._take_patches(self._chains[-1], patches)
            case _:
                self.hear(recording.plain_update(frame.body), frame.at_s)

    def _now(self, now_s: float) -> float:
        self.heard_s = max(now_s, self.heard_s)
        self.began_s = self.began_s or self.heard_s
        return self.heard_s

    def lost(self, text: str, now_s: float) -> None:
        """Nobody answers, and why."""
        self.heard_s = max(now_s, self.heard_s)
        self._link(self.heard_s, replace(self.link, connected=False, kind=self.kind, text=text, moved=""))

    def _remember(self, rows: Iterable[HistoryRow]) -> None:
        found = tuple(sorted(rows, key=lambda row: row.when_s))
        if found != self.history:
            self.history = found
            self._changed.add("history")

    def shift(self, seconds: float) -> None:
        """Somebody set the machine's clock: move all that was stamped with it, so that ages stay what they are."""
        self.began_s += seconds
        self.heard_s += seconds
        for chain in self._chains:
            chain.began_s += seconds
            chain.patches = [(at_s + seconds, patch) for at_s, patch in chain.patches]
        self._infos = deque(((at_s + seconds, info) for at_s, info in self._infos), INFOS_MAX)
        self._links = deque(((at_s + seconds, link) for at_s, link in self._links), INFOS_MAX)
        self._events = deque((at_s + seconds, event) for at_s, event in self._events)
        self._cib_times = deque((at_s + seconds for at_s in self._cib_times), EVENTS_MAX)
        self._logs.shift(seconds)
        for course in self._courses:
            course.began_s += seconds
            course.ended_s += seconds if course.end is not None else 0.0
            course.changes = [(at_s + seconds, change) for at_s, change in course.changes]
            course.latest = {}
            for at_s, change in course.changes:
                course.latest[change.action] = _stepped(course.latest.get(change.action), change, at_s)
        for name, told in self._probes.items():
            self._probes[name] = deque(((at_s + seconds, update) for at_s, update in told), GAPS_MAX)
        for name, gaps in self._gaps.items():
            self._gaps[name] = deque(((one + seconds, other + seconds) for one, other in gaps), GAPS_MAX)
        self._live_earlier = self._marks = None
        self._changed |= {"events", "transition", "probes", "logs"}

    def take_changed(self) -> set[str]:
        """What changed since the last time of asking: cib, info, events, transition, link, history, probes,
        logs."""
        changed, self._changed = self._changed, set()
        return changed

    def take_fresh(self) -> tuple[EventInfo, ...]:
        """What happened since the last time of asking; not what was told of the time before we came."""
        fresh = tuple(self._fresh)
        self._fresh.clear()
        return fresh

    def touch(self, part: str) -> None:
        """Have a part drawn anew."""
        self._changed.add(part)

    @property
    def link(self) -> Link:
        """How the connection stands."""
        return self._links[-1][1] if self._links else Link(kind=self.kind)

    @property
    def info(self) -> Info | None:
        """Members, quorum and DC as they were heard last."""
        return self._infos[-1][1] if self._infos else None

    @property
    def cib(self) -> Cib | None:
        """The CIB as it was heard last."""
        if self._cib is None and self._chains:
            self._cib = self.look(math.inf).scene().cib
        return self._cib

    def _link(self, now_s: float, link: Link) -> None:
        same = bool(self._links) and self.link.connected == link.connected
        self._links.append((now_s, replace(link, since_s=self.link.since_s if same else now_s)))
        self._changed.add("link")

    def _take_cib(self, update: CibUpdate, now_s: float) -> None:
        chain = self._chains[-1] if self._chains else None
        grown = sum(map(len, update.patches))
        if chain is None or update.before is not self._cib or not update.patches or _is_full(chain, grown):
            self._take_whole(_Chain(now_s, update.after))
        else:
            self._take_patches(chain, update.patches)
        self._cib = update.after

    def _take_whole(self, chain: _Chain) -> None:
        self._chains.append(chain)
        self._weight += chain.weight
        self._cib_changed()

    def _take_patches(self, chain: _Chain, patches: Sequence[bytes]) -> None:
        grown = sum(map(len, patches))
        chain.patches += [(self.heard_s, patch) for patch in patches]
        chain.weight += grown
        self._weight += grown
        self._cib_changed()

    def _cib_changed(self) -> None:
        self._cib = None
        self._changed.add("cib")
        self._cib_times.append(self.heard_s)
        while self._weight > self._bytes_max and len(self._chains) > 1:
            self._weight -= self._chains.popleft().weight

    def pack(self) -> None:
        """Make wholes small that are still trees. It takes milliseconds for a large CIB: where that matters, in a
        thread, which is safe while others call `hear`."""
        for chain in list(self._chains):
            if isinstance(chain.whole, Cib):
                packed = zlib.compress(chain.whole.to_bytes(), 1)
                chain.whole = packed
                chain.weight += len(packed)
                self._weight += len(packed)

    @property
    def unpacked(self) -> bool:
        """Whether there is something for `pack`."""
        return bool(self._chains) and isinstance(self._chains[-1].whole, Cib)

    @property
    def weight(self) -> int:
        """Bytes of CIBs and patches that are kept."""
        return self._weight

    def _take_event(self, update: EventUpdate, now_s: float) -> None:
        event = update.event
        known = (event.node, event.number, event.when_s)
        if known in self._seen:
            return
        self._seen.add(known)
        if not update.past:
            self._fresh.append(event)
        # What was told of the time before we came has its own time, by the clock of that node; the rest ours.
        at_s = min(event.when_s, now_s) if update.past else now_s
        if self._events and at_s < self._events[-1][0]:
            self._insert(at_s, event)
        else:
            self._events.append((at_s, event))
        while len(self._events) > EVENTS_MAX:
            gone = self._events.popleft()[1]
            self._seen.discard((gone.node, gone.number, gone.when_s))
        self._changed.add("events")
        self._marks = None

    def _insert(self, at_s: float, event: EventInfo) -> None:
        place = len(self._events)
        while place and self._events[place - 1][0] > at_s:
            place -= 1
        self._events.insert(place, (at_s, event))

    def _take_transition(self, notice: TransitionNotice, now_s: float) -> None:
        last = self._courses[-1] if self._courses else None
        if notice.phase == "started":
            if last is not None and last.notice == notice:
                return  # told again, after a reconnection
            graph = graph_from_xml(notice.graph_xml) if notice.graph_packed else None
            self._courses.append(_Course(notice, now_s, graph))
            while len(self._courses) > TRANSITIONS_MAX:
                self._courses.popleft()
            self._live_earlier = None
        elif last is None or notice.number != last.notice.number:
            return
        elif notice.phase == "action":
            known = last.latest.get(notice.action)
            if known is not None and known.state == notice.state:
                return
            last.changes.append((now_s, notice))
            last.latest[notice.action] = _stepped(known, notice, now_s)
        elif last.end is None:
            last.end, last.ended_s = notice, now_s
            # One that was over before we came was told all at once: its beginning follows from how long it took.
            last.began_s = min(last.began_s, now_s - notice.duration_ms / 1000)
        self._changed.add("transition")

    def _take_probe(self, update: ProbeUpdate, now_s: float) -> None:
        told = self._probes.setdefault(update.name, deque(maxlen=GAPS_MAX))
        told.append((now_s, update))
        if update.gap_s > 0:
            self._gaps.setdefault(update.name, deque(maxlen=GAPS_MAX)).append((now_s - update.gap_s, now_s))
        self._changed.add("probes")

    # --- looking

    def scene(self) -> Scene:
        """What is known now; cheap."""
        if self._live_earlier is None:
            self._live_earlier = tuple(course.at(None) for course in self._last_courses(len(self._courses) - 1))
        return Scene(
            self.heard_s, True, self.link, self.cib, self._infos[-1][1] if self._infos else None,
            self._courses[-1].at(None) if self._courses else TransitionNow(), self._live_earlier,
            tuple(event for _, event in self._events), self.history, self._sights(None), self.began_s,
            self._logs.until(None), self._logs.nodes,
        )

    def look(self, when_s: float) -> Looking:
        """What a scene of the past is made of."""
        infos = [info for at_s, info in self._infos if at_s <= when_s]
        links = [link for at_s, link in self._links if at_s <= when_s]
        count = sum(1 for course in self._courses if course.began_s <= when_s)
        courses = [course.at(when_s) for course in self._last_courses(count)]
        bare = Scene(
            when_s, False, links[-1] if links else Link(kind=self.kind), None, infos[-1] if infos else None,
            courses[-1] if courses else TransitionNow(), tuple(courses[:-1]),
            tuple(event for at_s, event in self._events if at_s <= when_s),
            tuple(row for row in self.history if row.when_s <= when_s), self._sights(when_s), self.began_s,
            self._logs.until(when_s), self._logs.nodes,
        )
        chains = [chain for chain in self._chains if chain.began_s <= when_s]
        if not chains:
            return Looking(bare, None, ())
        chain = chains[-1]
        return Looking(bare, chain.whole, tuple(patch for at_s, patch in chain.patches if at_s <= when_s))

    def _last_courses(self, count: int) -> Sequence[_Course]:
        return tuple(islice(self._courses, max(0, count - EARLIER_MAX), max(0, count)))

    def _sights(self, when_s: float | None) -> tuple[ProbeSight, ...]:
        sights: list[ProbeSight] = []
        for name, told in self._probes.items():
            heard = [(at_s, one) for at_s, one in told if when_s is None or at_s <= when_s]
            if not heard:
                continue
            last_s, last = heard[-1]
            since_s = last_s
            for at_s, one in reversed(heard):
                if one.ok != last.ok:
                    break
                since_s = at_s
            gaps = tuple(
                gap for gap in self._gaps.get(name, ()) if when_s is None or gap[1] <= when_s
            )
            sights.append(ProbeSight(name, last.ok, last.said, since_s, gaps, last.budget_s))
        return tuple(sights)

    # --- moments

    def marks(self) -> tuple[tuple[float, str], ...]:
        """(time, level) of every event, for the time bar."""
        if self._marks is None:
            self._marks = tuple((at_s, event.level) for at_s, event in self._events)
        return self._marks

    def heard_at(self, node: str, number: int, when_s: float) -> float:
        """When an event came here: from then on scenes have it. Its own time when it is not kept."""
        for at_s, event in reversed(self._events):
            if (event.node, event.number, event.when_s) == (node, number, when_s):
                return at_s
        return when_s

    def moments(self) -> list[float]:
        """The times at which something happened that a person would stop at, in order, each once."""
        found = {at_s for at_s, _ in self._events}
        for course in self._courses:
            found.add(course.began_s)
            if course.end is not None:
                found.add(course.ended_s)
        if not self._events:
            found |= set(self._cib_times)  # a file or a Pacemaker tells no events of its own
        return sorted(found)

    def step(self, when_s: float | None, steps: int) -> float | None:
        """The moment so many events after (or before) one; None is now, and so is what lies behind the last."""
        moments = self.moments()
        if when_s is None:
            place = len(moments)
        elif steps > 0:
            place = bisect_right(moments, when_s) - 1
        else:
            place = bisect_left(moments, when_s)
        place += steps
        if place >= len(moments):
            return None
        return moments[max(0, place)] if moments else None

    @property
    def span(self) -> tuple[float, float]:
        """From the first thing known to the last word."""
        first = self._events[0][0] if self._events else self.began_s
        return min(first, self.began_s), self.heard_s
