"""Fields of a form, and what is wrong with a value that was typed; pure.

Types are those that agents name in their meta-data. Source: OCF Resource Agent API 1.1, "parameters".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hashell.values.intervals import parse_interval_ms

_BOOLEAN = frozenset({"true", "false", "yes", "no", "on", "off", "1", "0", "y", "n"})
_ID = re.compile(r"[A-Za-z_][\w.-]*")


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `help` is a line about it; `required` is marked with a star. `type` is an agent's (string, integer,
    boolean, select, time …) or one of ours: id (a new one), operation (attributes as name=value). `values`: what is
    offered; with type select nothing else may stand there. `section` is the heading that it stands below. `offered`
    stands in the field from the beginning although nothing is set.
    """

    name: str
    value: str = ""
    help: str = ""
    placeholder: str = ""
    required: bool = False
    type: str = "string"
    values: tuple[str, ...] = ()
    section: str = ""
    taken: frozenset[str] = frozenset()
    offered: str = ""


def trouble(field: Field, value: str) -> str:
    """What is wrong with a value, with the way out; empty when it may stand. An empty value is only wrong where one
    must be."""
    value = value.strip()
    if not value:
        return f"{field.name} must have a value" if field.required else ""
    if value.startswith(("$", "#")) or "@" in value:
        return ""  # a reference, or put in by the cluster
    match field.type:
        case "integer" if not re.fullmatch(r"[+-]?[0-9]+", value):
            return f"{field.name} is a whole number, {value} is none"
        case "boolean" if value.lower() not in _BOOLEAN:
            return f"{field.name} is true or false, {value} is neither"
        case "second" | "time" | "timeout" if parse_interval_ms(value) is None:
            return f"{field.name} is a time as 30s or 5min, {value} is none"
        case "percentage" if not re.fullmatch(r"[0-9]+(\.[0-9]+)?%?", value):
            return f"{field.name} is a percentage, {value} is none"
        case "select" | "enum" if field.values and value not in field.values:
            return f"{field.name} is one of {', '.join(field.values)}"
        case "id" if not _ID.fullmatch(value):
            return f"{value} is no name: letters, digits, '.', '-' and '_', no digit at the beginning"
        case "id" if value in field.taken:
            return f"{value} is taken: choose another name"
        case "operation":
            return _operation_trouble(value)
        case _:
            return ""


def _operation_trouble(value: str) -> str:
    for word in value.split():
        name, equals, text = word.partition("=")
        if not equals or not name or not text:
            return f"write name=value (interval=10s timeout=20s), not {word}"
        if name in ("interval", "timeout", "start-delay") and parse_interval_ms(text) is None:
            return f"{name} is a time as 30s or 5min, {text} is none"
    return ""


def about(field: Field) -> str:
    """One line on a field: its type, its default, what it is for, what it may be."""
    words = [field.type if field.type not in ("string", "id", "operation") else ""]
    if field.required:
        words.insert(0, "required")
    if field.values:
        words.append("one of " + ", ".join(field.values[:12]))
    lead = ", ".join(word for word in words if word)
    return ": ".join(part for part in (lead, field.help) if part)


def suggestions(field: Field) -> tuple[str, ...]:
    """What may be offered while typing."""
    return field.values or (("true", "false") if field.type == "boolean" else ())


def pairs(text: str) -> dict[str, str]:
    """`interval=10s timeout=20s` as a table."""
    return {name: value for word in text.split() for name, _, value in (word.partition("="),)}

