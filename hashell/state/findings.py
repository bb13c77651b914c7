"""Findings: what reading alone already forces, in the order in which it was found.

The scheduler's first stage turns them into actions in this order, so that actions get Pacemaker's numbers. What a
finding changes in nodes and resources (unclean, failed, scores …) is already done in the `ClusterState`.

`optional` and `runnable` of an action are what held at the moment of the finding: the resource's or node's state may
have changed since, and Pacemaker does not look again unless a later stage asks for the same action.

Source: lib/pengine/unpack.c, pe_actions.c, failcounts.c.
"""

from __future__ import annotations

from msgspec import Struct

from hashell.state.history import HistoryEntry
from hashell.state.resources import Resource


class FencingNeeded(Struct, frozen=True, eq=False):
    """Fence (or only mark, `reason` empty: the action is needed to order after it) this node. `priority_delay`:
    priority-fencing-delay counts.
    """

    node: str
    reason: str
    priority_delay: bool = False


class ActionFound(Struct, frozen=True, eq=False):
    """An action of a resource on a node: stop or demote because something failed; a recurring operation that is
    active (`optional`).
    """

    resource: Resource
    task: str
    interval_ms: int
    node: str
    optional: bool = False
    runnable: bool = True


class StopNotNeeded(Struct, frozen=True, eq=False):
    """Stops of the resource on this node that were found before are optional after all."""

    resource: Resource
    node: str


class FailureCleared(Struct, frozen=True, eq=False):
    """Forget the failures of the resource on this node; not before the fencing of `after_fencing_of`, if that is set.
    """

    resource: Resource
    node: str
    reason: str
    after_fencing_of: str | None = None
    optional: bool = False
    runnable: bool = True


class HistoryCleared(Struct, frozen=True, eq=False):
    """Delete the resource's history on this node (its shutdown lock expired)."""

    resource: Resource
    node: str
    optional: bool = False
    runnable: bool = True


class ScoreChanged(Struct, frozen=True, eq=False):
    """The resource (with all below it) got `score` on `node` (None: on all nodes). Already in `Resource.allowed`;
    here for why.
    """

    resource: Resource
    node: str | None
    score: int
    reason: str


class ParametersToCheck(Struct, frozen=True, eq=False):
    """Whether the parameters changed since this failed start or monitor can be told only when it is known where a
    container will run.
    """

    resource: Resource
    node: str
    entry: HistoryEntry


Finding = (
    FencingNeeded
    | ActionFound
    | StopNotNeeded
    | FailureCleared
    | HistoryCleared
    | ScoreChanged
    | ParametersToCheck
)
