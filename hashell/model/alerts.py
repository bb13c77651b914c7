"""Alerts: who is told of what happens in the cluster.

Source: Pacemaker Explained, "Alerts".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Kinds that are sent where no `select` says otherwise (attributes are not).
DEFAULT_KINDS = frozenset({"nodes", "fencing", "resources"})


@dataclass(frozen=True, slots=True)
class AlertRecipient:
    """One recipient; where its own sets say nothing, those of the alert hold."""

    id: str
    value: str
    timeout_ms: int = 30_000
    timestamp_format: str = "%H:%M:%S.%06N"
    enabled: bool = True
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlertConfig:
    """An agent at `path`, called once for each recipient, or once without one. `attributes` empty
    means all of them.
    """

    id: str
    path: str
    kinds: frozenset[str] = DEFAULT_KINDS
    attributes: tuple[str, ...] = ()
    recipients: tuple[AlertRecipient, ...] = ()
    timeout_ms: int = 30_000
    timestamp_format: str = "%H:%M:%S.%06N"
    enabled: bool = True
    parameters: Mapping[str, str] = field(default_factory=dict)
