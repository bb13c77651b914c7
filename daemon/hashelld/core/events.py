"""Every event that crosses from one component to another, in the order of the path of a change.

Who hears which is the table HEARD_BY in node.py. Private events of a component (its timers' payloads) derive from
`Event` too and live beside it; the driver hands a timer's or a reply's event back to the component that asked for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hashell.cib.document import Cib
from hashell.transition.graph import Graph


@dataclass(frozen=True, slots=True)
class Event:
    """The root of all events."""


# --- membership and messages (from the engine) --------------------------------------------------


@dataclass(frozen=True, slots=True)
class Member:
    """One node of a view. `id` is stable for a name's lifetime in the cluster; `since_ms` orders seniority by view."""

    id: int
    name: str
    uuid: str
    boot: int
    address: str = ""
    feature_set: str = ""
    votes: int = 1


@dataclass(frozen=True, slots=True)
class View:
    """Who is here now, in rank order: the first is the DC. `left` said goodbye, `lost` did not.

    `arbiters` are here to vote and to hold the CIB, and for nothing else; they are among none of the others.

    `unique`: the members are a strict majority of all votes, so no other view can be that now; what is committed in
    such a
    view stays. A quorate view need not be unique (two nodes alone). `proposer` with `number` names the view for ever.
    """

    number: int
    members: tuple[Member, ...]
    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    quorate: bool = False
    votes: int = 0
    expected_votes: int = 0
    quorum: int = 0
    reason: str = ""
    unique: bool = False
    proposer: str = ""
    arbiters: tuple[Member, ...] = ()

    @property
    def holders(self) -> tuple[Member, ...]:
        """Who holds the CIB: members and arbiters."""
        return self.members + self.arbiters

    @property
    def dc(self) -> str:
        """The name of the node that coordinates in this view."""
        return self.members[0].name if self.members else ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(member.name for member in self.members)


@dataclass(frozen=True, slots=True)
class Blocked(Event):
    """The view is ending: nothing more may be acknowledged in it."""


@dataclass(frozen=True, slots=True)
class MembersChanged(Event):
    """A new view is in force."""

    view: View


@dataclass(frozen=True, slots=True)
class LinkSeen:
    """This node's way to another. `for_ms`: how long the connection has been up (0: it is not); `heard_ms`: since a
    heartbeat came, for each address that they are sent to (-1: never); `detect_ms`: silence after which it is lost."""

    peer: str
    address: str = ""
    up: bool = False
    for_ms: int = 0
    heartbeats: bool = False
    round_trip_us: int = 0
    detect_ms: int = 0
    heard_ms: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class LinksSeen(Event):
    """How this node reaches the others, every few seconds and when it changes; for people."""

    links: tuple[LinkSeen, ...]


@dataclass(frozen=True, slots=True)
class MessageOrdered(Event):
    """One message of the one order that all members of a view share; also delivered to its sender."""

    view: int
    sequence: int
    origin: str
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class MessageDirect(Event):
    """A message from one node to this one; first in, first out for each pair of nodes."""

    view: int
    origin: str
    topic: str
    payload: bytes


# --- the CIB -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Author:
    """Who asks for a change, for the history: a person with the command, or a component of a node."""

    user: str
    node: str
    command: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class CibOperation:
    """A change of the CIB that every node applies alike. Kinds:

    `patch`    a patchset in Pacemaker's format; refused when `epoch` (admin_epoch.epoch) is not the current one
    `modify`   merge `xml` into the section or element at `path`, creating what is missing (by tag and id)
    `delete`   remove all elements that the XPath `path` finds
    `replace`  put `xml` (a whole <cib>, or a section) in place of what is there
    """

    kind: str
    xml: bytes = b""
    path: str = ""
    admin_epoch: int = -1
    epoch: int = -1


@dataclass(frozen=True, slots=True)
class ChangeWanted(Event):
    """Some component or client wants the CIB changed. `operations` are applied all or none, as one version.

    `request` comes back in `ChangeAnswered`; empty means that nobody waits. `in_this_view`: what it says is true of the
    view in which it is asked for, as what a DC says of other nodes; in a later one it is refused.
    """

    operations: tuple[CibOperation, ...]
    author: Author
    request: str = ""
    in_this_view: bool = False


@dataclass(frozen=True, slots=True)
class ChangeAnswered(Event):
    """What became of a change asked for on this node. `error` is empty when it is committed."""

    request: str
    version: str = ""
    error_id: str = ""
    error: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ChangeCommitted(Event):
    """A change has its version and can no more be lost. Told before CibChanged, to who answers clients: they need not
    wait until every room has heard of it. ChangeAnswered follows, after CibChanged."""

    request: str
    version: str


@dataclass(frozen=True, slots=True)
class CibChanged(Event):
    """The CIB of this node has a new version (`patch` is the change in Pacemaker's format, empty after a whole
    transfer)."""

    before: Cib
    after: Cib
    patch: bytes
    author: Author
    configuration_changed: bool


# --- deciding and acting ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GraphReady(Event):
    """The scheduler process answered. `request` numbers the asking; `graph_xml` is empty when `error` is not, or
    when the same stands in `graph`, read already, and in `graph_packed`, as it goes to those who watch."""

    request: int
    graph_xml: bytes
    summary: str = ""
    error: str = ""
    input_name: str = ""
    recheck_at_s: int | None = None
    graph: Graph | None = None
    graph_packed: bytes = b""


@dataclass(frozen=True, slots=True)
class OperationWanted(Event):
    """The controller wants an operation of a resource done on this node. `action_xml` is the graph's rsc_op element.
    `again`: it may have been asked for in the view before, and then is not done twice. `at_once`: a probe waits while
    so many programs run here (0: it does not wait)."""

    action_xml: bytes
    dc: str
    again: bool = False
    at_once: int = 0


