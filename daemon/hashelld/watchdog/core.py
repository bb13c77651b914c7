"""The watchdog's state machine: is this node sound, and must it end now?

    no quorum yet ─ quorum → armed, fed ─┬─ no quorum, nobody counts on it → fed
                                         ├─ no quorum, or long no view, and others count on it → not fed: reset when
                                         │  that does not end
                                         └─ no quorum, policy fence/suicide, or told to die → ended at once

It is armed by the first quorum: before that nothing was started in this life, and what an earlier life left running is
the earlier guard's to end. The tick is a timer of the loop, so a loop that stands still feeds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hashell.cib.document import Cib
from hashell.values.intervals import interval_ms
from hashelld.core.effects import Effect, Log, StartTimer, Tell
from hashelld.core.events import (
    Blocked,
    CibChanged,
    Event,
    Happened,
    Leaving,
    MembersChanged,
    SelfFenceWanted,
    ServicesEnded,
    ShutdownWanted,
    Started,
    WatchdogReady,
)
from hashelld.watchdog.words import Arm, Disarm, EndNode, Feed, KillServices, LastCall, Tick

if TYPE_CHECKING:
    from hashelld.settings import Settings

#: Times that a watchdog is fed within its time at least: one feeding may come late.
FEEDS = 5
FEED_MAX_MS = 1000
#: Milliseconds without a view after which this node does not know any more that it has quorum: the others, who may have
#: gone on without it, wait that much longer than its watchdog takes (fencer/watchdog.py).
BETWEEN_MAX_MS = 1000
#: How long stopping what has no process (addresses, mounts) may take before all is ended anyway.
LAST_CALL_MS = 5000
#: Policies for lost quorum under which a node ends itself.
FATAL = frozenset({"suicide", "fence"})


class Watchdog:
    """One node's judgement of itself."""

    name = "watchdog"

    def __init__(self, settings: Settings) -> None:
        self._node = settings.node
        self._timeout_ms = 0
        self._cib = Cib.empty()
        self._quorate = self._had_quorum = self._armed = False
        self._leaving = self._silent = False
        self._ending = ""
        #: Since when there is no view; 0 where there is one.
        self._between_ms = 0

    def receive(self, event: Event, now_ms: int, wall_s: float) -> Iterable[Effect]:
        match event:
            case Tick():
                return self._tick(now_ms)
            case Blocked():
                self._between_ms = self._between_ms or max(1, now_ms)
            case MembersChanged(view):
                self._between_ms = 0
                return self._quorum(view.quorate)
            case CibChanged():
                self._cib = event.after
            case WatchdogReady(timeout_ms):
                return self._ready(timeout_ms)
            case SelfFenceWanted(reason):
                return self._end(reason)
            case ServicesEnded() | LastCall():
                return [EndNode(self._ending)] if self._ending else []
            case ShutdownWanted():
                self._leaving = True
            case Leaving(clean):
                self._leaving = True
                return self._left(clean)
            case Started():
                self._cib = event.cib
            case _:
                pass
        return []

    # --- feeding --------------------------------------------------------------------------------

    def _ready(self, timeout_ms: int) -> list[Effect]:
        before, self._timeout_ms = self._timeout_ms, timeout_ms
        if before and not timeout_ms:
            self._armed = False
            return [Tell(Happened(
                "fencing", "error", f"{self._node} has no watchdog that works; others will not count on it",
                (self._node,),
            ))]
        return self._arm() if self._quorate else []

    def _arm(self) -> list[Effect]:
        if self._armed or not self._timeout_ms or self._leaving or self._ending:
            return []
        self._armed = True
        return [Arm(), Feed(), self._next_tick()]

    def _next_tick(self) -> Effect:
        return StartTimer("tick", min(FEED_MAX_MS, self._timeout_ms // FEEDS), Tick())

    def _tick(self, now_ms: int) -> list[Effect]:
        if not self._armed or self._ending or self._silent:
            return []
        lost = self._between_ms and now_ms - self._between_ms > BETWEEN_MAX_MS
        return [Feed(), self._next_tick()] if self._sound(quorate=self._quorate and not lost) else [self._next_tick()]

    def _sound(self, *, quorate: bool = False) -> bool:
        if quorate or self._option("no-quorum-policy") == "ignore":
            return True
        # Without quorum it matters whether the others take its silence for its end.
        return not self._counted_on()

    def _counted_on(self) -> bool:
        text = self._option("fencing-watchdog-timeout") or self._option("stonith-watchdog-timeout")
        return text.startswith("-") or interval_ms(text or None) > 0

    def _option(self, name: str) -> str:
        section = self._cib.section("crm_config")
        for pair in () if section is None else section.iterfind("cluster_property_set/nvpair"):
            if pair.get("name") == name:
                return pair.get("value", "").strip()
        return ""

    # --- quorum ---------------------------------------------------------------------------------

    def _quorum(self, quorate: bool) -> list[Effect]:
        self._quorate = quorate
        if quorate:
            self._had_quorum = True
            return self._arm()
        policy = self._option("no-quorum-policy")
        if not self._had_quorum or self._leaving:
            return []
        self._had_quorum = False
        if policy in FATAL:
            return self._end(f"quorum is lost, and no-quorum-policy is {policy}")
        if self._armed and not self._sound():
            return [Log("error", f"quorum is lost: the watchdog is not fed, {self._timeout_ms} ms to live")]
        return []

    # --- the end --------------------------------------------------------------------------------

    def _end(self, reason: str) -> list[Effect]:
        """First the processes, at once; then what has none is stopped by its agents; then this node itself."""
        if self._ending:
            return []
        self._ending = reason
        return [
            Log("error", f"this node ends itself: {reason}"),
            Tell(Happened("fencing", "error", f"{self._node} ends itself: {reason}", (self._node,))),
            StartTimer("last call", LAST_CALL_MS, LastCall()),
            KillServices(),
        ]

    def _left(self, clean: bool) -> list[Effect]:
        if clean or not self._armed:
            self._armed = False
            return [Disarm()]
        # What may still run here must not outlive the daemon that looked after it.
        self._silent = True
        return [Log("warning", "leaving uncleanly: the watchdog stays armed")]
