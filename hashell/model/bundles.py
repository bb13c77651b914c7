"""Bundles: the resources that a bundle stands for, as XML, so that they are read like any others.

For each replica a container, an address (if the network has a range of them) and a connection to Pacemaker Remote
inside (if the bundle has a primitive); and one clone of the primitive, with an instance in each container.

Names, parameters and their spelling are part of what nodes have recorded digests of: they must stay as they are,
blanks included.

Source: Pacemaker Explained, "Bundles"; lib/pengine/bundle.c, remote.c.
"""

from __future__ import annotations

import copy
import re

from lxml import etree
from msgspec import Struct

from hashell.cib.ids import sanitize_id
from hashell.model.nvpairs import Document
from hashell.values.booleans import parse_boolean
from hashell.values.integers import leading_integer

#: Where the remote daemon inside listens, unless control-port says otherwise.
REMOTE_PORT = "3121"
#: Paths that Pacemaker was built with; recorded digests depend on them.
AUTHKEY = "/etc/pacemaker/authkey"
LOG_DIRECTORY = "/var/log/pacemaker/bundles"
REMOTE_DAEMON = "/usr/sbin/pacemaker-remoted"

#: No more replicas or instances than this are made of one resource. Pacemaker has no bound; a
#: typing error should not take all memory of a machine, and the time grows with the square.
INSTANCES_MAX = 500

_AGENTS = ("docker", "podman")
_ADDRESS = re.compile(r"\s*\+?(\d+)\.\s*\+?(\d+)\.\s*\+?(\d+)\.\s*\+?(\d+)")


class Mount(Struct, frozen=True):
    source: str
    target: str
    options: str | None = None
    per_replica: bool = False


class BundleSpec(Struct):
    """What a `bundle` element says. `replicas_per_host` is 1 where a port on the host is shared; the bundle is `unique`
    still if more were asked for.
    """

    id: str
    agent: str
    image: str
    replicas: int
    replicas_per_host: int
    unique: bool
    promoted_max: int
    run_command: str | None
    options: str | None
    network: str | None
    address_start: str | None
    netmask: str | None
    interface: str | None
    control_port: str | None
    add_host: bool
    mounts: list[Mount]
    ports: list[tuple[str, str]]
    primitive: etree._Element | None

    def addresses(self) -> list[str | None]:
        """The address of each replica, None where there is no range or it ran out."""
        found: list[str | None] = []
        last: str | None = None
        for _ in range(self.replicas):
            last = self.address_start if last is None else next_address(last)
            found.append(last)
        return found


def read_bundle(element: etree._Element, document: Document) -> BundleSpec | None:
    """A bundle, or None (and a complaint) where it makes no sense."""
    ident = element.get("id", "")
    agent = next((found for name in _AGENTS if (found := element.find(name)) is not None), None)
    if agent is None:
        return None
    promoted_max = _at_least(agent.get("promoted-max", agent.get("masters")), 0)
    replicas_text = agent.get("replicas")
    if replicas_text is None and promoted_max > 0:
        replicas = promoted_max
    else:
        replicas = _at_least(replicas_text, 1)
    if replicas > INSTANCES_MAX:
        document.complain(f"Limiting {ident} to {INSTANCES_MAX} replicas")
        replicas = INSTANCES_MAX
    per_host = _at_least(agent.get("replicas-per-host"), 1)
    spec = BundleSpec(
        id=ident, agent=str(agent.tag), image=agent.get("image", ""), replicas=replicas,
        replicas_per_host=per_host, unique=per_host > 1, promoted_max=promoted_max,
        run_command=agent.get("run-command"), options=agent.get("options"),
        network=agent.get("network"), address_start=None, netmask=None, interface=None,
        control_port=None, add_host=False, mounts=[], ports=[],
        primitive=element.find("primitive"),
    )
    network = element.find("network")
    if network is not None:
        _read_network(network, spec, document)
    logs_mounted = _read_storage(element.find("storage"), spec, document)
    if spec.primitive is None:
        return spec

    if spec.address_start is None:
        if spec.control_port is None:
            document.complain(
                f"Cannot control {ident} inside {spec.primitive.get('id')} without either "
                "ip-range-start or control-port"
            )
            return None
        if spec.replicas_per_host > 1:
            document.complain(
                f"Specifying the 'control-port' for {ident} requires 'replicas-per-host=1'"
            )
            spec.replicas_per_host = 1
    spec.mounts.append(Mount(AUTHKEY, AUTHKEY))
    if not logs_mounted:
        spec.mounts.append(Mount(LOG_DIRECTORY, "/var/log", per_replica=True))
    port = spec.control_port or REMOTE_PORT
    spec.ports.append((port, port))
    return spec


