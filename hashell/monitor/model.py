"""The model behind the screens: the last of everything that the feed told, and what changed by each
word of it.

No screen keeps a copy of its own. `changed` names what is dirty (cib, info, events, transition,
link, outage); the app
flushes dirty parts to the views on one clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from hashell.cib.document import Cib
from hashell.monitor.transition_lines import TransitionNow
from hashell.transition.xml import graph_from_xml
from hashell.wire.messages import EventInfo, Info, TransitionNotice

#: Events kept for the timeline; older ones are in the daemon's own log.
EVENTS_MAX = 2000


@dataclass
class ClusterModel:
    """What is known now. `connected` is False while the feed looks for a node; `heard_s` is the
    clock of the last word.
    """

    where: str = ""
    kind: str = "hashelld"
    read_only: bool = False
    cib: Cib | None = None
    info: Info | None = None
    transition: TransitionNow = field(default_factory=TransitionNow)
    events: deque[EventInfo] = field(default_factory=lambda: deque(maxlen=EVENTS_MAX))
    connected: bool = False
    link_text: str = "connecting"
    node: str = ""
    """The node that we are attached to."""
    moved: str = ""
    """Why and where to the feed moved, when the node that it was attached to went away."""
    heard_s: float = 0.0
    changed: set[str] = field(default_factory=set)

    def hear_cib(self, cib: Cib, now_s: float) -> None:
        """A new version of the CIB."""
        self.cib = cib
        self.heard_s = now_s
        self.changed.add("cib")

    def hear_info(self, info: Info, now_s: float) -> None:
        """Members, quorum or DC changed."""
        self.info = info
        self.heard_s = now_s
        self.changed.add("info")

    def hear_event(self, event: EventInfo) -> None:
        """A line for the timeline; one that was heard already (after a reconnect) is not repeated.
        """
        for known in reversed(self.events):
            if known.node == event.node and known.number == event.number and known.when_s == event.when_s:
                return
            if known.when_s < event.when_s - 5:
                break
        self.events.append(event)
        self.changed.add("events")

    def hear_link(self, *, connected: bool, where: str, text: str) -> None:
        """The connection to a node came or went."""
        self.connected = connected
        self.where = where or self.where
        self.link_text = text
        self.changed.add("link")

    def hear_transition(self, notice: TransitionNotice, now_s: float) -> None:
        """A transition began, one of its actions changed, or it ended."""
        if notice.phase == "started":
            graph = graph_from_xml(notice.graph_xml) if notice.graph_xml else None
            self.transition = TransitionNow(
                notice.number, notice.dc, graph, notice.summary, {}, True, started_s=now_s
            )
        elif notice.number != self.transition.number:
            return
        elif notice.phase == "action":
            self.transition = self.transition.with_state(notice.action, notice.state)
        else:
            self.transition = replace(
                self.transition, running=False, result=notice.result, reason=notice.reason,
                duration_ms=notice.duration_ms,
            )
        self.changed.add("transition")

    def take_changed(self) -> set[str]:
        """What is dirty since the last time of asking."""
        changed, self.changed = self.changed, set()
        return changed
