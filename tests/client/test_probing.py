"""Probing: what is asked, when an outage begins and ends, and real questions to a real socket and a real program."""

from __future__ import annotations

import asyncio
import sys
import time

import pytest

from hashell.client.feed import ProbeUpdate
from hashell.client.probing import BadProbe, Probe, Sight, parse, watch

PATIENCE_S = 30.0


@pytest.mark.parametrize(("text", "probe"), [
    ("tcp:10.0.0.1:80", Probe("10.0.0.1:80", "tcp", "10.0.0.1:80")),
    ("web=tcp:[::1]:80,budget=5s", Probe("web", "tcp", "[::1]:80", 5.0)),
    ("http://web.example/health?deep=1,budget=500ms",
     Probe("http://web.example/health?deep"[:30], "http", "http://web.example/health?deep=1", 0.5)),
    ("db=command:psql -c 'select 1'", Probe("db", "command", "psql -c 'select 1'")),
])
def test_a_probe_is_read_with_its_name_and_budget(text, probe):
    assert parse(text) == probe


@pytest.mark.parametrize("text", [
    "", "web", "tcp:", "tcp:host", "tcp:host:0", "tcp:host:99999", "ftp:host:1", "http:", "command:", "command:'",
    "tcp:a:1,budget=soon",
])
def test_words_that_are_no_probe_are_refused_with_the_way_out(text):
    with pytest.raises(BadProbe) as caught:
        parse(text)
    assert "tcp:HOST:PORT" in caught.value.hint


def test_an_outage_goes_from_the_last_answer_to_the_first_one_after_it():
    sight = Sight(Probe("web", "tcp", "a:1", 5.0))
    assert sight.answered("", 1.0, 1.1) == ProbeUpdate("web", True, "", 0.0, 5.0)
    assert sight.answered("", 2.0, 2.1) is None
    assert sight.failed("refused", 3.0) == ProbeUpdate("web", False, "refused", 0.0, 5.0)
    assert sight.failed("refused", 3.5) is None
    told = sight.answered("", 6.0, 6.1)
    assert told is not None and round(told.gap_s, 3) == 4.0


def test_a_late_failure_of_an_old_question_is_no_outage():
    sight = Sight(Probe("web", "tcp", "a:1"))
    sight.answered("", 2.0, 2.1)
    assert sight.failed("no answer", 1.0) is None


async def _changes(probe, wanted, then=None):
    heard = []
    task = asyncio.create_task(watch(probe, heard.append, time.time))
    try:
        async with asyncio.timeout(PATIENCE_S):
            while len(heard) < 1:
                await asyncio.sleep(0.01)
            if then is not None:
                await then()
            while len(heard) < wanted:
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return [update.ok for update in heard[:wanted]], heard


@pytest.mark.loopback
@pytest.mark.parametrize("kind", ["tcp", "http"])
async def test_a_server_that_goes_and_comes_back_is_an_outage(kind):
    async def serve(reader, writer):
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nhello")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def goes_and_comes():
        nonlocal server
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.5)  # longer than a period: a question falls into it
        server = await asyncio.start_server(serve, "127.0.0.1", port)

    target = f"127.0.0.1:{port}" if kind == "tcp" else f"http://127.0.0.1:{port}/"
    oks, heard = await _changes(Probe("web", kind, target), 3, goes_and_comes)
    server.close()

    assert oks == [True, False, True]
    assert heard[2].gap_s >= 0.4


async def test_a_program_answers_by_how_it_ends():
    code = f"{sys.executable} -c"
    assert (await _changes(Probe("x", "command", f"{code} pass"), 1))[0] == [True]
    assert (await _changes(Probe("x", "command", f"{code} 'raise SystemExit(3)'"), 1))[1][0].said == "ended with 3"
    assert (await _changes(Probe("x", "command", "/no/such/program"), 1))[0] == [False]
