"""CMAN's cluster.conf with rgmanager's resources and services, and what ccs_config_validate looks at.

Source: cluster.conf(5), cman(5), fenced(8), rgmanager's resource agents' meta-data and its cluster.conf description.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from hashell.cib.document import parse_fragment
from hashell.commands.binding import attributes
from hashell.commands.foreign.imported import (
    BadForeign,
    ForeignNode,
    Imported,
    Names,
    milliseconds,
    pairs,
    primitive,
    value,
)

Element = etree._Element
#: Characters of a cluster's name. Source: cman(5).
NAME_MAX = 15
NODE_ID_MAX = 2**31 - 1
#: Below <service>, kinds start in this order and stop in its reverse. Source: rgmanager's service.sh.
_LEVELS = ("lvm", "fs", "clusterfs", "netfs", "nfsserver", "nfsexport", "nfsclient", "ip", "smb", "script")
#: Kind → (agent, attribute there → parameter here).
_KINDS: dict[str, tuple[str, dict[str, str]]] = {
    "ip": ("ocf:heartbeat:IPaddr2", {}),
    "fs": ("ocf:heartbeat:Filesystem", {"device": "device", "mountpoint": "directory", "fstype": "fstype",
                                        "options": "options"}),
    "clusterfs": ("ocf:heartbeat:Filesystem", {"device": "device", "mountpoint": "directory", "fstype": "fstype",
                                               "options": "options"}),
    "netfs": ("ocf:heartbeat:Filesystem", {"mountpoint": "directory", "options": "options"}),
    "lvm": ("ocf:heartbeat:LVM-activate", {"vg_name": "vgname", "lv_name": "lvname"}),
    "apache": ("ocf:heartbeat:apache", {"config_file": "configfile", "httpd_options": "options", "httpd": "httpd"}),
    "mysql": ("ocf:heartbeat:mysql", {"config_file": "config"}),
    "postgres-8": ("ocf:heartbeat:pgsql", {"config_file": "config", "postmaster_user": "pgdba"}),
    "named": ("ocf:heartbeat:named", {"named_config": "named_config", "named_working_dir": "named_rootdir"}),
    "nfsserver": ("ocf:heartbeat:nfsserver", {"nfspath": "nfs_shared_infodir"}),
    "vm": ("ocf:heartbeat:VirtualDomain", {"xmlfile": "config", "hypervisor_uri": "hypervisor"}),
    "oracledb": ("ocf:heartbeat:oracle", {"name": "sid", "home": "home", "user": "user"}),
    "tomcat-6": ("ocf:heartbeat:tomcat", {"config_file": "catalina_opts"}),
}
#: Attributes that every kind has, or that have nothing to carry.
_COMMON = frozenset({"name", "ref", "__independent_subtree", "__failure_expire_time", "__max_failures",
                     "__enforce_timeouts", "force_unmount", "force_fsck", "self_fence", "fsid", "sleeptime",
                     "monitor_link", "shutdown_wait", "quick_status", "disable_rdisc"})


def is_cluster_conf(text: str) -> bool:
    return re.search(r"<cluster[\s>]", text) is not None and "<cib" not in text


def read(text: str, where: str = "cluster.conf") -> Imported:
    """Raises BadForeign listing everything that makes the file invalid."""
    root = parse_fragment(text.encode(), where)
    wrong = list(check(root))
    if wrong:
        raise BadForeign(f"{where} is not valid:\n" + "\n".join(f"  {line}" for line in wrong),
                         "mend it, then import it again")
    made, names = Imported(where), Names()
    made.cluster = root.get("name") or "cluster"
    _cluster(made, root, where)
    _fencing(made, root, where, names)
    rm = root.find("rm")
    if rm is not None:
        _resource_manager(made, rm, where, names)
    return made


def check(root: Element) -> Iterator[str]:
    """What ccs_config_validate would refuse, and references that lead nowhere."""
    if root.tag != "cluster":
        yield f"line {root.sourceline}: the outermost element is <{root.tag}>, it has to be <cluster>"
        return
    name = root.get("name")
    if not name:
        yield f"line {root.sourceline}: <cluster> has no name"
    elif len(name) > NAME_MAX:
        yield f"line {root.sourceline}: the cluster's name {name!r} is longer than {NAME_MAX} characters"
    version = root.get("config_version") or ""
    if not version.isdigit() or int(version) < 1:
        yield f"line {root.sourceline}: config_version is {version!r}, it has to be a whole number from 1"
    nodes = root.findall("clusternodes/clusternode")
    if not nodes:
        yield f"line {root.sourceline}: there is no <clusternode>"
    yield from _unique(nodes, "name", "node name")
    yield from _unique(nodes, "nodeid", "node id")
    for node in nodes:
        id = node.get("nodeid") or ""
        if not id.isdigit() or not 0 < int(id) <= NODE_ID_MAX:
            yield f"line {node.sourceline}: nodeid of {node.get('name')} is {id!r}, it has to be a number from 1"
        votes = node.get("votes", "1")
        if not votes.isdigit():
            yield f"line {node.sourceline}: votes of {node.get('name')} is {votes!r}"
    devices = root.findall("fencedevices/fencedevice")
    yield from _unique(devices, "name", "fence device")
    known = {one.get("name") for one in devices}
    for device in devices:
        if not device.get("agent"):
            yield f"line {device.sourceline}: fence device {device.get('name')} has no agent"
    for use in root.iterfind("clusternodes/clusternode/fence/method/device"):
        if use.get("name") not in known:
            yield f"line {use.sourceline}: no fence device is called {use.get('name')!r}"
    cman = root.find("cman")
    if cman is not None and cman.get("two_node") == "1":
        if len(nodes) != 2:
            yield f"line {cman.sourceline}: two_node is 1 and there are {len(nodes)} nodes"
        if cman.get("expected_votes", "1") != "1":
            yield f"line {cman.sourceline}: with two_node expected_votes has to be 1"
    yield from _check_rm(root, {node.get("name") for node in nodes})


def _check_rm(root: Element, nodes: set[str | None]) -> Iterator[str]:
    rm = root.find("rm")
    if rm is None:
        return
    domains = {one.get("name") for one in rm.iterfind("failoverdomains/failoverdomain")}
    for member in rm.iterfind("failoverdomains/failoverdomain/failoverdomainnode"):
        if member.get("name") not in nodes:
            yield f"line {member.sourceline}: a failover domain names {member.get('name')!r}, which is no node"
    known = {(one.tag, _key(one)) for one in rm.iterfind("resources/*") if isinstance(one.tag, str)}
    for service in _services(rm):
        if service.get("domain") and service.get("domain") not in domains:
            yield f"line {service.sourceline}: no failover domain is called {service.get('domain')!r}"
        for one in service.iterdescendants():
            if isinstance(one.tag, str) and one.get("ref") and (one.tag, one.get("ref")) not in known:
                yield f"line {one.sourceline}: no <{one.tag}> of <resources> is called {one.get('ref')!r}"


def _unique(elements: list[Element], attribute: str, what: str) -> Iterator[str]:
    seen: set[str] = set()
    for element in elements:
        text = element.get(attribute)
        if not text:
            yield f"line {element.sourceline}: <{element.tag}> has no {attribute}"
        elif text in seen:
            yield f"line {element.sourceline}: the {what} {text!r} is there twice"
        else:
            seen.add(text)


def _key(element: Element) -> str:
    """What a reference names: the address of an ip, else the name."""
    return (element.get("address") if element.tag == "ip" else None) or element.get("name") or ""


def _services(rm: Element) -> list[Element]:
    return [one for one in rm if one.tag in ("service", "vm")]


# --- the cluster ----------------------------------------------------------------------------------------


def _cluster(made: Imported, root: Element, where: str) -> None:
    for node in root.iterfind("clusternodes/clusternode"):
        name = node.get("name") or ""
        others = [one.get("name") or "" for one in node.findall("altname")]
        made.nodes.append(ForeignNode(name, (name, *others), int(node.get("nodeid") or 0), int(node.get("votes", "1"))))
    cman = root.find("cman")
    if cman is not None:
        made.two_node = cman.get("two_node") == "1"
        if not made.two_node and (cman.get("expected_votes") or "").isdigit():
            made.expected_votes = int(cman.get("expected_votes") or 0)
        for key, text in attributes(cman).items():
            if key not in ("two_node", "expected_votes"):
                made.leave(f"{where}, line {cman.sourceline}", f"cman {key}={text!r}", {
                    "transport": "nodes are reached by address now",
                    "upgrading": "it was for one upgrade", "keyfile": "a new key: `hashell keygen`",
                    "port": "set `port` in hashelld's settings if 5460 is taken",
                }.get(key, "there is no such option"))
        for inner in cman:
            if inner.tag == "multicast":
                made.leave(f"{where}, line {inner.sourceline}", f"multicast {inner.get('addr')}", "none is used")
    totem = root.find("totem")
    if totem is not None:
        made.token_ms = milliseconds(totem.get("token") or "", 1)
        for key, text in attributes(totem).items():
            if key == "rrp_mode" and text in ("active", "passive"):
                made.corosync["totem.link_mode"] = text
            elif key in ("consensus", "join", "token_retransmits_before_loss_const"):
                made.corosync[f"totem.{key}"] = text
            elif key not in ("token", "rrp_mode"):
                made.leave(f"{where}, line {totem.sourceline}", f"totem {key}={text!r}", "set it in corosync.conf if "
                           "corosync is the engine")
    reasons = {
        "quorumd": "a quorum disk has no equivalent: let a third machine vote (hashelld --arbiter), or use a quorum "
                   "device of corosync",
        "dlm": "run dlm_controld as a cloned resource: ocf:pacemaker:controld",
        "gfs_controld": "GFS2 needs only dlm_controld today",
        "logging": "hashelld logs to standard error or to log_file",
        "uidgid": "users come with ACLs: `configure role`, `configure acl_target`",
        "clvmd": "use LVM-activate with lvmlockd",
        "fence_daemon": "",
    }
    for element in root:
        if element.tag == "fence_daemon":
            for key, text in attributes(element).items():
                made.leave(f"{where}, line {element.sourceline}", f"fence_daemon {key}={text!r}", {
                    "post_fail_delay": "set priority-fencing-delay, or pcmk_delay_base of a device",
                    "post_join_delay": "nodes that never came are fenced after dc-deadtime (startup-fencing)",
                    "clean_start": "property startup-fencing=false does the same, and is as dangerous",
                }.get(key, "there is no such option"))
        elif isinstance(element.tag, str) and element.tag not in (
            "clusternodes", "cman", "totem", "fencedevices", "rm"
        ):
            made.leave(f"{where}, line {element.sourceline}", f"<{element.tag}>", reasons.get(element.tag, "not known"))


# --- fencing --------------------------------------------------------------------------------------------


def _fencing(made: Imported, root: Element, where: str, names: Names) -> None:
    """One device of ours for each way a device of theirs is used, and levels where a node has several methods."""
    devices = {one.get("name") or "": one for one in root.iterfind("fencedevices/fencedevice")}
    made_ids: dict[tuple[str, str], str] = {}
    topology: list[str] = []
    several = False
    for node in root.iterfind("clusternodes/clusternode"):
        levels: list[str] = []
        for method in node.iterfind("fence/method"):
            ids: dict[str, None] = {}
            for use in method.iterfind("device"):
                if use.get("action", use.get("option", "")) == "on":
                    continue  # Both supplies off, then on: the cluster does that by itself.
                device = devices[use.get("name") or ""]
                if device.get("agent") == "fence_pcmk":
                    made.leave(f"{where}, line {use.sourceline}", "fence_pcmk", "it passed fencing on to Pacemaker, "
                               "whose own devices stand in its CIB")
                    continue
                ids[_device(made, made_ids, names, device, use, node.get("name") or "")] = None
            if ids:
                levels.append(",".join(ids))
        several |= len(levels) > 1 or any("," in level for level in levels)
        if levels:
            topology.append(f"{node.get('name')}: {' '.join(levels)}")
        else:
            made.leave(f"{where}, line {node.sourceline}", f"clusternode {node.get('name')}", "nothing fences it: its "
                       "services cannot be recovered safely")
    for name, device in devices.items():
        if device.get("agent") != "fence_pcmk" and not any(one == name for one, _ in made_ids):
            made.leave(f"{where}, line {device.sourceline}", f"fencedevice {name}", "no node uses it")
    if several:
        made.crm.append("fencing_topology " + " ".join(topology))
    if made_ids:
        made.crm.insert(0, "property stonith-enabled=true")


def _device(made: Imported, known: dict[tuple[str, str], str], names: Names, device: Element, use: Element,
            node: str) -> str:
    name = device.get("name") or ""
    if (name, node) in known:
        return known[name, node]
    params = {key: text for key, text in attributes(device).items() if key not in ("name", "agent")}
    port = use.get("port") or use.get("domain") or use.get("ports") or ""
    for key, text in attributes(use).items():
        if key == "delay":
            params["pcmk_delay_base"] = text
        elif key not in ("name", "port", "domain", "ports", "action", "option"):
            params[key] = text
    params["pcmk_host_list"] = node
    if port:
        params["pcmk_host_map"] = f"{node}:{port}"
    made_name = names.make("fence", name, node)
    made.crm.append(primitive(made_name, f"stonith:{device.get('agent')}", params, monitor="60s"))
    made.crm.append(f"location {names.make(made_name, 'not-on', node)} {made_name} -inf: {node}")
    known[name, node] = made_name
    return made_name


# --- services -------------------------------------------------------------------------------------------


def _resource_manager(made: Imported, rm: Element, where: str, names: Names) -> None:
    shared = {(one.tag, _key(one)): one for one in rm.iterfind("resources/*") if isinstance(one.tag, str)}
    used: set[Element] = set()
    domains = {one.get("name"): one for one in rm.iterfind("failoverdomains/failoverdomain")}
    for key, text in attributes(rm).items():
        made.leave(f"{where}, line {rm.sourceline}", f"rm {key}={text!r}", "rgmanager's own; the cluster's log tells")
    for service in _services(rm):
        where_line = f"{where}, line {service.sourceline}"
        name = service.get("name") or service.get("ref") or ""
        members: list[str] = []
        if service.tag == "vm":
            source = shared.get(("vm", service.get("ref") or ""), service)
            used.add(source)
            top = _resource(made, source, where, names, wanted=name)
        else:
            for one in _in_order(service):
                source = shared.get((str(one.tag), one.get("ref") or ""), one)
                used.add(source)
                made_one = _resource(made, source, where, names)
                if made_one:
                    members.append(made_one)
            top = names.make(name) if len(members) != 1 else members[0]
            if not members:
                made.leave(where_line, f"service {name}", "nothing of it could be carried over")
                continue
            if len(members) > 1:
                made.crm.append(f"group {top} {' '.join(members)}")
        if top:
            _service_options(made, service, where_line, top)
            domain = domains.get(service.get("domain"))
            if domain is not None:
                _domain(made, domain, rm, top, names)
    for source in shared.values():
        if source not in used:
            made.leave(f"{where}, line {source.sourceline}", f"<{source.tag}> {_key(source)}", "no service uses it")


def _in_order(parent: Element) -> Iterator[Element]:
    """As they start: parents before children, siblings by their kind's level, then as they stand."""
    children = [one for one in parent if isinstance(one.tag, str) and one.tag != "action"]
    rank = {kind: place for place, kind in enumerate(_LEVELS)}
    for child in sorted(children, key=lambda one: rank.get(str(one.tag), len(_LEVELS))):
        yield child
        yield from _in_order(child)


