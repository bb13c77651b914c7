"""Fencing topology: which devices fence a node, level by level.

Source: Pacemaker Explained, "Fencing topologies".
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FencingLevel:
    """One level; of `target`, `target_pattern` and `target_attribute` with `target_value` one kind
    is set. Index 1 is tried first.
    """

    id: str
    index: int
    devices: tuple[str, ...]
    target: str | None = None
    target_pattern: str | None = None
    target_attribute: str | None = None
    target_value: str | None = None
