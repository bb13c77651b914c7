"""Results: what each entry of the history says of a resource: its role, and what must happen because it failed.

Entries are read oldest first; `Outcome` carries from one to the next what failures so far ask for.

Source: lib/pengine/unpack.c, unpack_rsc_op.
"""

from __future__ import annotations

from msgspec import Struct

from hashell.model.cluster_options import ClusterOptions
from hashell.model.operations import OnFail
from hashell.state.failures import failure_policy, has_expired
from hashell.state.history import HistoryEntry
from hashell.state.migrations import migrate_from_failed, migrate_to_failed, migrate_to_succeeded
from hashell.state.resources import Resource
from hashell.state.workspace import NodeDraft, ResourceDraft, Workspace
from hashell.values.integers import leading_integer
from hashell.values.outcomes import ExecStatus, OcfCode
from hashell.values.roles import Role
from hashell.values.scores import INFINITY

#: Operations that say anything of a resource's state.
_TELLING = frozenset({
    "monitor", "start", "stop", "promote", "demote", "migrate_to", "migrate_from", "asyncmon",
})
_INACTIVE = (Role.UNKNOWN, Role.STOPPED)
_HARD_ERRORS = frozenset({OcfCode.NOT_INSTALLED, OcfCode.INVALID_PARAM, OcfCode.INSUFFICIENT_PRIV})
_STATUS_MAX = max(ExecStatus)
_RC_MAX = 255


class Outcome(Struct):
    """What the entries so far come to: the strictest wish of a failure, and the failure that was read last."""

    on_fail: OnFail = OnFail.IGNORE
    last_failure: HistoryEntry | None = None


class _Result(Struct):
    """An entry with its result as it is to be understood."""

    entry: HistoryEntry
    status: int
    rc: int


def read_entry(
    workspace: Workspace, resource: ResourceDraft, node: NodeDraft, entry: HistoryEntry, outcome: Outcome
) -> HistoryEntry:
    """What an entry says of the resource on the node; returns the entry, noted as rescheduled if it is."""
    if not _makes_sense(workspace, resource, node, entry):
        return entry
    assert entry.status is not None
    assert entry.rc is not None
    if entry.found_nothing and not has_expired(workspace, resource, node, entry, entry.rc, entry.status):
        resource.role = Role.STOPPED
        outcome.on_fail = OnFail.IGNORE
        resource.next_role = Role.UNKNOWN
        return entry
    result = _Result(entry, entry.status, entry.rc)
    expired = has_expired(workspace, resource, node, entry, result.rc, result.status)
    _reinterpret(workspace, resource, node, result, outcome, expired=expired)
    if expired:
        done, entry = _drop_expired(resource, node, result)
        if done:
            return entry
    if entry.is_masked_failure and not resource.is_bundled:
        _mask_probe_failure(workspace, resource, node, result, outcome)
        return entry
    match result.status:
        case ExecStatus.PENDING:
            _read_pending(workspace, resource, node, entry, outcome)
            return entry
        case ExecStatus.DONE:
            _update_role(workspace, resource, node, entry, result.rc, outcome)
            return entry
        case ExecStatus.NOT_INSTALLED:
            _agent_missing(workspace, resource, node, result, outcome)
            return entry
        case ExecStatus.NOT_CONNECTED:
            if node.is_remote and node.remote is not None and node.remote.managed:
                assert isinstance(node.remote, ResourceDraft)
                node.remote.failed = node.remote.stop_if_failed = True
    _read_failure(workspace, resource, node, result, outcome)
    return entry


def _makes_sense(workspace: Workspace, resource: ResourceDraft, node: NodeDraft, entry: HistoryEntry) -> bool:
    if entry.task in _TELLING and entry.status in (0, 4) and entry.id and entry.rc is not None and entry.rc <= _RC_MAX:
        return True
    ignoring = f"Ignoring resource history entry {entry.id} for {resource.id} on {node.name}"
    if not entry.id:
        workspace.complain(f"Ignoring resource history entry for {resource.id} on {node.name} without ID")
        return False
    if not entry.task:
        workspace.complain(f"{ignoring} without operation")
        return False
    if entry.task not in _TELLING:
        return False
    status, rc = entry.status, entry.rc
    if status is None or not ExecStatus.PENDING <= status <= _STATUS_MAX or status == ExecStatus.CANCELLED:
        workspace.complain(f"{ignoring} with invalid op-status '{entry.get('op-status') or ''}'")
        return False
    if rc is None or not 0 <= rc <= _RC_MAX:
        workspace.complain(f"{ignoring} with invalid rc-code '{entry.get('rc-code') or ''}'")
        return False
    return True


