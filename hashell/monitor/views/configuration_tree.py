"""The configuration as a tree: sections, the objects in them, and what each has, in words."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from hashell.cib.document import Cib
from hashell.commands.binding import attributes
from hashell.monitor.glyphs import Glyphs
from hashell.monitor.lines import Line, Span
from hashell.monitor.views.details import STARS, is_secret

_SECTIONS = (
    ("nodes", "Nodes"), ("resources", "Resources"), ("constraints", "Constraints"),
    ("fencing-topology", "Fencing topology"), ("crm_config", "Options of the cluster"),
    ("rsc_defaults", "Defaults of resources"), ("op_defaults", "Defaults of operations"), ("tags", "Tags"),
    ("acls", "Access"), ("alerts", "Alerts"),
)
_RESOURCES = frozenset({"primitive", "group", "clone", "master", "bundle", "template"})
_SETS = {"instance_attributes": "params", "meta_attributes": "meta", "utilization": "utilization"}
#: Attributes that the first line of an object tells by itself.
_TOLD = frozenset({"id", "uname", "class", "provider", "type"})


def lines(cib: Cib, glyphs: Glyphs) -> list[Line]:
    """Rows of the tree, from top to bottom."""
    made = _Tree(glyphs)
    for name, title in _SECTIONS:
        section = cib.section(name)
        if section is not None and len(section):
            made.section(name, title, section)
    return made.rows


class _Tree:
    def __init__(self, glyphs: Glyphs) -> None:
        self.rows: list[Line] = []
        self._opened = glyphs.opened
        self._dot = glyphs.stopped
        self._arrow = glyphs.arrow
        self._kind = self._about = ""

    def _add(self, depth: int, *spans: Span) -> None:
        key = f"tree:{self._about}:{len(self.rows) if not self._about else self._count()}"
        self.rows.append(Line(key, (Span("  " * depth), *spans), self._kind, self._about, depth=depth))

    def _count(self) -> int:
        """The how many-th row of its object this is."""
        count = 0
        for row in reversed(self.rows):
            if row.about != self._about:
                break
            count += 1
        return count

    def section(self, name: str, title: str, section: etree._Element) -> None:
        self._kind, self._about = "heading", ""
        count = len(list(section.iterchildren(etree.Element)))
        self.rows.append(Line(
            f"tree:section:{name}", (Span(f"{self._opened} {title} ", "accent", True), Span(f"{count}", "muted")),
            "heading", selectable=False,
        ))
        if name == "fencing-topology":
            self._kind, self._about = "object", "fencing_topology"
            for level in section.iterfind("fencing-level"):
                target = level.get("target") or level.get("target-pattern") or level.get("target-attribute", "")
                self._add(1, Span(f"{target} level {level.get('index', '')}: "), Span(level.get("devices", "")))
            return
        for element in section.iterchildren(etree.Element):
            self._object(element, 1)

    def _object(self, element: etree._Element, depth: int) -> None:
        tag = str(element.tag)
        constraint = tag.startswith("rsc_")
        self._kind = "node" if tag == "node" else "constraint" if constraint else (
            "resource" if tag in _RESOURCES and tag != "template" else "object"
        )
        self._about = element.get("uname") or element.get("id") or ""
        here = self._kind, self._about
        self._add(depth, Span(f"{self._dot} ", "muted"), *self._title(element, constraint))
        for child in element.iterchildren(etree.Element):
            if child.tag in _RESOURCES:
                self._object(child, depth + 1)
                self._kind, self._about = here
            else:
                self._part(child, depth + 2)

    def _title(self, element: etree._Element, constraint: bool) -> Iterator[Span]:
        tag = str(element.tag)
        yield Span(f"{tag.removeprefix('rsc_')} ", "pending")
        yield Span(self._about, "ok", True)
        agent = ":".join(filter(None, (element.get("class"), element.get("provider"), element.get("type"))))
        if tag in _RESOURCES and agent:
            yield Span(f"  {agent}", "maint")
        if constraint:
            yield Span(f"  {sentence(element, self._arrow)}")
        else:
            rest = [f"{name}={value}" for name, value in attributes(element).items() if name not in _TOLD]
            if rest:
                yield Span(f"  {' '.join(rest)}", "muted")

    def _part(self, element: etree._Element, depth: int) -> None:
        tag = str(element.tag)
        if tag == "nvpair":
            self._add(depth, *_pair(element))
            return
        pairs = [pair for child in element.iterfind("nvpair") for pair in _pair(child)]
        if tag in _SETS and pairs:
            self._add(depth, Span(f"{_SETS[tag]} ", "accent"), *_spaced(element))
            rest = [child for child in element.iterchildren(etree.Element) if child.tag != "nvpair"]
        else:
            words = [f"{name}={value}" for name, value in attributes(element).items() if name != "id"]
            if tag == "operations":
                rest = list(element.iterchildren(etree.Element))
            else:
                self._add(depth, Span(f"{tag} ", "accent"), Span(" ".join(words)))
                rest = list(element.iterchildren(etree.Element))
                depth += 1
        for child in rest:
            self._part(child, depth)


def _pair(pair: etree._Element) -> tuple[Span, ...]:
    name = pair.get("name") or f"@{pair.get('id-ref', '')}"
    value = STARS if is_secret(name) else pair.get("value", "")
    return Span(f"{name}=", "muted"), Span(value)


def _spaced(element: etree._Element) -> Iterator[Span]:
    for pair in element.iterfind("nvpair"):
        yield from _pair(pair)
        yield Span("  ")


def sentence(element: etree._Element, arrow: str) -> str:
    """What a constraint says, in a few words."""
    match str(element.tag):
        case "rsc_location":
            who = element.get("rsc") or f"/{element.get('rsc-pattern', '')}/"
            if element.get("node"):
                return f"{who} on {element.get('node')}: {element.get('score', '')}"
            return f"{who} by {len(element.findall('rule'))} rule{'' if len(element.findall('rule')) == 1 else 's'}"
        case "rsc_colocation" if element.get("rsc"):
            return f"{_ended(element, 'rsc')} with {_ended(element, 'with-rsc')}: {element.get('score', 'INFINITY')}"
        case "rsc_order" if element.get("first"):
            first, then = _ended(element, "first", "action"), _ended(element, "then", "action")
            return f"{first} {arrow} {then}  {element.get('kind') or element.get('score') or 'Mandatory'}"
        case "rsc_ticket":
            lost = element.get("loss-policy", "stop")
            return f"{element.get('rsc', '')} needs {element.get('ticket', '')}, else {lost}"
        case _:
            members = [
                " ".join(one.get("id", "") for one in found.iterfind("resource_ref"))
                for found in element.iterfind("resource_set")
            ]
            return f" {arrow} ".join(f"({one})" for one in members)


def _ended(element: etree._Element, end: str, what: str = "role") -> str:
    """`db`, `db:promote`, `db:Promoted`."""
    more = element.get(f"{end}-{what}", "")
    return element.get(end, "") + (f":{more}" if more and more != "start" else "")
