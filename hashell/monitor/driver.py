"""The drivers, of a terminal and of a browser: Textual's own, but they notice when it is gone and let the app end.

Without this a closed terminal leaves a program behind that reads an end of file in a busy loop, and whose drawing
blocks for ever on a writer that has died.
"""

from __future__ import annotations

import contextlib
import queue
import select
import threading
from functools import partial
from typing import Any

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.drivers.web_driver import WebDriver

#: Milliseconds between two looks at whether the program is ending; a hang-up itself is noticed at once.
LOOK_MS = 500
#: Seconds between the first sign of a hang-up and the look that decides.
AGAIN_S = 0.1
#: What a shell reports of a program that SIGHUP ended.
EXIT_CODE = 129


class HangupDriver(LinuxDriver):
    """Once the terminal has hung up nothing is drawn any more, and the app is told to exit."""

    _gone = False

    def write(self, data: str) -> None:
        if not self._gone:
            super().write(data)

    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]
        threading.Thread(target=self._look, name="hang-up", daemon=True).start()

    def _look(self) -> None:
        poll = select.poll()
        poll.register(self.fileno, 0)  # a hang-up and an error are reported unasked
        while not self.exit_event.is_set():
            # Asked twice: what is gone stays gone.
            if poll.poll(LOOK_MS) and not self.exit_event.wait(AGAIN_S) and poll.poll(0):
                self._hung_up()
                return

    def _hung_up(self) -> None:
        self._gone = True
        writer = self._writer_thread
        if writer is not None:
            # The app may be waiting for room in the writer's queue: nobody will ever take from it.
            with contextlib.suppress(queue.Empty):
                while True:
                    writer._queue.get_nowait()
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(lambda: self._app.exit(return_code=EXIT_CODE))


class BrowserDriver(WebDriver):
    """The browser's screen, behind pipes: when the server is gone the app is told to exit, and draws no more."""

    _gone = False

    def __init__(self, app: App[Any], **wishes: Any) -> None:
        super().__init__(app, **wishes)
        self._to_server = self._write
        self._write = partial(self._write_or_leave)

    def _write_or_leave(self, data: bytes) -> int:
        if self._gone:
            return 0
        try:
            return self._to_server(data)
        except OSError:
            self._leave()
            return 0

    def run_input_thread(self) -> None:
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._leave()

    def _leave(self) -> None:
        self._gone = True
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(lambda: self._app.exit(return_code=EXIT_CODE))
