"""Requests, replies and notices: typed, tagged, with one version number for the whole vocabulary.

A request's `reply` type stands in its docstring. Every request may instead be answered with `Failure`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hashell.transition.packed import unpack

#: Raised when a message changes so that an older peer would misunderstand it.
PROTOCOL = 1


class Message(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The root: msgpack maps with the class name as tag, so an unknown message can be named in the error."""


class Hello(Message, frozen=True):
    """First word of a client. Reply: Welcome."""

    protocol: int
    program: str
    version: str


class Welcome(Message, frozen=True):
    protocol: int
    version: str
    cluster: str
    node: str
    user: str
    pid: int = 0


class Failure(Message, frozen=True):
    """Why a request was not done: the id, text, hint and exit code of a HashellError."""

    id: str
    message: str
    hint: str = ""
    exit_code: int = 1


class Done(Message, frozen=True):
    """The request was carried out; `text` is for the person, if there is something to say."""

    text: str = ""


# --- reading -------------------------------------------------------------------------------------------


class GetCib(Message, frozen=True):
    """The CIB of this node as it is now. Reply: CibIs."""


class CibIs(Message, frozen=True):
    xml: bytes
    version: str
    digest: str = ""


class GetInfo(Message, frozen=True):
    """Membership, quorum, DC, engine, and what goes on. Reply: Info."""


class MemberInfo(msgspec.Struct, frozen=True):
    id: int
    name: str
    state: str  # member, lost, left, joining
    address: str = ""
    since_s: float = 0.0
    votes: int = 1
    arbiter: bool = False  # it votes and holds the CIB, and runs nothing


class LinkInfo(msgspec.Struct, frozen=True):
    """How the node that answers reaches another. `since_s`: 1970, 0 while it is down; `heard_ms`: for each address of
    the other, how long ago a heartbeat came from there (-1: never)."""

    peer: str
    address: str = ""
    up: bool = False
    since_s: float = 0.0
    heartbeats: bool = False  # they pass both ways; else frames over the connection tell who lives
    round_trip_us: int = 0
    detect_ms: int = 0  # silence after which the other is lost
    heard_ms: tuple[tuple[str, int], ...] = ()


class Info(Message, frozen=True):
    cluster: str
    node: str
    engine: str
    members: tuple[MemberInfo, ...]
    dc: str
    quorate: bool
    votes: int
    expected_votes: int
    quorum: int
    view: int
    controller_state: str  # S_IDLE, S_TRANSITION_ENGINE, S_POLICY_ENGINE, S_NOT_DC, S_ELECTION …
    transition: int = 0
    warnings: tuple[str, ...] = ()
    socket_paths: tuple[str, ...] = ()  # of nodes on this machine: where a client moves when this node dies
    quorum_reason: str = ""  # why there is or is no quorum, when that is not plain from the numbers
    quorum_flags: tuple[str, ...] = ()  # as corosync-quorumtool names them: Quorate, 2Node, WaitForAll …
    links: tuple[LinkInfo, ...] = ()


class GetEvents(Message, frozen=True):
    """The last events of `node` (empty: of the one that is asked), oldest first, of those with a number above `after`.
    Another node is asked by this one, which hands on a bounded number. Reply: Events."""

    limit: int = 200
    node: str = ""
    after: int = 0


class EventInfo(msgspec.Struct, frozen=True):
    number: int
    when_s: float
    node: str
    kind: str
    level: str
    text: str
    about: tuple[str, ...] = ()
    data: dict[str, Any] = {}


class Events(Message, frozen=True):
    """`when_s` is the clock of the node whose events they are (1970) when it answered; 0: it did not say."""

    events: tuple[EventInfo, ...]
    node: str = ""
    when_s: float = 0.0


class GetDivergences(Message, frozen=True):
    """What of this node lost against another history and is kept, newest first. Reply: Divergences."""


