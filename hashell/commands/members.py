"""Groups, clones and bundles: made, changed and dissolved, with ids as pcs makes them."""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from hashell.commands import agents, creation, parameters
from hashell.commands.binding import RESOURCES, Element, find_resource, owner, put_attributes, select
from hashell.commands.configure import constraints_on
from hashell.commands.env import Env
from hashell.commands.problems import error
from hashell.errors import BadInput, BadUsage, NotFound

CLONES = frozenset({"clone", "master"})


def need(env: Env, name: str) -> Element:
    """A resource of any kind but a template. Raises NotFound."""
    found = find_resource(env.root, name)
    if found is None or found.tag == "template":
        raise NotFound(f"bundle/clone/group/resource '{name}' does not exist", "see resource status")
    return found


# --- groups --------------------------------------------------------------------------------------------


def group_add(env: Env, name: str, members: list[str], *, before: str = "", after: str = "") -> None:
    """Put primitives into a group, new or there; they come from wherever they are."""
    if before and after:
        raise BadUsage("you cannot specify both --before and --after", "choose one")
    if not members:
        raise BadUsage("at least one resource must be specified", "name resources")
    double = sorted({one for one in members if members.count(one) > 1})
    if double:
        raise BadUsage(f"resources specified more than once: {', '.join(double)}", "name each once")
    group = find_resource(env.root, name)
    if group is not None and group.tag != "group":
        raise BadInput(f"'{name}' is not a group", "choose another name")
    elements = []
    for one in members:
        element = need(env, one)
        parent = element.getparent()
        if element.tag != "primitive" or (parent is not None and parent.tag in CLONES | {"bundle"}):
            raise BadInput(f"'{one}' is not a resource that can be put into a group", "name plain primitives")
        if element.get("class") == "stonith":
            env.report(
                error(
                    "fencing-in-group",
                    f"'{one}' is a stonith resource, it should not be put into a group",
                    forcible=True,
                )
            )
        elements.append(element)
    if group is None:
        creation.check_free(env, name, "group name")
        if before or after:
            raise BadInput(
                f"there is no resource '{before or after}' in the group '{name}'", "leave out --before and --after"
            )
        group = etree.SubElement(env.section("resources"), "group", {"id": name})
        env.ids.take(name)
    if before or after:
        anchor_name = before or after
        if anchor_name in members:
            raise BadUsage(f"cannot put resource '{anchor_name}' next to itself", "name another one")
        anchor = next((one for one in group.iterfind("primitive") if one.get("id") == anchor_name), None)
        if anchor is None:
            raise NotFound(f"there is no resource '{anchor_name}' in the group '{name}'", "name a member")
    here = {child.get("id") for child in group.iterfind("primitive")}
    present = sorted(set(members) & here)
    if present and not (before or after):
        raise BadInput(f"resources already in '{name}': {', '.join(present)}", "use --before or --after to move them")
    left: list[Element] = []
    for element in elements:
        old = element.getparent()
        if old is not None and old.tag == "group" and old is not group:
            left.append(old)
    if before or after:
        for element in elements if before else reversed(elements):
            (anchor.addprevious if before else anchor.addnext)(element)  # type: ignore[union-attr]
    else:
        last = [child for child in group if child.tag == "primitive"]
        for element in elements:
            if last:
                last[-1].addnext(element)
            else:
                group.insert(0, element)
            last.append(element)
    for old in dict.fromkeys(left):
        if old.find("primitive") is None:
            _drop_empty(env, old)


def group_remove(env: Env, name: str, members: list[str]) -> None:
    """Take members out to where the group is (or beside a clone of it); an empty group goes, with its constraints."""
    group = find_resource(env.root, name)
    if group is None or group.tag != "group":
        raise NotFound(f"Group '{name}' does not exist", "see resource group list")
    inside = {child.get("id"): child for child in group.iterfind("primitive")}
    missing = [one for one in members if one not in inside]
    if missing:
        raise NotFound(
            f"resource(s) {', '.join(missing)} not in group {name}", "its members: " + ", ".join(map(str, inside))
        )
    chosen = members or [str(one) for one in inside]
    parent = group.getparent()
    assert parent is not None
    whole = len(chosen) == len(inside)
    if parent.tag in CLONES and whole and len(inside) > 1:
        raise BadInput("Cannot remove more than one resource from cloned group", "unclone the group first")
    anchor = parent if parent.tag in CLONES else group
    if parent.tag in CLONES and whole:
        # The clone keeps the one that is left.
        parent.replace(group, inside[chosen[0]])
        _drop_constraints(env, name)
        env.forget_ids()
        return
    for one in reversed(chosen):
        anchor.addnext(inside[one])
    if whole:
        _drop_constraints(env, name)
        parent.remove(group)
    env.forget_ids()


