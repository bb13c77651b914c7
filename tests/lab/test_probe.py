"""Gaps are measured from the last answer to the next, and two owners are seen."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from hashell.lab import probe
from hashell.lab.probe import Gap, Probe, Tally


def test_a_gap_lasts_from_the_last_answer_to_the_first_after_it():
    tally = Tally()
    assert tally.answered("node1", 1.0, 1.001)
    assert not tally.answered("node1", 1.01, 1.011)
    assert tally.failed()
    assert not tally.failed()
    assert tally.answered("node2", 3.0, 3.011)
    assert tally.gaps == [Gap(1.011, 3.011, "node1", "node2")]
    assert tally.gaps[0].seconds == pytest.approx(2.0)
    assert tally.doubles == []


def test_no_gap_is_counted_before_the_first_answer():
    tally = Tally()
    tally.failed()
    tally.answered("node1", 1.0, 1.1)
    assert tally.gaps == []


def test_a_quick_move_is_a_short_gap_and_no_second_owner():
    tally = Tally()
    tally.answered("node1", 1.0, 1.001)
    tally.answered("node2", 1.01, 1.011)
    assert [gap.after for gap in tally.gaps] == ["node2"]
    assert tally.doubles == []


def test_nodes_that_answer_in_turns_are_two_owners():
    tally = Tally()
    for number in range(4):
        tally.answered(f"node{1 + number % 2}", 1 + number / 100, 1 + number / 100)
    assert tally.doubles and "in turns" in tally.doubles[0]


def test_two_listening_sockets_are_two_owners():
    tally = Tally()
    tally.listening(1)
    assert tally.doubles == []
    tally.listening(2)
    assert "2 sockets" in tally.doubles[0]


def test_the_kernels_table_shows_who_listens():
    with socket.socket() as one, socket.socket() as two:
        for listener in (one, two):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]

        def count() -> int:
            return probe.listeners(Path("/proc/net/tcp"), "127.0.0.1", port)

        assert count() == 0
        one.listen()
        assert count() == 1
        two.bind(("127.0.0.1", port))
        two.listen()
        assert count() == 2
        # Connections, and what is left of them, are no listeners.
        with socket.create_connection(("127.0.0.1", port)):
            assert count() == 2
        assert count() == 2


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello node7\n")

    def log_message(self, *_):
        pass


@pytest.fixture
def web():
    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.loopback
def test_the_last_word_of_an_answer_is_the_node(web):
    assert probe.ask("127.0.0.1", web.server_port, timeout_s=60) == "node7"


def test_who_listens_and_never_answers_is_nobody():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        began = time.monotonic()
        assert probe.ask("127.0.0.1", listener.getsockname()[1], timeout_s=0.05) == ""
        assert time.monotonic() - began < 30


def test_a_closed_port_is_nobody():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    assert probe.ask("127.0.0.1", port) == ""


def until(holds, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.loopback
def test_the_process_tells_of_an_outage_as_it_happens(web):
    port = web.server_port
    heard = []
    watch = Probe("127.0.0.1", port)
    watch.on_change = lambda node, gaps, doubles: heard.append(node)
    watch.start()
    try:
        until(lambda: watch.sight.node == "node7")
        assert watch.sight.owners in (0, 1)
        web.shutdown()
        web.server_close()
        until(lambda: watch.sight.node == "")
        again = HTTPServer(("127.0.0.1", port), Answer)
        thread = threading.Thread(target=again.serve_forever, args=(0.01,))
        thread.start()
        until(lambda: watch.gaps)
        again.shutdown()
        again.server_close()
        thread.join()
    finally:
        watch.stop()
    assert heard[0] == "node7" and "" in heard
    (gap,) = watch.gaps[:1]
    assert (gap.before, gap.after) == ("node7", "node7") and gap.seconds > 0
    assert watch.doubles == []


def test_the_process_ends_with_its_lab():
    process = subprocess.Popen(
        [sys.executable, "-m", "hashell.lab.probe", "127.0.0.1", "1"], stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL, env={"PYTHONPATH": ":".join(p for p in sys.path if p)},
    )
    process.stdin.close()
    assert process.wait(60) == 0


def test_a_question_that_stays_open_is_no_gap_while_later_ones_are_answered():
    tally = Tally()
    tally.answered("node1", 1.0, 1.001)
    tally.answered("node1", 1.02, 1.021, open_before=1)
    assert not tally.failed(1.01)
    assert tally.answering and tally.gaps == []


def test_many_questions_without_an_answer_between_two_good_ones_are_a_gap():
    tally = Tally()
    tally.answered("node1", 1.0, 1.001)
    tally.answered("node1", 1.1, 1.101, open_before=9)
    assert tally.gaps == [Gap(1.001, 1.101, "node1", "node1")]


def test_a_late_answer_of_the_old_owner_to_an_old_question_is_no_second_owner():
    tally = Tally()
    tally.answered("node1", 1.0, 1.001)
    tally.answered("node2", 1.02, 1.021)
    tally.answered("node1", 1.01, 1.03)
    assert tally.node == "node2" and tally.doubles == []
