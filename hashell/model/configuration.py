"""Configuration: everything below `configuration`, typed; and reading it.

Source: Pacemaker Explained; lib/pengine/status.c, cluster_status.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lxml import etree
from msgspec import Struct, field
from msgspec.structs import replace

from hashell.cib.document import Cib
from hashell.cib.versions import Version
from hashell.model.alerts import AlertConfig, read_alerts
from hashell.model.cluster_options import ClusterOptions, read_cluster_options
from hashell.model.constraint_reader import read_constraints
from hashell.model.constraints import Constraint
from hashell.model.fencing_topology import FencingLevel, read_fencing_levels
from hashell.model.guests import imply
from hashell.model.nodes import NodeConfig, NodeKind, NodeList, read_nodes
from hashell.model.nvpairs import Document
from hashell.model.operations import OperationReader
from hashell.model.resource_reader import ResourceReader
from hashell.model.resources import ResourceConfig, ResourceKind
from hashell.model.upgrade import upgraded
from hashell.values.booleans import is_true


class Configuration(Struct, frozen=True, eq=False):
    """What is configured, at one moment (`now_s`, seconds since 1970).

    `nodes` are sorted by name; `resources` are the top ones in the order of the document, implied connections of
    guests after the rest; `by_id` has every ResourceConfig. `constraints` are in the order of the document, all kinds
    mixed. `templates` are the resources made from each template, `tags` the ids under each tag. `operations` tells
    meta-attributes and parameters of actions. `reader` reads resources that only the history knows. `have_fencing`
    says that a fence device is configured (or a watchdog), `enable_unfencing` that some resource wants unfencing.
    `recheck_at` is the next moment at which a rule that was read can change, None for never. `problems` are
    complaints in Pacemaker's words. Reading the state adds to what `document` notes.
    """

    version: Version
    feature_set: str
    now_s: float
    options: ClusterOptions
    nodes: tuple[NodeConfig, ...]
    resources: tuple[ResourceConfig, ...]
    by_id: Mapping[str, ResourceConfig]
    document: Document
    operations: OperationReader
    reader: ResourceReader
    constraints: tuple[Constraint, ...] = ()
    templates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fencing_levels: tuple[FencingLevel, ...] = ()
    alerts: tuple[AlertConfig, ...] = ()
    has_quorum: bool = False
    have_fencing: bool = False
    enable_unfencing: bool = False
    dc_id: str | None = None
    recheck_at: int | None = None
    problems: tuple[str, ...] = ()

    @property
    def have_remote_nodes(self) -> bool:
        return any(node.kind is not NodeKind.CLUSTER for node in self.nodes)


def read_configuration(cib: Cib, now_s: float, utc_offset_s: int = 0) -> Configuration:
    """A CIB's configuration at a moment; `utc_offset_s` is the zone in which its times of day are meant (seconds
    east).

    What makes no sense is left out or replaced by its default, with a complaint; nothing raises.
    """
    root = upgraded(cib.root)
    document = Document(root, int(now_s), utc_offset_s)
    has_quorum = is_true(root.get("have-quorum"))
    options = read_cluster_options(document, has_quorum=has_quorum)
    dc_id = root.get("dc-uuid")
    nodes = read_nodes(document, options.cluster_name, dc_id)
    parent = root.find("configuration/resources")
    connections = imply(parent, nodes)
    reader = ResourceReader(
        document, options, _wants_unfencing(root),
        node_count=lambda: len(nodes.nodes), add_node=lambda node: _add_bundle_node(nodes, node),
    )
    resources = tuple(_read_resources(parent, connections, reader))
    by_id: dict[str, ResourceConfig] = {}
    for top in resources:
        for config in top.tree():
            by_id.setdefault(config.id, config)
    _link_connections(nodes, resources, by_id)
    have_fencing = reader.have_fencing or options.have_watchdog
    if options.fencing_enabled and not have_fencing:
        document.complain(
            "Resource start-up disabled since no fencing resources have been defined. Either "
            "configure some or disable fencing with the fencing-enabled option. NOTE: Clusters "
            "with shared data need fencing to ensure data integrity."
        )
    return Configuration(
        version=cib.version,
        feature_set=root.get("crm_feature_set", ""),
        now_s=now_s,
        options=options,
        nodes=tuple(nodes.nodes),
        resources=resources,
        by_id=by_id,
        document=document,
        operations=OperationReader(document),
        reader=reader,
        constraints=tuple(read_constraints(document)),
        templates=_templates(parent, reader),
        tags=_tags(document),
        fencing_levels=read_fencing_levels(document),
        alerts=read_alerts(document),
        has_quorum=has_quorum,
        have_fencing=have_fencing,
        enable_unfencing=reader.enable_unfencing,
        dc_id=dc_id,
        recheck_at=document.changes_at,
        problems=tuple(document.problems),
    )


def _read_resources(
    parent: etree._Element | None, connections: list[etree._Element], reader: ResourceReader
) -> Iterator[ResourceConfig]:
    elements = [] if parent is None else list(parent.iterchildren(etree.Element))
    for number, element in enumerate((*elements, *connections)):
        if element.tag == "template":
            continue
        if not element.get("id"):
            reader.document.complain(f"Ignoring <{element.tag}> resource without ID")
            continue
        config = reader.read(element, implied=number >= len(elements))
        if config is None:
            reader.document.complain(
                f"Ignoring <{element.tag}> resource '{element.get('id')}' because configuration "
                "is invalid"
            )
        else:
            yield config


def _wants_unfencing(root: etree._Element) -> bool:
    """Whether some resource or rsc_defaults says provides=unfencing or requires=unfencing."""
    for path in (
        "configuration/resources//meta_attributes/nvpair",
        "configuration/rsc_defaults/meta_attributes/nvpair",
    ):
        for pair in root.iterfind(path):
            if pair.get("value") == "unfencing" and pair.get("name") in ("provides", "requires"):
                return True
    return False


def _add_bundle_node(nodes: NodeList, node: NodeConfig) -> None:
    """Take a bundle's node up; one that has an entry of its own keeps attributes and score."""
    known = nodes.named(node.name)
    if known is None:
        nodes.add(replace(node, attributes={"#kind": "container"}))
        return
    nodes.replace(
        known,
        replace(
            known, kind=NodeKind.GUEST, remote=node.remote, container=node.container,
            bundle=node.bundle, attributes={**known.attributes, "#kind": "container"},
        ),
    )