def _reinterpret(
    workspace: Workspace, resource: ResourceDraft, node: NodeDraft, result: _Result, outcome: Outcome, *, expired: bool
) -> None:
    """Understand a result by what was expected; degraded counts as well, a probe's finding as no failure."""
    entry = result.entry
    if result.rc in (OcfCode.DEGRADED, OcfCode.DEGRADED_PROMOTED):
        result.rc = OcfCode.OK if result.rc == OcfCode.DEGRADED else OcfCode.RUNNING_PROMOTED
        if not expired and (not node.shutdown or node.online):
            _record_failure(workspace, resource, node, entry)
    if entry.is_masked_failure and not resource.is_bundled:
        result.status, result.rc = ExecStatus.DONE, OcfCode.NOT_RUNNING
    if result.status in (ExecStatus.NO_FENCE_DEVICE, ExecStatus.NO_SECRETS):
        result.status = ExecStatus.ERROR_HARD
        return
    if result.status not in (ExecStatus.DONE, ExecStatus.ERROR):
        return

    probe, wanted, rc = entry.is_probe, entry.target_rc, result.rc
    if wanted < 0:
        result.status = ExecStatus.ERROR
        workspace.complain(
            f"Expected result not found for {entry.key} on {node.name} (corrupt or obsolete CIB?)"
        )
    else:
        result.status = ExecStatus.DONE if rc == wanted else ExecStatus.ERROR
    match rc:
        case OcfCode.OK:
            if probe and wanted == OcfCode.NOT_RUNNING:
                result.status = ExecStatus.DONE
        case OcfCode.NOT_RUNNING:
            if probe or wanted == rc or not resource.managed:
                result.status = ExecStatus.DONE
                resource.role = Role.STOPPED
                outcome.on_fail = OnFail.IGNORE
                resource.next_role = Role.UNKNOWN
        case OcfCode.RUNNING_PROMOTED:
            if probe and rc != wanted:
                result.status = ExecStatus.DONE
            if not expired or rc == wanted:
                resource.role = Role.PROMOTED
        case OcfCode.FAILED_PROMOTED:
            if not expired:
                resource.role = Role.PROMOTED
            result.status = ExecStatus.ERROR
        case OcfCode.NOT_CONFIGURED:
            result.status = ExecStatus.ERROR_FATAL
        case OcfCode.UNIMPLEMENT_FEATURE:
            if entry.interval_ms:
                result.status = ExecStatus.NOT_SUPPORTED
            else:
                _block_if_stuck(workspace, resource, node, entry, expired=expired)
                result.status = ExecStatus.ERROR_HARD
        case _ if rc in _HARD_ERRORS:
            _block_if_stuck(workspace, resource, node, entry, expired=expired)
            result.status = ExecStatus.ERROR_HARD
        case _:
            if result.status == ExecStatus.DONE:
                result.status = ExecStatus.ERROR


def _block_if_stuck(
    workspace: Workspace, resource: ResourceDraft, node: NodeDraft, entry: HistoryEntry, *, expired: bool
) -> None:
    """A stop that failed for good, on a node that cannot be fenced, leaves nothing that could be done."""
    if not expired and entry.task == "stop" and not workspace.can_fence(node):
        resource.managed = False
        resource.blocked = True


