"""Heartbeat (Linux-HA 1, 2 and 3): ha.cf, haresources and authkeys.

Source: ha.cf(5), the comments in Heartbeat's example files, and its resource.d scripts' usage.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from hashell.commands.foreign.imported import ForeignNode, Imported, Names, milliseconds, pairs, primitive

#: Directives that only told Heartbeat how to run.
_RUN_ONLY = {
    "apiauth", "hbgenmethod", "realtime", "rtprio", "use_logd", "conn_logd_time", "compression",
    "compression_threshold", "coredumps", "cluster", "uuidfrom", "traditional_compression", "msgfmt", "nice_failback",
    "memreserve", "max_rexmit_delay", "hopfudge", "logfile", "debugfile", "logfacility", "debug", "deadping",
}
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?:/\S*)?")


def is_ha_cf(text: str) -> bool:
    words = {line.split()[0] for line in text.splitlines() if line.split() and not line.startswith("#")}
    return "node" in words and bool(words & {"keepalive", "deadtime", "bcast", "ucast", "mcast", "auto_failback"})


def is_authkeys(text: str) -> bool:
    return any(re.match(r"\s*auth\s+\d+\s*$", line) for line in text.splitlines())


def is_haresources(text: str) -> bool:
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return bool(lines) and all(len(words) >= 2 for words in lines) and not is_ha_cf(text)


def read(ha_cf: str, haresources: str = "", authkeys: str = "", where: str = "ha.cf") -> Imported:
    """All of a Heartbeat cluster. Each text may be empty."""
    made, names = Imported(where), Names()
    made.cluster = "heartbeat"
    pings = _ha_cf(made, ha_cf, where)
    if authkeys:
        _authkeys(made, authkeys)
    groups = _haresources(made, haresources, names) if haresources else []
    if pings:
        _ping(made, pings, groups, names)
    made.two_node = len(made.nodes) == 2
    return made


def _ha_cf(made: Imported, text: str, where: str) -> list[str]:
    """The directives; what was pinged."""
    pings: list[str] = []
    unicast: list[str] = []
    failback = "legacy"
    names: list[str] = []
    for number, raw in enumerate(text.splitlines(), 1):
        words = raw.split("#", 1)[0].split()
        if not words:
            continue
        key, rest, place = words[0].lower(), words[1:], f"{where}, line {number}"
        if key == "node":
            names += rest
        elif key == "keepalive" and rest:
            made.heartbeat_ms = milliseconds(rest[0])
        elif key == "deadtime" and rest:
            made.token_ms = milliseconds(rest[0])
        elif key == "ucast" and len(rest) == 2:
            unicast.append(rest[1])
        elif key in ("ping", "ping_group") and rest:
            pings += rest[1:] if key == "ping_group" else rest
        elif key == "auto_failback" and rest:
            failback = rest[0].lower()
        elif key == "watchdog" and rest:
            made.watchdog = rest[0]
        elif key in ("stonith_host", "stonith"):
            _stonith(made, key, rest, place)
        elif key == "respawn":
            if not any(word.endswith("/ipfail") for word in rest):
                made.leave(place, raw.strip(), "make it a resource of its own, or a unit of systemd")
        elif key in ("crm", "pacemaker") and rest and rest[0].lower() not in ("no", "off", "false", "0"):
            made.leave(place, f"{key} {rest[0]}", "its resources stand in a CIB: give that to `cib import`")
        else:
            made.leave(place, raw.strip(), _why(key))
    made.nodes = [ForeignNode(name) for name in names]
    if unicast:
        if len(unicast) == len(names):
            made.nodes = [ForeignNode(name, (address,)) for name, address in zip(names, unicast, strict=True)]
            made.leave(where, "ucast " + ", ".join(unicast), "taken as the nodes' addresses in the order of `node`: "
                       "look whether that is right")
        else:
            made.leave(where, "ucast " + ", ".join(unicast), "addresses of some nodes; which is whose is not said: add "
                       "NODE=ADDRESS")
    stickiness = "0" if failback in ("on", "yes", "true", "1") else "INFINITY"
    made.crm.append(f"rsc_defaults resource-stickiness={stickiness}")
    return pings


def _why(key: str) -> str:
    if key in _RUN_ONLY:
        return "it told Heartbeat how to run or to log; there is nothing to carry over"
    return {
        "bcast": "nodes are reached by address now: add NODE=ADDRESS",
        "mcast": "nodes are reached by address now: add NODE=ADDRESS",
        "serial": "there is no link over a serial line; use a second network",
        "baud": "there is no link over a serial line",
        "udpport": "set `port` in hashelld's settings if 5460 is taken",
        "warntime": "late heartbeats are told by themselves",
        "initdead": "set join_window_ms in hashelld's settings if nodes start slowly",
        "autojoin": "the node list, or zeroconf, says who may join",
    }.get(key, "not known")


def _stonith(made: Imported, key: str, rest: Sequence[str], place: str) -> None:
    what = f"{key} {' '.join(rest[:2])} …"
    made.leave(place, what, "its plug-ins take parameters by place: add a fence device with named ones, see "
               "`ra list stonith`")


def _authkeys(made: Imported, text: str) -> None:
    """The method is told, the key itself never is."""
    number = next((found.group(1) for found in re.finditer(r"(?m)^\s*auth\s+(\d+)", text)), "")
    method = next((found.group(1) for found in re.finditer(rf"(?m)^\s*{number}\s+(\w+)", text)), "") if number else ""
    why = "a new key takes its place: `hashell keygen`, then copy it to all nodes"
    if method.lower() == "crc":
        why = "crc proves nothing, so messages were not protected; " + why
    made.leave("authkeys", f"the key ({method or 'no method'})", why)


# --- haresources ----------------------------------------------------------------------------------------


def _joined(text: str) -> list[tuple[int, list[str]]]:
    """Words of each logical line, with the number of its first."""
    found: list[tuple[int, list[str]]] = []
    start, kept = 0, ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split("#", 1)[0].rstrip()
        if not kept:
            start = number
        kept += " " + line.removesuffix("\\")
        if line.endswith("\\"):
            continue
        if kept.split():
            found.append((start, kept.split()))
        kept = ""
    if kept.split():
        found.append((start, kept.split()))
    return found


def _ip(arguments: Sequence[str]) -> dict[str, str]:
    """ADDRESS[/BITS[/INTERFACE[:N][/BROADCAST]]]."""
    parts = arguments[0].split("/") if arguments else [""]
    params = {"ip": parts[0]}
    for part in parts[1:]:
        if part.isdigit() and "cidr_netmask" not in params:
            params["cidr_netmask"] = part
        elif _ADDRESS.fullmatch(part):
            params["broadcast"] = part
        elif part:
            params["nic"] = part.partition(":")[0]
    return params


def _named(*names: str) -> Callable[[Sequence[str]], dict[str, str]]:
    return lambda arguments: {name: text for name, text in zip(names, arguments, strict=False) if text}


_SCRIPTS: dict[str, tuple[str, Callable[[Sequence[str]], dict[str, str]]]] = {
    "IPaddr": ("ocf:heartbeat:IPaddr2", _ip),
    "IPaddr2": ("ocf:heartbeat:IPaddr2", _ip),
    "IPsrcaddr": ("ocf:heartbeat:IPsrcaddr", _named("ipaddress")),
    "Filesystem": ("ocf:heartbeat:Filesystem", _named("device", "directory", "fstype", "options")),
    "LVM": ("ocf:heartbeat:LVM-activate", _named("vgname")),
    "apache": ("ocf:heartbeat:apache", _named("configfile")),
    "MailTo": ("ocf:heartbeat:MailTo", _named("email", "subject")),
    "Raid1": ("ocf:heartbeat:mdraid", _named("mdadm_conf", "md_dev")),
    "db2": ("ocf:heartbeat:db2", _named("instance")),
    "portblock": ("ocf:heartbeat:portblock", _named("protocol", "portno", "action")),
    "Delay": ("ocf:heartbeat:Delay", _named("startdelay")),
    "ldirectord": ("ocf:heartbeat:ldirectord", _named("configfile")),
    "Xinetd": ("ocf:heartbeat:Xinetd", _named("service")),
    "SendArp": ("ocf:heartbeat:SendArp", _named("ip", "nic")),
}


def _haresources(made: Imported, text: str, names: Names) -> list[str]:
    """One line: the node that is preferred, and resources that start from left to right. The groups' ids."""
    groups: list[str] = []
    for number, (node, *specs) in _joined(text):
        place = f"haresources, line {number}"
        members: list[str] = []
        lines: list[str] = []
        drbd: list[str] = []
        for spec in specs:
            kind, *arguments = spec.split("::")
            if _ADDRESS.fullmatch(kind):
                kind, arguments = "IPaddr2", [kind]
            if kind == "drbddisk":
                drbd.append(arguments[0] if arguments else "all")
                continue
            if kind in _SCRIPTS:
                agent, reader = _SCRIPTS[kind]
                params = reader(arguments)
                if kind == "LVM":
                    params["vg_access_mode"] = "system_id"
                    made.leave(place, spec, "LVM-activate takes its place: choose vg_access_mode")
                name = names.make(_short(kind), arguments[0] if arguments else node)
                lines.append(primitive(name, agent, params))
            else:
                name = names.make(kind)
                lines.append(primitive(name, f"lsb:{kind}", {}))
                if arguments:
                    made.leave(place, spec, f"a script of init takes no arguments: {' '.join(arguments)} is lost")
            members.append(name)
        made.crm += lines
        if not members and not drbd:
            made.leave(place, node, "no resources stand on this line")
            continue
        if not members:
            made.leave(place, " ".join(specs), "drbd alone: what uses it is not said")
        top = ""
        if members:
            top = names.make("group", node) if len(members) > 1 else members[0]
            if len(members) > 1:
                made.crm.append(f"group {top} {' '.join(members)}")
            made.crm.append(f"location {names.make('prefer', top, node)} {top} 100: {node}")
            groups.append(top)
        for one in drbd:
            _drbd(made, names, one, top)
    return groups


