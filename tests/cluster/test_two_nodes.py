"""Two nodes that lose one another: each has quorum and would fence the other; the delays decide, and one survives."""

from __future__ import annotations

import time

import pytest

from hashell.errors import HashellError
from hashell.lab.live_rig import HashellRig, wait_until
from hashell.lab.namespaces import check_possible

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.timeout(240)]


@pytest.fixture(autouse=True)
def machines_can_be_made():
    try:
        check_possible()
    except HashellError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("favoured", ["node1", "node2"])
def test_of_two_nodes_that_would_fence_each_other_the_favoured_one_survives_and_serves(favoured):
    other = "node2" if favoured == "node1" else "node1"
    # Whoever is to survive is fenced late.
    with HashellRig(2, machines=True, delays=f"{favoured}:4s;{other}:0s") as rig:
        rig.cut(other)
        wait_until(lambda: f"{other} was not fenced" if rig.cluster.runs(other) else "")
        wait_until(lambda: "" if rig.owner() == favoured else f"{rig.owner() or 'nobody'} serves", for_s=0.5)
        # The other's shot would have come by now, had it not died before.
        time.sleep(5)
        assert rig.cluster.alive(favoured) and rig.owner() == favoured
        assert rig.doubles() == ()
        rig.cut(other, cut=False)
        rig.revive(other)
        wait_until(rig.trouble, for_s=1.0)
