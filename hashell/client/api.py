"""`ClusterClient`: what every kind of cluster can be asked. Blocking, with a timeout on every call.

Shell and monitor call it from a worker thread; a one-shot command calls it directly and never imports asyncio.
What a kind cannot do raises `Unsupported` with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from hashell.errors import Refused

if TYPE_CHECKING:
    # A command on a file starts without what goes over the wire.
    from hashell.cib.document import Cib
    from hashell.wire.messages import Change, EventInfo, HistoryRow, Info


class Unsupported(Refused):
    id = "unsupported"


class ReadOnly(Refused):
    """A change of what is only looked at. Scripts tell it from other refusals by Pacemaker's own code for missing
    rights."""

    id = "read-only"
    exit_code = 4


class ClusterClient(Protocol):
    """One cluster. `kind` is hashelld, file, pacemaker or memory; `where` names it for people (socket, path)."""

    kind: str
    where: str
    read_only: bool

    def cib(self) -> Cib:
        """The CIB as it is now."""
        ...

    def info(self) -> Info:
        """Members, quorum, DC. A file answers from what its CIB says."""
        ...

    def apply(self, changes: Sequence[Change], *, command: str = "", message: str = "") -> str:
        """Commit changes, all or none; the new version. Raises Conflict, Refused, NoQuorum, ReadOnly, TimedOut."""
        ...

    def set_attribute(self, node: str, name: str, value: str | None) -> None:
        """A transient attribute; None removes it."""
        ...

    def clean_up(
        self, resource: str = "", node: str = "", *, task: str = "", interval_ms: int = -1,
        refresh: bool = False,
    ) -> str:
        """Forget failures, or with `refresh` the whole history; what was done, for people."""
        ...

    def fail_resource(self, resource: str, node: str) -> str: ...

    def fence(self, node: str, action: str = "reboot", *, confirm: bool = False) -> str: ...

    def forget_fencing(self, node: str = "") -> str:
        """Forget what is over in the fencing history, of one node or of all."""
        ...

    def set_secret(self, resource: str, name: str, value: str | None) -> str:
        """A parameter's value that no CIB holds, on all nodes; None forgets it."""
        ...

    def get_secret(self, resource: str, name: str) -> str | None: ...

    def stop_node(self, node: str = "") -> str: ...

    def forget_node(self, node: str) -> str: ...

    def wait_idle(self, timeout_s: float) -> None:
        """Until nothing is to do. Raises TimedOut."""
        ...

    def events(self, limit: int = 200) -> tuple[EventInfo, ...]: ...

    def history(self, limit: int = 100) -> tuple[HistoryRow, ...]: ...

    def version(self, version: str) -> Cib:
        """A kept version of the configuration. Raises NotFound."""
        ...

    def close(self) -> None: ...
