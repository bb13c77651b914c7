"""Setting up a node: its settings file and the cluster's key, made here or taken from a node that has them."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from hashell.errors import AlreadyExists, BadInput, BadUsage, NotFound, Refused

#: Bytes of a key: 256 bits and more, as corosync-keygen's default.
KEY_BYTES = 64
SETTINGS, KEY = "hashelld.toml", "key"
#: Options of corosync that the settings call otherwise.
SETTING_OF = {"last_man_standing_window": "last_man_standing_window_ms"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def folder() -> Path:
    """Where the unit of systemd looks; for another user than root below the own configuration."""
    if os.geteuid() == 0:
        return Path("/etc/hashell")
    import platformdirs

    return Path(platformdirs.user_config_dir("hashell"))


def settings_text(cluster: str, node: str, peers: Sequence[str], key: Path) -> str:
    """A settings file. Without peers nodes find one another by zeroconf. Raises BadUsage for names that cannot be."""
    for what, name in (("cluster", cluster), ("node", node)):
        if not _NAME.fullmatch(name):
            raise BadUsage(f"{name!r} cannot be the name of a {what}", "use letters, digits, dots, dashes; at most 63")
    bad = next((one for one in peers if any(letter in one for letter in '"\\\n')), None)
    if bad is not None:
        raise BadUsage(f"{bad!r} cannot be a peer", "a peer is HOST or HOST:PORT, without quotes")
    lines = [f'cluster = "{cluster}"', f'node = "{node}"', f'key = "{key}"']
    if peers:
        lines.append("peers = [" + ", ".join(f'"{one}"' for one in peers) + "]")
    return "\n".join(lines) + "\n"


def make_key() -> bytes:
    import secrets

    return secrets.token_hex(KEY_BYTES).encode() + b"\n"


def put(path: Path, data: bytes, *, over: bool = False) -> None:
    """A private file, whole or not at all. Raises AlreadyExists unless it may be written over."""
    from hashell.cib.files import write_whole

    if path.exists() and not over:
        raise AlreadyExists(f"{path} is there already: this node has been set up",
                            "`cluster start` it, or use --force to set it up anew")
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"cluster set-up: {path.parent} cannot be made: {error.strerror}", "be root") from None
    write_whole(path, data, 0o600)


def read_own() -> tuple[str, str, tuple[str, ...], bytes]:
    """Cluster, node, peers and key as this node has them. Raises NotFound, BadInput."""
    path = folder() / SETTINGS
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
        key = Path(said.get("key") or folder() / KEY).read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"{error.filename} does not exist: this node is not set up", "`cluster init` does") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is no TOML: {error}", "mend that line") from None
    except OSError as error:
        raise Refused(f"{error.filename} cannot be read: {error.strerror}", "be root") from None
    return str(said.get("cluster", "")), str(said.get("node", "")), tuple(map(str, said.get("peers", ()))), key


def take_down() -> tuple[Path, ...]:
    """Take out what made this machine a node: its settings, its key and the state of its daemon, which must have ended;
    what went. Raises NotFound, BadInput, Refused."""
    import shutil

    cluster, node, _, _ = read_own()
    if not _NAME.fullmatch(cluster) or not _NAME.fullmatch(node):
        raise BadInput(f"{folder() / SETTINGS} names neither cluster nor node", "take its files out by hand")
    state = state_folder(cluster, node)
    gone = [path for path in (folder() / SETTINGS, folder() / KEY, state) if path.exists()]
    try:
        if state.is_dir():
            shutil.rmtree(state)
        for path in (folder() / KEY, folder() / SETTINGS):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise Refused(f"{error.filename} cannot be removed: {error.strerror}", "be root") from None
    return tuple(gone)


def state_folder(cluster: str, node: str) -> Path:
    """Where a daemon keeps its state when its settings do not say; another place is its owner's to clear."""
    if os.geteuid() == 0:
        return Path("/var/lib/hashell") / cluster / node
    import platformdirs

    return Path(platformdirs.user_state_dir("hashell")) / cluster / node


def quorum_settings(names: Sequence[str]) -> dict[str, str]:
    """What this node's settings say of quorum, as pcs writes it; empty for what they leave out."""
    path = folder() / SETTINGS
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return dict.fromkeys(names, "")
    return {name: "" if (value := said.get(SETTING_OF.get(name, name))) is None else _number(value) for name in names}


def _number(value: object) -> str:
    return str(int(value)) if isinstance(value, (bool, int)) else str(value)


def change_settings(given: Mapping[str, str]) -> Path:
    """Change options of quorum in this node's settings; an empty value takes one out. Raises NotFound, Refused."""
    from hashell.cib.files import write_whole

    path = folder() / SETTINGS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}", "`cluster init` sets this node up") from None
    for option, value in given.items():
        name = SETTING_OF.get(option, option)
        lines = [line for line in lines if line.partition("=")[0].strip() != name]
        if value:
            number = value if option in SETTING_OF else {"1": "true", "0": "false"}.get(value, value)
            lines.insert(_top_level(lines), f"{name} = {number}")
    text = "\n".join(lines) + "\n"
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path} would be no TOML any more: {error}", "mend it by hand") from None
    write_whole(path, text.encode(), 0o600)
    return path


def _top_level(lines: Sequence[str]) -> int:
    """Where a key that belongs to no table can stand."""
    return next((place for place, line in enumerate(lines) if line.lstrip().startswith("[")), len(lines))


def with_peer(peers: Sequence[str], *more: str) -> tuple[str, ...]:
    """Each once, in order."""
    return tuple(dict.fromkeys((*peers, *(one for one in more if one))))
