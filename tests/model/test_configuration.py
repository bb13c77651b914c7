"""Configuration: what the sections of a CIB come to."""

from __future__ import annotations

import pytest

from hashell.cib.document import Cib
from hashell.model.bundles import INSTANCES_MAX
from hashell.model.cluster_options import ClusterOptions, HealthStrategy, NoQuorumPolicy, PlacementStrategy
from hashell.model.configuration import Configuration, read_configuration
from hashell.model.constraints import ColocationConstraint, LocationConstraint, OrderConstraint, TicketConstraint
from hashell.model.nodes import NodeKind, name_key
from hashell.model.options.cluster import OPTIONS
from hashell.model.resources import MultipleActive, ResourceConfig, ResourceKind
from hashell.rules.expressions import Rule
from hashell.values.roles import Role
from hashell.values.scores import INFINITY

NOW_S = 1_704_067_200.0


def read(
    resources: str = "", *, options: str = "", nodes: str = "", constraints: str = "", more: str = "", cib: str = ""
) -> Configuration:
    pairs = "".join(
        f'<nvpair id="o-{i}" name="{pair.partition("=")[0]}" value="{pair.partition("=")[2]}"/>'
        for i, pair in enumerate(options.split())
    )
    text = (
        f'<cib {cib}><configuration><crm_config><cluster_property_set id="cib-bootstrap-options">{pairs}'
        f"</cluster_property_set></crm_config><nodes>{nodes}</nodes><resources>{resources}</resources>"
        f"<constraints>{constraints}</constraints>{more}</configuration><status/></cib>"
    )
    return read_configuration(Cib.parse(text.encode()), NOW_S)


def primitive(ident: str, inner: str = "", agent: str = 'class="ocf" provider="heartbeat" type="Dummy"') -> str:
    return f'<primitive id="{ident}" {agent}>{inner}</primitive>'


def meta(ident: str, **values: str) -> str:
    pairs = "".join(
        f'<nvpair id="{ident}-{name}" name="{name.replace("_", "-")}" value="{value}"/>'
        for name, value in values.items()
    )
    return f'<meta_attributes id="{ident}">{pairs}</meta_attributes>'


NODES = '<node id="1" uname="node10"/><node id="2" uname="Node9"/><node id="3" uname="node1"/>'


def only(configuration: Configuration) -> ResourceConfig:
    (resource,) = configuration.resources
    return resource


# Cluster options

def test_defaults_of_options_are_those_of_their_table():
    options = read().options

    for row in OPTIONS:
        field = {
            "pe-input-series-max": "pe_input_series_max", "dc-version": None, "cluster-infrastructure": None,
            "cluster-name": None, "cluster-ipc-limit": None, "load-threshold": "load_threshold_percent",
            "node-health-green": "health_green", "node-health-yellow": "health_yellow",
        }.get(row.name, row.name.replace("-", "_"))
        if field is None or row.name == "node-health-red":
            continue
        name = f"{field}_ms" if f"{field}_ms" in ClusterOptions.__slots__ else field
        assert getattr(options, name) == getattr(ClusterOptions(concurrent_fencing=True), name), row.name


def test_old_names_of_options_are_read_and_complained_of():
    found = read(options="stonith-enabled=false stonith-timeout=2min")

    assert not found.options.fencing_enabled
    assert found.options.fencing_timeout_ms == 120_000
    assert any("stonith-enabled" in problem for problem in found.problems)


def test_an_invalid_option_counts_as_unset():
    found = read(options="symmetric-cluster=perhaps no-quorum-policy=panic cluster-delay=soon")

    assert found.options.symmetric_cluster
    assert found.options.no_quorum_policy is NoQuorumPolicy.STOP
    assert found.options.cluster_delay_ms == 60_000
    assert sum("Using default value for cluster option" in problem for problem in found.problems) == 3


