"""Status and its parts as text: `status`, `verify`, and the lines that the resource levels of both languages print."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hashell.errors import BadUsage

if TYPE_CHECKING:
    from collections.abc import Callable

    from hashell.cib.document import Cib
    from hashell.client.api import ClusterClient
    from hashell.shell.session import Session
    from hashell.status.cluster_status import ClusterStatus, ResourceStatus
    from hashell.status.options import StatusOptions

#: Words of `status` → letters of crm_mon's options. Source: crmsh's manual, "status".
_WORDS = {
    "bynode": "n", "inactive": "r", "ops": "o", "timing": "t", "failcounts": "f", "tickets": "c", "noheaders": "D",
    "detail": "R", "brief": "b", "full": "ncrft", "verbose": "V", "quiet": "D",
}
_FORMATS = ("text", "html", "xml", "json", "simple")
_DETAIL = {"n": "by_node", "r": "inactive", "R": "details", "b": "brief", "t": "timing", "V": "failed_detail"}


def gather(client: ClusterClient, options: StatusOptions, cib: Cib | None = None) -> ClusterStatus:
    """What the cluster is like now, or what a CIB says that is another than the cluster's. Raises HashellError."""
    from hashell.simulate.source import zone
    from hashell.state.cluster_state import read_cluster_state
    from hashell.status.build import cluster_status
    from hashell.status.fencing_events import EVENTS_MAX, fencing_of
    from hashell.status.options import Section

    now_s = time.time()
    state = read_cluster_state(client.cib() if cib is None else cib, now_s, zone(now_s))
    live = client.info() if cib is None and client.kind in ("hashelld", "pacemaker") else None
    wants_fencing = live is not None and options.fence_level and options.shows(Section.FENCING)
    return cluster_status(state, live, options, fencing=fencing_of(client.events(EVENTS_MAX)) if wants_fencing else ())


def status(session: Session, words: list[str]) -> int:
    """As `crm_mon -1` with the options that the words stand for; they add up."""
    from hashell.shell.output import page

    lower = [word.lower() for word in words]
    form = next((word for word in reversed(lower) if word in _FORMATS), session.options.output_as or "text")
    if form not in _FORMATS:
        raise BadUsage(f"status knows no format {form!r}", "use " + ", ".join(_FORMATS))
    if session.staged:
        session.err("INFO: this is the cluster as it runs, without what is staged")
    letters = "".join(_WORDS.get(word, "") for word in lower)
    found = gather(session.client, options_of(letters, machine=form in ("xml", "json")))
    page(session, _render(found, form, f"hashell status {form}"))
    return 0


def options_of(letters: str, *, machine: bool = False) -> StatusOptions:
    """What letters of crm_mon's options ask for; `machine`: everything, as the formats for programs have it."""
    from msgspec.structs import replace

    from hashell.status.options import Format, Section, StatusOptions, usual_sections

    sections = usual_sections(Format.XML if machine else Format.TEXT) | Section.FENCING_FAILED | Section.FENCING_PENDING
    for letter, section in (
        ("o", Section.OPERATIONS | Section.FAILCOUNTS), ("t", Section.OPERATIONS), ("f", Section.FAILCOUNTS),
        ("c", Section.TICKETS),
    ):
        sections |= section if letter in letters else Section(0)
    if "D" in letters:
        sections &= ~Section.SUMMARY
    details = {name: True for letter, name in _DETAIL.items() if letter in letters or (machine and letter in "rt")}
    return replace(StatusOptions(), sections=sections, fence_level=1, **details)


def _render(found: ClusterStatus, form: str, request: str) -> str:
    match form:
        case "xml":
            from hashell.status import xml

            return xml.render(found, request)
        case "json":
            from hashell.status import json

            return json.render(found)
        case "html":
            from hashell.status import html

            return html.render(found)
        case "simple":
            from hashell.status import simple

            return simple.render(found)
        case _:
            from hashell.status import text

            return text.render(found)


