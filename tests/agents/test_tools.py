"""Pacemaker's tools as agents call them, against a daemon that a thread plays."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.agents.call import OWN
from hashell.agents.tools import cluster_tool
from hashell.wire.codec import daemon_reader, encode
from hashell.wire.messages import (
    ApplyChanges,
    AttributeValues,
    CibIs,
    CleanUp,
    Done,
    Failure,
    Fence,
    FenceDevices,
    FencingDevice,
    FencingDevices,
    GetAttribute,
    GetCib,
    GetInfo,
    Hello,
    Info,
    MemberInfo,
    SetAttribute,
    ToClient,
    Welcome,
)

CIB = b"""<cib><configuration><crm_config><cluster_property_set id="c"><nvpair id="c1" name="repl" value="n1"/>
</cluster_property_set></crm_config><nodes><node id="1" uname="n1"><instance_attributes id="nodes-1">
<nvpair id="n1a" name="rack" value="7"/></instance_attributes></node></nodes><resources>
<primitive id="web"><meta_attributes id="m"><nvpair id="m1" name="target-role" value="Started"/></meta_attributes>
</primitive></resources></configuration><status><node_state id="1" uname="n1"><transient_attributes id="1">
<instance_attributes id="s"><nvpair id="s1" name="master-db" value="10"/></instance_attributes>
</transient_attributes><lrm id="1"><lrm_resources><lrm_resource id="web"><lrm_rsc_op id="web_last_0"
operation="start" call-id="2" rc-code="0" op-status="0"/><lrm_rsc_op id="web_monitor_1" operation="monitor"
call-id="3" rc-code="8" op-status="0"/></lrm_resource></lrm_resources></lrm></node_state><tickets>
<ticket_state id="held" granted="true" standby="true"/></tickets></status></cib>"""

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=40) | st.binary(max_size=40)
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4), max_leaves=20,
)


@given(values)
def test_the_tools_msgpack_is_the_daemons(value):
    assert msgspec.msgpack.decode(cluster_tool.pack(value)) == value
    assert cluster_tool.unpack(msgspec.msgpack.encode(value))[0] == value


@pytest.fixture
def daemon(tmp_path):
    """tool(name, *words) → CompletedProcess, and what the daemon was asked for."""
    asked = []
    path = str(tmp_path / "sock")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(8)
    server.settimeout(120)

    def answer(body):
        match body:
            case Hello():
                return Welcome(1, "1", "c", "n1", "root")
            case GetCib():
                return CibIs(CIB, "0.1.0")
            case GetInfo():
                members = (MemberInfo(1, "n1", "member"), MemberInfo(2, "n2", "lost"))
                return Info("c", "n1", "mesh", members, "n1", True, 1, 2, 1, 3, "S_IDLE")
            case SetAttribute(node="nobody"):
                return Failure("not-found", "no node is called nobody", "", 105)
            case GetAttribute("master-db", _, ""):
                return AttributeValues((("n1", "10"),))
            case GetAttribute("gtid", _, "private"):
                return AttributeValues((("n1", "7"), ("n2", "8")))
            case GetAttribute():
                return AttributeValues()
            case FenceDevices():
                return FencingDevices((FencingDevice("ipmi", "stonith:fence_ipmilan", "static-list"),))
            case SetAttribute() | ApplyChanges() | CleanUp() | Fence():
                asked.append(body)
                return Done()

    def serve():
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            with link:
                reader = daemon_reader()
                while data := link.recv(65536):
                    for frame in reader.feed(data):
                        link.sendall(encode(ToClient(frame.number, answer(frame.body))))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()

    def tool(name, *words, **more):
        return subprocess.run(
            [str(OWN / "tools" / name), *words], capture_output=True, timeout=60, check=False, text=True,
            env={"HASHELL_SOCKET": path, "HASHELL_PYTHON": sys.executable, "PATH": os.environ["PATH"], **more},
        )

    yield tool, asked
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(60)


def test_promotion_scores_are_set_and_removed_for_the_agents_resource(daemon):
    tool, asked = daemon
    assert tool("crm_attribute", "--promotion", "-v", "10", OCF_RESOURCE_INSTANCE="db").returncode == 0
    assert tool("crm_master", "-l", "reboot", "-D", OCF_RESOURCE_INSTANCE="db").returncode == 0
    assert tool("crm_master", "-Q", "-G", OCF_RESOURCE_INSTANCE="db").stdout == "10\n"
    assert asked == [SetAttribute("n1", "master-db", "10"), SetAttribute("n1", "master-db", None)]


def test_transient_permanent_and_cluster_attributes_are_asked_and_set_where_they_belong(daemon):
    tool, asked = daemon
    assert tool("crm_attribute", "-N", "n1", "-l", "forever", "-n", "rack", "-G", "-q").stdout == "7\n"
    assert tool("crm_attribute", "--type", "crm_config", "--name", "repl", "--query", "-q").stdout == "n1\n"
    assert tool("crm_attribute", "-t", "crm_config", "-n", "x", "-G", "-d", "none", "-q").stdout == "none\n"
    assert tool("crm_attribute", "-N", "n1", "-l", "forever", "-n", "rack", "-v", "value++").returncode == 0
    assert tool("attrd_updater", "-n", "pingd", "-v", "100", "-d", "5s").returncode == 0
    assert tool("attrd_updater", "-n", "master-db", "-Q").stdout == 'name="master-db" host="n1" value="10"\n'
    change, attribute = asked
    assert b'value="8"' in change.changes[0].xml and change.changes[0].path == "nodes"
    assert (attribute.value, attribute.dampening_ms) == ("100", 5000)


def test_what_a_node_offers_and_what_only_agents_know_are_kept_apart_from_other_attributes(daemon):
    tool, asked = daemon
    assert tool("crm_attribute", "-t", "nodes", "--node", "n1", "-z", "-n", "cpu", "-v", "8").returncode == 0
    assert b"<utilization id=" in asked.pop().changes[0].xml
    assert tool("crm_attribute", "-l", "reboot", "-z", "-n", "cpu", "-v", "8").returncode == 0
    assert asked.pop() == SetAttribute("n1", "cpu", "8", 0, "utilization")
    assert tool("attrd_updater", "-p", "-n", "gtid", "-U", "9").returncode == 0
    assert asked.pop() == SetAttribute("n1", "gtid", "9", 0, "private")
    assert tool("attrd_updater", "-p", "-A", "-n", "gtid", "-Q").stdout.count("\n") == 2
    # Counting is done where all values meet: two agents at once count two.
    assert tool("attrd_updater", "-n", "master-db", "-v", "value++").returncode == 0
    assert asked.pop() == SetAttribute("n1", "master-db", "value++")


def test_parameters_of_resources_are_read_set_and_removed(daemon):
    tool, asked = daemon
    assert tool("crm_resource", "-r", "web", "-m", "-p", "target-role", "-v", "Stopped").returncode == 0
    change = asked.pop().changes[0]
    assert b'<meta_attributes id="m"><nvpair id="m1" name="target-role" value="Stopped"' in change.xml
    assert tool("crm_resource", "-r", "web", "-z", "-p", "cpu", "-v", "2").returncode == 0
    assert b'<utilization id="web-utilization"><nvpair id="web-utilization-cpu"' in asked.pop().changes[0].xml
    assert tool("crm_resource", "-r", "web", "--meta", "--delete-parameter", "target-role").returncode == 0
    assert asked.pop().changes[0].path == "/cib/configuration/resources//nvpair[@id='m1']"
    assert tool("crm_resource", "-r", "none", "-g", "x").returncode == 105
    assert tool("crm_resource", "--cleanup", "-r", "web").returncode == 0
    assert asked.pop() == CleanUp("web")


def test_fencing_fail_counts_and_the_cib_are_there_for_agents_too(daemon):
    tool, asked = daemon
    assert tool("stonith_admin", "--reboot", "n2", "--tag", "controld").returncode == 0
    assert asked.pop() == Fence("n2", "reboot")
    assert tool("stonith_admin", "-l", "n2").stdout == "ipmi\n"
    assert tool("crm_failcount", "-G", "-q", "-r", "web").stdout == "0\n"
    assert "<cluster_property_set" in tool("cibadmin", "-Q", "-o", "crm_config").stdout
    assert tool("cibadmin", "-Q", "--xpath", "//nvpair[@name='master-db']").stdout.startswith('<nvpair id="s1"')
    assert tool("cibadmin", "-Q", "--xpath", "//nothing").returncode == 105
    assert tool("cibadmin", "--delete").returncode == 64


def test_tickets_are_granted_only_by_force_and_held_and_read_without(daemon):
    tool, asked = daemon
    assert tool("crm_ticket", "-t", "A", "-g").returncode == 107
    assert tool("crm_ticket", "-t", "A", "-g", "--force").returncode == 0
    (change,) = asked.pop().changes
    assert change.path == "status" and b'<tickets><ticket_state id="A"' in change.xml
    assert b'granted="true"' in change.xml and b"last-granted=" in change.xml and b'standby="false"' in change.xml
    assert tool("crm_ticket", "-t", "held", "-a").returncode == 0
    assert asked.pop().changes[0].xml == b'<tickets><ticket_state id="held" standby="false"/></tickets>'
    assert tool("crm_ticket", "-t", "held", "-G", "granted").stdout == "true\n"
    assert tool("crm_ticket", "-l").stdout == "held\tgranted [standby]\n"
    assert tool("crm_ticket", "-t", "held", "-C").returncode == 107
    assert tool("crm_ticket", "-t", "none", "-G", "granted").returncode == 105
    assert tool("crm_ticket", "-t", "none", "-G", "granted", "-d", "false").stdout == "false\n"


def test_members_and_places_are_told(daemon):
    tool, _ = daemon
    assert tool("crm_node", "-n").stdout == "n1\n"
    assert tool("crm_node", "-p").stdout == "n1\n"
    assert tool("crm_node", "-q").stdout == "1\n"
    assert tool("crm_node", "-l").stdout == "1 n1 member\n2 n2 lost\n"
    assert tool("crm_resource", "-W", "-r", "web").stdout == "resource web is running on: n1 Promoted\n"
    assert tool("crm_resource", "--meta", "-r", "web", "-g", "target-role").stdout == "Started\n"


def test_what_is_not_there_or_not_understood_ends_with_pacemakers_codes(daemon):
    tool, _ = daemon
    assert tool("crm_attribute", "-N", "n1", "-l", "reboot", "-n", "nope", "-G").returncode == 105
    assert tool("attrd_updater", "-n", "x", "-v", "1", "-N", "nobody").returncode == 105
    assert tool("crm_attribute", "--nonsense").returncode == 64
    assert tool("crm_attribute", "-v").returncode == 64
    missing = tool("crm_node", "-n", HASHELL_SOCKET="/nowhere/sock")
    assert missing.returncode == 102
    assert "no daemon answers" in missing.stderr and "Traceback" not in missing.stderr
