"""Graph ↔ XML: the transition graph as Pacemaker writes it, attribute for attribute.

Source: Pacemaker Development, "Scheduler"; lib/pacemaker/pcmk_graph_producer.c decides names and order of attributes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from lxml import etree

from hashell.cib.document import parse_xml
from hashell.errors import BadInput
from hashell.transition.graph import Action, ActionKind, Graph, PrimitiveRef, Synapse
from hashell.values.integers import whole_number

_ATTRIBUTE_NAME = re.compile(r"[A-Za-z_][\w.\-]*")


@lru_cache(maxsize=4096)
def _can_be_attribute(name: str) -> bool:
    return _ATTRIBUTE_NAME.fullmatch(name) is not None


class BadGraph(BadInput):
    id = "graph-bad"


def _brief(parent: etree._Element, action: Action) -> etree._Element:
    """What a trigger says of an action: enough to find it."""
    found: dict[str, str] = {}
    if action.task == "lrm_delete" and action.kind is ActionKind.CLUSTER:
        found["mode"] = "cib"
    found["id"] = str(action.id)
    found["operation"] = action.task
    if action.key_clone:
        found["operation_key"] = action.key_clone
        found["internal_operation_key"] = action.key
    else:
        found["operation_key"] = action.key
    if action.node:
        found["on_node"] = action.node
        found["on_node_uuid"] = action.node_id
    if action.router_node:
        found["router_node"] = action.router_node
    return etree.SubElement(parent, action.kind.value, found)


def _whole(parent: etree._Element, action: Action) -> None:
    element = _brief(parent, action)
    if action.shutdown_lock:
        element.set("shutdown-lock", str(action.shutdown_lock))
    ref = action.primitive
    if ref is not None:
        primitive = etree.SubElement(element, "primitive", id=ref.id)
        for name, value in (
            ("long-id", ref.long_id), ("class", ref.standard),
            ("provider", ref.provider), ("type", ref.type),
        ):
            if value:
                primitive.set(name, value)
    given = action.attributes
    names = sorted(filter(_can_be_attribute, given))
    attributes = etree.SubElement(element, "attributes", {name: given[name] for name in names})
    for name, value in given.items() if len(names) < len(given) else ():
        if not _can_be_attribute(name):
            # XML has no attribute whose name begins with a digit.
            etree.SubElement(attributes, "param", name=name, value=value)
    if action.downed:
        downed = etree.SubElement(element, "downed")
        for node in action.downed:
            etree.SubElement(downed, "node", id=node)
    if action.task == "maintenance_nodes":
        maintenance = etree.SubElement(element, "maintenance")
        for node, on in action.maintenance:
            node_element = etree.SubElement(maintenance, "node", id=node)
            node_element.set("node_in_maintenance", "1" if on else "0")


def action_to_xml(action: Action) -> bytes:
    """One action with all its details, as it stands in an `action_set`."""
    holder = etree.Element("action_set")
    _whole(holder, action)
    return etree.tostring(holder[0], encoding="utf-8")


def graph_element(graph: Graph) -> etree._Element:
    """The `transition_graph` element."""
    root = etree.Element("transition_graph")
    root.set("cluster-delay", graph.cluster_delay)
    root.set("fencing-timeout", graph.fencing_timeout)
    root.set("failed-stop-offset", graph.failed_stop_offset)
    root.set("failed-start-offset", graph.failed_start_offset)
    root.set("batch-limit", str(graph.batch_limit))
    root.set("transition_id", str(graph.transition_id))
    if graph.migration_limit > 0:
        root.set("migration-limit", str(graph.migration_limit))
    if graph.recheck_at is not None:
        root.set("recheck-by", str(graph.recheck_at))
    known = {action.id: action for action in graph.awaited}
    known.update((synapse.action.id, synapse.action) for synapse in graph.synapses)
    for synapse in graph.synapses:
        element = etree.SubElement(root, "synapse", id=str(synapse.id))
        if synapse.priority > 0:
            element.set("priority", str(synapse.priority))
        _whole(etree.SubElement(element, "action_set"), synapse.action)
        inputs = etree.SubElement(element, "inputs")
        for number in synapse.inputs:
            _brief(etree.SubElement(inputs, "trigger"), known[number])
    return root


def graph_to_xml(graph: Graph, *, pretty: bool = False) -> bytes:
    """The graph in UTF-8 without a declaration; the same graph gives the same bytes."""
    return etree.tostring(graph_element(graph), encoding="utf-8", pretty_print=pretty)


def _number(element: etree._Element, name: str, default: int | None = None) -> int:
    text = element.get(name)
    if text is None and default is not None:
        return default
    try:
        return int(text or "")
    except ValueError:
        raise BadGraph(
            f"<{element.tag}> has {name}={text!r}, which is no number", "make the graph anew"
        ) from None


def action_from_element(element: etree._Element) -> Action:
    """Raises BadGraph."""
    try:
        kind = ActionKind(str(element.tag))
    except ValueError:
        raise BadGraph(f"<{element.tag}> is no kind of action", "make the graph anew") from None
    reference = element.find("primitive")
    primitive = None
    if reference is not None:
        primitive = PrimitiveRef(
            reference.get("id", ""), reference.get("long-id", ""), reference.get("class", ""),
            reference.get("provider", ""), reference.get("type", ""),
        )
    attributes = element.find("attributes")
    values: dict[str, str] = {}
    if attributes is not None:
        values = {str(name): str(value) for name, value in attributes.attrib.items()}
        for param in attributes.iterfind("param"):
            values.setdefault(param.get("name", ""), param.get("value", ""))
    internal = element.get("internal_operation_key", "")
    key = element.get("operation_key", "")
    return Action(
        id=_number(element, "id"), kind=kind, task=element.get("operation", ""),
        key=internal or key, key_clone=key if internal else "",
        node=element.get("on_node", ""), node_id=element.get("on_node_uuid", ""),
        router_node=element.get("router_node", ""), primitive=primitive,
        migrate_from=values.get("CRM_meta_migrate_source", ""),
        migrate_target=values.get("CRM_meta_migrate_target", ""),
        attributes=values,
        downed=tuple(node.get("id", "") for node in element.iterfind("downed/node")),
        maintenance=tuple(
            (node.get("id", ""), node.get("node_in_maintenance") == "1")
            for node in element.iterfind("maintenance/node")
        ),
        shutdown_lock=_number(element, "shutdown-lock", 0),
    )


def action_from_xml(data: bytes | str) -> Action:
    """Raises BadXml or BadGraph."""
    return action_from_element(parse_xml(data, "an action"))


def _recheck(text: str | None) -> int | None:
    """Pacemaker writes seconds; ISO 8601 is read too."""
    if text is None:
        return None
    seconds = whole_number(text)
    if seconds is not None:
        return seconds
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())


def graph_from_xml(data: bytes | str) -> Graph:
    """Reads what `graph_to_xml` or Pacemaker wrote. Raises BadXml or BadGraph."""
    root = parse_xml(data, "a transition graph")
    if root.tag != "transition_graph":
        raise BadGraph(f"a graph begins with <transition_graph>, not <{root.tag}>", "")
    synapses = []
    # Most triggers name an action of the graph: only the others are read as actions.
    triggers: dict[int, etree._Element] = {}
    for element in root.iterfind("synapse"):
        found = element.xpath("action_set/*")
        assert isinstance(found, list)
        if len(found) != 1:
            raise BadGraph(f"synapse {element.get('id')} has {len(found)} actions instead of one")
        inputs = []
        for trigger in element.iterfind("inputs/trigger/*"):
            awaited = _number(trigger, "id")
            triggers.setdefault(awaited, trigger)
            inputs.append(awaited)
        only = found[0]
        assert isinstance(only, etree._Element)
        synapses.append(Synapse(
            id=_number(element, "id"), action=action_from_element(only), inputs=tuple(inputs),
            priority=_number(element, "priority", 0),
        ))
    inside = {synapse.action.id for synapse in synapses}
    if len(inside) != len(synapses):
        raise BadGraph("two actions of the graph have one id", "make the graph anew")
    return Graph(
        transition_id=_number(root, "transition_id", 0), synapses=tuple(synapses),
        cluster_delay=root.get("cluster-delay", "60s"),
        fencing_timeout=str(root.get("fencing-timeout") or root.get("cluster-delay", "60s")),
        failed_start_offset=root.get("failed-start-offset", "INFINITY"),
        failed_stop_offset=root.get("failed-stop-offset", "INFINITY"),
        batch_limit=max(_number(root, "batch-limit", 0), 0),
        migration_limit=_number(root, "migration-limit", -1),
        recheck_at=_recheck(root.get("recheck-by")),
        awaited=tuple(
            action_from_element(trigger) for number, trigger in triggers.items()
            if number not in inside
        ),
    )
