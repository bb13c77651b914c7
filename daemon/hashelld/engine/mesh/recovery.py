"""Recovery: when a view ends, what each of its members that go on together must still get. Pure.

Then all of them have delivered the same messages before the next view. Source: virtual synchrony; corosync's totemsrp.c
does it by a recovery ring.
"""

from __future__ import annotations

from collections.abc import Iterable

from hashelld.engine.mesh.codec import Ordered, Owed, ViewId


def missing(owed: Iterable[Owed]) -> tuple[Owed, ...]:
    """For each ended view the messages that some member has and some lacks; `delivered` is the last of them.

    Messages that are stable (all members have got them) are held by nobody and needed by nobody. Where somebody lacks
    what it had acknowledged, as after a lie, what comes after the gap is not delivered to it: better another state
    there, which the exchange at the beginning of the view finds, than no view at all.
    """
    views: dict[ViewId, list[Owed]] = {}
    for one in owed:
        views.setdefault(one.view, []).append(one)
    out: list[Owed] = []
    for view, parts in sorted(views.items()):
        least = min(part.delivered for part in parts)
        union: dict[int, Ordered] = {}
        for part in parts:
            for message in part.held:
                if message.sequence > least:
                    union[message.sequence] = message
        held: list[Ordered] = []
        while least + len(held) + 1 in union:
            held.append(union[least + len(held) + 1])
        out.append(Owed(view, least + len(held), tuple(held)))
    return tuple(out)


def still_to_deliver(mine: Owed, missed: Iterable[Owed]) -> tuple[Ordered, ...]:
    """What a member that has `mine` delivers before the next view, in order."""
    for one in missed:
        if one.view == mine.view:
            return tuple(m for m in one.held if m.sequence > mine.delivered)
    return ()