def _drop_expired(resource: ResourceDraft, node: NodeDraft, result: _Result) -> tuple[bool, HistoryEntry]:
    """Whether an expired result needs no more thought."""
    entry = result.entry
    if entry.is_masked_failure and not resource.is_bundled and entry.rc != entry.target_rc:
        if resource.role in _INACTIVE:
            resource.role = Role.UNKNOWN
        return True, entry
    if result.rc == entry.target_rc:
        return False, entry  # only failures expire
    if entry.interval_ms == 0:
        return True, entry
    if node.online and not node.unclean:
        return True, entry._replace(rescheduled=True)
    return False, entry


def _mask_probe_failure(
    workspace: Workspace, resource: ResourceDraft, node: NodeDraft, result: _Result, outcome: Outcome
) -> None:
    """A probe that could not work counts as "not running", and the resource is kept off the node."""
    _update_role(workspace, resource, node, result.entry, result.entry.target_rc, outcome)
    _record_failure(workspace, resource, node, result.entry)
    banned = resource if resource.unique else _top(resource)
    workspace.change_score(banned, node, -INFINITY, "masked-probe-failure")


def _top(resource: ResourceDraft) -> ResourceDraft:
    top = resource.top
    assert isinstance(top, ResourceDraft)
    return top


def _set_active(resource: ResourceDraft) -> None:
    resource.role = Role.UNPROMOTED if resource.top.promotable else Role.STARTED


def _update_role(
    workspace: Workspace, resource: ResourceDraft, node: NodeDraft, entry: HistoryEntry, rc: int, outcome: Outcome
) -> None:
    """The role after an operation that ended with `rc`; some successes put an end to earlier failures."""
    past_is_past = False
    task = entry.task
    if rc == OcfCode.NOT_INSTALLED or (entry.is_masked_failure and not resource.is_bundled):
        resource.role = Role.STOPPED
    elif rc == OcfCode.NOT_RUNNING:
        past_is_past = True
    elif task == "monitor":
        past_is_past = outcome.last_failure is not None and entry.key == outcome.last_failure.key
        if resource.role in _INACTIVE:
            _set_active(resource)
    elif task in ("start", "migrate_from"):
        resource.role = Role.STARTED
        past_is_past = True
    elif task == "stop":
        resource.role = Role.STOPPED
        past_is_past = True
    elif task == "promote":
        resource.role = Role.PROMOTED
        past_is_past = True
    elif task == "demote":
        past_is_past = outcome.on_fail is OnFail.DEMOTE
        resource.role = Role.UNPROMOTED
    elif task == "migrate_to":
        migrate_to_succeeded(workspace, resource, node, entry)
    elif resource.role in _INACTIVE:
        _set_active(resource)
    if past_is_past:
        _forgive(resource, outcome)


def _forgive(resource: ResourceDraft, outcome: Outcome) -> None:
    if outcome.on_fail in (OnFail.STOP, OnFail.BAN, OnFail.STANDBY, OnFail.FENCE):
        return
    if outcome.on_fail is OnFail.RESET_REMOTE and resource.config.remote_reconnect_ms:
        return
    outcome.on_fail = OnFail.IGNORE
    resource.next_role = Role.UNKNOWN


def _read_pending(
    workspace: Workspace, resource: ResourceDraft, node: NodeDraft, entry: HistoryEntry, outcome: Outcome
) -> None:
    """An operation that is under way."""
    if _failed_meanwhile(entry, outcome.last_failure):
        return
    if entry.task == "start":
        resource.start_pending = True
        _set_active(resource)
    elif entry.task == "promote":
        resource.role = Role.PROMOTED
    elif entry.task == "migrate_to" and node.unclean:
        target = workspace.node_named(entry.get("migrate_target"))
        if target is not None:
            workspace.act(resource, "stop", target)
    if resource.pending_task is None and not entry.is_probe:
        resource.pending_task = entry.task
        resource.pending_on = node.id


def _failed_meanwhile(entry: HistoryEntry, failure: HistoryEntry | None) -> bool:
    """Whether a recurring operation that looks pending has failed since."""
    if failure is None or failure.task != entry.task or failure.get("interval") is None:
        return False
    if failure.interval_ms != entry.interval_ms:
        return False
    began, failed = entry.get("last-rc-change"), failure.get("last-rc-change")
    return (_number(failed) or 0) >= (_number(began) or 0)


