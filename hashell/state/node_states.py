"""Node states: what the cluster recorded of each node, and whether that makes it online.

Source: Pacemaker Explained, "Status", "Node status"; lib/pengine/unpack.c.
"""

from __future__ import annotations

from lxml import etree

from hashell.model.cluster_options import NoQuorumPolicy
from hashell.model.nodes import add_builtin_attributes, add_site_name
from hashell.model.operations import whole_seconds
from hashell.state.workspace import NodeDraft, Workspace
from hashell.values.booleans import is_true, parse_boolean
from hashell.values.integers import leading_integer
from hashell.values.roles import Role
from hashell.values.scores import INFINITY


def read_node_state(workspace: Workspace, state: etree._Element) -> None:
    """First pass over a `node_state`: all but the history of resources."""
    ident = state.get("id")
    if ident is None:
        workspace.complain("Ignoring invalid node_state entry without id")
        return
    node = workspace.node_of(ident, state.get("uname"))
    if node is None:
        return
    if node.is_remote:
        # Whether it is online is known when the history of its connection is.
        node.remote_fenced = bool(_count(state.get("node_fenced")))
        return
    read_transient_attributes(workspace, node, state)
    if _is_disabled(node.attributes.get("resource-discovery-enabled")):
        workspace.complain(
            f"Ignoring resource-discovery-enabled attribute for {node.name} because disabling resource discovery is "
            "not allowed for cluster nodes"
        )
    node.unclean = False
    node.seen = True
    _determine_online(workspace, node, state)
    if (
        not workspace.configuration.has_quorum and node.online
        and workspace.options.no_quorum_policy is NoQuorumPolicy.FENCE
    ):
        workspace.fence(node, "cluster does not have quorum")


def read_transient_attributes(workspace: Workspace, node: NodeDraft, state: etree._Element) -> None:
    """Attributes that last until the node leaves; they win over permanent ones."""
    configuration = workspace.configuration
    cluster_name = workspace.options.cluster_name
    holder = state.find("transient_attributes")
    attributes = node.attributes
    assert isinstance(attributes, dict)
    dc_id = configuration.dc_id
    if workspace.dc is None and dc_id is not None and node.id.lower() == dc_id.lower():
        workspace.dc = node
    add_builtin_attributes(attributes, node.id, node.name, cluster_name, is_dc=workspace.dc is node)
    if holder is not None:
        document = configuration.document
        attributes.update(document.values(holder, "instance_attributes", document.known()))
        sets = document.sets(holder, "utilization")
        if sets:
            utilization = dict(node.utilization)
            document.unpack(sets, document.known(), utilization)
            node.utilization = utilization
    add_site_name(attributes, cluster_name)
    if is_true(attributes.get("standby")):
        node.standby = True
    if is_true(attributes.get("maintenance")):
        node.maintenance = True


def shutdown_requested(node: NodeDraft) -> bool:
    return node.attributes.get("shutdown", "0") != "0"


def _determine_online(workspace: Workspace, node: NodeDraft, state: etree._Element) -> None:
    if shutdown_requested(node):
        node.shutdown = True
    elif (state.get("expected") or "").lower() == "member":
        node.expected_up = True
    if workspace.options.fencing_enabled:
        online = _is_online_with_fencing(workspace, node, state)
    else:
        online = _is_online_without_fencing(workspace, node, state)
    node.online = online
    if not online or node.shutdown:
        node.score = -INFINITY


def _is_online_without_fencing(workspace: Workspace, node: NodeDraft, state: etree._Element) -> bool:
    if _member_since(workspace, state) <= 0:
        return False
    if _peer_since(state) > 0:
        return (state.get("join") or "").lower() == "member"
    if node.expected_up:
        workspace.fence(node, "peer is unexpectedly down")
    return False


def _is_online_with_fencing(workspace: Workspace, node: NodeDraft, state: etree._Element) -> bool:
    """A node that is not as it should be is fenced; one on its way up or down is given time."""
    join, expected = state.get("join"), state.get("expected")
    member, peer = _member_since(workspace, state), _peer_since(state)
    if node.shutdown:
        return peer > 0
    if member < 0:
        workspace.fence(node, "peer has not been seen by the cluster")
        return False
    if join == "banned":
        workspace.fence(node, "peer failed Pacemaker membership criteria")
    elif _termination_requested(node):
        if member <= 0 and peer <= 0 and join == "down":
            return False
        workspace.fence(node, "fencing was requested")
    elif expected is None or expected == "down":
        if _pending_too_long(workspace, member, peer):
            workspace.fence(node, "peer pending timed out on joining the process group")
        elif member > 0 or peer > 0:
            node.standby = node.pending = True
    elif member <= 0:
        workspace.fence(node, "peer is no longer part of the cluster", priority_delay=True)
    elif peer <= 0:
        workspace.fence(node, "peer process is no longer available")
    elif join in ("pending", "down"):
        node.standby = node.pending = True
    elif join != "member":
        workspace.fence(node, "peer was in an unknown state")
    return member > 0


