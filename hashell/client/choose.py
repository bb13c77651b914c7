"""Which cluster is meant: from options, environment and the places where daemons put their sockets.

In this order: --attach; --cib, then CIB_file; HASHELL_SOCKET; the default sockets of this machine; a Pacemaker that
runs here. A file that was named never gives way to a running cluster: who works on a file must not change the real
one by accident. A Pacemaker is somebody's running cluster that hashell did not set up: it is only looked at unless
--write or HASHELL_WRITE says otherwise, or a person who is asked agrees.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from hashell.client.api import ClusterClient
from hashell.errors import BadUsage, HashellError, NotReachable

if TYPE_CHECKING:
    from pathlib import Path

SOCKET_NAME = "hashelld.sock"
#: Sockets that are looked at; more nodes than this on one machine need --attach.
SOCKETS_MAX = 64
#: Seconds that a default socket has to answer; a frozen node must not hold up a command.
GREETING_TIMEOUT_S = 1.5


class SeveralClusters(NotReachable):
    """Daemons answer, of more than one cluster."""


def run_folders(env: Mapping[str, str], *, root: bool) -> tuple[Path, ...]:
    """Below which folders daemons put their sockets, for root or for another user."""
    from pathlib import Path

    folders = [Path("/run/hashell")]
    if not root:
        import warnings

        import platformdirs

        with warnings.catch_warnings():
            # Without a session there is no XDG_RUNTIME_DIR; that is no news for the person.
            warnings.simplefilter("ignore")
            runtime = Path(platformdirs.user_runtime_dir("hashell"))
        folders = [runtime, Path(platformdirs.user_state_dir("hashell")) / "run", *folders]
    return tuple(folders)


def default_sockets(env: Mapping[str, str] | None = None, *, root: bool | None = None) -> tuple[str, ...]:
    """The sockets of nodes on this machine, in order of path; some may be left by daemons that ended."""
    env = os.environ if env is None else env
    root = os.geteuid() == 0 if root is None else root
    found: list[str] = []
    for folder in run_folders(env, root=root):
        for pattern in (SOCKET_NAME, f"*/{SOCKET_NAME}", f"*/*/{SOCKET_NAME}"):
            try:
                found += sorted(str(path) for path in folder.glob(pattern))
            except OSError:
                continue
    return tuple(dict.fromkeys(found))[:SOCKETS_MAX]


def open_client(
    attach: str = "", cib_file: str = "", read_only: bool = False,
    env: Mapping[str, str] | None = None, *, write: bool = False, ask: Callable[[str], bool] | None = None,
) -> ClusterClient:
    """The client that the words mean. `attach` is hashelld, pacemaker, ssh://[USER@]HOST[:PORT] (a Pacemaker there), or
    the path of a socket (or of its folder). `write` and `ask` are for a Pacemaker, see PacemakerClient.

    Raises NotReachable, with what was tried, when no cluster answers; BadUsage for words that contradict one another.
    """
    env = os.environ if env is None else env
    if attach and cib_file:
        raise BadUsage("--attach and --cib name two different things to work on", "leave out one")
    write = write or env.get("HASHELL_WRITE", "") not in ("", "0")
    if attach == "pacemaker" or attach.startswith("ssh:"):
        return _pacemaker(read_only, write, ask, attach)
    if attach not in ("", "hashelld"):
        return _socket(attach, read_only)
    cib_file = cib_file or ("" if attach else env.get("CIB_file", ""))
    if cib_file:
        from hashell.client.cib_file import FileClient

        return FileClient(cib_file, read_only=read_only)
    if env.get("HASHELL_SOCKET"):
        return _socket(env["HASHELL_SOCKET"], read_only)
    found = default_sockets(env)
    if found:
        try:
            return _first_that_answers(found, read_only)
        except NotReachable as error:
            # Sockets that a daemon left behind say nothing against a Pacemaker that runs here now.
            if attach or isinstance(error, SeveralClusters) or not _pacemaker_runs():
                raise
        return _pacemaker(read_only, write, ask)
    if attach != "hashelld" and _pacemaker_runs():
        return _pacemaker(read_only, write, ask)
    raise NotReachable(
        "no hashelld and no Pacemaker runs here",
        "start hashelld, name a socket with --attach, work on a file with --cib, or try `hashell demo`",
    )


def _socket(path: str, read_only: bool) -> ClusterClient:
    from hashell.client.daemon import DaemonClient

    if os.path.isdir(path):  # noqa: PTH112  # pathlib costs a start more than it is worth
        path = f"{path.rstrip('/')}/{SOCKET_NAME}"
    return DaemonClient(path, read_only=read_only)


def _pacemaker_runs() -> bool:
    from hashell.client import pacemaker

    return pacemaker.runs_here()


def _pacemaker(
    read_only: bool, write: bool, ask: Callable[[str], bool] | None, attach: str = "pacemaker"
) -> ClusterClient:
    from hashell.client.pacemaker import PacemakerClient, through_ssh

    if attach.startswith("ssh:"):
        return PacemakerClient(read_only=read_only, write=write, ask=ask, through=through_ssh(attach), where=attach)
    return PacemakerClient(read_only=read_only, write=write, ask=ask)


def _first_that_answers(paths: tuple[str, ...], read_only: bool) -> ClusterClient:
    """A client of the cluster whose nodes run here; several nodes of it are alike. Raises when there are two
    clusters."""
    from hashell.client.daemon import ANSWER_TIMEOUT_S, DaemonClient, answers
    from hashell.wire.messages import Welcome

    errors: list[HashellError] = []
    by_cluster: dict[str, str] = {}
    for path in paths:
        answer = answers(path, GREETING_TIMEOUT_S)
        if isinstance(answer, Welcome):
            by_cluster.setdefault(answer.cluster, path)
        else:
            errors.append(answer)
    if len(by_cluster) > 1:
        listed = ", ".join(f"{cluster}: {path}" for cluster, path in sorted(by_cluster.items()))
        raise SeveralClusters(
            f"nodes of several clusters run here ({listed})", "say which with --attach SOCKET"
        )
    if not by_cluster:
        assert errors
        if len(errors) == 1:
            raise errors[0]
        raise NotReachable(
            f"none of {len(errors)} sockets answers; the first: {errors[0].message}",
            errors[0].hint or "start hashelld",
        )
    (path,) = by_cluster.values()
    return DaemonClient(path, read_only=read_only, timeout_s=ANSWER_TIMEOUT_S)