def _short(kind: str) -> str:
    return {"IPaddr": "ip", "IPaddr2": "ip", "Filesystem": "fs"}.get(kind, kind.lower())


def _drbd(made: Imported, names: Names, resource: str, top: str) -> None:
    """drbddisk only made one side primary; today the cluster runs both sides and promotes one."""
    name = names.make("drbd", resource)
    clone = names.make(name, "clone")
    made.crm.append(primitive(name, "ocf:linbit:drbd", {"drbd_resource": resource}, monitor="29s role=Promoted")
                    + " op monitor interval=31s role=Unpromoted")
    meta = {"promotable": "true", "promoted-max": "1", "clone-max": "2", "notify": "true"}
    made.crm.append(f"clone {clone} {name} meta {pairs(meta)}")
    if top:
        made.crm.append(f"colocation {names.make(top, 'with', name)} inf: {top} {clone}:Promoted")
        made.crm.append(f"order {names.make(name, 'before', top)} Mandatory: {clone}:promote {top}:start")


def _ping(made: Imported, hosts: Sequence[str], groups: Sequence[str], names: Names) -> None:
    """ipfail moved services to the node that reached more; so do a ping clone and a rule."""
    name = names.make("ping")
    clone = names.make("ping-clone")
    params = {"host_list": " ".join(dict.fromkeys(hosts)), "multiplier": "1000", "dampen": "5s"}
    made.crm.append(primitive(name, "ocf:pacemaker:ping", params, monitor="10s"))
    made.crm.append(f"clone {clone} {name}")
    for group in groups:
        made.crm.append(f"location {names.make('reach', group)} {group} rule pingd: defined pingd")
