"""Holder of a virtual address: binds a port of it, goes to the background, stays until SIGTERM. Standard library only.

Arguments: address, port, file for the process id. Ends with an OCF exit code: 0 once the address is held.
"""
# pathlib takes longer to import than the rest of this takes to run.
# ruff: noqa: PTH104, PTH123

import os
import signal
import socket
import sys


def remember(pid: int, pidfile: str) -> None:
    """Process id and the time of its start (field 22 of stat, ticks since boot), by which the agent knows it again."""
    with open(f"/proc/{pid}/stat") as file:
        started = file.read().rpartition(") ")[2].split()[19]
    with open(pidfile + ".new", "w") as file:
        file.write(f"{pid} {started}\n")
    os.rename(pidfile + ".new", pidfile)


def main() -> int:
    address, port, pidfile = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    # No SO_REUSEADDR needed: a listening socket that accepts nobody leaves no connection behind to wait for.
    claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        claim.bind((address, port))
        claim.listen(1)
    except OSError as error:
        print(f"ocf-exit-reason:{address} cannot be claimed: {error.strerror}", file=sys.stderr)
        return 1
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
    while True:
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