def _drop_empty(env: Env, group: Element) -> None:
    """A group that lost its last member, with the clone around it and the constraints on both."""
    _drop_constraints(env, group.get("id") or "")
    parent = group.getparent()
    assert parent is not None
    parent.remove(group)
    if parent.tag in CLONES:
        _drop_empty(env, parent)
    env.forget_ids()


def _drop_constraints(env: Env, name: str) -> None:
    for element in constraints_on(env, name):
        for reference in list(element.iterfind("resource_set/resource_ref")):
            if reference.get("id") == name:
                holder = reference.getparent()
                assert holder is not None
                holder.remove(reference)
                if not len(holder):
                    element.remove(holder)
        if not len(element.findall("resource_set")) and element.getparent() is not None:
            owner(element).remove(element)
    for reference in select(env.root, "configuration/tags/tag/obj_ref[@id=$n]", n=name):
        tag = owner(reference)
        tag.remove(reference)
        if not len(tag):
            owner(tag).remove(tag)


# --- clones --------------------------------------------------------------------------------------------


def clone(
    env: Env,
    name: str,
    clone_id: str = "",
    meta: Mapping[str, str] | None = None,
    *,
    promotable: bool = False,
    master: bool = False,
    always_set: bool = False,
) -> Element:
    """A clone around a primitive or a group, in its place. `master`: the element of that name, for old schemas."""
    resource = need(env, name)
    parent = resource.getparent()
    assert parent is not None
    if resource.tag not in ("primitive", "group"):
        raise BadInput(f"'{name}' is a {resource.tag}, cannot be cloned", "name a primitive or a group")
    if parent.tag in CLONES or parent.tag == "bundle":
        raise BadInput(
            f"{name} is already a {'clone' if parent.tag in CLONES else 'bundle'} resource", "unclone it first"
        )
    if resource.get("class") == "stonith":
        env.report(error("fencing-cloned", f"'{name}' is a stonith resource, it cannot be cloned", forcible=True))
    if parent.tag == "group":
        # A member that is cloned leaves its group; an empty group goes.
        parent.addnext(resource)
        if parent.find("primitive") is None:
            _drop_constraints(env, parent.get("id") or "")
            owner(parent).remove(parent)
    if promotable:
        _check_promotable(env, resource)
    if clone_id:
        creation.check_free(env, clone_id, "clone id")
    identity = clone_id or env.ids.numbered(f"{name}-{'master' if master else 'clone'}")
    env.ids.take(identity)
    element = etree.Element("master" if master else "clone", {"id": identity})
    options = dict(meta or {})
    if promotable and not master:
        options.setdefault("promotable", "true")
    resource.addprevious(element)
    element.append(resource)
    creation.add_set(env, element, "meta_attributes", options)
    return element


def _check_promotable(env: Env, resource: Element) -> None:
    """OCF agents say whether they can be promoted."""
    for primitive in resource.iter("primitive"):
        said = agents.metadata_of(env, primitive)
        if said is not None and not (said.supports("promote") and said.supports("demote")):
            env.report(
                error(
                    "not-promotable",
                    f"Clone option 'promotable' is not compatible with '{agents.agent_name(env, primitive)}' resource agent of "  # noqa: E501
                    f"resource '{primitive.get('id')}'",
                    forcible=True,
                )
            )


def unclone(env: Env, name: str) -> None:
    """The resource in the clone's place; constraints on the clone then mean the resource."""
    resource = need(env, name)
    element = resource
    while element.tag not in CLONES:
        parent = element.getparent()
        if parent is None or parent.tag not in RESOURCES:
            raise BadInput(f"'{name}' is not a clone resource", "name a clone, or what it holds")
        element = parent
    inner = next(child for child in element if child.tag in RESOURCES)
    holder = resource.getparent()
    if resource is not element and resource is not inner and holder is inner and len(inner.findall("primitive")) > 1:
        # One member of a cloned group leaves both.
        element.addnext(resource)
        return
    element.addprevious(inner)
    old, new = element.get("id") or "", inner.get("id") or ""
    owner(element).remove(element)
    for constraint in constraints_on(env, old):
        owner(constraint).remove(constraint)
    _drop_constraints(env, old)
    assert new
    env.forget_ids()


# --- bundles -------------------------------------------------------------------------------------------

_CONTAINERS = ("docker", "podman", "rkt")
_CONTAINER_OPTIONS = frozenset(
    {
        "image",
        "masters",
        "promoted-max",
        "network",
        "options",
        "replicas",
        "replicas-per-host",
        "run-command",
    }
)
_NETWORK_OPTIONS = frozenset({"control-port", "host-interface", "host-netmask", "ip-range-start", "add-host"})
_PORT_OPTIONS = frozenset({"id", "port", "internal-port", "range"})
_STORAGE_OPTIONS = frozenset({"id", "options", "source-dir", "source-dir-root", "target-dir"})