def _link_connections(
    nodes: NodeList, resources: tuple[ResourceConfig, ...], by_id: Mapping[str, ResourceConfig]
) -> None:
    """Tell remote nodes from guests, now that all connections are known."""
    for config in resources:
        if config.kind is not ResourceKind.PRIMITIVE or not config.is_remote_connection:
            continue
        node = nodes.named(config.id)
        if node is None:
            continue
        container = config.container if config.container in by_id else None
        changed = replace(node, remote=config.id, container=container)
        if container is not None:
            changed = replace(
                changed, kind=NodeKind.GUEST,
                attributes={**node.attributes, "#kind": "container"},
            )
        nodes.replace(node, changed)


def _templates(
    parent: etree._Element | None, reader: ResourceReader
) -> dict[str, tuple[str, ...]]:
    found = {ident: tuple(users) for ident, users in reader.templates.items()}
    for template in () if parent is None else parent.iterchildren("template"):
        found.setdefault(template.get("id", ""), ())
    return found


def _tags(document: Document) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    parent = document.root.find("configuration/tags")
    for tag in () if parent is None else parent.iterchildren("tag"):
        ident = tag.get("id")
        if ident is None:
            document.complain("Ignoring <tag> without id")
            continue
        for reference in tag.iterchildren("obj_ref"):
            named = reference.get("id")
            if named is None:
                document.complain(f"Ignoring <obj_ref> for tag '{ident}' without id")
            elif named not in found.get(ident, ()):
                found[ident] = (*found.get(ident, ()), named)
    return found
