"""Agents that stand in for those of real machines, so that a tutorial's lines can be typed as written on one machine
without root.

In:  the names of agents that a tutorial uses. Out: a folder for OCF_ROOT and one for init scripts, in which each such
agent has its own name and parameters, and does the nearest thing that can be done without root:

    address   holds the address on loopback: 192.168.9.47 is held as 127.168.9.47; a second holder fails
    mount     holds the device: whoever mounts it a second time, on any node, fails
    web       a web server on the tutorial's address that answers with its node's name
    replica   keeps in a file whether it is promoted, and gives promotion scores

They end with their node, as the real ones do when a machine loses power.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from hashell.agents.call import OWN
from hashell.errors import BadInput

#: Agent → what it does here, and its parameters (* marks the required ones). Names: the agents' own descriptions.
KINDS: Mapping[str, tuple[str, str]] = {
    "heartbeat:IPaddr2": ("address", "ip* nic cidr_netmask broadcast iflabel lvs_support clusterip_hash arp_count"),
    "heartbeat:Filesystem": ("mount", "device* directory* fstype* options run_fsck force_unmount"),
    "heartbeat:apache": ("web", "configfile httpd port statusurl testregex options client"),
    "heartbeat:nginx": ("web", "configfile httpd port status10url options"),
    "heartbeat:pgsql": (
        "replica",
        "pgctl psql pgdata pgport config rep_mode node_list restore_command primary_conninfo_opt master_ip start_opt "
        "repuser tmpdir stop_escalate monitor_user",
    ),
    "linbit:drbd": ("replica", "drbd_resource* drbdconf"),
    "pacemaker:Stateful": ("replica", "state"),
}
_ACTIONS = {
    "address": ("start", "stop", "monitor"), "mount": ("start", "stop", "monitor"), "web": ("start", "stop", "monitor"),
    "replica": ("start", "stop", "promote", "demote", "monitor", "notify"),
}
#: What it is carried out by: our own agent, with its parameters from the real one's.
_BY = {
    "address": """OCF_RESKEY_ip="127.${OCF_RESKEY_ip#*.}" OCF_RESKEY_claim_port=@claim@ exec "$own/VirtualIP" "$@" """,
    "mount": """OCF_RESKEY_ip=127.0.0.1 OCF_RESKEY_claim_port=@claim@ exec "$own/VirtualIP" "$@" """,
    "web": """OCF_RESKEY_ip=@site@ OCF_RESKEY_port=@port@ exec "$own/WebServer" "$@" """,
    "replica": """unset OCF_RESKEY_state; exec "$own/Stateful" "$@" """,
}

_AGENT = """#!/bin/sh
# Stands in for ocf:@name@ where one machine plays several and nobody is root.
own=@own@
if [ "$1" = meta-data ]; then
cat <<'END'
@metadata@
END
exit 0
fi
# What must be there when it runs is looked for by the real agent; so it is here.
for name in @required@; do
\teval "value=\\"\\$OCF_RESKEY_$name\\""
\t[ -n "$value" ] || { echo "ocf-exit-reason:parameter $name is needed" >&2; exit 6; }
done
[ "$1" = validate-all ] && exit 0
@by@
"""

#: An init script as distributions ship them. Exit codes of status: LSB Core 5.0, "Init Script Actions".
_SCRIPT = """#!/bin/sh
### BEGIN INIT INFO
# Provides:          @name@
# Required-Start:    $network
# Required-Stop:     $network
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: a small server that answers with its node's name
### END INIT INFO
export HA_RSCTMP="${HASHELL_RUN_DIR:-/tmp}/rsctmp" OCF_RESOURCE_INSTANCE=@name@
export OCF_RESKEY_ip=@site@ OCF_RESKEY_port=@port@
mkdir -p "$HA_RSCTMP"
case "$1" in
start|stop) exec @own@/WebServer "$1";;
restart|force-reload) "$0" stop && exec "$0" start;;
status) @own@/WebServer monitor && { echo "@name@ is running"; exit 0; }; echo "@name@ is stopped"; exit 3;;
*) echo "Usage: $0 start|stop|restart|force-reload|status" >&2; exit 2;;
esac
"""


def on_loopback(address: str) -> str:
    """Where an address is held: the same, with its first byte 127."""
    return "127." + address.partition(".")[2]


def write(
    folder: Path, agents: tuple[str, ...], script: str, address: str, ports: tuple[int, int, int]
) -> dict[str, str]:
    """Write the agents (as ocf:PROVIDER:TYPE) and, when named, the init script below `folder`.

    `address` is the tutorial's service address as typed; `ports` are free ones: of the web server, and what stands for
    holding the address and for holding the device. Returns the variables that make daemons and commands find them.
    Raises BadInput for an agent that nobody stands in for.
    """
    port, claim, device = ports
    own = str(OWN / "ocf" / "hashell")
    for name in agents:
        _, _, agent = name.partition(":")
        if agent not in KINDS:
            raise BadInput(f"nobody stands in for {name}", "there are ocf:" + ", ocf:".join(KINDS))
        kind, words = KINDS[agent]
        provider, _, type_ = agent.partition(":")
        parameters = words.split()
        _put(folder / "resource.d" / provider / type_, _AGENT, {
            "metadata": _metadata(type_, kind, parameters), "name": agent, "own": shlex.quote(own),
            "required": " ".join(one[:-1] for one in parameters if one.endswith("*")), "by": _BY[kind].strip(),
            "claim": str(device if kind == "mount" else claim), "site": on_loopback(address), "port": str(port),
        })
    if script:
        _put(folder / "init.d" / script, _SCRIPT, {
            "name": script, "site": on_loopback(address), "port": str(port), "own": shlex.quote(own),
        })
    return {"OCF_ROOT": str(folder), "HASHELL_INIT_DIR": str(folder / "init.d"), "HASHELL_PYTHON": sys.executable}


def _put(path: Path, template: str, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(template, encoding="utf-8")
    path.chmod(0o755)


def _metadata(type_: str, kind: str, parameters: list[str]) -> str:
    rows = "".join(
        f'<parameter name={quoteattr(one.rstrip("*"))} required="{int(one.endswith("*"))}">'
        '<longdesc lang="en">As of the real agent.</longdesc>'
        f'<shortdesc lang="en">{escape(one.rstrip("*"))}</shortdesc>'
        '<content type="string"/></parameter>\n'
        for one in parameters
    )
    actions = "".join(
        f'<action name="{one}" timeout="20s"' + (' interval="10s" depth="0"' if one == "monitor" else "") + "/>\n"
        for one in (*_ACTIONS[kind], "validate-all", "meta-data")
    )
    return (
        f'<?xml version="1.0"?>\n<resource-agent name="{type_}" version="1.1">\n<version>1.1</version>\n'
        f'<longdesc lang="en">Stands in for the real {type_} ({kind}).</longdesc>\n'
        f'<shortdesc lang="en">Stand-in for {type_}</shortdesc>\n'
        f"<parameters>\n{rows}</parameters>\n<actions>\n{actions}</actions>\n</resource-agent>"
    )
