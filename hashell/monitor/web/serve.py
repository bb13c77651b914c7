"""`hashell serve`: the monitor in a browser, for those who know the token.

Listens on this machine alone unless told otherwise; visitors look, and act only where --allow-changes was said.
"""

from __future__ import annotations

import argparse
import importlib.util
import ipaddress
import secrets
import socket
import sys

from hashell.errors import BadUsage, HashellError, NotFound
from hashell.monitor.options import read
from hashell.monitor.web.door import Door, origins
from hashell.simulate.arguments import Parser

#: Where it listens when nothing is said.
HOST, PORT, PORT_MAX = "127.0.0.1", 8780, 65_535
#: Visitors at a time: each is a process with a connection to the cluster.
VISITORS, VISITORS_MAX = 4, 64
_EPILOG = "Options of `hashell monitor` (--attach, --cib, --theme, --write …) may follow; visitors get them."


class PartMissing(NotFound):
    id = "part-missing"
    exit_code = 69


class CannotListen(HashellError):
    id = "cannot-listen"
    exit_code = 69


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="hashell serve", allow_abbrev=False, epilog=_EPILOG,
        description="The monitor in a browser, behind a token. Visitors only look unless --allow-changes is given.",
    )
    parser.add_argument("--host", default=HOST, metavar="ADDRESS", help=f"where to listen (default: {HOST})")
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help=f"0: any that is free (default: {PORT})")
    parser.add_argument("--allow-changes", action="store_true", help="visitors may act on the cluster")
    parser.add_argument(
        "--visitors", type=int, default=VISITORS, metavar="N", help=f"at a time (default: {VISITORS})"
    )
    parser.add_argument(
        "--public-url", default="", metavar="URL", help="how browsers reach it, where a proxy stands before it"
    )
    return parser


def main(argv: list[str]) -> int:
    """Serve until Ctrl-C; the exit code."""
    try:
        return _main(argv)
    except HashellError as error:
        print(f"hashell serve: {error}", file=sys.stderr)
        return error.exit_code


def _main(argv: list[str]) -> int:
    options, rest = _parser().parse_known_args(argv)
    wanted = read(rest)
    if wanted.output is not None or wanted.one_shot or wanted.show_help or wanted.show_version:
        raise BadUsage("a browser gets the screen: what prints once has no place here", "hashell monitor -1 prints")
    if not 1 <= options.visitors <= VISITORS_MAX:
        raise BadUsage(f"--visitors {options.visitors}: from 1 to {VISITORS_MAX}")
    if not 0 <= options.port <= PORT_MAX:
        raise BadUsage(f"--port {options.port}: from 0 to {PORT_MAX}")
    origins(options.host, options.port, options.public_url)  # complains before anything is opened
    need_part()
    import asyncio

    from hashell.monitor.web.server import Server

    listening = listen(options.host, options.port)
    port = listening.getsockname()[1]
    door = Door(
        origins(options.host, port, options.public_url), secrets.token_urlsafe(32), secrets.token_urlsafe(32), port
    )
    server = Server(door, command(rest, read_only=wanted.read_only or not options.allow_changes), options.visitors)
    base = options.public_url.rstrip("/") or _base(options.host, port)
    _tell(base, door.token, options)
    try:
        asyncio.run(server.serve(listening))
    finally:
        listening.close()
    return 0


def command(rest: list[str], *, read_only: bool) -> tuple[str, ...]:
    """What runs for a visitor. Read-only is said to the program itself, so nothing that a browser sends undoes it."""
    return sys.executable, "-m", "hashell", "monitor", *rest, *(("--read-only",) if read_only else ())


def need_part() -> None:
    """Raises PartMissing where the optional part is not installed."""
    if importlib.util.find_spec("textual_serve") is None:
        raise PartMissing("the browser needs a part that is not installed", "pip install 'hashell[web]'")


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises CannotListen."""
    try:
        (family, _, _, _, address), *_ = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)
        found = socket.create_server(address[:2], family=family)
    except OSError as error:
        why = error.strerror or str(error)
        raise CannotListen(f"cannot listen on {host}, port {port}: {why}", "--port 0 takes any that is free") from None
    found.setblocking(False)
    return found


def _base(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _tell(base: str, token: str, options: argparse.Namespace) -> None:
    print(f"{base}/?token={token}")
    may = "visitors may act" if options.allow_changes else "read-only (--allow-changes lets visitors act)"
    print(f"{may}; at most {options.visitors} at a time; Ctrl-C ends it", flush=True)
    if not options.public_url and not _is_here(options.host):
        print(
            "hashell serve: WARNING: this is not encrypted, and the token can be read on the way "
            "(a proxy with TLS and --public-url, or ssh -L, protect it)", file=sys.stderr,
        )


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
