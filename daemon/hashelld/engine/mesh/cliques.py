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
    while True:
        links = {
            one: sum(1 for other in chosen if other != one and mutual(one, other)) for one in chosen
        }
        if all(count == len(chosen) - 1 for count in links.values()):
            return frozenset(chosen)
        worst = max(
            (name for name in chosen if name != me),
            key=lambda name: (-links[name], name not in current, name),
        )
        chosen.discard(worst)
