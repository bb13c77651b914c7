"""Failures: when they expire, what is configured to happen after one, and what that does to the resource.

Source: Pacemaker Explained, "Failure response"; lib/pengine/unpack.c, pe_actions.c.
"""

from __future__ import annotations

from hashell.model.operations import OnFail, Requires, find_operation, is_probe, whole_seconds
from hashell.state.digests import DigestMatch
from hashell.state.fail_counts import blocks, fail_count, is_expired
from hashell.state.findings import FailureCleared, FencingNeeded, ParametersToCheck
from hashell.state.history import HistoryEntry
from hashell.state.resources import Resource
from hashell.state.workspace import NodeDraft, ResourceDraft, Workspace
from hashell.values.outcomes import ExecStatus, OcfCode
from hashell.values.roles import Role

_WORDS = {
    "block": OnFail.BLOCK, "standby": OnFail.STANDBY, "ignore": OnFail.IGNORE, "nothing": OnFail.IGNORE,
    "migrate": OnFail.BAN, "stop": OnFail.STOP, "restart": OnFail.RESTART, "demote": OnFail.DEMOTE,
}
#: Answers of a probe that never expire: they say where the resource is, not that something is wrong.
_PLAIN_ANSWERS = frozenset({
    OcfCode.OK, OcfCode.NOT_RUNNING, OcfCode.RUNNING_PROMOTED, OcfCode.DEGRADED, OcfCode.DEGRADED_PROMOTED,
})


def action_requires(resource: Resource, task: str) -> Requires:
    """What must be there before the action may run."""
    if task.lower() not in ("start", "promote"):
        return Requires.NOTHING
    if resource.config.requires_fencing:
        return Requires.FENCING
    return Requires.QUORUM if resource.config.requires_quorum else Requires.NOTHING


def parse_on_fail(
    resource: Resource, task: str, interval_ms: int, text: str | None, *, fencing_enabled: bool, remote_node: bool
) -> OnFail:
    """What a failure of the action asks for. `remote_node` says that the resource connects to a remote node that is
    no guest.
    """
    found: OnFail | None = None
    word = None if text is None else text.lower()
    if word == "fence":
        found = OnFail.FENCE if fencing_enabled else OnFail.STOP
    elif word == "restart-container":
        found = OnFail.RESTART_CONTAINER if resource.launcher is not None else None
    elif word is not None:
        found = _WORDS.get(word)
    dropped_connection = (
        resource.config.is_remote_connection and remote_node and not is_probe(task, interval_ms) and task != "start"
    )
    if dropped_connection and not resource.managed:
        found = None
    if found is not None:
        return found
    if resource.launcher is not None:
        return OnFail.RESTART_CONTAINER
    if dropped_connection:
        return OnFail.RESET_REMOTE if resource.managed else OnFail.STOP
    if task == "stop":
        return OnFail.FENCE if fencing_enabled else OnFail.BLOCK
    return OnFail.RESTART


def role_after_failure(resource: Resource, task: str, on_fail: OnFail) -> Role:
    """The role that the resource has next after a failure of the action."""
    if on_fail is OnFail.STOP:
        return Role.STOPPED
    if on_fail is OnFail.RESET_REMOTE and resource.config.remote_reconnect_ms:
        return Role.STOPPED
    return Role.UNPROMOTED if task == "promote" else Role.STARTED


def failure_policy(
    workspace: Workspace, resource: ResourceDraft, node: NodeDraft, entry: HistoryEntry
) -> tuple[OnFail, Role]:
    """What is configured to happen after the failure of this entry, and the role after it."""
    config = resource.config
    operation = find_operation(config.operations, entry.task, entry.interval_ms)
    meta = workspace.configuration.operations.meta(
        config, entry.task, entry.interval_ms, operation, node.attributes
    )
    connected = workspace.node_named(resource.id) if config.is_remote_connection else None
    on_fail = parse_on_fail(
        resource, entry.task, entry.interval_ms, meta.get("on-fail"),
        fencing_enabled=workspace.options.fencing_enabled,
        remote_node=connected is not None and connected.is_remote_node,
    )
    return on_fail, role_after_failure(resource, entry.task, on_fail)


