"""The monitor on a large cluster that changes all the time: how fast a key is answered, and what the screen costs.

    python tests/benchmarks/many_changes.py [--nodes 64] [--resources 5000] [--rate 500] [--seconds 30] [--minutes 60]

A daemon's socket is played by a process of its own: one CIB, then `--rate` changes a second, each of one operation's
result. The monitor is the real program on a real terminal of 120x40. Measured while the changes come: from a key
(cursor down) to the frame that shows what it did (median, p99, worst); the share of one processor that the monitor
takes; its memory at the beginning, at most, and at the end. --minutes is a soak: the same for longer, with a key a
second and a line each minute. Marks: p99 at most 100 ms, half a processor, memory bounded.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

from hashell.testing.terminal import Terminal
from hashell.wire import codec, messages

KEY = "11111111-1111-1111-1111-111111111111"
COLUMNS, ROWS = 120, 40
#: Seconds for the first frame with all of the cluster.
FIRST_S = 60.0
#: Seconds between two looks at memory.
LOOK_S = 0.5
MARK_MS, MARK_SHARE = 100.0, 0.5


def operation(number: int, took_ms: int) -> str:
    key = f"{number + 1}:1:0:{KEY}"
    return (
        f'<lrm_rsc_op id="r{number:05}_last_0" operation_key="r{number:05}_start_0" operation="start"'
        f' crm-debug-origin="controller" crm_feature_set="3.20.5" transition-key="{key}" transition-magic="0:0;{key}"'
        f' call-id="{number + 5}" rc-code="0" op-status="0" interval="0" last-rc-change="1795313000"'
        f' exec-time="{took_ms}" queue-time="0" op-digest="f2317cad3d54cec5d7d7aa7d0bf35cf8"/>'
    )


def cib(nodes: int, resources: int) -> bytes:
    """Everything runs; one node is gone, so that there is something to see."""
    names = [f"node{number:02}" for number in range(1, nodes + 1)]
    primitives = "".join(
        f'<primitive id="r{number:05}" class="ocf" provider="hashell" type="Dummy"/>' for number in range(resources)
    )
    states = []
    for place, name in enumerate(names):
        up = place != nodes - 1
        state = ('in_ccm="1795312000" crmd="1795312000" join="member" expected="member"' if up else
                 'in_ccm="0" crmd="0" join="down" expected="down"')
        history = "".join(
            f'<lrm_resource id="r{number:05}" class="ocf" provider="hashell" type="Dummy">'
            f"{operation(number, 20)}</lrm_resource>" for number in range(place, resources, nodes - 1)
        ) if up else ""
        states.append(
            f'<node_state id="{place + 1}" uname="{name}" {state}><lrm id="{place + 1}"><lrm_resources>{history}'
            "</lrm_resources></lrm></node_state>"
        )
    return (
        '<cib crm_feature_set="3.20.5" validate-with="pacemaker-4.0" admin_epoch="0" epoch="9" num_updates="0"'
        ' have-quorum="1" dc-uuid="1"><configuration><crm_config><cluster_property_set id="o">'
        '<nvpair id="o-f" name="fencing-enabled" value="false"/></cluster_property_set></crm_config><nodes>'
        + "".join(f'<node id="{number}" uname="{name}"/>' for number, name in enumerate(names, 1))
        + f"</nodes><resources>{primitives}</resources><constraints/></configuration>"
        f"<status>{''.join(states)}</status></cib>"
    ).encode()


def patch(number: int, resources: int, nodes: int) -> bytes:
    """The change that leads from `num_updates` number - 1 to number: one operation took another time."""
    which = number % resources
    node = which % (nodes - 1) + 1
    name = f"r{which:05}"
    path = (
        f"/cib/status/node_state[@id='{node}']/lrm[@id='{node}']/lrm_resources/lrm_resource[@id='{name}']"
        f"/lrm_rsc_op[@id='{name}_last_0']"
    )
    took_ms = 20 + number % 80
    return (
        f'<diff format="2"><version><source admin_epoch="0" epoch="9" num_updates="{number - 1}"/>'
        f'<target admin_epoch="0" epoch="9" num_updates="{number}"/></version>'
        '<change operation="modify" path="/cib"><change-list><change-attr name="num_updates" operation="set"'
        f' value="{number}"/></change-list><change-result><cib crm_feature_set="3.20.5" admin_epoch="0" epoch="9"'
        f' validate-with="pacemaker-4.0" num_updates="{number}" have-quorum="1" dc-uuid="1"/></change-result></change>'
        f'<change operation="modify" path="{path}"><change-list><change-attr name="exec-time" operation="set"'
        f' value="{took_ms}"/></change-list><change-result>{operation(which, took_ms)}</change-result></change></diff>'
    ).encode()


# --- the daemon that is played


async def serve(path: str, nodes: int, resources: int, rate: float) -> None:
    whole = cib(nodes, resources)
    names = [f"node{number:02}" for number in range(1, nodes + 1)]
    members = tuple(
        messages.MemberInfo(number, name, "member" if number < nodes else "lost")
        for number, name in enumerate(names, 1)
    )
    info = messages.Info(
        "large", names[0], "mesh", members, names[0], True, nodes - 1, nodes, nodes // 2 + 1, 7, "S_IDLE"
    )

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = codec.FrameReader(messages.ToDaemon, first_max=codec.FRAME_MAX)
        flood: asyncio.Task[None] | None = None

        def tell(number: int, body: messages.Message) -> None:
            writer.write(codec.encode(messages.ToClient(number, body)))  # type: ignore[arg-type]

        async def changes() -> None:
            began_s, sent = time.monotonic(), 0
            while True:
                due = int((time.monotonic() - began_s) * rate)
                while sent < due:
                    sent += 1
                    tell(0, messages.CibNotice(f"0.9.{sent}", patch(sent, resources, nodes), "hacluster", names[0]))
                await writer.drain()
                await asyncio.sleep(0.01)

        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                for frame in frames.feed(data):
                    match frame.body:
                        case messages.Hello():
                            tell(frame.number, messages.Welcome(messages.PROTOCOL, "0", "large", names[0], "root"))
                        case messages.GetInfo():
                            tell(frame.number, info)
                        case messages.GetEvents():
                            tell(frame.number, messages.Events(()))
                        case messages.GetTransition():
                            tell(frame.number, messages.Transition())
                        case messages.GetHistory():
                            tell(frame.number, messages.History(()))
                        case messages.GetCib():
                            tell(frame.number, messages.CibIs(whole, "0.9.0"))
                        case messages.Subscribe():
                            if flood is None:
                                tell(frame.number, messages.CibIs(whole, "0.9.0"))
                                flood = asyncio.create_task(changes())
                        case _:
                            tell(frame.number, messages.Failure("refused", "not played here"))
        if flood is not None:
            flood.cancel()

    server = await asyncio.start_unix_server(talk, path)
    async with server:
        await server.serve_forever()


def play(path: str, nodes: int, resources: int, rate: float) -> None:
    asyncio.run(serve(path, nodes, resources, rate))


# --- measuring


class Watched:
    """The monitor's process: processor time and memory."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.began_mib = self.most_mib = self.memory_mib()
        self._since = (time.monotonic(), self._cpu_s())

    def memory_mib(self) -> float:
        return float(self._process.memory_info().rss) / 1024 / 1024

    def look(self) -> None:
        self.most_mib = max(self.most_mib, self.memory_mib())

    def _cpu_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)

    def share(self) -> float:
        """Of one processor, since the last time of asking."""
        now, cpu_s = time.monotonic(), self._cpu_s()
        share = (cpu_s - self._since[1]) / (now - self._since[0])
        self._since = (now, cpu_s)
        return share


