"""Nodes in a working copy: remote ones have no entry until they get an attribute."""

from __future__ import annotations

import pytest

from hashell.cib.document import Cib
from hashell.client.memory import MemoryClient
from hashell.commands import nodes
from hashell.commands.env import Env, need_node
from hashell.errors import NotFound
from hashell.schema.check import is_valid

CIB = """<cib admin_epoch="0" epoch="0" num_updates="0" validate-with="pacemaker-3.9"><configuration><crm_config/>
<nodes><node id="1" uname="n1"/></nodes><resources>
<primitive id="r1" class="ocf" provider="pacemaker" type="remote"/>
<primitive id="vm" class="ocf" provider="x" type="y"><meta_attributes id="m">
<nvpair id="m1" name="remote-node" value="g1"/></meta_attributes></primitive></resources><constraints/>
</configuration><status>
<node_state id="r1" uname="r1" remote_node="true" in_ccm="true"/></status></cib>"""


@pytest.fixture
def env():
    return Env.open(MemoryClient(Cib.parse(CIB)))


@pytest.mark.parametrize("name", ["r1", "g1"])
def test_a_remote_node_gets_an_entry_with_its_first_attribute(env, name):
    assert env.node(name) is None
    nodes.set_attribute(env, name, "attribute", "rack", "7")
    element = env.node(name)
    assert (element.get("id"), element.get("type")) == (name, "remote")
    assert nodes.attribute(env, name, "attribute", "rack") == "7"
    nodes.set_attribute(env, name, "attribute", "rack", "8")
    assert len(env.root.findall("configuration/nodes/node")) == 2
    assert is_valid(Cib(env.root))


def test_looking_at_a_remote_node_makes_no_entry(env):
    assert need_node(env, "r1").get("uname") == "r1"
    with pytest.raises(NotFound):
        nodes.attribute(env, "r1", "attribute", "rack")
    assert env.node("r1") is None


def test_a_name_that_is_nobodys_is_refused_with_the_names_that_there_are(env):
    with pytest.raises(NotFound) as told:
        need_node(env, "r2")
    assert "r1" in told.value.hint


def test_a_remote_node_is_up_while_somebody_is_connected_to_it(env):
    nodes.set_attribute(env, "r1", "attribute", "rack", "7")
    assert "r1: remote" in nodes.lines(env)
    env.root.find("status/node_state").set("in_ccm", "false")
    assert "r1: remote(offline)" in nodes.lines(env)
