"""corosync.conf: values looked up and changed in its text, so that comments and the order of lines stay.

A path is `section.section.key`; `nodelist.node.ring0_addr` means that key in every node, an index (from 0) one of them.
Every function takes a text that parse_sections accepts and raises BadCorosyncConf otherwise.

Source: corosync.conf(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hashell.errors import AlreadyExists, BadUsage, NotFound
from hashell.values.corosync_conf import NODE_ID_MAX, parse_sections

#: Links of knet. Source: corosync.conf(5), "linknumber".
LINKS_MAX = 8
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_INDENT = "    "


@dataclass(slots=True)
class _Block:
    """A section by its lines (numbers from 0; `end` is the line of the bracket that closes it)."""

    name: str
    start: int
    end: int
    depth: int
    keys: list[tuple[str, str, int]] = field(default_factory=list)
    blocks: list[_Block] = field(default_factory=list)

    def all(self, names: Sequence[str]) -> Iterator[_Block]:
        if not names:
            yield self
            return
        for block in self.blocks:
            if block.name == names[0]:
                yield from block.all(names[1:])

    def value(self, key: str) -> str:
        return next((value for name, value, _ in reversed(self.keys) if name == key), "")


def _scan(text: str) -> _Block:
    parse_sections(text)
    lines = text.splitlines()
    root = _Block("", -1, len(lines), -1)
    open_blocks = [root]
    for number, raw in enumerate(lines):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.endswith("{"):
            block = _Block(line[:-1].strip(), number, number, len(open_blocks) - 1)
            open_blocks[-1].blocks.append(block)
            open_blocks.append(block)
        elif line == "}":
            open_blocks.pop().end = number
        else:
            key, _, value = line.partition(":")
            open_blocks[-1].keys.append((key.strip(), value.strip(), number))
    return root


def _split(path: str) -> tuple[list[str], str]:
    *sections, key = path.split(".")
    if not sections or not all(_KEY.fullmatch(word) for word in (*sections, key)):
        raise BadUsage(f"{path!r} is no path in corosync.conf", "write SECTION.KEY, as totem.token")
    return sections, key


def paths(text: str) -> tuple[str, ...]:
    """All paths that have a value, each once, in the order of the file."""
    found: dict[str, None] = {}

    def walk(block: _Block, above: str) -> None:
        for key, _, _ in block.keys:
            found[f"{above}{key}"] = None
        for inner in block.blocks:
            walk(inner, f"{above}{inner.name}.")

    walk(_scan(text), "")
    return tuple(found)


def values(text: str, path: str) -> tuple[str, ...]:
    """Every value at a path, in order. Empty where there is none."""
    sections, key = _split(path)
    return tuple(
        value for block in _scan(text).all(sections) for name, value, _ in block.keys if name == key
    )


def _check_value(path: str, value: str) -> None:
    if not value.strip() or any(char in value for char in "\n\r{}"):
        raise BadUsage(f"{value!r} cannot be the value of {path}", "give one word or number, without brackets")


def set_value(text: str, path: str, value: str, index: int | None = None) -> str:
    """Change a value, or add it, its sections as well. `index` is needed where there are several such sections.

    Raises NotFound for an index that is too high, BadUsage for a path or value that cannot be.
    """
    sections, key = _split(path)
    _check_value(path, value)
    blocks = list(_scan(text).all(sections))
    if index is not None and index >= len(blocks):
        raise NotFound(f"there are {len(blocks)} sections {'.'.join(sections)}, none with index {index}",
                       "indexes count from 0")
    if index is None and len(blocks) > 1:
        raise BadUsage(f"there are {len(blocks)} sections {'.'.join(sections)}",
                       f"say which one: set {path} {value} 0 … {len(blocks) - 1}")
    lines = text.splitlines()
    if not blocks:
        return _with_sections(text, sections, [f"{key}: {value}"])
    block = blocks[index or 0]
    there = [line for name, _, line in block.keys if name == key]
    if there:
        indent = re.match(r"\s*", lines[there[-1]])
        lines[there[-1]] = f"{indent.group() if indent else ''}{key}: {value}"
    else:
        after = max((line for _, _, line in block.keys), default=block.start)
        lines.insert(after + 1, f"{_INDENT * (block.depth + 1)}{key}: {value}")
    return _joined(lines)


def _with_sections(text: str, sections: Sequence[str], body: Sequence[str]) -> str:
    """Lines in a section that is not there yet, within those of its parents that are."""
    root = _scan(text)
    lines = text.splitlines()
    inner = root
    rest = list(sections)
    while rest and (found := next(inner.all(rest[:1]), None)) is not None:
        inner = found
        rest.pop(0)
    depth = inner.depth + 1
    made = [f"{_INDENT * (depth + step)}{name} {{" for step, name in enumerate(rest)]
    made += [f"{_INDENT * (depth + len(rest))}{line}" for line in body]
    made += [f"{_INDENT * (depth + step)}}}" for step in reversed(range(len(rest)))]
    place = inner.end
    lines[place:place] = made
    return _joined(lines)


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"


def delete(text: str, path: str, index: int | None = None) -> str:
    """Take a value out, everywhere or in the section with that index. Raises NotFound."""
    sections, key = _split(path)
    blocks = list(_scan(text).all(sections))
    chosen = blocks if index is None else blocks[index : index + 1]
    gone = {line for block in chosen for name, _, line in block.keys if name == key}
    if not gone:
        raise NotFound(f"corosync.conf has no {path}" + (f" with index {index}" if index is not None else ""),
                       "see `corosync show`")
    return _joined([line for number, line in enumerate(text.splitlines()) if number not in gone])


# --- nodes and links ------------------------------------------------------------------------------------


def _nodes(text: str) -> list[_Block]:
    return list(_scan(text).all(["nodelist", "node"]))


def node_names(text: str) -> tuple[str, ...]:
    """Nodes by name, or by address where they have none."""
    return tuple(block.value("name") or block.value("ring0_addr") for block in _nodes(text))


def _find_node(text: str, name: str) -> _Block:
    found = [
        block for block in _nodes(text)
        if name in (block.value("name"), block.value("nodeid"), *(block.value(f"ring{n}_addr") for n in range(8)))
    ]
    if len(found) != 1:
        raise NotFound(f"corosync.conf has no node {name}", "its nodes: " + ", ".join(node_names(text)))
    return found[0]


def add_node(text: str, name: str, addresses: Sequence[str], node_id: int = 0) -> str:
    """One more node, with the next free id unless one is given. `two_node` goes when they are no more two.

    Raises AlreadyExists for a name, address or id that is taken.
    """
    blocks = _nodes(text)
    taken = {int(one.value("nodeid")) for one in blocks if one.value("nodeid").isdigit()}
    used = {value for one in blocks for key, value, _ in one.keys if key == "name" or key.endswith("_addr")}
    for word in (name, *addresses):
        _check_value("nodelist.node", word)
        if word in used:
            raise AlreadyExists(f"a node of corosync.conf has {word} already", "see `corosync show`")
    node_id = node_id or next(number for number in range(1, len(taken) + 2) if number not in taken)
    if node_id in taken or not 0 < node_id <= NODE_ID_MAX:
        raise AlreadyExists(f"node id {node_id} is taken", "leave it out: the next free one is used")
    body = ["node {", *(f"{_INDENT}ring{n}_addr: {one}" for n, one in enumerate(addresses)),
            f"{_INDENT}name: {name}", f"{_INDENT}nodeid: {node_id}", "}"]
    text = _with_sections(text, ["nodelist"], body)
    return _settle_two_node(text)


def remove_node(text: str, name: str) -> str:
    """A node less, by name, id or address; `two_node` comes when two are left. Raises NotFound."""
    block = _find_node(text, name)
    lines = text.splitlines()
    del lines[block.start : block.end + 1]
    return _settle_two_node(_joined(lines))


def _settle_two_node(text: str) -> str:
    """two_node where there are two nodes and nothing else decides; what is wrong by now is taken out."""
    count = len(_nodes(text))
    device = next(_scan(text).all(["quorum", "device"]), None)
    if not values(text, "quorum.provider"):
        return text
    if values(text, "quorum.expected_votes"):
        text = set_value(text, "quorum.expected_votes", str(count), None)
    switched = (values(text, "quorum.two_node") or ("",))[-1] in ("1", "yes")
    others = any((values(text, f"quorum.{key}") or ("",))[-1] in ("1", "yes")
                 for key in ("auto_tie_breaker", "last_man_standing"))
    if count == 2 and device is None and not switched and not others:
        return set_value(text, "quorum.two_node", "1")
    if switched and count != 2:
        return delete(text, "quorum.two_node")
    return text


def links(text: str) -> dict[int, dict[str, str]]:
    """Link number → node → address."""
    found: dict[int, dict[str, str]] = {}
    for block in _nodes(text):
        for number in range(LINKS_MAX):
            address = block.value(f"ring{number}_addr")
            if address:
                found.setdefault(number, {})[block.value("name") or block.value("ring0_addr")] = address
    return found


def link_options(text: str, number: int) -> dict[str, str]:
    """Options of a link: totem.interface with its linknumber."""
    block = _interface(text, number)
    return {} if block is None else {key: value for key, value, _ in block.keys if key != "linknumber"}


def _interface(text: str, number: int) -> _Block | None:
    for block in _scan(text).all(["totem", "interface"]):
        if (block.value("linknumber") or block.value("ringnumber") or "0") == str(number):
            return block
    return None


def add_link(text: str, addresses: Mapping[str, str], options: Mapping[str, str] | None = None) -> str:
    """One more link; every node needs an address of it. Raises BadUsage, NotFound."""
    used = links(text)
    number = next((n for n in range(LINKS_MAX) if n not in used), None)
    if number is None:
        raise BadUsage(f"there are {LINKS_MAX} links, which is all that knet has", "remove one first")
    if (values(text, "totem.transport") or ("knet",))[-1] not in ("knet", ""):
        raise BadUsage("only the transport knet takes links", "set totem.transport knet")
    missing = [name for name in node_names(text) if name not in addresses]
    if missing:
        raise BadUsage(f"{', '.join(missing)}: no address for the new link", "write NODE=ADDRESS for every node")
    for name, address in addresses.items():
        text = _set_address(text, name, number, address)
    return set_link_options(text, number, options or {})


def update_link(text: str, number: int, addresses: Mapping[str, str], options: Mapping[str, str]) -> str:
    """Other addresses or options of a link. Raises NotFound."""
    if number not in links(text):
        raise NotFound(f"there is no link {number}", "links: " + ", ".join(map(str, links(text))))
    for name, address in addresses.items():
        text = _set_address(text, name, number, address)
    return set_link_options(text, number, options)


def _set_address(text: str, name: str, number: int, address: str) -> str:
    block = _find_node(text, name)
    index = next(place for place, one in enumerate(_nodes(text)) if one.start == block.start)
    return set_value(text, f"nodelist.node.ring{number}_addr", address, index)


def set_link_options(text: str, number: int, options: Mapping[str, str]) -> str:
    """An empty value takes an option out."""
    for key, value in options.items():
        found = [
            place for place, one in enumerate(_scan(text).all(["totem", "interface"]))
            if (one.value("linknumber") or one.value("ringnumber") or "0") == str(number)
        ]
        if not found and value:
            text = _with_sections(
                text, ["totem"], ["interface {", f"{_INDENT}linknumber: {number}", f"{_INDENT}{key}: {value}", "}"]
            )
        elif found:
            path = f"totem.interface.{key}"
            text = set_value(text, path, value, found[0]) if value else delete(text, path, found[0])
    return text


def remove_link(text: str, number: int) -> str:
    """A link less. Raises NotFound; BadUsage for the last one."""
    known = links(text)
    if number not in known:
        raise NotFound(f"there is no link {number}", "links: " + ", ".join(map(str, known)))
    if len(known) == 1:
        raise BadUsage(f"link {number} is the only one", "add another first")
    text = delete(text, f"nodelist.node.ring{number}_addr")
    block = _interface(text, number)
    if block is not None:
        lines = text.splitlines()
        del lines[block.start : block.end + 1]
        text = _joined(lines)
    return text
