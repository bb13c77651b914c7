"""Relations: how two actions depend on one another, as flags, and orderings that are not yet applied.

A relation says for two actions, *first* and *then*, what each means for the other. With no flag but
ORDERED it only says which comes first if both happen.

Source: include/crm/common/action_relation_internal.h.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashell.scheduler.actions import Action
    from hashell.scheduler.variants.variant import Resource

NONE = 0
#: first before then, if both happen
ORDERED = 1
#: only where first can not be part of a live migration
IF_FIRST_UNMIGRATABLE = 1 << 1
#: then required → first required
THEN_IMPLIES_FIRST = 1 << 4
#: first required → then required
FIRST_IMPLIES_THEN = 1 << 5
#: then required, and its resource promoted → first required
PROMOTED_THEN_IMPLIES_FIRST = 1 << 6
#: first can be done only if then can be done and is part of a migration
UNMIGRATABLE_THEN_BLOCKS = 1 << 7
#: then can be done only if first can
UNRUNNABLE_FIRST_BLOCKS = 1 << 8
#: first impossible → then becomes real, and no part of a migration
FIRST_ELSE_THEN = 1 << 9
#: first required → then, on the same node, required
FIRST_IMPLIES_SAME_NODE_THEN = 1 << 10
#: container's start before the probe of the connection into it
NESTED_REMOTE_PROBE = 1 << 11
#: stop before start of one thing (a restart), or of a later member before an earlier
INTERMEDIATE_STOP = 1 << 12
#: not at the same time, in either order (it is always this one)
SERIALIZE = 1 << 14
IF_ON_SAME_NODE = 1 << 15
#: then required → first has to be in the graph
THEN_IMPLIES_FIRST_GRAPHED = 1 << 16
#: first required and possible → then has to be in the graph
FIRST_IMPLIES_THEN_GRAPHED = 1 << 17
#: an order constraint that is not symmetrical
ASYMMETRIC = 1 << 20
#: on the same node, where a migration counts as its target
IF_ON_SAME_NODE_OR_TARGET = 1 << 21
#: then can be done if enough of such firsts can
MIN_RUNNABLE = 1 << 22
IF_REQUIRED_ON_SAME_NODE = 1 << 23
#: also where first runs on a guest that then creates
GUEST_ALLOWED = 1 << 24
#: then required → first becomes optional
THEN_CANCELS_FIRST = 1 << 25


class Link:
    """One end of a relation: the other action, the flags, whether the graph says it, and who asked for it: the id of
    a constraint or a word of the scheduler (reasons.py has the sentences).
    """

    __slots__ = ("action", "flags", "graphed", "why")

    def __init__(self, action: Action, flags: int, why: str = "") -> None:
        self.action = action
        self.flags = flags
        self.graphed = False
        self.why = why


@dataclass(slots=True, eq=False)
class Ordering:
    """Actions that are to be ordered, named before they exist: by resource and key, or as made.

    `why` is the constraint or rule of the scheduler that asks for it.
    """

    first_resource: Resource | None
    first_key: str | None
    first: Action | None
    then_resource: Resource | None
    then_key: str | None
    then: Action | None
    flags: int
    why: str = ""


def link(first: Action | None, then: Action | None, flags: int, why: str = "") -> bool:
    """Relate two actions; False where nothing was to be done, or a relation already says part of it.

    An action that is to wait for itself (a resource twice in one set) waits for nothing. A second
    relation of the same two actions is made only if it shares no flag with an earlier one.
    """
    if flags == NONE or first is None or then is None or first is then:
        return False
    known = first.links.get(then)
    if known is not None and any(flags & other.flags for other in known):
        return False
    after = Link(then, flags, why)
    first.after.append(after)
    if known is None:
        first.links[then] = [after]
    else:
        known.append(after)
    then.before.append(Link(first, flags, why))
    return True
