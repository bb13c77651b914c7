"""The client of a real Pacemaker: cibadmin itself on a CIB file; stand-ins note how the other tools are called."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from hashell.client import pacemaker
from hashell.client.api import ReadOnly, Unsupported
from hashell.client.pacemaker import PacemakerClient
from hashell.errors import BadInput, Conflict, NoQuorum, NotFound, NotReachable, Refused, TimedOut
from hashell.wire.messages import Change

CIB = """<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.8" admin_epoch="0" epoch="5" num_updates="2"
 have-quorum="1" dc-uuid="1"><configuration><crm_config/><nodes><node id="1" uname="node1"/><node id="2" uname="node2"/>
</nodes><resources/><constraints/></configuration><status/></cib>"""


@pytest.fixture
def real(tmp_path, monkeypatch):
    """cibadmin of the system on a file."""
    if shutil.which("cibadmin") is None:
        pytest.skip("Pacemaker's tools are not installed")
    path = tmp_path / "cib.xml"
    path.write_text(CIB)
    monkeypatch.setenv("CIB_file", str(path))
    monkeypatch.delenv("CIB_shadow", raising=False)
    return PacemakerClient()


def test_the_cib_is_read_by_cibadmin(real):
    assert str(real.cib().version) == "0.5.2"


def test_several_changes_arrive_as_one_patch(real):
    dummy = '<primitive id="{}" class="ocf" provider="pacemaker" type="Dummy"/>'
    version = real.apply(
        [Change("create", dummy.format(id).encode(), "resources") for id in ("one", "two")]
    )
    cib = real.cib()
    assert version == str(cib.version) > "0.5.2"
    assert cib.by_id("one") is not None and cib.by_id("two") is not None


def test_a_change_made_for_an_older_configuration_is_a_conflict(real):
    with pytest.raises(Conflict):
        real.apply([Change("delete", path="//node", admin_epoch=0, epoch=4)])
    assert str(real.cib().version) == "0.5.2"


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Stand-ins on the PATH: each notes its words, prints NAME.out and ends with the number in NAME.rc."""
    folder = tmp_path / "bin"
    folder.mkdir()
    names = ("cibadmin", "crm_attribute", "crm_resource", "crm_node", "stonith_admin")
    for name in names:
        script = folder / name
        script.write_text(
            f'#!/bin/sh\necho "{name} $*" >> "{folder}/calls"\n'
            f'[ -f "{folder}/{name}$1.out" ] && cat "{folder}/{name}$1.out"\n'
            f'[ -f "{folder}/{name}.rc" ] && {{ echo no luck >&2; exit "$(cat "{folder}/{name}.rc")"; }}\nexit 0\n'
        )
        script.chmod(0o755)
    (folder / "cibadmin--query.out").write_text(CIB)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def calls(folder: Path) -> list[str]:
    """How the tools were called after the first reading."""
    lines = (folder / "calls").read_text().splitlines()
    return [line for line in lines if line != "cibadmin --query"]


@pytest.mark.parametrize(
    ("do", "called"),
    [
        (lambda c: c.set_attribute("node1", "a", "5"),
         "crm_attribute --node node1 --lifetime reboot --name a --update 5"),
        (lambda c: c.set_attribute("node1", "a", None),
         "crm_attribute --node node1 --lifetime reboot --name a --delete"),
        (lambda c: c.clean_up("web", "node1", task="monitor", interval_ms=10_000),
         "crm_resource --cleanup --resource web --node node1 --operation monitor --interval 10000ms"),
        (lambda c: c.clean_up(refresh=True), "crm_resource --refresh"),
        (lambda c: c.fail_resource("web", "node1"), "crm_resource --fail --resource web --node node1"),
        (lambda c: c.fence("node2"), "stonith_admin --reboot node2"),
        (lambda c: c.fence("node2", "off"), "stonith_admin --fence node2"),
        (lambda c: c.fence("node2", confirm=True), "stonith_admin --confirm node2"),
        (lambda c: c.forget_node("node2"), "crm_node --force --remove node2"),
        (lambda c: c.wait_idle(5), "crm_resource --wait --timeout 5s"),
    ],
)
def test_each_request_is_one_call_of_the_tool_that_does_it(tools, do, called):
    do(PacemakerClient())
    assert calls(tools) == [called]


def test_info_is_what_crm_node_says(tools):
    (tools / "crm_node--list.out").write_text("1 node1 member\n2 node2 lost\n")
    (tools / "crm_node--name.out").write_text("node1\n")
    (tools / "crm_node--quorum.out").write_text("1\n")
    info = PacemakerClient().info()
    assert [(m.name, m.state) for m in info.members] == [("node1", "member"), ("node2", "lost")]
    assert (info.node, info.dc, info.quorate, info.votes, info.expected_votes) == ("node1", "node1", True, 1, 2)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (102, NotReachable), (103, Conflict), (105, NotFound), (106, NoQuorum), (124, TimedOut), (78, BadInput),
        (1, Refused),
    ],
)
def test_exit_codes_become_errors_with_what_the_tool_said(tools, code, kind):
    client = PacemakerClient()
    (tools / "crm_resource.rc").write_text(str(code))
    with pytest.raises(kind, match="no luck"):
        client.clean_up("web")


def test_read_only_calls_no_tool_that_writes(tools):
    client = PacemakerClient(read_only=True)
    for do in (lambda: client.fence("node2"), lambda: client.set_attribute("node1", "a", "b"),
               lambda: client.apply([Change("delete", path="//node")])):
        with pytest.raises(ReadOnly):
            do()
    assert calls(tools) == []


def test_what_pacemaker_has_not_is_unsupported(tools):
    client = PacemakerClient()
    for do in (client.history, lambda: client.version("0.1.0"), client.stop_node):
        with pytest.raises(Unsupported):
            do()
    assert client.events() == ()


def test_a_tool_that_hangs_is_timed_out(tools, monkeypatch):
    client = PacemakerClient()
    (tools / "crm_attribute").write_text("#!/bin/sh\nexec sleep 30\n")
    monkeypatch.setattr(pacemaker, "TOOL_TIMEOUT_S", 0.2)
    with pytest.raises(TimedOut):
        client._tool("crm_attribute", timeout_s=0.2)


def test_without_tools_it_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(NotReachable, match="pacemaker-cli-utils"):
        PacemakerClient()
    assert not pacemaker.runs_here()
