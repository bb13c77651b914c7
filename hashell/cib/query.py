"""Finding elements: by XPath, by tag and id, by section; and the path that leads to an element.

Everything here reads; nothing changes a tree.
"""

from __future__ import annotations

from functools import lru_cache

from lxml import etree

from hashell.cib.document import SECTIONS
from hashell.errors import BadInput, NotFound

#: Characters. An XPath longer than this is no question that a person or a tool of ours asks.
XPATH_MAX = 8192


class BadXpath(BadInput):
    id = "xpath-bad"


class NothingThere(NotFound):
    id = "cib-element-missing"


@lru_cache(maxsize=256)
def _compiled(path: str) -> etree.XPath:
    if len(path) > XPATH_MAX:
        raise BadXpath(f"the XPath has {len(path)} characters", f"at most {XPATH_MAX} are read")
    try:
        # Without EXSLT's regular expressions: they can be made to run for ever.
        return etree.XPath(path, regexp=False)
    except (etree.XPathSyntaxError, ValueError) as error:
        raise BadXpath(f"{path!r} is no XPath: {error}", "see XPath 1.0") from None


def evaluate(root: etree._Element, path: str) -> object:
    """What an XPath gives: a list of elements and texts, or a number, text or truth. Raises
    BadXpath.
    """
    try:
        return _compiled(path)(root)
    except etree.XPathError as error:
        raise BadXpath(f"{path!r} cannot be evaluated: {error}", "see XPath 1.0") from None


def find_all(root: etree._Element, path: str) -> list[etree._Element]:
    """All elements that an XPath finds, in document order; attributes and numbers count as nothing.

    Raises BadXpath.
    """
    found = evaluate(root, path)
    if not isinstance(found, list):
        return []
    return [item for item in found if isinstance(item, etree._Element) and is_element(item)]


def is_element(node: etree._Element) -> bool:
    """Whether a node is an element, not a comment."""
    return isinstance(node.tag, str)


def child(parent: etree._Element, tag: str, wanted: str | None) -> etree._Element | None:
    """The first child element with this tag and exactly this id; None for `wanted` means: that has
    no id.
    """
    for element in parent.iterchildren(tag):
        if element.get("id") == wanted:
            return element
    return None


def match_below(top: etree._Element, tag: str, wanted: str | None) -> etree._Element | None:
    """`top` itself or the first element below it, in document order, with this tag and exactly this
    id.
    """
    if top.tag == tag and top.get("id") == wanted:
        return top
    for element in top.iterdescendants(tag):
        if element.get("id") == wanted:
            return element
    return None


def find_section(root: etree._Element, name: str) -> etree._Element | None:
    """The element that Pacemaker's tools mean by a section: `cib`, `configuration`, `status`,
    `resources` …
    """
    if name in ("", "cib", "all"):
        return root
    if name in ("configuration", "status"):
        return next(root.iterchildren(name), None)
    if name in SECTIONS:
        for configuration in root.iterchildren("configuration"):
            for found in configuration.iterchildren(name):
                return found
    return None


def is_section(name: str) -> bool:
    """Whether a word names a section of a CIB."""
    return name in ("", "cib", "all", "configuration", "status") or name in SECTIONS


def step_to(element: etree._Element) -> str:
    """The last step of the path to an element, as patches spell it: `/primitive[@id='web']`,
    `/status`, `/comment`.
    """
    if not is_element(element):
        return "/comment"
    wanted = element.get("id")
    return f"/{element.tag}" if wanted is None else f"/{element.tag}[@id='{wanted}']"


def path_to(element: etree._Element) -> str:
    """The path from the root to an element, as patches spell it:
    `/cib/configuration/resources/primitive[@id='web']`.
    """
    steps = [step_to(element)]
    steps.extend(step_to(ancestor) for ancestor in element.iterancestors())
    return "".join(reversed(steps))
