"""The client of a real Pacemaker: cibadmin itself on a CIB file; stand-ins note how the other tools are called."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from lxml import etree

from hashell.cib.diff import make_patch
from hashell.cib.document import Cib
from hashell.client import pacemaker, pacemaker_events, pacemaker_history
from hashell.client.api import ReadOnly, Unsupported
from hashell.client.pacemaker import PacemakerClient, through_ssh
from hashell.errors import BadInput, BadUsage, Conflict, NoQuorum, NotFound, NotReachable, Refused, TimedOut
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
    return PacemakerClient(write=True)


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
    do(PacemakerClient(write=True))
    assert calls(tools) == [called]


def test_info_is_what_the_coordinator_keeps_in_the_cib(tools):
    (tools / "cibadmin--query.out").write_text(CIB.replace(
        "<status/>",
        '<status><node_state id="1" uname="node1" in_ccm="true" crmd="online"/>'
        '<node_state id="2" uname="node2" in_ccm="false" crmd="offline"/></status>',
    ))
    (tools / "crm_node--name.out").write_text("node1\n")
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
    client = PacemakerClient(write=True)
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
    with pytest.raises(Unsupported):
        PacemakerClient(write=True).stop_node()


def test_a_running_cluster_is_only_looked_at_until_somebody_agrees_once(tools):
    with pytest.raises(ReadOnly, match="unless asked"):
        PacemakerClient().set_attribute("node1", "a", "5")
    questions = []

    def answer(question: str) -> bool:
        questions.append(question)
        return len(questions) == 2

    client = PacemakerClient(ask=answer)
    with pytest.raises(ReadOnly):
        client.set_attribute("node1", "a", "5")
    assert client.read_only
    client.set_attribute("node1", "a", "5")
    client.set_attribute("node1", "a", "6")
    assert len(questions) == 2 and not client.read_only
    assert len(calls(tools)) == 2


def test_ssh_gets_one_word_for_the_shell_there_with_everything_quoted(tools, monkeypatch):
    ssh = tools / "ssh"
    ssh.write_text(
        f'#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\necho "host $2" >> "{tools}/hosts"\nexec sh -c "$3"\n'
    )
    ssh.chmod(0o755)
    client = PacemakerClient(write=True, through=through_ssh("ssh://me@far:2222"), where="ssh://me@far:2222")
    client.set_attribute("node1", "a", "it's; $HOME `x`")
    assert "--update it's; $HOME `x`" in calls(tools)[0]
    assert set((tools / "hosts").read_text().split()) == {"host", "me@far"}
    assert "2222" in through_ssh("ssh://me@far:2222")


@pytest.mark.parametrize("url", ["ssh://", "ssh://-oProxyCommand=x", "ssh://a b", "ssh:host", "ssh://h/x", "ssh://h:p"])
def test_an_address_that_is_none_is_refused_before_ssh_sees_it(url):
    with pytest.raises(BadUsage, match="names no host"):
        through_ssh(url)


def test_commits_are_kept_with_their_words_and_both_configurations(real):
    add = Change("create", b'<primitive id="one" class="ocf" provider="pacemaker" type="Dummy"/>', "resources")
    version = real.apply([add], command="configure primitive one", message="for tests")
    new, old = real.history(2)
    assert (new.version.rsplit(".", 1)[0], new.command, new.message) == (
        version.rsplit(".", 1)[0], "configure primitive one", "for tests"
    )
    assert old.version == "0.5.0"
    assert real.version(new.version).by_id("one") is not None
    assert real.version(old.version).by_id("one") is None
    with pytest.raises(NotFound):
        real.version("9.9.0")


def test_a_patch_for_the_same_configuration_fits_though_the_status_moved_on(real):
    old = real.cib()
    changed = Cib(old.copy_root())
    changed.by_id("1").set("description", "ours")
    patch = etree.tostring(make_patch(old, changed))
    real._tool("cibadmin", "-M", "--xml-text", '<status><node_state id="1" uname="node1" in_ccm="true"/></status>')
    assert real.cib().version.epoch == old.version.epoch
    real.apply([Change("patch", patch)])
    assert real.cib().by_id("1").get("description") == "ours"


def test_the_archive_tells_who_changed_what_before(tmp_path):
    for epoch in (3, 4):
        (tmp_path / f"cib-{epoch}.raw").write_text(
            CIB.replace('epoch="5"', f'epoch="{epoch}" update-user="amy" update-client="crm_attribute"'
                        ' cib-last-written="Sun Nov 22 21:00:22 2026"')
        )
    (tmp_path / "cib-9.raw").write_text("<!DOCTYPE cib><cib epoch='9'>")
    (tmp_path / "cib-8.raw").write_bytes(b"\0\xff")
    now = Cib.parse(CIB)
    found = pacemaker_history.rows("c", now, 10, archive=tmp_path, file=tmp_path / "none")
    assert [row.version for row in found] == ["0.5.0", "0.4.0", "0.3.0"]
    assert (found[1].user, found[1].command) == ("amy", "(crm_attribute)")
    assert found[1].when_s > 1.7e9
    old = pacemaker_history.kept("c", now, "0.3.0", archive=tmp_path, file=tmp_path / "none")
    assert old.version.epoch == 3


def test_events_are_numbered_once_and_told_oldest_first():
    status = (
        '<status><node_state id="1" uname="node1"><lrm id="1"><lrm_resources><lrm_resource id="web">'
        '<lrm_rsc_op id="web_start_0" operation="start" rc-code="0" last-rc-change="2000"/>'
        '<lrm_rsc_op id="web_last_failure_0" operation_key="web_monitor_10000" operation="monitor" rc-code="7"'
        ' last-rc-change="3000" exit-reason="gone"/>'
        '<lrm_rsc_op id="web_monitor_0" operation="monitor" rc-code="7" last-rc-change="1000"/>'
        "</lrm_resource></lrm_resources></lrm></node_state></status>"
    )
    fencing = (
        b'<pacemaker-result><fence_history><fence_event action="reboot" target="node2" client="stonith_admin"'
        b' origin="node1" delegate="node1" status="success" completed="1970-01-01 00:41:40Z"/></fence_history>'
        b"</pacemaker-result>"
    )
    seen: dict[tuple[object, ...], int] = {}
    cib = Cib.parse(CIB.replace("<status/>", status))
    found = pacemaker_events.events(cib, fencing, seen, 10)
    assert [one.text for one in found] == [
        "web started", "fencing of node2 (reboot): done", "monitor of web failed with 7: gone"
    ]
    assert found[1].data["state"] == "success" and found[1].when_s == 2500
    assert pacemaker_events.events(cib, fencing, seen, 10) == found



def test_a_tool_that_hangs_is_timed_out(tools, monkeypatch):
    client = PacemakerClient(write=True)
    (tools / "crm_attribute").write_text("#!/bin/sh\nexec sleep 30\n")
    monkeypatch.setattr(pacemaker, "TOOL_TIMEOUT_S", 0.2)
    with pytest.raises(TimedOut):
        client._tool("crm_attribute", timeout_s=0.2)


def test_without_tools_it_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.setattr(pacemaker, "TOOL_FOLDERS", "")
    with pytest.raises(NotReachable, match="pacemaker-cli-utils"):
        PacemakerClient(write=True)
    assert not pacemaker.runs_here()
