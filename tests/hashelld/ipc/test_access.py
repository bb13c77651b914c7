"""Access control lists hold at the socket: what a restricted caller sees, changes and hears."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from hashell.cib.document import Cib
from hashell.client.daemon import DaemonClient
from hashell.testing.fake_node import FakeNode
from hashell.wire import messages
from hashelld.core.effects import Notify, Reply, Tell
from hashelld.core.events import Author, ChangeWanted, CibChanged, Started
from hashelld.ipc import server
from hashelld.ipc.core import Guarded, Ipc, RequestArrived
from hashelld.ipc.users import Caller
from hashelld.settings import Settings

CIB = """
<cib crm_feature_set="3.20.1" validate-with="pacemaker-3.9" admin_epoch="0" epoch="5" num_updates="2"><configuration>
  <crm_config><cluster_property_set id="o"><nvpair id="o-acl" name="enable-acl" value="true"/></cluster_property_set>
  </crm_config>
  <nodes><node id="1" uname="node1"/></nodes>
  <resources>
    <primitive id="mine" class="ocf" provider="hashell" type="Dummy"/>
    <primitive id="secret" class="ocf" provider="hashell" type="Dummy"/>
  </resources><constraints/>
  <acls>
    <acl_role id="operator"><acl_permission id="w" kind="write" xpath="//primitive[@id='mine']"/>
      <acl_permission id="r" kind="read" xpath="//nodes"/></acl_role>
    <acl_target id="anna"><role id="operator"/></acl_target>
    <acl_group id="staff"><role id="operator"/></acl_group>
  </acls></configuration><status/></cib>
"""
SETTINGS = Settings(cluster="c", node="node1", state_dir=Path("s"), run_dir=Path("r"), key=Path("k"))
MINE = messages.Change(
    "modify", b'<primitive id="mine" class="ocf" provider="hashell" type="Stateful"/>', "resources"
)
SECRET = messages.Change("delete", path="//primitive[@id='secret']")


@pytest.fixture
def ipc():
    made = Ipc(SETTINGS, machine="m")
    made.receive(Started("node1", "c", Cib.parse(CIB)), 0, 1.0)
    return made


def ask(ipc, body, user="anna", groups=(), *, privileged=False):
    return list(ipc.receive(RequestArrived(7, user, True, body, privileged, groups), 0, 1.0))


@pytest.mark.parametrize(("user", "groups"), [("anna", ()), ("bob", ("staff",))])
def test_only_what_a_list_lets_be_read_is_in_the_cib(ipc, user, groups):
    for body in (messages.GetCib(), messages.Subscribe()):
        (reply,) = ask(ipc, body, user, groups)
        cib = Cib.parse(reply.body.xml)
        assert cib.by_id("mine") is not None
        assert cib.by_id("secret") is None


def test_who_is_in_no_list_sees_nothing(ipc):
    (reply,) = ask(ipc, messages.GetCib(), "stranger")
    assert reply.body.id == "permission-denied"


def test_the_privileged_see_and_do_all(ipc):
    (reply,) = ask(ipc, messages.GetCib(), "root", privileged=True)
    assert Cib.parse(reply.body.xml).by_id("secret") is not None
    (tell,) = ask(ipc, messages.ApplyChanges((SECRET,)), "root", privileged=True)
    assert tell.event.operations[0].epoch == -1


def test_what_may_be_written_is_passed_on_for_this_configuration_alone(ipc):
    (tell,) = ask(ipc, messages.ApplyChanges((MINE,)))
    assert isinstance(tell, Tell) and isinstance(tell.event, ChangeWanted)
    (operation,) = tell.event.operations
    assert (operation.admin_epoch, operation.epoch) == (0, 5)


def test_what_may_not_be_written_is_refused_by_name(ipc):
    (reply,) = ask(ipc, messages.ApplyChanges((MINE, SECRET)))
    assert isinstance(reply, Reply)
    assert reply.body.id == "permission-denied" and "secret" in reply.body.message


@pytest.mark.parametrize(
    "body",
    [messages.Fence("node1"), messages.CleanUp(), messages.StopNode(), messages.GetHistory(),
     messages.GetVersion("0.1.0"), messages.SetAttribute("node1", "a", "b")],
)
def test_what_no_list_can_grant_is_refused(ipc, body):
    (reply,) = ask(ipc, body)
    assert reply.body.id == "permission-denied"


def test_without_enable_acl_nobody_is_restricted():
    ipc = Ipc(SETTINGS, machine="m")
    ipc.receive(Started("node1", "c", Cib.parse(CIB.replace('value="true"', 'value="false"'))), 0, 1.0)
    (reply,) = ask(ipc, messages.GetCib(), "stranger")
    assert Cib.parse(reply.body.xml).by_id("secret") is not None


def test_changes_are_told_whole_only_while_no_lists_count(ipc):
    cib = Cib.parse(CIB)
    (notify,) = ipc.receive(CibChanged(cib, cib, b"<diff/>", Author("x", "y"), True), 0, 1.0)
    assert isinstance(notify, Notify) and isinstance(notify.body, Guarded)
    plain = Cib.empty()
    (notify,) = ipc.receive(CibChanged(cib, plain, b"<diff/>", Author("x", "y"), True), 0, 1.0)
    assert isinstance(notify.body, messages.CibNotice)


@pytest.mark.parametrize("privileged", [True, False])
def test_over_the_socket_the_patch_goes_to_the_privileged_alone(monkeypatch, privileged):
    caller = Caller("anna", 1, 1, may_write=True, privileged=privileged)
    monkeypatch.setattr(server, "caller_of", lambda connection: caller)
    with tempfile.TemporaryDirectory(prefix="hsh") as folder, FakeNode(Path(folder), cib=CIB) as node:
        client = DaemonClient(node.path)
        client._ask(messages.Subscribe(), messages.CibIs)
        node.change(SECRET, user="root", command="delete secret")
        client._socket.settimeout(60)
        frames = []
        while not frames:
            frames += client._reader.feed(client._socket.recv(65536))
        (frame,) = frames
        client.close()
    assert isinstance(frame.body, messages.CibNotice)
    assert bool(frame.body.patch) is privileged
    assert frame.body.command == ("delete secret" if privileged else "")

