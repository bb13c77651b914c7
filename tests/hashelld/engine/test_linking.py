"""Two nodes that dial one another at the same time: the lower name chooses, and the other keeps what it may choose."""

from __future__ import annotations

from hashelld.core.effects import Tell
from hashelld.core.events import Started
from hashelld.engine.engine import Me
from hashelld.engine.mesh.alarms import Tick
from hashelld.engine.mesh.codec import PROTOCOL, Beat, Hello, Refuse, ViewId
from hashelld.engine.mesh.core import MeshEngine
from hashelld.engine.mesh.links import Dial, FrameCame, LinkClose, LinkClosed, LinkOpened, LinkSend, Listening
from hashelld.settings import make

THEIRS, OURS = 1, 2


def engine(tmp_path, me: str) -> MeshEngine:
    settings = make({"cluster": "c", "node": me, "state_dir": tmp_path, "run_dir": tmp_path, "key": tmp_path / "key"})
    made = MeshEngine(settings, Me(me, f"u-{me}", 1, "c"), {})
    made.receive(Started(me, "c", None), 0, 0.0)
    return made


def crossing(tmp_path, me: str, other: str):
    """Both have dialed. The engine has taken the connection that the other dialed; now the other speaks on ours.
    Returns the engine and what it closed."""
    made = engine(tmp_path, me)
    hello = Hello(1, "c", other, f"u-{other}", 1, "c", 5460)
    closed = []
    for event in (
        LinkOpened(THEIRS, ("10.0.0.9", 40000), False), FrameCame(THEIRS, hello),
        LinkOpened(OURS, ("10.0.0.9", 5460), True), FrameCame(OURS, hello),
        FrameCame(OURS, Beat(ViewId(0, other, 1), 0, ())),
    ):
        closed += [effect.link for effect in made.receive(event, 100, 0.0) if isinstance(effect, LinkClose)]
    return made, closed


def test_who_does_not_choose_keeps_the_connection_that_the_other_will_choose(tmp_path):
    made, closed = crossing(tmp_path, "node2", "node1")
    assert closed == []
    # The other has heard of its own connection meanwhile, and closes ours.
    effects = made.receive(LinkClosed(OURS, "closed"), 110, 0.0)
    assert not any(isinstance(effect, LinkClose) for effect in effects)
    assert made._peers["node1"].link == THEIRS


def test_who_chooses_takes_what_it_dialed_itself_and_closes_the_other(tmp_path):
    made, closed = crossing(tmp_path, "node1", "node2")
    assert closed == [THEIRS]
    assert made._peers["node2"].link == OURS


def test_who_speaks_another_protocol_is_refused_and_both_sides_say_what_to_do(tmp_path):
    made = engine(tmp_path, "node1")
    made.receive(LinkOpened(THEIRS, ("10.0.0.9", 40000), False), 100, 0.0)
    newer = Hello(PROTOCOL + 1, "c", "node2", "u-node2", 1, "9.0", 5460)
    effects = list(made.receive(FrameCame(THEIRS, newer), 100, 0.0))

    said = f"node2 at 10.0.0.9:5460 speaks protocol {PROTOCOL + 1}, node1 {PROTOCOL}: not joined (install the same"
    (refuse,) = [effect.frame for effect in effects if isinstance(effect, LinkSend)][-1:]
    assert isinstance(refuse, Refuse) and refuse.code == "protocol" and refuse.text.startswith(said)
    assert any(isinstance(effect, Tell) and said in str(effect.event) for effect in effects)
    assert any(isinstance(effect, LinkClose) for effect in effects)
    assert "node2" not in made._peers


def test_of_many_that_start_at_once_each_pair_dials_from_one_end(tmp_path):
    peers = tuple(("10.0.0.1", 7000 + number) for number in range(20))
    settings = make({
        "cluster": "c", "node": "n", "state_dir": tmp_path, "run_dir": tmp_path, "key": tmp_path / "key",
        "peers": peers, "address": "10.0.0.1", "port": 7010,
    })
    made = MeshEngine(settings, Me("n", "u", 1, "c"), {})
    made.receive(Listening(7010, ("10.0.0.1",)), 100, 0.0)

    def dialed(event, now_ms):
        return {one.address[1] for one in made.receive(event, now_ms, 0.0) if isinstance(one, Dial)}

    assert dialed(Started("n", "c", None), 100) == set(range(7010, 7020))
    # Who has not come by itself is dialed after all.
    assert dialed(Tick(), 1_700) == set(range(7000, 7010))
