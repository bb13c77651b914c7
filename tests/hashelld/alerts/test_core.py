"""Who hears of what happened, and how."""

from __future__ import annotations

import pytest

from hashell.cib.document import Cib
from hashelld.alerts.core import RUNNING_MAX, Alerts
from hashelld.alerts.environment import calls, timestamp
from hashelld.core.effects import AgentEnded, Log, RunAgent
from hashelld.core.events import (
    AttributeChanged,
    FencingDone,
    Member,
    MembersChanged,
    OperationDone,
    Started,
    View,
)
from hashelld.settings import Settings

ALERTS = """<alerts><alert id="mail" path="/bin/mail.sh">
<instance_attributes id="i"><nvpair id="i1" name="debug" value="1"/></instance_attributes>
<meta_attributes id="m"><nvpair id="m1" name="timeout" value="5s"/></meta_attributes>
<recipient id="r1" value="a@x"/><recipient id="r2" value="b@x"><instance_attributes id="j">
<nvpair id="j1" name="debug" value="2"/></instance_attributes></recipient></alert>
<alert id="attrs" path="/bin/attrs.sh"><select><select_attributes><attribute id="s" name="pingd"/>
</select_attributes></select></alert>
<alert id="off" path="/bin/off.sh"><meta_attributes id="o"><nvpair id="o1" name="enabled" value="false"/>
</meta_attributes></alert></alerts>"""


@pytest.fixture
def alerts(tmp_path):
    made = Alerts(Settings("c", "n1", tmp_path, tmp_path / "run", tmp_path / "key"))
    cib = Cib.parse(f'<cib epoch="1"><configuration><crm_config/><nodes/><resources/><constraints/>{ALERTS}'
                    "</configuration><status/></cib>")
    made.receive(Started("n1", "c", cib), 0, 0.0)

    def tell(event):
        return [e for e in made.receive(event, 0, 1_700_000_000.25) if isinstance(e, RunAgent | Log)]

    return tell


def done(task="start", rc=0, target=0):
    return OperationDone("web", task, 0, rc, 0, f"1:2:{target}:u", exec_ms=12)


def test_each_recipient_is_called_with_what_happened_and_its_own_variables(alerts):
    first, second = alerts(done(rc=1))
    assert (first.program, first.timeout_ms) == ("/bin/mail.sh", 5000)
    expected = {
        "CRM_alert_kind": "resource", "CRM_alert_recipient": "a@x", "CRM_alert_node": "n1", "CRM_alert_rsc": "web",
        "CRM_alert_task": "start", "CRM_alert_rc": "1", "CRM_alert_target_rc": "0", "CRM_alert_desc": "error",
        "CRM_alert_exec_time": "12", "CRM_alert_timestamp_epoch": "1700000000", "CRM_alert_timestamp_usec": "250000",
        "CRM_alert_node_sequence": "1", "debug": "1",
    }
    assert expected.items() <= first.environment.items()
    assert (second.environment["CRM_alert_recipient"], second.environment["debug"]) == ("b@x", "2")


def test_monitors_that_went_as_expected_are_not_told(alerts):
    assert alerts(done("monitor", 7, 7)) == []
    assert len(alerts(done("monitor", 7, 0))) == 2


def test_membership_and_fencing_are_told(alerts):
    one, two = Member(1, "n1", "u", 1), Member(2, "n2", "v", 1)
    alerts(MembersChanged(View(1, (one, two))))
    gone = alerts(MembersChanged(View(2, (one,))))
    assert {call.environment["CRM_alert_desc"] for call in gone} == {"lost"}
    assert {call.environment["CRM_alert_node"] for call in gone} == {"n2"}
    fenced = alerts(FencingDone("n2", "reboot", "", "n1", "a"))
    assert {call.environment["CRM_alert_rc"] for call in fenced} == {"0"}


def test_attributes_are_told_only_to_who_selected_them(alerts):
    (call,) = alerts(AttributeChanged("n1", "pingd", "100"))
    assert (call.program, call.environment["CRM_alert_attribute_value"]) == ("/bin/attrs.sh", "100")
    assert alerts(AttributeChanged("n1", "other", "100")) == []


def test_a_storm_of_events_runs_a_bounded_number_at_once(alerts):
    started = [call for _ in range(100) for call in alerts(done(rc=1))]
    assert len(started) == RUNNING_MAX
    more = alerts(AgentEnded(started[0].token, 1, False, False, b"", b"", 5))
    assert [type(effect) for effect in more] == [Log, RunAgent]


def test_a_disabled_alert_is_no_alert():
    cib = Cib.parse(f"<cib><configuration>{ALERTS}</configuration></cib>")
    assert {call.id for call in calls(cib)} == {"mail", "attrs"}


def test_the_time_is_written_as_the_alert_wants_it():
    assert timestamp("%S.%06N", 1_700_000_000.25) == "20.250000"
    assert timestamp("%%", 0.0) == "%"
    assert timestamp("%N", 0.5) == "500000000"
