"""Recovery: when a view ends, what each of its members that go on together must still get. Pure.

Then all of them have delivered the same messages before the next view. Source: virtual synchrony; corosync's totemsrp.c
does it by a recovery ring.
"""

from __future__ import annotations

from collections.abc import Iterable

from hashelld.engine.mesh.codec import BadFrame, Ordered, Owed, ViewId


def missing(owed: Iterable[Owed]) -> tuple[Owed, ...]:
    """For each ended view the messages that some member has and some lacks; `delivered` is the last of them.

    Messages that are stable (all members have got them) are held by nobody and needed by nobody. Raises BadFrame where
    somebody says that it has not what it had acknowledged.
    """
    views: dict[ViewId, list[Owed]] = {}
    for one in owed:
        views.setdefault(one.view, []).append(one)
    out: list[Owed] = []
    for view, parts in sorted(views.items()):
        least = min(part.delivered for part in parts)
        most = max(part.delivered for part in parts)
        union: dict[int, Ordered] = {}
        for part in parts:
            for message in part.held:
                if message.sequence > least:
                    union[message.sequence] = message
        held = tuple(union[number] for number in sorted(union))
        if [m.sequence for m in held] != list(range(least + 1, most + 1)):
            raise BadFrame(f"messages {least + 1} to {most} of view {view.n} are owed, and not all are held")
        out.append(Owed(view, most, held))
    return tuple(out)


def still_to_deliver(mine: Owed, missed: Iterable[Owed]) -> tuple[Ordered, ...]:
    """What a member that has `mine` delivers before the next view, in order."""
    for one in missed:
        if one.view == mine.view:
            return tuple(m for m in one.held if m.sequence > mine.delivered)
    return ()
