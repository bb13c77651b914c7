"""One class of tests for every kind of cluster that can run here."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from hashell.cib.document import Cib
from hashell.client.api import ReadOnly, Unsupported
from hashell.client.cib_file import FileClient
from hashell.client.daemon import DaemonClient
from hashell.client.memory import MemoryClient
from hashell.errors import BadInput, Conflict, HashellError, NotFound
from hashell.testing.fake_node import FakeNode
from hashell.wire.messages import Change

CIB = """
<cib crm_feature_set="3.20.1" validate-with="pacemaker-3.9" admin_epoch="0" epoch="5"
     num_updates="2" have-quorum="1" dc-uuid="1">
  <configuration>
    <crm_config><cluster_property_set id="cib-bootstrap-options">
      <nvpair id="cib-bootstrap-options-cluster-name" name="cluster-name" value="test"/>
    </cluster_property_set></crm_config>
    <nodes><node id="1" uname="node1"/><node id="2" uname="node2"/></nodes>
    <resources><primitive id="web" class="ocf" provider="hashell" type="Dummy"/></resources>
    <constraints/>
  </configuration>
  <status>
    <node_state id="1" uname="node1" in_ccm="true" crmd="online"><lrm id="1"><lrm_resources>
      <lrm_resource id="web" class="ocf" provider="hashell" type="Dummy">
        <lrm_rsc_op id="web_last_0" operation="start" rc-code="1" call-id="5"/>
      </lrm_resource></lrm_resources></lrm></node_state>
  </status>
</cib>
"""
RESOURCE = b'<primitive id="db" class="ocf" provider="hashell" type="Dummy"/>'


@pytest.fixture(params=["memory", "file", "hashelld"])
def client(request, tmp_path):
    if request.param == "memory":
        yield MemoryClient(CIB)
    elif request.param == "file":
        path = tmp_path / "cib.xml"
        path.write_text(CIB)
        yield FileClient(str(path))
    else:
        with (
            tempfile.TemporaryDirectory(prefix="hsh") as folder,
            FakeNode(Path(folder), cib=CIB, nodes=("node1", "node2")) as node,
        ):
            client = DaemonClient(node.path)
            yield client
            client.close()


class TestEveryClient:
    def test_reads_the_cib(self, client):
        cib = client.cib()
        assert str(cib.version) == "0.5.2"
        assert cib.by_id("web") is not None

    def test_a_change_of_the_configuration_raises_the_epoch(self, client):
        version = client.apply([Change("create", RESOURCE, "resources")])
        assert version == "0.6.0"
        assert client.cib().by_id("db") is not None
        assert str(client.cib().version) == "0.6.0"

    def test_a_change_of_the_status_raises_num_updates(self, client):
        state = b'<node_state id="2" uname="node2" crmd="offline"/>'
        assert client.apply([Change("modify", state, "status")]) == "0.5.3"

    def test_nothing_changed_is_no_new_version(self, client):
        assert client.apply([Change("delete", path="//primitive[@id='nobody']")]) == "0.5.2"
        assert client.apply([]) == "0.5.2"

    def test_all_changes_or_none(self, client):
        with pytest.raises(HashellError):
            client.apply(
                [Change("create", RESOURCE, "resources"), Change("create", RESOURCE, "resources")]
            )
        assert client.cib().by_id("db") is None
        assert str(client.cib().version) == "0.5.2"

    def test_a_change_made_for_an_older_configuration_is_a_conflict(self, client):
        with pytest.raises(Conflict):
            client.apply([Change("create", RESOURCE, "resources", admin_epoch=0, epoch=4)])
        client.apply([Change("create", RESOURCE, "resources", admin_epoch=0, epoch=5)])

    def test_bad_xml_is_bad_input(self, client):
        with pytest.raises(BadInput):
            client.apply([Change("modify", b"<primitive", "resources")])

    def test_an_attribute_is_set_and_removed(self, client):
        client.set_attribute("node1", "pingd", "100")
        pairs = client.cib().root.xpath("status/node_state[@id='1']//nvpair[@name='pingd']/@value")
        assert pairs == ["100"]
        client.set_attribute("node1", "pingd", None)
        assert not client.cib().root.xpath("status//nvpair[@name='pingd']")

    def test_an_attribute_of_a_node_that_nobody_knows_is_not_found(self, client):
        with pytest.raises(NotFound, match="nobody"):
            client.set_attribute("nobody", "pingd", "100")

    def test_knows_the_nodes(self, client):
        info = client.info()
        assert [member.name for member in info.members] == ["node1", "node2"]
        assert info.cluster == "test"
        assert info.dc == "node1"
        assert info.quorate

    def test_events_are_a_tuple(self, client):
        assert client.events() == ()

    def test_a_version_that_is_not_kept_is_not_found_or_unsupported(self, client):
        with pytest.raises((NotFound, Unsupported)):
            client.version("9.9.9")

    def test_what_it_cannot_do_it_refuses_with_a_reason(self, client):
        try:
            client.clean_up("web", "node1")
            client.fail_resource("web", "node1")
            client.fence("node2")
            client.stop_node("node2")
            client.forget_node("node2")
            client.wait_idle(0.1)
            assert client.history() is not None
        except Unsupported as error:
            assert client.kind == "file"
            assert error.hint

    def test_cleaning_up_forgets_the_failure(self, client):
        if client.kind == "file":
            pytest.skip("nothing runs in a file")
        assert client.cib().root.xpath("//lrm_rsc_op")
        client.clean_up("web", "node1")
        assert not client.cib().root.xpath("//lrm_rsc_op")

    def test_says_what_it_is(self, client):
        assert client.kind in ("memory", "file", "hashelld")
        assert client.where


def test_a_read_only_client_changes_nothing(tmp_path):
    path = tmp_path / "cib.xml"
    path.write_text(CIB)
    for client in (MemoryClient(CIB, read_only=True), FileClient(str(path), read_only=True)):
        with pytest.raises(ReadOnly):
            client.apply([Change("create", RESOURCE, "resources")])
        with pytest.raises(ReadOnly):
            client.set_attribute("node1", "a", "b")
        assert client.cib().by_id("db") is None


def test_memory_keeps_every_version_of_the_configuration():
    client = MemoryClient(CIB)
    client.apply([Change("create", RESOURCE, "resources")], command="primitive db Dummy")
    rows = client.history()
    assert [row.version for row in rows] == ["0.6.0", "0.5.2"]
    assert rows[0].command == "primitive db Dummy"
    assert client.version("0.5.2").by_id("db") is None


def test_a_file_is_what_a_real_tool_reads(tmp_path):
    if shutil.which("crm_verify") is None:
        pytest.skip("crm_verify is not installed")
    path = tmp_path / "cib.xml"
    path.write_text(CIB.replace("pacemaker-3.9", "pacemaker-3.8"))
    FileClient(str(path)).apply([Change("create", RESOURCE, "resources")])
    done = subprocess.run(
        ["cibadmin", "--query"], env={"CIB_file": str(path), "PATH": "/usr/sbin:/usr/bin"},
        capture_output=True, check=False, timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert Cib.parse(done.stdout).by_id("db") is not None
