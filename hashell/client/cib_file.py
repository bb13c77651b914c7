"""A CIB file as a cluster that stands still: read, change, keep; nothing can be started, fenced or awaited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from hashell.cib.document import Cib
from hashell.client import offline
from hashell.client.api import ReadOnly, Unsupported

if TYPE_CHECKING:
    from hashell.wire.messages import Change, EventInfo, HistoryRow, Info


class FileClient:
    """Read at every call and written whole or not at all, so an editor beside us is noticed, not overwritten.

    `-` reads standard input once and cannot be written.
    """

    kind = "file"

    def __init__(self, path: str, *, read_only: bool = False) -> None:
        """Raises NotFound or BadXml at the first reading, which is now: a wrong name shows before any work is done."""
        self.where = path
        self.read_only = read_only or path == "-"
        self._from_stdin: Cib | None = None
        self._archive = False
        self.cib()
        if path != "-":
            from hashell.cib.files import is_archive

            self._archive = is_archive(path)
            self.read_only = self.read_only or self._archive

    def cib(self) -> Cib:
        from hashell.cib.files import load_cib

        if self.where != "-":
            return load_cib(self.where)
        if self._from_stdin is None:
            self._from_stdin = load_cib(self.where)
        return self._from_stdin

    def info(self) -> Info:
        return offline.info_of(self.cib(), warnings=(f"not a running cluster: read from {self.where}",))

    def apply(self, changes: Sequence[Change], *, command: str = "", message: str = "") -> str:
        from hashell.cib.files import save_cib

        if self._archive:
            raise ReadOnly(
                f"{self.where} is an archive, which is only read", "take its CIB out with `configure save xml FILE`"
            )
        offline.refuse_read_only(self.read_only, self.where)
        before = self.cib()
        after = offline.changed(before, changes)
        if after is not before:
            save_cib(self.where, after)
        return str(after.version)

    def set_attribute(self, node: str, name: str, value: str | None) -> None:
        self.apply([offline.attribute_change(self.cib(), node, name, value)])

    def clean_up(
        self, resource: str = "", node: str = "", *, task: str = "", interval_ms: int = -1,
        refresh: bool = False,
    ) -> str:
        self._refuse("forget failures")

    def fail_resource(self, resource: str, node: str) -> str:
        self._refuse("fail a resource")

    def fence(self, node: str, action: str = "reboot", *, confirm: bool = False) -> str:
        self._refuse("fence a node")

    def forget_fencing(self, node: str = "") -> str:
        self._refuse("forget the fencing history")

    def set_secret(self, resource: str, name: str, value: str | None) -> str:
        self._refuse("keep a secret")

    def get_secret(self, resource: str, name: str) -> str | None:
        self._refuse("tell a secret")

    def stop_node(self, node: str = "") -> str:
        self._refuse("stop a node")

    def forget_node(self, node: str) -> str:
        self._refuse("forget a node")

    def wait_idle(self, timeout_s: float) -> None:
        self._refuse("wait until all is done")

    def events(self, limit: int = 200) -> tuple[EventInfo, ...]:
        return ()

    def history(self, limit: int = 100) -> tuple[HistoryRow, ...]:
        self._refuse("keep a history")

    def version(self, version: str) -> Cib:
        self._refuse("keep earlier versions")

    def close(self) -> None:
        """Nothing is held open."""

    def _refuse(self, what: str) -> NoReturn:
        raise Unsupported(
            f"{self.where} is a file and cannot {what}", "attach to a running cluster for that"
        )
