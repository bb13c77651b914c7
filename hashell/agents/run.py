"""Run a call and wait for its end: for shells and tests. The daemon has a driver of its own and never blocks.

What holds for both: a process group of its own, the whole group ended at the time limit, output bounded, no waiting for
pipes that a service keeps open.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hashell.agents import find, lsb, systemd
from hashell.agents.call import Answer, Call, Place, metadata_call, read_answer
from hashell.agents.metadata import AgentMetadata, BadMetadata, parse_metadata
from hashell.values.agent_names import AgentName

#: Bytes of each stream that are kept.
OUTPUT_MAX = 1 << 20
#: Seconds between asking a group to end and ending it.
GRACE_S = 2.0
#: Seconds for which output is still read after the agent itself has ended.
LINGER_S = 0.1


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended; as the daemon's AgentEnded. `exit_code` is 128+n for a signal n."""

    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""
    timed_out: bool = False
    missing: bool = False
    error: str = ""
    duration_ms: int = 0

    def answer(self, agent: AgentName, action: str, timeout_ms: int = 0) -> Answer:
        """What this end means for the cluster."""
        return read_answer(
            agent, action, exit_code=self.exit_code, stdout=self.stdout, stderr=self.stderr,
            timed_out=self.timed_out, timeout_ms=timeout_ms, missing=self.missing, error=self.error,
        )


def prepare(place: Place) -> None:
    """Make the folders that agents expect."""
    Path(place.rsctmp).mkdir(mode=0o755, parents=True, exist_ok=True)


def run(call: Call) -> Ended:
    """Run to the end or to the time limit. Never raises for what the program does."""
    begin = time.monotonic()
    try:
        process = subprocess.Popen(
            [call.program, *call.arguments], env={"HOME": "/", **call.environment}, cwd="/",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        return Ended(127, missing=True, error=f"{error.filename} is not there")
    except OSError as error:
        return Ended(126, error=f"{call.program}: {error.strerror}")
    timed_out, output = _talk(process, call.stdin, begin + call.timeout_ms / 1000)
    if timed_out:
        _end_group(process)
    code = process.wait()
    return Ended(
        128 - code if code < 0 else code, output["stdout"], output["stderr"], timed_out,
        duration_ms=int((time.monotonic() - begin) * 1000),
    )


def read_metadata(agent: AgentName, timeout_s: float = 10) -> AgentMetadata:
    """What an installed agent says about itself. Raises AgentMissing, BadMetadata."""
    standard = find.standard_of(agent)
    agent = AgentName(standard, agent.provider, agent.type)
    path = find.resolve(agent)
    if standard == "systemd":
        return systemd.metadata(agent.type)
    if standard == "lsb":
        return lsb.metadata(agent.type, Path(path).read_text("utf-8", "replace"))
    call = metadata_call(Place(ocf_root=find.ocf_root()), agent, path, int(timeout_s * 1000))
    assert call is not None, "the other classes are handled above"
    ended = run(call)
    if ended.timed_out:
        raise BadMetadata(f"{agent} did not describe itself within {timeout_s:g}s", "try it by hand")
    if ended.error:
        raise BadMetadata(f"{agent} cannot be run: {ended.error}", "check its mode and interpreter")
    return parse_metadata(ended.stdout, f"the meta-data of {agent}")


def _talk(
    process: subprocess.Popen[bytes], stdin: bytes, deadline: float
) -> tuple[bool, dict[str, bytes]]:
    """Feed standard input, read both streams until the program has ended.

    Whether it ran out of time, and the output.
    """
    assert process.stdin and process.stdout and process.stderr
    kept = {"stdout": bytearray(), "stderr": bytearray()}
    end = os.pidfd_open(process.pid)
    try:
        with selectors.DefaultSelector() as selector, process.stdin, process.stdout, process.stderr:
            given = memoryview(stdin)
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin, selectors.EVENT_WRITE, "stdin")
            for name, stream in (("stdout", process.stdout), ("stderr", process.stderr)):
                os.set_blocking(stream.fileno(), False)
                selector.register(stream, selectors.EVENT_READ, name)
            selector.register(end, selectors.EVENT_READ, "end")
            linger = None
            while True:
                now = time.monotonic()
                if linger is not None and (now >= linger or not _reads(selector)):
                    return False, {name: bytes(data) for name, data in kept.items()}
                if linger is None and now >= deadline:
                    return True, {name: bytes(data) for name, data in kept.items()}
                for key, _ in selector.select((linger or deadline) - now):
                    if key.data == "end":
                        # Its children may hold the pipes for ever; what it wrote itself is there already.
                        linger = time.monotonic() + LINGER_S
                        selector.unregister(end)
                        continue
                    if key.data == "stdin":
                        given = _give(process.stdin, given)
                        if not given:
                            selector.unregister(key.fileobj)
                            with suppress(OSError):
                                process.stdin.close()
                        continue
                    data = os.read(key.fd, 65536)
                    if not data:
                        selector.unregister(key.fileobj)
                    kept[key.data] += data[: OUTPUT_MAX - len(kept[key.data])]
    finally:
        os.close(end)


def _reads(selector: selectors.BaseSelector) -> bool:
    """Whether there is output to wait for; input that nobody took is none."""
    return any(key.data in ("stdout", "stderr") for key in selector.get_map().values())


def _give(stdin: IO[bytes], given: memoryview) -> memoryview:
    """Write what the pipe takes; what is left. A program need not read what it is given, or may read it late."""
    try:
        return given[os.write(stdin.fileno(), given) :] if given else given
    except BlockingIOError:
        return given
    except OSError:
        return given[:0]


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the whole group, SIGKILL after the grace."""
    for number, patience in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, 5.0)):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