def _resource(made: Imported, one: Element, where: str, names: Names, wanted: str = "") -> str:
    """A line for a resource; its id, empty where there is no equivalent."""
    place, kind = f"{where}, line {one.sourceline}", str(one.tag)
    key = _key(one)
    if kind == "script":
        path = one.get("file") or ""
        if not re.fullmatch(r"/etc/(?:rc\.d/)?init\.d/[\w.@-]+", path):
            made.leave(place, f"script {path}", "only scripts below /etc/init.d run as they are: put "
                       "it there, or write a unit of systemd")
            return ""
        name = names.make(wanted or one.get("name") or path.rpartition("/")[2])
        made.crm.append(primitive(name, f"lsb:{path.rpartition('/')[2]}", {}))
        return name
    if kind not in _KINDS:
        made.leave(place, f"<{kind}> {key}", {
            "nfsexport": "use ocf:heartbeat:exportfs, one for each directory and client",
            "nfsclient": "use ocf:heartbeat:exportfs, one for each directory and client",
            "samba": "use systemd:smb", "smb": "use systemd:smb",
        }.get(kind, "there is no agent of that kind: see `ra list ocf`"))
        return ""
    agent, mapping = _KINDS[kind]
    params: dict[str, str] = {}
    meta: dict[str, str] = {}
    if kind == "ip":
        address, _, bits = (one.get("address") or "").partition("/")
        params["ip"] = address
        if bits:
            params["cidr_netmask"] = bits
    if kind == "netfs":
        params.update(device=f"{one.get('host')}:{one.get('export')}", fstype=one.get("fstype") or "nfs")
    if kind == "lvm":
        params["vg_access_mode"] = "system_id"
        made.leave(place, f"<lvm> {key}", "choose vg_access_mode of LVM-activate; system_id is written")
    if kind == "clusterfs":
        made.leave(place, f"<clusterfs> {key}", "a cluster file system is mounted everywhere: make it a clone over "
                   "dlm_controld")
    if kind == "vm":
        meta["allow-migrate"] = "false" if one.get("migrate") == "pause" else "true"
        params["migration_transport"] = "ssh"
        if not one.get("xmlfile"):
            folder = (one.get("path") or "/etc/libvirt/qemu").split(":")[0].rstrip("/")
            params["config"] = f"{folder}/{one.get('name')}.xml"
    for attribute, parameter in mapping.items():
        if one.get(attribute):
            params[parameter] = one.get(attribute) or ""
    ignored = {"address", "host", "export", "path", "migrate", "domain", "autostart", "recovery", "exclusive",
               "max_restarts", "restart_expire_time", "fstype", "migration_mapping", "use_virsh", "depend",
               "depend_mode", "family"}
    for attribute, text in attributes(one).items():
        if attribute not in mapping and attribute not in _COMMON and attribute not in ignored:
            made.leave(place, f"{kind} {attribute}={text!r}", f"{agent} has no such parameter")
    name = names.make(wanted or f"{kind}-{key}" if kind in ("ip",) else wanted or key or kind)
    made.crm.append(primitive(name, agent, params, meta))
    return name


