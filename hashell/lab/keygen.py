"""`hashell keygen [FILE]`: make a cluster key, 0600, never over one that is there; `--rotate`: a new one for a cluster
that runs."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from hashell.errors import AlreadyExists, BadUsage, HashellError, Refused

#: Bytes: 256 bits, twice what is needed, as corosync-keygen's default.
KEY_BYTES = 64


def make_key(path: Path) -> None:
    """Write a new key. Raises AlreadyExists, Refused."""
    data = secrets.token_hex(KEY_BYTES).encode() + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise AlreadyExists(f"there is a key at {path} already", "copy that to the other nodes") from None
    except OSError as error:
        raise Refused(f"{path} cannot be made: {error.strerror}", "give another FILE") from None
    try:
        os.write(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)


def default_path() -> Path:
    """Where hashelld looks when it is not told."""
    if os.geteuid() == 0:
        return Path("/etc/hashell/key")
    import platformdirs

    return Path(platformdirs.user_config_dir("hashell")) / "key"


_USAGE = """usage: hashell keygen [FILE]
       hashell keygen --rotate [SOCKET]

Make a cluster key; copy it to all nodes, mode 0600.
--rotate: the cluster that runs here makes a new key and goes over to it, without a stop. Nodes that are away must get
the new file before they start."""


def rotate(socket: str = "") -> str:
    """Have the cluster change its key; what it says. Raises HashellError."""
    from hashell.client.choose import open_client
    from hashell.client.daemon import DaemonClient

    client = open_client(socket or "hashelld")
    try:
        if not isinstance(client, DaemonClient):
            raise Refused("only a cluster of hashelld has a key of ours", "give the SOCKET of a node")
        return client.rotate_key()
    finally:
        client.close()


def main(argv: list[str]) -> int:
    """The command; the exit code."""
    if argv and argv[0] in ("-h", "--help"):
        print(_USAGE)
        return 0
    try:
        if argv[:1] == ["--rotate"] and len(argv) <= 2:
            print(rotate(*argv[1:]), file=sys.stderr)
            return 0
        if len(argv) > 1 or (argv and argv[0].startswith("-")):
            raise BadUsage("hashell keygen takes one file", "hashell keygen [FILE]")
        path = Path(argv[0]) if argv else default_path()
        make_key(path)
    except HashellError as error:
        print(f"hashell keygen: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{path}: copy this file to all nodes of the cluster, mode 0600", file=sys.stderr)
    return 0
