"""HTML: a status as a page, as `--output-as=html` gives it.

Source: lib/common/output_html.c; lib/pengine/pe_output.c, the messages of format "html".
"""

from __future__ import annotations

import msgspec
from lxml import etree

from hashell.status import fencing, outline, text, words
from hashell.status.cluster_status import ClusterStatus, NodeStatus, PrimitiveStatus, Summary
from hashell.status.options import Section
from hashell.status.outline import Block, Line
from hashell.status.selection import View

STYLE = """\
.bold { font-weight: bold }
.online { color: green }
.offline { color: red }
.maint { color: blue }
.standby { color: blue }
.health_red { color: red }
.health_yellow { color: GoldenRod }
.rsc-failed { color: red }
.rsc-failure-ignored { color: DarkGreen }
.rsc-managed { color: blue }
.rsc-multiple { color: orange }
.rsc-ok { color: green }
.warning { color: red; font-weight: bold }"""


class Page(msgspec.Struct, frozen=True):
    """What stands round the status: title, a style sheet of one's own, seconds until it loads again (0: never)."""

    title: str = "Cluster Status"
    stylesheet: str = ""
    refresh_s: int = 0
    cgi: bool = False


def render(status: ClusterStatus, page: Page | None = None) -> str:
    """The whole page; for a CGI with its header."""
    page = page or Page()
    root = etree.Element("html", lang="en")
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = page.title
    etree.SubElement(head, "meta", charset="utf-8")
    if page.refresh_s:
        etree.SubElement(head, "meta", {"http-equiv": "refresh", "content": str(page.refresh_s)})
    etree.SubElement(head, "style").text = STYLE
    if page.stylesheet:
        etree.SubElement(head, "link", rel="stylesheet", href=page.stylesheet)
    _body(etree.SubElement(root, "body"), View(status))
    shown = etree.tostring(
        root, method="html", encoding="unicode", pretty_print=True, doctype="<!DOCTYPE html>"
    )
    return ("Content-Type: text/html\n\n" if page.cgi else "") + shown


def _body(body: etree._Element, view: View) -> None:
    options = view.status.options
    _summary(body, view)
    if options.shows(Section.NODES):
        nodes = [node for node in view.status.nodes if view.node_passes(node.name)]
        if nodes:
            listed = _list(body, "Node List")
            for node in nodes:
                _node(listed, view, node)
    if options.shows(Section.RESOURCES):
        resources, _ = outline.resource_section(view)
        if resources is not None:
            _block(body, resources)
    if options.shows(Section.ATTRIBUTES):
        _attributes(body, view)
    for wanted, make in (
        (Section.OPERATIONS | Section.FAILCOUNTS, outline.history_section),
        (Section.FAILURES, outline.failure_section),
        (Section.FENCING_FAILED, fencing.failed_section),
        (Section.FENCING, fencing.other_section),
        (Section.TICKETS, outline.ticket_section),
        (Section.BANS, outline.ban_section),
    ):
        if options.shows(wanted):
            block = make(view)
            if block is not None:
                _block(body, block)


def _list(parent: etree._Element, heading: str) -> etree._Element:
    """A list with its heading; inside another list it stands in an item of that."""
    if parent.tag != "body":
        parent = etree.SubElement(parent, "li")
        etree.SubElement(parent, "h3").text = heading
    else:
        etree.SubElement(parent, "h2").text = heading
    return etree.SubElement(parent, "ul")


def _block(parent: etree._Element, entry: Block | Line) -> None:
    if isinstance(entry, Line):
        item = etree.SubElement(parent, "li")
        if entry.css:
            _span(item, entry.text, entry.css)
        else:
            item.text = entry.text
        return
    # Only in text are nodes told from other headings by a word.
    heading = entry.heading
    if heading == "Tickets":
        entry = Block(heading, tuple(_tabbed(line) for line in entry.entries))
    if heading.startswith("Node: "):
        heading = heading.removeprefix("Node: ") + ":"
    below = _list(parent, heading) if heading else parent
    for one in entry.entries:
        _block(below, one)


def _tabbed(line: Line | Block) -> Line | Block:
    """A ticket and its state, apart by a tab on a page."""
    return Line(line.text.replace(": ", ":\t", 1)) if isinstance(line, Line) else line


def _span(parent: etree._Element, content: str, css: str = "") -> None:
    span = etree.SubElement(parent, "span")
    if css:
        span.set("class", css)
    span.text = content


def _item(parent: etree._Element, *spans: tuple[str, str]) -> None:
    item = etree.SubElement(parent, "li")
    for content, css in spans:
        _span(item, content, css)


