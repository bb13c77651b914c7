"""The simulator finds what it is there for: mistakes planted in ordering, views, quorum, fencing and on disk."""

from __future__ import annotations

import pytest

from tests.hashelld.simulation import planted

#: Seeds tried here; `planted.py 500` is the whole of it.
SEEDS = 60
#: Rare ones, with seeds that show them.
RARE: dict[str, range] = {}


@pytest.mark.parametrize("mistake", planted.MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_planted_mistake_is_found(mistake, monkeypatch):
    mistake(monkeypatch.setattr)

    count, error = planted.found_after(RARE.get(mistake.__name__, range(1, SEEDS + 1)))

    assert count, "no life broke a promise"
    assert "seed" in error
