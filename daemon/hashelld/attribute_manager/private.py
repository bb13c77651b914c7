"""Private attributes: known to all nodes, in no CIB; they end with the cluster, not with a node's membership. Pure.

Source: attrd_updater(8), --private.
"""

from __future__ import annotations

import msgspec

#: Values that are kept; more means that somebody makes names without end.
VALUES_MAX = 10_000


class Change(msgspec.Struct, frozen=True, array_like=True):
    """One value of one node, as an ordered message; None removes it."""

    node: str
    name: str
    value: str | None


class Private:
    """All private values, the same on all nodes: they change by ordered messages alone."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, str]] = {}

    def get(self, node: str, name: str) -> str | None:
        return self._values.get(name, {}).get(node)

    def of(self, name: str) -> dict[str, str]:
        """Node → value."""
        return dict(self._values.get(name, {}))

    def apply(self, payload: bytes) -> None:
        """Take changes over. Raises msgspec.MsgspecError."""
        for change in msgspec.msgpack.decode(payload, type=tuple[Change, ...]):
            if change.value is None:
                self._values.get(change.name, {}).pop(change.node, None)
            elif sum(len(one) for one in self._values.values()) < VALUES_MAX:
                self._values.setdefault(change.name, {})[change.node] = change.value

    def encode(self) -> bytes:
        """All values as changes, for nodes that join; empty when there are none."""
        found = [
            Change(node, name, value) for name, values in self._values.items() for node, value in values.items()
        ]
        return msgspec.msgpack.encode(found) if found else b""
