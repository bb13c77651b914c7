"""Commands of crmsh and pcs that make no sense here, or are said otherwise: one line each, the way that does it."""

from __future__ import annotations

_COROSYNC = "where the cluster runs on corosync: `corosync show|get|set|edit|push|reload`; else nothing is to be set"
_SBD = "a node that must not go on is ended by its own watchdog: see `hashelld --help`; fence devices: `stonith create`"
_GEO = "tickets are granted by hand: `site ticket grant|revoke|standby|activate TICKET`; a booth of its own runs beside"
_KEY = "there is no pcsd: nodes trust one key; `hashell keygen FILE`, copied to each node"
_QUORUM = "votes are counted by the members; a third vote without resources: `hashelld --arbiter`; see `quorum`"

#: The first words of a pcs line → the way. The longest that fits counts.
PCS = {
    "host deauth": "nothing is kept that could be forgotten: ssh's own keys let a machine in or not",
    "pcsd": _KEY, "client": _KEY, "cluster pcsd-status": _KEY, "status pcsd": _KEY, "cluster authkey": _KEY,
    "cluster node rename-cib": "its daemon says it: `hashelld --node NAME`, then `pcs cluster node clear OLD`",
    "cluster node rename-corosync": _COROSYNC, "cluster uidgid": _COROSYNC,
    "config import-cman": "`hashell import /etc/cluster/cluster.conf`",
    "config export": "`pcs resource|stonith|constraint config --output-format cmd`, those of properties and defaults",
    "quorum device": _QUORUM, "qdevice": _QUORUM, "status qdevice": _QUORUM,
    "booth": _GEO, "status booth": _GEO, "dr": _GEO,
    "stonith sbd": _SBD,
    "stonith update-scsi-devices": "`stonith update DEVICE devices=…`: what uses the device is started again",
}
#: Level and command of crm → the way; a level alone for all of it.
CRM = {
    "sbd": _SBD,
    "cluster geo-init": _GEO, "cluster geo-join": _GEO, "cluster geo-init-arbitrator": _GEO,
}


def way(table: dict[str, str], words: list[str]) -> str:
    """What does here what the words ask for; empty when nobody knows."""
    line = " ".join(words[:3]).lower()
    if table is CRM and " " in line:
        line = line.replace("_", "-")
    found = [
        key for key in table if line == key or line.startswith((f"{key} ",) if not key.endswith("-") else (key,))
    ]
    return table[max(found, key=len)] if found else ""
