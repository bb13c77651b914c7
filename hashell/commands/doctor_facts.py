"""What a machine says of itself, for the doctor: names, clock, sockets, key, ports, disk, units.

An edge: every look has a bound, and what cannot be found out is left out.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from hashell.commands.doctor import KeyFact, NodeFacts, PortFact
from hashell.errors import HashellError

#: TCP, and UDP for heartbeats. Source: architecture.
PORT = 5460
UNITS = ("hashelld", "pacemaker", "corosync")
PROGRAM_TIMEOUT_S = 5
RESOLVE_TIMEOUT_S = 3


def gather(names: Iterable[str] = ()) -> NodeFacts:
    """All facts; `names` are the nodes whose addresses are asked for."""
    name = os.uname().nodename
    sockets = _sockets()
    answers = any(not why for why in sockets.values())
    state = _state_dir()
    return NodeFacts(
        name=name, resolves=_resolve({name, *names}), now_s=time.time(), synchronized=_synchronized(), sockets=sockets,
        key=_key(), ports=tuple(_port(kind, answers) for kind in ("TCP", "UDP")), free_bytes=_free(state),
        state_dir=str(state), state_writable=_writable(state),
        units={unit: _systemctl("is-active", unit) for unit in UNITS},
        enabled={"hashelld": _systemctl("is-enabled", "hashelld")}, selinux=_selinux(), firewall=_firewall(),
        load=os.getloadavg()[0], cpus=os.cpu_count() or 1, ocf_root=_ocf_root(), agents=_count("ocf"),
        fence_agents=_count("stonith"), watchdog=Path("/dev/watchdog").exists(),
        corosync_problem=_corosync(), has_daemon=_has_daemon(),
    )


def paths() -> dict[str, str]:
    """Where everything is kept, for people who look for it."""
    from hashell.client.choose import run_folders

    root = os.geteuid() == 0
    return {
        "state of the daemon": str(_state_dir()),
        "sockets": ", ".join(str(one) for one in run_folders(os.environ, root=root)),
        "cluster key": _key_path(),
        "corosync.conf": os.environ.get("COROSYNC_MAIN_CONFIG_FILE") or "/etc/corosync/corosync.conf",
    }


def _program(*argv: str) -> str | None:
    found = shutil.which(argv[0])
    if found is None:
        return None
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run([found, *argv[1:]], capture_output=True, text=True, check=False,
                              timeout=PROGRAM_TIMEOUT_S)
        return done.stdout.strip()
    return None


def _systemctl(verb: str, unit: str) -> str:
    if not Path("/run/systemd/system").is_dir():
        return ""
    return _program("systemctl", verb, f"{unit}.service") or ""


def _resolve(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """In threads of their own: a name server that is away answers after half a minute."""
    import threading

    found: dict[str, tuple[str, ...]] = {}

    def ask(name: str) -> None:
        try:
            found[name] = tuple(dict.fromkeys(str(one[4][0]) for one in socket.getaddrinfo(name, None)))
        except OSError:
            found[name] = ()

    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in sorted(set(names))[:64]]
    for thread in threads:
        thread.start()
    end = time.monotonic() + RESOLVE_TIMEOUT_S
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return dict(found)


def _synchronized() -> bool | None:
    said = _program("timedatectl", "show", "-p", "NTPSynchronized", "--value")
    if said in ("yes", "no"):
        return said == "yes"
    said = _program("chronyc", "-c", "tracking")
    return None if said is None else bool(said) and not said.endswith("Not synchronised")


def _sockets() -> dict[str, str]:
    from hashell.client.choose import default_sockets
    from hashell.client.daemon import answers

    found = {}
    for path in default_sockets():
        said = answers(path)
        found[path] = said.message if isinstance(said, HashellError) else ""
    return found


def _key_path() -> str:
    if os.geteuid() == 0:
        return "/etc/hashell/key"
    import platformdirs

    return str(Path(platformdirs.user_config_dir("hashell")) / "key")


def _key() -> KeyFact | None:
    path = _key_path()
    try:
        seen = Path(path).stat()
    except FileNotFoundError:
        return KeyFact(path)
    except OSError:
        return None
    return KeyFact(path, True, seen.st_mode & 0o7777, seen.st_uid == os.geteuid(), seen.st_size)


def _state_dir() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/hashell")
    import platformdirs

    return Path(platformdirs.user_state_dir("hashell"))


def _nearest(path: Path) -> Path:
    """The path, or the folder above it that exists."""
    return next((one for one in (path, *path.parents) if one.exists()), Path("/"))


def _free(state: Path) -> int | None:
    with contextlib.suppress(OSError):
        return shutil.disk_usage(_nearest(state)).free
    return None


def _writable(state: Path) -> bool:
    return os.access(_nearest(state), os.W_OK)


def _port(kind: str, answers: bool) -> PortFact:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "TCP" else socket.SOCK_DGRAM) as one:
        if kind == "TCP":
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("", PORT))
        except OSError:
            return PortFact(PORT, kind, "ours" if answers else "taken")
    return PortFact(PORT, kind, "free")


def _selinux() -> str:
    with contextlib.suppress(OSError):
        return "Enforcing" if Path("/sys/fs/selinux/enforce").read_text().strip() == "1" else "Permissive"
    return ""


def _firewall() -> str:
    return next((unit for unit in ("firewalld", "ufw", "nftables") if _systemctl("is-active", unit) == "active"), "")


def _ocf_root() -> str:
    from hashell.agents import find

    return find.ocf_root()


def _count(standard: str) -> int | None:
    from hashell.agents import find

    try:
        return len(find.list_agents(standard))
    except HashellError:
        return None


def _corosync() -> str:
    from hashell.values.corosync_conf import parse

    path = Path(os.environ.get("COROSYNC_MAIN_CONFIG_FILE") or "/etc/corosync/corosync.conf")
    try:
        parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError):
        return ""
    except HashellError as error:
        return f"{error}"
    return ""


def _has_daemon() -> bool:
    import importlib.util

    return importlib.util.find_spec("hashelld") is not None
