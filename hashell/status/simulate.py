"""The status sections of crm_simulate: "Current cluster status" and "Revised Cluster Status".

Source: lib/pacemaker/pcmk_simulate.c, print_cluster_status; lib/pengine/pe_output.c of Pacemaker 3.0.
"""

from __future__ import annotations

from collections.abc import Iterator

from hashell.state.cluster_state import ClusterState
from hashell.status import text
from hashell.status.build import cluster_status
from hashell.status.options import Release, Section, StatusOptions

CURRENT = "Current cluster status"
REVISED = "Revised Cluster Status"


def status_options(
    *, attributes: bool = False, fail_counts: bool = False, pending: bool = False
) -> StatusOptions:
    """What crm_simulate shows of a status: nodes and all resources; more with its options -A, -c, -j."""
    sections = Section.NODES | Section.RESOURCES
    if attributes:
        sections |= Section.ATTRIBUTES
    if fail_counts:
        sections |= Section.FAILCOUNTS
    return StatusOptions(
        sections=sections, inactive=True, failed_detail=True, pending=pending,
        release=Release.THREE,
    )


def render_simulate_status(
    state: ClusterState, heading: str = CURRENT, *, attributes: bool = False,
    fail_counts: bool = False, pending: bool | None = None,
) -> Iterator[str]:
    """The lines of one status section, the heading first, without line ends and without the empty line before it."""
    pending = heading == CURRENT if pending is None else pending
    options = status_options(attributes=attributes, fail_counts=fail_counts, pending=pending)
    yield f"{heading}:"
    yield from text.lines(cluster_status(state, options=options), depth=1)


def opening(state: ClusterState) -> list[str]:
    """What crm_simulate says first: that resources are not managed, how many are disabled or blocked; each an own
    block.

    The caller puts an empty line between these blocks and what follows.
    """
    blocks = []
    if state.configuration.options.maintenance_mode:
        blocks.append(text.in_maintenance())
    if state.instances_disabled or state.instances_blocked:
        blocks.append(
            f"{state.instances_disabled} of {state.instances_total} resource instances DISABLED"
            f" and {state.instances_blocked} BLOCKED from further action due to failure"
        )
    return blocks