@dataclass(frozen=True, slots=True)
class OperationsWithdrawn(Event):
    """The DC wants no probe begun any more that has not begun: it will decide anew. Each is answered as cancelled."""


@dataclass(frozen=True, slots=True)
class OperationDone(Event):
    """An operation on this node ended (or was recorded pending); the history entry is on its way to the CIB.
    `node`: the remote node where it was done by way of this one; empty when it was done here. `unrecorded`: no history
    entry will tell of it, since the resource was forgotten while it ran."""

    resource: str
    task: str
    interval_ms: int
    rc: int
    status: int
    transition_key: str
    reason: str = ""
    exec_ms: int = 0
    node: str = ""
    unrecorded: bool = False


# --- remote nodes -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConnectionWanted(Event):
    """The executor has an operation of a connection to do. Answered by ConnectionAnswered with the same `token`, not
    later than `timeout_ms` from now. `parameters` are the action's, as the graph has them."""

    token: str
    remote: str
    task: str
    interval_ms: int
    timeout_ms: int
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ConnectionAnswered(Event):
    """What came of an operation of a connection, as an agent would have said it."""

    token: str
    rc: int
    status: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ConnectionLost(Event):
    """A connection that was up is gone: whoever watches it should look now, not when the interval is over.

    `left_alone`: the node is in maintenance, so nothing is to come of it: the connection counts as stopped.
    """

    remote: str
    left_alone: bool = False


@dataclass(frozen=True, slots=True)
class Attached(Event):
    """On a remote node: a member of the cluster has connected, and this is who we are there. `publish`: it must be told
    all that is known here."""

    node: str
    node_id: str
    cluster: str
    dc: str
    publish: bool


# --- fencing and attributes -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FencingWanted(Event):
    """A node must be made sure to be off (or rebooted). Answered by FencingDone with the same `request`."""

    target: str
    action: str
    request: str
    timeout_ms: int
    delay_ms: int = 0
    origin: str = ""


@dataclass(frozen=True, slots=True)
class FencingTakes(Event):
    """The fencing of this request has begun and may take so long, all levels and delays included."""

    request: str
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class FencingDone(Event):
    """`error` is empty when the target is known to be fenced. `when_s` is seconds since 1970; `life` is the boot number
    that the target had when its fencing began (0: not known): nothing is said of later lives."""

    target: str
    action: str
    request: str
    executor: str = ""
    device: str = ""
    error: str = ""
    when_s: float = 0.0
    life: int = 0


@dataclass(frozen=True, slots=True)
class AttributeWanted(Event):
    """A transient node attribute is to be set (`value` None removes it), after `dampening_ms` of quiet."""

    node: str
    name: str
    value: str | None
    dampening_ms: int = 0
    request: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class AttributeChanged(Event):
    """This node has written a new value of a node attribute (None: it is removed)."""

    node: str
    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class TransitionStarted(Event):
    """The DC begins a transition; clients show its actions. Sent to all nodes as an ordered message."""

    number: int
    dc: str
    graph_packed: bytes
    summary: str
    input_name: str = ""


@dataclass(frozen=True, slots=True)
class ActionsChanged(Event):
    """Actions of the running transition, in the order in which they changed: id, state (running, done, failed or
    skipped), return code."""

    number: int
    changes: tuple[tuple[int, str, int], ...]


@dataclass(frozen=True, slots=True)
class TransitionEnded(Event):
    """`result` is complete, aborted or failed; `reason` says why it was aborted. `idle`: nothing follows at once."""

    number: int
    result: str
    reason: str = ""
    idle: bool = False
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class Happened(Event):
    """A line for people: shown in shell and monitor, kept in the events of the node.

    `kind` is one word (member, quorum, dc, config, transition, operation, fencing, attribute, storage, trust …),
    `level` is info, notice, warning or error; `about` names nodes and resources concerned.
    """

    kind: str
    level: str
    text: str
    about: tuple[str, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DivergencesKept(Event):
    """Names of what lost against another history and waits in the archive for a person."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadTold(Event):
    """How busy this node is: processes that run or want to (a minute's average), cores, the daemon's share of one."""

    load: float
    cores: int
    own: float


# --- life of the daemon ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Started(Event):
    """The first event that every component hears: the CIB as storage gave it, and who we are."""

    node: str
    cluster: str
    cib: Cib


@dataclass(frozen=True, slots=True)
class ShutdownWanted(Event):
    """This node is to leave cleanly: resources move first. Ends in Leaving."""

    reason: str


@dataclass(frozen=True, slots=True)
class WatchdogReady(Event):
    """A watchdog resets this node when it is not fed for so long; 0: it has none, or none that works."""

    timeout_ms: int


@dataclass(frozen=True, slots=True)
class SelfFenceWanted(Event):
    """This node must end itself now, with all that runs on it: others count on it, or it may not go on alone."""

    reason: str


@dataclass(frozen=True, slots=True)
class ServicesKilled(Event):
    """This node is ending itself, and the processes of its resources are dead: stop what is more than a process."""


@dataclass(frozen=True, slots=True)
class ServicesEnded(Event):
    """What could be stopped is stopped: the node may end."""


@dataclass(frozen=True, slots=True)
class Leaving(Event):
    """All is stopped here (or the time for it is up): say goodbye and end."""

    clean: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ClientAsked(Event):
    """A client's request that is not answered by ipc itself; `body` is a request of hashell.wire.messages.

    The component that HEARD_BY names answers with the effect `Reply(client, ...)`.
    """

    client: int
    user: str
    body: Any
