"""Upgrade 2: words of schemas before 3.0."""

from __future__ import annotations

from lxml import etree

from hashell.model.upgrade import upgraded


def upgrade(options="", resources="", more="", schema="pacemaker-2.10"):
    return upgraded(etree.fromstring(
        f'<cib validate-with="{schema}"><configuration><crm_config><cluster_property_set id="o">{options}'
        f'</cluster_property_set></crm_config><nodes><node id="1" uname="a" type="normal"/></nodes>'
        f"<resources>{resources}</resources><constraints/>{more}</configuration><status/></cib>"
    ))


def pair(name, value):
    return f'<nvpair id="{name}-{value}" name="{name}" value="{value}"/>'


def pairs(root, path):
    return [(one.get("name"), one.get("value")) for one in root.iterfind(f"configuration/{path}//nvpair")]


def test_old_spellings_of_options_are_renamed_and_those_without_meaning_dropped():
    root = upgrade(pair("no_quorum_policy", "ignore") + pair("cluster-infrastructure", "cman")
                   + pair("expected-quorum-votes", "3") + pair("transition_idle_timeout", "9s"))
    assert pairs(root, "crm_config") == [("no-quorum-policy", "ignore"), ("cluster-delay", "9s")]


def test_default_options_become_defaults_where_none_are_set():
    defaults = f'<rsc_defaults><meta_attributes id="d">{pair("is-managed", "true")}</meta_attributes></rsc_defaults>'
    root = upgrade(pair("default-resource-stickiness", "7") + pair("is_managed_default", "false")
                   + pair("default-action-timeout", "44s"), more=defaults)
    assert pairs(root, "crm_config") == []
    assert pairs(root, "rsc_defaults") == [("is-managed", "true"), ("resource-stickiness", "7")]
    assert pairs(root, "op_defaults") == [("timeout", "44s")]


def test_a_failure_stickiness_is_a_threshold_of_one_or_nothing():
    def meta(value):
        return (
            '<primitive id="p" class="ocf" provider="heartbeat" type="Dummy"><meta_attributes id="m">'
            f'{pair("resource_failure_stickiness", value)}</meta_attributes></primitive>'
        )
    assert pairs(upgrade(resources=meta("-INFINITY")), "resources") == [("migration-threshold", "1")]
    assert pairs(upgrade(resources=meta("-5")), "resources") == []


def test_what_a_start_requires_its_resource_requires():
    root = upgrade(resources=(
        '<primitive id="p" class="ocf" provider="heartbeat" type="Dummy"><operations>'
        '<op id="s" name="start" interval="0" requires="nothing"/>'
        '<op id="m" name="monitor" interval="9s" requires="quorum"/></operations></primitive>'
    ))
    assert pairs(root, "resources") == [("requires", "nothing")]
    assert [one.get("requires") for one in root.iter("op")] == [None, None]


def test_meta_attributes_among_the_instance_attributes_of_an_operation_move():
    root = upgrade(resources=(
        '<primitive id="p" class="ocf" provider="heartbeat" type="Dummy"><operations><op id="m" name="monitor" '
        f'interval="9s"><instance_attributes id="i">{pair("timeout", "7s")}{pair("depth", "1")}'
        "</instance_attributes></op></operations></primitive>"
    ))
    operation = root.find(".//op")
    assert [one.get("name") for one in operation.iterfind("meta_attributes/nvpair")] == ["timeout"]
    assert [one.get("name") for one in operation.iterfind("instance_attributes/nvpair")] == ["depth"]


def test_words_of_a_fence_device_and_of_a_node_are_renamed():
    root = upgrade(resources=(
        '<primitive id="f" class="stonith" type="x"><instance_attributes id="i">'
        f'{pair("pcmk_off_cmd", "shut")}{pair("pcmk_arg_map", "port:plug")}</instance_attributes></primitive>'
    ))
    assert pairs(root, "resources") == [("pcmk_off_action", "shut"), ("pcmk_host_argument", "plug")]
    assert root.find(".//node").get("type") == "member"


def test_later_schemas_do_not_know_these_words():
    options = pair("default-resource-stickiness", "7")
    assert pairs(upgrade(options, schema="pacemaker-3.0"), "crm_config") == [("default-resource-stickiness", "7")]
