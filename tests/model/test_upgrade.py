"""Upgrade: what older schemas allowed is still understood."""

from __future__ import annotations

from lxml import etree

from hashell.cib.document import Cib
from hashell.model.configuration import Configuration, read_configuration
from hashell.model.constraints import LocationConstraint
from hashell.model.upgrade import upgraded
from hashell.rules.evaluate import RuleInput, evaluate

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


def test_a_lifetime_limits_a_location():
    lifetime = (
        '<lifetime><rule id="r"><date_expression id="e" operation="lt" end="{}"/></rule></lifetime>'
    )

    for end, holds in (("2030-01-01", True), ("2020-01-01", False)):
        (found,) = read(
            constraints=f'<rsc_location id="l" rsc="d" node="n" score="7">{lifetime.format(end)}</rsc_location>'
        ).constraints
        assert isinstance(found, LocationConstraint)
        (rule,) = found.rules
        assert (found.node, rule.score) == (None, "7")
        assert rule.rule is not None
        assert evaluate(rule.rule, RuleInput(NOW_S, node_attributes={"#uname": "n"})).met is holds
        assert not evaluate(rule.rule, RuleInput(NOW_S, node_attributes={"#uname": "other"})).met


def test_options_that_mean_nothing_any_more_are_gone():
    (found,) = read(resources=(
        '<primitive id="d" class="ocf" provider="heartbeat" type="Dummy"><meta_attributes id="m">'
        '<nvpair id="n" name="restart-type" value="restart"/></meta_attributes></primitive>'
    )).resources

    assert "restart-type" not in found.meta
