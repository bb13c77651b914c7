"""Successive: versions of one CIB, read one after the other; what did not change is not parsed again.

After an event nearly all of a large CIB is as it was: the configuration, and the history of every node but one or two.
So the bytes are cut where `configuration` and each `node_state` begin and end, a part with the same bytes as before
gives the same element as before, and only the rest is parsed. Where a cut is not sure to be right (comments,
declarations, damage), the whole is parsed as any other CIB.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from hashell.cib.document import SIZE_MAX, BadXml, Cib, parse_fragment

_DECLARATIONS = (
    b'<?xml version="1.0" encoding="UTF-8"?>', b"<?xml version='1.0' encoding='UTF-8'?>", b'<?xml version="1.0"?>',
)
#: What could hide a tag from who looks for bytes, or give a part a meaning that stands outside of it.
_DOUBTFUL = (b"<!", b"<?", b"xmlns", b"CDATA")
_CONFIGURATION, _STATUS, _STATE = b"configuration", b"status", b"node_state"
#: Children of `status` that are cut out; a cluster of more nodes is read whole.
_PARTS_MAX = 1_000


class Successive:
    """A reader of versions. The elements of a version are those of the next: an older `Cib` loses what a newer one has
    in common with it, so only the newest may be used.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, etree._Element] = {}

    def read(self, data: bytes, what: str = "the CIB") -> Cib:
        """The next version. Raises BadXml, and what was known stays known."""
        parts = _cut(data) if len(data) <= SIZE_MAX else None
        if parts is None:
            self._known = {}
            return Cib.parse(data, what)
        skeleton, cuts = parts
        known = {part: self._known.get(part) for _, part in cuts}
        new = [skeleton, *(part for part, element in known.items() if element is None)]
        if any(words in part for part in new for words in _DOUBTFUL):
            return Cib.parse(data, what)
        try:
            root = parse_fragment(skeleton, what)
            fresh = {part: parse_fragment(part, what) for part, element in known.items() if element is None}
        except BadXml:
            # The whole tells the line at which it is wrong.
            return Cib.parse(data, what)
        places = [root.find("configuration"), *root.iterfind("status/node_state")]
        if root.tag != "cib" or len(places) != len(cuts) or None in places or len(known) != len(cuts):
            return Cib.parse(data, what)
        kept: dict[bytes, etree._Element] = {}
        for place, (_, part) in zip(places, cuts, strict=True):
            element = known[part]
            if element is None:
                element = fresh[part]
            assert place is not None
            parent = place.getparent()
            assert parent is not None
            parent.replace(place, element)
            kept[part] = element
        self._known = kept
        return Cib(root)


def _cut(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]] | None:
    """The document with an empty element in the place of each part, and the parts with their names, in order; None
    where that may not be right.
    """
    start = next((len(words) for words in _DECLARATIONS if data.startswith(words)), 0)
    begin = _tag(data, _CONFIGURATION, start)
    end = -1 if begin < 0 else _end(data, _CONFIGURATION, begin)
    status = -1 if end < 0 else _tag(data, _STATUS, end)
    if status < 0:
        return None
    cuts = [(_CONFIGURATION, data[begin:end])]
    skeleton = [data[start:begin], b"<configuration/>"]
    at = end
    for left, right in _states(data, status):
        if right < 0 or len(cuts) > _PARTS_MAX:
            return None
        skeleton += (data[at:left], b"<node_state/>")
        cuts.append((_STATE, data[left:right]))
        at = right
    skeleton.append(data[at:])
    return b"".join(skeleton), cuts


def _states(data: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Where each `node_state` begins and ends; an end of -1 where it does not."""
    left = _tag(data, _STATE, start)
    while left >= 0:
        right = _end(data, _STATE, left)
        yield left, right
        left = -1 if right < 0 else _tag(data, _STATE, right)


def _tag(data: bytes, name: bytes, start: int) -> int:
    """Where the next element of this name begins, -1 for nowhere."""
    at = data.find(b"<" + name, start)
    while at >= 0 and data[at + len(name) + 1 : at + len(name) + 2] not in (b" ", b"\n", b"\t", b"\r", b"/", b">"):
        at = data.find(b"<" + name, at + 1)
    return at


def _end(data: bytes, name: bytes, begin: int) -> int:
    """Where the element that begins there ends, -1 where that can't be told."""
    close = data.find(b">", begin)
    if close < 0:
        return -1
    if data[close - 1 : close] == b"/":
        return close + 1
    end = data.find(b"</" + name + b">", close)
    return -1 if end < 0 else end + len(name) + 3
