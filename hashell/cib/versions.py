"""Versions: admin_epoch.epoch.num_updates, how they compare and what raises which.

Source: Pacemaker Explained, "CIB properties".
"""

from __future__ import annotations

from typing import Self

from lxml import etree
from msgspec import Struct
from msgspec.structs import replace


class Version(Struct, frozen=True, order=True):
    """Ordered; a change of the configuration raises `epoch`, one of the status `num_updates`."""

    admin_epoch: int = 0
    epoch: int = 0
    num_updates: int = 0

    @classmethod
    def of(cls, root: etree._Element) -> Self:
        """From the attributes of a `cib` element; what is missing or no number counts 0."""
        get = root.get
        try:
            return cls(int(get("admin_epoch") or 0), int(get("epoch") or 0), int(get("num_updates") or 0))
        except ValueError:
            return cls(*(_number(get(name)) for name in FIELDS))

    def write_to(self, root: etree._Element) -> None:
        """Set the three attributes of a `cib` element that the caller owns."""
        for name in FIELDS:
            root.set(name, str(getattr(self, name)))

    def after(self, *, configuration_changed: bool) -> Self:
        """The version that the next write gets."""
        if configuration_changed:
            return replace(self, epoch=self.epoch + 1, num_updates=0)
        return replace(self, num_updates=self.num_updates + 1)

    def __str__(self) -> str:
        return f"{self.admin_epoch}.{self.epoch}.{self.num_updates}"


FIELDS = ("admin_epoch", "epoch", "num_updates")


def _number(text: str | None) -> int:
    try:
        return int(text) if text else 0
    except ValueError:
        return 0
