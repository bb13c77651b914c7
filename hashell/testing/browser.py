"""A real browser for a test: Chromium without a window, told what to do over its DevTools protocol.

What a page hears on its websocket is kept by pyte, as a terminal on that page would show it: the page itself draws on
a canvas, where no text can be read. Everything is bounded, and the browser is ended at the end.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import shutil
import time
from asyncio.subprocess import DEVNULL, PIPE, Process, create_subprocess_exec
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import aiohttp
import pyte

#: Names of the program, the cheapest first.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
#: It calls nobody, keeps nothing, and needs no graphics.
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--remote-debugging-port=0", "--window-size=1000,600", "--force-color-profile=srgb",
)
#: Seconds that something may take: a loaded machine takes its time.
PATIENCE_S = 60.0


def find() -> str | None:
    """The browser of this machine, if there is one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self.session = session
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)

    async def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """One call of the DevTools protocol in this tab."""
        return await self._browser.call(method, self.session, **parameters)

    async def open(self, url: str) -> None:
        """Go to an address."""
        self.screen.reset()
        await self.call("Page.navigate", url=url)

    async def tell(self, script: str) -> Any:
        """What a script comes to."""
        found = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        return found["result"].get("value")

    async def press(self, key: str, code: int = 0) -> None:
        """One key; `code` for those that write nothing (13: enter)."""
        text = key if not code else "\r" if code == 13 else ""
        about: dict[str, object] = {"key": key, "windowsVirtualKeyCode": code or ord(key.upper()), "text": text}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **about)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    async def picture(self) -> bytes:
        """A picture of the page, as PNG."""
        found = await self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(found["data"])

    @property
    def text(self) -> str:
        """What the terminal on the page shows."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something to be shown."""
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, f"{what} was never shown:\n{self.text}"
            await asyncio.sleep(0.05)

    async def settled(self, script: str) -> None:
        """Wait until a script comes to something true."""
        end = time.monotonic() + PATIENCE_S
        while not await self.tell(script):
            assert time.monotonic() < end, f"{script} never came to hold"
            await asyncio.sleep(0.05)

    def heard(self, method: str, about: dict[str, Any]) -> None:
        """An event of this tab."""
        match method, about:
            case "Network.webSocketFrameReceived", {"response": {"opcode": 2, "payloadData": str(data)}}:
                self._stream.feed(base64.b64decode(data))
            case "Network.webSocketFrameSent", {"response": {"opcode": 1, "payloadData": str(data)}}:
                with contextlib.suppress(ValueError):
                    match json.loads(data):
                        case ["resize", {"width": int(width), "height": int(height)}]:
                            self.screen.resize(height, width)


class Browser:
    """Use as an asynchronous context manager; `profile` is a new folder."""

    def __init__(self, program: str, profile: Path) -> None:
        self._argv = (program, *_FLAGS, f"--user-data-dir={profile}", "about:blank")
        self._pages: dict[str, Page] = {}
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0

    async def __aenter__(self) -> Self:
        self._child: Process = await create_subprocess_exec(*self._argv, stdout=DEVNULL, stderr=PIPE)
        try:
            url = await asyncio.wait_for(self._address(), PATIENCE_S)
            self._http = aiohttp.ClientSession()
            self._socket = await self._http.ws_connect(url, max_msg_size=0)
        except BaseException:
            self._child.kill()
            await self._child.wait()
            raise
        self._drain = asyncio.create_task(self._forget())
        self._reader = asyncio.create_task(self._read())
        return self

    async def _address(self) -> str:
        assert self._child.stderr is not None
        while line := await self._child.stderr.readline():
            if found := re.search(rb"DevTools listening on (ws://\S+)", line):
                return found[1].decode()
        raise AssertionError("the browser ended before it listened")

    async def _forget(self) -> None:
        assert self._child.stderr is not None
        while await self._child.stderr.read(65_536):
            pass

    async def __aexit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.call("Browser.close"), 5.0)
        for task in (self._reader, self._drain):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._http.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._child.wait(), 5.0)
        if self._child.returncode is None:
            self._child.kill()
            await self._child.wait()

    async def _read(self) -> None:
        async for message in self._socket:
            about = json.loads(message.data)
            if "id" in about:
                answer = self._answers.pop(about["id"], None)
                if answer is not None and not answer.done():
                    answer.set_result(about)
            elif page := self._pages.get(about.get("sessionId", "")):
                page.heard(about["method"], about["params"])

    async def call(self, method: str, session: str = "", **parameters: object) -> dict[str, Any]:
        """One call of the DevTools protocol."""
        self._number += 1
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        whose = {"sessionId": session} if session else {}
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters, **whose})
        found = await asyncio.wait_for(answer, PATIENCE_S)
        assert "error" not in found, f"{method}: {found['error']}"
        return dict(found["result"])

    async def page(self) -> Page:
        """A new tab."""
        target = (await self.call("Target.createTarget", url="about:blank"))["targetId"]
        session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Network", "Runtime"):
            await page.call(f"{domain}.enable")
        return page
