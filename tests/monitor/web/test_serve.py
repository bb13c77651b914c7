"""`hashell serve`, over HTTP and websockets as a browser would, and in a browser where there is one."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pyte
import pytest
from aiohttp import web

from hashell.monitor.web import serve
from hashell.monitor.web.door import Door, origins
from hashell.monitor.web.server import Server
from hashell.monitor.web.visitor import clamped
from hashell.testing import browser

TOP = Path(__file__).resolve().parents[3]
CIB = TOP / "tests" / "benchmarks" / "three_nodes.xml"
PATIENCE_S = 60.0
#: Stands for the monitor where it does not matter what is shown: says so, then waits to be told to leave.
STAND_IN = (
    "import os\n"
    "os.write(1, b'__GANGLION__\\n' + b'D' + (5).to_bytes(4, 'big') + b'hello')\n"
    "while data := os.read(0, 65536):\n"
    "    if b'quit' in data: break\n"
    "    os.write(1, b'D' + len(data).to_bytes(4, 'big') + data)\n"
)


@asynccontextmanager
async def serving(command, visitors=4):
    """A server on a free port: (its door, its origin, the server)."""
    listening = serve.listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    door = Door(origins("127.0.0.1", port), "the-token", "the-cookie", port)
    server = Server(door, command, visitors)
    runner = web.AppRunner(server.app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    try:
        yield door, f"http://127.0.0.1:{port}", server
    finally:
        await runner.cleanup()


@asynccontextmanager
async def visiting():
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


async def until(condition, what):
    for _ in range(int(PATIENCE_S / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"it never came to hold: {what}")


def stand_in():
    return (sys.executable, "-c", STAND_IN)


async def test_without_the_token_nothing_is_served_and_nothing_is_started():
    async with serving(stand_in()) as (_, url, server), visiting() as session:
        for path in ("/", "/?token=guess", "/?token=", "/static/js/textual.js", "/download/x"):
            async with session.get(url + path) as answer:
                assert answer.status == 403, path
                assert "Set-Cookie" not in answer.headers
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{url}/ws", origin=url)
        assert refused.value.status == 403
        assert not server._visitors


async def test_the_token_gives_a_cookie_that_scripts_and_foreign_pages_cannot_use():
    async with serving(stand_in()) as (door, url, _), visiting() as session:
        async with session.get(f"{url}/?token=the-token") as answer:
            assert answer.status == 200
            said = answer.headers["Set-Cookie"]
            shown = await answer.text()
        assert said.startswith(f"{door.cookie_name}=the-cookie;")
        assert "HttpOnly" in said and "SameSite=Strict" in said
        assert "the-token" not in shown
        async with session.get(url) as answer:
            assert answer.status == 200
            page = await answer.text()
            policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "https://" not in page  # no font, no script from elsewhere


async def test_a_visitor_hears_the_program_and_is_heard_and_takes_it_along():
    async with serving(stand_in()) as (_, url, server), visiting() as session:
        await (await session.get(f"{url}/?token=the-token")).release()
        async with session.ws_connect(f"{url}/ws?width=100&height=30", origin=url) as socket:
            assert (await socket.receive(PATIENCE_S)).data == b"hello"
            await socket.send_str("no json")
            await socket.send_json({"no": "list"})
            await socket.send_json(["resize", {"width": 10**9, "height": "x"}])
            assert b'"width": 500, "height": 24' in (await socket.receive(PATIENCE_S)).data
            await socket.send_json(["stdin", "k"])
            assert (await socket.receive(PATIENCE_S)).data == b"D\x00\x00\x00\x01k"
            await socket.send_json(["ping", 7])
            assert json.loads((await socket.receive(PATIENCE_S)).data) == ["pong", 7]
            child = next(iter(server._visitors))._child
        await until(lambda: not server._visitors, "the place is free")
        assert child.returncode is not None


async def test_a_foreign_page_is_refused_although_the_cookie_is_right():
    async with serving(stand_in()) as (_, url, server), visiting() as session:
        await (await session.get(f"{url}/?token=the-token")).release()
        for origin in ("http://evil.example", "null", None):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(f"{url}/ws", origin=origin)
            assert refused.value.status == 403
        async with session.get(url, headers={"Origin": "http://evil.example"}) as answer:
            assert answer.status == 403
        async with session.get(url, headers={"Host": "evil.example"}) as answer:
            assert answer.status == 403
        assert not server._visitors


async def test_one_visitor_too_many_is_told_so_and_comes_in_when_another_went():
    async with serving(stand_in(), visitors=1) as (_, url, server), visiting() as session:
        await (await session.get(f"{url}/?token=the-token")).release()
        async with session.ws_connect(f"{url}/ws", origin=url) as first:
            assert (await first.receive(PATIENCE_S)).data == b"hello"
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(f"{url}/ws", origin=url)
            assert refused.value.status == 503
            async with session.get(url) as answer:
                assert answer.status == 503
                assert "--visitors" in await answer.text()
        await until(lambda: not server._visitors, "the place is free")
        async with session.ws_connect(f"{url}/ws", origin=url) as second:
            assert (await second.receive(PATIENCE_S)).data == b"hello"


async def test_a_program_that_ends_by_itself_ends_its_page():
    ends = (sys.executable, "-c", "import os; os.write(1, b'__GANGLION__\\n')")
    async with serving(ends) as (_, url, server), visiting() as session:
        await (await session.get(f"{url}/?token=the-token")).release()
        async with session.ws_connect(f"{url}/ws", origin=url) as socket:
            said = await socket.receive(PATIENCE_S)
            assert said.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        await until(lambda: not server._visitors, "the place is free")


async def test_a_program_that_will_not_leave_is_made_to(monkeypatch):
    monkeypatch.setattr("hashell.monitor.web.visitor.LEAVE_S", 0.2)
    deaf = STAND_IN.replace("if b'quit' in data: break", "pass")
    stays = (sys.executable, "-c", f"{deaf}\nimport signal\nwhile True: signal.pause()")
    async with serving(stays) as (_, url, server), visiting() as session:
        await (await session.get(f"{url}/?token=the-token")).release()
        async with session.ws_connect(f"{url}/ws", origin=url) as socket:
            assert (await socket.receive(PATIENCE_S)).data == b"hello"
            child = next(iter(server._visitors))._child
        await until(lambda: not server._visitors, "the place is free")
        assert child.returncode == -9


async def test_a_served_monitor_shows_the_cluster_and_is_read_only(tmp_path):
    """The real program, as a browser sees it: an act is refused, and the file stays as it was."""
    where = tmp_path / "cib.xml"
    shutil.copy(CIB, where)
    before = where.read_bytes()
    screen = pyte.Screen(80, 24)
    stream = pyte.ByteStream(screen)

    async def show(socket, words):
        for _ in range(2000):
            if all(word in "\n".join(screen.display) for word in words):
                return
            said = await socket.receive(PATIENCE_S)
            assert said.type is aiohttp.WSMsgType.BINARY, (said, screen.display)
            stream.feed(said.data)
        raise AssertionError("\n".join(screen.display))

    command = serve.command(["--cib", str(where)], read_only=True)
    async with serving(command) as (_, url, server), visiting() as session:
        await (await session.get(f"{url}/?token=the-token")).release()
        async with session.ws_connect(f"{url}/ws?width=80&height=24", origin=url) as socket:
            await show(socket, ["read-only", "node1", "node3"])
            await socket.send_json(["stdin", "s"])
            await show(socket, ["is not done"])
        await until(lambda: not server._visitors, "the place is free")
    assert where.read_bytes() == before


def test_sizes_are_what_can_be_drawn():
    assert clamped("100", "30") == (100, 30)
    assert clamped(None, "x") == (80, 24)
    assert clamped(-5, 10**12) == (1, 200)
    assert clamped(float("inf"), []) == (80, 24)


def test_visitors_are_told_read_only_unless_changes_are_allowed():
    assert serve.command(["--theme", "light"], read_only=True)[-1] == "--read-only"
    assert "--read-only" not in serve.command(["--theme", "light"], read_only=False)


@pytest.mark.parametrize(("argv", "words"), [
    (["-1"], "no place here"), (["--nonsense"], "unknown option"), (["--visitors", "0"], "from 1 to"),
    (["--host", "0.0.0.0"], "--public-url"), (["--port", "99999"], "from 0 to"),
    (["--host", "no.such.host.invalid"], "cannot listen"),
])
def test_what_cannot_be_served_is_said_in_one_line(argv, words, capsys):
    assert serve.main(argv) != 0
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


def test_without_the_optional_part_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    assert serve.main([]) == 69
    assert "pip install 'hashell[web]'" in capsys.readouterr().err


@pytest.mark.slow
async def test_in_a_browser_wrong_token_right_token_one_act_and_a_foreign_page(tmp_path):
    program = browser.find()
    if program is None:
        pytest.skip("no Chromium here (Debian: chromium-headless-shell)")
    where = tmp_path / "cib.xml"
    shutil.copy(CIB, where)
    command = serve.command(["--cib", str(where)], read_only=False)

    async def foreign(_):
        return web.Response(text="<!DOCTYPE html><title>elsewhere</title>", content_type="text/html")

    elsewhere = web.Application()
    elsewhere.add_routes([web.get("/", foreign)])
    listening = serve.listen("127.0.0.1", 0)
    evil = f"http://127.0.0.1:{listening.getsockname()[1]}"
    runner = web.AppRunner(elsewhere)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    try:
        async with serving(command) as (_, url, server), browser.Browser(program, tmp_path / "profile") as chromium:
            page = await chromium.page()
            await page.open(f"{url}/?token=wrong")
            await page.settled("document.body.innerText.includes('it has the token in it')")

            await page.open(f"{url}/?token=the-token")
            await page.until(lambda: "node3 OFFLINE" in page.text and "web" in page.text, "the cluster")
            assert await page.tell("location.href") == f"{url}/"
            assert await page.tell("document.cookie") == ""
            await page.settled("getComputedStyle(document.querySelector('.connecting')).display === 'none'")

            await page.tell("document.querySelector('textarea').focus()")
            await page.press("s")
            await page.until(lambda: "node standby node1" in page.text, "the preview")
            await page.until(lambda: "what would happen" in page.text or "no resource" in page.text, "the effect")
            (tmp_path / "preview.png").write_bytes(await page.picture())
            assert b'name="standby"' not in where.read_bytes()
            await page.press("Enter", 13)
            await page.until(lambda: "committed as" in page.text, "the word about what was done")
            assert b'name="standby"' in where.read_bytes()
            (tmp_path / "done.png").write_bytes(await page.picture())
            assert (tmp_path / "done.png").stat().st_size > 15_000  # an empty page is a tenth of that

            # The same machine by another port is the same site for cookies; the origin is what tells it apart.
            visitors = len(server._visitors)
            other = await chromium.page()
            await other.open(evil)
            await other.settled("document.title === 'elsewhere'")
            opened = await other.tell(
                f"new Promise(done => {{ const s = new WebSocket('ws{url[4:]}/ws');"
                " s.onopen = () => done('open'); s.onclose = () => done('refused'); })"
            )
            assert opened == "refused"
            read = await other.tell(
                f"fetch('{url}/', {{credentials: 'include'}}).then(() => 'read', () => 'refused')"
            )
            assert read == "refused"
            assert len(server._visitors) == visitors == 1
    finally:
        await runner.cleanup()
