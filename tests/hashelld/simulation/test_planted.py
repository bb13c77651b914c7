"""The simulator finds what it is there for: mistakes planted in ordering, views, quorum and fencing.

Here each is looked for where it is likely: what needs services in whole clusters, the rest in long lives of three nodes
with nothing but messages and the CIB. `planted.py 500` looks for each in the lives that `hashell chaos --simulate` has.
"""

from __future__ import annotations

import pytest

from tests.hashelld.simulation import planted

#: Lives tried at most.
WHOLE, BARE = 150, 400
#: The first life tried, where it takes long to come to one that shows the mistake (`planted.py` tries them all).
FIRST = {"fencing_a_failed_device_counts_as_success": 130}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", planted.MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_planted_mistake_is_found(mistake, monkeypatch):
    mistake(monkeypatch.setattr)

    if mistake.__name__.startswith(("fencing", "order_", "colocation")):
        watchdogs = "watchdog" in mistake.__name__ or None
        first = FIRST.get(mistake.__name__, 1)
        count, error = planted.found_after(range(first, WHOLE + 1), (3,), whole=True, watchdogs=watchdogs)
    else:
        count, error = planted.found_after(range(1, BARE + 1), (3,), whole=False, life_ms=10_000)

    assert count, "no life broke a promise"
    assert "seed" in error
