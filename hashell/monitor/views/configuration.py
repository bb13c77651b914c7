"""The configuration in four shapes: crm text, a tree, XML, and the constraints as a picture. One key turns between.

Every row knows the object that it belongs to, so that it can be edited from anywhere inside.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from lxml import etree

from hashell.cib.document import Cib
from hashell.commands.configure import is_object
from hashell.monitor.lines import Line, Span
from hashell.monitor.scene import Scene
from hashell.monitor.views import CrmText, View, Wishes, configuration_tree, picture
from hashell.monitor.views.details import STARS, is_secret

SHAPES = ("crm", "tree", "xml", "picture")
_TITLES = {"crm": "crm text", "tree": "tree", "xml": "XML", "picture": "picture of the constraints"}
_KINDS = {
    "primitive": "resource", "group": "resource", "clone": "resource", "ms": "resource",
    "bundle": "resource", "node": "node", "location": "constraint", "colocation": "constraint",
    "order": "constraint", "rsc_ticket": "constraint",
}
_TAGS = {"primitive": "resource", "group": "resource", "clone": "resource", "master": "resource", "bundle": "resource"}
_KEYWORDS = frozenset({
    "params", "meta", "utilization", "op", "operations", "rule", "attributes", "op_params", "op_meta",
})
_WORD = re.compile(r"\s+|\"(?:[^\"\\]|\\.)*\"|[^\s\"]+(?:\"(?:[^\"\\]|\\.)*\")?|\"")


def build(scene: Scene, wishes: Wishes) -> Sequence[Line]:
    """The configuration in the shape that is wished for. Raises HashellError."""
    if scene.cib is None:
        return ()
    shape = shape_of(wishes)
    match shape:
        case "crm":
            assert wishes.crm_text is not None
            lines = crm_lines(scene.cib, wishes.crm_text)
        case "tree":
            lines = configuration_tree.lines(scene.cib, wishes.glyphs)
        case "picture":
            lines = picture.lines(scene.cib, wishes.glyphs, wishes.width)
        case _:
            lines = xml_lines(scene.cib)
    return [_title(shape, wishes), *lines] if lines else ()


def shape_of(wishes: Wishes) -> str:
    """What is wished for, as far as it can be had: without a writer of the crm language there is none."""
    return "xml" if wishes.shape == "crm" and wishes.crm_text is None else wishes.shape


def _title(shape: str, wishes: Wishes) -> Line:
    spans: list[Span] = []
    for name in SHAPES:
        chosen = name == shape
        text = _TITLES[name] if wishes.width >= 70 or not chosen else name
        spans.append(Span(f"[{text}] " if chosen else f" {name}  ", "accent" if chosen else "muted", chosen))
    spans.append(Span(" v turns · e edits · enter form · a adds", "muted"))
    return Line("shape", tuple(spans), "heading", selectable=False)


def object_row(lines: Sequence[Line], name: str) -> str:
    """The key of the first row of an object; empty where there is none."""
    return next((line.key for line in lines if line.about == name), "")


def crm_lines(cib: Cib, crm_text: CrmText) -> list[Line]:
    """The crm language, with keywords, names and values told apart."""
    result: list[Line] = []
    kind, about = "", ""
    numbers: Counter[str] = Counter()
    for text in crm_text(cib).expandtabs(4).splitlines():
        words = text.split()
        first = text[:1] not in ("", " ", "#") and bool(words)
        if first:
            kind = _KINDS.get(words[0], "object")
            about = words[1].rstrip(":") if len(words) > 1 else ""
            if words[0] == "fencing_topology":
                about = words[0]
            if kind == "node" and words[1:2] and words[1].endswith(":") and len(words) > 2:
                about = words[2]  # node ID: NAME
        numbers[about] += 1
        result.append(Line(f"crm:{about}:{numbers[about]}", tuple(_crm_spans(text, first)), kind, about))
    return result


def _crm_spans(text: str, first: bool) -> Iterator[Span]:
    place = 0
    for found in _WORD.finditer(text):
        word = found.group()
        if word.isspace():
            yield Span(word)
            continue
        name, equals, value = word.partition("=")
        if first and place < 2:
            yield Span(word, "accent" if place == 0 else "ok", place == 0)
        elif word in _KEYWORDS:
            yield Span(word, "pending")
        elif word == "\\" or word.startswith("#"):
            yield Span(word, "muted")
        elif equals:
            yield from (Span(name + equals, "muted"), Span(value))
        else:
            yield Span(word)
        place += 1


def xml_lines(cib: Cib) -> list[Line]:
    """The configuration section, indented; secrets are starred."""
    section = cib.configuration
    result: list[Line] = []
    numbers: Counter[str] = Counter()

    def put(spans: list[Span], kind: str, about: str, depth: int) -> None:
        numbers[about] += 1
        result.append(Line(f"xml:{about}:{numbers[about]}", tuple(spans), kind, about, depth=depth))

    def walk(element: etree._Element, depth: int, kind: str, about: str) -> None:
        tag = str(element.tag)
        if element.tag == "fencing-topology" and len(element):
            kind, about = "object", "fencing_topology"
        elif is_object(element):
            constraint = tag.startswith("rsc_") and tag != "rsc_defaults"
            kind = "node" if tag == "node" else "constraint" if constraint else _TAGS.get(tag, "object")
            about = element.get("uname") or element.get("id") or ""
        hidden = tag == "nvpair" and is_secret(element.get("name", ""))
        spans = [Span("  " * depth + "<", "muted"), Span(tag, "accent")]
        for name, value in ((str(name), str(value)) for name, value in element.attrib.items()):
            shown = STARS if hidden and name == "value" else value
            spans += [Span(f" {name}=", "muted"), Span(f'"{shown}"', "ok" if name == "id" else "foreground")]
        children = list(element.iterchildren(etree.Element))
        spans.append(Span(">" if children else "/>", "muted"))
        put(spans, kind, about, depth)
        for child in children:
            walk(child, depth + 1, kind, about)
        if children:
            put([Span(f"{'  ' * depth}</{tag}>", "muted")], kind, about, depth)

    if section is not None:
        walk(section, 0, "xml", "")
    return result


VIEW = View(
    "configuration", build, frozenset({"cib"}), heavy=True, seeks=True, empty="no configuration yet",
    help=(
        ("v", "turns between crm text, tree, XML and the picture of the constraints"),
        ("e / E", "edits the object under the cursor, or the whole, as text (in the XML shape as XML)"),
        ("enter", "a form of the resource under the cursor; of anything else its text"),
        ("a / D", "a new resource by a form / deletes the object under the cursor"),
        ("/ n", "looks for words; n goes to the next place"),
    ),
)
