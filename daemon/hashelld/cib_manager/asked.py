"""Asked: changes that this node asked for and that have not been answered yet; each is applied once and answered once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from hashell.cib.versions import Version
from hashell.errors import Conflict
from hashelld.cib_manager.messages import Operation, Position, Write
from hashelld.core.events import ChangeWanted, View

#: Changes of this node that may be under way; more are refused at once, their askers try again.
PENDING_MAX = 2_000
#: Bytes of one change: it must fit into a message between nodes.
WRITE_MAX = 6 * 1024 * 1024

#: Paths and elements that only the status section has; anything else counts as configuration and is journaled.
_STATUS_PATHS = ("status", "/cib/status", "//node_state", "//status", "//lrm", "//transient_attributes")
_STATUS_TAGS = (b"<node_state", b"<status", b"<tickets")


@dataclass(slots=True)
class Pending:
    """A change asked for on this node. `delivered`: it came back in the order of some view."""

    request: str
    write: Write
    delivered: bool = False


class Asked:
    """This life's changes, counted: (node, boot, counter) names each for ever."""

    def __init__(self, node: str, boot: int) -> None:
        self.node = node
        self.boot = boot
        self._counter = 0
        self._pending: OrderedDict[int, Pending] = OrderedDict()

    def refusal(self, event: ChangeWanted) -> tuple[str, str, str] | None:
        """Id, text and hint when a change cannot even be asked for."""
        size = sum(len(o.xml) + len(o.path) for o in event.operations)
        if size > WRITE_MAX:
            return "too-big", f"a change of {size} bytes", f"at most {WRITE_MAX}"
        if len(self._pending) >= PENDING_MAX:
            return (
                "busy", f"{len(self._pending)} changes of this node wait already", "try again in a moment"
            )
        return None

    def write_of(self, event: ChangeWanted, when_s: int, view: View | None) -> Write:
        """What goes to the members; `add` counts it."""
        operations = tuple(
            Operation(o.kind, o.xml, o.path, o.admin_epoch, o.epoch) for o in event.operations
        )
        author = event.author
        return Write(
            self.node, self.boot, 0, operations, author.user, author.node or self.node,
            author.command, author.message, when_s, status_only(operations),
            (view.number, view.proposer) if view and event.in_this_view else (0, ""),
        )

    def add(self, write: Write, request: str) -> Write:
        """The write with its number."""
        self._counter += 1
        write = msgspec.structs.replace(write, counter=self._counter)
        self._pending[self._counter] = Pending(request, write)
        return write

    def delivered(self, write: Write) -> None:
        """It came back in the order: the engine will not bring it again."""
        if (write.origin, write.boot) == (self.node, self.boot):
            pending = self._pending.get(write.counter)
            if pending:
                pending.delivered = True

    def request(self, write: Write | None) -> str:
        """Who waits for this write here; empty for nobody."""
        if write is None or (write.origin, write.boot) != (self.node, self.boot):
            return ""
        pending = self._pending.get(write.counter)
        return pending.request if pending else ""

    def take(self, write: Write) -> Pending | None:
        """What waits for this write here, once."""
        if write.origin != self.node or write.boot != self.boot:
            return None
        return self._pending.pop(write.counter, None)

    def take_delivered(self, held: set[tuple[str, int, int]]) -> Iterator[Pending]:
        """Those that were delivered in an earlier view and are not `held`; they are no longer counted as asked."""
        for counter, pending in list(self._pending.items()):
            if pending.delivered and (self.node, self.boot, counter) not in held:
                del self._pending[counter]
                yield pending


def status_only(operations: tuple[Operation, ...]) -> bool:
    """Whether a change is sure to touch nothing but the status section (then no disk is waited for)."""
    return all(_in_status(operation) for operation in operations)


def _in_status(operation: Operation) -> bool:
    if operation.path:
        if "|" not in operation.path:
            return operation.path.startswith(_STATUS_PATHS)
        # A union of paths is in the status section when each of them is.
        parts = [part.strip() for part in operation.path.split("|")]
        return all(part.startswith(_STATUS_PATHS) for part in parts)
    return operation.xml.lstrip().startswith(_STATUS_TAGS)


def check_view(write: Write, position: Position) -> None:
    """Raises Conflict when a write was ordered in another view than the one in which it is true."""
    if write.view not in ((0, ""), (position.view, position.proposer)):
        raise Conflict(f"the change was made for view {write.view[0]}, this is {position.view}", "look again")


def check_epochs(version: Version, write: Write) -> None:
    """Raises Conflict when an operation was made for another configuration than that of `version`."""
    for operation in write.operations:
        wanted = (operation.admin_epoch, operation.epoch)
        have = (version.admin_epoch, version.epoch)
        if operation.epoch >= 0 and (wanted if wanted[0] >= 0 else (have[0], wanted[1])) != have:
            raise Conflict(
                f"the configuration is at {have[0]}.{have[1]}, the change was made for"
                f" {max(0, wanted[0])}.{wanted[1]}", "look at it again and repeat the change",
            )


def stamp(write: Write) -> dict[str, str]:
    """Who wrote when, as Pacemaker notes it in <cib>; the same on every node because the asker says the time."""
    return {
        "cib-last-written": _written(write.when_s),
        "update-origin": write.node, "update-client": (write.command or "hashell").split(" ")[0],
        "update-user": write.user or "root",
    }


@lru_cache(maxsize=16)
def _written(when_s: int) -> str:
    return datetime.fromtimestamp(when_s, UTC).strftime("%a %b %e %H:%M:%S %Y")
