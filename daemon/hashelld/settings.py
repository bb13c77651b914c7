"""Settings of one node: command line over TOML file over defaults, read once, frozen.

Every bad value is one error that names the file, the key and the way out.
"""

from __future__ import annotations

import argparse
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from hashell.errors import BadInput, BadUsage
from hashell.values.corosync_conf import parse
from hashelld.engine.quorum import BadQuorumOptions, Options

#: TCP port, and UDP port of the heartbeats, unless set. Source: architecture.
PORT = 5460
#: TCP port of a remote node unless set; that of Pacemaker Remote.
REMOTE_PORT = 3121
#: Where corosync has its configuration. Source: corosync.conf(5).
COROSYNC_CONF = Path("/etc/corosync/corosync.conf")
#: Settings that corosync.conf has, where corosync is the engine.
_COROSYNC_SAYS = frozenset({
    "expect", "votes", "two_node", "wait_for_all", "auto_tie_breaker", "auto_tie_breaker_node", "last_man_standing",
    "last_man_standing_window_ms", "allow_downscale",
})
#: What a node or cluster may be called: it becomes file names, certificate-free text and XML attributes.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class BadSetting(BadInput):
    id = "setting-bad"


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a node must know before it starts. Times in milliseconds."""

    cluster: str
    node: str
    state_dir: Path
    run_dir: Path
    key: Path
    address: str = ""
    port: int = PORT
    peers: tuple[tuple[str, int], ...] = ()
    expect: int = 0
    zeroconf: bool = True
    engine: str = "mesh"
    arbiter: bool = False
    corosync_conf: Path | None = None
    log_file: Path | None = None
    log_level: str = "info"
    votes: int = 1
    two_node: bool | None = None
    wait_for_all: bool | None = None
    auto_tie_breaker: bool = False
    auto_tie_breaker_node: str = "lowest"
    last_man_standing: bool = False
    last_man_standing_window_ms: int = 10_000
    allow_downscale: bool = False
    heartbeat_ms: int = 100
    detect_ms: int = 1000
    settle_ms: int = 20
    phase_ms: int = 400
    join_window_ms: int = 3000
    jitter_cap_ms: int = 3000
    stall_limit_ms: int = 5000
    stall_action: str = "tell"
    resume_ms: int = 300
    flap_delay_max_ms: int = 60_000
    remote: bool = False
    node_given: bool = True
    watchdog: str = ""
    watchdog_timeout_ms: int = 5000
    panic_action: str = "processes"
    settings_file: Path | None = None

    @property
    def socket(self) -> Path:
        """Where clients of this node knock."""
        return self.run_dir / "hashelld.sock"


#: Keys of a settings file: key → (what it is for people, lowest, highest) for whole numbers.
_NUMBERS = {
    "port": (0, 65535), "expect": (0, 64), "votes": (0, 64),
    "heartbeat_ms": (20, 5000),
    "detect_ms": (200, 60_000), "settle_ms": (1, 5000), "phase_ms": (50, 10_000),
    "last_man_standing_window_ms": (1, 3_600_000),
    "join_window_ms": (0, 600_000), "jitter_cap_ms": (200, 60_000), "stall_limit_ms": (1000, 600_000),
    "resume_ms": (0, 5000), "flap_delay_max_ms": (0, 600_000),
    "watchdog_timeout_ms": (1000, 600_000),
}
_SWITCHES = {
    "zeroconf", "two_node", "wait_for_all", "auto_tie_breaker", "last_man_standing", "allow_downscale",
    "remote", "arbiter",
}
_PATHS = {"state_dir", "run_dir", "key", "log_file", "corosync_conf"}
_CHOICES = {
    "panic_action": ("processes", "reboot", "off", "crash"),
    "engine": ("mesh", "corosync", "loopback"), "stall_action": ("tell", "kill"),
    "log_level": ("debug", "info", "notice", "warning", "error"),
}
_KEYS = tuple(field.name for field in fields(Settings) if field.name not in ("settings_file", "node_given"))


def _default_dirs(cluster: str, node: str) -> tuple[Path, Path, Path]:
    """State, run and key of a node where nothing is said. Source: architecture, "Files and ports"."""
    if os.geteuid() == 0:
        return (
            Path("/var/lib/hashell") / cluster / node, Path("/run/hashell"),
            Path("/etc/hashell/key"),
        )
    import warnings

    import platformdirs

    state = Path(platformdirs.user_state_dir("hashell"))
    with warnings.catch_warnings():
        # Without a session there is no XDG_RUNTIME_DIR; that is no news for the person.
        warnings.simplefilter("ignore")
        run = Path(platformdirs.user_runtime_dir("hashell"))
    key = Path(platformdirs.user_config_dir("hashell")) / "key"
    return state / cluster / node, run / cluster / node, key


def _peer(text: str, where: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, str(PORT)
    host = host.strip("[]")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise BadSetting(f"{where}: {text!r} is no peer", "write HOST or HOST:PORT, port 1 to 65535")
    return host, int(port)


def _checked(key: str, value: Any, where: str, hint: str) -> Any:
    """One value as the settings hold it. Raises BadSetting with `where` (file or option) and the way out."""
    if key in _NUMBERS:
        low, high = _NUMBERS[key]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadSetting(f"{where}: {key} is {value!r}", f"use a whole number, {low} to {high}")
        return value
    if key in _SWITCHES:
        if not isinstance(value, bool):
            raise BadSetting(f"{where}: {key} is {value!r}", "use true or false")
        return value
    if key == "peers":
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
            raise BadSetting(f"{where}: peers is {value!r}", 'use a list: ["host:port", …]')
        return tuple(_peer(one, where) for one in value)
    if not isinstance(value, str) or not value:
        raise BadSetting(f"{where}: {key} is {value!r}", hint or "use a text in quotes")
    if key in _CHOICES and value not in _CHOICES[key]:
        raise BadSetting(f"{where}: {key} is {value!r}", "use " + ", ".join(_CHOICES[key]))
    if key in ("cluster", "node") and not _NAME.fullmatch(value):
        raise BadSetting(
            f"{where}: {key} is {value!r}", "use letters, digits, dots, dashes; at most 63"
        )
    if key in _PATHS:
        return Path(value).expanduser()
    return value


def read_file(path: Path) -> dict[str, Any]:
    """The checked keys of a TOML settings file. Raises BadSetting naming file, key and the way out."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadSetting(f"settings file {path} does not exist", "give --settings another") from None
    except OSError as error:
        raise BadSetting(f"settings file {path}: {error.strerror}", "make it readable") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"settings file {path} is no TOML: {error}", "mend that line") from None
    checked: dict[str, Any] = {}
    for key, value in raw.items():
        if key not in _KEYS:
            raise BadSetting(
                f"{path}: nothing is called {key!r}", "known keys: " + ", ".join(_KEYS)
            )
        checked[key] = _checked(key, value, str(path), "")
    return checked


