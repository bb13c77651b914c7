"""Row: what a table says of one option, and whether a value fits it.

Source: Pacemaker Explained, "Options and values"; lib/common/options.c.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable

from msgspec import Struct

from hashell.values.booleans import parse_boolean
from hashell.values.integers import leading_integer
from hashell.values.intervals import parse_interval_ms


class OptionType(enum.StrEnum):
    """Pacemaker's names for types."""

    STRING = "string"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    POSITIVE = "positive_integer"
    SCORE = "score"
    DURATION = "duration"
    TIMEOUT = "timeout"
    PERCENTAGE = "percentage"
    SELECT = "select"
    VERSION = "version"
    PORT = "port"


class Row(Struct, frozen=True):
    """One option. `old_name` is still read; `advanced` ones are seldom needed, `generated` ones are
    written by the cluster.

    `default` None: no value is as good as any, or it depends (the text says on what).
    """

    name: str
    type: OptionType
    default: str | None
    text: str
    values: tuple[str, ...] = ()
    old_name: str = ""
    advanced: bool = False
    generated: bool = False
    deprecated: bool = False

    def fits(self, value: str) -> bool:
        """Whether Pacemaker would take this value rather than the default."""
        match self.type:
            case OptionType.BOOLEAN:
                return parse_boolean(value) is not None
            case OptionType.DURATION:
                return parse_interval_ms(value) is not None
            case OptionType.INTEGER | OptionType.SCORE:
                return _is_infinity(value) or leading_integer(value) is not None
            case OptionType.POSITIVE:
                return value.lower().lstrip("+") == "infinity" or (leading_integer(value) or 0) > 0
            case OptionType.PERCENTAGE:
                return re.fullmatch(r"\s*\+?(\d+\.?\d*|\.\d+)%.*", value) is not None
            case OptionType.SELECT:
                return not self.values or value.lower() in self.values
            case _:
                return True


def _is_infinity(value: str) -> bool:
    return value.lower().lstrip("+-") == "infinity"


def by_name(rows: Iterable[Row]) -> dict[str, Row]:
    """Rows by name, old names included."""
    found: dict[str, Row] = {}
    for row in rows:
        found[row.name] = row
        if row.old_name:
            found[row.old_name] = row
    return found
