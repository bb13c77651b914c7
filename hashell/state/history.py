"""History: what a node recorded of the operations it ran, in the order in which they happened.

Source: Pacemaker Explained, "Status", "Operation history"; lib/pengine/pe_actions.c, pe__is_newer_op.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from lxml import etree

from hashell.values.integers import leading_integer
from hashell.values.keys import Magic
from hashell.values.outcomes import ExecStatus, OcfCode


class HistoryEntry(NamedTuple):
    """An `lrm_rsc_op`; a tuple, since there can be a hundred thousand of them.

    Numbers that are missing or wrong: `call_id` -1, `interval_ms` 0, `status` and `rc` None. `target_rc` is the
    expected exit code (-1 where there is no valid transition key). `rescheduled` says that the failure of a recurring
    operation has expired and that it must be scheduled anew: its restart digest then fits nothing. `node` (a name)
    and `resource` (the id of the instance) say for whom it was read; they are set on failed ones.
    """

    id: str
    task: str
    interval_ms: int
    call_id: int
    status: int | None
    rc: int | None
    target_rc: int
    element: etree._Element
    node: str = ""
    resource: str = ""
    rescheduled: bool = False

    def get(self, name: str) -> str | None:
        """Any attribute: transition-magic, op-force-restart, exec-time, migrate_source …"""
        return self.element.get(name)

    @property
    def key(self) -> str:
        """The operation key; entries of very old versions have it as their id."""
        return self.element.get("operation_key") or self.id

    @property
    def exit_reason(self) -> str:
        return self.element.get("exit-reason", "")

    @property
    def last_rc_change(self) -> int | None:
        """When the result came to be what it is, in seconds since 1970."""
        return leading_integer(self.element.get("last-rc-change"))

    @property
    def digest(self) -> str | None:
        return self.element.get("op-digest")

    @property
    def restart_digest(self) -> str | None:
        if self.rescheduled:
            return "calculated-failure-timeout"
        return self.element.get("op-restart-digest")

    @property
    def is_probe(self) -> bool:
        return self.interval_ms == 0 and self.task == "monitor"

    @property
    def found_nothing(self) -> bool:
        """A probe that found the resource not running, as expected."""
        return (
            self.rc == OcfCode.NOT_RUNNING and self.target_rc == OcfCode.NOT_RUNNING and self.status == ExecStatus.DONE
            and self.interval_ms == 0 and self.task == "monitor"
        )

    @property
    def is_masked_failure(self) -> bool:
        """A probe whose answer says only that the resource cannot be there (agent or configuration is missing)."""
        return self.is_probe and (
            self.rc in (OcfCode.NOT_INSTALLED, OcfCode.INVALID_PARAM)
            or self.status == ExecStatus.NOT_INSTALLED
        )


#: Type, class and provider of an agent, as they stand.
Agent = tuple[str | None, str | None, str | None]


class ResourceHistory:
    """An `lrm_resource` of one node: `id` as the node knows the resource; entries oldest first.

    Entries are read when somebody asks for them. Nobody does where `found_nothing`: there is but one entry, and that
    is a probe that found nothing.
    """

    __slots__ = ("_entries", "element", "found_nothing", "id")

    def __init__(
        self, element: etree._Element, entries: tuple[HistoryEntry, ...] | None = None, *, found_nothing: bool = False
    ) -> None:
        self.id: str = element.get("id", "")
        self.element = element
        self.found_nothing = found_nothing
        self._entries = entries

    @property
    def entries(self) -> tuple[HistoryEntry, ...]:
        if self._entries is None:
            self._entries = _read_entries(self.element)
        return self._entries

    @property
    def agent(self) -> Agent:
        """Its type, class and provider, as they stand."""
        get = self.element.get
        return get("type"), get("class"), get("provider")

    @property
    def standard(self) -> str:
        return self.element.get("class", "")

    @property
    def provider(self) -> str:
        return self.element.get("provider", "")

    @property
    def type(self) -> str:
        return self.element.get("type", "")

    @property
    def container(self) -> str | None:
        """The resource that launched this one, by its id."""
        return self.element.get("container")

    @property
    def shutdown_lock(self) -> int:
        """When a clean shutdown of the node locked the resource to it (seconds since 1970), 0 if none did."""
        return leading_integer(self.element.get("shutdown-lock")) or 0


class NodeHistory:
    """The history of one node.

    `quiet` are the ids of configured resources of which the node knows only that a probe did not find them, with the
    agent that they have now: nine of ten in a large cluster, so they are held as ids. `told` are all others;
    `resources` are all, as in the document.
    """

    __slots__ = ("_by_id", "_holder", "_resources", "node_id", "quiet", "told")

    def __init__(
        self, node_id: str, holder: etree._Element | None, told: tuple[ResourceHistory, ...],
        quiet: frozenset[str] = frozenset(),
    ) -> None:
        self.node_id = node_id
        self.told = told
        self.quiet = quiet
        self._holder = holder
        self._resources: tuple[ResourceHistory, ...] | None = None if quiet else told
        self._by_id: dict[str, list[ResourceHistory]] | None = None

    @property
    def resources(self) -> tuple[ResourceHistory, ...]:
        if self._resources is None:
            assert self._holder is not None
            told = {found.element: found for found in self.told}
            self._resources = tuple([
                told.get(element) or ResourceHistory(element, found_nothing=True)
                for element in self._holder.iterchildren("lrm_resource")
            ])
        return self._resources

    def named(self, name: str) -> list[ResourceHistory]:
        """What the node recorded under this name: one at most, in a sound document."""
        if self._by_id is None:
            self._by_id = {}
            for found in self.resources:
                self._by_id.setdefault(found.id, []).append(found)
        return self._by_id.get(name, [])

    def but_quiet(self, names: Collection[str]) -> Sequence[ResourceHistory]:
        """In the order of the document, those that are not quiet, and those with these names."""
        if self.quiet.isdisjoint(names):
            return self.told
        left_out = self.quiet.difference(names)
        return [found for found in self.resources if found.id not in left_out]

    def with_told(self, node_id: str, told: tuple[ResourceHistory, ...]) -> NodeHistory:
        """The same with something noted in what was told."""
        return NodeHistory(node_id, self._holder, told, self.quiet)


#: Attributes as lxml takes them without encoding them anew each time, which counts with a hundred thousand entries.
_RC, _TASK, _STATUS, _INTERVAL, _ID, _KEY, _TYPE, _CLASS, _PROVIDER, _LOCK = (
    b"rc-code", b"operation", b"op-status", b"interval", b"id", b"transition-key", b"type", b"class", b"provider",
    b"shutdown-lock",
)
#: A transition key that expects "not running".
_EXPECTS_NOTHING = re.compile(r"-?[0-9]+:-?[0-9]+:0{0,8}7:.").match


class Plain(NamedTuple):
    """The resources that may be quiet: their agents by id.

    `alike` are, by id, the attributes of a `lrm_resource` that were found to name its agent, and the id as `agents` has
    it: most nodes have the same, and need not keep a copy of their own.
    """

    agents: Mapping[str, tuple[str, Agent]]
    alike: dict[str | bytes, tuple[Sequence[tuple[str | bytes, str | bytes]], str]]


def read_node_history(node_id: str, state: etree._Element, plain: Plain | None = None) -> NodeHistory:
    """The history below a `node_state`. Entries without id or operation are kept: the one who uses them complains."""
    lrm = state.find("lrm")
    holder = None if lrm is None else lrm.find("lrm_resources")
    if holder is None:
        return NodeHistory(node_id, None, ())
    told: list[ResourceHistory] = []
    quiet: list[str] = []
    agents, alike = plain or Plain({}, {})
    # Written out in one loop, since it is gone through for every resource on every node.
    for element in holder.iterchildren("lrm_resource"):
        absent = False
        if len(element) == 1:
            entry = element[0]
            get = entry.get
            # Whether it is a probe that found nothing.
            if (
                get(_RC) == "7" and get(_TASK) == "monitor" and get(_STATUS) == "0" and get(_INTERVAL, "0") == "0"
                and _EXPECTS_NOTHING(get(_KEY, "")) and (ident := get(_ID))
                and not ident.endswith("_last_failure_0") and entry.tag == "lrm_rsc_op"
            ):
                absent = True
                attributes = element.items()
                same = alike.get(attributes[0][1]) if attributes else None
                if same is not None and same[0] == attributes:
                    quiet.append(same[1])
                    continue
                get = element.get
                known = agents.get(get(_ID, ""))
                if (
                    known is not None and known[1] == (get(_TYPE), get(_CLASS), get(_PROVIDER))
                    and get(_LOCK) is None
                ):
                    if attributes[0][0] == "id":
                        alike[known[0]] = attributes, known[0]
                    quiet.append(known[0])
                    continue
        told.append(ResourceHistory(element, found_nothing=absent))
    ids = frozenset(quiet)
    if ids and (len(ids) < len(quiet) or not ids.isdisjoint([found.id for found in told])):
        # Something is there twice; reading it all at length is always right.
        return read_node_history(node_id, state)
    return NodeHistory(node_id, holder, tuple(told), ids)


def _read_entries(element: etree._Element) -> tuple[HistoryEntry, ...]:
    entries = [_read_entry(child) for child in element if child.tag == "lrm_rsc_op"]
    if len(entries) > 1:
        # As in Pacemaker, of entries that are equally old the one that stands last comes first.
        entries.reverse()
        entries.sort(key=functools.cmp_to_key(age_order))
    return tuple(entries)


def _read_entry(element: etree._Element) -> HistoryEntry:
    get = element.get
    call_id = leading_integer(get("call-id"))
    return HistoryEntry(
        get("id", ""),
        get("operation", ""),
        _natural(get("interval")),
        -1 if call_id is None else call_id,
        leading_integer(get("op-status")),
        leading_integer(get("rc-code")),
        _target_rc(get("transition-key")),
        element,
    )


def _natural(text: str | None) -> int:
    """An interval as history has it: milliseconds without a unit."""
    if not text or text == "0":
        return 0
    return max(leading_integer(text) or 0, 0)


_TRANSITION_KEY = re.compile(r"-?[0-9]+:-?[0-9]+:(-?[0-9]{1,9}):.")


def _target_rc(key: str | None) -> int:
    if key is None:
        return -1
    match = _TRANSITION_KEY.match(key)
    return -1 if match is None else int(match[1])


def age_order(one: HistoryEntry, other: HistoryEntry) -> int:
    """-1 where `one` happened before `other`, 1 where after, 0 where nobody can tell.

    On one node call ids count, and the time of the result where they are equal; between nodes the time. A pending
    operation has no call id: there the transition tells, and an operation without one comes last.
    """
    same_node = (one.get("on_node") or "").lower() == (other.get("on_node") or "").lower()
    if same_node and one.id == other.id:
        return 0
    left, right = one.call_id, other.call_id
    if left == -1 and right == -1:
        return 0
    if same_node and 0 <= left < right:
        return -1
    if same_node and 0 <= right < left:
        return 1
    if left >= 0 and right >= 0 and (not same_node or left == right):
        return _time_order(one.last_rc_change, other.last_rc_change)
    return _transition_order(one, other)


def _time_order(left: int | None, right: int | None) -> int:
    before = -1 if left is None else left
    after = -1 if right is None else right
    if 0 <= before < after:
        return -1
    if 0 <= after < before:
        return 1
    return 0


def _transition_order(one: HistoryEntry, other: HistoryEntry) -> int:
    left, right = Magic.parse(one.get("transition-magic")), Magic.parse(other.get("transition-magic"))
    if left is None or right is None:
        return 0
    first, second = left.key.transition, right.key.transition
    if left.key.uuid.lower() != right.key.uuid.lower() or first == second:
        if other.call_id == -1:
            return -1
        return 1 if one.call_id == -1 else 0
    if 0 <= first < second or second == -1:
        return -1
    if 0 <= second < first or first == -1:
        return 1
    return 0


def active_from(entries: tuple[HistoryEntry, ...]) -> tuple[int, int]:
    """Where the resource was last started and last stopped, as indexes into its entries, -1 for never.

    A promotion, a demotion or a monitor that found it running stands for a start that is not recorded.
    """
    start = stop = by_monitor = by_role = -1
    for index, entry in enumerate(entries):
        task = entry.task.lower()
        if task == "stop" and entry.element.get("op-status") == "0":
            stop = index
        elif task in ("start", "migrate_from"):
            start = index
        elif by_monitor <= stop and task == "monitor":
            if entry.element.get("rc-code") in ("0", "8"):
                by_monitor = index
        elif task in ("promote", "demote"):
            by_role = index
    if start == -1:
        start = by_role if by_role != -1 else by_monitor
    return start, stop