def _with_corosync(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Where corosync is the engine, its file says what the cluster and this node are called, and all of quorum.

    Raises BadSetting for what contradicts it, BadCorosyncConf for a file that cannot be used.
    """
    path = values.get("corosync_conf", COROSYNC_CONF)
    try:
        conf = parse(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise BadSetting(
            f"{path}: {error.strerror}", "write it (see corosync.conf(5)), give --corosync-conf, or use --engine mesh"
        ) from None
    except UnicodeDecodeError:
        raise BadSetting(f"{path} is no text in UTF-8", "write it anew") from None
    if values.get("arbiter"):
        raise BadSetting(f"{where}: corosync has no arbiter", "use its quorum device: corosync-qdevice and qnetd")
    said = dict(values)
    for key in sorted(_COROSYNC_SAYS & set(values)):
        raise BadSetting(f"{where}: {key} is corosync's to say with --engine corosync", f"set it in {path}")
    if said.setdefault("cluster", conf.cluster_name) != conf.cluster_name:
        raise BadSetting(
            f"{where}: cluster is {said['cluster']!r}, {path} has cluster_name {conf.cluster_name!r}", "use one of them"
        )
    name = said.setdefault("node", os.uname().nodename)
    if conf.node_called(name) is None:
        names = ", ".join(node.name or node.addresses[0] for node in conf.nodes)
        raise BadSetting(f"{where}: {path} has no node {name!r}", f"its nodes: {names}; give --node, or add the name")
    own = conf.node_called(name)
    return {
        **said, "corosync_conf": path, "expect": min(64, conf.votes), "votes": own.votes if own else 1,
        "two_node": conf.two_node, "wait_for_all": conf.wait_for_all, "auto_tie_breaker": conf.auto_tie_breaker,
        "auto_tie_breaker_node": conf.auto_tie_breaker_node, "last_man_standing": conf.last_man_standing,
        "last_man_standing_window_ms": conf.last_man_standing_window_ms, "allow_downscale": conf.allow_downscale,
    }


def make(values: Mapping[str, Any], settings_file: Path | None = None) -> Settings:
    """Settings from checked values, with defaults for what is missing. Raises BadSetting, BadCorosyncConf."""
    where = str(settings_file) if settings_file else "command line"
    if values.get("remote"):
        # The cluster says what it is called, and what the node is called there, when it connects.
        # In a container of a bundle, the environment says where to listen.
        told = os.environ.get("PCMK_remote_port", "")  # noqa: SIM112 - Pacemaker's spelling
        port = int(told) if told.isdigit() and 0 < int(told) < 65536 else REMOTE_PORT
        values = {
            "cluster": "remote", "node": "remote", "port": port, **values, "node_given": "node" in values,
        }
    elif values.get("engine") == "corosync":
        values = _with_corosync(values, where)
    for key in ("cluster", "node"):
        if key not in values:
            raise BadSetting(
                f"{where}: no {key} is given", f"give --{key} NAME, or {key} = \"NAME\" in the file"
            )
    stall = os.environ.get("HASHELL_STALL_ACTION", "")
    if stall:
        # Said by the unit that starts the daemon again; a settings file knows better.
        values = {"stall_action": _checked("stall_action", stall, "HASHELL_STALL_ACTION", ""), **values}
    state, run, key_file = _default_dirs(values["cluster"], values["node"])
    settings = Settings(
        **{"state_dir": state, "run_dir": run, "key": key_file, **values},
        settings_file=settings_file,
    )
    if settings.detect_ms < 3 * settings.heartbeat_ms:
        raise BadSetting(
            f"{where}: detect_ms {settings.detect_ms} is below three heartbeats of"
            f" {settings.heartbeat_ms} ms", "raise detect_ms or lower heartbeat_ms",
        )
    try:
        quorum_options(settings).check()
    except BadQuorumOptions as error:
        raise BadSetting(f"{where}: {error.message}", error.hint) from None
    return replace(settings, address=settings.address or "")


def quorum_options(settings: Settings) -> Options:
    """What a node's settings say of votes and quorum."""
    return Options(
        settings.expect, settings.two_node, settings.wait_for_all, settings.auto_tie_breaker,
        settings.auto_tie_breaker_node, settings.last_man_standing, settings.last_man_standing_window_ms,
        settings.allow_downscale,
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise BadUsage(f"hashelld: {message}", "see hashelld --help")


def parser() -> argparse.ArgumentParser:
    """The command line of hashelld."""
    made = _Parser(
        prog="hashelld", description="The node daemon of hashell.", allow_abbrev=False,
    )
    add = made.add_argument
    add("--cluster", metavar="NAME", help="the cluster's name")
    add("--node", metavar="NAME", help="this node's name")
    add("--state-dir", metavar="DIR", help="CIB, history, identity")
    add("--run-dir", metavar="DIR", help="the socket for clients")
    add("--key", metavar="FILE", help="the cluster key (mode 0600), see `hashell keygen`")
    add("--address", metavar="A", help="address to listen on (default: all)")
    add("--port", metavar="P", type=int, help=f"TCP port, 0: any free one (default {PORT})")
    add("--peer", metavar="HOST:PORT", action="append", dest="peers", help="where a peer may be")
    add("--expect", metavar="N", type=int, help="votes that the whole cluster has at least")
    add("--no-zeroconf", action="store_const", const=False, dest="zeroconf", help="peers only by list")
    add("--arbiter", action="store_const", const=True, help="only vote and hold the CIB: a third for two nodes")
    add("--engine", metavar="E", help="mesh (default), or corosync: the one that runs on this machine")
    add("--corosync-conf", metavar="FILE", help=f"with --engine corosync (default {COROSYNC_CONF})")
    add("--remote", action="store_const", const=True,
        help=f"run resources for a cluster without being a member (default port {REMOTE_PORT}, any name)")
    add("--log-file", metavar="FILE", help="default: standard error")
    add("--log-level", metavar="L", help="debug, info, notice, warning, error")
    add("--systemd-unit", action="store_true", help="print a unit for systemd, and end")
    add("--settings", metavar="FILE.toml", help="all of these, and more, from a file")
    return made


def from_command_line(argv: Sequence[str]) -> Settings:
    """Settings of a command line. Raises BadUsage, BadSetting; SystemExit 0 for --help."""
    given = {k: v for k, v in vars(parser().parse_args(argv)).items() if v is not None}
    del given["systemd_unit"]
    file = Path(given.pop("settings")) if "settings" in given else None
    values = read_file(file) if file else {}
    for key, value in given.items():
        option = "--peer" if key == "peers" else "--" + key.replace("_", "-")
        values[key] = _checked(key, value, option, "give a value")
    return make(values, file)
