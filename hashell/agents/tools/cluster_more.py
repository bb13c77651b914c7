"""More of Pacemaker's tools for agents: those that look at members, resources and fencing. See cluster_tool.py.

    cluster_more.py crm_node|crm_resource|crm_failcount|crm_ticket|stonith_admin|cibadmin OPTIONS
"""

from __future__ import annotations

import os
import sys

HERE = os.path.abspath(__file__)  # noqa: PTH100
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
    from xml.etree.ElementTree import Element

    from hashell.agents.tools.cluster_tool import NO_SUCH, OK, USAGE, Daemon, Trouble, identifier, main, options, quoted
else:
    # Run by its path and isolated, it finds its neighbour only by hand.
    sys.path.insert(0, os.path.dirname(HERE))  # noqa: PTH120
    from cluster_tool import NO_SUCH, OK, USAGE, Daemon, Trouble, identifier, main, options, quoted


def crm_node(words: list[str]) -> int:
    found = options(
        words, {"name": "n", "cluster-id": "i", "list": "l", "partition": "p", "quorum": "q", "quiet": "Q",
                "verbose": "V"},
        {"name-for-id": "N", "output-as": "o"},
    )
    daemon = Daemon()
    if "n" in found:
        print(daemon.welcome["node"])
        return OK
    info = daemon.ask("GetInfo")
    members = [one if isinstance(one, dict) else {} for one in info["members"]]
    here = [one for one in members if one.get("state", "member") == "member"]
    if "N" in found:
        name = next((one["name"] for one in members if str(one["id"]) == found["N"]), "")
        if not name:
            raise Trouble(f"Node {found['N']} is not known to cluster", NO_SUCH)
        print(name)
    elif "p" in found:
        print(" ".join(one["name"] for one in here))
    elif "i" in found:
        print(next((one["id"] for one in members if one["name"] == daemon.welcome["node"]), 0))
    elif "l" in found:
        for one in members:
            print(one["id"], one["name"], one.get("state", "member"))
    elif "q" in found:
        print(1 if info.get("quorate") else 0)
    return OK


def crm_resource(words: list[str]) -> int:
    found = options(
        words, {"locate": "W", "quiet": "Q", "verbose": "V", "meta": "m", "utilization": "z", "list-raw": "l",
                "cleanup": "C", "refresh": "R", "force": "f"},
        {"resource": "r", "get-parameter": "g", "set-parameter": "p", "delete-parameter": "d", "parameter-value": "v",
         "node": "N", "output-as": "o", "operation": "n", "interval": "I"},
    )
    daemon = Daemon()
    name = found.get("r") or os.environ.get("OCF_RESOURCE_INSTANCE", "")
    if "C" in found or "R" in found:
        # Without a resource all are meant, also when an agent asks.
        done = daemon.ask("CleanUp", resource=found.get("r", ""), node=found.get("N", ""), refresh="R" in found)
        print(done.get("text", ""))
        return OK
    cib = daemon.cib()
    if "l" in found:
        for one in cib.iterfind("configuration/resources//primitive"):
            print(one.get("id"))
        return OK
    if any(letter in found for letter in "gpd"):
        return parameter(daemon, cib, name, found)
    if "W" not in found:
        raise Trouble(
            "only --locate, --list-raw, --cleanup, --refresh and parameters are understood here", USAGE
        )
    for state in cib.iterfind("status/node_state"):
        for history in state.iterfind("lrm/lrm_resources/lrm_resource"):
            if history.get("id", "").partition(":")[0] != name.partition(":")[0]:
                continue
            role = role_of(history)
            if role != "Stopped":
                node = state.get("uname", "")
                shown = " Promoted" if role == "Promoted" else ""
                print(node if "Q" in found else f"resource {name} is running on: {node}{shown}")
    return OK


def parameter(daemon: Daemon, cib: Element, name: str, found: dict[str, str]) -> int:
    """Get, set or delete one parameter, meta-attribute (-m) or utilization attribute (-z) of a resource."""
    tag = "meta_attributes" if "m" in found else "utilization" if "z" in found else "instance_attributes"
    element = next((one for one in cib.iterfind("configuration/resources//*") if one.get("id") == name), None)
    if element is None:
        raise Trouble(f"Resource '{name}' not found", NO_SUCH)
    wanted = found.get("g") or found.get("p") or found.get("d") or ""
    pair = next((one for one in element.iterfind(f"{tag}/nvpair") if one.get("name") == wanted), None)
    if "g" in found:
        if pair is None:
            raise Trouble(f"Attribute '{wanted}' not found for '{name}'", NO_SUCH)
        print(pair.get("value"))
        return OK
    command = f"crm_resource -r {name} {'-p' if 'p' in found else '-d'} {wanted}"
    if "d" in found:
        if pair is not None:
            daemon.change("delete", "", f"/cib/configuration/resources//nvpair[@id='{pair.get('id')}']", command)
        return OK
    if "v" not in found:
        raise Trouble("a value is needed: -v VALUE", USAGE)
    home = element.find(tag)
    set_id = home.get("id", "") if home is not None else f"{name}-{tag}"
    pair_id = pair.get("id", "") if pair is not None else identifier(f"{set_id}-{wanted}")
    xml = (
        f'<{tag} id="{quoted(set_id)}"><nvpair id="{quoted(pair_id)}" name="{quoted(wanted)}"'
        f' value="{quoted(found["v"])}"/></{tag}>'
    )
    daemon.change("modify", xml, f"/cib/configuration/resources//*[@id='{name.replace(chr(39), '')}']", command)
    return OK


