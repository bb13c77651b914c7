"""The status sections of crm_simulate: in the words of its release, over recorded outputs where they are present."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from hashell.cib.files import load_cib
from hashell.state.cluster_state import read_cluster_state
from hashell.status.simulate import CURRENT, REVISED, opening, render_simulate_status

HERE = Path(__file__).resolve().parent
SHARED = Path(os.environ.get("HASHELL_SHARED", HERE.parents[2] / "shared"))
CORPUS = SHARED / "scheduler-corpus"


def state_of(name: str):
    return read_cluster_state(load_cib(HERE / "cibs" / f"{name}.xml"), 1_700_000_000)


def test_a_section_stands_below_its_heading_with_an_empty_line_between_its_parts():
    lines = list(render_simulate_status(state_of("maintenance")))

    assert lines == [
        "Current cluster status:",
        "  * Node List:",
        "    * Online: [ node1 ]",
        "",
        "  * Full List of Resources:",
        "    * web\t(ocf:pacemaker:Dummy):\t Started node1 (maintenance)",
        "    * Resource Group: g (disabled, maintenance):",
        "      * m\t(ocf:pacemaker:Dummy):\t Started node1 (disabled, maintenance)",
    ]


def test_actions_in_flight_are_told_before_the_transition_and_not_after_it():
    state = state_of("trouble")

    assert "    * coming\t(ocf:pacemaker:Dummy):\t Starting node1" in render_simulate_status(state, CURRENT)
    assert not any("Starting" in line for line in render_simulate_status(state, REVISED))


def test_attributes_and_fail_counts_are_added_on_request():
    state = state_of("everyday")

    plain = list(render_simulate_status(state))
    more = list(render_simulate_status(state, attributes=True, fail_counts=True))
    assert more[: len(plain)] == plain
    assert "  * Node Attributes:" in more
    assert "  * Migration Summary:" in more


def test_first_it_says_that_nothing_is_managed_and_how_much_is_held_back():
    assert opening(state_of("maintenance")) == [
        "\n              *** Resource management is DISABLED ***\n"
        "  The cluster will not attempt to start, stop or recover services",
        "1 of 2 resource instances DISABLED and 0 BLOCKED from further action due to failure",
    ]
    assert opening(state_of("empty")) == []


def section(summary: str, heading: str) -> list[list[str]]:
    """The words of each line of one section of a recorded output."""
    found: list[list[str]] = []
    inside = False
    for line in summary.splitlines():
        if line[:1].strip():
            inside = line == f"{heading}:"
        if inside and line.strip():
            found.append(line.split())
    return found


@pytest.mark.slow
@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no recorded outputs of crm_simulate in {CORPUS}")
def test_the_opening_section_is_the_recorded_one_for_nearly_every_recorded_cluster():
    different = []
    cases = sorted((CORPUS / "xml").glob("*.xml"))
    for path in cases:
        cib = load_cib(path)
        recorded = (CORPUS / "summary" / f"{path.stem}.summary").read_text()
        now_s = float(cib.root.get("execution-date") or time.time())
        said = [line.split() for line in render_simulate_status(read_cluster_state(cib, now_s)) if line.strip()]
        if said != section(recorded, CURRENT):
            different.append(path.stem)

    # All are equal today; room for a change of the reading that is right and not yet ours.
    assert len(different) * 100 <= len(cases), different
