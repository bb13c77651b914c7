"""XML while it is typed: colours, what may stand at the cursor, what is wrong and in which line; pure.

What may stand where is asked of the schema that the CIB follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lxml import etree
from msgspec import Struct

from hashell.cib.document import Cib, parse_fragment
from hashell.errors import HashellError
from hashell.schema.check import elements, errors, kind_below, schema_of, validate, ways_of

#: Characters of a text that is read at every key.
TEXT_MAX = 256 * 1024
_PART = re.compile(
    r"(?P<comment><!--.*?(?:-->|\Z))|(?P<tag></?[\w:.-]*)|(?P<end>/?>)"
    r"|(?P<name>[\w:.-]+)(?P<equals>\s*=\s*)(?P<value>\"[^\"<]*\"?|'[^'<]*'?)", re.DOTALL,
)
_OPEN_TAG = re.compile(r"<(?P<end>/?)(?P<tag>[\w:.-]+)(?P<rest>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*?)(?P<alone>/?)>")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


class Offer(Struct, frozen=True):
    """A word to offer: it replaces the text from `start` up to the cursor."""

    text: str
    start: int
    help: str = ""
    show: str = ""
    open: bool = False


def hues(text: str) -> list[tuple[int, int, str]]:
    """(start, end, meaning) of what is to be coloured."""
    found: list[tuple[int, int, str]] = []
    for one in _PART.finditer(text[:TEXT_MAX]):
        if one["comment"]:
            found.append((one.start(), one.end(), "muted"))
        elif one["tag"]:
            found.append((one.start(), one.end(), "accent"))
        elif one["end"]:
            found.append((one.start(), one.end(), "muted"))
        else:
            found.append((one.start("name"), one.end("equals"), "muted"))
            found.append((one.start("value"), one.end("value"), "ok" if one["name"] == "id" else "foreground"))
    return found


def trouble(text: str) -> str:
    """Where it is no XML, with the line."""
    if not text.strip():
        return ""
    try:
        parse_fragment(text, "the text")
    except HashellError as error:
        return error.message
    return ""


def findings(text: str, root: etree._Element, path: Sequence[str]) -> str:
    """The first thing that the schema does not allow, with its line in the text; ids and references as well."""
    try:
        new = parse_fragment(text, "the text")
    except HashellError as error:
        return error.message if text.strip() else ""
    version = schema_of(root)
    if not version:
        return ""
    kind = _kind((*path, str(new.tag)), version)
    for finding in elements(new, kind, version) if kind else ():
        if finding in errors([finding]):
            return str(finding)
    if str(new.tag) == "configuration":
        whole = Cib(_with(root, new))
        return "".join(str(one) for one in errors(validate(whole))[:1])
    return ""


def _with(root: etree._Element, configuration: etree._Element) -> etree._Element:
    """A CIB with another configuration, and nothing else."""
    whole = etree.Element("cib", {str(name): str(value) for name, value in root.attrib.items()})
    whole.append(configuration)
    etree.SubElement(whole, "status")
    return whole


def _kind(path: Sequence[str], version: int) -> str:
    """The kind of element at the end of a path of tags that begins with cib; empty where the schema has none."""
    kind = "cib"
    for tag in path[1:]:
        kind = kind_below(kind, tag, version)
        if not kind:
            return ""
    return kind


def offers(before: str, root: etree._Element, path: Sequence[str]) -> list[Offer]:
    """What may stand where the text ends: elements after <, attributes in a tag, values in quotes."""
    version = schema_of(root)
    if not version or len(before) > TEXT_MAX:
        return []
    plain = _COMMENT.sub(lambda found: " " * len(found.group()), before)
    opened = plain.rfind("<")
    inside = opened >= 0 and ">" not in re.sub(r"\"[^\"]*\"|'[^']*'", "", plain[opened:])
    stack = [*path, *_stack(plain[:opened] if inside else plain)]
    if not inside:
        return []
    typed = plain[opened + 1 :]
    if typed.startswith("/"):
        return [Offer(f"{stack[-1]}>", opened + 2)] if len(stack) > len(path) else []
    tag = re.match(r"[\w:.-]*", typed)
    assert tag is not None
    if tag.end() == len(typed):
        return list(_fitting(_children(stack, version), typed, opened + 1))
    kind = _kind((*stack, tag.group()), version)
    if not kind:
        return []
    value = re.search(r"([\w:.-]+)\s*=\s*[\"']([^\"']*)\Z", typed)
    if value is not None and typed.count('"', 0, value.start(2)) % 2:
        return list(_fitting(_values(kind, value[1], version), value[2], len(before) - len(value[2]), open=True))
    word = re.search(r"[\w:.-]*\Z", typed)
    assert word is not None
    given = set(re.findall(r"([\w:.-]+)\s*=", typed))
    return list(_fitting(_attributes(kind, given, version), word.group(), len(before) - len(word.group())))


def _stack(text: str) -> Iterator[str]:
    """The elements that are open where a text ends."""
    opened: list[str] = []
    for one in _OPEN_TAG.finditer(text):
        if one["end"]:
            if opened and opened[-1] == one["tag"]:
                opened.pop()
        elif not one["alone"]:
            opened.append(one["tag"])
    yield from opened


def _children(stack: Sequence[str], version: int) -> Iterator[tuple[str, str]]:
    kind = _kind(stack, version)
    if kind:
        tags = dict.fromkeys(tag for way in ways_of(kind, version) for tag in way.parts)
        yield from ((tag, f"in <{stack[-1]}>") for tag in tags)


def _attributes(kind: str, given: set[str], version: int) -> Iterator[tuple[str, str]]:
    ways = ways_of(kind, version)
    needed = set.intersection(*(set(way.required) for way in ways)) if ways else set()
    found = {name: str(values) for way in ways for name, (_, values) in way.attributes.items() if name not in given}
    for name in sorted(found, key=lambda name: (name not in needed, name)):
        yield f'{name}="', ("required " if name in needed else "") + found[name]


def _values(kind: str, name: str, version: int) -> Iterator[tuple[str, str]]:
    for way in ways_of(kind, version):
        if name in way.attributes:
            values = way.attributes[name][1]
            yield from ((word, "") for word in values.words)
            if "boolean" in values.types:
                yield from (("true", ""), ("false", ""))


def _fitting(words: Iterator[tuple[str, str]], typed: str, start: int, *, open: bool = False) -> Iterator[Offer]:
    seen: set[str] = set()
    for word, text in words:
        if word.startswith(typed) and word not in seen:
            seen.add(word)
            yield Offer(word, start, text, word.rstrip('="'), open or word.endswith('"'))
