"""Parsing: a `rule` element → expressions.

What cannot be understood becomes `Invalid`, with the words in which Pacemaker complains; it never holds.

Source: Pacemaker Explained, "Rules"; lib/common/rules.c.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import TypeVar

from lxml import etree

from hashell.rules.date_spec import DateSpec
from hashell.rules.durations import Duration
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
from hashell.rules.iso8601 import Moment, parse_moment
from hashell.values.intervals import parse_interval_ms

#: Finds the element that an id-ref names.
Resolve = Callable[[str], etree._Element | None]
#: How deep rules may hold rules; the schema allows any depth, a person needs three.
DEPTH_MAX = 64

_Word = TypeVar("_Word", bound=enum.StrEnum)


def parse_rule(
    element: etree._Element, resolve: Resolve, *, local_offset_s: int = 0, now_s: int = 0,
    depth: int = 0,
) -> Rule | Invalid:
    """The rule of an element, or of the one that its id-ref names.

    Zone and time of the caller are for dates that say neither. Never raises for what a CIB can hold.
    """
    reference = element.get("id-ref")
    if reference is not None:
        found = resolve(reference)
        if found is None or found.tag != "rule":
            return Invalid(
                f"Ignoring invalid rule configuration: id-ref '{reference}' does not exist"
            )
        element = found
    rule_id = element.get("id")
    if not rule_id:
        return Invalid("Treating rule without id as not passing")
    combine = _word(Combine, element.get("boolean-op"), Combine.AND)
    if combine is None:
        return Invalid(
            f"Treating rule {rule_id} as not passing because '{element.get('boolean-op')}' is not "
            "a valid boolean-op"
        )
    if depth >= DEPTH_MAX:
        return Invalid(f"Treating rule {rule_id} as not passing because it is nested too deeply")

    conditions: list[Condition] = []
    for child in element.iterchildren(etree.Element):
        if child.tag == "rule":
            conditions.append(
                parse_rule(
                    child, resolve, local_offset_s=local_offset_s, now_s=now_s, depth=depth + 1
                )
            )
        elif child.tag == "date_expression":
            conditions.append(_date(child, local_offset_s, now_s))
        elif child.tag in _PARSERS:
            conditions.append(_PARSERS[child.tag](child))
        else:
            conditions.append(
                Invalid(
                    f"Treating rule condition {child.get('id') or 'without ID'} as not passing "
                    f"because {child.tag} is not a valid condition type"
                )
            )
    return Rule(rule_id, combine, tuple(conditions))


def _attribute(element: etree._Element) -> Condition:
    ident = element.get("id")
    if not ident:
        return Invalid("Treating expression without id as not passing")
    failing = f"Treating expression {ident} as not passing because"
    attribute = element.get("attribute")
    if attribute is None:
        return Invalid(f"{failing} attribute was not specified")
    written = element.get("operation")
    if written is None:
        return Invalid(f"{failing} it has no operation")
    operation = _word(Comparison, written)
    if operation is None:
        return Invalid(f"{failing} '{written}' is not a valid operation")
    source = _word(ValueSource, element.get("value-source"), ValueSource.LITERAL)
    if source is None:
        return Invalid(f"{failing} '{element.get('value-source')}' is not a valid value-source")
    value = element.get("value")
    if operation in (Comparison.DEFINED, Comparison.NOT_DEFINED):
        if value is not None:
            return Invalid(f"{failing} value is not allowed when operation is {written}")
    elif value is None:
        return Invalid(f"{failing} value is required when operation is {written}")
    kind = element.get("type")
    value_type = _word(ValueType, kind)
    if kind is not None and value_type is None:
        return Invalid(f"{failing} '{kind}' is not a valid type")
    return AttributeExpression(ident, attribute, operation, value, value_type, source)


def _date(element: etree._Element, local_offset_s: int, now_s: int) -> Condition:
    ident = element.get("id")
    if not ident:
        return Invalid("Treating date_expression without id as not passing")
    failing = f"Treating date_expression {ident} as not passing because"
    operation = _word(DateOperation, element.get("operation"), DateOperation.IN_RANGE)
    if operation is None:
        return Invalid(f"{failing} '{element.get('operation')}' is not a valid operation")
    if operation is DateOperation.DATE_SPEC:
        return _date_spec(element, ident, failing)

    moments: dict[str, Moment | None] = {}
    for name in ("start", "end"):
        text = element.get(name)
        moments[name] = None if text is None else parse_moment(text, local_offset_s, now_s)
        wanted = operation is DateOperation.IN_RANGE or name == _NEEDED[operation]
        if wanted and text is not None and moments[name] is None:
            return Invalid(f"{failing} {name} is invalid")
    start, end = moments["start"], moments["end"]

    if operation is DateOperation.GT and start is None:
        return Invalid(f"{failing} gt requires start")
    if operation is DateOperation.LT and end is None:
        return Invalid(f"{failing} gt requires end")
    if operation is DateOperation.IN_RANGE:
        if start is None and end is None:
            return Invalid(f"{failing} in_range requires at least one of start or end")
        span = element.find("duration")
        if end is None and span is not None:
            assert start is not None
            duration = Duration.from_attributes(_attributes(span)) if span.get("id") else None
            if duration is None:
                return Invalid(f"{failing} duration is invalid")
            end = duration.after(start)
    return DateExpression(ident, operation, start, end)


_NEEDED = {DateOperation.GT: "start", DateOperation.LT: "end"}


def _date_spec(element: etree._Element, ident: str, failing: str) -> Condition:
    child = element.find("date_spec")
    if child is None:
        return Invalid(f"{failing} date_spec operations require a date_spec subelement")
    if not child.get("id"):
        return Invalid(f"{failing} date_spec subelement has no id")
    spec = DateSpec.from_attributes(_attributes(child))
    if isinstance(spec, str):
        return Invalid(
            f"{failing} '{child.get(spec)}' is not a valid range for date_spec attribute {spec}"
        )
    return DateExpression(ident, DateOperation.DATE_SPEC, spec=spec)


def _resource(element: etree._Element) -> Condition:
    ident = element.get("id")
    if not ident:
        return Invalid("Treating rsc_expression without id as not passing")
    return ResourceExpression(
        ident, element.get("class"), element.get("provider"), element.get("type")
    )


def _operation(element: etree._Element) -> Condition:
    ident = element.get("id")
    if not ident:
        return Invalid("Treating op_expression without id as not passing")
    name = element.get("name")
    if name is None:
        return Invalid(f"Treating op_expression {ident} as not passing because it has no name")
    text = element.get("interval")
    interval_ms = parse_interval_ms(text)
    if text is not None and interval_ms is None:
        return Invalid(
            f"Treating op_expression {ident} as not passing because '{text}' is not a valid "
            "interval"
        )
    return OperationExpression(ident, name, interval_ms)


_PARSERS: dict[str, Callable[[etree._Element], Condition]] = {
    "expression": _attribute,
    "rsc_expression": _resource,
    "op_expression": _operation,
}


def _word(words: type[_Word], text: str | None, default: _Word | None = None) -> _Word | None:
    """The word in any case of letters, `default` for no text, None for an unknown one."""
    if text is None:
        return default
    try:
        return words(text.lower())
    except ValueError:
        return None


def _attributes(element: etree._Element) -> Mapping[str, str]:
    return {str(name): str(value) for name, value in element.attrib.items()}
