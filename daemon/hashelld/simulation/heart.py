"""Heart: a node's heartbeat process, with its real state machine, over a network that loses, doubles and reorders.

It lives beside the daemon: it beats on while that stands still, ends with it, may be killed and is started anew.
"""

from __future__ import annotations

from collections.abc import Callable

from hashelld.core.events import Event
from hashelld.engine.mesh import pulse
from hashelld.engine.mesh.links import HeartbeatDown, HeartbeatSaid, HeartbeatUp
from hashelld.simulation.world import Due, World

#: Milliseconds until a process runs, and until its word has reached the daemon.
START_MS, PIPE_MS = (20.0, 200.0), (0.02, 0.5)
#: Milliseconds between two of the last words.
LAST_WORDS_MS = 20.0
#: Datagrams that wait in the socket of a process that stands still.
WAITING_MAX = 500

Send = Callable[[str, bytes], None]


class Heart:
    """One life of a node's daemon has one; `rate`: how much faster than true its clock is."""

    def __init__(
        self, world: World, configure: pulse.Configure, rate: float, send: Send, feed: Callable[[Event], None],
        kill: Callable[[], None],
    ) -> None:
        self._world = world
        self._configure = configure
        self._rate = rate
        self._send = send
        self._feed = feed
        self._kill = kill
        self._pulse: pulse.Pulse | None = None
        self._due: Due | None = None
        self._waiting: list[tuple[bytes, str, int]] = []
        self._commands: list[pulse.Command] = []
        self.frozen = False
        self._ended = False
        self._said_ms = 0.0

    def _now_us(self) -> int:
        return int(self._world.now_ms * self._rate * 1000)

    # --- its life

    def start(self) -> None:
        """A process is started; it knows nobody until it is told."""
        self._world.after(self._world.chance.uniform(*START_MS), self._runs)

    def _runs(self) -> None:
        if self._ended or self._pulse:
            return
        self._pulse = pulse.Pulse(self._configure, self._now_us())
        self._tell(HeartbeatUp("simulated"))
        self._wait()

    def die(self) -> None:
        """The process is killed, and another is started."""
        if self._pulse is None or self._ended:
            return
        self._stop()
        self._tell(HeartbeatDown("killed"))
        self.start()

    def freeze(self) -> None:
        self.frozen = True

    def thaw(self) -> None:
        """It runs again: first it hears what has come meanwhile."""
        if not self.frozen:
            return
        self.frozen = False
        commands, self._commands = self._commands, []
        for command in commands:
            self.command(command)
        waiting, self._waiting = self._waiting, []
        for data, host, came_us in waiting:
            if self._pulse:
                self._perform(self._pulse.datagram(data, (host, 1), came_us, self._now_us()))
        if self._pulse and self._now_us() >= self._pulse.due_us:
            self._tick()

    def bereaved(self, *, politely: bool) -> None:
        """The daemon is gone: some last words, unless it said goodbye itself."""
        if self._pulse and not self.frozen:
            if politely:
                self._pulse.command(pulse.Farewell(), self._now_us())
            for number in range(pulse.LAST_WORDS):
                self._world.after(number * LAST_WORDS_MS, self._last_words, self._pulse)
        self._stop()
        self._ended = True

    def _last_words(self, last: pulse.Pulse) -> None:
        for out in last.last_words(self._now_us()):
            if isinstance(out, pulse.SendTo):
                self._send(out.address[0], out.data)

    def cut_off(self) -> None:
        """No power any more."""
        self._stop()
        self._ended = True

    def _stop(self) -> None:
        self._pulse = None
        self.frozen = False
        self._waiting.clear()
        self._commands.clear()
        if self._due is not None:
            self._world.cancel(self._due)

    # --- in

    def command(self, command: pulse.Command) -> None:
        if self.frozen:
            self._commands.append(command)
        elif self._pulse:
            self._perform(self._pulse.command(command, self._now_us()))

    def datagram(self, data: bytes, host: str) -> None:
        if self.frozen:
            if len(self._waiting) < WAITING_MAX:
                self._waiting.append((data, host, self._now_us()))
        elif self._pulse:
            now_us = self._now_us()
            self._perform(self._pulse.datagram(data, (host, 1), now_us, now_us))

    def _tick(self) -> None:
        if self._pulse is None or self.frozen:
            # It is done when it thaws.
            return
        self._perform(self._pulse.tick(self._now_us()))
        self._wait()

    def _wait(self) -> None:
        if self._due is not None:
            self._world.cancel(self._due)
        if self._pulse:
            self._due = self._world.after((self._pulse.due_us - self._now_us()) / 1000 / self._rate + 0.001, self._tick)

    # --- out

    def _perform(self, outs: list[pulse.Out]) -> None:
        for out in outs:
            if isinstance(out, pulse.SendTo):
                self._send(out.address[0], out.data)
            elif isinstance(out, pulse.KillDaemon):
                self._world.after(0.0, self._kill)
            elif not isinstance(out, pulse.Turning):
                self._tell(HeartbeatSaid(out))

    def _tell(self, event: Event) -> None:
        """Through the pipe, in order."""
        self._said_ms = max(self._said_ms, self._world.now_ms + self._world.chance.uniform(*PIPE_MS))
        self._world.after(self._said_ms - self._world.now_ms, self._feed, event)