class DivergenceRow(msgspec.Struct, frozen=True):
    name: str
    when_s: float
    node: str
    version: str
    winner: str
    winner_version: str
    changes: int


class Divergences(Message, frozen=True):
    rows: tuple[DivergenceRow, ...]


class GetDivergence(Message, frozen=True):
    """All of one of them. Reply: Divergence."""

    name: str


class Divergence(Message, frozen=True):
    """`cib`: what lost; `patch`: from the winner to it; `changes`: kind, path and XML of each operation."""

    row: DivergenceRow
    cib: bytes
    patch: bytes
    changes: tuple[tuple[str, str, str], ...]


class DropDivergence(Message, frozen=True):
    """A person has looked at it. Reply: Done."""

    name: str


class GetHistory(Message, frozen=True):
    """The configuration's versions, newest first. Reply: History."""

    limit: int = 100


class HistoryRow(msgspec.Struct, frozen=True):
    version: str
    when_s: float
    user: str
    node: str
    command: str
    message: str


class History(Message, frozen=True):
    rows: tuple[HistoryRow, ...]


class GetVersion(Message, frozen=True):
    """One kept version of the configuration. Reply: CibIs."""

    version: str


class GetTransition(Message, frozen=True):
    """The transition that runs, or else the last one that this node heard of. Reply: Transition."""


# --- changing ------------------------------------------------------------------------------------------


class Change(msgspec.Struct, frozen=True):
    """One operation; kinds as in the daemon: patch, modify, delete, replace."""

    kind: str
    xml: bytes = b""
    path: str = ""
    admin_epoch: int = -1
    epoch: int = -1


class ApplyChanges(Message, frozen=True):
    """Change the CIB, all or none. Reply: Applied, once it is committed."""

    changes: tuple[Change, ...]
    command: str = ""
    message: str = ""


class Applied(Message, frozen=True):
    version: str


class SetAttribute(Message, frozen=True):
    """A transient node attribute; `value` None removes it, `value++` and `value+=N` count. Reply: Done.

    `kind`: empty, `utilization` (it counts for placement), or `private` (known to the nodes, in no CIB).
    """

    node: str
    name: str
    value: str | None
    dampening_ms: int = 0
    kind: str = ""


class GetAttribute(Message, frozen=True):
    """Transient values of an attribute as they will be when all is written, of one node or of all. Reply:
    AttributeValues."""

    name: str
    node: str = ""
    kind: str = ""


class AttributeValues(Message, frozen=True):
    """(node, value) of every node that has one."""

    values: tuple[tuple[str, str], ...] = ()


class SetSecret(Message, frozen=True):
    """A parameter's value that no CIB holds, on all nodes; `value` None forgets it. Reply: Done."""

    resource: str
    name: str
    value: str | None

    def __repr__(self) -> str:
        return f"SetSecret({self.resource!r}, {self.name!r}, …)"


class GetSecret(Message, frozen=True):
    """A secret as this node knows it. Reply: SecretIs."""

    resource: str
    name: str


class SecretIs(Message, frozen=True):
    """None: this node knows none."""

    value: str | None = None

    def __repr__(self) -> str:
        return "SecretIs(…)"


class CleanUp(Message, frozen=True):
    """Forget failures (and with `refresh` the whole history) of a resource, on one node or all. Reply: Done.

    Empty `resource` means all resources, empty `node` all nodes; `task` and `interval_ms` narrow it (-1: any).
    """

    resource: str = ""
    node: str = ""
    task: str = ""
    interval_ms: int = -1
    refresh: bool = False


class FailResource(Message, frozen=True):
    """Pretend that a resource failed on a node (as crm_resource --fail does). Reply: Done."""

    resource: str
    node: str


class Fence(Message, frozen=True):
    """Fence a node now. `action`: off, reboot, on; `confirm`: a person vouches that it is down. Reply: Done."""

    node: str
    action: str = "reboot"
    timeout_ms: int = 300_000
    confirm: bool = False