def verify(session: Session, words: list[str]) -> int:
    """Configuration and status: errors end with a code, warnings are told; with `scores` the points too."""
    from hashell.commands.checks import check_all
    from hashell.simulate.source import zone
    from hashell.state.cluster_state import read_cluster_state

    env = session.env()
    for problem in check_all(env):
        env.report(problem)
    now_s = time.time()
    for found in read_cluster_state(env.cib, now_s, zone(now_s)).problems:
        session.err(f"WARNING: {getattr(found, 'text', found)}")
    env.settle()
    if words:
        session.out("".join(f"{line}\n" for line in score_lines(env.cib)))
    return 0


# --- parts, for other levels ---------------------------------------------------------------------------


def resource_lines(client: ClusterClient, cib: Cib | None = None) -> list[str]:
    """All resources, running or not, as `crm_resource --list`; of a CIB that is not the cluster's, if one is given."""
    lines = _section(client, "", "", active=False, fits=lambda one: True, cib=cib)
    return ["Full List of Resources:", *lines] if lines else ["NO resources configured"]


def pcs_resource_lines(
    client: ClusterClient, resource: str, node: str, *, stonith: bool, active: bool = False
) -> list[str]:
    """The resources with their states, fence devices or the others; each top one with two blanks and a star."""
    from hashell.commands.binding import texts

    devices = set(texts(client.cib().root, "configuration/resources//primitive[@class='stonith']/@id"))
    return _section(client, resource, node, active=active, fits=lambda one: (one.id in devices) is stonith)


def _section(
    client: ClusterClient, resource: str, node: str, *, active: bool, fits: Callable[[ResourceStatus], bool],
    cib: Cib | None = None,
) -> list[str]:
    from msgspec.structs import replace

    from hashell.status.options import Section, StatusOptions
    from hashell.status.text import lines

    options = StatusOptions(sections=Section.RESOURCES, inactive=not active, only_resource=resource, only_node=node)
    found = gather(client, options, cib)
    kept = tuple(one for one in found.resources if fits(one))
    if not kept:
        return []
    # Without a DC the status would add a line about that, which is no resource.
    shown = replace(found, resources=kept, options=replace(found.options, sections=Section.RESOURCES))
    return [line for line in lines(shown) if line.startswith("  ")]


def operation_lines(cib: Cib, resource: str, node: str) -> Iterator[str]:
    """Operations of the history, oldest first within a resource, much as `crm_resource --list-all-operations`."""
    from hashell.status.words import when
    from hashell.values.outcomes import exec_status_text, ocf_text

    if cib.status is None:
        return
    for state in cib.status.iterfind("node_state"):
        if node not in ("", state.get("uname"), state.get("id")):
            continue
        for history in state.iterfind("lrm/lrm_resources/lrm_resource"):
            name = history.get("id", "")
            if resource and resource not in (name, name.partition(":")[0]):
                continue
            agent = ":".join(filter(None, (history.get("class"), history.get("provider"), history.get("type"))))
            for one in sorted(history.findall("lrm_rsc_op"), key=lambda op: _number(op.get("call-id"), -1)):
                parts = [f"node={state.get('uname')}", f"call={one.get('call-id')}"]
                code = _number(one.get("rc-code"), 193)
                parts.append(f"rc={code}" + (f" ({ocf_text(code)})" if code else ""))
                if one.get("last-rc-change", "").isdigit():
                    parts.append(f"last-rc-change='{when(int(one.get('last-rc-change', '0')))}'")
                if one.get("exec-time"):
                    parts.append(f"exec={one.get('exec-time')}ms")
                ended = exec_status_text(_number(one.get("op-status"), 0))
                yield f"{name}\t({agent}):\t {one.get('id')} ({', '.join(parts)}): {ended}"


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.lstrip("-").isdigit() else default


def score_lines(cib: Cib) -> Iterator[str]:
    """Every resource's points on every node, as `crm_simulate --show-scores` words them."""
    from hashell.cib.document import Cib as Document
    from hashell.scheduler.schedule import Wanted
    from hashell.simulate import text
    from hashell.simulate.run import decide
    from hashell.simulate.source import zone

    now_s = time.time()
    decision = decide(Document(cib.copy_root()), now_s, 0, Wanted(scores=True), zone(now_s))
    yield from text.score_lines(decision.schedule.scores)
