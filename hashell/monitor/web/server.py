"""The server: pages and websockets behind the door, one process for each visitor."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TypeVar

import textual_serve
from aiohttp import web
from textual_serve.download_manager import DownloadManager

from hashell.monitor.web.door import Door, Verdict
from hashell.monitor.web.visitor import MESSAGE_MAX, Visitor, clamped

#: Seconds between two questions whether the browser is still there.
HEARTBEAT_S = 15.0
#: Seconds for open connections when the server ends.
END_S = 3.0
_FONT, _FONT_MIN, _FONT_MAX = 16, 6, 64
_Answer = TypeVar("_Answer", bound=web.StreamResponse)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_WELCOME = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/"><title>hashell monitor</title>
</head><body><a href="/">the monitor</a></body></html>
"""


class Server:
    """`command` is run for each visitor, `visitors_max` of them at a time."""

    def __init__(self, door: Door, command: tuple[str, ...], visitors_max: int) -> None:
        self.door = door
        self._command = command
        self._visitors_max = visitors_max
        self._visitors: dict[Visitor, web.WebSocketResponse] = {}
        self._coming = 0
        self._downloads = DownloadManager()
        self._page = Template(files("hashell.monitor.web").joinpath("page.html").read_text(encoding="utf-8"))

    # --- its life

    def app(self) -> web.Application:
        """The web application: routes behind the door."""
        app = web.Application(middlewares=[self._guard])
        statics = Path(textual_serve.__file__).parent / "static"
        app.add_routes([
            web.get("/", self._index), web.get("/ws", self._websocket), web.get("/download/{key}", self._download),
            web.static("/static", statics),
        ])
        app.on_shutdown.append(self._end)
        return app

    async def serve(self, listening: socket.socket) -> None:
        """Until SIGINT or SIGTERM."""
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, over.set)
        runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=END_S)
        await runner.setup()
        try:
            await web.SockSite(runner, listening).start()
            await over.wait()
        finally:
            await runner.cleanup()

    async def _end(self, _: web.Application) -> None:
        for websocket in list(self._visitors.values()):
            with contextlib.suppress(ConnectionError):
                await websocket.close(message=b"the server ends")

    # --- the door

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        token = request.query.get("token") if request.path == "/" else None
        verdict = self.door.judge(request.headers, request.cookies, token, websocket=request.path == "/ws")
        if verdict is Verdict.WELCOME:
            return self._welcome()
        if verdict is not Verdict.IN:
            return _word(403, verdict.value)
        try:
            return await handler(request)
        except web.HTTPException as refusal:
            return _word(refusal.status, refusal.text or refusal.reason)

    def _welcome(self) -> web.Response:
        """The cookie, and a page that goes on without the token in its address.

        No redirect: where a link on another site led here, a browser would follow that without the cookie.
        """
        answer = _safe(web.Response(text=_WELCOME, content_type="text/html"), "default-src 'none'")
        secure = any(origin.startswith("https:") for origin in self.door.origins)
        answer.set_cookie(
            self.door.cookie_name, self.door.cookie, httponly=True, samesite="Strict", secure=secure, path="/"
        )
        return answer

    # --- what is behind it

    def _room(self) -> None:
        if len(self._visitors) + self._coming >= self._visitors_max:
            raise web.HTTPServiceUnavailable(
                text=f"{self._visitors_max} visitors are here already: close one, or start with more --visitors"
            )

    async def _index(self, request: web.Request) -> web.Response:
        self._room()
        scheme = "wss" if f"https://{request.host.lower()}" in self.door.origins else "ws"
        try:
            font_size = min(max(int(request.query.get("fontsize", _FONT)), _FONT_MIN), _FONT_MAX)
        except ValueError:
            font_size = _FONT
        nonce = secrets.token_urlsafe(16)
        shown = self._page.substitute(websocket=f"{scheme}://{request.host}/ws", font_size=font_size, nonce=nonce)
        return _safe(
            web.Response(text=shown, content_type="text/html"),
            # The terminal for the browser makes its own style elements.
            f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
            f"connect-src {scheme}://{request.host}; img-src 'self' data:; font-src 'self'",
        )

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        self._room()
        websocket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=MESSAGE_MAX)
        self._coming += 1
        try:
            await websocket.prepare(request)
            visitor = Visitor(self._command, websocket, self._downloads)
            self._visitors[visitor] = websocket
        finally:
            self._coming -= 1
        try:
            await visitor.start(*clamped(request.query.get("width"), request.query.get("height")))
            await visitor.listen()
        finally:
            # The place is free when the program has ended, not before.
            await asyncio.shield(self._leave(visitor))
        return websocket

    async def _leave(self, visitor: Visitor) -> None:
        try:
            await visitor.leave()
        finally:
            self._visitors.pop(visitor, None)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """A file that a visitor's program gives away: a picture of the screen."""
        key = request.match_info["key"]
        try:
            about = await self._downloads.get_download_metadata(key)
        except KeyError:
            raise web.HTTPNotFound(text="there is no such file (any more)") from None
        name = "".join(one for one in about.file_name if one.isalnum() or one in "._- ") or "file"
        answer = web.StreamResponse(headers={
            "Content-Type": about.mime_type, "Content-Disposition": f'attachment; filename="{name}"',
        })
        await _safe(answer, "sandbox").prepare(request)
        async for chunk in self._downloads.download(key):
            await answer.write(chunk)
        await answer.write_eof()
        return answer


def _word(status: int, text: str) -> web.Response:
    return _safe(web.Response(status=status, text=f"{text}\n"), "default-src 'none'")


def _safe(answer: _Answer, policy: str) -> _Answer:
    answer.headers.update({
        "Content-Security-Policy": f"{policy}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
        "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    })
    return answer
