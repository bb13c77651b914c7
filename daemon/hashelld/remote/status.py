"""Status: what the CIB says of a remote node that comes up or goes down. Pure.

A remote node is no member: whoever hosts its connection writes its state, and its id is its name.
Source: remote_node_up() and remote_node_down() in daemons/controld/controld_remote_ra.c.
"""

from __future__ import annotations

from lxml import etree

from hashell.cib.document import Cib
from hashell.values.booleans import is_true
from hashelld.core.events import CibOperation


def up(name: str, *, fresh: bool) -> tuple[CibOperation, ...]:
    """It is there. Its attributes are of one life of it: those of an earlier one go."""
    state = _state(name, "true", "remote_node_up")
    state.set("node_fenced", "0")
    found = (CibOperation("modify", etree.tostring(state)),)
    return (_no_attributes(name), *found) if fresh else found


def down(name: str) -> tuple[CibOperation, ...]:
    """Nobody is connected to it. What ran there stays known until it comes back or is fenced."""
    return (
        CibOperation("modify", etree.tostring(_state(name, "false", "remote_node_down"))),
        _no_attributes(name),
    )


def in_maintenance(cib: Cib, name: str) -> bool:
    """Whether the DC has noted that a remote node is to be left alone."""
    status = cib.status
    states = () if status is None else status.iterfind("node_state")
    return any(is_true(one.get("node_in_maintenance")) for one in states if one.get("uname") == name)


def _state(name: str, here: str, origin: str) -> etree._Element:
    state = etree.Element("node_state", id=name, uname=name, remote_node="true", in_ccm=here)
    state.set("crm-debug-origin", origin)
    return state


def _no_attributes(name: str) -> CibOperation:
    quoted = name.replace("'", "")
    return CibOperation("delete", path=f"/cib/status/node_state[@id='{quoted}']/transient_attributes")
