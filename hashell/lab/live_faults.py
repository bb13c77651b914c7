"""The faults of `hashell chaos --live`: what is done to whom, and what must come of it.

A name that the simulator has too (hashelld/simulation/faults.py) is the same thing done to real processes. `comes` says
what must come of it:

    lost      the victim is lost, fenced, and the service runs elsewhere when it was there
    moves     the service moves in good order, nobody is lost
    recovers  the service comes back where it was, nobody is lost
    quiet     no view changes, nothing is moved or fenced
    rests     members may be lost; the cluster is idle and whole again when it is over
    cold      everything ends and is started again: how long until the service answers

To add one: a row in FAULTS with a function that does it and one that takes it back.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hashell.lab.live_rig import HashellRig

#: A rig and its victim. HashellRig where `peer` is no, else any Rig.
Act = Callable[[Any, str], None]
#: Seconds for which a disturbance lasts that must not be noticed.
LASTS_S = 4.0


@dataclass(frozen=True, slots=True)
class Fault:
    """`victim` is owner (of the service), dc or other (neither serves nor, if possible, coordinates); `machines` needs
    nodes in namespaces; `peer` can be done to a Pacemaker too; `mark_s` is what the worst outage should keep to;
    `mute`: the service itself is out of reach meanwhile, so the client's outage says nothing; `on_corosync`: what comes
    instead where our nodes stand on a real corosync, "none": there is nothing that it could be done to."""

    name: str
    about: str
    comes: str
    do: Act
    undo: Act
    victim: str = "owner"
    machines: bool = False
    peer: bool = False
    mark_s: float = 0.0
    lasts_s: float = LASTS_S
    mute: bool = False
    on_corosync: str = ""


def _nothing(rig: Any, node: str) -> None:
    """The cluster itself takes it back."""


def _revive(rig: Any, node: str) -> None:
    rig.revive(node)


# --- services, processes, nodes


def _kill_service(rig: Any, node: str) -> None:
    rig.kill_service(node)


def _kill(rig: Any, node: str) -> None:
    rig.kill(node)


def _crash(rig: HashellRig, node: str) -> None:
    rig.crash(node)


def _pause(rig: Any, node: str) -> None:
    rig.freeze(node)


def _pause_short(rig: HashellRig, node: str) -> None:
    """As long as nobody need notice: half of what detection takes."""
    rig.freeze(node)
    time.sleep(0.4)
    rig.thaw(node)


def _stall(rig: HashellRig, node: str) -> None:
    os.kill(rig.cluster.pid(node), signal.SIGSTOP)


def _crash_in_transition(rig: Any, node: str) -> None:
    """Standby of the owner; when the service is stopped and not yet started elsewhere, the coordinator is killed."""
    owner = rig.owner()
    rig.standby(owner, on=True)
    deadline_s = time.monotonic() + 10
    while rig.listening() and time.monotonic() < deadline_s:
        time.sleep(0.001)
    rig.kill(node)


def _after_transition(rig: Any, node: str) -> None:
    rig.revive(node)
    for one in rig.nodes:
        rig.standby(one, on=False)


def _standby(rig: Any, node: str) -> None:
    rig.standby(node, on=True)


def _online(rig: Any, node: str) -> None:
    rig.standby(node, on=False)


def _leave(rig: HashellRig, node: str) -> None:
    rig.stop(node)


def _wipe(rig: HashellRig, node: str) -> None:
    rig.kill(node)


def _return_empty(rig: HashellRig, node: str) -> None:
    rig.wipe(node)
    rig.revive(node)


def _crash_two(rig: HashellRig, node: str) -> None:
    other = next(one for one in rig.nodes if one != node)
    for one in (node, other):
        rig.kill(one)


def _revive_all(rig: HashellRig, node: str) -> None:
    for one in rig.nodes:
        rig.revive(one)


def _stop_all(rig: Any, node: str) -> None:
    rig.stop_all()


def _blackout(rig: HashellRig, node: str) -> None:
    for one in rig.nodes:
        rig.kill(one)


def _start_all(rig: Any, node: str) -> None:
    rig.start(rig.nodes)


def _heart_dies(rig: HashellRig, node: str) -> None:
    os.kill(rig.heart(node), signal.SIGKILL)


# --- machines and networks


def _power(rig: Any, node: str) -> None:
    rig.power_off(node)


def _partition(rig: Any, node: str) -> None:
    rig.cut(node)


def _plug_and_revive(rig: Any, node: str) -> None:
    rig.cut(node, cut=False)
    rig.revive(node)


def _drop_from(rig: HashellRig, at: str, others: tuple[str, ...], *, both: bool) -> None:
    hosts = ", ".join(address for other in others for address in rig.addresses(other))
    rules = [f"in ip saddr {{ {hosts} }} drop"]
    rig.nft(at, *rules, *([f"out ip daddr {{ {hosts} }} drop"] if both else []))


def _cut(rig: HashellRig, node: str) -> None:
    """The victim and another do not reach one another; both reach the third."""
    _drop_from(rig, node, (next(one for one in rig.nodes if one != node),), both=True)


def _one_way(rig: HashellRig, node: str) -> None:
    """The victim hears nobody; all hear it."""
    _drop_from(rig, node, tuple(one for one in rig.nodes if one != node), both=False)


def _no_rules(rig: HashellRig, node: str) -> None:
    for one in rig.nodes:
        if rig.cluster.alive(one):
            rig.nft(one)
    _revive_all(rig, node)


def _reset(rig: HashellRig, node: str) -> None:
    rig.reset(node)


def _wall(rig: HashellRig, node: str) -> None:
    rig.nft(node, "in udp dport 1-65535 drop", "out udp dport 1-65535 drop")


def _wall_one_way(rig: HashellRig, node: str) -> None:
    rig.nft(node, "in udp dport 1-65535 drop")


def _first_link(rig: HashellRig, node: str) -> None:
    rig.on_machines.cut(node, link=0)


def _second_link(rig: HashellRig, node: str) -> None:
    rig.on_machines.cut(node, link=1)


def _plug(rig: HashellRig, node: str) -> None:
    rig.cut(node, cut=False)
    _revive_all(rig, node)


def _loss(rig: HashellRig, node: str) -> None:
    """15 of 100 packets in each direction."""
    rig.nft(node, "in numgen random mod 100 < 15 drop", "out numgen random mod 100 < 15 drop")


def _delay(rig: HashellRig, node: str) -> None:
    """50 ± 50 ms in both directions, some frames twice and out of order; one of a hundred is lost. The second cable is
    out, so that nothing goes round it."""
    rig.on_machines.network.replace_cable(node, 50, 50, 1, 2)
    rig.on_machines.cut(node, link=1)


def _good_cable(rig: HashellRig, node: str) -> None:
    rig.cut(node, cut=False)
    rig.on_machines.network.mend_cable(node)
    _revive_all(rig, node)


def _small_mtu(rig: HashellRig, node: str) -> None:
    """Packets of more than 600 bytes vanish on the way in, and nobody is told."""
    rig.nft(node, "in ip length > 600 drop")


def _slow_link(rig: HashellRig, node: str) -> None:
    """One Mbit/s, while others write."""
    for interface in ("eth0", "eth1"):
        rig.on_machines.machine(node).do(
            "tc", "qdisc", "add", "dev", interface, "root", "tbf", "rate", "1mbit", "burst", "16kb", "latency", "400ms"
        )


def _fast_link(rig: HashellRig, node: str) -> None:
    for interface in ("eth0", "eth1"):
        rig.on_machines.machine(node).do("tc", "qdisc", "del", "dev", interface, "root")


def _flap(rig: HashellRig, node: str) -> None:
    """Nothing comes or goes, each time shorter than detection takes."""
    for _ in range(6):
        # Not by pulling cables: the kernel takes up to a second to notice one that is back.
        rig.nft(node, "in drop", "out drop")
        time.sleep(0.2)
        rig.nft(node)
        time.sleep(0.5)


def _address_removed(rig: HashellRig, node: str) -> None:
    """The address on the first network is taken away; the other one stays."""
    rig.on_machines.machine(node).do("ip", "address", "del", f"{rig.addresses(node)[0]}/24", "dev", "eth0")


def _address_back(rig: HashellRig, node: str) -> None:
    rig.on_machines.machine(node).do("ip", "address", "add", f"{rig.addresses(node)[0]}/24", "brd", "+", "dev", "eth0")


def _address_change(rig: HashellRig, node: str) -> None:
    """The machine gets another address on the first network, as a DHCP server may do; then its old one again."""
    old = rig.addresses(node)[0]
    new = old.rpartition(".")[0] + f".{int(old.rpartition('.')[2]) + 100}"
    machine = rig.on_machines.machine(node)
    machine.do("ip", "address", "del", f"{old}/24", "dev", "eth0")
    machine.do("ip", "address", "add", f"{new}/24", "brd", "+", "dev", "eth0")
    time.sleep(LASTS_S)
    machine.do("ip", "address", "del", f"{new}/24", "dev", "eth0")
    machine.do("ip", "address", "add", f"{old}/24", "brd", "+", "dev", "eth0")


FAULTS: tuple[Fault, ...] = (
    Fault("service_dies", "the web server is killed; its monitor finds out", "recovers", _kill_service, _nothing,
          peer=True),
    Fault("kill", "kill -9 of every process of the node", "lost", _kill, _revive, peer=True, mark_s=0.5),
    Fault("crash", "kill -9 of the daemon alone; the service that it leaves is fenced", "lost", _crash, _revive,
          mark_s=0.5),
    Fault("pause", "SIGSTOP for all of the node", "lost", _pause, _revive, peer=True, mark_s=1.5),
    Fault("pause_short", "all of the node stands for 0.4 s", "quiet", _pause_short, _nothing),
    Fault("stall", "SIGSTOP for the daemon alone, its heart beats on", "lost", _stall, _revive),
    Fault("crash_in_transition", "kill -9 of the coordinator's node between stop and start of a move", "lost",
          _crash_in_transition, _after_transition, victim="dc", peer=True),
    Fault("standby", "the node is put in standby", "moves", _standby, _online, peer=True, mark_s=0.3),
    Fault("leave", "the node leaves in good order", "moves", _leave, _revive, mark_s=0.3),
    Fault("cold_start", "all nodes leave, then all start at once: until the service answers", "cold", _stop_all,
          _start_all, peer=True, mark_s=4.0),
    Fault("blackout", "kill -9 of all nodes at once, then all start: until the service answers", "cold", _blackout,
          _start_all, mark_s=4.0),
    Fault("wipe", "the node is killed and comes back with an empty state folder", "lost", _wipe, _return_empty),
    Fault("crash_two", "two of three nodes are killed at once: no quorum", "rests", _crash_two, _revive_all),
    Fault("heart_dies", "kill -9 of the heartbeat process", "quiet", _heart_dies, _nothing,
          on_corosync="none"),
    Fault("power", "the machine is switched off without a word", "lost", _power, _revive, machines=True, peer=True,
          mark_s=1.5),
    Fault("partition", "both cables of the node are pulled", "lost", _partition, _plug_and_revive, machines=True,
          peer=True, mark_s=1.5),
    Fault("cut", "two nodes do not reach one another, both reach the third", "rests", _cut, _no_rules, machines=True),
    Fault("one_way", "the node hears nobody, all hear it", "lost", _one_way, _no_rules, machines=True, mark_s=1.5),
    Fault("reset", "the kernel tears the node's connections (ss -K)", "quiet", _reset, _nothing, machines=True,
          victim="other"),
    # Datagrams are all that corosync has: to it these are a node that is cut off.
    Fault("wall", "a firewall lets no datagrams of the node pass, TCP goes", "quiet", _wall, _no_rules, machines=True,
          on_corosync="rests"),
    Fault("wall_one_way", "no datagrams pass to the node, those from it do", "quiet", _wall_one_way, _no_rules,
          machines=True, on_corosync="rests"),
    Fault("first_link", "the first cable is pulled, the second takes over", "quiet", _first_link, _plug,
          machines=True, victim="other"),
    Fault("second_link", "the second cable is pulled", "quiet", _second_link, _plug, machines=True),
    Fault("address_removed", "the address on the first network is taken away", "quiet", _address_removed,
          _address_back, machines=True, victim="other"),
    Fault("address_change", "another address on the first network, then the old one", "quiet", _address_change,
          _nothing, machines=True, victim="other"),
    Fault("loss", "15 of 100 packets of the node are lost, both ways", "quiet", _loss, _no_rules, machines=True),
    Fault("delay", "50 ± 50 ms both ways, 1 % lost, 2 % twice, out of order", "quiet", _delay, _good_cable,
          machines=True, victim="other"),
    Fault("small_mtu", "packets over 600 bytes vanish on their way to the node", "rests", _small_mtu, _no_rules,
          machines=True, victim="other", lasts_s=12.0),
    Fault("slow_link", "the node's links carry one Mbit/s", "quiet", _slow_link, _fast_link, machines=True,
          victim="other"),
    Fault("flap", "nothing comes or goes for 0.2 s, six times", "quiet", _flap, _no_rules, machines=True,
          victim="other"),
)
BY_NAME = {fault.name: fault for fault in FAULTS}


def of_engine(faults: Sequence[Fault], engine: str) -> list[Fault]:
    """Those that can be done to nodes on this engine, with what comes there."""
    if engine != "corosync":
        return list(faults)
    kept = [fault for fault in faults if fault.on_corosync != "none"]
    return [replace(fault, comes=fault.on_corosync or fault.comes) for fault in kept]


#: What --live measures when it is not told: the faults for which there are marks.
MARKED = (
    "service_dies", "kill", "pause", "power", "partition", "crash_in_transition", "standby", "cold_start",
)
