"""Resources deleted with all that names them, as pcs does it: members and containers, constraints, tags, levels.

Source: pcs(8), "resource delete".
"""

from __future__ import annotations

from collections.abc import Iterable

from hashell.commands import fencing, tags
from hashell.commands.binding import RESOURCES, Element, find_resource, owner, select
from hashell.commands.configure import constraints_on
from hashell.commands.constraints import drop
from hashell.commands.env import Env
from hashell.errors import NotFound, Refused


def delete(env: Env, names: Iterable[str], *, running: Iterable[str] = ()) -> None:
    """Containers go with what they hold, and a container goes with the last that it held.

    Raises NotFound for a name before anything is done, Refused for a resource that runs unless forced.
    """
    found: list[Element] = []
    active = set(running)
    for name in dict.fromkeys(names):
        element = find_resource(env.root, name)
        if element is None or element.tag == "template":
            raise NotFound(f"resource '{name}' does not exist", "see resource status")
        if name in active and not env.force:
            raise Refused(f"resource '{name}' is running", "stop it first, or use --force")
        found.append(element)
    for element in found:
        _delete(env, element)
    env.forget_ids()


def _delete(env: Env, element: Element) -> None:
    parent = element.getparent()
    if parent is None:
        return
    if parent.tag in ("group", "clone", "master") and sum(1 for child in parent if child.tag in RESOURCES) == 1:
        _delete(env, parent)
        return
    for one in element.iter():
        if one.tag in RESOURCES:
            forget(env, one.get("id") or "")
    parent.remove(element)


def forget(env: Env, name: str) -> None:
    """Nothing names a resource any more."""
    for constraint in constraints_on(env, name):
        references = select(constraint, "resource_set/resource_ref[@id=$n]", n=name)
        if not references:
            drop(constraint)
        for reference in references:
            holder = owner(reference)
            holder.remove(reference)
            if not len(holder):
                constraint.remove(holder)
            if constraint.find("resource_set") is None:
                drop(constraint)
    tags.forget_member(env, name)
    fencing.forget_device(env, name)
    for permission in select(env.root, "configuration/acls/acl_role/acl_permission[@reference=$n]", n=name):
        owner(permission).remove(permission)
