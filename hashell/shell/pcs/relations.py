"""What depends on what: a tree from one resource along orders, groups and clones, each resource opened once."""

from __future__ import annotations

from dataclasses import dataclass, field

from hashell.commands.binding import RESOURCES, Element, texts
from hashell.commands.env import Env
from hashell.commands.members import need


@dataclass(slots=True)
class _Branch:
    """A line, what is said below it, and what grows from it."""

    title: str
    notes: list[str] = field(default_factory=list)
    below: list[_Branch] = field(default_factory=list)


def tree(env: Env, name: str, *, full: bool) -> list[str]:
    """The lines. Raises NotFound."""
    branch = _resource(env, need(env, name), full, {name}, set())
    return [branch.title, *_draw(branch)]


def _draw(branch: _Branch) -> list[str]:
    lines: list[str] = []
    for place, one in enumerate(branch.below):
        last = place == len(branch.below) - 1
        lines.append(("`- " if last else "|- ") + one.title)
        bar = "   " if last else "|  "
        lines += [f"{bar}|  {note}" if one.below else f"{bar}   {note}" for note in one.notes]
        lines += [f"{bar}{line}" for line in _draw(one)]
    return lines


def _title(element: Element, full: bool) -> str:
    name = element.get("id") or ""
    if not full:
        return name
    if element.tag == "primitive":
        agent = ":".join(filter(None, (element.get("class"), element.get("provider"), element.get("type"))))
        return f"{name} (resource: {agent})"
    return f"{name} (resource: {element.tag})"


def _resource(env: Env, element: Element, full: bool, seen: set[str], used: set[str]) -> _Branch:
    name = element.get("id") or ""
    branch = _Branch(_title(element, full))
    for relation, others in _relations(env, element, full, used):
        branch.below.append(relation)
        for other in others:
            if other == name:
                continue
            found = env.by_id(other)
            if found is None:
                continue
            if other in seen:
                relation.below.append(_Branch(_title(found, full) + " [displayed elsewhere]"))
            else:
                seen.add(other)
                relation.below.append(_resource(env, found, full, seen, used))
    return branch


def _relations(env: Env, element: Element, full: bool, used: set[str]) -> list[tuple[_Branch, list[str]]]:
    name = element.get("id") or ""
    found: list[tuple[_Branch, list[str]]] = []

    def add(key: str, title: str, notes: list[str], others: list[str]) -> None:
        if key not in used:
            used.add(key)
            found.append((_Branch(title, notes), others))

    section = env.root.find("configuration/constraints")
    for one in section.findall("rsc_order") if section is not None else ():
        identity = f" ({one.get('id')})" if full else ""
        extra = [f"{key}={one.get(key)}" for key in ("kind", "symmetrical", "require-all") if full and one.get(key)]
        if name in (one.get("first"), one.get("then")):
            note = f"{one.get('first-action') or 'start'} {one.get('first')} then {one.get('then-action') or 'start'} {one.get('then')}"  # noqa: E501
            add(f"o:{one.get('id')}", f"order{identity}", [note, *extra], [str(one.get("first")), str(one.get("then"))])
        members = [str(ref) for ref in texts(one, "resource_set/resource_ref/@id")]
        if name in members:
            notes = [
                "   ".join(
                    f"set {' '.join(ref.get('id') or '' for ref in inner)}" for inner in one.findall("resource_set")
                )
            ]
            add(f"o:{one.get('id')}", f"order set{identity}", notes, members)
    inner = [child.get("id") or "" for child in element if child.tag in RESOURCES]
    if inner:
        add(
            f"i:{name}",
            "inner resource(s)" + (f" ({name})" if full else ""),
            ["members: " + " ".join(inner)] if len(inner) > 1 else [],
            inner,
        )
    parent = element.getparent()
    if parent is not None and parent.tag in RESOURCES:
        add(
            f"i:{parent.get('id')}",
            "outer resource" + (f" ({parent.get('id')})" if full else ""),
            [],
            [parent.get("id") or ""],
        )
    return found