def _service_options(made: Imported, service: Element, place: str, top: str) -> None:
    meta: dict[str, str] = {}
    if service.get("autostart") in ("0", "no", "false"):
        meta["target-role"] = "Stopped"
    if service.get("max_restarts", "0").isdigit() and int(service.get("max_restarts", "0")) > 0:
        meta["migration-threshold"] = service.get("max_restarts", "")
    if service.get("restart_expire_time", "0") not in ("", "0"):
        meta["failure-timeout"] = service.get("restart_expire_time", "") + "s"
    recovery = service.get("recovery", "restart")
    if recovery == "relocate":
        meta["migration-threshold"] = "1"
    elif recovery == "disable":
        made.leave(place, "recovery=disable", f"give the monitors of {top} on-fail=stop")
    elif recovery == "restart-disable":
        made.leave(place, "recovery=restart-disable", f"no equivalent: on-fail=stop for {top} comes closest")
    if service.get("exclusive", "0") not in ("0", "no", "false"):
        made.leave(place, "exclusive", f"keep others away by colocations of -inf: to {top}, or by utilization")
    for key in ("depend", "depend_mode", "nfslock", "priority"):
        if service.get(key):
            hint = "write order and colocation" if key.startswith("depend") else "no equivalent"
            made.leave(place, f"{key}={service.get(key)!r}", hint)
    if meta:
        for number, line in enumerate(made.crm):
            words = line.split()
            if words[:2] in (["group", top], ["primitive", top]):
                head, op, tail = line.partition(" op monitor")
                joined = pairs(meta) if " meta " in head else f"meta {pairs(meta)}"
                made.crm[number] = f"{head} {joined}{op}{tail}"


