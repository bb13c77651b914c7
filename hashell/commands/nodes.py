"""Nodes: standby, maintenance, attributes and utilization.

Permanent attributes stand in the configuration; transient ones go through the client. Source: crm_attribute,
crm_standby.
"""

from __future__ import annotations

from lxml import etree

from hashell.commands.binding import Element, owner, select, texts
from hashell.commands.configure import set_pair
from hashell.commands.env import Env, need_node
from hashell.errors import NotFound

KINDS = {"attribute": "instance_attributes", "utilization": "utilization"}


def set_attribute(env: Env, node: str, kind: str, name: str, value: str) -> None:
    """Where the attribute is, it changes; a set that is missing is made with the id crm_attribute gives it."""
    element = need_node(env, node)
    if element.getparent() is None:
        env.section("nodes").append(element)
    for pair in select(element, f"{KINDS[kind]}/nvpair[@name=$n]", n=name):
        pair.set("value", value)
        return
    holder = element.find(KINDS[kind])
    if holder is None:
        suffix = "" if kind == "attribute" else "-utilization"
        holder = etree.SubElement(element, KINDS[kind], {"id": env.ids.make(f"nodes-{element.get('id')}{suffix}")})
    set_pair(env, holder, name, value)


def delete_attribute(env: Env, node: str, kind: str, name: str) -> None:
    """Nothing to delete is no error, as with crm_attribute."""
    for pair in select(need_node(env, node), f"{KINDS[kind]}/nvpair[@name=$n]", n=name):
        owner(pair).remove(pair)


def attribute(env: Env, node: str, kind: str, name: str) -> str:
    """The value. Raises NotFound."""
    for value in texts(need_node(env, node), f"{KINDS[kind]}/nvpair[@name=$n]/@value", n=name):
        return str(value)
    raise NotFound(f"{node} has no {kind} {name}", f"set it with: node {kind} {node} set {name} VALUE")


def standby(env: Env, nodes: list[str], *, until_reboot: bool = False) -> None:
    """No resources on these nodes; until they restart, or until `online`."""
    for node in nodes:
        name = need_node(env, node).get("uname") or node
        if until_reboot:
            delete_attribute(env, node, "attribute", "standby")
            env.client.set_attribute(name, "standby", "on")
        else:
            _drop_transient(env, name)
            set_attribute(env, node, "attribute", "standby", "on")


def online(env: Env, nodes: list[str]) -> None:
    """Take standby back, whichever kind it is."""
    for node in nodes:
        element = need_node(env, node)
        _drop_transient(env, element.get("uname") or node)
        if select(element, "instance_attributes/nvpair[@name='standby']"):
            set_attribute(env, node, "attribute", "standby", "off")


def _drop_transient(env: Env, name: str) -> None:
    if transient(env, name, "standby") is not None:
        env.client.set_attribute(name, "standby", None)


def transient(env: Env, node: str, name: str) -> str | None:
    """A transient attribute, from the status section."""
    for value in texts(
        env.root,
        "status/node_state[@uname=$u]/transient_attributes/instance_attributes/nvpair[@name=$n]/@value",
        u=node,
        n=name,
    ):
        return str(value)
    return None


def maintenance(env: Env, node: str, on: bool) -> None:
    """All resources of the node are left alone, or not any more."""
    set_attribute(env, node, "attribute", "maintenance", "true" if on else "off")


def lines(env: Env, only: str = "") -> list[str]:
    """Nodes with state and attributes, as `node show` prints them."""
    found: list[str] = []
    states = {state.get("uname"): state for state in env.root.iterfind("status/node_state")}
    for element in env.root.iterfind("configuration/nodes/node"):
        name = element.get("uname") or ""
        if only and only not in (name, element.get("id")):
            continue
        offline = "" if _is_up(states.get(name)) else "(offline)"
        kind = element.get("type") or "member"
        identity = f"({element.get('id')})" if element.get("id") != name else ""
        found.append(f"{name}{identity}: {kind}{offline}")
        pairs = [
            f"{pair.get('name')}={pair.get('value')}"
            for pair in select(element, "instance_attributes/nvpair | utilization/nvpair")
        ]
        if pairs:
            found.append("\t" + " ".join(pairs))
    if only and not found:
        need_node(env, only)
    return found


def _is_up(state: Element | None) -> bool:
    absent = ("", "0", "false", "offline")
    if state is not None and state.get("remote_node") == "true":
        return state.get("in_ccm", "") not in absent
    return state is not None and state.get("in_ccm", "") not in absent and state.get("crmd", "") not in absent
