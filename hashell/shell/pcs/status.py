"""The noun status."""

from __future__ import annotations

from hashell.errors import BadUsage
from hashell.shell.grammar.words import Command
from hashell.shell.pcs.call import Call

_HERE = "hashell.shell.pcs.status"
COMMANDS = (
    Command("", "", "The cluster, its nodes and resources.", f"{_HERE}:full", aliases=("status",)),
    Command("resources", "[RESOURCE]", "Where resources run.", "hashell.shell.pcs.resource:status"),
    Command("cluster", "", "The cluster in a few lines.", f"{_HERE}:cluster", aliases=("cluster status",)),
    Command("nodes", "[(corosync|both|config)]", "States of nodes.", f"{_HERE}:nodes"),
    Command("groups", "", "The older word for resource group list.", "hashell.shell.pcs.group:listing"),
    Command("quorum", "", "Votes and quorum.", "hashell.shell.pcs.quorum:status"),
    Command("corosync", "", "Members as the cluster layer sees them.", f"{_HERE}:members"),
    Command("xml", "", "Everything as XML.", f"{_HERE}:xml"),
    Command(
        "query resource",
        "RESOURCE (exists|is-stonith|is-type (primitive|group|clone|bundle) {(unique|promotable)}|get-type"
        "|is-state TEXT {(on-node NODE|members (all|any|none)|instances (all|any|none))}|is-in-group [GROUP]"
        "|is-in-clone [CLONE]|is-in-bundle [RESOURCE]|get-nodes|get-members|get-index-in-group)",
        "A question about a resource; exit code 0 for yes, 2 for no.", "hashell.shell.pcs.query:resource",
    ),
    Command("wait", "[SECONDS]", "Wait until the cluster has nothing to do.", f"{_HERE}:wait"),
)


def full(call: Call, words: list[str]) -> int:
    from msgspec.structs import replace

    from hashell.shell.crm.status import gather
    from hashell.status.options import Section, StatusOptions
    from hashell.status.text import render

    client = call.session.client
    options = StatusOptions(inactive="--hide-inactive" not in call.options)
    if call.full:
        options = replace(
            options,
            details=True,
            sections=options.sections | Section.ATTRIBUTES | Section.FAILCOUNTS | Section.TICKETS | Section.OPERATIONS,
        )
    name = call.env.option("cluster-name") or (client.info().cluster if client.kind != "file" else "")
    call.out(f"Cluster name: {name}\n" + render(gather(client, options)))
    return 0


def cluster(call: Call, words: list[str]) -> int:
    """Summary and nodes, a blank before each line, as `pcs cluster status` prints them."""
    from hashell.shell.crm.status import gather
    from hashell.status.options import Section, StatusOptions
    from hashell.status.text import render

    options = StatusOptions(sections=Section.SUMMARY | Section.NODES)
    text = render(gather(call.session.client, options))
    return call.lines(["Cluster Status:", *(f" {line}" for line in text.split("\n") if line.strip())])


def nodes(call: Call, words: list[str]) -> int:
    """By state; remote nodes apart."""
    from hashell.shell.crm.status import gather
    from hashell.status.cluster_status import NodeKind
    from hashell.status.options import Section, StatusOptions

    if words and words[0] in ("corosync", "both"):
        members(call, [])
        if words[0] == "corosync":
            return 0
    elif words and words[0] == "config":
        return call.lines(["Pacemaker Nodes:", " " + " ".join(call.env.node_names())])
    found = gather(call.session.client, StatusOptions(sections=Section.NODES))
    lines = []
    for heading, remote in (("Pacemaker Nodes:", False), ("Pacemaker Remote Nodes:", True)):
        groups: dict[str, list[str]] = {
            name: [] for name in ("Online", "Standby", "Standby with resource(s) running", "Maintenance", "Offline")
        }
        for node in found.nodes:
            if (node.kind is not NodeKind.CLUSTER) != remote:
                continue
            running = bool(node.running)
            if not node.online:
                key = "Offline"
            elif node.maintenance:
                key = "Maintenance"
            elif node.standby:
                key = "Standby with resource(s) running" if running else "Standby"
            else:
                key = "Online"
            groups[key].append(node.name)
        lines += [
            heading,
            *(f" {key}:" + "".join(f" {name}" for name in sorted(names)) for key, names in groups.items()),
        ]
    return call.lines(lines)


def members(call: Call, words: list[str]) -> int:
    lines = ["", "Membership information", "----------------------", "    Nodeid      Votes Name"]
    lines += [
        f"{one.id:>10}          1 {one.name}" for one in call.session.client.info().members if one.state == "member"
    ]
    return call.lines(lines)


def xml(call: Call, words: list[str]) -> int:
    from hashell.shell.crm.status import gather
    from hashell.status.options import EVERYTHING, StatusOptions
    from hashell.status.xml import render

    call.out(
        render(gather(call.session.client, StatusOptions(sections=EVERYTHING, inactive=True)), "hashell pcs status xml")
    )
    return 0


def wait(call: Call, words: list[str]) -> int:
    seconds = words[0] if words else "60"
    if not seconds.isdigit():
        raise BadUsage(f"'{seconds}' is not a valid timeout", "give seconds")
    call.session.client.wait_idle(float(seconds))
    return 0