def _read_network(network: etree._Element, spec: BundleSpec, document: Document) -> None:
    spec.address_start = network.get("ip-range-start")
    spec.netmask = network.get("host-netmask")
    spec.interface = network.get("host-interface")
    spec.control_port = network.get("control-port")
    spec.add_host = parse_boolean(network.get("add-host")) is not False
    for mapping in network.iterchildren("port-mapping"):
        source = mapping.get("port")
        target = None
        if source is None:
            source = mapping.get("range")
        else:
            target = mapping.get("internal-port")
        if source:
            spec.ports.append((source, source if target is None else target))
        else:
            document.complain(f"Invalid port directive {mapping.get('id')}")


def _read_storage(
    storage: etree._Element | None, spec: BundleSpec, document: Document
) -> bool:
    """Whether one of the mounts is for the logs."""
    logs_mounted = False
    for mapping in () if storage is None else storage.iterchildren("storage-mapping"):
        source, target = mapping.get("source-dir"), mapping.get("target-dir")
        per_replica = source is None
        if source is None:
            source = mapping.get("source-dir-root")
        if source is None or target is None:
            document.complain(f"Invalid mount directive {mapping.get('id')}")
            continue
        spec.mounts.append(Mount(source, target, mapping.get("options"), per_replica))
        logs_mounted = logs_mounted or target == "/var/log"
    return logs_mounted


def next_address(address: str | None) -> str | None:
    """The IPv4 address after this one; the last numbers of a range are passed over. None for anything else."""
    match = None if address is None else _ADDRESS.match(address)
    if match is None:
        return None
    one, two, three, four = (int(part) for part in match.groups())
    if three > 253:
        return None
    if four > 253:
        return f"{one}.{two}.{three + 1}.1"
    return f"{one}.{two}.{three}.{four + 1}"


def instances_xml(spec: BundleSpec) -> etree._Element:
    """The implied clone of the primitive; its name still says `master` where it is promotable."""
    assert spec.primitive is not None
    clone = etree.Element("clone")
    clone.set("id", sanitize_id(f"{spec.id}-{'master' if spec.promoted_max > 0 else 'clone'}"))
    values = {
        "ordered": "true",
        "clone-max": str(spec.replicas),
        "clone-node-max": str(spec.replicas_per_host),
        "globally-unique": "true" if spec.replicas_per_host > 1 else "false",
    }
    if spec.promoted_max > 0:
        values["promotable"] = "true"
        values["promoted-max"] = str(spec.promoted_max)
    _add_set(clone, "meta_attributes", f"{spec.id}-clone-meta", values)
    clone.append(copy.deepcopy(spec.primitive))
    return clone


def container_xml(
    spec: BundleSpec, offset: int, address: str | None, hosts: str, *, controlled: bool
) -> etree._Element:
    """The container of a replica. `hosts` are the options that make replicas known to each other by name."""
    ident = sanitize_id(f"{spec.id}-{spec.agent}-{offset}")
    resource = _primitive(ident, "heartbeat", spec.agent)
    values = {
        "image": spec.image, "allow_pull": "true", "force_kill": "false", "reuse": "false",
    }
    run_options = [" --restart=no"] if spec.agent == "docker" else []
    if spec.address_start is not None:
        run_options.append(f" -h {spec.id}-{offset}")
    run_options.append(" -e PCMK_stderr=1")
    if spec.network is not None:
        run_options.append(f" --net={spec.network}")
    run_options.append(f" -e PCMK_remote_port={spec.control_port or REMOTE_PORT}")

    made = []
    for mount in spec.mounts:
        source = mount.source
        if mount.per_replica:
            source = f"{mount.source}/{spec.id}-{offset}"
            made.append(source)
        run_options.append(f" -v {source}:{mount.target}")
        if mount.options is not None:
            run_options.append(f":{mount.options}")
    for source, target in spec.ports:
        if address is not None:
            run_options.append(f" -p {address}:{source}:{target}")
        elif spec.network != "host":
            run_options.append(f" -p {source}:{target}")
    if spec.options is not None:
        run_options.append(f" {spec.options}")
    run_options.append(f" {hosts}")
    values["run_opts"] = "".join(run_options)
    values["mount_points"] = ",".join(made)
    if spec.run_command is not None:
        values["run_cmd"] = spec.run_command
    elif controlled:
        values["run_cmd"] = REMOTE_DAEMON
    values["monitor_cmd"] = "/bin/true"
    _add_set(resource, "instance_attributes", f"{spec.id}-attributes-{offset}", values)
    _add_operations(resource, ("monitor", "60s", None))
    return resource


