"""corosync.conf of corosync 1.x and 2.x: multicast or udpu, rings, plug-ins; to knet with a list of nodes.

Source: corosync.conf(5) of 1.4, 2.4 and 3.1.
"""

from __future__ import annotations

from hashell.commands.foreign.imported import ForeignNode, Imported
from hashell.values.corosync_conf import Section, parse_sections

#: Values of totem that mean the same today.
_KEPT = frozenset({
    "token", "token_retransmit", "hold", "token_retransmits_before_loss_const", "join", "send_join", "consensus",
    "merge", "downcheck", "fail_recv_const", "seqno_unchanged_const", "heartbeat_failures_allowed",
    "max_network_delay", "window_size", "max_messages", "netmtu", "token_coefficient", "ip_version", "link_mode",
    "crypto_cipher", "crypto_hash", "cluster_name", "keyfile",
})
_GONE = {
    "threads": "the totem threads for encryption are gone; knet encrypts by itself",
    "vsftype": "virtual synchrony filters are gone",
    "clear_node_high_bit": "node ids stand in the node list now",
    "miss_count_const": "it is gone",
    "rrp_problem_count_timeout": "knet finds out by itself which link works",
    "rrp_problem_count_threshold": "knet finds out by itself which link works",
    "rrp_problem_count_mcast_threshold": "knet finds out by itself which link works",
    "rrp_token_expired_timeout": "knet finds out by itself which link works",
    "rrp_autorecovery_check_timeout": "knet finds out by itself which link works",
}
_INTERFACE_GONE = {
    "bindnetaddr": "an address of each node stands in the node list now",
    "mcastaddr": "knet uses no multicast",
    "broadcast": "knet uses no broadcast",
    "ttl": "knet uses no multicast",
}
_QUORUM_KEPT = frozenset({
    "wait_for_all", "last_man_standing", "last_man_standing_window", "auto_tie_breaker", "auto_tie_breaker_node",
    "allow_downscale",
})


def is_old(text: str) -> bool:
    """Whether this is a corosync.conf at all."""
    return any(line.strip().startswith("totem") and line.rstrip().endswith("{") for line in text.splitlines())


def read(text: str, where: str = "corosync.conf") -> Imported:
    """Raises BadCorosyncConf where the file cannot be read."""
    root = parse_sections(text, where)
    made = Imported(where)
    for section in root.sections:
        place = f"{where}, line {section.line}"
        if section.name == "totem":
            _totem(made, section, where)
        elif section.name == "nodelist":
            _nodelist(made, section, where)
        elif section.name == "quorum":
            _quorum(made, section, where)
        elif section.name == "logging":
            for key, value in section.values.items():
                if key == "timestamp" or key in ("to_logfile", "logfile", "to_syslog", "syslog_facility", "debug",
                                                 "to_stderr", "fileline", "logfile_priority", "syslog_priority"):
                    made.corosync[f"logging.{key}"] = value.text
                else:
                    made.leave(f"{where}, line {value.line}", f"logging.{key}", "corosync 3 has no such option")
            for inner in section.sections:
                made.leave(f"{where}, line {inner.line}", f"logging.{inner.name}",
                           "add it by hand if one part is to log more than the others")
        elif section.name == "service":
            name = section.values.get("name")
            what = f"service {name.text if name else ''}".strip()
            made.leave(place, what, "corosync starts no plug-ins any more: hashelld, or pacemakerd, is a service of "
                       "its own")
        elif section.name in ("aisexec", "amf", "event", "uidgid"):
            why = {"uidgid": "write a file below /etc/corosync/uidgid.d for it", "aisexec": "corosync runs as root"}
            made.leave(place, section.name, why.get(section.name, "it is gone since corosync 2"))
        else:
            made.leave(place, section.name, "not known")
    for key, value in root.values.items():
        made.leave(f"{where}, line {value.line}", f"{key}: {value.text}", "it is gone since corosync 2")
    made.two_node = len(made.nodes) == 2
    return made


