"""Planted mistakes: what the simulator must find. Each is a patch of one rule that the cluster cannot do without.

`python tests/hashelld/simulation/planted.py 500` plants each in turn and says after how many seeds it was found.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from msgspec import structs

from hashell.transition.runner import Runner
from hashelld.cib_manager import agreement
from hashelld.cib_manager import core as cib_core
from hashelld.controller import membership as told
from hashelld.core.events import CibOperation
from hashelld.engine.mesh import state
from hashelld.engine.mesh.codec import ViewId
from hashelld.engine.mesh.membership import Membership
from hashelld.engine.mesh.ordering import Ordering
from hashelld.fencer.core import Fencer
from hashelld.simulation import life, relations
from hashelld.simulation.life import LIFE_MS, live
from hashelld.watchdog.core import Watchdog

#: Puts something in the place of an attribute until the test is over.
Patch = Callable[[Any, str, Any], None]


def ordering_a_message_now_and_then_comes_after_the_next(patch: Patch) -> None:
    """A member that is not the first delivers some messages one place too late."""
    take = Ordering.take

    def late(self, order):
        due = take(self, order)
        waiting = self.__dict__.pop("waiting", [])
        if len(due) == 1 and due[0].sequence % 5 == 0 and not waiting:
            self.waiting = due
            return []
        return due + waiting

    patch(Ordering, "take", late)


def views_a_ballot_is_forgotten_at_a_restart(patch: Patch) -> None:
    """The name of a view is given a second time, to other members or another history: the highest number is not kept,
    and which life of a node proposed a view is no part of its name."""
    remembered = state.remembered
    propose = Membership.propose

    def forgotten(values):
        return 0, remembered(values)[1]

    def nameless(self, *given):
        made = propose(self, *given)
        self.round.ballot = ViewId(made.ballot.n, made.ballot.proposer)
        return structs.replace(made, ballot=self.round.ballot)

    patch(state, "remembered", forgotten)
    patch(Membership, "propose", nameless)


def quorum_one_copy_less_than_a_majority_will_do(patch: Patch) -> None:
    """A change counts as committed when half of the nodes hold it, rounded down."""
    committed = agreement.committed
    patch(agreement, "committed", lambda acks, votes, *, needed: committed(acks, votes, needed=max(1, needed - 1)))


def quorum_the_version_decides_before_the_lineage(patch: Patch) -> None:
    """Whoever has written more often wins, also against what a majority acknowledged."""
    patch(cib_core, "authority", lambda members, states: max(
        members, key=lambda name: (states[name].version, states[name].unique)
    ))


def fencing_a_failed_device_counts_as_success(patch: Patch) -> None:
    """What an agent said of its failure is not looked at."""
    ran = Fencer._ran

    def fine(self, said, origin, wall_s):
        return ran(self, type(said)(said.task, said.attempt, "", said.listing), origin, wall_s)

    patch(Fencer, "_ran", fine)


def fencing_a_lost_node_is_taken_for_one_that_left(patch: Patch) -> None:
    """As if it had stopped everything before it went: then nobody needs to fence it, and its services start elsewhere
    at once. (To expect it to be down would not be enough: the scheduler fences whoever has something active.)"""
    absent = told.absent

    def left(cib, gone, polite):
        stopped = [
            CibOperation("delete", path=f"/cib/status/node_state[@id='{node_id}']/lrm") for node_id in gone
            if cib.root.find(f"status/node_state[@id='{node_id}']/lrm") is not None
        ]
        return (*absent(cib, gone, set(gone)), *stopped)

    patch(told, "absent", left)


def fencing_a_watchdog_is_fed_without_quorum(patch: Patch) -> None:
    """A node that others count on to end itself goes on."""
    patch(Watchdog, "_sound", lambda self, **given: True)


def journal_nothing_is_waited_for(patch: Patch) -> None:
    """An entry counts as held before it is on disk."""
    append = cib_core.Ledger.append
    patch(cib_core.Ledger, "append", lambda self, entry, *, durable: append(self, entry, durable=True))


def order_nothing_waits_for_what_comes_before_it(patch: Patch) -> None:
    """No start waits for the one before it."""
    init = Runner.__init__

    def hasty(self, graph, **options):
        starts = {action.id for action in graph.actions if action.task == "start"}
        init(self, replace(graph, synapses=tuple(
            structs.replace(one, inputs=tuple(number for number in one.inputs if number not in starts))
            if one.action.task == "start" else one for one in graph.synapses
        )), **options)

    patch(Runner, "__init__", hasty)


def colocation_a_service_stays_where_it_is_whatever_it_is_bound_to(patch: Patch) -> None:
    """The scheduler does not read colocations and the order of a group."""
    configured = relations.configured
    patch(life, "relations", SimpleNamespace(
        draw=relations.draw, configured=lambda relation, resources, services: configured("", resources, services)
    ))


MISTAKES = (
    ordering_a_message_now_and_then_comes_after_the_next, views_a_ballot_is_forgotten_at_a_restart,
    quorum_one_copy_less_than_a_majority_will_do,
    quorum_the_version_decides_before_the_lineage, fencing_a_failed_device_counts_as_success,
    fencing_a_lost_node_is_taken_for_one_that_left, fencing_a_watchdog_is_fed_without_quorum,
    journal_nothing_is_waited_for, order_nothing_waits_for_what_comes_before_it,
    colocation_a_service_stays_where_it_is_whatever_it_is_bound_to,
)


#: What a mistake causes that is itself mistaken.
UNFIT = ("TypeError", "AttributeError", "NameError", "UnboundLocalError")


def found_after(
    seeds: range, nodes: tuple[int, ...] = (3, 5, 7), *, whole: bool | None = None, life_ms: float = LIFE_MS,
    watchdogs: bool | None = None,
) -> tuple[int, str]:
    """How many seeds it took with what is planted now, and what broke; 0 when none did. The rest: see `live`."""
    for count, seed in enumerate(seeds, 1):
        error = live(seed, nodes[seed % len(nodes)], whole=whole, life_ms=life_ms, watchdogs=watchdogs).error
        # Else a mistake that no longer fits what it is planted in would be found, and tell nothing.
        assert not any(kind in error for kind in UNFIT), f"the planted mistake itself is broken: {error}"
        if error:
            return count, error
    return 0, ""


def main(seeds: int) -> int:
    missed = 0
    for mistake in MISTAKES:
        planted: list[tuple[Any, str, Any]] = []

        def patch(where: Any, name: str, new: Any, planted=planted) -> None:
            planted.append((where, name, getattr(where, name)))
            setattr(where, name, new)

        mistake(patch)
        try:
            count, error = found_after(range(1, seeds + 1))
        finally:
            for where, name, old in reversed(planted):
                setattr(where, name, old)
        lines = error.strip().splitlines() or [""]
        first, last = lines[0], lines[-1].strip() if len(lines) > 1 else ""
        told = f"found after {count} seeds: {first} {last}".rstrip() if count else "NOT FOUND"
        print(f"{mistake.__name__}: {told}", flush=True)
        missed += not count
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
