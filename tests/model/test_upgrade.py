"""Upgrade: what older schemas allowed is still understood."""

from __future__ import annotations

from lxml import etree

from hashell.cib.document import Cib
from hashell.model.configuration import Configuration, read_configuration
from hashell.model.constraints import LocationConstraint
from hashell.model.upgrade import upgraded

NOW_S = 1_704_067_200


def cib(resources: str = "", nodes: str = "", constraints: str = "") -> Cib:
    text = (
        f"<cib><configuration><crm_config/><nodes>{nodes}</nodes><resources>{resources}</resources>"
        f"<constraints>{constraints}</constraints></configuration><status/></cib>"
    )
    return Cib.parse(text.encode())


def read(**parts: str) -> Configuration:
    return read_configuration(cib(**parts), NOW_S)


DUMMY = '<primitive id="d" class="ocf" provider="heartbeat" type="Dummy"/>'


def test_a_document_without_old_constructs_is_not_copied():
    root = cib(DUMMY).root

    assert upgraded(root) is root


def test_the_original_document_is_left_alone():
    root = cib(f'<master id="m">{DUMMY}</master>').root
    before = etree.tostring(root)

    assert upgraded(root) is not root
    assert etree.tostring(root) == before


def test_a_master_is_a_promotable_clone_whatever_it_says():
    (found,) = read(resources=(
        '<master id="m"><meta_attributes id="a"><nvpair id="b" name="promotable" value="false"/></meta_attributes>'
        f"{DUMMY}</master>"
    )).resources

    assert found.promotable
    assert found.clone is not None
    assert found.clone.promoted_max == 1


def test_agents_and_containers_that_are_no_more_are_dropped_with_what_held_them():
    found = read(resources=(
        f'<primitive id="u" class="upstart" type="x"/><group id="g"><primitive id="n" class="nagios" type="x"/></group>'
        f'<bundle id="b"><rkt image="i"/></bundle>{DUMMY}'
    ))

    assert [config.id for config in found.resources] == ["d"]


def test_a_ping_node_is_a_member_without_resources():
    found = read(nodes='<node id="1" uname="p" type="ping"/>')

    (node,) = found.nodes
    (ban,) = found.constraints
    assert node.name == "p"
    assert isinstance(ban, LocationConstraint)
    assert (ban.pattern, ban.node, ban.score, ban.resource_discovery) == (".*", "p", "-INFINITY", "never")


def test_a_location_with_a_lifetime_is_dropped_as_its_new_rule_would_have_no_score():
    lifetime = '<lifetime><rule id="r"><date_expression id="e" operation="lt" end="2030-01-01"/></rule></lifetime>'

    found = read(constraints=(
        f'<rsc_location id="l" rsc="d" node="n" score="7">{lifetime}</rsc_location>'
        '<rsc_location id="k" rsc="d" node="n" score="7"/>'
    )).constraints

    assert [one.id for one in found] == ["k"]


def test_only_the_lifetime_of_a_colocation_is_dropped():
    (found,) = read(
        resources=DUMMY + DUMMY.replace('"d"', '"e"'),
        constraints='<rsc_colocation id="c" rsc="d" with-rsc="e" score="7"><lifetime/></rsc_colocation>',
    ).constraints

    assert found.id == "c"


def test_constraints_forget_resources_that_are_no_more():
    found = read(
        resources=f'<primitive id="u" class="upstart" type="x"/>{DUMMY}',
        constraints=(
            '<rsc_location id="gone" rsc="u" node="n" score="1"/><rsc_order id="lost" first="d" then="u"/>'
            '<rsc_colocation id="empty" score="1"><resource_set id="s"><resource_ref id="u"/></resource_set>'
            "</rsc_colocation>"
            '<rsc_order id="kept"><resource_set id="t"><resource_ref id="u"/></resource_set>'
            '<resource_set id="v"><resource_ref id="d"/></resource_set></rsc_order>'
        ),
    ).constraints

    assert [one.id for one in found] == ["kept"]
    assert [one.get("id") for one in found[0].element.iter("resource_ref")] == ["d"]


def test_what_is_made_of_a_template_that_is_no_more_is_dropped():
    found = read(resources=(
        f'<template id="t" class="nagios" type="x"/><clone id="c"><primitive id="p" template="t"/></clone>{DUMMY}'
    ))

    assert [config.id for config in found.resources] == ["d"]


def test_options_that_mean_nothing_any_more_are_gone():
    (found,) = read(resources=(
        '<primitive id="d" class="ocf" provider="heartbeat" type="Dummy"><meta_attributes id="m">'
        '<nvpair id="n" name="restart-type" value="restart"/></meta_attributes></primitive>'
    )).resources

    assert "restart-type" not in found.meta
