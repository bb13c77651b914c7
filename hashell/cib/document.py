"""The CIB as a document: parsed with limits, held as a tree that nobody changes in place.

Source: Pacemaker Explained, "Cluster information base (CIB)".
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any, Self

from lxml import etree

from hashell.cib.versions import Version
from hashell.errors import BadInput

#: Bytes. A CIB of 64 nodes with the history of 2,000 resources on each has 80 MiB; more than this is
#: an accident or an attack.
SIZE_MAX = 256 * 1024 * 1024
#: Levels of elements. Rules in rules in sets reach about 15.
DEPTH_MAX = 64
_TOO_DEEP = etree.XPath(f"boolean({'/*' * (DEPTH_MAX + 1)})")
_TEXTS = etree.XPath("//text()")

SECTIONS = (
    "crm_config", "nodes", "resources", "constraints", "fencing-topology", "op_defaults",
    "rsc_defaults", "acls", "tags", "alerts",
)

EMPTY = (
    b'<cib crm_feature_set="3.20.1" validate-with="pacemaker-3.9"'
    b' epoch="0" num_updates="0" admin_epoch="0">'
    b"<configuration><crm_config/><nodes/><resources/><constraints/></configuration><status/></cib>"
)


_ELEMENT = re.compile(rb"<[A-Za-z_]")


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False,
        dtd_validation=False, remove_blank_text=True, remove_pis=True,
    )


#: Making a parser takes longer than most documents do. Threads wait for one another at a parser, so it has none to read
#: for which that would be long. Bytes.
SMALL_MAX = 16 * 1024
_FOR_SMALL = _parser()


class BadXml(BadInput):
    id = "xml-bad"


def parse_xml(data: bytes | str, what: str = "XML") -> etree._Element:
    """The root element of one document: no entities, no document type, no network, bounded depth
    and size.

    `what` names the source in the error. Comments stay in the tree, processing instructions do not.
    Raises BadXml.
    """
    if isinstance(data, str):
        data = data.encode()
    if len(data) > SIZE_MAX:
        raise BadXml(f"{what} has {len(data)} bytes", f"at most {SIZE_MAX} are read")
    if b"<!DOCTYPE" in _prolog(data):
        raise BadXml(f"{what} declares a document type", "remove the DOCTYPE and its entities")
    try:
        root = etree.fromstring(data, _FOR_SMALL if len(data) <= SMALL_MAX else _parser())
    except etree.XMLSyntaxError as error:
        place = f" at line {error.lineno}" if error.lineno else ""
        raise BadXml(f"{what} is not well-formed{place}: {error.msg}", "mend the XML") from None
    except ValueError as error:
        raise BadXml(f"{what} cannot be read: {error}", "mend the XML") from None
    info: Any = root.getroottree().docinfo
    if info.doctype:
        raise BadXml(f"{what} declares a document type", "remove the DOCTYPE and its entities")
    if not _is_small(data) and _TOO_DEEP(root):
        raise BadXml(f"{what} nests deeper than {DEPTH_MAX} elements", "flatten the XML")
    return root


def drop_text(root: etree._Element) -> None:
    """Remove all text between elements: in a CIB it means nothing, and positions of children must
    not depend on it.
    """
    texts: Any = _TEXTS(root)
    for text in texts:
        if text.is_tail:
            text.getparent().tail = None
        else:
            text.getparent().text = None


def parse_fragment(data: bytes | str, what: str = "XML") -> etree._Element:
    """A part of a CIB: as `parse_xml`, and without text between elements. Raises BadXml."""
    root = parse_xml(data, what)
    drop_text(root)
    return root


def _prolog(data: bytes) -> bytes:
    """What stands before the first element. Refusing a document type there spares the parser its entities; in encodings
    in which this finds nothing the parser's own limits hold, and the document type is refused after it.
    """
    found = _ELEMENT.search(data)
    return data[: found.start()] if found else data


def _is_small(data: bytes) -> bool:
    """Whether there are too few tags to nest too deep, which is cheaper to tell. What begins with anything but a tag
    may be in an encoding in which tags look different."""
    return data[:1] == b"<" and data[1:2].isalpha() and data.count(b"<") <= DEPTH_MAX


class Cib:
    """One version of the CIB. The tree is shared and must never be changed in place: edits start
    with `copy_root`.
    """

    __slots__ = ("__weakref__", "root")

    def __init__(self, root: etree._Element) -> None:
        self.root = root

    @classmethod
    def parse(cls, data: bytes | str, what: str = "the CIB") -> Self:
        """Raises BadXml, also when the root is no `cib` element."""
        root = parse_fragment(data, what)
        if root.tag != "cib":
            raise BadXml(f"{what} begins with <{root.tag}>", "a CIB begins with <cib>")
        return cls(root)

    @classmethod
    def empty(cls) -> Self:
        """A CIB as a new cluster has it: no nodes, no resources, version 0.0.0."""
        return cls.parse(EMPTY)

    @property
    def version(self) -> Version:
        return Version.of(self.root)

    @property
    def configuration(self) -> etree._Element | None:
        return self.root.find("configuration")

    @property
    def status(self) -> etree._Element | None:
        return self.root.find("status")

    def section(self, name: str) -> etree._Element | None:
        """A section of the configuration (`resources`, `constraints` …), or `status`."""
        if name == "status":
            return self.status
        return self.root.find(f"configuration/{name}")

    def by_id(self, wanted: str) -> etree._Element | None:
        """The first element of the configuration with this id (references by id-ref are not
        definitions).
        """
        if self.configuration is None:
            return None
        found = self.configuration.xpath("descendant::*[@id=$id]", id=wanted)
        if isinstance(found, list) and found and isinstance(found[0], etree._Element):
            return found[0]
        return None

    def ids(self) -> Iterator[str]:
        """Every id that stands in the configuration, in document order."""
        if self.configuration is not None:
            for element in self.configuration.iter(etree.Element):
                found = element.get("id")
                if found is not None:
                    yield found

    def copy_root(self) -> etree._Element:
        """A deep copy of the tree, for the one who edits it."""
        return copy.deepcopy(self.root)

    def to_bytes(self, *, pretty: bool = False) -> bytes:
        """The document in UTF-8, without an XML declaration."""
        if pretty:
            root = self.copy_root()
            etree.indent(root, "  ")
            return etree.tostring(root, encoding="utf-8") + b"\n"
        return etree.tostring(self.root, encoding="utf-8")
