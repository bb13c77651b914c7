"""The assist level: edits that take several commands by hand: a template of what primitives share, a weak bond."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.errors import BadUsage
from hashell.shell.crm.configure_stage import staging
from hashell.shell.grammar.words import Command, Danger, Level

if TYPE_CHECKING:
    from hashell.commands.env import Element, Env
    from hashell.shell.session import Session

_HERE = "hashell.shell.crm.assist"

LEVEL = Level(
    "assist", "Edits that take several commands by hand; staged like those of configure.",
    commands=(
        Command("template", "PRIMITIVE...", "Move what primitives of one agent share to a template.",
                f"{_HERE}:template", danger=Danger.CHANGES, example="template web1 web2"),
        Command("weak-bond", "PRIMITIVE PRIMITIVE...", "Keep primitives together though none depends on another.",
                f"{_HERE}:weak_bond", aliases=("weak_bond",), danger=Danger.CHANGES),
    ),
)


def _primitives(env: Env, names: list[str]) -> list[Element]:
    from hashell.commands.env import need_resource

    found = [need_resource(env, name) for name in dict.fromkeys(names)]
    for one in found:
        if one.tag != "primitive":
            raise BadUsage(f"{one.get('id')} is a {one.tag}, not a primitive", "name primitives")
    return found


def _free(env: Env, prefix: str) -> str:
    return next(name for number in range(1, 10_000) if env.by_id(name := f"{prefix}-{number}") is None)


def template(session: Session, words: list[str]) -> int:
    """Parameters, meta-attributes and operations that all have alike move; the rest stays where it is."""
    from lxml import etree

    with staging(session) as env:
        primitives = _primitives(env, words)
        kinds = {tuple(one.get(key) for key in ("class", "provider", "type")) for one in primitives}
        if len(kinds) != 1 or None in {one.get("type") for one in primitives}:
            raise BadUsage("a template is for primitives of one agent that have none yet",
                           "leave out those of another agent or with a template")
        first = primitives[0]
        name = _free(env, f"template-{(first.get('type') or '').lower()}")
        made = etree.Element("template", {"id": name})
        for key in ("class", "provider", "type"):
            if first.get(key) is not None:
                made.set(key, first.get(key) or "")
        resources = env.section("resources")
        for tag in ("instance_attributes", "meta_attributes", "utilization"):
            _share_pairs(made, primitives, tag, name)
        _share_operations(made, primitives, name)
        place = next((n for n, one in enumerate(resources) if one.tag != "template"), len(resources))
        resources.insert(place, made)
        for one in primitives:
            for key in ("class", "provider", "type"):
                if key in one.attrib:
                    del one.attrib[key]
            one.set("template", name)
        env.forget_ids()
    session.err(f"INFO: template {name} is made of {', '.join(words)}")
    return 0


def _share_pairs(made: Element, primitives: list[Element], tag: str, name: str) -> None:
    """Only from sets without rules and references: what holds at times only is not shared."""
    from lxml import etree

    plain = [
        [one for one in primitive.findall(tag) if one.find("rule") is None and one.get("id-ref") is None]
        for primitive in primitives
    ]
    pairs = [
        {pair.get("name"): pair.get("value") for holder in sets for pair in holder.iterfind("nvpair")} for sets in plain
    ]
    common = {key: text for key, text in pairs[0].items() if text and all(one.get(key) == text for one in pairs)}
    if not common:
        return
    holder = etree.SubElement(made, tag, {"id": f"{name}-{tag}"})
    for key, text in common.items():
        etree.SubElement(holder, "nvpair", {"id": f"{name}-{tag}-{key}", "name": key or "", "value": text or ""})
    for sets in plain:
        for one in sets:
            for pair in one.findall("nvpair"):
                if pair.get("name") in common:
                    one.remove(pair)
            parent = one.getparent()
            if not len(one) and parent is not None:
                parent.remove(one)


def _share_operations(made: Element, primitives: list[Element], name: str) -> None:
    """Operations that all have with the same attributes."""
    from lxml import etree

    from hashell.commands.binding import attributes

    def key(entry: Element) -> tuple[tuple[str, str], ...]:
        return tuple(sorted((k, v) for k, v in attributes(entry).items() if k != "id"))

    entries = [
        {key(entry): entry for entry in one.iterfind("operations/op") if not len(entry)} for one in primitives
    ]
    common = [one for one in entries[0] if all(one in other for other in entries)]
    if not common:
        return
    holder = etree.SubElement(made, "operations")
    for one in common:
        values = dict(one)
        label = f"{name}-{values.get('name', 'op')}-{values.get('interval', '0')}"
        etree.SubElement(holder, "op", {"id": label, **values})
        for entry in (table[one] for table in entries):
            parent = entry.getparent()
            if parent is not None:
                parent.remove(entry)
                grandparent = parent.getparent()
                if not len(parent) and grandparent is not None:
                    grandparent.remove(parent)


def weak_bond(session: Session, words: list[str]) -> int:
    """A dummy that the others, in a set without order, are colocated with: none of them follows another."""
    from hashell.shell.crm.configure_stage import context_of
    from hashell.shell.crm.loading import load_text

    with staging(session) as env:
        _primitives(env, words)
        dummy, bond = _free(env, "place-dummy"), _free(env, "place-constraint")
        text = (f"primitive {dummy} ocf:heartbeat:Dummy\n"
                f"colocation {bond} inf: ( {' '.join(dict.fromkeys(words))} ) {dummy}\n")
        load_text(env, text, "update", context_of(env, typed=True), "assist")
    session.err(f"INFO: {bond} keeps them where {dummy} is")
    return 0
