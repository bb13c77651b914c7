"""A cluster in memory: for tests of what stands on a client. It passes the same tests as the real kinds."""

from __future__ import annotations

import time
from collections.abc import Sequence

from hashell.cib.document import Cib
from hashell.client import offline
from hashell.errors import NotFound
from hashell.wire.messages import Change, EventInfo, HistoryRow, Info

#: Versions and events kept; older ones go.
KEPT_MAX = 1_000


class MemoryClient:
    """Holds a CIB, every version of it, and the list `asked` of everything else that it was told to do."""

    kind = "memory"

    def __init__(
        self, cib: Cib | bytes | str | None = None, *, info: Info | None = None,
        read_only: bool = False, where: str = "memory", user: str = "tester",
    ) -> None:
        if cib is None:
            cib = Cib.empty()
        self._cib = cib if isinstance(cib, Cib) else Cib.parse(cib)
        self._info = info
        self._versions: dict[str, Cib] = {}
        self._rows: list[HistoryRow] = []
        self._events: list[EventInfo] = []
        self._secrets: dict[tuple[str, str], str | None] = {}
        self._user = user
        self.where = where
        self.read_only = read_only
        self.closed = False
        self.asked: list[tuple[str, ...]] = []
        self._keep("", "")

    def _keep(self, command: str, message: str) -> None:
        version = str(self._cib.version)
        self._versions[version] = self._cib
        self._rows.append(HistoryRow(version, time.time(), self._user, "", command, message))
        if len(self._rows) > KEPT_MAX:
            self._versions.pop(self._rows.pop(0).version, None)

    def cib(self) -> Cib:
        return self._cib

    def info(self) -> Info:
        return self._info or offline.info_of(self._cib)

    def apply(self, changes: Sequence[Change], *, command: str = "", message: str = "") -> str:
        offline.refuse_read_only(self.read_only, self.where)
        before = self._cib
        after = offline.changed(before, changes)
        if after is not before:
            self._cib = after
            if after.version.num_updates == 0:
                self._keep(command, message)
        return str(after.version)

    def happened(self, kind: str, text: str, *about: str, level: str = "info") -> None:
        """Add an event, as a daemon would."""
        number = self._events[-1].number + 1 if self._events else 1
        self._events.append(EventInfo(number, time.time(), "", kind, level, text, about))
        del self._events[:-KEPT_MAX]

    def set_attribute(self, node: str, name: str, value: str | None) -> None:
        self.apply([offline.attribute_change(self._cib, node, name, value)])

    def clean_up(
        self, resource: str = "", node: str = "", *, task: str = "", interval_ms: int = -1,
        refresh: bool = False,
    ) -> str:
        """Drop the failed entries (with `refresh` all) and the fail counts from the status section."""
        offline.refuse_read_only(self.read_only, self.where)
        self.asked.append(("refresh" if refresh else "clean_up", resource, node, task, str(interval_ms)))
        changes: list[Change] = []
        for history in self._cib.root.iterfind("status/node_state/lrm/lrm_resources/lrm_resource"):
            state = history.getparent().getparent().getparent()  # type: ignore[union-attr]
            here = state.get("uname", "") if state is not None else ""
            id = history.get("id", "")
            if (resource and id != resource) or (node and here != node):
                continue
            at = f'/cib/status/node_state[@uname="{here}"]'
            failed = any(
                entry.get("rc-code") not in ("0", "7", "8") for entry in history.iterfind("lrm_rsc_op")
            )
            if refresh or failed:
                changes.append(Change("delete", path=f'{at}//lrm_resource[@id="{id}"]'))
            for pair in state.iterfind("transient_attributes/instance_attributes/nvpair"):  # type: ignore[union-attr]
                name = pair.get("name", "")
                if name.startswith((f"fail-count-{id}#", f"last-failure-{id}#")):
                    changes.append(Change("delete", path=f'{at}//nvpair[@name="{name}"]'))
        if changes:
            self.apply(changes)
        return f"Cleaned up {resource or 'all resources'} on {node or 'all nodes'}"

    def fail_resource(self, resource: str, node: str) -> str:
        return self._ask("fail_resource", resource, node)

    def fence(self, node: str, action: str = "reboot", *, confirm: bool = False) -> str:
        return self._ask("fence", node, action, "confirm" if confirm else "")

    def forget_fencing(self, node: str = "") -> str:
        return self._ask("forget_fencing", node)

    def set_secret(self, resource: str, name: str, value: str | None) -> str:
        self._secrets[resource, name] = value
        return self._ask("set_secret", resource, name)

    def get_secret(self, resource: str, name: str) -> str | None:
        return self._secrets.get((resource, name))

    def stop_node(self, node: str = "") -> str:
        return self._ask("stop_node", node)

    def forget_node(self, node: str) -> str:
        known = {element.get("uname") for element in self._cib.root.iterfind("configuration/nodes/node")}
        if node not in known:
            raise NotFound(f"no node is called {node!r}")
        return self._ask("forget_node", node)

    def _ask(self, *what: str) -> str:
        offline.refuse_read_only(self.read_only, self.where)
        self.asked.append(what)
        return ""

    def wait_idle(self, timeout_s: float) -> None:
        """Nothing ever goes on here."""
        self.asked.append(("wait_idle", str(timeout_s)))

    def events(self, limit: int = 200) -> tuple[EventInfo, ...]:
        return tuple(self._events[-limit:]) if limit > 0 else ()

    def history(self, limit: int = 100) -> tuple[HistoryRow, ...]:
        return tuple(reversed(self._rows[-limit:])) if limit > 0 else ()

    def version(self, version: str) -> Cib:
        try:
            return self._versions[version]
        except KeyError:
            raise NotFound(
                f"version {version} is not kept", "the history lists those that are"
            ) from None

    def close(self) -> None:
        self.closed = True
