"""Operations: what is configured for the actions of a resource, and the meta-attributes of each.

Source: Pacemaker Explained, "Resource operations"; lib/pengine/pe_actions.c.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lxml import etree
from msgspec import Struct

from hashell.model.nvpairs import Document, NameValueSet
from hashell.model.options.operation import DEFAULT_TIMEOUT_MS
from hashell.model.options.resource import HAS_FENCE_PARAMETERS
from hashell.rules.evaluate import RuleInput
from hashell.rules.iso8601 import parse_moment
from hashell.values.booleans import parse_boolean
from hashell.values.intervals import interval_ms, parse_interval_ms

if TYPE_CHECKING:
    from hashell.model.resources import ResourceConfig

_INT_MAX = 2**31 - 1


class OnFail(enum.IntEnum):
    """What a failure asks for, mildest first; of several failures the strictest counts."""

    IGNORE = 0
    DEMOTE = 1
    RESTART = 2
    RESET_REMOTE = 3
    RESTART_CONTAINER = 4
    BAN = 5
    BLOCK = 6
    STOP = 7
    STANDBY = 8
    FENCE = 9


class Requires(enum.StrEnum):
    """What must be there before a start or promotion."""

    NOTHING = "nothing"
    QUORUM = "quorum"
    FENCING = "fencing"


class OperationConfig(Struct, frozen=True, eq=False):
    """An `op` element, with what its own attributes say (sets of meta-attributes are not looked at here, as in
    Pacemaker).

    `meta_sets` and `parameter_sets` are the meta_attributes and instance_attributes below it.
    """

    id: str
    name: str
    interval_ms: int
    interval_text: str | None
    timeout_text: str | None
    role: str | None
    enabled: bool
    on_fail: str | None
    element: etree._Element
    meta_sets: tuple[NameValueSet, ...] = ()
    parameter_sets: tuple[NameValueSet, ...] = ()


def read_operations(
    resource: etree._Element, document: Document
) -> tuple[OperationConfig, ...]:
    """The operations of a resource (templates merged in), in the order of the document."""
    holder = resource.find("operations")
    if holder is None:
        return ()
    real = document.dereference(holder)
    if real is None:
        return ()
    found = []
    for element in real.iterchildren("op"):
        written = element.get("interval")
        found.append(
            OperationConfig(
                id=element.get("id", ""),
                name=element.get("name", ""),
                interval_ms=interval_ms(written),
                interval_text=written,
                timeout_text=element.get("timeout"),
                role=element.get("role"),
                enabled=parse_boolean(element.get("enabled")) is not False,
                on_fail=element.get("on-fail"),
                element=element,
                meta_sets=document.sets(element, "meta_attributes"),
                parameter_sets=document.sets(element, "instance_attributes"),
            )
        )
    return tuple(found)


def find_operation(
    operations: Sequence[OperationConfig], task: str, interval: int, *,
    include_disabled: bool = True,
) -> OperationConfig | None:
    """The first operation of that name and interval; for both halves of a migration, one called `migrate` will do."""
    for operation in operations:
        if (
            operation.name == task and operation.interval_ms == interval
            and (include_disabled or operation.enabled)
        ):
            return operation
    if task in ("migrate_to", "migrate_from"):
        return find_operation(operations, "migrate", 0, include_disabled=include_disabled)
    return None


def is_probe(task: str, interval: int) -> bool:
    return task == "monitor" and interval == 0


class OperationReader:
    """Meta-attributes and parameters of actions, with op_defaults; remembers what it was asked."""

    __slots__ = ("_defaults", "_document", "_meta")

    def __init__(self, document: Document) -> None:
        self._document = document
        self._defaults = document.sets(
            document.root.find("configuration/op_defaults"), "meta_attributes"
        )
        self._meta: dict[tuple[ResourceConfig, str, int], Mapping[str, str]] = {}

    def fresh(self) -> OperationReader:
        """One that was asked nothing yet, so that it complains of what it finds."""
        return OperationReader(self._document)

    def meta(
        self,
        config: ResourceConfig,
        task: str,
        interval: int,
        operation: OperationConfig | None,
        node_attributes: Mapping[str, str] | None = None,
    ) -> Mapping[str, str]:
        """The effective meta-attributes of an action, `operation` being what is configured for it.

        interval (only for recurring ones), timeout and start-delay are milliseconds as text. `node_attributes` matter
        only for fence devices, whose pcmk_monitor_timeout can depend on the node. Not to be changed by the caller.
        """
        fencing = config.standard.lower() in HAS_FENCE_PARAMETERS and (
            task == "start" or is_probe(task, interval)
        )
        if fencing:
            return self._read_meta(config, task, interval, operation, node_attributes)
        key = (config, task, interval)
        found = self._meta.get(key)
        if found is None:
            found = self._meta[key] = self._read_meta(config, task, interval, operation, None)
        return found

    def parameters(
        self, operation: OperationConfig | None, node_attributes: Mapping[str, str] | None
    ) -> dict[str, str]:
        """Instance attributes that hold for this operation alone, on a node with these attributes."""
        found: dict[str, str] = {}
        if operation is not None and operation.parameter_sets:
            known = RuleInput(
                self._document.now_s, self._document.offset_s, node_attributes=node_attributes
            )
            self._document.unpack(operation.parameter_sets, known, found)
        return found

    def _read_meta(
        self,
        config: ResourceConfig,
        task: str,
        interval: int,
        operation: OperationConfig | None,
        node_attributes: Mapping[str, str] | None,
    ) -> dict[str, str]:
        document = self._document
        known = RuleInput(
            document.now_s, document.offset_s,
            standard=config.standard or None, provider=config.provider or None,
            type=config.type or None, operation=task, interval_ms=interval,
        )
        meta: dict[str, str] = {}
        if operation is not None:
            document.unpack(operation.meta_sets, known, meta)
            meta.update((str(k), str(v)) for k, v in operation.element.attrib.items())
        if is_probe(task, interval) and "timeout" not in meta:
            monitor = _most_frequent_monitor(config.operations)
            if monitor is not None and monitor.timeout_text is not None:
                meta["timeout"] = monitor.timeout_text
        document.unpack(self._defaults, known, meta)
        meta.pop("id", None)

        meta.pop("interval", None)
        if interval > 0:
            meta["interval"] = str(interval)
        if config.standard.lower() in HAS_FENCE_PARAMETERS and (
            task == "start" or is_probe(task, interval)
        ):
            own = config.parameters(node_attributes).get("pcmk_monitor_timeout")
            if own is not None:
                meta["timeout"] = own
        meta["timeout"] = str(_timeout_ms(meta.get("timeout")))
        self._check_on_fail(config, task, operation, meta)
        self._normalize_start_delay(interval, operation, meta)
        return meta

    def _check_on_fail(
        self, config: ResourceConfig, task: str, operation: OperationConfig | None,
        meta: dict[str, str],
    ) -> None:
        """Drop an on-fail that the action cannot have, and give demotions that of the promoted role's monitor."""
        value = meta.get("on-fail")
        word = None if value is None else value.lower()
        if task == "stop" and word in ("standby", "demote", "stop"):
            self._document.complain(
                f"Resetting 'on-fail' for {config.id} stop action to default value because "
                f"'{value}' is not allowed for stop"
            )
            del meta["on-fail"]
            return
        if task == "demote" and value is None:
            for other in config.operations:
                if (
                    other.on_fail is not None and other.on_fail.lower() != "demote"
                    and other.name == "monitor" and other.interval_ms > 0 and other.enabled
                    and _is_promoted(other.role)
                ):
                    # Pacemaker goes on, so the last one counts.
                    meta["on-fail"] = other.on_fail
            return
        if task == "lrm_delete" and word != "ignore":
            meta["on-fail"] = "ignore"
            return
        if word == "demote":
            name = None if operation is None else operation.name
            monitor = (
                operation is not None and operation.interval_ms > 0 and name == "monitor"
                and _is_promoted(operation.role)
            )
            if name != "promote" and not monitor:
                self._document.complain(
                    f"Resetting 'on-fail' for {config.id} {name} action to default value because "
                    "'demote' is not allowed for it"
                )
                del meta["on-fail"]

    def _normalize_start_delay(
        self, interval: int, operation: OperationConfig | None, meta: dict[str, str]
    ) -> None:
        text = meta.get("start-delay")
        if text is not None:
            delay = _milliseconds(text)
            meta["start-delay"] = str(min(max(delay or 0, 0), _INT_MAX))
            return
        origin_text = meta.get("interval-origin")
        if origin_text is None or interval == 0:
            return
        origin = parse_moment(origin_text, self._document.offset_s, self._document.now_s)
        if origin is None:
            ident = operation.id if operation is not None and operation.id else "(missing ID)"
            self._document.complain(
                f"Ignoring 'interval-origin' for operation '{ident}' because '{origin_text}' is "
                "not valid"
            )
            return
        seconds = whole_seconds(interval)
        meta["start-delay"] = str((origin.epoch_s - self._document.now_s) % seconds * 1000)


def _most_frequent_monitor(operations: Sequence[OperationConfig]) -> OperationConfig | None:
    monitors = [
        operation for operation in operations
        if operation.name == "monitor" and operation.interval_ms > 0 and operation.enabled
    ]
    return min(monitors, key=lambda operation: operation.interval_ms, default=None)


def _is_promoted(role: str | None) -> bool:
    return role is not None and role.lower() in ("promoted", "master")


def whole_seconds(milliseconds: int) -> int:
    """Rounded to the nearest second, but never 0 for what is more. Source: pcmk__timeout_ms2s."""
    return max((milliseconds + 500) // 1000, 1)


def _milliseconds(text: str) -> int | None:
    """A plain time; ISO 8601 durations are not read here."""
    if text.startswith("P"):
        return None
    if text.lstrip().startswith("-"):
        return -1
    return parse_interval_ms(text)


def _timeout_ms(text: str | None) -> int:
    value = None if text is None else _milliseconds(text)
    if value is None or value <= 0:
        return DEFAULT_TIMEOUT_MS
    return min(value, _INT_MAX)