#: Task of a history entry → role after it went well.
ROLES = {
    "start": "Started", "migrate_from": "Started", "demote": "Started", "promote": "Promoted",
    "stop": "Stopped", "migrate_to": "Stopped",
}


def role_of(history: Element) -> str:
    """Stopped, Started or Promoted: what the entries of one resource on one node add up to."""
    role = "Stopped"
    done = [entry for entry in history if entry.get("op-status") == "0"]
    for entry in sorted(done, key=lambda one: int(one.get("call-id", "0"))):
        task, code = entry.get("operation", ""), entry.get("rc-code")
        if task == "monitor":
            role = {"7": "Stopped", "8": "Promoted", "0": role}.get(code or "", role)
            if code == "0" and role == "Stopped":
                role = "Started"
        elif code == "0":
            role = ROLES.get(task, role)
    return role


def crm_failcount(words: list[str]) -> int:
    found = options(
        words, {"query": "G", "delete": "D", "quiet": "q", "verbose": "V"},
        {"resource": "r", "node": "N", "operation": "n", "interval": "I", "output-as": "o", "update": "v"},
    )
    resource = found.get("r") or os.environ.get("OCF_RESOURCE_INSTANCE", "")
    if not resource:
        raise Trouble("a resource is to be named: -r ID", USAGE)
    daemon = Daemon()
    node = found.get("N") or daemon.node
    if "D" in found:
        daemon.ask("CleanUp", resource=resource, node=node, task=found.get("n", ""))
        return OK
    prefix = f"fail-count-{resource}#"
    path = f"status/node_state[@uname='{node}']/transient_attributes/instance_attributes/nvpair"
    counts = [
        one.get("value", "0") for one in daemon.cib().iterfind(path)
        if one.get("name", "").startswith(prefix + (f"{found['n']}_" if "n" in found else ""))
    ]
    total = "INFINITY" if "INFINITY" in counts else str(sum(int(one) for one in counts if one.isdigit()))
    print(total if "q" in found else f"scope=status  name=fail-count-{resource} value={total}")
    return OK


def stonith_admin(words: list[str]) -> int:
    found = options(
        words, {"list-registered": "L", "quiet": "q", "verbose": "V", "cleanup": "c", "broadcast": "b"},
        {"reboot": "B", "fence": "F", "unfence": "U", "confirm": "C", "list": "l", "history": "H", "timeout": "t",
         "tag": "T", "tolerance": "X", "delay": "y", "output-as": "o"},
    )
    daemon = Daemon()
    for letter, action in (("B", "reboot"), ("F", "off"), ("U", "on"), ("C", "off")):
        if letter in found:
            print(daemon.ask("Fence", node=found[letter], action=action, confirm=letter == "C").get("text", ""))
            return OK
    if "H" in found:
        if "c" in found:
            daemon.ask("ForgetFencing", node="" if found["H"] in ("*", "") else found["H"])
            return OK
        for event in daemon.ask("GetEvents", limit=1000).get("events", ()):
            data: dict[str, Any] = event.get("data") or {}
            if event.get("kind") == "fencing" and data.get("state") and found["H"] in ("*", "", data.get("target")):
                what = f"{data.get('action')} of {data.get('target')} on behalf of {data.get('client')}"
                print(f"{what}: {data['state']}")
        return OK
    devices = daemon.ask("FenceDevices", node=found.get("l", "")).get("devices", ())
    for one in devices:
        print(one["id"])
    if not devices:
        raise Trouble("No devices found", NO_SUCH)
    return OK


def cibadmin(words: list[str]) -> int:
    found = options(
        words, {"query": "Q", "local": "l", "no-children": "n", "verbose": "V", "sync-call": "s"},
        {"scope": "o", "xpath": "A", "output-as": "O"},
    )
    if "Q" not in found:
        raise Trouble("only --query is understood here", USAGE)
    from xml.etree import ElementTree

    if "A" in found:
        return by_xpath(Daemon().ask("GetCib")["xml"], found["A"])
    cib = Daemon().cib()
    wanted = found.get("o", "")
    element = cib if wanted in ("", "all") else next(cib.iter(wanted), None)
    if element is None:
        raise Trouble("Call cib_query failed: No such device or address", NO_SUCH)
    if "n" in found:
        for child in list(element):
            element.remove(child)
    print(ElementTree.tostring(element, encoding="unicode").rstrip())
    return OK


