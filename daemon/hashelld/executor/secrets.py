"""Secrets: values of parameters that no CIB holds; there `lrm://` stands for them. Pure.

All nodes keep the same: they change by ordered messages alone, each node stores them (readable by its user alone), and
those who join are told. They are put in place of `lrm://` only in what an agent is given.
Source: Pacemaker's cibsecret(8), and lib/common/cib_secrets.c for the mark.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

#: What stands in the CIB for a secret.
MARK = "lrm://"
#: Under which name the storage keeps them.
KEPT = "secrets"
SECRETS_MAX, VALUE_MAX = 1000, 64 * 1024


class MissingSecret(Exception):
    """A parameter is a secret that this node does not know."""


class Change(msgspec.Struct, frozen=True, array_like=True):
    """One secret, as an ordered message; None forgets it."""

    resource: str
    name: str
    value: str | None

    def __repr__(self) -> str:
        return f"Change({self.resource!r}, {self.name!r}, …)"


class Secrets:
    """What this node knows. `kept` is what an earlier life stored; what cannot be read is forgotten."""

    def __init__(self, kept: bytes = b"") -> None:
        self._values: dict[str, dict[str, str]] = {}
        if kept:
            try:
                self._values = msgspec.msgpack.decode(kept, type=dict[str, dict[str, str]])
            except (msgspec.DecodeError, msgspec.ValidationError):
                self._values = {}

    def __repr__(self) -> str:
        return f"Secrets({len(self._values)} resources)"

    def get(self, resource: str, name: str) -> str | None:
        return self._values.get(resource, {}).get(name)

    def apply(self, payload: bytes) -> bool:
        """Take changes over; whether there were any. Raises msgspec.MsgspecError."""
        before = {resource: dict(values) for resource, values in self._values.items()}
        for change in msgspec.msgpack.decode(payload, type=tuple[Change, ...]):
            values = self._values.setdefault(change.resource, {})
            if change.value is None:
                values.pop(change.name, None)
            elif len(values) < SECRETS_MAX and len(change.value) <= VALUE_MAX:
                values[change.name] = change.value
            if not values:
                del self._values[change.resource]
        return self._values != before

    def put_in(self, resource: str, parameters: Mapping[str, str]) -> dict[str, str]:
        """Parameters with secrets in place of their marks. Raises MissingSecret."""
        found = dict(parameters)
        for name, value in parameters.items():
            if value == MARK:
                # An instance of a clone uses the secrets of its resource.
                secret = self.get(resource.partition(":")[0], name)
                if secret is None:
                    raise MissingSecret(f"the secret {name} of {resource} is not known on this node")
                found[name] = secret
        return found

    def encode(self) -> bytes:
        """For the storage."""
        return msgspec.msgpack.encode(self._values)

    def as_changes(self) -> bytes:
        """For nodes that join; empty when there are none."""
        found = [
            Change(resource, name, value)
            for resource, values in self._values.items() for name, value in values.items()
        ]
        return msgspec.msgpack.encode(found) if found else b""
