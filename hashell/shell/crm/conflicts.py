"""`cib conflicts`: changes that a partition had made when another history won, and what a person does about them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hashell.errors import BadUsage, NotFound, Refused

if TYPE_CHECKING:
    from hashell.client.daemon import DaemonClient
    from hashell.shell.session import Session
    from hashell.wire.messages import Divergence


def conflicts(session: Session, words: list[str]) -> int:
    verb, name = (words[0] if words else "list"), words[1] if len(words) > 1 else ""
    if verb == "list":
        return _list(session)
    if not name:
        raise BadUsage(f"conflicts {verb} needs the name of one", "see: cib conflicts")
    client = _client(session)
    found = client.divergence(_full_name(client, name))
    if verb == "show":
        return _show(session, found, xml="xml" in words[2:])
    if verb == "apply":
        return _apply(session, client, found)
    client.drop_divergence(found.row.name)
    session.err(f"INFO: {found.row.name} is forgotten")
    return 0


def _client(session: Session) -> DaemonClient:
    from hashell.client.daemon import DaemonClient

    client = session.client
    if not isinstance(client, DaemonClient):
        raise NotFound("only a running cluster has conflicts", "attach to a daemon")
    return client


def _full_name(client: DaemonClient, name: str) -> str:
    """A name may be shortened, and `last` is the newest."""
    names = [row.name for row in client.divergences()]
    if name == "last" and names:
        return names[0]
    close = [one for one in names if one.startswith(name)]
    return close[0] if len(close) == 1 else name


def _list(session: Session) -> int:
    rows = _client(session).divergences()
    for row in rows:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.when_s))
        count = f"{row.changes} change{'' if row.changes == 1 else 's'}"
        session.out(
            f"{row.name}  {when}  {count} of {row.node or 'this node'} up to version {row.version or '?'};"
            f" {row.winner or 'another history'} won with {row.winner_version or '?'}\n"
        )
    if not rows:
        session.err("INFO: nothing lost against another history is kept here")
    return 0


def _show(session: Session, found: Divergence, *, xml: bool) -> int:
    """What lost, against what the cluster has now; with xml the patch as it was made when partitions met."""
    from hashell.cib.document import Cib
    from hashell.shell.crm.configure_print import Printer, objects
    from hashell.shell.crm.history import difference
    from hashell.shell.output import page

    if xml:
        page(session, found.patch.decode("utf-8", "replace") + "\n")
        return 0

    def text(cib: Cib) -> str:
        return Printer(cib.root).show(objects(cib.root))

    lines = difference(text(session.client.cib()), text(Cib.parse(found.cib, found.row.name)))
    page(session, "".join(f"{line}\n" for line in lines))
    return 0


def _apply(session: Session, client: DaemonClient, found: Divergence) -> int:
    """Make the lost changes again, all or none, on what the cluster has now."""
    from hashell.wire.messages import Change

    if not found.changes:
        raise NotFound(f"{found.row.name} lists no changes", "look at it with: cib conflicts show")
    if session.ask is not None and not session.confirm(f"Make {len(found.changes)} lost changes again?"):
        raise Refused("nothing was changed", "confirm, or use --force")
    version = client.apply(
        [Change(kind, xml.encode(), path) for kind, path, xml in found.changes],
        command=f"cib conflicts apply {found.row.name}",
    )
    client.drop_divergence(found.row.name)
    session.err(f"INFO: {len(found.changes)} changes are made again, version {version}")
    return 0