def _summary(body: etree._Element, view: View) -> None:
    options, head = view.status.options, view.status.summary
    wanted = options.sections & (Section.STACK | Section.TIMES | Section.COUNTS | Section.DC)
    if wanted or view.status.dc is None:
        listed = _list(body, "Cluster Summary")
        if options.shows(Section.STACK):
            daemon = text.daemon_words(head.daemon)
            state = [(" (", ""), (daemon, ""), (")", "")] if daemon else []
            _item(listed, ("Stack: ", "bold"), (head.stack, ""), *state)
        if options.shows(Section.DC) or view.status.dc is None:
            _item(listed, ("Current DC: ", "bold"), *_dc(view))
        if options.shows(Section.TIMES):
            here = [(" on ", ""), (head.here, "")] if head.here else []
            _item(listed, ("Last updated: ", "bold"), (words.when(head.now_s), ""), *here)
            _item(listed, ("Last change: ", "bold"), (text.last_change(head), ""))
        if options.shows(Section.COUNTS):
            _item(listed, (f"{head.nodes} node{words.plural(head.nodes)} configured", ""))
            _item(listed, *_instances(head))
    if options.shows(Section.OPTIONS):
        listed = _list(body, "Config Options")
        for line in text.option_lines(head, view.status.release):
            etree.SubElement(listed, "li").text = line
        _management(listed, head)


def _dc(view: View) -> list[tuple[str, str]]:
    head, dc = view.status.summary, view.status.dc
    if dc is None:
        return [("NONE", "warning")]
    name = words.node_name(dc, details=view.status.options.details)
    return [
        (f"{name} (version {head.dc_version or 'unknown'}) -", ""),
        *([(" MIXED-VERSION", "warning")] if head.mixed_version else []),
        (" partition", ""),
        (" with", "") if head.quorate else (" WITHOUT", "warning"),
        (" quorum", ""),
    ]


def _instances(head: Summary) -> list[tuple[str, str]]:
    count = f"{head.resources} resource instance{words.plural(head.resources)} configured"
    if not head.disabled and not head.blocked:
        return [(count, "")]
    spans = [(f"{count} ({head.disabled or head.blocked} ", "")]
    if head.disabled:
        spans.append(("DISABLED", "bold"))
        spans.append((f", {head.blocked} " if head.blocked else ")", ""))
    if head.blocked:
        spans += [("BLOCKED", "bold"), (" from further action due to failure)", "")]
    return spans


def _management(listed: etree._Element, head: Summary) -> None:
    if head.maintenance_mode:
        _item(
            listed, ("Resource management: ", ""), ("DISABLED", "bold"),
            (" (the cluster will not attempt to start, stop, or recover services)", ""),
        )
    elif head.stop_all_resources:
        _item(
            listed, ("Resource management: ", ""), ("STOPPED", "bold"),
            (" (the cluster will keep all resources stopped)", ""),
        )
    else:
        etree.SubElement(listed, "li").text = "Resource management: enabled"


def _node_spans(view: View, node: NodeStatus) -> list[tuple[str, str]]:
    spans = [(" online", "online") if node.online else (" OFFLINE", "offline")]
    if node.standby_onfail:
        more = ", with active resources" if node.running else ""
        spans.append((f" (in standby due to on-fail{more})", "standby"))
    elif node.standby:
        more = ", with active resources" if node.running else ""
        spans.append((f" (in standby{more})", "standby"))
    if node.maintenance:
        spans.append((" (in maintenance mode)", "maint"))
    if node.health != "green":
        spans.append((f" (health is {node.health.upper()})", f"health_{node.health}"))
    if view.status.options.details and node.feature_set is not None:
        spans.append((f", feature set {node.feature_set}", ""))
    return spans


def _node(parent: etree._Element, view: View, node: NodeStatus) -> None:
    options = view.status.options
    name = words.node_name(node, details=options.details)
    if not options.by_node:
        _item(parent, (f"{name}:", "bold"), *_node_spans(view, node))
        return
    item = etree.SubElement(_list(parent, f"{name}:"), "li")
    for content, css in (("Status:", ""), *_node_spans(view, node)):
        _span(item, content, css)
    found: list[Line | Block] = []
    if options.brief:
        named: list[PrimitiveStatus] = outline.brief_on_node(view, node)
        found.extend(outline.brief(view, named, inactive=False, bare=True))
        some = bool(named)
    else:
        detail = outline.detail_of(view, bare=True)
        there = outline.node_resources(view, node)
        for one in there:
            found.extend(outline.resource(view, one, detail, view.status.only_resources))
        some = bool(there)
    if some:
        _block(item, Block("Resources", tuple(found)))


def _attributes(body: etree._Element, view: View) -> None:
    listed = None
    for entry in view.status.attributes:
        node = view.node(entry.node)
        if node is None or not view.node_passes(node.name):
            continue
        if listed is None:
            listed = _list(body, "Node Attributes")
        below = _list(listed, words.node_name(node, details=view.status.options.details) + ":")
        for one in entry.attributes:
            said = f"{one.name}: {one.value}"
            if one.expected is None:
                etree.SubElement(below, "li").text = said
                continue
            reached = outline.leading_number(one.value)
            remark = []
            if reached <= 0:
                remark = [("(connectivity is lost)", "bold")]
            elif reached < one.expected:
                remark = [(f"(connectivity is degraded -- expected {one.expected}", "bold")]
            _item(below, (said, ""), *remark)