@pytest.mark.parametrize(
    ("options", "cib", "policy"),
    [
        ("no-quorum-policy=fence", "", NoQuorumPolicy.STOP),
        ("no-quorum-policy=suicide", 'have-quorum="1"', NoQuorumPolicy.FENCE),
        ("no-quorum-policy=fence", 'no-quorum-panic="1"', NoQuorumPolicy.FENCE),
        ("no-quorum-policy=fence fencing-enabled=false", 'have-quorum="1"', NoQuorumPolicy.STOP),
        ("no-quorum-policy=FREEZE", "", NoQuorumPolicy.FREEZE),
    ],
)
def test_a_cluster_that_never_had_quorum_does_not_fence_itself(options, cib, policy):
    assert read(options=options, cib=cib).options.no_quorum_policy is policy


def test_health_colours_are_worth_what_the_strategy_says():
    assert read(options="node-health-strategy=only-green").options.health_yellow == -INFINITY
    progressive = read(options="node-health-strategy=progressive node-health-yellow=-5").options
    assert (progressive.health_green, progressive.health_yellow, progressive.health_red) == (0, -5, -INFINITY)
    assert read(options="node-health-yellow=-5").options.health_yellow == 0
    assert progressive.node_health_strategy is HealthStrategy.PROGRESSIVE


def test_options_are_typed():
    options = read(
        options="placement-strategy=balanced batch-limit=7 load-threshold=70% shutdown-lock-limit=5min"
    ).options

    assert options.placement_strategy is PlacementStrategy.BALANCED
    assert (options.batch_limit, options.load_threshold_percent) == (7, 70)
    assert options.shutdown_lock_limit_ms == 0  # only with shutdown-lock


# Nodes

def test_nodes_are_sorted_by_name_with_numbers_as_numbers():
    assert [node.name for node in read(nodes=NODES).nodes] == ["node1", "Node9", "node10"]
    assert name_key("node007") > name_key("node7")


def test_a_node_has_its_attributes_and_those_that_every_node_has():
    inner = '<instance_attributes id="i"><nvpair id="p" name="site-name" value="here"/></instance_attributes>'
    element = f'<node id="1" uname="a" score="5">{inner}</node>'
    (node,) = read(nodes=element, options="cluster-name=c", cib='dc-uuid="1"').nodes

    assert node.score == 5
    assert node.attributes == {
        "#kind": "cluster", "#uname": "a", "#id": "1", "#is_dc": "true", "#cluster-name": "c", "site-name": "here",
        "#site-name": "here",
    }


def test_a_remote_connection_makes_a_node():
    found = read(primitive("far", agent='class="ocf" provider="pacemaker" type="remote"'))

    (node,) = found.nodes
    assert (node.id, node.kind, node.remote, node.implied) == ("far", NodeKind.REMOTE, "far", True)
    assert only(found).migratable
    assert only(found).requires_quorum


def test_a_guest_makes_a_node_and_a_connection():
    found = read(primitive("vm", meta("m", remote_node="guest", remote_port="99", remote_connect_timeout="9s")))

    (node,) = found.nodes
    assert (node.name, node.kind, node.container) == ("guest", NodeKind.GUEST, "vm")
    connection = found.by_id["guest"]
    assert connection.implied
    assert connection.container == "vm"
    assert connection.parameters() == {"port": "99"}
    assert [(op.name, op.interval_ms, op.timeout_text) for op in connection.operations] == [
        ("monitor", 30_000, "30s"), ("start", 0, "9s"),
    ]


def test_a_connection_that_is_gone_leaves_its_node_entry_alone():
    (node,) = read(nodes='<node id="far" uname="far" type="remote"/>').nodes

    assert node.kind is NodeKind.REMOTE
    assert node.remote is None


# Resources

def test_meta_attributes_come_from_own_sets_then_parents_then_defaults():
    found = read(
        f'<group id="g">{meta("gm", priority="3", target_role="Stopped", resource_stickiness="4")}'
        f'{primitive("a", meta("am", priority="2"))}</group>',
        more='<rsc_defaults><meta_attributes id="d"><nvpair id="d1" name="priority" value="9"/>'
        '<nvpair id="d2" name="migration-threshold" value="7"/></meta_attributes></rsc_defaults>',
    )

    member = found.by_id["a"]
    assert (member.priority, member.stickiness, member.migration_threshold) == (2, 4, 7)
    assert member.target_role is Role.STOPPED
    assert found.by_id["g"].priority == 3


