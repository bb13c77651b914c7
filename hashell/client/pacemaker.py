"""A real Pacemaker cluster, through the tools that it ships: cibadmin, crm_attribute, crm_resource, crm_node …

A change is applied to a copy of the CIB first and sent as one patch, so several edits are all or none, and a patch
does not fit any more when somebody else was faster.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from hashell.cib.document import Cib
from hashell.client import offline
from hashell.client.api import ReadOnly, Unsupported
from hashell.errors import (
    BadInput,
    BadUsage,
    Conflict,
    HashellError,
    NoQuorum,
    NotFound,
    NotReachable,
    Refused,
    TimedOut,
)
from hashell.wire.messages import Change, EventInfo, HistoryRow, Info

#: Seconds for a tool that asks or writes; fencing and cleaning up get more.
TOOL_TIMEOUT_S = 30.0
LONG_TIMEOUT_S = 120.0
#: Seconds for ssh to connect.
CONNECT_TIMEOUT_S = 5
#: Characters of a tool's complaint that are shown.
TEXT_MAX = 500
#: Pacemaker's exit codes that mean one of our cases; any other is Refused.
_BY_EXIT_CODE: dict[int, type[HashellError]] = {
    6: BadInput, 65: BadInput, 78: BadInput, 102: NotReachable, 103: Conflict, 105: NotFound,
    106: NoQuorum, 113: NoQuorum, 124: TimedOut,
}




class Forbidden(Refused):
    """Who asks may not, as Pacemaker or the operating system says."""

    id = "forbidden"
    exit_code = 4


#: Times that a change is made anew because only the status moved on meanwhile.
ATTEMPTS_MAX = 12
#: Seconds for which what was read counts as present, where a command asks several things in a row.
FRESH_S = 0.5
#: Where distributions put the tools, besides what PATH says.
TOOL_FOLDERS = ":/usr/sbin:/sbin"
#: Exit code of ssh when it is the connection that failed, and of a shell that does not find the tool.
_SSH_FAILED = 255
_NOT_FOUND = 127
#: Exit codes by which Pacemaker says that the person may not: its own, and "permission denied" of the operating system.
_FORBIDDEN = frozenset({4, 13, 77})


def runs_here() -> bool:
    """Whether the tools are installed and a CIB manager listens; a look, no connection."""
    if shutil.which("cibadmin", path=search_path()) is None:
        return False
    try:
        listening = Path("/proc/net/unix").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "cib_ro" in listening


def search_path() -> str:
    """Where the tools are looked for: an ordinary user's PATH may lack the folder in which they are."""
    return os.environ.get("PATH", os.defpath) + TOOL_FOLDERS


def through_ssh(url: str) -> tuple[str, ...]:
    """ssh://[USER@]HOST[:PORT] → the words before a command there. Raises BadUsage.

    Keys, hosts and everything else are as ssh itself has them; a password is not asked for. Calls share one connection.
    """
    match = re.fullmatch(r"ssh://((?:[\w.-]+@)?)(\[[0-9A-Fa-f:.]+\]|[\w.][\w.-]*)(?::(\d{1,5}))?/?", url)
    if match is None:
        raise BadUsage(f"{url!r} names no host", "write ssh://HOST, ssh://USER@HOST or ssh://HOST:PORT")
    user, host, port = match.groups()
    words = ["ssh", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_TIMEOUT_S}"]
    keys = Path.home() / ".ssh"
    if keys.is_dir():
        words += ["-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-o", f"ControlPath={keys}/hashell-%C"]
    words += ["-p", port] if port else []
    return (*words, "-T", "--", f"{user}{host.strip('[]')}")


