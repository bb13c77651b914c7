"""Tiny web server of ocf:hashell:WebServer. Standard library only, one process, one loop.

    serve.py ADDRESS PORT PIDFILE TEXT    bind, go to the background, answer every request with TEXT
    serve.py --check ADDRESS PORT         ask it once

Ends with an OCF exit code: 0 once the socket listens (or answers), 1 when it cannot.
"""
# pathlib takes longer to import than the rest of this takes to run.
# ruff: noqa: PTH104, PTH123

import os
import selectors
import signal
import socket
import sys
import time

#: Connections at once; more wait in the kernel's queue.
CLIENTS_MAX = 256
#: Seconds for which a silent client is kept.
PATIENCE_S = 5.0


def complain(text: str) -> int:
    print(f"ocf-exit-reason:{text}", file=sys.stderr)
    return 1


def check(address: str, port: int) -> int:
    try:
        with socket.create_connection((address, port), timeout=5) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            if not connection.recv(1024).startswith(b"HTTP/1.0 200"):
                return complain(f"{address}:{port} gives a wrong answer")
    except OSError as error:
        return complain(f"{address}:{port} does not answer: {error}")
    return 0


def listen(address: str, port: int) -> socket.socket:
    # SO_REUSEADDR lets us bind while old connections linger in TIME_WAIT. Two listeners still collide: for these it
    # would take SO_REUSEPORT.
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, port))
    server.listen(128)
    server.setblocking(False)
    return server


def serve(server: socket.socket, text: str) -> None:
    body = f"{text}\n".encode()
    head = f"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    answer = head.encode() + body
    selector = selectors.DefaultSelector()
    selector.register(server, selectors.EVENT_READ)
    since: dict[socket.socket, float] = {}
    while True:
        for key, _ in selector.select(1.0 if since else None):
            if key.fileobj is server:
                try:
                    client, _ = server.accept()
                except OSError:
                    continue
                if len(since) >= CLIENTS_MAX:
                    client.close()
                    continue
                client.setblocking(False)
                selector.register(client, selectors.EVENT_READ, client)
                since[client] = time.monotonic()
            else:
                client = key.data
                try:
                    if client.recv(65536):
                        client.send(answer)
                        client.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                forget(selector, since, client)
        late = time.monotonic() - PATIENCE_S
        for client in [one for one, when in since.items() if when < late]:
            forget(selector, since, client)


def forget(selector: selectors.BaseSelector, since: dict[socket.socket, float], client: socket.socket) -> None:
    selector.unregister(client)
    del since[client]
    client.close()


def remember(pid: int, pidfile: str) -> None:
    """Process id and the time of its start (field 22 of stat, ticks since boot), by which the agent knows it again."""
    with open(f"/proc/{pid}/stat") as file:
        started = file.read().rpartition(") ")[2].split()[19]
    with open(pidfile + ".new", "w") as file:
        file.write(f"{pid} {started}\n")
    os.rename(pidfile + ".new", pidfile)


def main() -> int:
    if sys.argv[1] == "--check":
        return check(sys.argv[2], int(sys.argv[3]))
    address, port, pidfile, text = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    try:
        server = listen(address, port)
    except (OSError, OverflowError) as error:
        return complain(f"{address}:{port} cannot be served: {error}")
    if pid := os.fork():
        try:
            remember(pid, pidfile)
        except OSError as error:
            # Nobody could find it again: it must not stay.
            os.kill(pid, signal.SIGKILL)
            print(f"ocf-exit-reason:{pidfile} cannot be written: {error.strerror}", file=sys.stderr)
            return 1
        return 0
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    serve(server, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