def bundle_create(
    env: Env,
    name: str,
    kind: str,
    container: Mapping[str, str],
    network: Mapping[str, str],
    ports: list[dict[str, str]],
    storage: list[dict[str, str]],
    meta: Mapping[str, str],
) -> Element:
    creation.check_free(env, name, "bundle name")
    if not kind:
        raise BadInput(f"bundle {name}: its container type is missing, use 'docker', 'podman'", "name a container type")
    if kind not in _CONTAINERS:
        raise BadInput(f"'{kind}' is not a valid container type value, use 'docker', 'podman'", "name a container type")
    if not container.get("image"):
        raise BadInput("required container option 'image' is missing", "give image=…")
    _check_bundle(env, container, network, ports, storage)
    bundle = etree.SubElement(env.section("resources"), "bundle", {"id": name})
    env.ids.take(name)
    creation.add_set(env, bundle, "meta_attributes", meta)
    etree.SubElement(bundle, kind, dict(container))
    if network or ports:
        element = etree.SubElement(bundle, "network", dict(network))
        for one in ports:
            _mapping(env, element, "port-mapping", name, one)
    if storage:
        element = etree.SubElement(bundle, "storage")
        for one in storage:
            _mapping(env, element, "storage-mapping", name, one)
    return bundle


def _mapping(env: Env, holder: Element, tag: str, bundle: str, options: Mapping[str, str]) -> None:
    """With an id that tells the port, or that it is a storage."""
    suffix = f"port-map-{options.get('port') or options.get('range')}" if tag == "port-mapping" else "storage-map"
    identity = options.get("id")
    if identity:
        creation.check_free(env, identity, "id")
        env.ids.take(identity)
    else:
        identity = env.ids.numbered(f"{bundle}-{suffix}")
    rest = {key: value for key, value in options.items() if key != "id"}
    etree.SubElement(holder, tag, {"id": identity, **rest})


def _check_bundle(
    env: Env,
    container: Mapping[str, str],
    network: Mapping[str, str],
    ports: list[dict[str, str]],
    storage: list[dict[str, str]],
) -> None:
    for what, options, known in (
        ("container", container, _CONTAINER_OPTIONS),
        ("network", network, _NETWORK_OPTIONS),
        *(("port-map", one, _PORT_OPTIONS) for one in ports),
        *(("storage-map", one, _STORAGE_OPTIONS) for one in storage),
    ):
        for key in options:
            if not key.replace("-", "").isalnum():
                raise BadUsage(f"{key!r} cannot be the name of a {what} option", "use letters, digits and -")
            if key not in known:
                allowed = ", ".join(f"'{one}'" for one in sorted(known))
                env.report(
                    error(
                        "bundle-option", f"invalid {what} option '{key}', allowed options are: {allowed}", forcible=True
                    )
                )
    for key in ("replicas", "replicas-per-host"):
        value = container.get(key)
        if value and not (value.isdigit() and int(value) > 0):
            env.report(error("bundle-number", f"'{value}' is not a valid {key} value, use a positive integer"))
    for key in ("masters", "promoted-max"):
        value = container.get(key)
        if value and not value.isdigit():
            env.report(error("bundle-number", f"'{value}' is not a valid {key} value, use a non-negative integer"))
    for key, top in (("control-port", 65535), ("host-netmask", 32)):
        value = network.get(key)
        if value and not (value.isdigit() and 1 <= int(value) <= top):
            env.report(
                error(
                    "bundle-number",
                    f"'{value}' is not a valid {key} value, use a number (1..{top})",
                    forcible=key == "host-netmask",
                )
            )
    for one in ports:
        if not one:
            env.report(error("bundle-map", "No port-map options specified", "expected port=… or range=…"))
        elif not one.get("port") and not one.get("range"):
            env.report(error("bundle-map", "required port-map option 'port' or 'range' has to be specified"))
        elif one.get("port") and one.get("range"):
            env.report(error("bundle-map", "Only one of port-map options 'port' and 'range' can be used"))
        elif one.get("internal-port") and not one.get("port"):
            env.report(
                error(
                    "bundle-map",
                    "If port-map option 'internal-port' is specified, port-map option 'port' must be specified as well",
                )
            )
        port = one.get("port", "1")
        if not (port.isdigit() and 1 <= int(port) <= 65535):
            env.report(error("bundle-map", f"'{port}' is not a valid port value, use a port number (1..65535)"))
    for one in storage:
        if not one:
            env.report(error("bundle-map", "No storage-map options specified", "expected source-dir=… target-dir=…"))
            continue
        if not one.get("target-dir"):
            env.report(error("bundle-map", "required storage-map option 'target-dir' is missing"))
        if bool(one.get("source-dir")) == bool(one.get("source-dir-root")):
            env.report(
                error(
                    "bundle-map",
                    "exactly one of storage-map options 'source-dir', 'source-dir-root' has to be specified",
                )
            )