def under_cursor(monitor: Terminal) -> str:
    """The row that tells of the thing under the cursor: the first below the rule."""
    rows = monitor.text.split("\n")
    rules = [place for place, row in enumerate(rows) if row.startswith("───")]
    return rows[rules[-1] + 1][: COLUMNS // 2].strip() if rules else ""


def press(monitor: Terminal, down: bool) -> float:
    """Milliseconds from a key to the frame in which the cursor is elsewhere."""
    before = under_cursor(monitor)
    begin = time.perf_counter()
    monitor.send("j" if down else "k")
    while under_cursor(monitor) == before:
        monitor.read(0.002)
        if time.perf_counter() - begin > 20:
            raise TimeoutError(f"a key was not answered in 20 s; the screen is:\n{monitor.text}")
    return (time.perf_counter() - begin) * 1000


def p99_of(took: list[float]) -> float:
    return sorted(took)[min(len(took) - 1, int(len(took) * 0.99))]


def told(took: list[float]) -> str:
    median = statistics.median(took)
    return f"{len(took)} keys: median {median:.0f} ms, p99 {p99_of(took):.0f} ms, worst {max(took):.0f} ms"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=64)
    parser.add_argument("--resources", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--minutes", type=float, default=0.0, help="a soak of so many minutes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hashell-many-") as folder:
        path = str(Path(folder) / "socket")
        daemon = multiprocessing.get_context("spawn").Process(
            target=play, args=(path, options.nodes, options.resources, options.rate), daemon=True
        )
        daemon.start()
        while not os.path.exists(path):
            time.sleep(0.02)
        command = [sys.executable, "-m", "hashell", "monitor", "--attach", path]
        try:
            begin = time.perf_counter()
            with Terminal(command, columns=COLUMNS, rows=ROWS, env={"XDG_CONFIG_HOME": folder}) as monitor:
                monitor.wait_for("live", FIRST_S)
                monitor.wait_for("node01 online", FIRST_S)
                first_s = time.perf_counter() - begin
                return measure(monitor, options, first_s)
        finally:
            daemon.terminate()
            daemon.join(5)


def measure(monitor: Terminal, options: argparse.Namespace, first_s: float) -> int:
    end = time.monotonic() + 2.0
    while time.monotonic() < end:  # what is built at the beginning only
        monitor.read(0.05)
    watched = Watched(monitor.pid)
    took: list[float] = []
    pause_s = 1.0 if options.minutes else 0.1
    seconds = options.minutes * 60 or options.seconds
    began, minute = time.monotonic(), time.monotonic()
    steps = max(2, min(30, options.nodes - 2))
    while time.monotonic() - began < seconds:
        took.append(press(monitor, (len(took) // steps) % 2 == 0))
        watched.look()
        rest = time.monotonic() + pause_s
        while (left := rest - time.monotonic()) > 0:
            monitor.read(left)
        if options.minutes and time.monotonic() - minute >= 60:
            minute = time.monotonic()
            print(f"{(minute - began) / 60:.0f} min: {told(took)}; {watched.memory_mib():.0f} MiB", flush=True)
    share, last_mib = watched.share(), watched.memory_mib()
    print(f"{options.nodes} nodes, {options.resources} resources, {options.rate:.0f} changes a second")
    print(f"all on the screen {first_s * 1000:.0f} ms after the start of the monitor")
    print(f"{told(took)} (mark: p99 {MARK_MS:.0f} ms)")
    print(f"{share:.2f} of one processor (mark: {MARK_SHARE})")
    print(f"memory {watched.began_mib:.0f} MiB at first, {watched.most_mib:.0f} at most, {last_mib:.0f} at the end")
    return 0 if p99_of(took) <= MARK_MS and share <= MARK_SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
