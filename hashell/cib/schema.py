"""Validity: what is wrong with a CIB, every finding with its place and the way out.

The grammar is schemas/cib.rng; its findings are errors. Beyond it, an id that stands twice is an
error, and a reference that leads nowhere a warning, for Pacemaker accepts such a CIB and ignores
the constraint or set.
Source: Pacemaker Explained; `crm_verify`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib import resources

from lxml import etree

from hashell.cib.document import Cib
from hashell.cib.explain import Explainer, Finding, Severity, finding, name_of, nearest
from hashell.cib.ids import defines_id, references
from hashell.cib.query import is_element

__all__ = ["Finding", "Severity", "errors", "is_valid", "validate"]

#: What a constraint may name.
_CONSTRAINABLE = frozenset({"primitive", "group", "clone", "master", "bundle", "template", "tag"})
#: Elements whose id is any text and need not differ from the ids of others.
_FREE_IDS = frozenset({"node", "acl_target"})


def validate(cib: Cib) -> tuple[Finding, ...]:
    """Everything that is wrong, errors of the grammar first; empty for a CIB without fault.

    `validate-with="none"` switches the grammar off, as in Pacemaker; ids and references are looked
    at all the same.
    """
    found = [*_grammar_findings(cib), *_double_ids(cib), *_dangling(cib)]
    return tuple(found)


def errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings for which a CIB is refused."""
    return tuple(one for one in findings if one.severity is Severity.ERROR)


def is_valid(cib: Cib) -> bool:
    """Whether a CIB is acceptable; much faster than finding out why not."""
    return (_unchecked(cib) or _grammar().validate(cib.root)) and not any(_double_ids(cib))


def _unchecked(cib: Cib) -> bool:
    return cib.root.get("validate-with") == "none"


@lru_cache(maxsize=1)
def _source() -> etree._Element:
    data = resources.files("hashell.cib").joinpath("schemas/cib.rng").read_bytes()
    return etree.fromstring(data)  # our own file


@lru_cache(maxsize=1)
def _grammar() -> etree.RelaxNG:
    return etree.RelaxNG(_source())


@lru_cache(maxsize=1)
def _explainer() -> Explainer:
    return Explainer(_source())


def _grammar_findings(cib: Cib) -> tuple[Finding, ...]:
    if _unchecked(cib):
        return ()
    grammar = _grammar()
    if grammar.validate(cib.root):
        return ()
    found = _explainer().explain(cib.root)
    if found:
        return found
    # The parts are right and their order is not; libxml2 alone knows.
    last = grammar.error_log.last_error
    line, text = (last.line, last.message) if last is not None else (0, "it follows no schema")
    return (Finding("cib", "", "", line, f"the order of elements is wrong: {text}", "reorder them"),)


def _double_ids(cib: Cib) -> Iterator[Finding]:
    first: dict[str, etree._Element] = {}
    for element in _configured(cib):
        if not defines_id(element) or element.tag in _FREE_IDS:
            continue
        wanted = element.get("id", "")
        other = first.setdefault(wanted, element)
        if other is not element:
            place = f" in line {other.sourceline}" if other.sourceline else ""
            yield finding(
                element, "id", f"{name_of(element)} has the id of a {other.tag}{place}",
                "ids are unique in the whole configuration: give it another",
            )


def _configured(cib: Cib) -> Iterator[etree._Element]:
    if cib.configuration is not None:
        yield from (e for e in cib.configuration.iter() if is_element(e))


def _dangling(cib: Cib) -> Iterator[Finding]:
    tags: dict[str, str] = {}
    for element in _configured(cib):
        if defines_id(element):
            tags.setdefault(element.get("id", ""), str(element.tag))
    constrainable = {wanted for wanted, tag in tags.items() if tag in _CONSTRAINABLE}
    constrainable |= _guests(cib)
    bundles = tuple(f"{wanted}-" for wanted, tag in tags.items() if tag == "bundle")
    for reference in references(cib.root):
        element, attribute, wanted = reference.element, reference.attribute, reference.id
        tag = str(element.tag)
        if tag.startswith("rsc_") or tag == "resource_ref":
            known, what = constrainable, "resource"
        elif attribute == "template":
            known, what = {i for i, t in tags.items() if t == "template"}, "template"
        elif tag in ("role", "role_ref"):
            known, what = {i for i, t in tags.items() if t == "acl_role"}, "role"
        elif attribute == "id-ref":
            known, what = {i for i, t in tags.items() if t == tag}, tag
        else:
            known, what = set(tags), "element"
        if known is constrainable and wanted.startswith(bundles):
            continue  # a container, address or node that the bundle implies
        if wanted not in known:
            owner = name_of(element)
            parent = element.getparent()
            if attribute == "id" and parent is not None:
                owner = f"{tag} in {name_of(parent)}"
            yield finding(
                element, attribute, f"{owner} names {wanted!r}, and no {what} has that id",
                nearest(wanted, known), Severity.WARNING,
            )
    yield from _unknown_devices(cib, tags)


def _guests(cib: Cib) -> set[str]:
    """Guest nodes: each implies a resource of its name."""
    return {
        nvpair.get("value", "") for nvpair in _configured(cib)
        if nvpair.tag == "nvpair" and nvpair.get("name") == "remote-node"
    }


def _unknown_devices(cib: Cib, tags: dict[str, str]) -> Iterator[Finding]:
    primitives = {wanted for wanted, tag in tags.items() if tag == "primitive"}
    for level in cib.root.iterfind("configuration/fencing-topology/fencing-level"):
        for device in level.get("devices", "").split(","):
            if device.strip() and device.strip() not in primitives:
                yield finding(
                    level, "devices", f"{name_of(level)} names the device {device.strip()!r}, and no"
                    " primitive has that id", nearest(device.strip(), primitives), Severity.WARNING,
                )
