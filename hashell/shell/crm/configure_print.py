"""CIB elements → configure language, so that reading it back gives the same elements.

What the language cannot say is printed as `xml …`; `Printer.faithful` decides that by reading the text back.
Source: the CRM shell's manual, "configure".
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from lxml import etree

from hashell.commands.binding import MEMBER, RESOURCES, Ids, equal, is_comment, select, settle_ids
from hashell.commands.facts import ACL_SHORTCUTS
from hashell.errors import HashellError
from hashell.shell.crm.configure_cursor import ParseContext, plain_agent
from hashell.shell.crm.configure_parse import parse_words
from hashell.shell.grammar.lexer import logical_lines, quote, split_words

Element = etree._Element
#: Kind of a piece of text, for colours: keyword, id, name, value, score, reference, plain.
Paint = Callable[[str, str], str]

#: Names whose values are not shown, as globs.
OBSCURED = ("passw*",)
STARS = "******"

_WORDS = {
    "cluster_property_set": "property",
    "template": "rsc_template",
    "rsc_location": "location",
    "rsc_colocation": "colocation",
    "rsc_order": "order",
    "fencing-topology": "fencing_topology",
    "acl_role": "role",
    "acl_user": "user",
    "master": "ms",
}
_ORDER = (
    ("node",),
    ("template",),
    ("primitive",),
    ("bundle",),
    ("group",),
    ("master",),
    ("clone",),
    ("tag",),
    ("rsc_location", "rsc_colocation", "rsc_order"),
    ("rsc_ticket", "fencing-topology"),
    ("cluster_property_set",),
    ("rsc_defaults",),
    ("op_defaults",),
    ("acl_role",),
    ("acl_target", "acl_group", "acl_user"),
    ("alert",),
)
_RANK = {tag: rank for rank, tags in enumerate(_ORDER) for tag in tags}


def plain(kind: str, text: str) -> str:
    """No colours."""
    return text


def word_of(element: Element) -> str:
    """What the language calls an object of this kind."""
    tag = _holder(element)
    return _WORDS.get(tag, tag)


def object_id(element: Element) -> str:
    """What a person calls the object."""
    if element.tag == "fencing-topology":
        return "fencing_topology"
    return element.get("id") or element.get("uname") or ""


def objects(root: Element, *, by_kind: bool = True) -> list[Element]:
    """Every object of the configuration, contained ones too, in the order in which they are printed: by kind and name,
    or in that of the CIB.

    Sets of resource and operation defaults stand for themselves: their element is a meta_attributes.
    """
    found: list[Element] = []
    configuration = root.find("configuration")
    if configuration is None:
        return found
    for section in configuration:
        if section.tag in ("rsc_defaults", "op_defaults"):
            found.extend(section.findall("meta_attributes"))
        elif section.tag == "fencing-topology":
            if len(section):
                found.append(section)
        elif section.tag == "resources":
            found.extend(element for element in section.iter(etree.Element) if element.tag in RESOURCES)
        else:
            found.extend(child for child in section if child.tag in _RANK)
    if not by_kind:
        return found
    return sorted(found, key=lambda element: (_RANK.get(_holder(element), 99), object_id(element)))


def _holder(element: Element) -> str:
    """The tag that decides what kind of object this is."""
    if element.tag == "meta_attributes":
        parent = element.getparent()
        return str(parent.tag) if parent is not None else "meta_attributes"
    return str(element.tag)


class Printer:
    """Prints objects of one CIB; `obscured` are globs for names whose values are starred.

    `with_ids`: sets and pairs that others refer to get their `$id`, so that the text stands alone in a file. What is
    shown to a person leaves these out, as the CRM shell does; only a rule's stands always.
    """

    def __init__(
        self, root: Element, paint: Paint = plain, obscured: Sequence[str] = OBSCURED, *, with_ids: bool = False
    ) -> None:
        self.root = root
        self.paint = paint
        self.with_ids = with_ids
        self._obscured = tuple(obscured)
        self._referred = {(element.tag, element.get("id-ref")) for element in select(root, "configuration//*[@id-ref]")}
        self._node_count = len(select(root, "configuration/nodes/node"))

    def show(self, elements: Iterable[Element]) -> str:
        """Each object in its own lines, a line break between and after them; nothing for nothing."""
        texts = [self.one(element) for element in elements]
        return "\n".join(texts) + "\n" if texts else ""

    def one(self, element: Element) -> str:
        """An object, with the comments that stand in it, without a line break at the end."""
        if not self.faithful(element):
            return self._as_xml(element)
        lines = [str(child.text).strip() for child in element.iterchildren(etree.Comment)]
        comments = [line if line.startswith("#") else f"# {line}" for line in lines]
        return "\n".join([*comments, self._joined(element)])

    def faithful(self, element: Element) -> bool:
        """Whether the language can say all of the element: printed and read back, it is the same."""
        original = _without_comments(element)
        bare = copy.copy(self)
        bare.paint, bare._obscured, bare._node_count = plain, (), 0
        try:
            lines = list(logical_lines(bare._joined(element)))
            if len(lines) != 1:
                return False
            context = ParseContext(convert_roles=False, agent_of=_same_agent(element))
            again = parse_words(split_words(lines[0][1]), context)
        except HashellError:
            return False
        if again.tag in ("rsc_defaults", "op_defaults"):
            again = again[0]
        settle_ids(again, original, _NoIds())
        drop_defaults(original)
        drop_defaults(again)
        return equal(original, again)

    def _joined(self, element: Element) -> str:
        return " \\\n\t".join(self.parts(element))

    def _as_xml(self, element: Element) -> str:
        alone = copy.deepcopy(element)
        alone.tail = None
        drop_defaults(alone)
        for pair in alone.iter("nvpair"):
            if pair.get("value") is not None and self._hides(pair.get("name")):
                pair.set("value", STARS)
        etree.indent(alone, "  ")
        text = etree.tostring(alone, encoding="unicode").rstrip()
        return self.paint("keyword", "xml") + " " + " \\\n".join(text.split("\n"))

    # --- parts -----------------------------------------------------------------------------------------

    def parts(self, element: Element) -> list[str]:
        """The head, then each set, operation … that gets a line of its own."""
        found = [self._head(element)]
        description = element.get("description")
        if description and element.tag != "fencing-topology":
            found.append(self._pair("description", description))
        found.extend(self._children(element))
        return found

    def _head(self, element: Element) -> str:
        tag = str(element.tag)
        word = self.paint("keyword", word_of(element))
        name = self.paint("id", object_id(element))
        if tag == "node":
            return f"{word} {self._node(element)}"
        if tag in ("primitive", "template"):
            return f"{word} {name} {self._agent(element)}"
        if tag in ("group", "clone", "master"):
            members = [
                self.paint("reference", child.get("id", "")) for child in element if child.tag in (*RESOURCES, MEMBER)
            ]
            return " ".join([word, name, *members])
        if tag in ("cluster_property_set", "meta_attributes"):
            return f"{word} {self._head_id(object_id(element))}"
        if tag == "rsc_location":
            return f"{word} {name} {self._location(element)}"
        if tag in ("rsc_colocation", "rsc_order", "rsc_ticket"):
            return f"{word} {name} {self._constraint(element)}"
        if tag == "fencing-topology":
            return " ".join([word, *self._everywhere(element)])
        if tag == "tag":
            members = [self.paint("reference", child.get("id", "")) for child in element if child.tag == "obj_ref"]
            return " ".join([word, name, *members])
        if tag == "alert":
            return f"{word} {name} {self._value(element.get('path', ''))}"
        return f"{word} {name}"

    def _head_id(self, name: str) -> str:
        if re.fullmatch(r"[\w.-]+", name):
            return self.paint("id", name) + ":"
        return f'$id="{name}"'

    def _node(self, element: Element) -> str:
        uname = element.get("uname", "")
        text = "" if object_id(element) == uname else self._head_id(object_id(element)) + " "
        text += self.paint("id", uname)
        kind = element.get("type")
        return text if kind in (None, "member") else f"{text}:{kind}"

    def _agent(self, element: Element) -> str:
        template = element.get("template")
        if template is not None and element.tag == "primitive":
            return "@" + self.paint("reference", template)
        standard, provider = element.get("class", ""), element.get("provider", "")
        kind = element.get("type", "")
        if (standard, provider) == ("ocf", "heartbeat"):
            return self.paint("value", kind)
        return self.paint("value", ":".join(part for part in (standard, provider, kind) if part))

    def _children(self, element: Element) -> Iterator[str]:
        tag = str(element.tag)
        if tag == "fencing-topology":
            yield from self._levels(element)
            return
        children = [child for child in element if isinstance(child.tag, str)]
        if tag == "bundle":
            children.sort(key=lambda child: child.tag in RESOURCES)
        for child in children:
            if tag in ("cluster_property_set", "meta_attributes"):
                if child.tag == "rule":
                    yield self._rule(child)
                elif child.tag == "nvpair":
                    yield self._nvpair(child)
            elif child.tag == "operations":
                yield from self._operations(child)
            elif child.tag in ("docker", "podman", "rkt", "network", "storage"):
                yield self._bundle_part(child)
            elif tag == "bundle" and child.tag in ("primitive", MEMBER):
                yield f"{self.paint('keyword', 'primitive')} {self.paint('reference', child.get('id', ''))}"
            elif child.tag == "rule":
                yield self._rule(child)
            elif child.tag in ("instance_attributes", "meta_attributes", "utilization"):
                yield self._set(child, _SET_WORDS.get((tag, child.tag)) or _SET_WORDS["", child.tag])
            elif child.tag in ("read", "write", "deny"):
                yield " ".join([self.paint("keyword", child.tag), *self._specifiers(child, _OLD_SPECIFIERS)])
            elif child.tag == "role_ref":
                yield f"role:{child.get('id')}"
            elif child.tag == "role":
                yield self.paint("reference", child.get("id", ""))
            elif child.tag == "acl_permission":
                yield self._permission(child)
            elif child.tag == "select":
                yield self._select(child)
            elif child.tag == "recipient":
                yield self._recipient(child, element)

    # --- pieces ----------------------------------------------------------------------------------------

    def _value(self, text: str) -> str:
        return self.paint("value", quote(text))

    def _pair(self, name: str, value: str | None) -> str:
        if value is None:
            return self.paint("name", name)
        return f"{self.paint('name', name)}={self._value(value)}"

    def _hides(self, name: str | None) -> bool:
        return name is not None and any(fnmatchcase(name, glob) for glob in self._obscured)

    def _nvpair(self, pair: Element) -> str:
        name, value = pair.get("name"), pair.get("value")
        reference = pair.get("id-ref")
        if reference is not None:
            return f"@{reference}:{name}" if name else f"@{reference}"
        if value is not None and self._hides(name):
            value = STARS
        text = self._pair(name or "", value)
        if self.with_ids and ("nvpair", pair.get("id")) in self._referred:
            return f"${pair.get('id')}:{text}"
        return text

    def _set(self, element: Element, word: str) -> str:
        parts = [self.paint("keyword", word)]
        if self.with_ids and (element.tag, element.get("id")) in self._referred:
            parts.append(self._pair("$id", element.get("id")))
        elif element.get("id-ref") is not None:
            parts.append(self._pair("$id-ref", element.get("id-ref")))
        if element.get("score"):
            parts.append(self.paint("score", element.get("score", "")) + ":")
        parts.extend(self._rule(child) for child in element if child.tag == "rule")
        parts.extend(self._nvpair(child) for child in element if child.tag == "nvpair")
        return " ".join(parts)

    def _operations(self, element: Element) -> Iterator[str]:
        for name in ("id", "id-ref"):
            if element.get(name) is not None:
                yield f"{self.paint('keyword', 'operations')} {self._pair('$' + name, element.get(name))}"
        for child in element:
            if child.tag != "op":
                continue
            pairs = [self._pair(str(name), str(value)) for name, value in child.items() if name not in ("id", "name")]
            parts = [f"{self.paint('keyword', 'op')} {child.get('name')}", *pairs]
            for inner in child:
                word = {"instance_attributes": "op_params", "meta_attributes": "op_meta"}.get(str(inner.tag))
                if word:
                    parts.append(self._set(inner, word))
            yield " ".join(parts)

    def _bundle_part(self, element: Element) -> str:
        word = self.paint("keyword", str(element.tag))
        names = [str(name) for name in element.keys()]  # noqa: SIM118 - iterating an element gives its children
        lines = [word]
        if element.tag in ("docker", "podman", "rkt"):
            names.sort(key=lambda name: name != "image")
            if names:
                lines[0] += " " + self._pair(names[0], element.get(names[0]))
            lines.extend(self._pair(name, element.get(name)) for name in names[1:])
        else:
            lines[0] = " ".join([word, *(self._pair(name, element.get(name)) for name in names)])
            for child in element:
                if isinstance(child.tag, str):
                    pairs = [self._pair(str(name), str(value)) for name, value in child.items() if name != "id"]
                    lines.append(" ".join([self.paint("keyword", child.tag), *pairs]))
        return " \\\n\t\t".join(lines)

    def _score(self, element: Element) -> str:
        text = element.get("score") or element.get("score-attribute") or ""
        return self.paint("score", text.replace("INFINITY", "inf")) if text else ""

    def _rule(self, rule: Element) -> str:
        parts = [self.paint("keyword", "rule")]
        if rule.get("id-ref") is not None:
            return " ".join([*parts, self._pair("$id-ref", rule.get("id-ref"))])
        if ("rule", rule.get("id")) in self._referred:
            parts.append(self._pair("$id", rule.get("id")))
        if rule.get("role"):
            parts.append(self._pair("$role", rule.get("role")))
        score = self._score(rule)
        if score and rule.get("score") != "INFINITY":
            parts.append(f"{score}:")
        operator = self.paint("keyword", rule.get("boolean-op") or "and")
        expressions = [self._expression(child) for child in rule if child.tag in ("expression", "date_expression")]
        parts.append(f" {operator} ".join(expressions))
        return " ".join(parts)

    def _expression(self, element: Element) -> str:
        operation = element.get("operation", "")
        if element.tag == "date_expression":
            return self._date(element, operation)
        kind = element.get("type")
        shown = (f"{kind}:" if kind else "") + self.paint("keyword", operation)
        attribute = element.get("attribute", "")
        value = element.get("value")
        if not value:
            return f"{shown} {attribute}"
        source = element.get("value-source")
        if source and source != "literal":
            value = f"{source}{{{value}}}"
        elif re.search(r"[\s'\"\\]", value):
            value = quote(value)
        return f"{attribute} {shown} {value}"

    def _date(self, element: Element, operation: str) -> str:
        word = {"in_range": "in", "date_spec": "spec"}.get(operation, operation)
        parts = [self.paint("keyword", "date"), self.paint("keyword", word)]
        if operation in ("lt", "gt"):
            parts.append(self._value(element.get("end" if operation == "lt" else "start", "")))
            return " ".join(parts)
        if operation == "in_range":
            parts.extend(self._pair(name, element.get(name)) for name in ("start", "end") if element.get(name))
        for child in element:
            if child.tag in ("duration", "date_spec"):
                parts.extend(self._pair(str(name), str(value)) for name, value in child.items() if name != "id")
        return " ".join(parts)

    # --- constraints -----------------------------------------------------------------------------------

    def _location(self, element: Element) -> str:
        pattern = element.get("rsc-pattern")
        if element.get("rsc") is not None:
            parts = [self.paint("reference", element.get("rsc", ""))]
        elif pattern is not None:
            parts = [
                self.paint("reference", quote(f"/{pattern}/") if re.search(r"[\s'\"\\]", pattern) else f"/{pattern}/")
            ]
        else:
            parts = ["{", *self._sets(element), "}"]
        for name in ("role", "resource-discovery"):
            if element.get(name) is not None:
                parts.append(f"{name}={element.get(name)}")
        if element.get("node") is not None:
            parts.append(f"{self._score(element)}: {element.get('node')}")
        return " ".join(parts)

    def _constraint(self, element: Element) -> str:
        tag = str(element.tag)
        parts: list[str] = []
        if tag == "rsc_ticket":
            parts.append(self.paint("value", element.get("ticket", "")) + ":")
        else:
            score = self._score(element) or self.paint("score", element.get("kind") or "")
            if score:
                parts.append(f"{score}:")
        if element.find("resource_set") is not None:
            parts.extend(self._sets(element))
        else:
            names, suffix = {
                "rsc_colocation": (("rsc", "with-rsc"), "role"),
                "rsc_order": (("first", "then"), "action"),
            }.get(tag, (("rsc",), "role"))
            parts.extend(self._end(element, name, suffix) for name in names)
        tail = {"rsc_colocation": "node-attribute", "rsc_order": "symmetrical", "rsc_ticket": "loss-policy"}[tag]
        if element.get(tail):
            parts.append(f"{tail}={element.get(tail)}")
        return " ".join(parts)

    def _end(self, element: Element, name: str, suffix: str) -> str:
        qualifier = element.get(f"{name}-{suffix}") or element.get(f"{name}-instance")
        shown = self.paint("reference", element.get(name, ""))
        return f"{shown}:{qualifier}" if qualifier else shown

    def _sets(self, element: Element) -> list[str]:
        parts: list[str] = []
        count = 0
        ordered = False
        for one in element.findall("resource_set"):
            sequential = one.get("sequential", "true").lower() in ("true", "yes", "on", "y", "1")
            require_all = one.get("require-all", "true").lower() in ("true", "yes", "on", "y", "1")
            ordered = sequential and require_all
            brackets = ("[", "]") if not require_all else ("(", ")") if not sequential else ("", "")
            qualifier = one.get("action") if element.tag == "rsc_order" else one.get("role")
            members = [child.get("id", "") for child in one if child.tag == "resource_ref"]
            count += len(members)
            shown = [self.paint("reference", name) + (f":{qualifier}" if qualifier else "") for name in members]
            if not require_all and sequential:
                shown.append("sequential=true")
            parts.extend(filter(None, [brackets[0], *shown, brackets[1]]))
        few = 1 if element.tag == "rsc_ticket" else 2
        if element.tag != "rsc_location" and count <= few and (ordered or element.tag == "rsc_ticket"):
            parts.insert(0, "_rsc_set_")
        return parts

    # --- fencing, ACLs, alerts -------------------------------------------------------------------------

    @staticmethod
    def _devices(element: Element) -> dict[tuple[str, ...], str]:
        """Target → its devices in the order of their levels."""
        found: dict[tuple[str, ...], list[tuple[int, str]]] = {}
        for level in element.findall("fencing-level"):
            if level.get("target-pattern") is not None:
                key: tuple[str, ...] = ("pattern", level.get("target-pattern", ""))
            elif level.get("target-attribute") is not None:
                key = ("attr", level.get("target-attribute", ""), level.get("target-value", ""))
            else:
                key = ("node", level.get("target", ""))
            index = level.get("index", "")
            found.setdefault(key, []).append((int(index) if index.isdigit() else 0, level.get("devices", "")))
        return {key: " ".join(name for _, name in sorted(levels)) for key, levels in found.items()}

    def _everywhere(self, element: Element) -> list[str]:
        """The devices, when every node has the same."""
        devices = self._devices(element)
        same = set(devices.values())
        return list(same) if len(same) == 1 and len(devices) == self._node_count else []

    def _levels(self, element: Element) -> Iterator[str]:
        if self._everywhere(element):
            return
        for key, names in self._devices(element).items():
            if key[0] == "pattern":
                yield f"pattern:{key[1]} {names}"
            elif key[0] == "attr":
                yield f"attr:{key[1]}={key[2]} {names}"
            else:
                yield f"{key[1]}: {names}"

    def _permission(self, element: Element) -> str:
        parts = [self.paint("keyword", element.get("kind", ""))]
        if element.get("description"):
            parts.append(self._pair("description", element.get("description")))
        return " ".join([*parts, *self._specifiers(element, _SPECIFIERS)])

    def _specifiers(self, element: Element, names: dict[str, str]) -> Iterator[str]:
        for name, word in names.items():
            value = element.get(name)
            if value is None:
                continue
            if name == "xpath":
                yield self._xpath(value)
            else:
                yield f"{self.paint('keyword', word)}:{self.paint('value', value)}"

    def _xpath(self, path: str) -> str:
        """By its short name, if it has one."""
        for word, parts in ACL_SHORTCUTS.items():
            for count in range(len(parts), 0, -1):
                pattern = re.escape("".join(parts[:count])).replace("@@", r"([a-zA-Z_][a-zA-Z0-9_.-]*)")
                match = re.fullmatch(pattern, path)
                if match:
                    return ":".join([self.paint("keyword", word), *match.groups()])
        return f"{self.paint('keyword', 'xpath')}:{self._value(path)}"

    def _select(self, element: Element) -> str:
        parts = [self.paint("keyword", "select")]
        for child in element:
            if isinstance(child.tag, str):
                parts.append(child.tag.removeprefix("select_"))
                if child.tag == "select_attributes":
                    parts.extend(["{", *(one.get("name", "") for one in child.findall("attribute")), "}"])
        return " ".join(parts)

    def _recipient(self, element: Element, alert: Element) -> str:
        """In braces where sets follow that would else be read as the recipient's."""
        later = [child.tag for child in alert][list(alert).index(alert.findall("recipient")[0]) + 1 :]
        braced = "instance_attributes" in later or "meta_attributes" in later
        parts = [self.paint("keyword", "to"), *(["{"] if braced else []), self._value(element.get("value", ""))]
        for child in element:
            if child.tag in ("instance_attributes", "meta_attributes"):
                parts.append(self._set(child, "attributes" if child.tag == "instance_attributes" else "meta"))
        return " ".join([*parts, *(["}"] if braced else [])])


