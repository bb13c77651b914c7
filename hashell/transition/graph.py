"""The graph: synapses, each a set of actions and the inputs that these wait for.

A synapse may start when all its inputs are done; here, as in Pacemaker, each synapse holds one action. Action ids are
unique in a graph and count from 1 in the order in which the scheduler made them (ids of actions that are not in the
graph are gaps).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import Struct, field

from hashell.values.integers import whole_number
from hashell.values.intervals import interval_ms


class ActionKind(enum.StrEnum):
    """The three elements that a graph's XML has for actions; the value is the element's name."""

    PSEUDO = "pseudo_event"
    RESOURCE = "rsc_op"
    CLUSTER = "crm_event"


class PrimitiveRef(Struct, frozen=True, gc=False):
    """Whose agent is run: the `primitive` element inside an `rsc_op`."""

    id: str
    long_id: str
    standard: str
    provider: str
    type: str


class Action(Struct, frozen=True, gc=False):
    """One step. `task` is start, stop, monitor, promote, notify, stonith, do_shutdown, clear_failcount, lrm_delete,
    cancel …

    `key` is the operation key; `node` and `node_id` say where it is done (empty for pseudo events); `router_node` is
    who does it on behalf of a remote node. `attributes` are the action's parameters, meta ones with their CRM_meta_
    prefix, in the order in which they are printed. `downed` are the ids of nodes that this takes down; `maintenance`
    the ids of remote nodes whose maintenance mode is to be recorded, each with its new value.
    """

    id: int
    kind: ActionKind
    task: str
    key: str
    node: str = ""
    node_id: str = ""
    router_node: str = ""
    key_clone: str = ""
    migrate_from: str = ""
    migrate_target: str = ""
    primitive: PrimitiveRef | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    downed: tuple[str, ...] = ()
    maintenance: tuple[tuple[str, bool], ...] = ()
    shutdown_lock: int = 0
    """Seconds since 1970 since when the resource is locked to the node where this is done; 0 where it is not."""

    @property
    def timeout_ms(self) -> int:
        """CRM_meta_timeout, 0 where there is none."""
        text = self.attributes.get("CRM_meta_timeout", "")
        return whole_number(text) or 0

    @property
    def interval_ms(self) -> int:
        text = self.attributes.get("CRM_meta_interval", "")
        return whole_number(text) or 0


class Synapse(Struct, frozen=True, gc=False):
    """`inputs` are the ids of the actions that must be done before; `priority` lets urgent ones overtake."""

    id: int
    action: Action
    inputs: tuple[int, ...] = ()
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Graph:
    """What is to be done now, and within which limits. Times stand as configured (their values are the properties
    below); `batch_limit` 0 and `migration_limit` -1 mean no limit."""

    transition_id: int
    synapses: tuple[Synapse, ...]
    cluster_delay: str = "60s"
    fencing_timeout: str = "60s"
    failed_start_offset: str = "INFINITY"
    failed_stop_offset: str = "INFINITY"
    batch_limit: int = 0
    migration_limit: int = -1
    recheck_at: int | None = None
    """Seconds since 1970 at which the answer can differ without any event (an expiry, a rule)."""

    awaited: tuple[Action, ...] = ()
    """Actions that synapses wait for and that are in none: a graph that has them can not end well."""

    @property
    def actions(self) -> tuple[Action, ...]:
        return tuple(synapse.action for synapse in self.synapses)

    @property
    def cluster_delay_ms(self) -> int:
        return interval_ms(self.cluster_delay, 60_000)

    @property
    def stonith_timeout_ms(self) -> int:
        return interval_ms(self.fencing_timeout, self.cluster_delay_ms)
