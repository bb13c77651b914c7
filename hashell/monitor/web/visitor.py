"""A visitor: one browser, and the monitor that runs for it as a process of its own.

Only this module touches what textual-serve keeps to itself, and it does so in two methods.
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import Process
from collections.abc import Sequence

from aiohttp import WSMsgType, web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

#: Cells of a screen: a browser may be small or huge, but no number that it says may make us draw for ever.
WIDTH_MAX, HEIGHT_MAX = 500, 200
#: Bytes of one message of a browser: a long paste fits.
MESSAGE_MAX = 1 << 20
#: Seconds that a program has to leave by itself.
LEAVE_S = 5.0
DRIVER = "hashell.monitor.driver:BrowserDriver"


def clamped(width: object, height: object) -> tuple[int, int]:
    """A size that can be drawn, whatever was asked for."""
    found = []
    for asked, usual, most in ((width, 80, WIDTH_MAX), (height, 24, HEIGHT_MAX)):
        try:
            number = int(asked)  # type: ignore[call-overload]
        except (TypeError, ValueError, OverflowError):
            number = usual
        found.append(min(max(number, 1), most))
    return found[0], found[1]


class Visitor(AppService):
    """The monitor of one browser. `argv` is run as it is: no shell reads it."""

    def __init__(self, argv: Sequence[str], websocket: web.WebSocketResponse, downloads: DownloadManager) -> None:
        super().__init__(
            argv[0], write_bytes=websocket.send_bytes, write_str=websocket.send_str, close=self._close,
            download_manager=downloads,
        )
        self._argv = tuple(argv)
        self._websocket = websocket
        self._child: Process | None = None

    async def _close(self) -> None:
        await self._websocket.close()

    def _build_environment(self, width: int = 80, height: int = 24) -> dict[str, str]:
        found = super()._build_environment(width, height) | {"TEXTUAL_DRIVER": DRIVER}
        # What is true of the terminal in which the server was started is not true of the browser.
        for name in ("NO_COLOR", "LINES", "TERM"):
            found.pop(name, None)
        return found

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        self._process = self._child = child = await asyncio.create_subprocess_exec(
            *self._argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=self._build_environment(width, height), start_new_session=True,
        )
        self._stdin = child.stdin
        return child

    async def run(self) -> None:
        """Pass on what the program draws; a program that ended takes the page's connection along."""
        try:
            await super().run()
        except (ConnectionError, RuntimeError):
            pass  # the browser went away while something was sent
        finally:
            with contextlib.suppress(ConnectionError, RuntimeError):
                await self._websocket.close()

    async def listen(self) -> None:
        """Pass on what the person does, until the browser or the program goes. What is no message of ours is left out.
        """
        async for message in self._websocket:
            if message.type is not WSMsgType.TEXT:
                continue
            try:
                match message.json():
                    case ["stdin", str(text)]:
                        await self.send_bytes(text.encode("utf-8", "replace"))
                    case ["resize", {"width": width, "height": height}]:
                        await self.set_terminal_size(*clamped(width, height))
                    case ["ping", data]:
                        await self._websocket.send_json(["pong", data])
                    case ["blur", *_]:
                        await self.blur()
                    case ["focus", *_]:
                        await self.focus()
            except ValueError:
                continue

    async def leave(self) -> None:
        """End the program: asked first, then made to."""
        with contextlib.suppress(TimeoutError, ConnectionError):
            await asyncio.wait_for(self.stop(), LEAVE_S)
        child = self._child
        if child is None:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), LEAVE_S)
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
