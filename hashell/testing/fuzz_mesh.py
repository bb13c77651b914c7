"""Fuzz the mesh engine as a peer that has the key: three nodes, one of which says nonsense, without sockets.

`python -m hashell.testing.fuzz_mesh 1000000 [SEED]` gives the other two so many spoiled frames. It fails when a node's
code fails, when what a node keeps grows without bound, or when the two and then all three are no cluster afterwards.
"""

from __future__ import annotations

import random
import resource
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from hashelld.core.dispatch import MulticastWanted, SendWanted
from hashelld.core.effects import CancelTimer, Effect, Exit, Log, StartTimer
from hashelld.core.events import Event, Started
from hashelld.engine.engine import Me
from hashelld.engine.mesh import codec
from hashelld.engine.mesh.codec import BadFrame, Frame, Hello, decode, encode
from hashelld.engine.mesh.core import EARLY_MAX, MeshEngine
from hashelld.engine.mesh.links import Dial, FrameCame, LinkClose, LinkSend
from hashelld.settings import make
from hashelld.simulation.network import Network
from hashelld.simulation.world import World

NODES = ("node1", "node2", "node3")
#: Spoiled frames for each sound one that the liar sends, and sound ones remembered to be spoiled.
FOR_EACH = 40
REMEMBERED = 300
_NUMBERS = (0, 1, 2, 63, 255, 2**31, 2**53, 2**53 + 1, 2**63, 2**64 - 1, -1)


class Failed(Exception):
    """A node did what it must not."""


def spoil(frame: Frame, chance: random.Random, others: Sequence[Frame]) -> bytes:
    """The frame's bytes with something wrong in them: bytes, or fields that still are msgpack."""
    data = bytearray(encode(frame)[4:])
    if chance.random() < 0.4:
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(len(data))
            match chance.randrange(3):
                case 0:
                    data[place] = chance.randrange(256)
                case 1:
                    del data[place]
                case 2:
                    data.insert(place, chance.randrange(256))
            if not data:
                break
        return bytes(data)
    tree = msgspec.msgpack.decode(bytes(data))
    for _ in range(chance.randint(1, 2)):
        _spoil_tree(tree, chance, others)
    return msgspec.msgpack.encode(tree)


def _spoil_tree(tree: Any, chance: random.Random, others: Sequence[Frame]) -> None:
    while isinstance(tree, list) and tree:
        place = chance.randrange(len(tree))
        if isinstance(tree[place], list) and tree[place] and chance.random() < 0.8:
            tree = tree[place]
            continue
        match chance.randrange(6):
            case 0:
                tree[place] = chance.choice(_NUMBERS)
            case 1 if isinstance(tree[place], int):
                tree[place] = min(2**64 - 1, max(-1, tree[place] + chance.choice((-1, 1, 2))))
            case 2:
                tree[place] = chance.choice(("", *NODES, "node9", b"\0", None, [], [[]]))
            case 3:
                tree.append(tree[place])
            case 4:
                del tree[place]
            case _:
                other = msgspec.msgpack.decode(encode(chance.choice(others))[4:])
                tree[place] = other[chance.randrange(len(other))]
        return


