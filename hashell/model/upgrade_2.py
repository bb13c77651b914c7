"""Upgrade 2: constructs that schemas before 3.0 allow, put into words of later ones.

    options of the cluster     spelt with underscores: renamed; defaults of resources and operations: moved there
                               unless they are set there already; what has no meaning any more: dropped
    resource-failure-stickiness    migration-threshold of 1 if it was -INFINITY, else dropped
    isolation                  the resource is disabled
    requires of an operation   that of the resource if the operation starts or promotes, else dropped
    instance attributes of an operation that are meta attributes    moved among these
    node type="normal"         member

Source: xml/upgrade-2.10-1.xsl of Pacemaker 3.0.2.
"""

from __future__ import annotations

from lxml import etree

_RSC = "rsc_defaults"
_OP = "op_defaults"
_STICKINESS = "failure-stickiness"
#: Options that are called otherwise since.
_RENAMED = {
    name.replace("-", "_"): name for name in (
        "cluster-recheck-interval", "dc-deadtime", "election-timeout", "no-quorum-policy", "remove-after-stop",
        "shutdown-escalation", "startup-fencing", "stonith-action", "stonith-enabled", "stop-orphan-actions",
        "stop-orphan-resources", "symmetric-cluster",
    )
} | {"transition_idle_timeout": "cluster-delay"}
#: Options that are defaults of something else since: of what, and by which name.
_MOVED = {
    "default-action-timeout": (_OP, "timeout"), "default-resource-stickiness": (_RSC, "resource-stickiness"),
    "is-managed-default": (_RSC, "is-managed"),
    "default-resource-failure-stickiness": (_RSC, _STICKINESS),
}
_DROPPED = frozenset({
    "default-migration-threshold", "expected-quorum-votes", "notification-agent", "notification-recipient",
})
_OLD_STACKS = frozenset({"heartbeat", "openais", "classic openais", "classic openais (with plugin)", "cman"})
_COMMANDS = frozenset(f"pcmk_{action}_cmd" for action in ("list", "monitor", "off", "on", "reboot", "status"))
_ISOLATION = frozenset({"isolation", "isolation-host", "isolation-instance", "isolation-wrapper"})
_OPERATION_META = frozenset({
    "interval-origin", "start-delay", "enabled", "on-fail", "record-pending", "role", "timeout",
})
_TAKEN = frozenset({"start", "promote"})


def is_before_3(root: etree._Element) -> bool:
    return root.get("validate-with", "").startswith(("pacemaker-1.", "pacemaker-2."))


def upgrade(configuration: etree._Element) -> None:
    """Change the configuration in place."""
    for pair in list(configuration.iterfind("crm_config/cluster_property_set/nvpair")):
        _option(configuration, pair)
    for node in configuration.iterfind("nodes/node"):
        if node.get("type") == "normal":
            node.set("type", "member")
    for resource in configuration.iterfind("resources//*"):
        if resource.tag in ("primitive", "template"):
            _resource(resource)


def _drop(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _option(configuration: etree._Element, pair: etree._Element) -> None:
    name = pair.get("name", "")
    hyphened = name.replace("_", "-")
    if name in _RENAMED:
        pair.set("name", _RENAMED[name])
    elif hyphened in _DROPPED or (name == "cluster-infrastructure" and pair.get("value") in _OLD_STACKS):
        _drop(pair)
    elif hyphened in _MOVED:
        section, new = _MOVED[hyphened]
        pair.set("name", new)
        if _thresholded(pair):
            _default(configuration, section, pair)


def _thresholded(pair: etree._Element) -> bool:
    """Let a failure stickiness be a threshold; False if that has no meaning, and the pair is gone."""
    if not pair.get("name", "").endswith(_STICKINESS):
        return True
    if pair.get("value") != "-INFINITY":
        _drop(pair)
        return False
    pair.set("name", "migration-threshold")
    pair.set("value", "1")
    return True


def _default(configuration: etree._Element, section: str, pair: etree._Element) -> None:
    """Move a pair into a section of defaults where nothing is said about it yet."""
    defaults = configuration.find(section)
    _drop(pair)
    if defaults is not None and any(
        other.get("name") == pair.get("name") for other in defaults.iterfind("meta_attributes/nvpair")
    ):
        return
    if defaults is None:
        defaults = etree.SubElement(configuration, section)
    block = next((one for one in defaults.iterfind("meta_attributes") if one.find("rule") is None), None)
    if block is None:
        block = etree.SubElement(defaults, "meta_attributes", id=f"_2TO3_-{section.replace('_', '-')}")
    block.append(pair)


def _resource(resource: etree._Element) -> None:
    for pair in list(resource.iterfind("instance_attributes/nvpair")):
        name = pair.get("name", "")
        if name in _COMMANDS:
            pair.set("name", name.removesuffix("cmd") + "action")
        elif name == "pcmk_arg_map":
            if pair.get("value", "").startswith("port:"):
                pair.set("name", "pcmk_host_argument")
                pair.set("value", pair.get("value", "").removeprefix("port:"))
            else:
                _drop(pair)
    for pair in list(resource.iterfind("meta_attributes/nvpair")):
        name = pair.get("name", "").replace("_", "-")
        if name == f"resource-{_STICKINESS}":
            pair.set("name", name)
            _thresholded(pair)
        elif name in _ISOLATION:
            pair.set("name", "target-role")
            pair.set("value", "Stopped")
    for operation in list(resource.iterfind("operations/op")):
        _operation(resource, operation)


def _operation(resource: etree._Element, operation: etree._Element) -> None:
    requires = operation.get("requires")
    if requires is not None:
        del operation.attrib["requires"]
        pair = etree.Element("nvpair", id=f"_2TO3_{operation.get('id')}-meta-requires", name="requires")
        pair.set("value", requires)
        _require(resource, operation, pair)
    for pair in list(operation.iterfind("instance_attributes/nvpair")):
        if pair.get("name") in _OPERATION_META:
            _drop(pair)
            _block(operation, f"_2TO3_{operation.get('id')}-meta").append(pair)
    for path in ("meta_attributes/nvpair", "instance_attributes/nvpair"):
        for pair in list(operation.iterfind(path)):
            if pair.get("name") == "requires":
                _drop(pair)
                _require(resource, operation, pair)


def _block(holder: etree._Element, ident: str) -> etree._Element:
    block = next((one for one in holder.iterfind("meta_attributes") if one.find("rule") is None), None)
    return etree.SubElement(holder, "meta_attributes", id=ident) if block is None else block


def _require(resource: etree._Element, operation: etree._Element, pair: etree._Element) -> None:
    if operation.get("name") not in _TAKEN:
        return
    if any(one.get("name") == "requires" for one in resource.iterfind("meta_attributes/nvpair")):
        return
    block = etree.SubElement(resource, "meta_attributes", id=f"_2TO3_{resource.get('id')}-meta")
    block.append(pair)
