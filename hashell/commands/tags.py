"""Tags: a name for several objects. Source: Pacemaker Explained, "Tagging configuration elements"."""

from __future__ import annotations

from lxml import etree

from hashell.commands import creation
from hashell.commands.binding import Element, owner, select
from hashell.commands.env import Env
from hashell.errors import BadInput, BadUsage, NotFound


def need(env: Env, name: str) -> Element:
    for one in env.root.iterfind("configuration/tags/tag"):
        if one.get("id") == name:
            return one
    raise NotFound(f"tag '{name}' does not exist", "see tag config")


def _check_members(env: Env, members: list[str]) -> None:
    double = sorted({one for one in members if members.count(one) > 1})
    if double:
        raise BadUsage("Ids to add must be unique, duplicate ids: " + ", ".join(double), "name each once")
    for one in members:
        found = env.by_id(one)
        if found is None or found.tag not in ("primitive", "group", "clone", "master", "bundle"):
            raise NotFound(f"bundle/clone/group/resource '{one}' does not exist", "name resources")


def create(env: Env, name: str, members: list[str]) -> None:
    if not members:
        raise BadUsage("To add a tag, at least one id must be specified", "tag create ID RESOURCE…")
    creation.check_free(env, name, "id")
    _check_members(env, members)
    tag = etree.SubElement(env.section("tags"), "tag", {"id": name})
    env.ids.take(name)
    for one in members:
        etree.SubElement(tag, "obj_ref", {"id": one})


def update(env: Env, name: str, add: list[str], remove: list[str], *, before: str = "", after: str = "") -> None:
    """Members in and out; with a place the added ones (also those there already) go beside it."""
    tag = need(env, name)
    if before and after:
        raise BadUsage("Cannot specify both --before and --after", "choose one")
    here = {one.get("id") or "": one for one in tag.findall("obj_ref")}
    if set(add) & set(remove):
        raise BadUsage("Ids cannot be added and removed at the same time", "name each once")
    missing = [one for one in remove if one not in here]
    if missing:
        raise NotFound(f"Tag '{name}' does not contain: {', '.join(missing)}", "see tag config")
    if add:
        _check_members(env, add)
    anchor_name = before or after
    if anchor_name and anchor_name not in here:
        raise NotFound(
            f"There is no reference id '{anchor_name}' in the tag '{name}', cannot put reference ids next to it",
            "name a member",
        )
    if anchor_name in add or (anchor_name in remove and anchor_name):
        raise BadUsage(f"Cannot put '{anchor_name}' next to itself", "name another one")
    present = [one for one in add if one in here]
    if present and not anchor_name:
        raise BadInput(
            "Cannot add reference id already in the tag: " + ", ".join(present), "give --before or --after to move them"
        )
    anchor = here.get(anchor_name)
    elements = [here.get(one) if one in here else etree.Element("obj_ref", {"id": one}) for one in add]
    for element in reversed(elements) if after else elements:
        assert element is not None
        if anchor is None:
            tag.append(element)
        else:
            (anchor.addprevious if before else anchor.addnext)(element)
    for one in remove:
        tag.remove(here[one])
    if tag.find("obj_ref") is None:
        owner(tag).remove(tag)
        raise BadInput(f"All references from the tag '{name}' would be removed", "delete the tag instead")


def delete(env: Env, names: list[str]) -> None:
    """Raises when a constraint is about the tag."""
    from hashell.commands.configure import constraints_on

    for element in [need(env, name) for name in names]:
        users = [one.get("id") for one in constraints_on(env, element.get("id") or "")]
        if users:
            raise BadInput(
                f"Cannot remove tag '{element.get('id')}' because it is referenced in constraints: {', '.join(map(str, users))}",  # noqa: E501
                "delete these first",
            )
        owner(element).remove(element)
    env.forget_ids()


def forget_member(env: Env, name: str) -> None:
    for reference in select(env.root, "configuration/tags/tag/obj_ref[@id=$n]", n=name):
        tag = owner(reference)
        tag.remove(reference)
        if tag.find("obj_ref") is None:
            owner(tag).remove(tag)
