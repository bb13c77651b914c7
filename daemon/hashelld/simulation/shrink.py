"""Shrink: of the faults of a life that broke a promise, the fewest that still break one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hashelld.simulation.life import Outcome, live

#: Lives tried at most.
TRIES_MAX = 80


def shrink(outcome: Outcome) -> tuple[list[int], str]:
    """Numbers of the faults, and what breaks with them alone."""

    def error_of(only: Sequence[int]) -> str:
        return live(outcome.seed, outcome.nodes, only=only).error

    numbers = [fault.number for fault in outcome.plan]
    return fewest(numbers, error_of, outcome.error)


def fewest(
    numbers: Sequence[int], error_of: Callable[[Sequence[int]], str], error: str, tries_max: int = TRIES_MAX
) -> tuple[list[int], str]:
    """Leave out halves, quarters … single ones, as long as something still breaks. Source: delta debugging (Zeller)."""
    kept, tries = list(numbers), 0
    size = max(1, len(kept) // 2)
    while True:
        shortened = False
        start = 0
        while start < len(kept) and tries < tries_max:
            candidate = kept[:start] + kept[start + size :]
            tries += 1
            found = error_of(candidate)
            if found:
                kept, error, shortened = candidate, found, True
            else:
                start += size
        if tries >= tries_max or (size == 1 and not shortened):
            return kept, error
        size = max(1, size // 2)
