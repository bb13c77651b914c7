"""Sealing: classes whose objects are written while they are read in, and frozen from then on.

Nodes and resources refer to each other in circles and change while the history is read; copying them all into frozen
ones in the end would cost more than the reading. So a *draft* is an object of a subclass that may be written, and
sealing it gives it the frozen class: the same object, read-only for everyone else.

A type checker takes the fields for writable (it cannot know when an object is sealed); writing to a sealed one
raises.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, cast, dataclass_transform

_Class = TypeVar("_Class", bound=type)


@dataclass_transform(eq_default=False, field_specifiers=(field,))
def sealable(cls: _Class) -> _Class:
    """A frozen, slotted dataclass that is compared by identity, and of which there can be drafts."""
    return cast(_Class, dataclass(slots=True, frozen=True, eq=False)(cls))
