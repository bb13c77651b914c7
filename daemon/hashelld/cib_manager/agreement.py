"""Agreement: who of a view holds how much of the history, and how much of it may be committed. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from hashelld.core.events import View


class Agreement:
    """Of one view; all but `acked` is of use to its first member alone."""

    def __init__(self) -> None:
        #: Index of the view's own first entry: nothing is committed before it is.
        self.first_index = 0
        #: Up to here this node has said that it holds all, and up to here all was said to be committed.
        self.acked = 0
        self.announced = 0
        self._holds: dict[str, int] = {}

    def heard(self, member: str, index: int) -> None:
        """A member holds all entries up to `index`."""
        self._holds[member] = max(index, self._holds.get(member, 0))

    def next_commit(self, view: View) -> int:
        """Up to where entries are committed now, counted as announced; 0 for nothing new."""
        if view.unique:
            votes = {one.name: one.votes for one in view.holders}
            needed = min(view.expected_votes // 2 + 1, sum(votes.values()))
        else:
            votes, needed = {one.name: 1 for one in view.holders}, len(view.holders)
        index = committed(self._holds, votes, needed=needed)
        if index < self.first_index or index <= self.announced:
            return 0
        self.announced = index
        return index


def committed(holds: Mapping[str, int], votes: Mapping[str, int], *, needed: int) -> int:
    """The highest index that members with at least `needed` votes hold; 0 when fewer have answered.

    Votes, not heads: a later majority is one of votes, so only then does it have somebody who holds the entry.
    """
    assert 0 < needed <= sum(votes.values()), "a majority of the view's own members"
    found = 0
    for name, index in sorted(holds.items(), key=lambda one: one[1], reverse=True):
        found += votes.get(name, 0)
        if found >= needed:
            return index
    return 0
