"""Other nodes over ssh: a command there, a file there and back. Never asks for a password: keys have to be in place."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable

from hashell.errors import BadUsage, HashellError, NotReachable, Refused

#: Seconds to connect, and for the whole of a command.
CONNECT_S = 5
TIMEOUT_S = 60
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9\[][A-Za-z0-9._:\]-]*")


def argv(host: str) -> list[str]:
    """What a command line on that host begins with. Raises BadUsage for what is no host, NotReachable without ssh."""
    if not _HOST.fullmatch(host):
        raise BadUsage(f"{host!r} is no host", "write HOST or USER@HOST")
    ssh = shutil.which("ssh")
    if ssh is None:
        raise NotReachable(f"{host}: there is no ssh here", "install openssh-client, or do it on the node itself")
    return [ssh, "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_S}", host, "--"]


def told(say: Callable[[str], None], what: str, host: str, error: HashellError) -> None:
    """What was not done on a host, why, and the way out."""
    say(f"ERROR: {what}: {error.message.removeprefix(f'{host}: ')}" + (f" ({error.hint})" if error.hint else ""))


def run(host: str, command: str, data: bytes | None = None, timeout_s: float = TIMEOUT_S) -> tuple[int, bytes, str]:
    """A command of the shell there: exit code, output, errors. Raises NotReachable."""
    try:
        done = subprocess.run(
            [*argv(host), command], input=data, stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True, check=False, timeout=timeout_s,
        )
    except OSError as error:
        raise NotReachable(f"{host}: ssh cannot be started: {error.strerror}", "see whether it is installed") from None
    except subprocess.TimeoutExpired:
        raise NotReachable(f"{host} did not answer within {timeout_s:g} s", "try `ssh` by hand") from None
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode == 255:
        raise NotReachable(f"{host} cannot be reached: {said or 'ssh ended with 255'}",
                           f"let `ssh {host} true` work without a password: see ssh-copy-id")
    return done.returncode, done.stdout, said


def read(host: str, path: str) -> bytes:
    """A file there. Raises NotReachable, Refused."""
    import shlex

    code, data, said = run(host, f"cat {shlex.quote(path)}")
    if code:
        raise Refused(f"{path} cannot be read on {host}: {said}", "see its permissions there")
    return data


def write(host: str, path: str, data: bytes, mode: int = 0o644) -> None:
    """A file there, whole or not at all. Raises NotReachable, Refused."""
    import shlex

    target = shlex.quote(path)
    temporary = shlex.quote(path + ".hashell-new")
    steps = (f"cat > {temporary}", f"chmod {mode:o} {temporary}", f"sync {temporary}", f"mv {temporary} {target}")
    command = "umask 077; " + " && ".join(steps)
    code, _, said = run(host, command, data)
    if code:
        raise Refused(f"{path} cannot be written on {host}: {said}", "see its permissions there")
