"""XML: a status as `crm_mon --output-as=xml` gives it, element for element.

Source: xml/api/crm_mon-2.*.rng and the schemas that it includes; lib/pengine/pe_output.c, the messages of format
"xml".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lxml import etree

from hashell.status import fencing, outline, words
from hashell.status.cluster_status import (
    BundleStatus,
    CloneStatus,
    ClusterStatus,
    FailureStatus,
    GroupStatus,
    NodeKind,
    NodeStatus,
    PrimitiveStatus,
    ResourceHistory,
    ResourceStatus,
    Summary,
)
from hashell.status.options import Release, Section
from hashell.status.selection import Names, View, passes

_NONE: Mapping[str, object] = {}
#: What release 2.1 calls a no-quorum-policy, where that has a newer name.
_OLD_POLICY = {"fence": "suicide"}
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
#: What crm_mon writes into an exit reason instead of a character, before the writer of XML escapes it once more:
#: readers of its output undo both.
_ESCAPES = str.maketrans({
    "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;",
    "\t": "    ", "\n": "\\n", "\r": "\\r",
})
#: The version of the schema that the element names, and of the program that writes like this.
API_VERSIONS = {Release.TWO: "2.25", Release.THREE: "2.42"}
#: That of documents in which the two write alike.
API_VERSION = API_VERSIONS[Release.TWO]
_PROGRAM_VERSION = {Release.TWO: "2.1.5", Release.THREE: "3.0.2"}


def render(status: ClusterStatus, request: str, *, legacy: bool = False) -> str:
    """The document. `request` is the command line; `legacy` gives the root of the old option --as- xml."""
    root = etree.Element("crm_mon" if legacy else "pacemaker-result")
    if legacy:
        root.set("version", _PROGRAM_VERSION[status.release])
    else:
        root.set("api-version", API_VERSIONS[status.release])
        root.set("request", request)
    fill(root, status)
    if not legacy:
        etree.SubElement(root, "status", {"code": "0", "message": "OK"})
    return _document(root)


def error(request: str, code: int, message: str, *, text: str = "") -> str:
    """The document of a request that failed. `message` words the exit code, `text` says what happened."""
    root = etree.Element("pacemaker-result", {"api-version": API_VERSION, "request": request})
    state = etree.SubElement(root, "status", {"code": str(code), "message": message})
    if text:
        errors = etree.SubElement(state, "errors")
        etree.SubElement(errors, "error").text = text
    return _document(root)


def _document(root: etree._Element) -> str:
    """Indented, in ASCII: what is not is written by its number."""
    etree.indent(root, "  ")
    text = etree.tostring(root, encoding="unicode") + "\n"
    return _NOT_ASCII.sub(lambda match: f"&#x{ord(match[0]):X};", text)


def fill(root: etree._Element, status: ClusterStatus) -> None:
    """Append the sections of a status to an element."""
    view = View(status)
    options = status.options
    _summary(root, view)
    if options.shows(Section.NODES):
        nodes = _add(root, "nodes")
        for node in status.nodes:
            if view.node_passes(node.name):
                _node(nodes, view, node)
    if options.shows(Section.RESOURCES):
        _resources(root, view)
    if options.shows(Section.ATTRIBUTES):
        _attributes(root, view)
    if options.shows(Section.OPERATIONS | Section.FAILCOUNTS):
        _history(root, view)
    if options.shows(Section.FAILURES):
        _failures(root, view)
    if options.shows(Section.FENCING) and options.fence_level:
        _fencing(root, view)
    if options.shows(Section.TICKETS) and status.tickets:
        _tickets(root, view)
    if options.shows(Section.BANS) and status.bans:
        _bans(root, view)


def _add(
    parent: etree._Element, tag: str, attributes: Mapping[str, object] = _NONE
) -> etree._Element:
    """A child with these attributes; a None leaves one out."""
    child = etree.SubElement(parent, tag)
    _set(child, attributes)
    return child


def _set(element: etree._Element, attributes: Mapping[str, object]) -> None:
    for name, value in attributes.items():
        if value is not None:
            element.set(name, _text(value))


def _text(value: object) -> str:
    if value is True:
        return "true"
    return "false" if value is False else str(value)


def _summary(root: etree._Element, view: View) -> None:
    options, head = view.status.options, view.status.summary
    dc = view.status.dc
    found = etree.Element("summary")
    if options.shows(Section.STACK):
        _add(found, "stack", {"type": head.stack, "pacemakerd-state": head.daemon or None})
    if options.shows(Section.DC):
        if dc is None:
            _add(found, "current_dc", {"present": False})
        else:
            _add(found, "current_dc", {
                "present": True, "version": head.dc_version or "", "name": dc.name, "id": dc.id,
                "with_quorum": head.quorate, "mixed_version": head.mixed_version,
            })
    if options.shows(Section.TIMES):
        _add(found, "last_update", {"time": words.when(head.now_s), "origin": head.here or None})
        _add(found, "last_change", {
            "time": head.changed or "", "user": head.changed_user or "", "client": head.changed_client or "",
            "origin": head.changed_origin or "",
        })
    if options.shows(Section.COUNTS):
        _add(found, "nodes_configured", {"number": head.nodes})
        _add(found, "resources_configured", {
            "number": head.resources, "disabled": head.disabled, "blocked": head.blocked,
        })
    if options.shows(Section.OPTIONS):
        _add(found, "cluster_options", _options(head, view.status.release))
    if len(found):
        root.append(found)


def _options(head: Summary, release: Release) -> dict[str, object]:
    """The options of the cluster that decide most; release 3 gives those of fencing by both of their names."""
    enabled, timeout_ms = head.fencing_enabled, head.fencing_timeout_ms
    found: dict[str, object] = {
        "symmetric-cluster": head.symmetric, "no-quorum-policy": head.no_quorum_policy,
        "maintenance-mode": head.maintenance_mode, "stop-all-resources": head.stop_all_resources,
    }
    delay: dict[str, object] = {"priority-fencing-delay-ms": head.priority_fencing_delay_ms}
    if release is Release.TWO:
        found["no-quorum-policy"] = _OLD_POLICY.get(head.no_quorum_policy, head.no_quorum_policy)
        return {"stonith-enabled": enabled, **found, "stonith-timeout-ms": timeout_ms, **delay}
    return {
        "fencing-enabled": enabled, "fencing-timeout-ms": timeout_ms, **found, **delay,
        "stonith-enabled": enabled, "stonith-timeout-ms": timeout_ms,
    }


def _new(view: View, value: object) -> object:
    """The value of an attribute that came with release 3; None, which leaves it out, before that."""
    return value if view.status.release is Release.THREE else None


def _node(parent: etree._Element, view: View, node: NodeStatus) -> None:
    options = view.status.options
    element = _add(parent, "node", {
        "name": node.name, "id": node.id, "online": node.online, "standby": node.standby,
        "standby_onfail": node.standby_onfail, "maintenance": node.maintenance, "pending": node.pending,
        "unclean": node.unclean, "health": node.health, "feature_set": node.feature_set, "shutdown": node.shutdown,
        "expected_up": node.expected_up, "is_dc": node.is_dc, "resources_running": len(node.running),
        "type": "member" if node.kind is NodeKind.CLUSTER else "remote", "id_as_resource": node.container or None,
    })
    if options.by_node:
        for one in outline.node_resources(view, node):
            _resource(element, view, one, view.status.only_resources)


def _resources(root: etree._Element, view: View) -> None:
    options = view.status.options
    if options.by_node and not options.inactive:
        return
    listed = [one for one in view.status.resources if outline.lists(view, one, counted=False)]
    if not listed:
        return
    parent = _add(root, "resources")
    for one in listed:
        _resource(parent, view, one, view.status.only_resources)


def _resource(
    parent: etree._Element, view: View, one: ResourceStatus, only: Names
) -> None:
    if view.hidden(one, only, with_parent=True):
        return
    match one:
        case PrimitiveStatus():
            _primitive(parent, view, one)
        case GroupStatus():
            _group(parent, view, one, only)
        case CloneStatus():
            _clone(parent, view, one, only)
        case BundleStatus():
            _bundle(parent, view, one, only)


def _description(view: View, one: ResourceStatus) -> str | None:
    return one.description if one.description and view.describes else None


def _primitive(
    parent: etree._Element, view: View, one: PrimitiveStatus
) -> None:
    pending = view.status.options.pending
    agent = ":".join(part for part in (one.standard, one.provider, one.type) if part)
    element = _add(parent, "resource", {
        "id": one.name, "resource_agent": agent, "role": words.state(one, pending=pending),
        "target_role": one.target_role, "active": one.active, "orphaned": one.orphaned,
        "removed": _new(view, one.orphaned), "blocked": one.blocked,
        "maintenance": _new(view, one.maintenance), "managed": one.managed, "failed": one.failed,
        "failure_ignored": one.failure_ignored,
        "nodes_running_on": len(one.active_on), "pending": (words.pending_action(one) or None) if pending else None,
        "locked_to": one.locked_to or None, "description": _description(view, one),
    })
    for name in one.active_on:
        node = view.node(name)
        if node is not None:
            _add(element, "node", {"name": node.name, "id": node.id, "cached": node.online})


def _group(
    parent: etree._Element, view: View, one: GroupStatus, only: Names
) -> None:
    whole = passes(one.name, only) or (":" in one.id and passes(one.id, only))
    element = None
    for member in one.members:
        if outline.skips_member(
            view, member, view.status.options.inactive, only, whole=whole
        ):
            continue
        if element is None:
            element = _add(parent, "group", {
                "id": one.id, "number_resources": len(one.members),
                "maintenance": _new(view, one.maintenance), "managed": one.managed,
                "disabled": one.disabled, "description": _description(view, one),
            })
        _resource(element, view, member, only)


def _clone(
    parent: etree._Element, view: View, one: CloneStatus, only: Names
) -> None:
    whole = passes(one.name, only) or (":" in one.id and passes(one.id, only))
    element = None
    for instance in one.instances:
        if view.kept_off(instance) or view.hidden(
            instance, None if whole else only, with_parent=whole
        ):
            continue
        if element is None:
            element = _add(parent, "clone", {
                "id": one.id, "multi_state": one.promotable, "unique": one.unique,
                "maintenance": _new(view, one.maintenance), "managed": one.managed,
                "disabled": one.disabled, "failed": one.failed, "failure_ignored": one.failure_ignored,
                "target_role": _clone_target(one), "description": _description(view, one),
            })
        _resource(element, view, instance, None)


def _clone_target(one: CloneStatus) -> str | None:
    if one.target_role is not None:
        return one.target_role
    return one.instances[0].target_role if one.instances else None


def _bundle(
    parent: etree._Element, view: View, one: BundleStatus, only: Names
) -> None:
    whole = passes(one.id, only)
    element = None
    for replica in one.replicas:
        if view.kept_off(replica.container):
            continue
        shown = [
            part for part in replica.parts()
            if whole or not view.hidden(part, only, with_parent=False)
        ]
        if not shown:
            continue
        if element is None:
            element = _add(parent, "bundle", {
                "id": one.id, "type": one.container_type, "image": one.image, "unique": one.unique,
                "maintenance": _new(view, one.maintenance), "managed": one.managed,
                "failed": one.failed, "description": _description(view, one),
            })
        below = _add(element, "replica", {"id": replica.number})
        for part in shown:
            _resource(below, view, part, only)


def _attributes(root: etree._Element, view: View) -> None:
    parent = None
    for entry in view.status.attributes:
        node = view.node(entry.node)
        if node is None or not view.node_passes(node.name):
            continue
        if parent is None:
            parent = _add(root, "node_attributes")
        element = _add(parent, "node", {"name": node.name})
        for one in entry.attributes:
            _add(element, "attribute", {"name": one.name, "value": one.value, "expected": one.expected})


def _history(root: etree._Element, view: View) -> None:
    status = view.status
    operations = status.options.shows(Section.OPERATIONS)
    parent = None
    for entry in status.history:
        node = view.node(entry.node)
        if node is None or not view.node_passes(node.name):
            continue
        if parent is None:
            parent = _add(root, "node_history")
        element = None
        for one in entry.resources:
            if not outline.history_passes(view, one):
                continue
            if not (one.operations if operations else one.fail_count > 0):
                continue
            if element is None:
                element = _add(parent, "node", {"name": node.name})
            _resource_history(element, view, one, operations=operations)


def _resource_history(
    parent: etree._Element, view: View, one: ResourceHistory, *, operations: bool
) -> None:
    options = view.status.options
    element = _add(parent, "resource_history", {
        "id": one.name if operations else one.id, "orphan": False,
        "removed": _new(view, value=False), "migration-threshold": one.threshold,
        "fail-count": one.fail_count if one.fail_count > 0 else None,
        "last-failure": words.when(one.last_failure_s) if one.last_failure_s > 0 else None,
    })
    for op in one.operations if operations else ():
        child = _add(element, "operation_history", {
            "call": op.call, "task": op.task, "rc": op.rc, "rc_text": words.result(op.rc, view.status.release),
            "interval": f"{op.interval}ms" if op.interval not in ("", "0") else None,
        })
        if options.timing:
            _set(child, {
                "last-rc-change": words.when(op.changed_s) if op.changed_s > 0 else None,
                "exec-time": None if op.exec_ms is None else f"{op.exec_ms}ms",
                "queue-time": None if op.queue_ms is None else f"{op.queue_ms}ms",
            })


def _failures(root: etree._Element, view: View) -> None:
    parent = None
    for one in outline.shown_failures(view):
        if parent is None:
            parent = _add(root, "failures")
        _failure(parent, view, one)


def _failure(parent: etree._Element, view: View, one: FailureStatus) -> None:
    element = etree.SubElement(parent, "failure")
    element.set("op_key" if one.has_key else "id", one.key)
    _set(element, {
        "node": one.node, "exitstatus": words.result(one.rc, view.status.release),
        "exitreason": "none" if one.reason is None else one.reason.translate(_ESCAPES), "exitcode": one.rc,
        "call": one.call, "status": words.execution(one.status, view.status.release),
    })
    if one.changed_s:
        _set(element, {
            "last-rc-change": words.when_iso(one.changed_s), "queued": one.queue_ms, "exec": one.exec_ms,
            "interval": one.interval_ms, "task": one.recorded_task or None,
        })


def _fencing(root: etree._Element, view: View) -> None:
    parent = _add(root, "fence_history")
    for event in fencing.shown(view, "failed", "success", "pending"):
        element = _add(parent, "fence_event", {
            "status": event.state, "action": event.action, "target": event.target, "client": event.client,
            "origin": event.origin,
        })
        if event.state == "failed" and event.reason:
            _set(element, {"exit-reason": event.reason})
        if event.state != "pending":
            _set(element, {
                "delegate": event.delegate or None,
                "completed": None if event.completed_s is None else words.when_iso(event.completed_s),
            })


def _tickets(root: etree._Element, view: View) -> None:
    parent = _add(root, "tickets")
    for one in view.status.tickets:
        _add(parent, "ticket", {
            "id": one.id, "status": "granted" if one.granted else "revoked", "standby": one.standby,
            "last-granted": None if one.last_granted_s is None else words.when(one.last_granted_s),
            **(dict(one.attributes) if view.status.release is Release.THREE else {}),
        })


def _bans(root: etree._Element, view: View) -> None:
    parent = _add(root, "bans")
    for one in view.status.bans:
        _add(parent, "ban", {
            "id": one.id, "resource": one.resource, "node": one.node, "weight": one.weight,
            "promoted-only": one.promoted_only, "master_only": one.promoted_only,
        })