def test_defaults_can_be_for_some_agents_only():
    found = read(
        primitive("a") + primitive("b", agent='class="systemd" type="x"'),
        more='<rsc_defaults><meta_attributes id="d"><rule id="r"><rsc_expression id="e" class="systemd"/></rule>'
        '<nvpair id="d1" name="priority" value="9"/></meta_attributes></rsc_defaults>',
    )

    assert (found.by_id["a"].priority, found.by_id["b"].priority) == (0, 9)


def test_a_template_is_merged_and_overridden():
    found = read(
        '<template id="t" class="ocf" provider="heartbeat" type="Dummy"><instance_attributes id="ti">'
        '<nvpair id="t1" name="x" value="template"/><nvpair id="t2" name="y" value="template"/></instance_attributes>'
        '<operations><op id="o1" name="monitor" interval="10s"/><op id="o2" name="stop" interval="0" timeout="5s"/>'
        '</operations></template><primitive id="a" template="t"><instance_attributes id="ai">'
        '<nvpair id="a1" name="x" value="own"/></instance_attributes>'
        '<operations><op id="o3" name="monitor" interval="20s"/></operations></primitive>'
    )

    resource = only(found)
    assert resource.agent == "ocf:heartbeat:Dummy"
    assert resource.parameters() == {"x": "own", "y": "template"}
    assert [(op.name, op.interval_ms) for op in resource.operations] == [("monitor", 20_000), ("stop", 0)]
    assert found.templates == {"t": ("a",)}


def test_a_template_that_is_missing_costs_the_resource():
    found = read('<primitive id="a" template="gone"/><template id="unused"/>')

    assert found.resources == ()
    assert found.templates == {"unused": ()}
    assert "No template named 'gone'" in found.problems


@pytest.mark.parametrize(
    ("requires", "options", "expected"),
    [
        ("", "", (False, True, False)),
        ("", "fencing-enabled=false", (True, False, False)),
        ("", "fencing-enabled=false no-quorum-policy=ignore", (False, False, False)),
        ("nothing", "", (False, False, False)),
        ("unfencing", "", (False, True, True)),
        ("unfencing", "fencing-enabled=false", (True, False, False)),
        ("luck", "fencing-enabled=false", (True, False, False)),
    ],
)
def test_what_a_start_requires_depends_on_fencing(requires, options, expected):
    resource = only(read(primitive("a", meta("m", requires=requires) if requires else ""), options=options))

    assert (resource.requires_quorum, resource.requires_fencing, resource.requires_unfencing) == expected


def test_maintenance_beats_management():
    resource = only(read(primitive("a", meta("m", is_managed="true", maintenance="true"))))
    assert (resource.managed, resource.maintenance) == (False, True)

    resource = only(read(primitive("a", meta("m", is_managed="true")), options="maintenance-mode=true"))
    assert (resource.managed, resource.maintenance) == (False, True)


@pytest.mark.parametrize(
    ("value", "role"), [("Stopped", Role.STOPPED), ("started", None), ("Promoted", None), ("Slave", None), ("x", None)]
)
def test_a_target_role_restricts_what_is_no_promotable_clone_only_to_stopped(value, role):
    assert only(read(primitive("a", meta("m", target_role=value)))).target_role is role


def test_odd_values_of_meta_attributes_become_defaults():
    resource = only(read(primitive("a", meta("m", multiple_active="x", migration_threshold="-3", failure_timeout="x"))))

    assert resource.multiple_active is MultipleActive.STOP_START
    assert resource.migration_threshold == INFINITY
    assert resource.failure_timeout_ms == 0


def test_a_clone_counts_the_nodes_and_is_a_little_sticky():
    clone = only(read(f'<clone id="c">{primitive("a")}</clone>', nodes=NODES))

    assert clone.clone is not None
    assert (clone.clone.clone_max, clone.clone.clone_node_max, clone.unique) == (3, 1, False)
    assert clone.stickiness == 0
    assert clone.children[0].stickiness == 1
    assert clone.children[0].meta["globally-unique"] == "false"


