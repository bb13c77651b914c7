"""The noun acl."""

from __future__ import annotations

from hashell.errors import BadUsage
from hashell.shell.grammar.words import Command, Danger
from hashell.shell.pcs.call import Call
from hashell.shell.pcs.root import need

_HERE = "hashell.shell.pcs.acl"
_C = Danger.CHANGES
COMMANDS = (
    Command("", "", "Roles, users and groups.", f"{_HERE}:config", aliases=("config", "show")),
    Command("enable", "", "Enforce access control.", f"{_HERE}:enable", danger=_C),
    Command("disable", "", "Do not enforce it.", f"{_HERE}:disable", danger=_C),
    Command("role create", "NEWID {TEXT}", "A role.", f"{_HERE}:role_create", danger=_C),
    Command("role delete", "ROLE", "Delete a role.", f"{_HERE}:role_delete", danger=_C, aliases=("role remove",)),
    Command("role assign", "ROLE {TEXT}", "Give a role to somebody.", f"{_HERE}:role_assign", danger=_C),
    Command("role unassign", "ROLE {TEXT}", "Take a role from somebody.", f"{_HERE}:role_unassign", danger=_C),
    Command("user create", "NEWID {ROLE}", "A user.", f"{_HERE}:user_create", danger=_C),
    Command("user delete", "TEXT", "Delete a user.", f"{_HERE}:user_delete", danger=_C, aliases=("user remove",)),
    Command("group create", "NEWID {ROLE}", "A group.", f"{_HERE}:group_create", danger=_C),
    Command("group delete", "TEXT", "Delete a group.", f"{_HERE}:group_delete", danger=_C, aliases=("group remove",)),
    Command("permission add", "ROLE {TEXT}", "A permission.", f"{_HERE}:permission_add", danger=_C),
    Command(
        "permission delete",
        "TEXT",
        "Delete a permission.",
        f"{_HERE}:permission_delete",
        danger=_C,
        aliases=("permission remove",),
    ),
)


def config(call: Call, words: list[str]) -> int:
    from hashell.shell.pcs import show_options

    return call.lines(show_options.acl_lines(call.env))


def enable(call: Call, words: list[str]) -> int:
    return _switch(call, on=True)


def disable(call: Call, words: list[str]) -> int:
    return _switch(call, on=False)


def _switch(call: Call, *, on: bool) -> int:
    from hashell.commands import acls

    env = call.env
    acls.enable(env, on)
    return call.finish(env)


def _permissions(words: list[str]) -> list[tuple[str, str, str]]:
    if len(words) % 3:
        raise BadUsage(
            f"{' '.join(words)!r} are not permissions: expected read|write|deny xpath|id VALUE", "give three words each"
        )
    return [(words[place], words[place + 1], words[place + 2]) for place in range(0, len(words), 3)]


def role_create(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage(
            "usage: pcs acl role create ID [description=TEXT] [read|write|deny xpath|id VALUE]…", "name a role"
        )
    from hashell.commands import acls

    rest = words[1:]
    description = ""
    if rest and rest[0].startswith("description="):
        description = rest.pop(0).partition("=")[2]
    env = call.env
    acls.create_role(env, words[0], description, _permissions(rest))
    return call.finish(env)


def role_delete(call: Call, words: list[str]) -> int:
    need(words, 1, 1, "acl role delete ROLE [--autodelete]")
    from hashell.commands import acls

    env = call.env
    acls.delete_role(env, words[0], autodelete=call.has("--autodelete"))
    return call.finish(env)


def _to_whom(words: list[str], particle: str) -> tuple[str, str, str]:
    """Role, user or group or neither, name."""
    rest = [word for word in words if word != particle]
    if len(rest) == 2:
        return rest[0], "", rest[1]
    if len(rest) == 3 and rest[1] in ("user", "group"):
        return rest[0], rest[1], rest[2]
    raise BadUsage(f"usage: pcs acl role … ROLE [{particle}] [user|group] NAME", "say to whom")


def role_assign(call: Call, words: list[str]) -> int:
    from hashell.commands import acls

    env = call.env
    acls.assign(env, *_to_whom(words, "to"))
    return call.finish(env)


def role_unassign(call: Call, words: list[str]) -> int:
    from hashell.commands import acls

    env = call.env
    acls.unassign(env, *_to_whom(words, "from"), autodelete=call.has("--autodelete"))
    return call.finish(env)


def user_create(call: Call, words: list[str]) -> int:
    return _create(call, "user", words)


def group_create(call: Call, words: list[str]) -> int:
    return _create(call, "group", words)


def _create(call: Call, kind: str, words: list[str]) -> int:
    if not words:
        raise BadUsage(f"usage: pcs acl {kind} create NAME [ROLE…]", "name one")
    from hashell.commands import acls

    env = call.env
    acls.create_target(env, kind, words[0], words[1:])
    return call.finish(env)


def user_delete(call: Call, words: list[str]) -> int:
    return _delete(call, "user", words)


def group_delete(call: Call, words: list[str]) -> int:
    return _delete(call, "group", words)


def _delete(call: Call, kind: str, words: list[str]) -> int:
    need(words, 1, 1, f"acl {kind} delete NAME")
    from hashell.commands import acls

    env = call.env
    acls.delete_target(env, kind, words[0])
    return call.finish(env)


def permission_add(call: Call, words: list[str]) -> int:
    if len(words) < 4:
        raise BadUsage("usage: pcs acl permission add ROLE read|write|deny xpath|id VALUE…", "give a permission")
    from hashell.commands import acls
    from hashell.errors import NotFound

    env = call.env
    try:
        role = acls.need_role(env, words[0])
    except NotFound:
        acls.create_role(env, words[0], "", _permissions(words[1:]))
    else:
        acls.add_permissions(env, role, _permissions(words[1:]))
    return call.finish(env)


def permission_delete(call: Call, words: list[str]) -> int:
    need(words, 1, 1, "acl permission delete ID")
    from hashell.commands import acls

    env = call.env
    acls.delete_permission(env, words[0])
    return call.finish(env)
