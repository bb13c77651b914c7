"""Reading resources: XML elements → the tree of `ResourceConfig`, with all that is inherited.

The order of reading is Pacemaker's, since it decides: how many nodes there are when a clone counts them (bundles read
before it have added theirs), and which of two equal ids counts.

Source: lib/pengine/complex.c, group.c, clone.c, bundle.c, native.c.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lxml import etree
from msgspec import Struct, field
from msgspec.structs import replace

from hashell.model import bundles
from hashell.model.cluster_options import ClusterOptions, NoQuorumPolicy
from hashell.model.nodes import NodeConfig, NodeKind
from hashell.model.nvpairs import Document, ParameterSource
from hashell.model.operations import read_operations
from hashell.model.options.resource import CAN_BE_PROMOTED, CAN_BE_UNIQUE
from hashell.model.resources import (
    BundleConfig,
    BundleReplica,
    CloneOptions,
    Forced,
    MultipleActive,
    ResourceConfig,
    ResourceKind,
)
from hashell.model.templates import expand
from hashell.rules.evaluate import RuleInput
from hashell.values.booleans import is_true
from hashell.values.integers import leading_integer
from hashell.values.intervals import interval_ms
from hashell.values.roles import Role
from hashell.values.scores import INFINITY, parse_score


class _Parent(Struct):
    """What a resource inherits from the one that holds it.

    `fixed` are the values that the parents themselves set, the nearest first; `meta` the parent's whole table;
    `clone` and `promotable` say what stands at the top of the tree, below a bundle. `tag` is the kind of the parent.
    """

    meta: Mapping[str, str]
    elements: tuple[etree._Element, ...]
    parameters: ParameterSource
    in_clone: bool
    promotable: bool
    kind: ResourceKind


class ResourceReader(Struct):
    """Reads resources one after another; keeps what later ones depend on.

    `node_count` is the number of nodes so far; `add_node` is told of each node that a bundle brings.
    """

    document: Document
    options: ClusterOptions
    enable_unfencing: bool
    node_count: Callable[[], int]
    add_node: Callable[[NodeConfig], None]
    ids: set[str] = field(default_factory=set)
    templates: dict[str, list[str]] = field(default_factory=dict)
    have_fencing: bool = False

    def read(
        self, element: etree._Element, *, implied: bool = False
    ) -> ResourceConfig | None:
        """A top resource; None (and a complaint) where it makes no sense."""
        config = self._read(element, None, implied)
        if config is not None:
            self.ids.update(found.id for found in config.tree())
        return config

    def _read(
        self, source: etree._Element, parent: _Parent | None, implied: bool = False
    ) -> ResourceConfig | None:
        ident = source.get("id")
        if ident is None:
            self.document.complain(f"Ignoring <{source.tag}> configuration without id")
            return None
        element = expand(source, self.document)
        if element is None:
            return None
        try:
            kind = ResourceKind(str(element.tag))
        except ValueError:
            self.document.complain(f"Ignoring resource '{ident}' of unknown type '{element.tag}'")
            return None
        config = self._common(ident, kind, element, parent, implied)
        complete = {
            ResourceKind.PRIMITIVE: self._primitive,
            ResourceKind.GROUP: self._group,
            ResourceKind.CLONE: self._clone,
            ResourceKind.BUNDLE: self._bundle,
        }[kind]
        finished = complete(config, parent)
        if finished is None:
            return None
        if element is not source:
            users = self.templates.setdefault(source.get("template", ""), [])
            if ident not in users:
                users.append(ident)
        return finished

    # What all kinds share

    def _common(
        self, ident: str, kind: ResourceKind, element: etree._Element, parent: _Parent | None,
        implied: bool,
    ) -> ResourceConfig:
        document, options = self.document, self.options
        meta = self._meta(element, parent)
        top_is_clone = kind is ResourceKind.CLONE or (parent is not None and parent.in_clone)
        standard = element.get("class", "")
        fence_device = standard.lower() == "stonith"
        if fence_device:
            self.have_fencing = True
        remote = is_remote_connection(element)
        parameters = ParameterSource(document, (document.sets(element, "instance_attributes"),))
        if parent is not None:
            parameters = parent.parameters.below(document.sets(element, "instance_attributes"))

        managed, maintenance = not options.maintenance_mode, False
        if (value := meta.get("is-managed")) is not None and value.lower() != "default":
            managed = is_true(value)
        if is_true(meta.get("maintenance")) or options.maintenance_mode:
            managed, maintenance = False, True

        migratable = is_true(meta.get("allow-migrate"))
        remote_node = remote and "container" not in meta
        if "allow-migrate" not in meta and remote_node:
            migratable = True
        failure_timeout = interval_ms(meta.get("failure-timeout"))
        reconnect = 0
        if remote_node and (text := parameters.values(None).get("reconnect_interval")) is not None:
            failure_timeout = reconnect = interval_ms(text)
        promotable = top_is_clone and is_true(meta.get("promotable"))
        at_top = parent is None or parent.kind is ResourceKind.BUNDLE
        quorum, fencing, unfencing = self._requires(
            ident, meta.get("requires"), fence_device=fence_device,
            remote=kind is ResourceKind.PRIMITIVE and remote,
        )
        return ResourceConfig(
            id=ident, kind=kind, element=element, standard=standard,
            provider=element.get("provider", ""), type=element.get("type", ""),
            template=element.get("template", ""),
            meta=meta,
            utilization=document.values(element, "utilization", document.known()),
            parameter_source=parameters,
            operations=read_operations(element, document),
            priority=parse_score(meta.get("priority")),
            stickiness=self._stickiness(meta),
            migration_threshold=self._threshold(ident, meta),
            failure_timeout_ms=failure_timeout,
            remote_reconnect_ms=reconnect,
            multiple_active=self._multiple_active(meta),
            target_role=self._target_role(
                ident, meta, promotable=promotable if at_top else _promotable(parent)
            ),
            managed=managed, maintenance=maintenance,
            critical="critical" not in meta or is_true(meta["critical"]),
            notify=is_true(meta.get("notify")),
            unique=_detect_unique(meta) if top_is_clone else True,
            promotable=promotable,
            migratable=migratable,
            fence_device=fence_device,
            is_remote_connection=remote,
            requires_quorum=quorum, requires_fencing=fencing, requires_unfencing=unfencing,
            container=meta.get("container") if meta.get("container") != ident else None,
            implied=implied,
        )

    def _meta(self, element: etree._Element, parent: _Parent | None) -> dict[str, str]:
        """Attributes of the element, then own sets, sets of the parents, rsc_defaults, and all that the parent has."""
        document = self.document
        meta = {
            str(name): str(value) for name, value in element.attrib.items()
            if value and value.lower() != "#default"
        }
        known = RuleInput(
            document.now_s, document.offset_s, standard=element.get("class"),
            provider=element.get("provider"), type=element.get("type"),
        )
        document.unpack(document.sets(element, "meta_attributes"), known, meta)
        if parent is not None:
            fixed: dict[str, str] = {}
            for ancestor in parent.elements:
                document.unpack(document.sets(ancestor, "meta_attributes"), known, fixed)
            _add_missing(meta, fixed)
        defaults = document.root.find("configuration/rsc_defaults")
        document.unpack(document.sets(defaults, "meta_attributes"), known, meta)
        if parent is not None:
            _add_missing(meta, parent.meta)
        return meta

    def _requires(
        self, ident: str, value: str | None, *, fence_device: bool, remote: bool
    ) -> tuple[bool, bool, bool]:
        """Quorum, fencing, unfencing: which of them a start needs."""
        options = self.options
        word = None if value is None else value.lower()
        if word not in ("nothing", "quorum", "fencing", "unfencing"):
            if fence_device or remote:
                word = "quorum"
            elif self.enable_unfencing:
                word = "unfencing"
            elif options.fencing_enabled:
                word = "fencing"
            elif options.no_quorum_policy is NoQuorumPolicy.IGNORE:
                word = "nothing"
            else:
                word = "quorum"
            if value is not None:
                self.document.complain(
                    f"Resetting 'requires' for {ident} to '{word}' because '{value}' is not valid"
                )
        if word == "fencing" and not options.fencing_enabled:
            self.document.complain(f"{ident} requires fencing but fencing is disabled")
        if word == "unfencing" and (fence_device or not options.fencing_enabled):
            why = (
                "fencing devices cannot require unfencing" if fence_device
                else "fencing is disabled"
            )
            self.document.complain(
                f'Resetting "requires" for {ident} to "quorum" because {why}'
            )
            word = "quorum"
        return word == "quorum", word in ("fencing", "unfencing"), word == "unfencing"

    def _stickiness(self, meta: Mapping[str, str]) -> int:
        value = meta.get("resource-stickiness")
        return 0 if value is None or value.lower() == "default" else parse_score(value)

    def _threshold(self, ident: str, meta: Mapping[str, str]) -> int:
        value = meta.get("migration-threshold")
        if value is None or value.lower() == "default":
            return INFINITY
        threshold = parse_score(value, default=-1)
        if threshold >= 0:
            return threshold
        self.document.complain(
            f"Using default (INFINITY) for resource {ident} meta-attribute migration-threshold "
            f"because '{value}' is not a valid value"
        )
        return INFINITY

    def _multiple_active(self, meta: Mapping[str, str]) -> MultipleActive:
        value = meta.get("multiple-active")
        if value is None:
            return MultipleActive.STOP_START
        try:
            return MultipleActive(value.lower())
        except ValueError:
            self.document.complain(
                f"{value} is not a valid value for multiple-active, using default of "
                '"stop_start"'
            )
            return MultipleActive.STOP_START

    def _target_role(
        self, ident: str, meta: Mapping[str, str], *, promotable: bool
    ) -> Role | None:
        """The role that target-role restricts the resource to, if it does."""
        value = meta.get("target-role")
        if value is None or value.lower() in ("started", "default"):
            return None
        role = Role.find(value)
        if role is None or role is Role.UNKNOWN:
            self.document.complain(
                f"Ignoring 'target-role' for {ident} because '{value}' is not valid"
            )
            return None
        if role in (Role.UNPROMOTED, Role.PROMOTED):
            if not promotable:
                self.document.complain(
                    f"Ignoring 'target-role' for {ident} because '{value}' only makes sense for "
                    "promotable clones"
                )
                return None
            if role is Role.PROMOTED:
                return None
        return role

    # The four kinds

    def _primitive(
        self, config: ResourceConfig, parent: _Parent | None
    ) -> ResourceConfig | None:
        if (
            parent is not None and parent.promotable
            and config.standard.lower() not in CAN_BE_PROMOTED
        ):
            self.document.complain(
                f"Resource {config.id} is of type {config.standard} and therefore cannot be used "
                "as a promotable clone resource"
            )
            return None
        return config

    def _group(self, config: ResourceConfig, parent: _Parent | None) -> ResourceConfig | None:
        below = self._as_parent(config, parent)
        members = tuple(
            member for child in config.element.iterchildren("primitive")
            if (member := self._read(child, below)) is not None
        )
        if not members:
            self.document.complain(f"Group {config.id} has no members")
            return None
        return replace(
            config, children=members,
            group_ordered=_not_false(config.meta.get("ordered")),
            group_colocated=_not_false(config.meta.get("collocated")),
        )

    def _clone(self, config: ResourceConfig, parent: _Parent | None) -> ResourceConfig | None:
        meta = dict(config.meta)
        node_max = _number(meta.get("clone-node-max"), 1)
        clone_max = _number(meta.get("clone-max"), max(1, self.node_count()))
        if clone_max > bundles.INSTANCES_MAX:
            self.document.complain(f"Limiting {config.id} to {bundles.INSTANCES_MAX} instances")
            clone_max = bundles.INSTANCES_MAX
        if not config.unique and node_max > 1:
            self.document.complain(
                f"Ignoring clone-node-max of {node_max} for {config.id} because anonymous clones "
                "support only one instance per node"
            )
            node_max = 1
        source = next(
            (child for child in config.element if child.tag in ("primitive", "group")), None
        )
        if source is None:
            self.document.complain(f"{config.id} has nothing to clone")
            return None
        meta.setdefault("resource-stickiness", "1")
        configured = "globally-unique" in meta
        meta["globally-unique"] = "true" if config.unique else "false"
        config = replace(config, meta=meta)
        forced = Forced.NO

        unfit = self._unfit_for_unique(source)
        if config.unique and unfit is not None:
            self.document.complain(
                f"Ignoring globally-unique for {config.id} because {unfit[1]} resources such as "
                f"{unfit[0]} can be used only as anonymous clones"
            )
            node_max, clone_max = 1, min(clone_max, self.node_count())
            forced = Forced.LAST_KEEPS if configured else Forced.FIRST_KEEPS
        child = self._read(source, self._as_parent(config, parent))
        if child is None:
            return None
        if forced is not Forced.NO:
            meta = {**meta, "globally-unique": "false"}
            config = replace(config, unique=False, meta=meta)
            child = _anonymous_where_unfit(child)
        elif unfit is not None and child.unique:
            child = _anonymous(child)
        promoted = config.promotable
        return replace(
            config,
            children=(child,),
            clone=CloneOptions(
                clone_max=clone_max, clone_node_max=node_max,
                promoted_max=_number(
                    meta.get("promoted-max", meta.get("master-max")), 1
                ) if promoted else 0,
                promoted_node_max=_number(
                    meta.get("promoted-node-max", meta.get("master-node-max")), 1
                ) if promoted else 0,
                ordered=is_true(meta.get("ordered")),
                interleave=is_true(meta.get("interleave")), forced_anonymous=forced,
            ),
        )

    def _unfit_for_unique(self, source: etree._Element) -> tuple[str, str] | None:
        """Id and standard of the first primitive whose agent cannot tell instances apart."""
        found = [source] if source.tag == "primitive" else source.iterchildren("primitive")
        for primitive in found:
            element = expand(primitive, self.document)
            standard = "" if element is None else element.get("class", "")
            if standard.lower() not in CAN_BE_UNIQUE:
                return primitive.get("id", ""), standard
        return None

    def _bundle(self, config: ResourceConfig, parent: _Parent | None) -> ResourceConfig | None:
        spec = bundles.read_bundle(config.element, self.document)
        if spec is None:
            return None
        if not spec.unique:
            config = replace(config, unique=False)
        below = self._as_parent(config, parent)
        instances = None
        if spec.primitive is not None:
            instances = self._read(bundles.instances_xml(spec), below, implied=True)
            if instances is None:
                return None
            target = instances.children[0].meta.get("container-attribute-target")
            if instances.children[0].notify:
                instances = replace(instances, notify=True)
            if target is not None:
                config = replace(config, meta={**config.meta, "container-attribute-target": target})
                below = self._as_parent(config, parent)

        addresses = spec.addresses()
        hosts = bundles.hosts_option(spec, addresses)
        replicas = []
        for offset, address in enumerate(addresses):
            replica = self._replica(spec, offset, address, hosts, below, instances)
            if replica is None:
                self.document.complain(f"Failed unpacking resource {config.id}")
                return None
            replicas.append(replica)
        children: list[ResourceConfig] = []
        for replica in replicas:
            children.extend(
                part for part in (replica.container, replica.ip, replica.remote)
                if part is not None
            )
        if instances is not None:
            inner = replace(instances.children[0], utilization={})
            instances = replace(instances, children=(inner,))
            children.append(instances)
        return replace(
            config, children=tuple(children),
            bundle=BundleConfig(
                agent=spec.agent, image=spec.image, replicas=tuple(replicas),
                replicas_per_host=spec.replicas_per_host, promoted_max=spec.promoted_max,
                network=spec.network or "", instances=instances,
            ),
        )

    def _replica(
        self, spec: bundles.BundleSpec, offset: int, address: str | None, hosts: str,
        below: _Parent, instances: ResourceConfig | None,
    ) -> BundleReplica | None:
        container = self._read(
            bundles.container_xml(spec, offset, address, hosts, controlled=instances is not None),
            below, implied=True,
        )
        if container is None:
            return None
        if instances is not None:
            # What the primitive would use up is used up by its container.
            container = replace(container, utilization=instances.children[0].utilization)
        ip = None
        if spec.address_start is not None:
            ip = self._read(
                bundles.address_xml(spec, offset, address or "(null)"), below, implied=True
            )
            if ip is None:
                return None
        remote = None
        if instances is not None:
            ident = f"{spec.id}-{offset}"
            if ident in self.ids:
                child = instances.children[0].id
                ident = f"pcmk-internal-{child}:{offset}-remote-{offset}"
            element = bundles.remote_xml(
                ident, container.id, server=address or "#uname",
                port=spec.control_port or bundles.REMOTE_PORT,
            )
            self.add_node(
                NodeConfig(
                    id=ident, name=ident, kind=NodeKind.GUEST, score=-INFINITY, remote=ident,
                    container=container.id, implied=True, bundle=spec.id,
                )
            )
            remote = self._read(element, below, implied=True)
            if remote is None:
                return None
        return BundleReplica(
            offset=offset, container=container, ip=ip, remote=remote, ip_address=address or "",
            node_id=remote.id if remote is not None else "",
        )

    def _as_parent(self, config: ResourceConfig, above: _Parent | None) -> _Parent:
        assert config.parameter_source is not None
        if above is None or above.kind is ResourceKind.BUNDLE:
            in_clone, promotable = config.kind is ResourceKind.CLONE, config.promotable
        else:
            in_clone, promotable = above.in_clone, above.promotable
        return _Parent(
            meta=config.meta,
            elements=(config.element, *(above.elements if above is not None else ())),
            parameters=config.parameter_source,
            in_clone=in_clone, promotable=promotable, kind=config.kind,
        )


def _promotable(parent: _Parent | None) -> bool:
    return parent is not None and parent.promotable


def is_remote_connection(element: etree._Element) -> bool:
    """Whether an element is a primitive of ocf:pacemaker:remote. Source: lib/pengine/remote.c."""
    return (
        element.get("type", "").lower() == "remote"
        and element.get("class", "").lower() == "ocf"
        and element.get("provider", "").lower() == "pacemaker"
    )


def _add_missing(table: dict[str, str], more: Mapping[str, str]) -> None:
    for name, value in more.items():
        if value.lower() != "#default":
            table.setdefault(name, value)


def _detect_unique(meta: Mapping[str, str]) -> bool:
    value = meta.get("globally-unique")
    if value is not None:
        return is_true(value)
    return (leading_integer(meta.get("clone-node-max")) or 0) > 1


def _anonymous(config: ResourceConfig) -> ResourceConfig:
    return replace(
        config, unique=False, meta={**config.meta, "globally-unique": "false"},
        children=tuple(_anonymous(child) for child in config.children),
    )


def _anonymous_where_unfit(config: ResourceConfig) -> ResourceConfig:
    if config.kind is ResourceKind.GROUP:
        return replace(config, children=tuple(map(_anonymous_where_unfit, config.children)))
    return config if config.meta.get("class", "").lower() in CAN_BE_UNIQUE else _anonymous(config)


def _not_false(value: str | None) -> bool:
    return value is None or is_true(value) or value.lower() not in ("false", "off", "no", "n", "0")


def _number(value: str | None, default: int) -> int:
    """A number that is not negative: `default` for no text, 0 for what is no number."""
    return default if value is None else max(leading_integer(value) or 0, 0)
