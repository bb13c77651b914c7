"""Answers: what came of the operations that the DC's graphs asked for last, should it ask again in a new view."""

from __future__ import annotations

from collections import OrderedDict

from hashelld.core.events import OperationDone
from hashelld.executor.history import Operation

#: Operations by transition key whose result is kept.
ANSWERS_MAX = 1_000


class Answers:
    """Each operation is done once, however often it is asked for."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, str, int], OperationDone | None] = OrderedDict()

    def begin(self, operation: Operation, *, again: bool) -> bool:
        """Whether it is to be done. `again`: it may have been asked for before, and what came of it lost on its way."""
        name = _name(operation)
        if again and name in self._kept:
            return False
        if operation.transition_key:
            self._kept[name] = None
            while len(self._kept) > ANSWERS_MAX:
                self._kept.popitem(last=False)
        return True

    def of(self, operation: Operation) -> OperationDone | None:
        """What came of it; None while it is not done."""
        return self._kept.get(_name(operation))

    def keep(self, operation: Operation, done: OperationDone) -> None:
        """What came of one that was begun."""
        name = _name(operation)
        if name in self._kept:
            self._kept[name] = done


def _name(operation: Operation) -> tuple[str, str, str, int]:
    return operation.transition_key, operation.resource, operation.task, operation.interval_ms
