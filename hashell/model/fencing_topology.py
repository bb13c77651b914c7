"""Fencing topology: which devices fence a node, level by level.

Source: Pacemaker Explained, "Fencing topologies".
"""

from __future__ import annotations

from msgspec import Struct

from hashell.model.nvpairs import Document
from hashell.values.integers import leading_integer


class FencingLevel(Struct, frozen=True):
    """One level; of `target`, `target_pattern` and `target_attribute` with `target_value` one kind is set. Index 1 is
    tried first.
    """

    id: str
    index: int
    devices: tuple[str, ...]
    target: str | None = None
    target_pattern: str | None = None
    target_attribute: str | None = None
    target_value: str | None = None


#: Levels that count. Source: include/crm/stonith-ng.h.
INDEX_MIN, INDEX_MAX = 1, 9


def read_fencing_levels(document: Document) -> tuple[FencingLevel, ...]:
    """The levels in the order of the document; those that make no sense are complained of and left out."""
    found = []
    parent = document.root.find("configuration/fencing-topology")
    for element in () if parent is None else parent.iterchildren("fencing-level"):
        ident = element.get("id")
        if not ident:
            document.complain("Ignoring fencing level without ID")
            continue
        index = leading_integer(element.get("index"))
        if index is None:
            document.complain(f"Ignoring fencing level {ident} with invalid index")
            continue
        if not INDEX_MIN <= index <= INDEX_MAX:
            document.complain(
                f"Ignoring fencing level {ident} with out-of-range index {index}"
            )
            continue
        devices = element.get("devices", "").split(",")
        found.append(
            FencingLevel(
                id=ident, index=index,
                devices=tuple(name.strip() for name in devices if name.strip()),
                target=element.get("target"), target_pattern=element.get("target-pattern"),
                target_attribute=element.get("target-attribute"),
                target_value=element.get("target-value"),
            )
        )
    return tuple(found)
