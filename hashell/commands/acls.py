"""Access control: roles with permissions, users and groups with roles. Source: Pacemaker Explained, "ACLs"; pcs(8),
"acl".
"""

from __future__ import annotations

from lxml import etree

from hashell.commands import creation, options
from hashell.commands.binding import Element, owner
from hashell.commands.env import Env
from hashell.errors import AlreadyExists, BadInput, BadUsage, NotFound

TAGS = {"user": "acl_target", "group": "acl_group"}


def enable(env: Env, on: bool) -> None:
    options.set_options(env, {"enable-acl": "true" if on else "false"})


def need_role(env: Env, name: str) -> Element:
    for one in env.root.iterfind("configuration/acls/acl_role"):
        if one.get("id") == name:
            return one
    raise NotFound(f"ACL role '{name}' does not exist", "see acl config")


def need_target(env: Env, kind: str, name: str) -> Element:
    """A user or a group; with no kind whichever is called so."""
    tags = (TAGS[kind],) if kind else tuple(TAGS.values())
    for tag in tags:
        for one in env.root.iterfind(f"configuration/acls/{tag}"):
            if one.get("id") == name:
                return one
    what = f"ACL {kind}" if kind else "ACL group/ACL user"
    raise NotFound(f"{what} '{name}' does not exist", "see acl config")


def create_role(env: Env, name: str, description: str, permissions: list[tuple[str, str, str]]) -> None:
    """`permissions` are (read|write|deny, xpath|id, value)."""
    creation.check_free(env, name, "ACL role")
    for right, kind, value in permissions:
        _check(env, right, kind, value)
    role = etree.Element("acl_role", {"id": name})
    if description:
        role.set("description", description)
    # Roles stand before users and groups.
    section = env.section("acls")
    place = len(section.findall("acl_role"))
    section.insert(place, role)
    env.ids.take(name)
    add_permissions(env, role, permissions)


def _check(env: Env, right: str, kind: str, value: str) -> None:
    if right.lower() not in ("read", "write", "deny") or kind.lower() not in ("xpath", "id"):
        raise BadUsage(f"'{right} {kind}' is no permission", "write read|write|deny xpath|id VALUE")
    if kind.lower() == "id" and env.by_id(value) is None:
        raise NotFound(f"id '{value}' does not exist", "name an object of the configuration")


def add_permissions(env: Env, role: Element, permissions: list[tuple[str, str, str]]) -> None:
    for right, kind, value in permissions:
        _check(env, right, kind, value)
        etree.SubElement(
            role,
            "acl_permission",
            {
                "id": env.ids.numbered(f"{role.get('id')}-{right.lower()}"),
                "kind": right.lower(),
                "xpath" if kind.lower() == "xpath" else "reference": value,
            },
        )


def delete_permission(env: Env, name: str) -> None:
    for one in env.root.iterfind("configuration/acls/acl_role/acl_permission"):
        if one.get("id") == name:
            owner(one).remove(one)
            env.forget_ids()
            return
    raise NotFound(f"ACL permission '{name}' does not exist", "see acl config")


def delete_role(env: Env, name: str, *, autodelete: bool = False) -> None:
    """Users and groups lose it; with `autodelete` those that then have none go too."""
    role = need_role(env, name)
    owner(role).remove(role)
    for target in list(env.section("acls")):
        if target.tag not in TAGS.values():
            continue
        for one in target.findall("role"):
            if one.get("id") == name:
                target.remove(one)
                if autodelete and target.find("role") is None:
                    owner(target).remove(target)
    env.forget_ids()


def create_target(env: Env, kind: str, name: str, roles: list[str]) -> None:
    section = env.section("acls")
    if any(one.get("id") == name for one in section.findall(TAGS[kind])):
        raise AlreadyExists(f"'{name}' already exists", "assign roles to it")
    missing = [one for one in roles if not any(role.get("id") == one for role in section.findall("acl_role"))]
    if missing:
        raise NotFound("ACL role " + ", ".join(f"'{one}'" for one in missing) + " does not exist", "create it first")
    target = etree.SubElement(section, TAGS[kind], {"id": name})
    env.ids.take(name)
    for one in roles:
        etree.SubElement(target, "role", {"id": one})


def delete_target(env: Env, kind: str, name: str) -> None:
    target = need_target(env, kind, name)
    owner(target).remove(target)
    env.forget_ids()


def assign(env: Env, role: str, kind: str, name: str) -> None:
    target = need_target(env, kind, name)
    need_role(env, role)
    if any(one.get("id") == role for one in target.findall("role")):
        raise BadInput(f"Role '{role}' is already assigned to '{name}'", "nothing to do")
    etree.SubElement(target, "role", {"id": role})


def unassign(env: Env, role: str, kind: str, name: str, *, autodelete: bool = False) -> None:
    target = need_target(env, kind, name)
    found = [one for one in target.findall("role") if one.get("id") == role]
    if not found:
        raise BadInput(f"Role '{role}' is not assigned to '{name}'", "see acl config")
    target.remove(found[0])
    if autodelete and target.find("role") is None:
        owner(target).remove(target)
