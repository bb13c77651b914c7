"""What the cluster does now, as `crm status` and pcs tell it; verify; scores."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hashell.errors import BadUsage

if TYPE_CHECKING:
    from hashell.cib.document import Cib
    from hashell.client.api import ClusterClient
    from hashell.shell.session import Session
    from hashell.status.cluster_status import ClusterStatus
    from hashell.status.options import StatusOptions

_FORMATS = ("html", "xml", "json", "simple")


def gather(client: ClusterClient, options: StatusOptions) -> ClusterStatus:
    """What a cluster is like now. A file has no membership of its own."""
    from hashell.state.cluster_state import read_cluster_state
    from hashell.status.build import cluster_status

    live = client.info() if client.kind in ("hashelld", "pacemaker") else None
    return cluster_status(read_cluster_state(client.cib(), time.time()), live, options)


def status(session: Session, words: list[str]) -> int:
    """The words are crmsh's; they add up."""
    from dataclasses import replace

    from hashell.shell.output import page
    from hashell.status.options import Section, StatusOptions

    options = StatusOptions()
    form = session.options.output_as or "text"
    for word in (one.lower() for one in words):
        if word in _FORMATS:
            form = word
        elif word == "full":
            options = replace(
                options, by_node=True, inactive=True, timing=True,
                sections=options.sections | Section.TICKETS | Section.FAILCOUNTS | Section.OPERATIONS,
            )
        elif word == "bynode":
            options = replace(options, by_node=True)
        elif word == "inactive":
            options = replace(options, inactive=True)
        elif word == "ops":
            options = replace(options, sections=options.sections | Section.OPERATIONS)
        elif word == "timing":
            options = replace(options, timing=True, sections=options.sections | Section.OPERATIONS)
        elif word == "failcounts":
            options = replace(options, sections=options.sections | Section.FAILCOUNTS)
        elif word == "tickets":
            options = replace(options, sections=options.sections | Section.TICKETS)
        elif word in ("verbose", "detail"):
            options = replace(options, details=True, failed_detail=True)
        elif word == "brief":
            options = replace(options, brief=True)
        elif word in ("noheaders", "quiet"):
            options = replace(options, sections=options.sections & ~(Section.SUMMARY | Section.TIMES))
        else:
            raise BadUsage(f"status knows no {word}", "see `help status`")
    page(session, _rendered(session, options, form))
    return 0


def _rendered(session: Session, options: StatusOptions, form: str) -> str:
    from dataclasses import replace

    if form in ("xml", "json"):
        from hashell.status.options import EVERYTHING

        found = gather(session.client, replace(options, sections=EVERYTHING, inactive=True))
        if form == "xml":
            from hashell.status.xml import render as as_xml

            return as_xml(found, "hashell status xml")
        from hashell.status.json import render as as_json

        return as_json(found)
    found = gather(session.client, options)
    if form == "html":
        from hashell.status.html import render as as_html

        return as_html(found)
    if form == "simple":
        from hashell.status.simple import render as one_line

        return one_line(found)
    from hashell.status.text import render

    return render(found)


def resource_lines(cib: Cib, client: ClusterClient) -> list[str]:
    """All resources, as crm_resource --list prints them."""
    lines = pcs_resource_lines(client, "", "", stonith=None)
    return ["Full List of Resources:", *lines] if lines else ["NO resources configured"]


def pcs_resource_lines(
    client: ClusterClient, resource: str, node: str, *, stonith: bool | None, active: bool = False
) -> list[str]:
    """The resources with their states, each top one with two blanks and a star; fence devices or the others."""
    from hashell.status.options import Section, StatusOptions
    from hashell.status.text import render

    options = StatusOptions(sections=Section.RESOURCES, inactive=not active, only_resource=resource, only_node=node)
    lines = render(gather(client, options)).split("\n")
    heads = [place for place, line in enumerate(lines) if line.endswith("Resources:")]
    if not heads:
        return []
    found = [line for line in lines[heads[0] + 1 :] if line.startswith("  ")]
    if stonith is None:
        return found
    return [line for line in found if ("(stonith:" in line) == stonith]


def operation_lines(cib: Cib, resource: str, node: str) -> Iterator[str]:
    """Operations of the history, oldest first within a resource."""
    from hashell.values.outcomes import exec_status_text, ocf_text

    if cib.status is None:
        return
    for state in cib.status.iterfind("node_state"):
        if node not in ("", state.get("uname")):
            continue
        for history in state.iterfind("lrm/lrm_resources/lrm_resource"):
            if resource and (history.get("id") or "").partition(":")[0] != resource:
                continue
            for one in sorted(history.findall("lrm_rsc_op"), key=lambda op: int(op.get("call-id") or -1)):
                yield (
                    f"{history.get('id')}\t({one.get('operation')}): {state.get('uname')}: interval={one.get('interval')}ms, "
                    f"call={one.get('call-id')}, rc={one.get('rc-code')} ({ocf_text(int(one.get('rc-code') or 193))}), "
                    f"{exec_status_text(int(one.get('op-status') or 0))}"
                )


def score_lines(cib: Cib) -> Iterator[str]:
    """What each resource scores on each node, as crm_simulate -s prints it."""
    from hashell.simulate.run import decide

    decision = decide(cib, time.time(), 0)
    for one in decision.schedule.scores:
        yield str(one)


def verify(session: Session, words: list[str]) -> int:
    """The configuration's sense; what the scheduler complains of; with `scores` them too."""
    from hashell.commands.checks import check_all
    from hashell.state.cluster_state import read_cluster_state

    env = session.env()
    for problem in check_all(env):
        env.report(problem)
    state = read_cluster_state(env.cib, time.time())
    for found in state.problems:
        session.err(f"WARNING: {getattr(found, 'text', found)}")
    env.settle()
    if words:
        session.out("".join(f"{line}\n" for line in score_lines(env.cib)))
    return 0
