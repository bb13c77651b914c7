"""Agent names: class:provider:type, as the shells write them and the CIB splits them."""

from __future__ import annotations

from typing import Self

#: Classes whose agents come from a provider.
from msgspec import Struct

PROVIDED = frozenset({"ocf"})
CLASSES = ("ocf", "systemd", "lsb", "service", "stonith", "upstart", "nagios")


class AgentName(Struct, frozen=True, order=True):
    """Which program manages a resource; `provider` is empty except for OCF."""

    standard: str
    provider: str
    type: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """`ocf:heartbeat:IPaddr2`, `lsb:nginx`, `stonith:fence_ipmilan`; None when it is not of
        that form.

        A systemd unit may hold colons itself (`systemd:name@a:b`), so only OCF is split in three.
        """
        standard, colon, rest = text.partition(":")
        if not colon or not rest:
            return None
        if standard in PROVIDED:
            provider, colon, kind = rest.partition(":")
            if not colon or not provider or not kind:
                return None
            return cls(standard, provider, kind)
        return cls(standard, "", rest)

    def __str__(self) -> str:
        return ":".join(part for part in (self.standard, self.provider, self.type) if part)