def test_more_than_one_instance_a_node_makes_a_clone_unique():
    clone = only(read(f'<clone id="c">{meta("m", clone_node_max="2")}{primitive("a")}</clone>', nodes=NODES))

    assert clone.unique
    assert clone.children[0].unique


def test_agents_that_cannot_tell_instances_apart_make_a_clone_anonymous():
    service = primitive("a", agent='class="systemd" type="x"')
    options = meta("m", globally_unique="true", clone_max="9")
    clone = only(read(f'<clone id="c">{options}{service}</clone>', nodes=NODES))

    assert clone.clone is not None
    assert (clone.unique, clone.children[0].unique, clone.clone.clone_max) == (False, False, 3)


def test_agents_that_cannot_be_promoted_cost_a_promotable_clone():
    service = primitive("a", agent='class="systemd" type="x"')

    assert read(f'<clone id="c">{meta("m", promotable="true")}{service}</clone>').resources == ()


def test_a_promotable_clone_has_one_promoted_instance_unless_it_says_more():
    clone = only(read(f'<clone id="c">{meta("m", promotable="true", master_max="2")}{primitive("a")}</clone>'))

    assert clone.clone is not None
    assert (clone.promotable, clone.clone.promoted_max, clone.clone.promoted_node_max) == (True, 2, 1)
    assert clone.children[0].promotable


def test_empty_groups_and_clones_are_left_out():
    found = read('<group id="g"/><clone id="c"/><thing id="t"/><primitive class="ocf"/>')

    assert found.resources == ()
    assert len([problem for problem in found.problems if problem.startswith("Ignoring <")]) == 4


BUNDLE = (
    '<bundle id="b"><podman image="img" replicas="2" {podman}/><network ip-range-start="10.0.0.253" {network}>'
    '<port-mapping id="p" port="80"/></network>'
    '<storage><storage-mapping id="s" source-dir-root="/data" target-dir="/d"/>'
    "</storage>{inner}</bundle>"
)


def test_a_bundle_stands_for_containers_addresses_connections_and_a_clone():
    found = read(BUNDLE.format(podman="", network="", inner=primitive("web")), nodes=NODES)

    bundle = only(found)
    assert [child.id for child in bundle.children] == [
        "b-podman-0", "b-ip-10.0.0.253", "b-0", "b-podman-1", "b-ip-10.0.0.254", "b-1", "b-clone",
    ]
    assert bundle.kind is ResourceKind.BUNDLE
    assert bundle.bundle is not None
    assert bundle.bundle.replicas[1].node_id == "b-1"
    assert [(node.id, node.score) for node in found.nodes if node.bundle] == [("b-0", -INFINITY), ("b-1", -INFINITY)]
    assert found.by_id["b-podman-0"].parameters()["run_opts"] == (
        " -h b-0 -e PCMK_stderr=1 -e PCMK_remote_port=3121 -v /data/b-0:/d"
        " -v /etc/pacemaker/authkey:/etc/pacemaker/authkey -v /var/log/pacemaker/bundles/b-0:/var/log"
        " -p 10.0.0.253:80:80 -p 10.0.0.253:3121:3121  --add-host=b-0:10.0.0.253 --add-host=b-1:10.0.0.254"
    )
    assert found.by_id["b-0"].parameters() == {"addr": "10.0.0.253", "port": "3121"}
    assert found.by_id["b-0"].container == "b-podman-0"


def test_a_bundle_without_a_primitive_is_only_containers_and_addresses():
    bundle = only(read(BUNDLE.format(podman="", network="", inner="")))

    assert [child.id for child in bundle.children] == [
        "b-podman-0", "b-ip-10.0.0.253", "b-podman-1", "b-ip-10.0.0.254",
    ]
    assert "run_cmd" not in bundle.children[0].parameters()


