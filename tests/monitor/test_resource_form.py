"""Forms of resources: fields from what an agent says, and the same configuration from the act as from its command."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashell.agents.metadata import parse_metadata
from hashell.cib.document import Cib
from hashell.commands import agents
from hashell.errors import BadInput, HashellError
from hashell.monitor import resource_form
from hashell.values.agent_names import AgentName

CIB = Cib.parse((Path(__file__).resolve().parents[1] / "benchmarks" / "three_nodes.xml").read_bytes())
AGENT = AgentName("ocf", "heartbeat", "Thing")
SAID = parse_metadata("""<resource-agent name="Thing"><shortdesc>A thing</shortdesc><parameters>
<parameter name="size"><shortdesc>how big</shortdesc><content type="integer" default="3"/></parameter>
<parameter name="path" required="1"><shortdesc>where</shortdesc><content type="string"/></parameter>
<parameter name="old" deprecated="1"><content type="string"/></parameter>
<parameter name="passwd"><content type="string"/></parameter>
<parameter name="mode"><content type="select"><option value="fast"/><option value="safe"/></content></parameter>
</parameters><actions><action name="start" timeout="30s"/><action name="stop" timeout="40s"/>
<action name="monitor" interval="15s" timeout="25s" depth="0"/><action name="meta-data" timeout="5s"/>
</actions></resource-agent>""")


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """The agent is here and says this of itself."""
    monkeypatch.setitem(agents._known, AGENT, SAID)


def fields_by_name(fields):
    return {field.name: field for field in fields}


def made(act, cib=CIB):
    return act.tried_on(cib).cib


def test_a_new_resource_has_required_fields_first_with_types_defaults_and_short_descriptions():
    fields = resource_form.new_fields(CIB, AGENT, SAID)
    found = fields_by_name(fields)
    parameters = [field.name for field in fields if field.section == resource_form.PARAMETERS]

    assert parameters == ["path", "size", "passwd", "mode"]
    assert found["path"].required and found["path"].help == "where"
    assert (found["size"].type, found["size"].placeholder) == ("integer", "3")
    assert found["mode"].values == ("fast", "safe")
    assert found["name"].offered == "thing"
    assert "http" in found["name"].taken


def test_the_operations_that_an_agent_advises_are_filled_in_with_its_times():
    found = fields_by_name(resource_form.new_fields(CIB, AGENT, SAID))

    assert found["op monitor"].offered == "interval=15s timeout=25s"
    assert found["op start"].offered == "timeout=30s"
    assert found["op stop"].offered == "timeout=40s"
    assert "op meta-data" not in found


def test_what_was_typed_becomes_a_primitive_with_parameters_operations_and_options():
    fields = resource_form.new_fields(CIB, AGENT, SAID)
    act = resource_form.create(CIB, AGENT, fields, {
        "name": "thing", "path": "/x y", "op monitor": "interval=15s timeout=25s", "target-role": "Stopped",
    })
    element = made(act).by_id("thing")

    assert element.get("type") == "Thing"
    assert {pair.get("name"): pair.get("value") for pair in element.iter("nvpair")} == {
        "path": "/x y", "target-role": "Stopped",
    }
    assert [(op.get("name"), op.get("interval"), op.get("timeout")) for op in element.iter("op")] == [
        ("monitor", "15s", "25s"),
    ]
    assert act.command == (
        'configure primitive thing ocf:heartbeat:Thing params path="/x y" op monitor interval=15s timeout=25s'
        " meta target-role=Stopped"
    )


@pytest.mark.parametrize(("group", "clone", "holder"), [
    ("web", "no", "group"), ("fresh", "no", "group"), ("", "yes", "clone"), ("", "no", "resources"),
])
def test_a_new_resource_joins_a_group_makes_one_or_is_cloned(group, clone, holder):
    fields = resource_form.new_fields(CIB, AGENT, SAID)
    act = resource_form.create(CIB, AGENT, fields, {"name": "thing", "path": "/x", "group": group, "clone": clone})
    parent = made(act).by_id("thing").getparent()

    assert parent.tag == holder
    assert not group or parent.get("id") == group
    if group == "web":
        assert [one.get("id") for one in parent.iter("primitive")] == ["ip", "http", "thing"]


def test_a_member_of_a_group_cannot_be_a_clone_too():
    fields = resource_form.new_fields(CIB, AGENT, SAID)
    with pytest.raises(BadInput, match="not both"):
        resource_form.create(CIB, AGENT, fields, {"name": "thing", "path": "/x", "group": "web", "clone": "yes"})


def test_a_secret_is_sent_and_never_told():
    fields = resource_form.new_fields(CIB, AGENT, SAID)
    act = resource_form.create(CIB, AGENT, fields, {"name": "thing", "path": "/x", "passwd": "hunter2"})

    assert b"hunter2" in made(act).to_bytes()
    assert "hunter2" not in act.command


def test_a_form_of_a_resource_shows_what_it_has_and_changes_only_what_was_changed():
    fields = resource_form.fields_of(CIB, "http", None)
    found = fields_by_name(fields)
    assert found["configfile"].value == "/etc/apache2/apache2.conf"
    assert found["op monitor 20s"].value == "interval=20s timeout=40s"
    assert found["group"].value == "web"

    act = resource_form.change(CIB, "http", fields, {"configfile": "/b", "op monitor 20s": "interval=5s timeout=40s"})
    element = made(act).by_id("http")

    assert element.find("instance_attributes/nvpair").get("value") == "/b"
    assert [(op.get("id"), op.get("interval")) for op in element.iter("op")] == [("http-mon", "5s")]
    assert "resource param http set configfile /b" in act.command


def test_an_empty_field_takes_a_parameter_and_an_operation_out():
    fields = resource_form.fields_of(CIB, "http", None)
    element = made(resource_form.change(CIB, "http", fields, {"configfile": "", "op monitor 20s": ""})).by_id("http")

    assert not list(element.iter("nvpair"))
    assert not list(element.iter("op"))


def test_a_resource_leaves_its_group_and_is_cloned_and_a_clone_is_taken_back():
    fields = resource_form.fields_of(CIB, "http", None)
    cloned = made(resource_form.change(CIB, "http", fields, {"group": "", "clone": "yes"}))
    assert cloned.by_id("http").getparent().tag == "clone"

    fields = resource_form.fields_of(cloned, "http", None)
    assert fields_by_name(fields)["clone"].value == "yes"
    back = made(resource_form.change(cloned, "http", fields, {"clone": "no"}), cloned)
    assert back.by_id("http").getparent().tag == "resources"


def test_a_group_has_options_only_and_a_stranger_is_not_found():
    assert {field.section for field in resource_form.fields_of(CIB, "web", None)} == {resource_form.META}
    with pytest.raises(HashellError, match="nobody"):
        resource_form.fields_of(CIB, "nobody", None)
