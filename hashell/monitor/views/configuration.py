"""The configuration as lines: the CIB as crm text where a writer of it is given, else as a tree of
XML.
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from hashell.cib.document import Cib
from hashell.monitor.lines import Line, Span
from hashell.monitor.scene import Scene
from hashell.monitor.views import CrmText, View, Wishes

_KINDS = {
    "primitive": "resource", "group": "resource", "clone": "resource", "ms": "resource",
    "bundle": "resource", "node": "node", "location": "constraint", "colocation": "constraint",
    "order": "constraint", "rsc_ticket": "constraint",
}


def build(scene: Scene, wishes: Wishes) -> Sequence[Line]:
    """The configuration. Raises HashellError."""
    if scene.cib is None:
        return ()
    return xml_lines(scene.cib) if wishes.crm_text is None else crm_lines(scene.cib, wishes.crm_text)


def crm_lines(cib: Cib, crm_text: CrmText) -> list[Line]:
    """The crm language, with keywords and ids told apart; a row knows the thing that its text began
    with.
    """
    result: list[Line] = []
    kind, about = "", ""
    for number, text in enumerate(crm_text(cib).expandtabs(4).splitlines()):
        words = text.split()
        if text[:1] not in ("", " ", "\t") and words:
            kind = _KINDS.get(words[0], "text")
            about = words[1].rstrip(":") if len(words) > 1 else ""
            if kind == "node" and words[1:2] and words[1].endswith(":") and len(words) > 2:
                about = words[2]  # node ID: NAME
            rest = text[len(words[0]) :]
            spans: tuple[Span, ...] = (Span(words[0], "accent", True), Span(rest))
        else:
            spans = (Span(text, "muted"),)
        result.append(Line(f"crm:{number}:{about}", spans, kind, about))
    return result


def xml_lines(cib: Cib) -> list[Line]:
    """The configuration section, indented."""
    section = cib.configuration
    result: list[Line] = []

    def walk(element: etree._Element, depth: int) -> None:
        spans = [Span("  " * depth + "<", "muted"), Span(element.tag, "accent")]
        for name, value in ((str(name), str(value)) for name, value in element.attrib.items()):
            spans += [Span(f" {name}=", "muted"), Span(f'"{value}"', "ok" if name == "id" else "foreground")]
        children = list(element.iterchildren(etree.Element))
        spans.append(Span(">" if children else "/>", "muted"))
        kind = "resource" if element.tag in ("primitive", "group", "clone", "bundle") else "constraint" if (
            element.tag.startswith("rsc_") and element.tag != "rsc_defaults"
        ) else "xml"
        result.append(Line(f"xml:{len(result)}", tuple(spans), kind, element.get("id", ""), depth=depth))
        for child in children:
            walk(child, depth + 1)
        if children:
            result.append(Line(f"xml:{len(result)}", (Span(f"{'  ' * depth}</{element.tag}>", "muted"),)))

    if section is not None:
        walk(section, 0)
    return result


VIEW = View("configuration", build, frozenset({"cib"}), heavy=True, empty="no configuration yet")