def _domain(made: Imported, domain: Element, rm: Element, top: str, names: Names) -> None:
    """Ordered: the lower the priority's number the higher the score. Restricted: nowhere else."""
    ordered = domain.get("ordered", "0") not in ("0", "no", "false")
    members = domain.findall("failoverdomainnode")
    for member in members:
        priority = member.get("priority", "1")
        points = 1000 - 10 * int(priority) if ordered and priority.isdigit() else 100
        node = member.get("name") or ""
        made.crm.append(f"location {names.make(top, 'on', node)} {top} {max(1, points)}: {node}")
    if domain.get("restricted", "0") not in ("0", "no", "false"):
        inside = {member.get("name") for member in members}
        for name in (node.name for node in made.nodes):
            if name not in inside:
                made.crm.append(f"location {names.make(top, 'never-on', name)} {top} -inf: {name}")
    if domain.get("nofailback", "0") not in ("0", "no", "false"):
        line = f"meta {value('resource-stickiness', 'INFINITY')}"
        for number, text in enumerate(made.crm):
            if text.split()[:2] == ["group", top]:
                made.crm[number] = f"{text} {line if ' meta ' not in text else line.removeprefix('meta ')}"
            elif text.split()[:2] == ["primitive", top]:
                head, op, tail = text.partition(" op monitor")
                joined = line if " meta " not in head else line.removeprefix("meta ")
                made.crm[number] = f"{head} {joined}{op}{tail}"