def test_a_promotable_bundle_keeps_the_old_name_of_its_clone():
    bundle = only(read(BUNDLE.format(podman='promoted-max="1"', network="", inner=primitive("web"))))

    assert bundle.children[-1].id == "b-master"
    assert bundle.children[-1].promotable


def test_a_bundle_that_nobody_could_reach_is_left_out():
    assert read(f'<bundle id="b"><docker image="i"/>{primitive("web")}</bundle>').resources == ()


def test_the_utilization_of_what_is_inside_is_that_of_its_container():
    inner = primitive("web", '<utilization id="u"><nvpair id="u1" name="cpu" value="2"/></utilization>')
    found = read(BUNDLE.format(podman="", network="", inner=inner))

    assert found.by_id["b-podman-0"].utilization == {"cpu": "2"}
    assert found.by_id["web"].utilization == {}


def test_an_absurd_number_of_instances_is_limited():
    clone = only(read(f'<clone id="c">{meta("m", clone_max="2000000000")}{primitive("a")}</clone>'))

    assert clone.clone is not None
    assert clone.clone.clone_max == INSTANCES_MAX
    assert 128 <= INSTANCES_MAX <= 1_000


# Constraints, tags, fencing levels, alerts

def test_constraints_keep_their_order_and_their_sets():
    found = read(constraints=(
        '<rsc_order id="o" first="a" then="b" kind="Optional" symmetrical="false"/>'
        '<rsc_location id="l" rsc="a"><rule id="r" score="5"><expression id="e" attribute="#uname" operation="eq"'
        ' value="n"/></rule></rsc_location>'
        '<rsc_colocation id="c" score="INFINITY"><resource_set id="s" sequential="false"><resource_ref id="a"/>'
        '<resource_ref id="b"/></resource_set></rsc_colocation>'
        '<rsc_ticket id="t" rsc="a" ticket="T" loss-policy="fence"/>'
    ))

    order, location, colocation, ticket = found.constraints
    assert isinstance(order, OrderConstraint)
    assert (order.first, order.kind, order.symmetrical) == ("a", "Optional", False)
    assert isinstance(location, LocationConstraint)
    assert location.rules[0].score == "5"
    assert isinstance(location.rules[0].rule, Rule)
    assert isinstance(colocation, ColocationConstraint)
    assert colocation.sets[0].references == ("a", "b")
    assert colocation.sets[0].sequential is False
    assert isinstance(ticket, TicketConstraint)
    assert ticket.loss_policy == "fence"


def test_tags_levels_and_alerts_are_read():
    found = read(more=(
        '<tags><tag id="t"><obj_ref id="a"/><obj_ref id="b"/><obj_ref id="a"/></tag></tags>'
        '<fencing-topology><fencing-level id="f" target="n" index="1" devices="d1, d2"/>'
        '<fencing-level id="x" target="n" index="99" devices="d"/></fencing-topology>'
        '<alerts><alert id="al" path="/x"><meta_attributes id="m"><nvpair id="m1" name="timeout" value="5s"/>'
        '</meta_attributes><select><select_attributes><attribute id="at" name="pingd"/></select_attributes></select>'
        '<recipient id="r" value="me"/></alert></alerts>'
    ))

    assert found.tags == {"t": ("a", "b")}
    assert [(level.index, level.devices) for level in found.fencing_levels] == [(1, ("d1", "d2"))]
    (alert,) = found.alerts
    assert (alert.kinds, alert.attributes) == (frozenset({"attributes"}), ("pingd",))
    assert (alert.recipients[0].value, alert.recipients[0].timeout_ms) == ("me", 5_000)


def test_fencing_without_a_device_is_complained_of():
    assert not read().have_fencing
    assert any(problem.startswith("Resource start-up disabled") for problem in read().problems)
    assert read(primitive("f", agent='class="stonith" type="fence_xvm"')).have_fencing


def test_a_configuration_with_nothing_in_it_is_read():
    found = read_configuration(Cib.empty(), NOW_S)

    assert (found.nodes, found.resources, found.constraints) == ((), (), ())
