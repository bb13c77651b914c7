"""The lines of pcs that would make resources again: `pcs resource|stonith config --output-format cmd`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from shlex import quote

from hashell.commands.binding import RESOURCES, Element, owner, select
from hashell.commands.env import Env
from hashell.shell.pcs.show_resources import (
    CONTAINER,
    CONTAINERS,
    NETWORK,
    PORT,
    STORAGE,
    operation_pairs,
    told,
)


def as_commands(env: Env, elements: list[Element]) -> str:
    """Bundles with what runs in them, other primitives, groups, clones; a word after a backslash begins each line."""
    everything = [one for element in elements for one in element.iter(*RESOURCES)]

    def of(*tags: str) -> list[Element]:
        return [one for one in everything if one.tag in tags]

    found: list[list[str]] = []
    inside = set()
    for bundle in of("bundle"):
        found += _bundle(env, bundle)
        for one in bundle.iterchildren("primitive"):
            found += _primitive(one, bundle)
            inside.add(one.get("id"))
    for one in of("primitive"):
        nested = owner(one).tag in ("group", "clone", "master", "bundle")
        if one.get("id") not in inside and not (_is_fencing(one) and nested):
            found += _primitive(one, owner(one) if owner(one).tag == "bundle" else None)
    for one in of("group"):
        found += _group(env, one)
    for one in of("clone", "master"):
        found += _clone(env, one)
    return ";\n".join(" \\\n".join(lines) for lines in found) + "\n" if found else ""


def _is_fencing(one: Element) -> bool:
    return one.get("class") == "stonith"


def _words(pairs: Iterable[tuple[str, str]]) -> str:
    return " ".join(quote(f"{name}={value}") for name, value in pairs)


def _set(element: Element, tag: str, word: str = "") -> Iterator[str]:
    """The first set of a kind, which is the one that pcs edits."""
    found = sorted(select(element, f"{tag}[1]/nvpair"), key=lambda one: one.get("id") or "")
    pairs = _words((one.get("name") or "", one.get("value") or "") for one in found)
    if pairs:
        yield f"  {word} {pairs}" if word else f"  {pairs}"


def _description(one: Element) -> list[list[str]]:
    text = one.get("description")
    return [[f"pcs cib element description {one.get('id')} {quote(text)}"]] if text else []


def _primitive(one: Element, bundle: Element | None) -> list[list[str]]:
    noun, agent = "resource", ":".join(filter(None, (one.get("class"), one.get("provider"), one.get("type"))))
    if _is_fencing(one):
        noun, agent = "stonith", one.get("type") or ""
    lines = [
        f"pcs {noun} create --no-default-ops --force -- {one.get('id')} {quote(agent)}",
        *_set(one, "instance_attributes"),
    ]
    operations = one.findall("operations/op")
    if operations:
        lines.append("  op")
    for operation in operations:
        shown = [pair for pair in operation_pairs(operation) if pair[0] != "description"]
        shown.insert(1 if shown and shown[0][0] == "interval" else 0, ("id", operation.get("id") or ""))
        lines.append(f"    {operation.get('name')} {_words(shown)}")
    lines += _set(one, "meta_attributes", "meta")
    if bundle is not None:
        lines.append(f"  bundle {bundle.get('id')}")
    found = [lines]
    utilization = list(_set(one, "utilization"))
    if utilization:
        found.append([f"pcs resource utilization {one.get('id')}", *utilization])
    return found + _description(one)


def _group(env: Env, group: Element) -> list[list[str]]:
    members = group.findall("primitive")
    plain = [one.get("id") or "" for one in members if not _is_fencing(one)]
    if len(plain) < len(members):
        _left_out(env, group, [one for one in members if _is_fencing(one)], whole=not plain)
    if not plain:
        return []
    found = [[f"pcs resource group add {group.get('id')}", "  " + " ".join(plain)]]
    meta = list(_set(group, "meta_attributes"))
    if meta:
        found.append([f"pcs resource meta {group.get('id')}", *meta])
    return found + _description(group)


def _clone(env: Env, clone: Element) -> list[list[str]]:
    inner = next(child for child in clone if child.tag in RESOURCES)
    fencing = [one for one in clone.iter("primitive") if _is_fencing(one)]
    if fencing and len(fencing) == sum(1 for _ in clone.iter("primitive")):
        _left_out(env, clone, fencing, whole=True)
        return []
    command = f"pcs resource clone {inner.get('id')} {clone.get('id')}"
    return [[command, *_set(clone, "meta_attributes", "meta")], *_description(clone)]


def _left_out(env: Env, holder: Element, devices: list[Element], *, whole: bool) -> None:
    kind = str(holder.tag).replace("master", "clone")
    names = ", ".join(f"'{one.get('id')}'" for one in devices)
    many = "s" * (len(devices) > 1)
    left = kind if whole else f"stonith resource{many}"
    env.warn(
        f"{kind.capitalize()} '{holder.get('id')}' contains stonith resource{many}: {names}, which is unsupported. "
        f"The {left} will be omitted."
    )


def _bundle(env: Env, bundle: Element) -> list[list[str]]:
    container = next((child for child in bundle if child.tag in CONTAINERS), None)
    if container is None:
        env.warn(f"Bundle '{bundle.get('id')}' has a container of a kind that pcs cannot make. It will be omitted.")
        return []
    lines = [
        f"pcs resource bundle create {bundle.get('id')}",
        f"  container {container.tag}",
        f"    {_words(told(container, CONTAINER))}",
    ]
    network = bundle.find("network")
    if network is not None:
        options = _words(told(network, NETWORK))
        lines += [f"  network {options}"] if options else []
        lines += [f"  port-map {_words(told(child, PORT))}" for child in network]
    lines += [f"  storage-map {_words(told(child, STORAGE))}" for child in bundle.iterfind("storage/*")]
    lines += _set(bundle, "meta_attributes", "meta")
    return [lines, *_description(bundle)]
