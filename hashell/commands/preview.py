"""Preview: what the cluster would do if the working copy were its configuration."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Container
from typing import TYPE_CHECKING

from hashell.cib.document import Cib
from hashell.commands.env import Env

if TYPE_CHECKING:
    from hashell.simulate.run import Decision

#: Operations that a service notices.
_NOTICED = frozenset({"start", "stop", "promote", "demote", "migrate_to", "migrate_from"})


def preview(env: Env, *, scores: bool = False, utilization: bool = False) -> Decision:
    """The next transition, decided here and now; what is kept of points and utilization costs time."""
    from hashell.scheduler.schedule import Wanted
    from hashell.simulate.run import decide

    now_s = time.time()
    offset_s = time.localtime(now_s).tm_gmtoff
    wanted = Wanted(scores=scores, utilization=utilization)
    return decide(Cib(env.cib.copy_root()), now_s, 0, wanted, utc_offset_s=offset_s)


def counts(decision: Decision) -> str:
    """How many of each kind: stop, start, move and fence always, the others where there are any."""
    return ", ".join(f"{what} {count}" for what, count in decision.counts().items())


def affected(decision: Decision, spared: Container[str], *, strict: bool = True) -> tuple[str, ...]:
    """Primitives besides the spared ones that an operation would touch, sorted; not strict: that would be left stopped
    or demoted.

    Source: pcs's manual, "resource disable", --safe and --no-strict.
    """
    balance: Counter[tuple[str, str]] = Counter()
    touched: set[str] = set()
    for action in decision.graph.actions:
        if action.primitive is None or action.task not in _NOTICED or action.primitive.id in spared:
            continue
        touched.add(action.primitive.id)
        balance[action.primitive.id, action.task] += 1
    if not strict:
        touched = {
            name
            for name in touched
            if balance[name, "stop"] > balance[name, "start"] or balance[name, "demote"] > balance[name, "promote"]
        }
    return tuple(sorted(touched))
