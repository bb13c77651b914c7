"""Digests: recorded against configured parameters: same, reload or restart.

Source: lib/pengine/pe_digest.c; Pacemaker Explained, "Reloading an agent after a definition change".
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from msgspec import Struct, field

from hashell.cib.digest import digested, parameters_digest
from hashell.model.configuration import Configuration
from hashell.model.operations import find_operation
from hashell.model.options.fencing import is_fencing_parameter
from hashell.model.options.resource import HAS_FENCE_PARAMETERS
from hashell.rules.evaluate import compare_versions
from hashell.state.history import HistoryEntry
from hashell.state.nodes import Node
from hashell.state.resources import Resource
from hashell.values.feature_set import FEATURE_SET
from hashell.values.keys import operation_key

#: From this feature set on, the private digest is made of all parameters but the private ones.
_SECURE_SINCE = "3.16.0"
#: What counts as private where no agent has said.
_PRIVATE = ("passwd", "password", "user")
#: The task under which the digest of a fence device is kept; none is really called so.
FENCING_TASK = "stonith-on"


class DigestMatch(enum.StrEnum):
    """How recorded and configured parameters differ."""

    UNKNOWN = "unknown"
    MATCH = "match"
    MISMATCH = "mismatch"
    RESTART = "restart"


class OperationDigests(Struct):
    """The digests of an operation as configured now, and what the last comparison said.

    `match` is RESTART from the beginning where the operation has parameters of its own: a change of these cannot be
    reloaded.
    """

    match: DigestMatch
    all: str
    secure: str | None
    restart: str | None


class DigestCache(Struct):
    """Digests that were computed once. As in Pacemaker, the first history entry asked about decides which parameters
    count for a restart.
    """

    _digests: dict[tuple[str, str], OperationDigests] = field(default_factory=dict)

    def compare(
        self,
        configuration: Configuration,
        resource: Resource,
        entry: HistoryEntry,
        node: Node,
        *,
        address: str | None = None,
        secure: bool = False,
    ) -> OperationDigests:
        """How the parameters now differ from those that an entry was made with; `match` says it.

        `address` is where the container of a bundle's connection is or will be, for a connection whose address is
        "#uname".
        """
        digests = self._get(
            configuration, resource, entry.task, entry.interval_ms, node, entry, address=address, secure=secure
        )
        if None not in (digests.restart, entry.restart_digest) and digests.restart != entry.restart_digest:
            digests.match = DigestMatch.RESTART
        elif entry.digest is None:
            digests.match = DigestMatch.UNKNOWN
        elif entry.digest == digests.all:
            digests.match = DigestMatch.MATCH
        elif entry.interval_ms > 0 or digests.match is not DigestMatch.RESTART:
            digests.match = DigestMatch.MISMATCH
        return digests

    def fencing(self, configuration: Configuration, device: Resource, node: Node) -> OperationDigests:
        """Whether a node was unfenced with the device as it is configured now."""
        digests = self._get(configuration, device, FENCING_TASK, 0, node, None, address=None, secure=True)
        named = f"{device.id}:{device.config.type}"
        unfenced = node.attributes.get("#digests-all")
        unfenced_secure = node.attributes.get("#digests-secure", "")
        if unfenced is None:
            digests.match = DigestMatch.UNKNOWN
        elif f"{named}:{digests.all}" in unfenced or f"{named}:{digests.secure}" in unfenced_secure:
            digests.match = DigestMatch.MATCH
        else:
            digests.match = DigestMatch.MISMATCH
        return digests

    def _get(
        self,
        configuration: Configuration,
        resource: Resource,
        task: str,
        interval_ms: int,
        node: Node,
        entry: HistoryEntry | None,
        *,
        address: str | None,
        secure: bool,
    ) -> OperationDigests:
        key = (node.id, operation_key(resource.id, task, interval_ms))
        found = self._digests.get(key)
        if found is None:
            found = self._digests[key] = calculate(
                configuration, resource, task, interval_ms, node, entry, address=address, secure=secure
            )
        return found


def calculate(
    configuration: Configuration,
    resource: Resource,
    task: str,
    interval_ms: int,
    node: Node,
    entry: HistoryEntry | None,
    *,
    address: str | None = None,
    secure: bool = False,
) -> OperationDigests:
    """The digests of an operation as it is configured now, on a node."""
    config = resource.config
    parameters = config.parameters(node.attributes)
    named = {} if address is None else {"addr": address}
    operation = find_operation(config.operations, task, interval_ms)
    own = configuration.operations.parameters(operation, node.attributes)
    meta = configuration.operations.meta(config, task, interval_ms, operation, node.attributes)
    everything = digested({**_as_meta(meta), **own, **parameters, **named})

    match = DigestMatch.RESTART if interval_ms == 0 and own else DigestMatch.MATCH
    restart = None
    if entry is not None and entry.restart_digest is not None:
        forcing = entry.get("op-force-restart")
        counted = everything
        if forcing is not None:
            listed = forcing.split(" ")
            counted = {name: value for name, value in everything.items() if name in listed}
        restart = parameters_digest(counted)
    return OperationDigests(
        match, parameters_digest(everything),
        _secure_digest(configuration, resource, everything, parameters, entry) if secure else None, restart,
    )


def _secure_digest(
    configuration: Configuration,
    resource: Resource,
    everything: Mapping[str, str],
    parameters: Mapping[str, str],
    entry: HistoryEntry | None,
) -> str:
    version = (None if entry is None else entry.get("crm_feature_set")) or configuration.feature_set or FEATURE_SET
    private: tuple[str, ...] | list[str] = _PRIVATE
    if entry is not None:
        private = (entry.get("op-secure-params") or "").split(" ")
    if compare_versions(version, _SECURE_SINCE) >= 0:
        return parameters_digest({name: value for name, value in everything.items() if name not in private})
    counted = {name: value for name, value in parameters.items() if name not in private}
    if resource.config.standard.lower() in HAS_FENCE_PARAMETERS:
        counted = {name: value for name, value in counted.items() if not is_fencing_parameter(name)}
    counted = digested(counted)
    counted.pop("CRM_meta_timeout", None)
    return parameters_digest(counted)


def _as_meta(meta: Mapping[str, str]) -> dict[str, str]:
    """As they are given to agents; names that the cluster made up for itself are left out."""
    return {
        "CRM_meta_" + name.replace("-", "_"): value
        for name, value in meta.items() if "#" not in name and ":" not in name
    }