class Lab(Network):
    """Three engines on the simulated network; what the first says is also said spoiled."""

    def __init__(self, seed: int) -> None:
        self.world = World(seed)
        self.chance = random.Random(seed)
        super().__init__(self.world, self.hear, lambda node: True)
        here = Path("/nowhere")
        self.engines: dict[str, MeshEngine] = {}
        self.timers: dict[tuple[str, str], Any] = {}
        self.recent: deque[Frame] = deque(maxlen=REMEMBERED)
        self.lying = False
        self.given = self.understood = self.cut_off = 0
        for name in NODES:
            settings = make({
                "cluster": "fuzz", "node": name, "state_dir": here, "run_dir": here, "key": here, "port": 1,
                "peers": tuple((other, 1) for other in NODES if other != name), "expect": 3, "zeroconf": False,
                "flap_delay_max_ms": 200,
            })
            self.engines[name] = MeshEngine(settings, Me(name, f"u-{name}", 1, "fuzz"), {})
        for name in NODES:
            self.hear(name, Started(name, "fuzz", None))  # type: ignore[arg-type]

    def hear(self, node: str, event: Event) -> None:
        for effect in self.engines[node].receive(event, int(self.world.now_ms), 0.0):
            self.perform(node, effect)

    def perform(self, node: str, effect: Effect) -> None:
        match effect:
            case StartTimer(name, delay_ms, event):
                self.stop_timer(node, name)
                self.timers[node, name] = self.world.after(delay_ms, lambda: self.hear(node, event))
            case CancelTimer(name):
                self.stop_timer(node, name)
            case Dial(address):
                self.dial(node, address[0])
            case LinkSend(links, frame):
                for link in links:
                    self.send(node, link, frame)
                    if self.lying and node == NODES[0] and not isinstance(frame, Hello):
                        self.lie(node, link, frame)
            case LinkClose(link):
                self.close(node, link)
            case Log(level, text, _) if level == "warning" and "is cut off" in text:
                self.cut_off += 1
            case Exit(_, reason):
                raise Failed(f"{node} ended: {reason}")

    def stop_timer(self, node: str, name: str) -> None:
        old = self.timers.pop((node, name), None)
        if old:
            self.world.cancel(old)

    def lie(self, node: str, link: int, frame: Frame) -> None:
        """Tell whoever is at the other end of a link some spoiled frames."""
        self.recent.append(frame)
        found = self._by_end.get((node, link))
        if found is None:
            return
        wire, side = found
        end = wire.ends[1 - side]
        for _ in range(FOR_EACH):
            data = spoil(self.chance.choice(self.recent), self.chance, self.recent)
            self.given += 1
            try:
                spoiled = decode(data)
            except BadFrame:
                continue
            if isinstance(spoiled, codec.Piece):
                continue
            self.understood += 1
            self.hear(end.node, FrameCame(end.link, spoiled))

    def chat(self) -> None:
        """What components would say."""
        for name in NODES:
            self.hear(name, MulticastWanted("x", b"all"))
            self.hear(name, SendWanted(self.chance.choice(NODES), "x", b"one"))

    def together(self, names: Sequence[str]) -> bool:
        views = {self.engines[name]._members.view for name in names}
        return len(views) == 1 and all(self.engines[name]._members.names >= set(names) for name in names)

    def check_bounds(self) -> None:
        for name in NODES:
            engine = self.engines[name]
            kept = {
                "links": (len(engine._links), 50), "early": (len(engine._early), EARLY_MAX),
                "goodbyes": (len(engine._goodbyes), 50), "pending": (len(engine._ordering._pending), 10_000),
                "roster": (len(engine._members.roster.entries), 1000),
            }
            for what, (count, most) in kept.items():
                if count > most:
                    raise Failed(f"{name} keeps {count} {what}")


def run(frames: int, seed: int = 1) -> str:
    """Lies until so many frames were spoiled; a line with figures. Raises Failed."""
    lab = Lab(seed)
    lab.world.run_for(3000)
    if not lab.together(NODES):
        raise Failed("the three did not come together")
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began_s = time.monotonic()
    lab.lying = True
    together = looks = 0
    while lab.given < frames:
        lab.chat()
        lab.world.run_for(50)
        lab.world.events = 0
        looks += 1
        together += lab.together(NODES[1:])
        lab.check_bounds()
    lab.lying = False
    lab.world.run_for(130_000)
    if not lab.together(NODES):
        raise Failed(f"seed {seed}: the three did not come together again: " + "; ".join(
            f"{name} {engine._members.view} {sorted(engine._members.names)}" for name, engine in lab.engines.items()
        ))
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    return (
        f"{lab.given} spoiled frames, {lab.understood} of them well formed, in {time.monotonic() - began_s:.0f} s;"
        f" cut off {lab.cut_off} times said; the sound two were together in {100 * together // looks} % of looks;"
        f" memory grew by {grown_kb} kB at most"
    )


def main(argv: Sequence[str]) -> int:
    """The exit code: 1 when a promise was broken."""
    try:
        print(run(int(argv[0]) if argv else 1_000_000, int(argv[1]) if len(argv) > 1 else 1))
    except Failed as failed:
        print(f"FAILED: {failed}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