def _number(text: str | None) -> int | None:
    return leading_integer(text)


def _agent_missing(
    workspace: Workspace, resource: ResourceDraft, node: NodeDraft, result: _Result, outcome: Outcome
) -> None:
    on_fail, role = failure_policy(workspace, resource, node, result.entry)
    if on_fail is OnFail.IGNORE:
        outcome.on_fail = OnFail.BAN  # it cannot be ignored that there is no agent
    banned = resource if resource.unique else _top(resource)
    workspace.change_score(banned, node, -INFINITY, "hard-error")
    _fail(workspace, resource, node, result, on_fail, role, outcome)


def _read_failure(
    workspace: Workspace, resource: ResourceDraft, node: NodeDraft, result: _Result, outcome: Outcome
) -> None:
    """A failed operation, to be handled as configured."""
    entry = result.entry
    on_fail, role = failure_policy(workspace, resource, node, entry)
    if on_fail is OnFail.IGNORE or (on_fail is OnFail.RESTART_CONTAINER and entry.task == "stop"):
        _update_role(workspace, resource, node, entry, entry.target_rc, outcome)
        resource.ignore_failure = True
        _record_failure(workspace, resource, node, entry)
        if on_fail is OnFail.RESTART_CONTAINER and outcome.on_fail <= OnFail.RESTART:
            outcome.on_fail = on_fail
        return
    _fail(workspace, resource, node, result, on_fail, role, outcome)
    banned = resource if resource.unique else _top(resource)
    if result.status == ExecStatus.ERROR_HARD:
        workspace.change_score(banned, node, -INFINITY, "hard-error")
    elif result.status == ExecStatus.ERROR_FATAL:
        workspace.change_score(banned, None, -INFINITY, "fatal-error")


def _fail(
    workspace: Workspace,
    resource: ResourceDraft,
    node: NodeDraft,
    result: _Result,
    on_fail: OnFail,
    role: Role,
    outcome: Outcome,
) -> None:
    """The resource's role after a failure, and what the failure itself forbids."""
    entry = result.entry
    outcome.last_failure = entry
    if _is_worth_recording(workspace.options, result):
        _record_failure(workspace, resource, node, entry)
    outcome.on_fail = max(outcome.on_fail, on_fail)
    match entry.task:
        case "stop":
            workspace.change_score(resource, node, -INFINITY, "__stop_fail__")
        case "migrate_to":
            migrate_to_failed(workspace, resource, node, entry)
        case "migrate_from":
            migrate_from_failed(workspace, resource, node, entry)
        case "promote":
            resource.role = Role.PROMOTED
        case "demote":
            if on_fail is OnFail.BLOCK:
                resource.role = Role.PROMOTED
                resource.next_role = Role.STOPPED
            elif result.rc == OcfCode.NOT_RUNNING:
                resource.role = Role.STOPPED
            else:
                # Left as promoted it would be demoted for ever; recovery stops it anyway.
                resource.role = Role.UNPROMOTED
    if entry.is_probe and result.rc == OcfCode.NOT_INSTALLED:
        resource.role = Role.STOPPED
    elif resource.role in _INACTIVE:
        _set_active(resource)
    if role is not Role.STARTED and resource.next_role.rank < role.rank:
        resource.next_role = role
    if role is Role.STOPPED:
        banned: Resource = resource.top
        if resource.parent is None or not banned.is_anonymous_clone:
            banned = resource
        assert isinstance(banned, ResourceDraft)
        workspace.ban_everywhere(banned)


def _is_worth_recording(options: ClusterOptions, result: _Result) -> bool:
    """In an opt-in cluster it is no news that an agent is missing somewhere."""
    return options.symmetric_cluster or result.rc != OcfCode.NOT_INSTALLED


def _record_failure(workspace: Workspace, resource: ResourceDraft, node: NodeDraft, entry: HistoryEntry) -> None:
    """List the entry among the failed operations, once, if the node is online."""
    if node.online:
        key = (entry.key, node.name.lower())
        if key not in workspace.failed:
            workspace.failed[key] = entry._replace(node=node.name, resource=resource.id)
