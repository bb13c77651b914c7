"""ClusterState: the whole of it, on recorded clusters, on broken ones and on empty ones."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hashell.cib.document import Cib
from hashell.rules.iso8601 import parse_moment
from hashell.state.cluster_state import ClusterState, read_cluster_state
from hashell.status.simulate import render_simulate_status
from hashell.testing.cibs import SHARED
from hashell.values.integers import leading_integer

#: Any moment will do for clusters that were recorded without one, if only it is later than all that is recorded.
LATER_S = 1_700_000_000


#: Values that stand nowhere rightly, or only in other places; None: no attribute at all.
RUBBISH = (None, "", "rubbish", "-1", "99999999999999999999", "#default", "P1D", "Promoted")


def recorded() -> list[Path]:
    return sorted((SHARED / "scheduler-corpus" / "summary").glob("*.summary")) + sorted(
        (SHARED / "scheduler-fuzz" / "summary").glob("*.summary")
    )


def read(path: Path) -> ClusterState:
    """The cluster of a summary, at the moment that it was recorded at."""
    cib = Cib.parse((path.parent.parent / "xml" / f"{path.stem}.xml").read_bytes())
    first = path.read_text().partition("\n")[0]
    now_s = leading_integer(cib.root.get("execution-date"))
    if first.startswith("Setting effective cluster time: "):
        moment = parse_moment(first.partition(": ")[2])
        assert moment is not None
        now_s = moment.epoch_s
    return read_cluster_state(cib, LATER_S if now_s is None else now_s)


def current_status(path: Path) -> list[str]:
    """The first status of a summary, without white space, which does not count."""
    lines = path.read_text().splitlines()
    begin = lines.index("Current cluster status:")
    end = next(
        number for number, line in enumerate(lines[begin:], begin)
        if line.startswith(("Transition Summary", "Performing", "Executing"))
    )
    return ["".join(line.split()) for line in lines[begin:end] if line.strip()]


@pytest.mark.slow
def test_recorded_clusters_are_read_as_pacemaker_read_them():
    paths = recorded()
    if not paths:
        pytest.skip(f"no recorded clusters in {SHARED}")
    different = []
    for path in paths:
        shown = ["".join(line.split()) for line in render_simulate_status(read(path), pending=True) if line.strip()]
        if shown != current_status(path):
            different.append(path.stem)

    assert different == [], f"{len(different)} of {len(paths)}"


@pytest.mark.slow
def test_no_change_of_an_attribute_or_loss_of_an_element_makes_reading_fail():
    paths = recorded()[::40]
    if not paths:
        pytest.skip(f"no recorded clusters in {SHARED}")
    rng = random.Random(7)
    for path in paths:
        original = Cib.parse((path.parent.parent / "xml" / f"{path.stem}.xml").read_bytes())
        for _ in range(6):
            root = original.copy_root()
            for element in rng.sample(list(root.iter()), 12):
                parent = element.getparent()
                if parent is None or not isinstance(element.tag, str):
                    continue
                if element.attrib and rng.random() < 0.8:
                    name = rng.choice(list(element.attrib))
                    value = rng.choice(RUBBISH)
                    if value is None:
                        del element.attrib[name]
                    else:
                        element.set(name, value)
                else:
                    parent.remove(element)
            read_cluster_state(Cib(root), LATER_S)


def test_an_empty_cluster_is_read():
    state = read_cluster_state(Cib.empty(), LATER_S)

    assert (state.nodes, state.resources, state.findings, state.dc) == ({}, (), (), None)


def test_reading_twice_gives_the_same_and_leaves_the_document_alone(cluster, write):
    primitive, meta = write
    cluster.resources = f'<clone id="c">{meta("m", clone_max="1")}{primitive("r")}</clone>'
    cluster.ran("a", "r", "start")
    cluster.ran("b", "r", "monitor", 1, interval=10_000)
    cib = cluster.cib()
    before = cib.to_bytes()

    one, other = read_cluster_state(cib, LATER_S), read_cluster_state(cib, LATER_S)

    assert cib.to_bytes() == before
    assert [(r.id, r.role, r.allowed) for r in one.all_resources()] == [
        (r.id, r.role, r.allowed) for r in other.all_resources()
    ]
    assert [type(found).__name__ for found in one.findings] == [type(found).__name__ for found in other.findings]


def test_tickets_are_read(cluster):
    cib = cluster.cib()
    cib.root.find("status").append(
        Cib.parse(
            b'<cib><configuration/><status><tickets><ticket_state id="T" granted="true" last-granted="5" x="y"/>'
            b"</tickets></status></cib>"
        ).root.find("status/tickets")
    )

    ticket = read_cluster_state(cib, LATER_S).tickets["T"]

    assert (ticket.granted, ticket.standby, ticket.last_granted, ticket.state["x"]) == (True, False, 5, "y")