_SET_WORDS = {
    ("node", "instance_attributes"): "attributes",
    ("alert", "instance_attributes"): "attributes",
    ("", "instance_attributes"): "params",
    ("", "meta_attributes"): "meta",
    ("", "utilization"): "utilization",
}
_SPECIFIERS = {"xpath": "xpath", "reference": "ref", "attribute": "attr", "object-type": "type"}
_OLD_SPECIFIERS = {"xpath": "xpath", "ref": "ref", "tag": "tag", "attribute": "attribute"}


class _NoIds(Ids):
    """Every id is free: only those that are the same thing's can be the same."""

    def __init__(self) -> None:
        self._taken: set[str] = set()


def _same_agent(element: Element) -> Callable[[str], tuple[str, str, str]]:
    def agent_of(text: str) -> tuple[str, str, str]:
        if ":" not in text:
            return "ocf", "heartbeat", text
        if element.get("class") == "ocf" and text.count(":") == 1:
            return "ocf", "", text.partition(":")[2]
        return plain_agent(text)

    return agent_of


def _without_comments(element: Element) -> Element:
    """A copy whose contained resources are named only, as the text names them."""
    found = copy.deepcopy(element)
    found.tail = None
    for child in list(found):
        if is_comment(child):
            found.remove(child)
        elif found.tag in ("group", "clone", "master", "bundle") and child.tag in RESOURCES:
            found.replace(child, etree.Element(MEMBER, {"id": child.get("id", "")}))
    return found


def drop_defaults(element: Element) -> None:
    """Attributes that say what is so anyway, and the one that people write on nodes."""
    for found in element.iter(etree.Element):
        if found.tag == "resource_set":
            for name in ("sequential", "require-all"):
                if found.get(name) == "true":
                    del found.attrib[name]
        elif found.tag == "node" and found.get("type") == "member":
            del found.attrib["type"]
        elif found.tag == "rule" and found.get("boolean-op") == "and":
            del found.attrib["boolean-op"]
        elif found.tag == "expression" and found.get("value-source") == "literal":
            del found.attrib["value-source"]