def by_xpath(xml: bytes, path: str) -> int:
    """XPath is the one thing here that the standard library cannot do."""
    import site

    site.main()
    sys.path.append(os.path.dirname(HERE).rpartition("/hashell/")[0])  # noqa: PTH120
    from lxml import etree

    from hashell.cib.document import parse_xml

    try:
        found = parse_xml(xml, "the CIB").xpath(path)
    except etree.XPathError as error:
        raise Trouble(f"{path}: {error}", USAGE) from None
    elements = [one for one in found if isinstance(one, etree._Element)] if isinstance(found, list) else []
    if not elements:
        raise Trouble("Call cib_query failed: No such device or address", NO_SUCH)
    text = "\n".join(etree.tostring(one, encoding="unicode", with_tail=False) for one in elements)
    print(text if len(elements) == 1 else f"<xpath-query>\n{text}\n</xpath-query>")
    return OK


#: What a word does to a ticket; whether Pacemaker wants --force for it, as it may start a service twice.
TICKET_WORDS = {
    "g": ("granted", "true", True), "r": ("granted", "false", True), "s": ("standby", "true", False),
    "a": ("standby", "false", False),
}
UNSAFE = 107


def crm_ticket(words: list[str]) -> int:
    """Booth and scripts of sites grant, revoke, hold and ask for tickets by it."""
    found = options(
        words, {"info": "l", "details": "L", "raw": "w", "query-xml": "q", "constraints": "c", "grant": "g",
                "revoke": "r", "standby": "s", "activate": "a", "cleanup": "C", "force": "f", "quiet": "Q",
                "verbose": "V"},
        {"ticket": "t", "get-attr": "G", "set-attr": "S", "delete-attr": "D", "attr-value": "v", "default": "d"},
    )
    daemon = Daemon()
    cib = daemon.cib()
    name = found.get("t", "")
    states = [one for one in cib.iterfind("status/tickets/ticket_state") if name in ("", one.get("id"))]
    state = states[0] if name and states else None
    writes = any(letter in found for letter in "grsaSDC")
    if not name and (writes or "G" in found):
        raise Trouble("Must supply ticket ID with -t", USAGE)
    if writes:
        return turn_ticket(daemon, name, state, found)
    if name and state is None and "d" not in found:
        raise Trouble(f"No such ticket '{name}'", NO_SUCH)
    if "G" in found:
        value = None if state is None else state.get(found["G"])
        if value is None and "d" not in found:
            raise Trouble(f"Ticket '{name}' has no attribute '{found['G']}'", NO_SUCH)
        print(value if value is not None else found["d"])
    elif "c" in found:
        for one in cib.iterfind("configuration/constraints/rsc_ticket"):
            if name in ("", one.get("ticket")):
                print(xml_of(one))
    else:
        for one in states:
            granted = "granted" if one.get("granted") == "true" else "revoked"
            held = " [standby]" if one.get("standby") == "true" else ""
            if "q" in found:
                print(xml_of(one))
            else:
                print(one.get("id") if "w" in found else f"{one.get('id')}\t{granted}{held}")
    return OK


def turn_ticket(daemon: Daemon, name: str, state: Element | None, found: dict[str, str]) -> int:
    """Grant, revoke, hold, activate or forget a ticket, or change one attribute of it."""
    import time

    values: dict[str, str] = {}
    for letter, (attribute, value, unsafe) in TICKET_WORDS.items():
        if letter in found:
            values[attribute] = value
            changes = (state.get(attribute, "false") if state is not None else "false") != value
            if unsafe and changes and "f" not in found:
                raise Trouble(
                    f"without knowing that no other site has it, {name} is not changed by hand: give --force", UNSAFE
                )
    if "S" in found:
        if "v" not in found:
            raise Trouble(f"Must supply value with -v for -S {found['S']}", USAGE)
        values[found["S"]] = found["v"]
    command = f"crm_ticket -t {name}"
    place = f"/cib/status/tickets/ticket_state[@id='{name.replace(chr(39), '')}']"
    if "C" in found or "D" in found:
        if state is None:
            raise Trouble(f"No such ticket '{name}'", NO_SUCH)
        if state.get("granted") == "true" and "f" not in found:
            raise Trouble(f"{name} is granted here: revoke it first, or give --force", UNSAFE)
        if "C" in found:
            daemon.change("delete", "", place, command)
            return OK
        kept = {key: value for key, value in state.attrib.items() if key != found["D"]}
        daemon.changes((("delete", "", place), ("modify", tickets_xml(kept), "status")), command)
        return OK
    if values.get("granted") == "true":
        values["last-granted"] = str(int(time.time()))
    if state is None:
        values = {"granted": "false", "standby": "false", **values}
    daemon.change("modify", tickets_xml({"id": name, **values}), "status", command)
    return OK


def tickets_xml(values: dict[str, str]) -> str:
    words = "".join(f' {quoted(key)}="{quoted(value)}"' for key, value in values.items())
    return f"<tickets><ticket_state{words}/></tickets>"


def xml_of(element: Element) -> str:
    from xml.etree import ElementTree

    element.tail = None
    return ElementTree.tostring(element, encoding="unicode")


TOOLS = {
    "crm_ticket": crm_ticket,
    "crm_node": crm_node, "crm_resource": crm_resource, "crm_failcount": crm_failcount,
    "stonith_admin": stonith_admin, "cibadmin": cibadmin,
}

if __name__ == "__main__":
    sys.exit(main(TOOLS))
