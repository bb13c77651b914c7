"""From an action to a program with its environment, and from its end to an outcome."""

from __future__ import annotations

import pytest

from hashell.agents import lsb, ocf, systemd
from hashell.agents.call import OWN, Place, UnknownStandard, build_call, metadata_call, read_answer
from hashell.values.agent_names import AgentName
from hashell.values.outcomes import ExecStatus, OcfCode

PLACE = Place(node="node1", cluster="c", state_dir="/s", run_dir="/r/node1", python="/py")
OCF = AgentName("ocf", "heartbeat", "IPaddr2")


def test_an_ocf_agent_sees_all_that_the_api_promises():
    call = build_call(
        PLACE, OCF, "/usr/lib/ocf/resource.d/heartbeat/IPaddr2", "monitor", "vip:1",
        {"ip": "192.168.8.47", "CRM_meta_timeout": "20000", "OCF_CHECK_LEVEL": "10"}, 20_000,
    )
    assert (call.program, call.arguments, call.timeout_ms) == (
        "/usr/lib/ocf/resource.d/heartbeat/IPaddr2", ("monitor",), 20_000
    )
    expected = {
        "OCF_ROOT": "/usr/lib/ocf", "OCF_RESOURCE_INSTANCE": "vip:1", "OCF_RESOURCE_TYPE": "IPaddr2",
        "OCF_RESOURCE_PROVIDER": "heartbeat", "OCF_RA_VERSION_MAJOR": "1", "OCF_RA_VERSION_MINOR": "1",
        "OCF_RESKEY_ip": "192.168.8.47", "OCF_RESKEY_CRM_meta_timeout": "20000", "OCF_CHECK_LEVEL": "10",
        "OCF_EXIT_REASON_PREFIX": "ocf-exit-reason:", "HA_RSCTMP": "/r/node1/rsctmp",
        "HASHELL_NODE": "node1", "HASHELL_RUN_DIR": "/r/node1", "HASHELL_SOCKET": "/r/node1/hashelld.sock",
    }
    assert expected.items() <= call.environment.items()
    assert call.environment["PATH"].startswith(call.environment["HA_SBIN_DIR"] + ":")


def test_a_node_that_has_the_machine_to_itself_uses_the_machines_folders():
    alone = Place(node="n", run_dir="/run/hashell")
    assert (alone.rsctmp, alone.varrun) == ("/run/resource-agents", "/var/run")


def test_parameters_that_no_environment_can_hold_are_left_out():
    call = build_call(PLACE, OCF, "/a", "start", "r", {"a=b": "1", "c": "x\0y", "ok": "1"}, 1)
    assert [name for name in call.environment if name.startswith("OCF_RESKEY_")] == ["OCF_RESKEY_ok"]


def test_own_agents_are_run_by_their_interpreter_since_a_wheel_may_drop_modes():
    own = build_call(PLACE, AgentName("ocf", "hashell", "Dummy"), f"{OWN}/ocf/hashell/Dummy", "start", "r", {}, 1)
    assert (own.program, own.arguments) == ("/bin/sh", (f"{OWN}/ocf/hashell/Dummy", "start"))
    fence = build_call(
        PLACE, AgentName("stonith", "", "fence_hashell"), f"{OWN}/fence/fence_hashell", "off", "f", {}, 1,
        target="n2",
    )
    assert (fence.program, fence.arguments) == ("/py", ("-I", "-S", f"{OWN}/fence/fence_hashell"))


def test_secrets_of_a_fence_device_go_to_standard_input_only():
    call = build_call(
        PLACE, AgentName("stonith", "", "fence_x"), "/usr/sbin/fence_x", "off", "f", {"password": "s3cret"}, 1,
        target="n",
    )
    assert b"password=s3cret" in call.stdin
    assert "s3cret" not in " ".join(call.arguments) + " ".join(call.environment.values())


def test_lsb_scripts_and_units_get_their_own_words():
    script = build_call(PLACE, AgentName("lsb", "", "tinyd"), "/etc/init.d/tinyd", "monitor", "r", {}, 1)
    assert script.arguments == ("status",)
    unit = build_call(PLACE, AgentName("systemd", "", "nginx"), "nginx.service", "start", "r", {}, 1)
    assert (unit.program, unit.arguments[-1]) == ("systemctl", "nginx.service")
    assert metadata_call(PLACE, AgentName("systemd", "", "nginx"), "nginx.service") is None


def test_a_class_that_nobody_knows_is_refused():
    with pytest.raises(UnknownStandard, match="upstart"):
        build_call(PLACE, AgentName("upstart", "", "x"), "/x", "start", "r", {}, 1)


@pytest.mark.parametrize(("code", "rc"), [(0, 0), (7, 7), (8, 8), (9, 9), (190, 190), (191, 191), (10, 1), (99, 1)])
def test_ocf_codes_outside_the_list_are_errors(code, rc):
    assert ocf.result(code) == rc


@pytest.mark.parametrize(("action", "code", "rc"), [
    ("status", 0, 0), ("status", 3, 7), ("status", 1, 7), ("status", 2, 7), ("status", 4, 4), ("status", 77, 1),
    ("monitor", 3, 7), ("start", 0, 0), ("start", 5, 5), ("stop", 7, 7), ("start", 9, 1),
])
def test_lsb_codes_mean_something_else_for_status(action, code, rc):
    assert lsb.result(action, code) == rc


@pytest.mark.parametrize(("action", "code", "out", "rc"), [
    ("monitor", 0, b"LoadState=loaded\nActiveState=active\n", 0),
    ("monitor", 0, b"LoadState=loaded\nActiveState=reloading\n", 0),
    ("monitor", 0, b"LoadState=loaded\nActiveState=inactive\n", 7),
    ("monitor", 0, b"LoadState=loaded\nActiveState=failed\n", 7),
    ("monitor", 0, b"LoadState=not-found\nActiveState=inactive\n", 7),
    ("monitor", 1, b"", 1), ("start", 0, b"", 0), ("start", 5, b"", 5), ("stop", 5, b"", 0), ("start", 1, b"", 1),
])
def test_units_are_judged_by_what_systemctl_shows(action, code, out, rc):
    assert systemd.result(action, code, out) == rc


def test_the_end_of_a_run_outweighs_its_exit_code():
    late = read_answer(OCF, "start", exit_code=143, timed_out=True, timeout_ms=20_000)
    assert (late.rc, late.status) == (OcfCode.UNKNOWN_ERROR, ExecStatus.TIMEOUT)
    assert late.reason == "Resource agent did not complete within 20s"
    killed = read_answer(OCF, "start", exit_code=139)
    assert (killed.status, killed.reason) == (ExecStatus.ERROR, "ended by signal 11")
    assert read_answer(OCF, "start", exit_code=0, missing=True).rc == OcfCode.NOT_INSTALLED


def test_the_last_reason_counts_and_is_made_printable():
    err = b"noise\nocf-exit-reason:first\nmore\nocf-exit-reason:second\x07 one\n"
    assert read_answer(OCF, "start", exit_code=1, stderr=err).reason == "second one"


def test_a_failed_fence_agents_last_line_is_the_reason():
    answer = read_answer(AgentName("stonith", "", "f"), "off", exit_code=1, stderr=b"a\nUnable to connect\n\n")
    assert (answer.rc, answer.reason) == (1, "Unable to connect")
