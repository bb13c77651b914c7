"""Packed: a graph's XML as it goes from the DC to all nodes, and from a node to those who watch."""

from __future__ import annotations

import zlib

from hashell.errors import BadInput

#: Bytes of XML that are unpacked: a graph of 100,000 actions has about 60 MB.
XML_MAX = 256 * 1024 * 1024


class BadPacked(BadInput):
    id = "graph-packed-bad"


def pack(xml: bytes) -> bytes:
    """Nothing stays nothing."""
    return zlib.compress(xml, 1) if xml else b""


def unpack(data: bytes) -> bytes:
    """Raises BadPacked, also for what would be larger than any graph."""
    if not data:
        return b""
    unpacker = zlib.decompressobj()
    try:
        xml = unpacker.decompress(data, XML_MAX)
    except zlib.error as error:
        raise BadPacked(f"a packed graph cannot be read: {error}", "look at the transition again") from None
    if not unpacker.eof:
        raise BadPacked("a packed graph is cut off, or larger than any graph", "look at the transition again")
    return xml
