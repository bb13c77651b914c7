"""Expressions: every kind of condition that a rule can hold, as frozen data.

Source: Pacemaker Explained, "Rules"; lib/common/rules.c.
"""

from __future__ import annotations

import enum

from msgspec import Struct

from hashell.rules.date_spec import DateSpec
from hashell.rules.iso8601 import Moment


class Combine(enum.StrEnum):
    """How the conditions of a rule are joined."""

    AND = "and"
    OR = "or"


class Comparison(enum.StrEnum):
    """How an attribute is held against a value; the value is the CIB's spelling."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"
    DEFINED = "defined"
    NOT_DEFINED = "not_defined"


class ValueType(enum.StrEnum):
    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    VERSION = "version"


class ValueSource(enum.StrEnum):
    """Where the value stands: in the rule itself, in a parameter or in a meta-attribute of the resource."""

    LITERAL = "literal"
    PARAM = "param"
    META = "meta"


class DateOperation(enum.StrEnum):
    GT = "gt"
    LT = "lt"
    IN_RANGE = "in_range"
    DATE_SPEC = "date_spec"


class AttributeExpression(Struct, frozen=True):
    """A node attribute compared. `value_type` None means Pacemaker's default: number if one is a decimal, else
    integer for order comparisons, string for the rest.
    """

    id: str
    attribute: str
    operation: Comparison
    value: str | None = None
    value_type: ValueType | None = None
    value_source: ValueSource = ValueSource.LITERAL


class DateExpression(Struct, frozen=True):
    """After `start` (gt), before `end` (lt), between both or on the days of `spec`.

    An end that a duration gives is already in `end`.
    """

    id: str
    operation: DateOperation
    start: Moment | None = None
    end: Moment | None = None
    spec: DateSpec | None = None


class ResourceExpression(Struct, frozen=True):
    """The agent of the resource; None means any."""

    id: str
    standard: str | None = None
    provider: str | None = None
    type: str | None = None


class OperationExpression(Struct, frozen=True):
    """The operation; `interval_ms` None means any."""

    id: str
    name: str
    interval_ms: int | None = None


class Invalid(Struct, frozen=True):
    """A condition that makes no sense; it is never met. `problem` says why."""

    problem: str


class Rule(Struct, frozen=True):
    """Conditions joined. A rule with `problem` set is never met."""

    id: str
    combine: Combine
    conditions: tuple[Condition, ...]
    problem: str = ""


Condition = (
    Rule | AttributeExpression | DateExpression | ResourceExpression | OperationExpression | Invalid
)
