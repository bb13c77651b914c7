"""Evaluating: expressions and what is known → met or not, and until when.

A rule joined by "and" stops at the first condition that fails, one joined by "or" at the first that holds; moments of
later conditions then do not count, as in Pacemaker.

Source: Pacemaker Explained, "Rules"; lib/common/rules.c.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple, assert_never

from msgspec import Struct

from hashell.rules.expressions import (
    AttributeExpression,
    Combine,
    Comparison,
    Condition,
    DateExpression,
    DateOperation,
    Invalid,
    OperationExpression,
    ResourceExpression,
    Rule,
    ValueSource,
    ValueType,
)
from hashell.rules.iso8601 import Moment
from hashell.values.integers import leading_integer


class Verdict(NamedTuple):
    """Whether it holds, and the next moment (seconds since 1970) at which that can change, None for unknown or never.

    As in Pacemaker, date specifications name no moment here; `DateSpec.next_change` can tell.
    """

    met: bool
    changes_at: int | None = None


class RuleInput(Struct, frozen=True, dict=True):
    """What a rule is evaluated against; what is not known is None, and comparisons with it fail.

    `offset_s` is the zone in which date specifications are meant, seconds east of UTC. `pattern` is the match of a
    location constraint's rsc-pattern; %0 to %9 in attribute names stand for what it found.
    """

    now_s: int
    offset_s: int = 0
    node_attributes: Mapping[str, str] | None = None
    standard: str | None = None
    provider: str | None = None
    type: str | None = None
    parameters: Mapping[str, str] | None = None
    meta: Mapping[str, str] | None = None
    operation: str | None = None
    interval_ms: int = 0
    pattern: re.Match[str] | None = None

    @cached_property
    def now(self) -> Moment:
        return Moment.from_epoch(self.now_s, self.offset_s)


def evaluate(condition: Condition, known: RuleInput) -> Verdict:
    """Whether a rule or a single condition holds."""
    match condition:
        case Rule():
            return _rule(condition, known)
        case AttributeExpression():
            return Verdict(_attribute_met(condition, known))
        case DateExpression():
            return _date(condition, known)
        case ResourceExpression():
            return Verdict(
                condition.standard in (None, known.standard)
                and condition.provider in (None, known.provider)
                and condition.type in (None, known.type)
            )
        case OperationExpression():
            return Verdict(
                condition.name == known.operation
                and condition.interval_ms in (None, known.interval_ms)
            )
        case Invalid():
            return Verdict(False)
        case _:
            assert_never(condition)


def _rule(rule: Rule, known: RuleInput) -> Verdict:
    changes_at: int | None = None
    final = rule.combine is Combine.OR
    for condition in rule.conditions:
        verdict = evaluate(condition, known)
        changes_at = sooner(changes_at, verdict.changes_at)
        if verdict.met is final:
            return Verdict(final, changes_at)
    # A rule without conditions holds, however it is joined.
    return Verdict(not final or not rule.conditions, changes_at)


def sooner(one: int | None, other: int | None) -> int | None:
    """The earlier of two moments, where None is never."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _date(expression: DateExpression, known: RuleInput) -> Verdict:
    now = known.now_s
    start = None if expression.start is None else expression.start.epoch_s
    end = None if expression.end is None else expression.end.epoch_s
    match expression.operation:
        case DateOperation.DATE_SPEC:
            assert expression.spec is not None
            return Verdict(expression.spec.met_at(known.now))
        case DateOperation.GT:
            assert start is not None
            return Verdict(True) if now > start else Verdict(False, start + 1)
        case DateOperation.LT:
            assert end is not None
            return Verdict(True, end) if now < end else Verdict(False)
        case DateOperation.IN_RANGE:
            if start is not None and now < start:
                return Verdict(False, start)
            if end is not None and now > end:
                return Verdict(False)
            return Verdict(True, None if end is None else end + 1)
        case _:
            assert_never(expression.operation)


def _attribute_met(expression: AttributeExpression, known: RuleInput) -> bool:
    attribute = expression.attribute
    if known.pattern is not None:
        attribute = expand_submatches(attribute, known.pattern)
    actual = None if known.node_attributes is None else known.node_attributes.get(attribute)
    operation = expression.operation
    if operation is Comparison.DEFINED:
        return actual is not None
    if operation is Comparison.NOT_DEFINED:
        return actual is None

    assert expression.value is not None
    reference = _reference(expression.value_source, expression.value, known)
    kind = expression.value_type or _default_type(operation, actual, reference)
    order = compare(actual, reference, kind)
    if operation is Comparison.EQ:
        return order == 0
    if operation is Comparison.NE:
        return order != 0
    if actual is None or reference is None:
        return False
    if operation is Comparison.LT:
        return order < 0
    if operation is Comparison.LTE:
        return order <= 0
    if operation is Comparison.GT:
        return order > 0
    return order >= 0


def expand_submatches(text: str, match: re.Match[str]) -> str:
    """`text` with %0 … %9 replaced by what a pattern matched; what it did not match is empty."""

    def found(number: re.Match[str]) -> str:
        group = int(number[1])
        return (match[group] or "") if group <= (match.re.groups) else ""

    return re.sub(r"%(\d)", found, text)


def _reference(source: ValueSource, value: str, known: RuleInput) -> str | None:
    if source is ValueSource.LITERAL:
        return value
    table = known.parameters if source is ValueSource.PARAM else known.meta
    return None if table is None else table.get(value)


def _default_type(operation: Comparison, actual: str | None, reference: str | None) -> ValueType:
    """Order is a matter of numbers, equality one of text, unless the rule says more."""
    if operation in (Comparison.EQ, Comparison.NE):
        return ValueType.STRING
    decimal = "." in (actual or "") or "." in (reference or "")
    return ValueType.NUMBER if decimal else ValueType.INTEGER


def compare(one: str | None, other: str | None, kind: ValueType) -> int:
    """-1, 0 or 1; nothing is less than something. Text that is no number is compared as text, in any case of letters.
    """
    if one is None or other is None:
        return (one is not None) - (other is not None)
    if kind is ValueType.VERSION:
        return compare_versions(one, other)
    if kind is ValueType.INTEGER:
        left, right = leading_integer(one), leading_integer(other)
        if left is not None and right is not None:
            return _order(left, right)
    elif kind is ValueType.NUMBER:
        first, second = _leading_number(one), _leading_number(other)
        if first is not None and second is not None:
            return _order(first, second)
    return (one.lower() > other.lower()) - (one.lower() < other.lower())


def _order(left: float, right: float) -> int:
    return (left > right) - (left < right)


_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")


def _leading_number(text: str) -> float | None:
    match = _NUMBER.match(text)
    return float(match[1]) if match else None


def compare_versions(one: str, other: str) -> int:
    """-1, 0 or 1 by dotted numbers; a missing part is lower than any number but 0 … 0.

    Source: lib/common/strings.c, pcmk__compare_versions.
    """
    left, right = _version(one), _version(other)
    width = max(len(left), len(right))
    padded = [parts + [0] * (width - len(parts)) for parts in (left, right)]
    return (padded[0] > padded[1]) - (padded[0] < padded[1])


def _version(text: str) -> list[int]:
    return [leading_integer(part) or 0 for part in text.split(".")]