def _totem(made: Imported, totem: Section, where: str) -> None:
    transport = totem.values.get("transport")
    for key, value in totem.values.items():
        place = f"{where}, line {value.line}"
        if key == "cluster_name":
            made.cluster = value.text
        elif key == "token":
            made.token_ms = int(value.text) if value.text.isdigit() else 0
        elif key == "secauth":
            if value.text in ("on", "yes", "1"):
                made.corosync.setdefault("totem.crypto_cipher", "aes256")
                made.corosync.setdefault("totem.crypto_hash", "sha256")
            else:
                made.leave(place, "secauth: off", "nothing was signed; add crypto_cipher and crypto_hash, and a key by "
                           "corosync-keygen. hashelld always signs")
        elif key in ("crypto_cipher", "crypto_hash") and value.text in ("3des", "nss", "aes"):
            made.leave(place, f"{key}: {value.text}", "no longer offered; aes256 and sha256 are used")
            made.corosync["totem.crypto_cipher"], made.corosync["totem.crypto_hash"] = "aes256", "sha256"
        elif key == "rrp_mode":
            if value.text in ("passive", "active"):
                made.corosync["totem.link_mode"] = value.text
        elif key in _KEPT:
            made.corosync[f"totem.{key}"] = value.text
        elif key == "nodeid":
            made.leave(place, f"nodeid: {value.text}", "ids stand in the node list; this one was of this node")
        elif key not in ("version", "transport"):
            made.leave(place, key, _GONE.get(key, "corosync 3 has no such option"))
    if transport is not None and transport.text in ("udp", "iba"):
        made.leave(f"{where}, line {transport.line}", f"transport: {transport.text}", "knet takes its place")
    _interfaces(made, totem, where)


def _interfaces(made: Imported, totem: Section, where: str) -> None:
    """Members of udpu are the nodes, by address: their names are not in the file."""
    members: dict[int, list[str]] = {}
    for interface in totem.all("interface"):
        number = interface.values.get("ringnumber") or interface.values.get("linknumber")
        ring = int(number.text) if number is not None and number.text.isdigit() else 0
        for key, value in interface.values.items():
            place = f"{where}, line {value.line}"
            if key == "mcastport":
                if value.text != "5405":
                    made.corosync.setdefault("totem.interface.linknumber", str(ring))
                    made.corosync.setdefault("totem.interface.mcastport", value.text)
            elif key in _INTERFACE_GONE:
                made.leave(place, f"{key}: {value.text}", _INTERFACE_GONE[key])
            elif key not in ("ringnumber", "linknumber"):
                made.leave(place, f"interface.{key}", "corosync 3 has no such option")
        for member in interface.all("member"):
            address = member.values.get("memberaddr")
            if address is not None:
                members.setdefault(ring, []).append(address.text)
    if members and not made.nodes:
        rings = [members[ring] for ring in sorted(members)]
        for row, first in enumerate(rings[0]):
            addresses = tuple(ring[row] for ring in rings if row < len(ring))
            made.nodes.append(ForeignNode(first, addresses))
            made.leave(where, f"memberaddr {first}", "no name for this node stands there: put in what `uname -n` says")


def _nodelist(made: Imported, nodelist: Section, where: str) -> None:
    found = []
    for node in nodelist.all("node"):
        get = {key: value.text for key, value in node.values.items()}
        addresses = tuple(get[f"ring{n}_addr"] for n in range(8) if get.get(f"ring{n}_addr"))
        name = get.get("name") or (addresses[0] if addresses else "")
        if not name:
            made.leave(f"{where}, line {node.line}", "node", "it has neither a name nor an address")
            continue
        id_text, votes = get.get("nodeid", ""), get.get("quorum_votes", "1")
        found.append(ForeignNode(name, addresses, int(id_text) if id_text.isdigit() else 0,
                                 int(votes) if votes.isdigit() else 1))
    made.nodes = found


def _quorum(made: Imported, quorum: Section, where: str) -> None:
    for key, value in quorum.values.items():
        place = f"{where}, line {value.line}"
        if key == "provider":
            if value.text != "corosync_votequorum":
                made.leave(place, f"provider: {value.text}", "corosync_votequorum takes its place")
        elif key == "expected_votes":
            made.expected_votes = int(value.text) if value.text.isdigit() else 0
        elif key in _QUORUM_KEPT:
            made.corosync[f"quorum.{key}"] = value.text
        elif key != "two_node":
            made.leave(place, f"quorum.{key}", "corosync 3 has no such option")
    for device in quorum.all("device"):
        made.leave(f"{where}, line {device.line}", "quorum.device",
                   "set the quorum device up anew, or let a third machine vote: hashelld --arbiter")
