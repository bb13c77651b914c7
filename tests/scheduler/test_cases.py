"""The project's own cases: every feature of the policy has one, and Pacemaker confirms what they expect.

The cases stand in cases/, by theme. The table below names what the policy consists of; a feature that no case is about
fails, and so does a case about something that the table does not know.
"""

from __future__ import annotations

import importlib.util
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hashell.testing.cases import Case, apart, told
from hashell.testing.cibs import need
from hashell.testing.clusters import Cluster, primitive

FEATURES = (
    # Kinds of resources
    "primitive", "group", "anonymous clone", "unique clone", "cloned group", "promotable clone", "promotion scores",
    "bundle", "bundle container", "bundle address", "bundle guest node", "template", "tag",
    # Constraints
    "location", "location rule", "location pattern", "resource-discovery", "location set",
    "colocation", "colocation role", "colocation set", "colocation node attribute", "colocation influence",
    "order kind: Mandatory", "order kind: Optional", "order kind: Serialize", "order actions", "order set",
    "symmetrical", "require-all", "interleave",
    "ticket", "loss-policy: stop", "loss-policy: demote", "loss-policy: freeze", "loss-policy: fence",
    # Rules
    "rule: date", "rule: duration", "rule: date_spec", "rule: node attribute", "rule: resource", "rule: operation",
    # Placement
    "stickiness", "priority", "priority-fencing-delay", "utilization", "placement: default", "placement: utilization",
    "placement: minimal", "placement: balanced",
    # Failures
    "migration-threshold", "failure-timeout", "fail counts", "start-failure-is-fatal",
    "on-fail: ignore", "on-fail: block", "on-fail: demote", "on-fail: stop", "on-fail: restart", "on-fail: standby",
    "on-fail: fence", "on-fail: restart-container",
    "stop failure with fencing", "stop failure without fencing", "blocked", "probe", "failed probe",
    # Operations
    "recurring per role", "cancel", "interval-origin", "disabled operation", "definition change: restart",
    "definition change: reload", "definition change: reload-agent", "digests", "live migration", "half-done migration",
    "notifications", "orphans", "removal of orphans",
    # Nodes
    "remote node", "guest node", "fencing", "fencing dependencies", "unfencing", "topology-aware delays",
    "startup-fencing", "concurrent-fencing", "watchdog", "shutdown", "shutdown-lock", "maintenance: cluster",
    "maintenance: node", "maintenance: resource", "standby", "health: none", "health: migrate-on-red",
    "health: only-green", "health: progressive", "health: custom", "node-specific attributes",
    "no-quorum-policy: stop", "no-quorum-policy: freeze", "no-quorum-policy: ignore", "no-quorum-policy: demote",
    "no-quorum-policy: suicide", "unmanaged",
    # The transition
    "batch limit", "transition priorities",
)


def _collect() -> tuple[Case, ...]:
    found: list[Case] = []
    for path in sorted((Path(__file__).parent / "cases").glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"cases_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found += module.CASES
    return tuple(found)


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    """Hours of days are those of the place; the cases mean the hours of UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


CASES = _collect()
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))


@each_case
def test_a_case_is_decided_as_expected(case, tmp_path):
    assert case.unmet(case.ours(tmp_path)) == []


@each_case
def test_pacemaker_confirms_a_case(case, tmp_path):
    """What is expected, and where both decide alike by design, all else that is decided too."""
    seen = case.of(need("crm_simulate"), tmp_path)
    assert seen.lines("after"), seen.text
    assert case.unmet(seen) == []
    if not case.differs:
        assert apart(case.ours(tmp_path), seen) == []


def test_every_feature_has_a_case():
    covered = {feature for case in CASES for feature in case.features}
    assert sorted(set(FEATURES) - covered) == []


def test_cases_are_about_features_that_the_table_knows():
    assert sorted({feature for case in CASES for feature in case.features} - set(FEATURES)) == []


def test_every_case_is_about_something_and_expects_something():
    for case in CASES:
        assert case.features, case.name
        expected = (case.changes is not None, case.does, case.never, case.scores, case.shows, case.graph)
        assert any(expected), case.name
    assert len({case.name for case in CASES}) == len(CASES)


RIGHT = Case("right", ("primitive",), Cluster(primitive("a"), nodes=("node1",)))
WRONG = {
    "another change": {"changes": ["Stop a ( node1 )"]},
    "no change": {"changes": []},
    "an action that is not there": {"does": ["Resource action: a stop on node1"]},
    "an action that comes first": {
        "does": ["Resource action: a start on node1", "Resource action: a monitor on node1"],
    },
    "an action that may not be": {"never": ["a start"]},
    "other points": {"scores": {("a", "node1"): "5"}},
    "points of nobody": {"scores": {("b", "node1"): "0"}},
    "another status": {"shows": ["a (ocf:heartbeat:Dummy): Stopped"]},
    "another graph": {"graph": ["a_stop_0"]},
}


@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG)
def test_a_wrong_expectation_is_found(words, tmp_path):
    assert len((case := replace(RIGHT, **words)).unmet(case.ours(tmp_path))) == 1


def test_two_outputs_that_decide_differently_are_told_apart(tmp_path):
    right = RIGHT.ours(tmp_path)
    other = replace(RIGHT, cluster=Cluster(primitive("a", target_role="Stopped"), nodes=("node1",))).ours(tmp_path)
    assert apart(right, right) == []
    assert len(apart(right, other)) == 3
    assert apart(told(""), told("")) == []