def _pending_too_long(workspace: Workspace, member: int, peer: int) -> bool:
    limit_ms = workspace.options.node_pending_timeout_ms
    if limit_ms <= 0 or member <= 0 or peer > 0:
        return False
    timeout = member + whole_seconds(limit_ms)
    if workspace.now_s >= timeout:
        return True
    workspace.recheck(timeout)
    return False


def _member_since(workspace: Workspace, state: etree._Element) -> int:
    """When the node became a member: seconds since 1970, 0 for not, -1 for nobody knows; old entries say only yes or
    no.
    """
    text = state.get("in_ccm")
    if text is None:
        return -1
    member = parse_boolean(text)
    if member is not None:
        return workspace.now_s if member else 0
    since = leading_integer(text)
    return -1 if since is None or since < 0 else since


def _peer_since(state: etree._Element) -> int:
    """When the node's controller came up, 0 for not; 1 where an old entry says only that it is."""
    text = state.get("crmd")
    if text is None or text.lower() == "offline":
        return 0
    if text.lower() == "online":
        return 1
    return max(leading_integer(text) or 0, 0)


def _termination_requested(node: NodeDraft) -> bool:
    text = node.attributes.get("terminate")
    if text is None:
        return False
    wanted = parse_boolean(text)
    return (leading_integer(text) or 0) > 0 if wanted is None else wanted


def determine_remote_online(node: NodeDraft, workspace: Workspace) -> None:
    """Whether a remote node or guest is online, as its connection and what launches it are."""
    remote = node.remote
    if remote is None:
        node.online = False
        return
    launcher = remote.launcher
    host: NodeDraft | None = None
    if launcher is not None and len(remote.active_on) == 1:
        host = workspace.node_of(remote.active_on[0], None)
    if remote.role is Role.STARTED:
        node.online = True
        if remote.next_role is Role.STOPPED:
            node.shutdown = True
    if launcher is not None and launcher.failed:
        node.online = False
        node.remote_reset = True
    elif remote.failed:
        node.online = False
    elif remote.role is Role.STOPPED or (launcher is not None and launcher.role is Role.STOPPED):
        node.online = False
        node.remote_reset = False
    elif host is not None and not host.online and host.unclean:
        node.online = False
        node.remote_reset = True


def read_remote_attributes(workspace: Workspace, node: NodeDraft, state: etree._Element) -> None:
    """The rest of a remote node's or guest's `node_state`, before its history is read."""
    node.remote_maintenance = bool(_count(state.get("node_in_maintenance")))
    if not node.remote_reset:
        node.unclean = False
        node.seen = True
    read_transient_attributes(workspace, node, state)
    if shutdown_requested(node):
        node.shutdown = True
    if node.remote is not None and not node.remote.managed:
        node.maintenance = True
    if not _is_disabled(node.attributes.get("resource-discovery-enabled")):
        return
    if node.is_remote_node and not workspace.options.fencing_enabled:
        workspace.complain(
            f"Ignoring resource-discovery-enabled attribute on Pacemaker Remote node {node.name} because fencing is "
            "disabled"
        )
    else:
        node.probes_allowed = False


def health(workspace: Workspace, node: NodeDraft) -> int:
    """Below 0 for red, 0 for yellow, above 0 for green. Source: lib/pengine/pe_health.c, pe__node_health."""
    options = workspace.options
    found = 1
    if options.node_health_strategy == "none":
        return found
    for name, value in node.attributes.items():
        if not name.startswith("#health"):
            continue
        if value.lower() == "red":
            return -1
        if value.lower() == "yellow":
            found = 0
            continue
        score = options.health_green if value.lower() == "green" else leading_integer(value)
        if score is None:
            continue
        if score <= options.health_red:
            return -1
        if score <= options.health_yellow and options.health_yellow != options.health_green:
            found = 0
    return found


def _is_disabled(text: str | None) -> bool:
    return text is not None and not is_true(text)


def _count(text: str | None) -> int:
    return max(leading_integer(text) or 0, 0)