class FenceDevices(Message, frozen=True):
    """Fence devices, all or those that may fence a node. Reply: FencingDevices."""

    node: str = ""


class FencingDevice(msgspec.Struct, frozen=True):
    """`check`: how it learns whom it can fence; `runs_on` where the cluster watches it; `executors` who would use it,
    best first (for a named node); `actions` of its agent, empty while it has not said."""

    id: str
    agent: str
    check: str
    runs_on: tuple[str, ...] = ()
    executors: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    enabled: bool = True


class FencingDevices(Message, frozen=True):
    """`watchdog_ms`: how long the named node's own end would be waited for (0: it is not relied on, `why_not`)."""

    devices: tuple[FencingDevice, ...]
    watchdog_ms: int = 0
    why_not: str = ""


class ForgetFencing(Message, frozen=True):
    """Forget what is over in the fencing history, of one node or of all. Reply: Done."""

    node: str = ""


class StopNode(Message, frozen=True):
    """This node (or `node`) leaves cleanly; resources move first. Reply: Done when it has begun."""

    node: str = ""


class ForgetNode(Message, frozen=True):
    """Take a node that is not here out of nodes, status and roster. Reply: Done."""

    node: str


class RotateKey(Message, frozen=True):
    """Make a new cluster key and have all members go over to it. Reply: Done when it has begun; an event tells when all
    have."""


class WaitIdle(Message, frozen=True):
    """Reply Done when the DC has nothing to do, or Failure timed-out."""

    timeout_ms: int


# --- watching ------------------------------------------------------------------------------------------


class Subscribe(Message, frozen=True):
    """From now on send notices. Reply: CibIs (where the notices begin), then notices."""

    cib: bool = True
    events: bool = True
    transition: bool = True
    members: bool = True


class CibNotice(Message, frozen=True):
    """The CIB went from one version to the next; `patch` empty: ask for the whole. In order, without gaps."""

    version: str
    patch: bytes
    user: str = ""
    node: str = ""
    command: str = ""
    when_s: float = 0.0


class MembersNotice(Message, frozen=True):
    info: Info


class EventNotice(Message, frozen=True):
    event: EventInfo


class TransitionNotice(Message, frozen=True):
    """`phase` is started (with graph and summary), action (with action, state, rc) or ended (result, reason, idle)."""

    phase: str
    number: int
    dc: str = ""
    graph_packed: bytes = b""
    summary: str = ""
    action: int = 0
    state: str = ""
    rc: int = 0
    result: str = ""
    reason: str = ""
    idle: bool = False
    duration_ms: int = 0

    @property
    def graph_xml(self) -> bytes:
        """The graph. Raises BadPacked."""
        return unpack(self.graph_packed)


class Transition(Message, frozen=True):
    """What a subscriber would have heard of one transition so far, an action's last state only; empty: of none yet."""

    notices: tuple[TransitionNotice, ...] = ()


# --- frames --------------------------------------------------------------------------------------------


class ToDaemon(msgspec.Struct, frozen=True, array_like=True):
    """A frame from a client: its number (from 1, chosen by the client) and the request."""

    number: int
    body: (
        Hello | GetCib | GetInfo | GetEvents | GetHistory | GetVersion | GetDivergences | GetDivergence
        | DropDivergence | ApplyChanges | SetAttribute
        | CleanUp | FailResource | Fence | StopNode | ForgetNode | WaitIdle | Subscribe
        | GetTransition | RotateKey | FenceDevices | ForgetFencing | GetAttribute
        | SetSecret | GetSecret
    )


class ToClient(msgspec.Struct, frozen=True, array_like=True):
    """A frame to a client: the number of the request that it answers, 0 for a notice."""

    number: int
    body: (
        Welcome | Failure | Done | CibIs | Info | Events | History | Applied
        | CibNotice | MembersNotice | EventNotice | TransitionNotice | Transition | Divergences | Divergence
        | FencingDevices | AttributeValues | SecretIs
    )
