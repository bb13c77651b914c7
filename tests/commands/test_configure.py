"""Objects put in, renamed and taken out, with what hangs on them."""

from __future__ import annotations

import pytest
from lxml import etree

from hashell.cib.document import Cib
from hashell.client.memory import MemoryClient
from hashell.commands import configure, constraints, deletion, members, nodes, resources
from hashell.commands.env import Env
from hashell.commands.problems import ProblemsFound, error
from hashell.errors import AlreadyExists, BadInput, NotFound, Refused
from hashell.shell.crm.configure_parse import parse_words

CIB = (
    '<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config/>'
    '<nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes><resources>'
    '<primitive id="A" class="ocf" provider="hashell" type="Dummy"/>'
    '<primitive id="B" class="ocf" provider="hashell" type="Dummy"/>'
    '<group id="g"><primitive id="X" class="ocf" provider="hashell" type="Dummy"/>'
    '<primitive id="Y" class="ocf" provider="hashell" type="Dummy"/></group></resources><constraints>'
    '<rsc_location id="l" rsc="A" node="n1" score="1"/><rsc_colocation id="c" rsc="A" with-rsc="B" score="INFINITY"/>'
    '<rsc_order id="s"><resource_set id="s0"><resource_ref id="A"/><resource_ref id="B"/><resource_ref id="X"/>'
    "</resource_set></rsc_order>"
    '</constraints><tags><tag id="t"><obj_ref id="A"/></tag></tags></configuration><status/></cib>'
)


@pytest.fixture
def env():
    return Env.open(MemoryClient(Cib.parse(CIB)))


def ids(env, path):
    return [str(one) for one in env.root.xpath(f"{path}/@id")]


def test_a_deleted_resource_takes_its_constraints_and_its_empty_tag_along(env):
    configure.delete(env, ["A"])
    assert ids(env, "//constraints/*") == ["s"]
    assert ids(env, "//tags/tag") == []


def test_a_set_that_is_left_with_two_members_becomes_a_plain_order(env):
    configure.delete(env, ["A"])
    order = env.root.find(".//rsc_order")
    assert (order.get("first"), order.get("then")) == ("B", "X")


def test_the_last_member_takes_its_group_along(env):
    configure.delete(env, ["X"])
    configure.delete(env, ["Y"])
    assert env.root.find(".//group") is None


def test_a_running_resource_is_deleted_only_by_force(env):
    with pytest.raises(Refused):
        configure.delete(env, ["A"], running=["A"])
    env.force = True
    configure.delete(env, ["A"], running=["A"])
    assert env.by_id("A") is None


def test_a_new_id_reaches_constraints_and_tags(env):
    configure.rename(env, "A", "Z")
    assert env.root.find(".//rsc_location").get("rsc") == "Z"
    assert ids(env, "//tags/tag/obj_ref") == ["Z"]


def test_a_taken_id_is_refused(env):
    with pytest.raises(AlreadyExists):
        configure.rename(env, "A", "B")
    with pytest.raises(AlreadyExists):
        configure.create(env, parse_words(["group", "B", "A"]))


def test_a_group_that_takes_a_resource_in_takes_over_its_constraints(env):
    configure.create(env, parse_words(["group", "h", "A"]))
    assert env.root.find(".//rsc_location").get("rsc") == "h"


def test_a_member_of_one_group_is_not_put_into_another(env):
    with pytest.raises(BadInput):
        configure.create(env, parse_words(["group", "h", "X"]))


def test_a_name_that_is_nearly_right_is_offered(env):
    configure.rename(env, "B", "webserver")
    with pytest.raises(NotFound, match="did you mean webserver"):
        resources.prefer(env, "webservr", "n1")


def test_stopping_a_clone_takes_the_inner_target_role_away(env):
    resources.stop(env, ["A"])
    members.clone(env, "A", "k")
    resources.start(env, ["A"])
    assert [pair.getparent().getparent().get("id") for pair in env.root.iter("nvpair")] == ["k"]


def test_a_move_replaces_the_move_before_and_clear_takes_it_back(env):
    resources.prefer(env, "A", "n1")
    resources.prefer(env, "A", "n2")
    assert ids(env, "//rsc_location[starts-with(@id, 'cli-')]") == ["cli-prefer-A"]
    assert resources.clear(env, "A") == ["cli-prefer-A"]


@pytest.mark.parametrize(
    ("lifetime", "end"),
    [
        ("PT5M", "1970-01-01 00:05:00 +00:00"),
        ("P1M", "1970-02-01 00:00:00 +00:00"),
        ("P1DT1H", "1970-01-02 01:00:00 +00:00"),
    ],
)
def test_a_lifetime_ends_so_long_from_now(lifetime, end):
    assert resources.until(lifetime, 0.0) == end


def test_standby_is_an_attribute_of_the_node_and_online_takes_it_back(env):
    nodes.standby(env, ["n1"])
    assert nodes.attribute(env, "n1", "attribute", "standby") == "on"
    nodes.online(env, ["n1"])
    assert nodes.attribute(env, "n1", "attribute", "standby") == "off"


def test_pcs_deletes_a_container_with_what_it_holds(env):
    deletion.delete(env, ["g"])
    assert env.by_id("X") is None
    assert [one.get("id") for one in env.root.iter("resource_ref")] == ["A", "B"]


def test_taking_a_resource_out_of_orders_leaves_its_plain_colocations_alone(env):
    constraints.remove_orders(env, ["A"])
    assert env.root.find(".//rsc_colocation") is not None
    assert [one.get("id") for one in env.root.iter("resource_ref")] == ["B", "X"]


def test_taking_resources_out_of_orders_takes_them_out_of_every_set_and_empty_constraints_away(env):
    constraint = etree.SubElement(env.section("constraints"), "rsc_colocation", {"id": "cs"})
    for name, inside in (("cs1", "AB"), ("cs2", "X")):
        holder = etree.SubElement(constraint, "resource_set", {"id": name})
        for member in inside:
            etree.SubElement(holder, "resource_ref", {"id": member})
    constraints.remove_orders(env, ["B", "A"])
    assert [one.get("id") for one in env.root.iter("resource_set")] == ["s0", "cs2"]
    constraints.remove_orders(env, ["X", "nobody"])
    assert list(env.root.iter("resource_set", "rsc_order")) == []
    assert [one.get("id") for one in env.root.iter("rsc_colocation")] == ["c"]
    with pytest.raises(NotFound, match="ordering list"):
        constraints.remove_orders(env, ["A"])


def test_the_same_colocation_twice_needs_force(env):
    constraints.colocation(env, "A", "B", "5", ("", ""), {})
    with pytest.raises(ProblemsFound, match="duplicate"):
        env.settle()


def test_an_error_that_can_be_forced_becomes_a_warning_and_another_one_stays():
    env = Env.open(MemoryClient(Cib.parse(CIB)), force=True)
    told: list[str] = []
    env.warn = told.append
    env.report(error("x", "first", forcible=True))
    env.settle()
    assert told == ["first"]
    env.report(error("y", "second"))
    with pytest.raises(ProblemsFound, match="second"):
        env.settle()


def test_a_commit_sends_what_changed_and_nothing_where_nothing_did(env):
    before = env.client.cib().version
    assert env.commit() == str(before)
    resources.stop(env, ["A"])
    env.commit()
    assert env.client.cib().version > before
    assert not env.changed
