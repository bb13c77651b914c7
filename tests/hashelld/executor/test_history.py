"""History entries as Pacemaker writes them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hashell.agents.metadata import parse_metadata
from hashell.cib.digest import operation_digest
from hashell.values.agent_names import AgentName
from hashell.values.keys import Magic
from hashell.values.outcomes import ExecStatus
from hashelld.executor.history import PENDING, Operation, Outcome, entries, failed, fake_key

KEY = "7:12:0:2668bbeb-0000-0000-0000-000000000000"
START = Operation(
    "web", AgentName("ocf", "heartbeat", "apache"), "start", 0, 20_000, KEY,
    parameters={"configfile": "/etc/x", "CRM_meta_timeout": "20000", "crm_feature_set": "3.20.1"},
)
MONITOR = replace(START, task="monitor", interval_ms=10_000)
OK = Outcome(0, ExecStatus.DONE, 5, exec_ms=12, queue_ms=1, when_s=1_700_000_000)
METADATA = parse_metadata("""<resource-agent name="apache"><parameters>
<parameter name="configfile"/><parameter name="options" reloadable="1"/><parameter name="pw" private="1"/>
</parameters><actions><action name="reload-agent"/></actions></resource-agent>""")


def test_a_start_that_worked_is_the_last_operation():
    (entry,) = entries(START, OK, "node1")
    assert entry["id"] == "web_last_0"
    assert list(entry)[:5] == ["id", "operation_key", "operation", "crm-debug-origin", "crm_feature_set"]
    assert entry["operation_key"] == "web_start_0"
    assert entry["transition-magic"] == f"0:0;{KEY}"
    assert Magic.parse(entry["transition-magic"]).key.transition == 12
    assert (entry["call-id"], entry["rc-code"], entry["op-status"]) == ("5", "0", "0")
    assert (entry["exec-time"], entry["queue-time"], entry["last-rc-change"]) == ("12", "1", "1700000000")
    assert entry["op-digest"] == operation_digest(START.parameters)
    assert entry["exit-reason"] == ""


def test_a_failed_start_is_kept_as_failure_and_as_last_operation():
    found = entries(START, replace(OK, rc=1, reason="no"), "node1")
    assert [one["id"] for one in found] == ["web_last_failure_0", "web_last_0"]
    assert {one["exit-reason"] for one in found} == {"no"}


def test_recurring_operations_have_entries_of_their_own_and_fail_once():
    assert [one["id"] for one in entries(MONITOR, OK, "n")] == ["web_monitor_10000"]
    assert [one["id"] for one in entries(MONITOR, replace(OK, rc=7), "n")] == ["web_last_failure_0"]


def test_a_probe_that_finds_what_is_expected_has_not_failed():
    probe = replace(START, task="monitor", target_rc=7)
    assert not failed(probe, replace(OK, rc=7))
    assert failed(probe, OK)
    assert not failed(probe, PENDING)
    assert failed(probe, replace(OK, rc=7, status=ExecStatus.TIMEOUT))


def test_a_pending_operation_is_written_as_such():
    (entry,) = entries(START, replace(PENDING, when_s=9), "n")
    assert (entry["id"], entry["op-status"], entry["rc-code"], entry["call-id"]) == ("web_last_0", "-1", "193", "-1")


def test_migrations_keep_both_ends_under_their_own_names():
    migrate = replace(
        START, task="migrate_to", parameters={"CRM_meta_migrate_source": "a", "CRM_meta_migrate_target": "b"},
    )
    (entry,) = entries(migrate, OK, "a")
    assert (entry["id"], entry["migrate_source"], entry["migrate_target"]) == ("web_migrate_to_0", "a", "b")


@pytest.mark.parametrize(("status", "task"), [(ExecStatus.DONE, "start"), (ExecStatus.TIMEOUT, "monitor")])
def test_a_reload_is_recorded_as_what_it_amounts_to(status, task):
    found = entries(replace(START, task="reload-agent"), replace(OK, status=status), "n")
    assert {one["operation"] for one in found} == {task}


def test_parameters_that_force_a_restart_and_secrets_are_listed_with_digests():
    (entry,) = entries(START, OK, "n", METADATA)
    assert entry["op-force-restart"].split() == ["pw", "configfile"]
    assert " configfile " in entry["op-force-restart"]
    assert entry["op-secure-params"].split() == ["pw"]
    assert entry["op-restart-digest"] == operation_digest({"configfile": "/etc/x"})
    (monitor,) = entries(MONITOR, OK, "n", METADATA)
    assert "op-force-restart" not in monitor
    (stop,) = entries(replace(START, task="stop"), OK, "n", METADATA)
    assert "op-restart-digest" not in stop


def test_what_no_transition_asked_for_has_a_key_that_says_so():
    assert fake_key(3).startswith("3:-1:0:")