def has_expired(
    workspace: Workspace, resource: ResourceDraft, node: NodeDraft, entry: HistoryEntry, rc: int, status: int
) -> bool:
    """Whether the entry's result no longer counts; on the way, failures that are all expired (or were of other
    parameters) are found to be cleared.
    """
    if status == ExecStatus.NOT_INSTALLED:
        return False
    is_last_failure = entry.id.endswith("_last_failure_0")
    if not is_last_failure and (
        not resource.failure_timeout_ms or (entry.found_nothing and not workspace.fail_counts(node))
    ):
        return False  # the common case: nothing can expire, nothing can be cleared
    expired = False
    unexpired_failures = 0
    changed_at = entry.last_rc_change
    if resource.failure_timeout_ms > 0 and changed_at is not None:
        timeout_s = whole_seconds(resource.failure_timeout_ms)
        expired = workspace.now_s >= changed_at + timeout_s and not _waits_for_fencing(workspace, resource, entry)
        unexpired_failures, last = _effective_fail_count(workspace, resource, node, entry)
        last += timeout_s + 1
        if unexpired_failures and workspace.now_s < last:
            workspace.recheck(last)

    reason = ""
    if expired:
        if _all_failures(workspace, resource, node, entry):
            if unexpired_failures:
                expired = False
            else:
                reason = "it expired"
        elif is_last_failure and resource.config.remote_reconnect_ms:
            reason = "reconnect interval is set"
    if not expired and is_last_failure and _parameters_changed(workspace, resource, node, entry):
        reason = "resource parameters have changed"
    if reason:
        _clear_failure(workspace, resource, node, reason)
    return expired and not (entry.is_probe and rc in _PLAIN_ANSWERS)


def _waits_for_fencing(workspace: Workspace, resource: ResourceDraft, entry: HistoryEntry) -> bool:
    """A failed connection with a reconnect interval stays failed until its node has been fenced."""
    if (
        not resource.config.remote_reconnect_ms or not workspace.options.fencing_enabled
        or entry.interval_ms == 0 or entry.task.lower() != "monitor"
    ):
        return False
    node = workspace.node_named(resource.id)
    return node is not None and not node.remote_fenced


def _all_failures(
    workspace: Workspace, resource: ResourceDraft, node: NodeDraft, entry: HistoryEntry | None
) -> int:
    """The fail count whether expired or not; a blocking failure ends all expiry."""
    found = fail_count(workspace.fail_counts(node), resource)
    if found.count > 0 and resource.failure_timeout_ms > 0:
        entries = (entry,) if entry is not None else ()
        if blocks(resource, entries):
            workspace.complain(
                f"Ignoring failure timeout for {resource.id} because it conflicts with on-fail=block"
            )
            resource.failure_timeout_ms = 0
    return found.count


def _effective_fail_count(
    workspace: Workspace, resource: ResourceDraft, node: NodeDraft, entry: HistoryEntry
) -> tuple[int, int]:
    """The fail count without what has expired, and when the last failure was."""
    _all_failures(workspace, resource, node, entry)
    found = fail_count(workspace.fail_counts(node), resource)
    if found.count <= 0 or is_expired(found, resource.failure_timeout_ms, workspace.now_s):
        return 0, 0
    return found.count, found.last_s


def _parameters_changed(
    workspace: Workspace, resource: ResourceDraft, node: NodeDraft, entry: HistoryEntry
) -> bool:
    """Whether a start or monitor failed with other parameters than those that are configured now."""
    if entry.task not in ("start", "monitor"):
        return False
    if needs_container_address(resource):
        workspace.findings.append(ParametersToCheck(resource, node.id, entry))
        return False
    match = workspace.digests.compare(workspace.configuration, resource, entry, node).match
    return match not in (DigestMatch.UNKNOWN, DigestMatch.MATCH)


def needs_container_address(resource: Resource) -> bool:
    """Whether the connection goes to wherever its bundle's container runs."""
    return (
        resource.config.is_remote_connection
        and resource.config.parameters().get("addr", "").lower() == "#uname"
    )


def _clear_failure(workspace: Workspace, resource: ResourceDraft, node: NodeDraft, reason: str) -> None:
    after = None
    if workspace.options.fencing_enabled and resource.config.remote_reconnect_ms:
        connected = workspace.node_named(resource.id)
        after = None if connected is None else connected.id
    workspace.findings.append(
        FailureCleared(
            resource, node.id, reason, after, optional=not resource.managed, runnable=workspace.is_runnable(node)
        )
    )
    if after is not None:
        # The order is one after fencing, so that action is made here, whether it will be needed or not.
        workspace.findings.append(FencingNeeded(after, ""))