def bundle_update(
    env: Env,
    name: str,
    container: Mapping[str, str],
    network: Mapping[str, str],
    add_ports: list[dict[str, str]],
    drop_ports: list[str],
    add_storage: list[dict[str, str]],
    drop_storage: list[str],
    meta: Mapping[str, str],
) -> None:
    bundle = need_bundle(env, name)
    _check_bundle(
        env, {k: v for k, v in container.items() if v}, {k: v for k, v in network.items() if v}, add_ports, add_storage
    )
    inner = next((child for child in bundle if child.tag in _CONTAINERS), None)
    if inner is None:
        raise BadInput(f"bundle '{name}' uses an unsupported container", "edit it as XML")
    put_attributes(inner, container)
    parts = {
        "network": ("port-mapping", network, add_ports, drop_ports),
        "storage": ("storage-mapping", {}, add_storage, drop_storage),
    }
    for tag, (mapping, options, added, dropped) in parts.items():
        element = bundle.find(tag)
        if element is None and (added or any(options.values())):
            element = etree.Element(tag)
            network_there = bundle.find("network") if tag == "storage" else None
            (network_there if network_there is not None else inner).addnext(element)
        if element is not None:
            put_attributes(element, options)
        for one in dropped:
            found = [
                child
                for child in (element if element is not None else ())
                if child.tag == mapping and child.get("id") == one
            ]
            if not found:
                raise NotFound(
                    f"{mapping.removesuffix('ping')} '{one}' does not exist in bundle '{name}'", "see resource config"
                )
            assert element is not None
            element.remove(found[0])
        env.forget_ids()
        for options_added in added:
            assert element is not None
            _mapping(env, element, mapping, name, options_added)
    parameters.update_set(env, bundle, "meta_attributes", meta)
    holder = bundle.find("meta_attributes")
    if holder is not None:
        bundle.remove(holder)
        bundle.insert(0, holder)


def bundle_reset(
    env: Env,
    name: str,
    container: Mapping[str, str],
    network: Mapping[str, str],
    ports: list[dict[str, str]],
    storage: list[dict[str, str]],
    meta: Mapping[str, str],
) -> None:
    """All options as given here, everything else gone; the primitive inside stays."""
    bundle = need_bundle(env, name)
    _check_bundle(env, container, network, ports, storage)
    if not container.get("image"):
        raise BadInput("required container option 'image' is missing", "give image=…")
    for child in list(bundle):
        if child.tag in _CONTAINERS:
            child.attrib.clear()
            put_attributes(child, container)
        elif child.tag in ("network", "storage"):
            for mapping in list(child):
                child.remove(mapping)
            child.attrib.clear()
        elif child.tag == "meta_attributes":
            bundle.remove(child)
    env.forget_ids()
    inner = next(child for child in bundle if child.tag in _CONTAINERS)
    if storage:
        element = bundle.find("storage")
        if element is None:
            element = etree.Element("storage")
            network_there = bundle.find("network")
            (network_there if network_there is not None else inner).addnext(element)
        for one in storage:
            _mapping(env, element, "storage-mapping", name, one)
    if network or ports:
        element = bundle.find("network")
        if element is None:
            element = etree.Element("network")
            inner.addnext(element)
        put_attributes(element, network)
        for one in ports:
            _mapping(env, element, "port-mapping", name, one)
    found = creation.add_set(env, bundle, "meta_attributes", meta)
    if found is not None:
        bundle.remove(found)
        bundle.insert(0, found)


def need_bundle(env: Env, name: str) -> Element:
    bundle = find_resource(env.root, name)
    if bundle is None or bundle.tag != "bundle":
        raise NotFound(f"bundle '{name}' does not exist", "see resource status")
    return bundle


def bundle_put(env: Env, name: str, primitive: Element) -> None:
    """A primitive into a bundle that is empty and has a network."""
    bundle = need_bundle(env, name)
    inside = bundle.find("primitive")
    if inside is not None:
        raise BadInput(f"bundle '{name}' already contains resource '{inside.get('id')}'", "a bundle holds one")
    network = bundle.find("network")
    if network is None or not (network.get("ip-range-start") or network.get("control-port")):
        env.report(
            error(
                "bundle-unreachable",
                f"Resource '{primitive.get('id')}' will not be accessible by the cluster inside bundle "
                f"'{name}', at least one of bundle options 'control-port' or 'ip-range-start' has to be specified",
                forcible=True,
            )
        )
    bundle.append(primitive)