class PacemakerClient:
    """Raises NotReachable when made where no Pacemaker answers.

    It is somebody's running cluster: only looked at unless `write`, or unless `ask` (a question → yes or no) agrees the
    first time that something is to be changed. `read_only` refuses without a question. `through` are words that run a
    command on a node elsewhere; everything after them is one word for a shell there.
    """

    kind = "pacemaker"

    def __init__(
        self, *, read_only: bool = False, write: bool = False, ask: Callable[[str], bool] | None = None,
        through: Sequence[str] = (), where: str = "pacemaker",
    ) -> None:
        self.where = where
        self.read_only = read_only or not write
        self._refuses = read_only
        self._ask = None if read_only else ask
        self._through = tuple(through)
        self._seen: dict[tuple[object, ...], int] = {}
        self._node: str | None = None
        if not through and shutil.which("cibadmin", path=search_path()) is None:
            raise NotReachable("Pacemaker's tools are not installed here", "install pacemaker-cli-utils")
        self._read_s = 0.0
        self._last = self._read()
        self._given = False

    def _tool(self, *argv: str, stdin: bytes = b"", timeout_s: float = TOOL_TIMEOUT_S) -> str:
        words = list(argv)
        if self._through:
            words = [*self._through, f"PATH=$PATH{TOOL_FOLDERS}; {shlex.join(argv)}"]
        try:
            done = subprocess.run(
                words, input=stdin, capture_output=True, timeout=timeout_s, check=False,
                env={**os.environ, "PATH": search_path()},
            )
        except FileNotFoundError:
            raise NotReachable(f"{words[0]} is not installed here", "install Pacemaker's tools") from None
        except subprocess.TimeoutExpired:
            raise TimedOut(f"{argv[0]} did not end within {timeout_s:g} s") from None
        if done.returncode:
            said = (done.stderr or done.stdout).decode(errors="replace").strip()[-TEXT_MAX:]
            raise self._error(argv[0], done.returncode, said)
        return done.stdout.decode(errors="replace")

    def _error(self, tool: str, code: int, said: str) -> HashellError:
        if self._through and code == _SSH_FAILED:
            return NotReachable(f"{self.where}: {said or 'ssh failed'}", "try it with ssh itself; a key is needed")
        if self._through and code == _NOT_FOUND:
            return NotReachable(f"{self.where}: {tool} is not installed there", "name a node of the cluster")
        text = f"{tool}: {said or f'exit code {code}'}"
        if code in _FORBIDDEN:
            return Forbidden(text, "be root, or of the group haclient with an ACL that allows it")
        kind = _BY_EXIT_CODE.get(code, Refused)
        hint = ""
        if kind is NotReachable:
            hint = "is Pacemaker running on this node? see `systemctl status pacemaker`"
            if not self._through and os.geteuid() != 0 and runs_here():
                hint = "Pacemaker runs, but not for everybody: be root, or of the group haclient"
        return kind(text, hint)

    def _need_leave(self) -> None:
        """Raises ReadOnly unless changes are allowed; asks once where somebody can be asked."""
        offline.refuse_read_only(self._refuses, self.where)
        if not self.read_only:
            return
        if self._ask is not None:
            if self._ask("This is a running Pacemaker cluster, and hashell only looks at it so far. Change it?"):
                self.read_only = False
                return
            raise ReadOnly("nothing was changed", "start with --write to be asked no more")
        raise ReadOnly(
            "a Pacemaker cluster is only looked at unless asked: nothing was changed",
            "say --write (or -y), or set HASHELL_WRITE=1",
        )

    def _write(self, *argv: str, timeout_s: float = TOOL_TIMEOUT_S) -> str:
        self._need_leave()
        self._read_s = 0.0
        return self._tool(*argv, timeout_s=timeout_s).strip()

    def _read(self) -> Cib:
        self._last = Cib.parse(self._tool("cibadmin", "--query"))
        self._read_s = time.monotonic()
        return self._last

    def _fresh(self) -> Cib:
        """What was read a moment ago, or read now."""
        return self._last if time.monotonic() - self._read_s < FRESH_S else self._read()

    def cib(self) -> Cib:
        # What was read to see whether somebody answers is as good as new for who asks at once.
        if not self._given:
            self._given = True
            return self._fresh()
        return self._read()

    def info(self) -> Info:
        """Members, quorum and DC as the CIB tells them, which the coordinator of this node's partition keeps."""
        info = offline.info_of(self._fresh())
        return msgspec.structs.replace(info, node=self._own_name())

    def _own_name(self) -> str:
        """The node that is asked; empty where it does not say."""
        if self._node is None and not self._through:
            # A node is called as its machine unless corosync.conf says otherwise: then it is not asked for its name.
            host = os.uname().nodename
            known = {node.get("uname") for node in self._last.root.iterfind("configuration/nodes/node")}
            self._node = next((name for name in (host, host.partition(".")[0]) if name in known), None)
        if self._node is None:
            try:
                self._node = self._tool("crm_node", "--name").strip()
            except HashellError:
                return ""
        return self._node

    def apply(self, changes: Sequence[Change], *, command: str = "", message: str = "") -> str:
        from lxml import etree

        from hashell.cib.diff import make_patch
        from hashell.client import pacemaker_history

        self._need_leave()
        for attempt in range(1, ATTEMPTS_MAX + 1):
            before = self._read()
            after = offline.changed(before, [offline.for_status_of(change, before) for change in changes])
            if after is before:
                return str(before.version)
            patch = etree.tostring(make_patch(before, after))
            try:
                self._tool("cibadmin", "--patch", "--xml-pipe", stdin=patch)
            except Conflict as error:
                # Between reading and writing a node may have told the result of an operation: no conflict of people.
                now = self._read().version
                same = (now.admin_epoch, now.epoch) == (before.version.admin_epoch, before.version.epoch)
                if not same or attempt == ATTEMPTS_MAX:
                    raise Conflict(
                        f"the CIB was changed by somebody else meanwhile ({error.message})",
                        "nothing was changed; look at what changed and try again",
                    ) from None
                continue
            break
        # Pacemaker counts versions by itself: what it made of the patch's is known only by asking.
        now_cib = self._read()
        if now_cib.version.epoch != before.version.epoch:
            pacemaker_history.record(
                self._cluster(), before, now_cib, user=_person(), node=self._own_name(), command=command,
                message=message,
            )
        return str(now_cib.version)

    def _cluster(self) -> str:
        return offline.cluster_option(self._last, "cluster-name") or "cluster"

    def set_attribute(self, node: str, name: str, value: str | None) -> None:
        words = ["--delete"] if value is None else ["--update", value]
        self._write(
            "crm_attribute", "--node", node, "--lifetime", "reboot", "--name", name, *words
        )

    def clean_up(
        self, resource: str = "", node: str = "", *, task: str = "", interval_ms: int = -1,
        refresh: bool = False,
    ) -> str:
        words = ["crm_resource", "--refresh" if refresh else "--cleanup"]
        for option, value in (("--resource", resource), ("--node", node), ("--operation", task)):
            words += [option, value] if value else []
        if interval_ms >= 0:
            words += ["--interval", f"{interval_ms}ms"]
        return self._write(*words, timeout_s=LONG_TIMEOUT_S)

    def upgrade(self) -> None:
        """Raise the CIB to the newest schema that this Pacemaker knows."""
        self._write("cibadmin", "--upgrade", "--force")

    def fail_resource(self, resource: str, node: str) -> str:
        return self._write("crm_resource", "--fail", "--resource", resource, "--node", node)

    def fence(self, node: str, action: str = "reboot", *, confirm: bool = False) -> str:
        option = "--confirm" if confirm else {"off": "--fence", "on": "--unfence"}.get(action, "--reboot")
        return self._write("stonith_admin", option, node, timeout_s=LONG_TIMEOUT_S)

    def forget_fencing(self, node: str = "") -> str:
        return self._write("stonith_admin", "--cleanup", "--history", node or "*")

    def set_secret(self, resource: str, name: str, value: str | None) -> str:
        if value is None:
            return self._write("cibsecret", "delete", resource, name)
        raise Unsupported(
            "Pacemaker's cibsecret takes a secret as an argument, where every user sees it",
            f"run `cibsecret set {resource} {name}` yourself",
        )

    def get_secret(self, resource: str, name: str) -> str | None:
        return self._tool("cibsecret", "get", resource, name).strip()

    def stop_node(self, node: str = "") -> str:
        raise Unsupported(
            "Pacemaker's daemons are stopped by their init system", "use `systemctl stop pacemaker`"
        )

    def forget_node(self, node: str) -> str:
        return self._write("crm_node", "--force", "--remove", node)

    def wait_idle(self, timeout_s: float) -> None:
        seconds = max(1, round(timeout_s))
        self._tool("crm_resource", "--wait", "--timeout", f"{seconds}s", timeout_s=timeout_s + 5)

    def events(self, limit: int = 200) -> tuple[EventInfo, ...]:
        """Fencing as the fencer tells it, and the operations of which the CIB keeps the result; oldest first."""
        from hashell.client import pacemaker_events

        try:
            fencing = self._tool("stonith_admin", "--history", "*", "--output-as=xml").encode()
        except HashellError:
            fencing = b""  # Without the fencer the rest is still worth something.
        return pacemaker_events.events(self._fresh(), fencing, self._seen, limit)

    def _archive(self) -> Path | None:
        from hashell.client import pacemaker_history

        return None if self._through else pacemaker_history.ARCHIVE

    def history(self, limit: int = 100) -> tuple[HistoryRow, ...]:
        """What Pacemaker archived on this node, and with its words what was committed through us."""
        from hashell.client import pacemaker_history

        cib = self._fresh()
        return pacemaker_history.rows(self._cluster(), cib, limit, archive=self._archive())

    def version(self, version: str) -> Cib:
        from hashell.client import pacemaker_history

        cib = self._fresh()
        return pacemaker_history.kept(self._cluster(), cib, version, archive=self._archive())

    def close(self) -> None:
        """Nothing is held open."""


def _person() -> str:
    """The name of who runs this, as Pacemaker notes it."""
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
