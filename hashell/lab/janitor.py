"""The janitor: waits until its lab ends, in whatever way, and then clears up what is left of it.

    python -m hashell.lab.janitor FOLDER [--keep]     standard input: a pipe whose other end the lab holds

A lab that was killed with SIGKILL cannot end its nodes; the kernel closes its end of the pipe in any case.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from hashell.lab import processes


class Janitor:
    """Watches over one folder until `dismiss`. `keep` leaves the files, for somebody who wants to read the logs."""

    def __init__(self, folder: Path, *, keep: bool) -> None:
        words = [sys.executable, "-m", "hashell.lab.janitor", str(folder), *(["--keep"] if keep else [])]
        env = {name: value for name, value in os.environ.items() if name != processes.MARK}
        env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, start_new_session=True, env=env,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )

    def dismiss(self) -> None:
        """Let it clear up now, and wait for it."""
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(processes.PATIENCE_S + 5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def main(argv: list[str]) -> int:
    """Wait for the end of standard input, then end all that belongs to the folder, and remove it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 4096):
        pass
    folder = Path(argv[0])
    processes.end(folder)
    if "--keep" not in argv[1:]:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