def hosts_option(spec: BundleSpec, addresses: list[str | None]) -> str:
    """Options that tell each container the names and addresses of all replicas."""
    if spec.address_start is None:
        return ""
    if spec.add_host:
        return "".join(
            f" --add-host={spec.id}-{offset}:{address or '(null)'}"
            for offset, address in enumerate(addresses)
        )
    return "".join(
        f" --hosts-entry={address or '(null)'}={spec.id}-{offset}"
        for offset, address in enumerate(addresses)
    )


def address_xml(spec: BundleSpec, offset: int, address: str) -> etree._Element:
    """The floating address of a replica."""
    ident = sanitize_id(f"{spec.id}-ip-{address}")
    resource = _primitive(ident, "heartbeat", "IPaddr2")
    values = {"ip": address}
    if spec.interface is not None:
        values["nic"] = spec.interface
    values["cidr_netmask"] = spec.netmask if spec.netmask is not None else "32"
    _add_set(resource, "instance_attributes", f"{spec.id}-attributes-{offset}", values)
    _add_operations(resource, ("monitor", "60s", None))
    return resource


def remote_xml(
    ident: str, container: str, *, migratable: str | None = None, managed: str | None = None,
    start_timeout: str | None = None, server: str | None = None, port: str | None = None,
) -> etree._Element:
    """The connection to Pacemaker Remote on a guest that `container` launches. What is None is not written."""
    resource = _primitive(ident, "pacemaker", "remote")
    meta = {"internal_rsc": "true", "container": container}
    if migratable is not None:
        meta["allow-migrate"] = migratable
    if managed is not None:
        meta["is-managed"] = managed
    _add_set(resource, "meta_attributes", f"{ident}-meta_attributes", meta)
    parameters = {}
    if server is not None:
        parameters["addr"] = server
    if port is not None:
        parameters["port"] = port
    if parameters:
        _add_set(resource, "instance_attributes", f"{ident}-instance_attributes", parameters)
    operations = [("monitor", "30s", "30s")]
    if start_timeout is not None:
        operations.append(("start", "0", start_timeout))
    _add_operations(resource, *operations)
    return resource


def _primitive(ident: str, provider: str, kind: str) -> etree._Element:
    resource = etree.Element("primitive")
    resource.set("id", ident)
    resource.set("class", "ocf")
    resource.set("provider", provider)
    resource.set("type", kind)
    return resource


def _add_set(parent: etree._Element, tag: str, ident: str, values: dict[str, str]) -> None:
    block = etree.SubElement(parent, tag)
    block.set("id", sanitize_id(ident))
    for name, value in values.items():
        pair = etree.SubElement(block, "nvpair")
        pair.set("id", sanitize_id(f"{block.get('id')}-{name}"))
        pair.set("name", name)
        pair.set("value", value)


def _add_operations(resource: etree._Element, *operations: tuple[str, str, str | None]) -> None:
    holder = etree.SubElement(resource, "operations")
    for name, interval, timeout in operations:
        operation = etree.SubElement(holder, "op")
        operation.set("id", sanitize_id(f"{resource.get('id')}-{name}-{interval}"))
        operation.set("interval", interval)
        operation.set("name", name)
        if timeout is not None:
            operation.set("timeout", timeout)


def _at_least(text: str | None, lowest: int) -> int:
    """A number, not below `lowest`; that for no text and for what is no number."""
    return max(leading_integer(text) or 0, lowest)
