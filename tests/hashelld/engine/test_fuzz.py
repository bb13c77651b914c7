"""A peer with the key that says nonsense: nobody's code fails, nothing grows, and the others are a cluster after it.

A million frames: `python -m hashell.testing.fuzz_mesh 1000000`.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashell.testing import fuzz_mesh
from hashelld.engine.mesh.codec import BadFrame, Beat, Direct, Frame, Install, Promise, Roster, ViewId, decode
from hashelld.engine.mesh.core import MeshEngine
from hashelld.engine.mesh.ordering import Owed


@given(st.integers(0, 100_000))
@settings(max_examples=4, deadline=None)
def test_spoiled_frames_of_a_peer_harm_nobody(seed):
    assert "spoiled frames" in fuzz_mesh.run(3_000, seed)


def test_the_fuzzer_finds_it_when_a_check_is_missing(monkeypatch):
    """A gap in the order is an error of the peer, and where nobody looks for it, one of ours."""
    def peer_said(self, peer, link, frame, now_ms, out):
        if isinstance(frame, Beat):
            assert frame.highest < 1000
        return said(self, peer, link, frame, now_ms, out)

    said = MeshEngine._peer_said
    monkeypatch.setattr(MeshEngine, "_peer_said", peer_said)

    with pytest.raises(AssertionError):
        fuzz_mesh.run(20_000, 1)


@given(st.integers(0, 100_000))
def test_a_spoiled_frame_is_a_frame_or_an_error(seed):
    chance = random.Random(seed)
    view = ViewId(3, "a", 1)
    frames: list[Frame] = [
        Beat(view, 4, (("a", 1), ("b", 2))), Direct(view, "t", b"x" * 50),
        Promise(view, Owed(view, 2, ()), 1, True, 3, 1, Roster()),
        Install(view, (), Roster(), (), True, True, 3, 3, 2),
    ]
    data = fuzz_mesh.spoil(chance.choice(frames), chance, frames)
    try:
        assert isinstance(decode(data), Frame)
    except BadFrame as error:
        assert str(error)
