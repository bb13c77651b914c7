"""The cluster as a whole: what it is, what worries about it, taking nodes out and waiting for it to come up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from hashell.errors import HashellError, NotFound, Refused, TimedOut

if TYPE_CHECKING:
    from hashell.cib.document import Cib
    from hashell.client.api import ClusterClient
    from hashell.wire.messages import Info

#: Seconds between two looks while the cluster comes up.
LOOK_S = 0.5


def link_lines(info: Info, now_s: float) -> Iterator[str]:
    """How the node that was asked reaches each other one: since when, how far away, what is heard from where."""
    if not info.links:
        yield f"{info.node} knows of no links" + (": corosync-cfgtool -s does" if info.engine == "corosync" else "")
    width = max((len(one.peer) for one in info.links), default=0)
    for one in info.links:
        if not one.up:
            yield f"{info.node} - {one.peer:{width}}  DOWN" + (f"  last at {one.address}" if one.address else "")
            continue
        words = [f"up {duration(now_s - one.since_s)}", f"at {one.address}"]
        if one.heartbeats:
            words.append(f"round trip {one.round_trip_us / 1000:.2f} ms")
        else:
            words.append("no heartbeats: its connection tells whether it lives")
        words.append(f"lost after {one.detect_ms} ms of silence")
        yield f"{info.node} - {one.peer:{width}}  " + ", ".join(words)
        for host, silent_ms in one.heard_ms if len(one.heard_ms) > 1 else ():
            yield f"    {host}: " + ("never heard" if silent_ms < 0 else f"heard {silent_ms} ms ago")


def duration(seconds: float) -> str:
    """As people say it: 7 s, 3 min, 5 h, 2 d."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


class Worry(msgspec.Struct, frozen=True):
    """Something that is not as it should be: `id` is stable, `bad` says whether service is at risk now."""

    id: str
    text: str
    hint: str = ""
    bad: bool = True


def status_lines(info: Info, where: str, kind: str) -> Iterator[str]:
    """The messaging layer: members, quorum, who coordinates."""
    up = sum(one.state == "member" for one in info.members)
    yield f"Cluster: {info.cluster or 'without a name'} ({info.engine or kind}, {where})"
    yield f"Members: {up} of {len(info.members)}"
    width = max((len(one.name) for one in info.members), default=0)
    for one in sorted(info.members, key=lambda member: member.name):
        marks = [word for word, there in (
            ("DC", one.name == info.dc), ("arbiter", one.arbiter), ("here", one.name == info.node),
        ) if there]
        where = f" at {one.address}" if one.address else ""
        yield f"  {one.name:{width}}  {one.state}{where}" + (f"  ({', '.join(marks)})" if marks else "")
    votes = f"{info.votes} of {info.expected_votes} votes, {info.quorum} needed"
    yield f"Quorum: {'yes' if info.quorate else 'NO'} ({votes})"
    yield f"DC: {info.dc or 'none'}"


def worries(cib: Cib, info: Info) -> tuple[Worry, ...]:
    """What worries about a cluster, the worst first. Service is at risk where `bad`."""
    from hashell.commands.running import is_failure

    found: list[Worry] = []
    if info.engine and not info.quorate:
        found.append(Worry("no-quorum", "this partition has no quorum", "bring back nodes, or see no-quorum-policy"))
    if info.engine and not info.dc:
        found.append(Worry("no-dc", "no node coordinates the cluster", "wait for the election; see the daemon's log"))
    found += [Worry("node-down", f"node {one.name} is {one.state}") for one in info.members if one.state != "member"]
    failures = [
        f"{history.get('id')} on {state.get('uname')}"
        for state in cib.root.iterfind("status/node_state")
        for history in state.iterfind("lrm/lrm_resources/lrm_resource")
        if any(map(is_failure, history))
    ]
    found += [Worry("failure", f"{one} failed", "see `status`; `resource cleanup` forgets it") for one in failures]
    found += _configured(cib)
    found += [Worry("warning", text, bad=False) for text in info.warnings]
    return tuple(found)


def _configured(cib: Cib) -> Iterator[Worry]:
    """What the configuration leaves open."""
    from hashell.values.booleans import is_true, parse_boolean

    options = {
        pair.get("name"): pair.get("value") for pair in cib.root.iterfind("configuration/crm_config//nvpair")
    }
    fences = parse_boolean(options.get("fencing-enabled") or options.get("stonith-enabled")) is not False
    devices = cib.root.xpath("configuration/resources//primitive[@class='stonith']")
    if not fences:
        hint = "the services of a failed node cannot be moved safely"
        yield Worry("fencing-off", "fencing is switched off", hint, bad=False)
    elif not devices:
        yield Worry("no-fence-device", "fencing is on, but there is no fence device", "add one, see `ra list stonith`")
    if is_true(options.get("maintenance-mode")):
        yield Worry("maintenance", "maintenance mode: nothing is monitored or recovered", "`maintenance off`")
    policy = options.get("no-quorum-policy")
    if policy == "ignore":
        yield Worry("quorum-ignored", "no-quorum-policy is ignore: two halves may both run services", bad=False)
    for node in cib.root.iterfind("configuration/nodes/node"):
        pair = node.find("instance_attributes/nvpair[@name='standby']")
        if pair is not None and is_true(pair.get("value")):
            name = node.get("uname")
            yield Worry("standby", f"node {name} is in standby", f"`node online {name}`", bad=False)


def members(client: ClusterClient, names: list[str], *, every: bool) -> list[str]:
    """The members that are meant; the one that answers us comes last, or we would cut ourselves off.

    Without a name it is that one. Raises NotFound for a name that is no member.
    """
    info = client.info()
    here = [one.name for one in info.members if one.state == "member"]
    chosen = here if every else names or [info.node]
    for name in chosen:
        if name not in here:
            raise NotFound(f"{name} is no member of the cluster now", "members are " + ", ".join(sorted(here)))
    return sorted(chosen, key=lambda name: (name == info.node, name))


def stop(client: ClusterClient, names: list[str]) -> Iterator[str]:
    """Let nodes leave cleanly, one after the other; what each was told."""
    for name in names:
        yield client.stop_node(name) or f"{name} leaves the cluster"


def forget(client: ClusterClient, names: list[str], *, force: bool) -> Iterator[str]:
    """Take nodes out for good. One that is still here is refused: it would come back at once."""
    here = {one.name for one in client.info().members if one.state == "member"}
    for name in names:
        if name in here and not force:
            raise Refused(f"{name} is a member now", f"`cluster stop {name}` first")
    for name in names:
        yield client.forget_node(name) or f"{name} is out of the cluster"


def wait_for_startup(
    open_client: Callable[[], ClusterClient], timeout_s: float, *, clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    """Until the cluster answers, has a DC, and nothing to do. Raises TimedOut with what was missing last."""
    end = clock() + timeout_s
    missing = "it does not answer"
    while (left := end - clock()) > 0:
        try:
            client = open_client()
            if client.info().dc:
                client.wait_idle(max(left, LOOK_S))
                return
            missing = "no node coordinates it"
        except TimedOut:
            missing = "it still has things to do"
        except HashellError as error:
            missing = error.message
        sleep(LOOK_S)
    raise TimedOut(f"the cluster was not up within {timeout_s:g} s: {missing}", "see `cluster status`")
