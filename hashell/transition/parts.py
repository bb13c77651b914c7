"""Parts: a graph in pieces that are read one by one, so that nobody who also has other work is held up by a large one.

The XML of a graph (xml.py) is what Pacemaker and people read; these pieces are what one process of ours gives another.
"""

from __future__ import annotations

import dataclasses

import msgspec

from hashell.errors import BadInput
from hashell.transition.graph import Graph, Synapse

#: Synapses in one part: about a millisecond to read.
PART = 250


class BadParts(BadInput):
    id = "graph-parts-bad"


def to_parts(graph: Graph) -> tuple[bytes, ...]:
    """The graph without its synapses, then these; `Reader` puts them together."""
    encoder = msgspec.msgpack.Encoder()
    outline = encoder.encode(dataclasses.replace(graph, synapses=()))
    return outline, *(
        encoder.encode(graph.synapses[first : first + PART]) for first in range(0, len(graph.synapses), PART)
    )


class Reader:
    """`feed` it each part in its order, then ask for the `graph`. Both raise BadParts."""

    def __init__(self) -> None:
        self._outline: Graph | None = None
        self._synapses: list[Synapse] = []
        self._decoder = msgspec.msgpack.Decoder(tuple[Synapse, ...])

    def feed(self, part: bytes) -> None:
        try:
            if self._outline is None:
                self._outline = msgspec.msgpack.decode(part, type=Graph)
            else:
                self._synapses += self._decoder.decode(part)
        except msgspec.MsgspecError as error:
            raise BadParts(f"a part of a graph cannot be read: {error}", "make the graph anew") from None

    def graph(self) -> Graph:
        if self._outline is None:
            raise BadParts("a graph without any part", "make the graph anew")
        return dataclasses.replace(self._outline, synapses=tuple(self._synapses))
