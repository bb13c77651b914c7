"""Cliques: who should be in the view, from who reaches whom. Pure; all that see the same matrix choose alike.

a to c cut with B in the middle gives one stable view of two, not an endless change. Source: the trouble in
corosync/corosync#750.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

_NOBODY: frozenset[str] = frozenset()


def wanted_members(
    me: str, reach: Mapping[str, AbstractSet[str]], current: AbstractSet[str]
) -> frozenset[str]:
    """The largest set around `me`, as the rule below finds it, in which all reach one another both ways.

    Start with all that are mutual with me; while a pair is not, drop the one with the fewest mutual links (ties: not in
    the current view, then the later name). `me` may be dropped by others, never by itself.
    """

    def mutual(one: str, other: str) -> bool:
        return other in reach.get(one, ()) and one in reach.get(other, ())

    chosen = {me} | {name for name in reach if name != me and mutual(me, name)}
    if all(reach.get(name, _NOBODY) >= chosen - {name} for name in chosen):
        # Nearly always all reach one another.
        return frozenset(chosen)
    heard = {one: reach.get(one, _NOBODY) & chosen for one in chosen}
    links = {one: {other for other in heard[one] if other != one and one in heard[other]} for one in chosen}
    while any(len(linked) < len(chosen) - 1 for linked in links.values()):
        worst = max(
            (name for name in chosen if name != me),
            key=lambda name: (-len(links[name]), name not in current, name),
        )
        chosen.discard(worst)
        for other in links.pop(worst):
            links[other].discard(worst)
    return frozenset(chosen)
