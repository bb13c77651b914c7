"""Doctor: what is wrong with this node or this cluster, each finding with the way out.

`NodeFacts` is what a machine says of itself (gathered by doctor_facts.py); `about_node` and `about_cluster` judge, and
look at nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from hashell.commands.cluster import Worry, worries
from hashell.errors import HashellError

if TYPE_CHECKING:
    from hashell.cib.document import Cib
    from hashell.commands.env import Env
    from hashell.wire.messages import Info

#: A clock below this is certainly wrong: seconds since 1970, 1 January 2024.
CLOCK_MIN_S = 1_704_067_200
#: Bytes that have to be free where the CIB is kept; and seconds that clocks may differ.
FREE_MIN = 100 * 1024 * 1024
CLOCK_SKEW_S = 5.0
#: Load for each CPU beyond which heartbeats may come late.
LOAD_MAX = 4.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class PortFact(msgspec.Struct, frozen=True):
    """A port hashelld uses: free, ours (a hashelld answers), or taken."""

    number: int
    kind: str
    state: str


class KeyFact(msgspec.Struct, frozen=True):
    path: str
    exists: bool = False
    mode: int = 0
    own: bool = True
    size: int = 0


class NodeFacts(msgspec.Struct, frozen=True):
    """What a machine says of itself. None: it could not be found out, and nothing is said about it."""

    name: str = "node1"
    #: Names of nodes → addresses that they resolve to, empty for none.
    resolves: dict[str, tuple[str, ...]] = {}
    now_s: float = CLOCK_MIN_S
    synchronized: bool | None = None
    sockets: dict[str, str] = {}  # path → empty if it answers, else why not
    key: KeyFact | None = None
    ports: tuple[PortFact, ...] = ()
    free_bytes: int | None = None
    state_dir: str = ""
    state_writable: bool | None = None
    units: dict[str, str] = {}  # unit → what systemctl is-active says
    enabled: dict[str, str] = {}
    selinux: str = ""
    firewall: str = ""
    load: float = 0.0
    cpus: int = 1
    ocf_root: str = ""
    agents: int | None = None
    fence_agents: int | None = None
    watchdog: bool | None = None
    corosync_problem: str = ""
    has_daemon: bool = True


def about_node(facts: NodeFacts) -> tuple[Worry, ...]:
    """The worst first."""
    found = [*_names(facts), *_clock(facts), *_daemon(facts), *_network(facts), *_disk(facts), *_software(facts)]
    return tuple(sorted(found, key=lambda one: not one.bad))


def _names(facts: NodeFacts) -> Iterator[Worry]:
    if not _NAME.fullmatch(facts.name) or facts.name.startswith("localhost"):
        yield Worry("name-bad", f"this machine is called {facts.name!r}",
                    "`hostnamectl set-hostname NAME`: letters, digits, dots and dashes")
    for name, addresses in sorted(facts.resolves.items()):
        if not addresses:
            yield Worry("name-unknown", f"the name {name} leads to no address here",
                        "add it to /etc/hosts on every node, or use addresses in `peers`", bad=False)
        elif all(one.startswith("127.") or one == "::1" for one in addresses):
            yield Worry("name-loopback", f"the name {name} leads to {addresses[0]}, which no other node can reach",
                        "give it the address of the network in /etc/hosts", bad=False)


def _clock(facts: NodeFacts) -> Iterator[Worry]:
    if facts.now_s < CLOCK_MIN_S:
        yield Worry("clock-wrong", "this machine's clock is years behind", "set it, then `timedatectl set-ntp true`")
    elif facts.synchronized is False:
        yield Worry("clock-free", "nothing keeps this machine's clock right",
                    "install chrony, or `timedatectl set-ntp true`: rules and logs need one time", bad=False)


def _daemon(facts: NodeFacts) -> Iterator[Worry]:
    if not facts.has_daemon:
        yield Worry("no-daemon", "hashelld is not installed beside hashell", "`pip install hashell` again", bad=False)
    for path, why in sorted(facts.sockets.items()):
        if why:
            yield Worry("socket-dead", f"the socket {path} does not answer: {why}",
                        "if no hashelld runs, remove it; else see its log")
    active = {unit for unit, state in facts.units.items() if state == "active"}
    if "hashelld" in active and "pacemaker" in active:
        yield Worry("two-clusters", "hashelld and pacemaker both run here: both would start the same services",
                    "disable one of them: `systemctl disable --now pacemaker`")
    for unit, state in sorted(facts.units.items()):
        if state == "failed":
            yield Worry("unit-failed", f"{unit}.service has failed", f"see `journalctl -u {unit}`")
    if "hashelld" in active and facts.enabled.get("hashelld") == "disabled":
        yield Worry("not-enabled", "hashelld does not start with this machine", "`cluster enable`", bad=False)
    key = facts.key
    if key is None:
        return
    if not key.exists:
        if not facts.sockets or "hashelld" in active:
            yield Worry("no-key", f"there is no cluster key {key.path}",
                        "`hashell keygen` on one node, then copy it to the others", bad=False)
        return
    if key.mode & 0o077:
        yield Worry("key-open", f"the cluster key {key.path} can be read by others (mode {key.mode:04o})",
                    f"`chmod 600 {key.path}`; if somebody may have read it: `hashell keygen --rotate`")
    if not key.own:
        yield Worry("key-owner", f"the cluster key {key.path} belongs to another user", f"`chown root: {key.path}`")
    if key.size < 32:
        yield Worry("key-short", f"the cluster key {key.path} has {key.size} bytes", "make one with `hashell keygen`")


def _network(facts: NodeFacts) -> Iterator[Worry]:
    for port in facts.ports:
        if port.state == "taken":
            yield Worry("port-taken", f"{port.kind} port {port.number} is used by another program",
                        f"`ss -lp 'sport = {port.number}'` names it; or set `port` in hashelld's settings")
    if facts.firewall:
        numbers = ", ".join(f"{port.number}/{port.kind.lower()}" for port in facts.ports) or "5460/tcp, 5460/udp"
        yield Worry("firewall", f"{facts.firewall} filters packets here",
                    f"let {numbers} through from the other nodes", bad=False)
    if facts.selinux == "Enforcing":
        yield Worry("selinux", "SELinux is enforcing", "if agents fail with permission denied, see `ausearch -m avc`",
                    bad=False)


def _disk(facts: NodeFacts) -> Iterator[Worry]:
    if facts.state_writable is False:
        yield Worry("state-read-only", f"{facts.state_dir} cannot be written: the CIB could not be kept",
                    "mend its rights, or see whether the disk was remounted read-only")
    if facts.free_bytes is not None and facts.free_bytes < FREE_MIN:
        yield Worry("disk-full", f"only {facts.free_bytes // 1024 // 1024} MiB are free where the CIB is kept",
                    f"make room below {facts.state_dir}")
    if facts.load > LOAD_MAX * facts.cpus:
        yield Worry("load", f"the load is {facts.load:.0f} on {facts.cpus} CPUs: heartbeats may come late",
                    "find out what burns CPU; raise detect_ms if it has to be so", bad=False)


def _software(facts: NodeFacts) -> Iterator[Worry]:
    if facts.agents == 0:
        yield Worry("no-agents", f"there are no OCF agents below {facts.ocf_root}",
                    "install resource-agents, or use systemd: and the agents that come with hashell", bad=False)
    if facts.fence_agents == 0:
        yield Worry("no-fence-agents", "there are no fence agents here", "install fence-agents", bad=False)
    if facts.watchdog is False:
        yield Worry("no-watchdog", "there is no /dev/watchdog: a node that hangs cannot end itself",
                    "`modprobe softdog`, better a real one; then set `watchdog` in hashelld's settings", bad=False)
    if facts.corosync_problem:
        yield Worry("corosync-conf", facts.corosync_problem, "see `corosync check`")


# --- the cluster ------------------------------------------------------------------------------------------


def about_cluster(env: Env, info: Info, missing_agents: Iterable[str] = ()) -> tuple[Worry, ...]:
    """What worries about the cluster and its configuration, the worst first. `missing_agents` are not on this node."""
    cib = env.cib
    found = [*worries(cib, info), *_quorum(cib, info), *_overrides(cib), *_failed(cib), *_unwatched(cib)]
    found += [
        Worry("agent-missing", f"the agent {agent} is configured, and not installed on this node",
              "install it here too, or keep its resource off this node", bad=False)
        for agent in sorted(set(missing_agents))
    ]
    found += _configuration(env)
    return tuple(sorted(dict.fromkeys(found), key=lambda one: not one.bad))


def _quorum(cib: Cib, info: Info) -> Iterator[Worry]:
    """Two votes: the loss of either ends everything, or nothing decides between the halves."""
    if not info.engine or info.expected_votes != 2:
        return
    flags = set(info.quorum_flags)
    if "2Node" not in flags and info.quorum >= 2:
        yield Worry("two-nodes-stop", "two votes: if one node is lost the other has no quorum and stops everything",
                    "let a third machine vote (hashelld --arbiter), or set two_node and have fencing", bad=False)
    elif "2Node" in flags:
        options = _options(cib)
        fences = (options.get("fencing-enabled") or options.get("stonith-enabled") or "true").lower()
        if fences in ("false", "no", "off", "0", "n"):
            yield Worry("two-nodes-split", "two_node without fencing: when the link breaks both run all services",
                        "configure fencing, or let a third machine vote (hashelld --arbiter)")
        elif not any(name.startswith("priority-fencing-delay") for name in options) and not cib.root.xpath(
            "configuration/resources//nvpair[starts-with(@name, 'pcmk_delay')]"
        ):
            yield Worry("two-nodes-duel", "two_node and no fencing delay: both may fence each other at once",
                        "`property priority-fencing-delay=15s`, or pcmk_delay_base on one device", bad=False)


def _options(cib: Cib) -> dict[str, str]:
    return {
        pair.get("name") or "": pair.get("value") or ""
        for pair in cib.root.iterfind("configuration/crm_config//nvpair")
    }


def _overrides(cib: Cib) -> Iterator[Worry]:
    for one in cib.root.iterfind("configuration/constraints/rsc_location"):
        name = one.get("id") or ""
        if name.startswith(("cli-prefer-", "cli-ban-", "cli-standby-")) and one.find(".//date_expression") is None:
            resource = one.get("rsc") or name
            yield Worry("override", f"{resource} is held by {name}, which a move or ban left behind",
                        f"`resource clear {resource}` when it is no longer meant", bad=False)
    nodes = {node.get("uname") for node in cib.root.iterfind("configuration/nodes/node")}
    nodes |= {pair.get("value") for pair in cib.root.iterfind(".//nvpair[@name='remote-node']")}
    nodes |= {one.get("id") for one in cib.root.iterfind(".//primitive[@provider='pacemaker'][@type='remote']")}
    for one in cib.root.iterfind("configuration/constraints/rsc_location"):
        if one.get("node") and one.get("node") not in nodes:
            yield Worry("unknown-node", f"constraint {one.get('id')} names {one.get('node')}, which is no node",
                        f"`configure delete {one.get('id')}`, or mend the name", bad=False)


def _failed(cib: Cib) -> Iterator[Worry]:
    for state in cib.root.iterfind("status/node_state"):
        node = state.get("uname")
        for pair in state.iterfind("transient_attributes/instance_attributes/nvpair"):
            name, value = pair.get("name") or "", pair.get("value") or "0"
            if not name.startswith("fail-count-") or value == "0":
                continue
            resource = name.removeprefix("fail-count-").partition("#")[0]
            if value == "INFINITY":
                yield Worry("banned-by-failure", f"{resource} failed on {node} and may not run there any more",
                            f"mend the cause, then `resource cleanup {resource} {node}`")
            else:
                yield Worry("failed-before", f"{resource} failed {value} times on {node}",
                            f"`resource cleanup {resource} {node}` when the cause is mended", bad=False)


def _unwatched(cib: Cib) -> Iterator[Worry]:
    bare = []
    for one in cib.root.iterfind("configuration/resources//primitive"):
        operations = [entry for entry in one.iterfind("operations/op") if entry.get("name") == "monitor"]
        elsewhere = one.get("template") or one.find("operations[@id-ref]") is not None
        if not operations and not elsewhere and one.get("class") != "stonith":
            bare.append(one.get("id") or "")
    if bare:
        more = f" and {len(bare) - 5} more" if len(bare) > 5 else ""
        yield Worry("no-monitor", f"{', '.join(bare[:5])}{more}: no monitor, so a failure is never seen",
                    f"`configure monitor {bare[0]} 30s`", bad=False)


def _configuration(env: Env) -> Iterator[Worry]:
    """What `verify` says; only what is an error puts service at risk."""
    from hashell.commands.checks import check_all
    from hashell.commands.problems import Severity

    try:
        problems = check_all(env)
    except HashellError as error:
        yield Worry("configuration", error.message, error.hint)
        return
    for one in problems:
        yield Worry(one.id, one.message, one.hint or "see `configure verify`", bad=one.severity is Severity.ERROR)
