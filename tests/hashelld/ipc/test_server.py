"""The socket: who may, how much, how long."""

from __future__ import annotations

import os
import socket
import stat
import struct
import tempfile
import threading
import time
from pathlib import Path

import pytest

from hashell.client.daemon import DaemonClient
from hashell.errors import HashellError, NotReachable, Refused, TimedOut
from hashell.testing.fake_node import FakeNode
from hashell.wire import codec, messages
from hashelld.ipc import server, users
from hashelld.ipc.server import IN_FLIGHT_MAX, PATH_MAX, SocketTaken


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="hsh") as path:
        yield Path(path)


class Raw:
    """A client that may say anything."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.reader = codec.FrameReader(messages.ToClient, first_max=codec.FRAME_MAX)
        self.frames: list[messages.ToClient] = []

    def say(self, number: int, body: messages.Message) -> None:
        self.socket.sendall(codec.encode(messages.ToDaemon(number, body)))

    def hear(self) -> messages.ToClient | None:
        """The next frame, None when the daemon closed."""
        while not self.frames:
            data = self.socket.recv(65536)
            if not data:
                return None
            self.frames += self.reader.feed(data)
        return self.frames.pop(0)

    def greet(self) -> messages.Welcome:
        self.say(1, messages.Hello(messages.PROTOCOL, "test", "0"))
        frame = self.hear()
        assert frame is not None and isinstance(frame.body, messages.Welcome)
        return frame.body

    def last_words(self) -> messages.Failure:
        """The failure after which the connection ends."""
        frame = self.hear()
        while frame is not None and not isinstance(frame.body, messages.Failure):
            frame = self.hear()
        assert frame is not None and isinstance(frame.body, messages.Failure)
        assert self.hear() is None
        return frame.body

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def test_the_welcome_says_who_serves_and_who_asks(folder):
    with FakeNode(folder, cluster="c1") as node, Raw(node.path) as client:
        welcome = client.greet()
        assert (welcome.cluster, welcome.node, welcome.pid) == ("c1", "node1", os.getpid())
        assert welcome.user == users.judge(os.getuid(), os.getgid(), 1).name


def test_the_socket_is_closed_to_others(folder):
    with FakeNode(folder) as node:
        mode = stat.S_IMODE(os.stat(node.path).st_mode)
        group = users.group_id()
        may_give = group is not None and (os.geteuid() == 0 or group in {os.getegid(), *os.getgroups()})
        assert mode == (0o660 if may_give else 0o600)
        assert not mode & 0o007


def test_the_socket_is_gone_after_the_end_and_not_before(folder):
    with FakeNode(folder) as node:
        assert os.path.exists(node.path)
    assert not os.path.exists(node.path)


def test_a_socket_that_is_served_is_not_taken_over(folder):
    with FakeNode(folder) as node:
        with pytest.raises(SocketTaken), FakeNode(folder):
            pass
        DaemonClient(node.path).close()


def test_a_socket_that_a_killed_daemon_left_is_replaced(folder):
    with FakeNode(folder) as node:
        node.die()
        assert os.path.exists(node.path)
    with FakeNode(folder) as node:
        DaemonClient(node.path).close()


def test_a_file_in_the_place_of_the_socket_is_left_alone(folder):
    (folder / "hashelld.sock").write_text("mine")
    with pytest.raises(SocketTaken, match="no socket"), FakeNode(folder):
        pass
    assert (folder / "hashelld.sock").read_text() == "mine"


def test_a_path_too_long_for_a_socket_is_refused_with_the_way_out(folder):
    with pytest.raises(Refused, match="--run-dir"), FakeNode(folder / ("x" * PATH_MAX)):
        pass


@pytest.mark.parametrize("rubbish", [b"GET / HTTP/1.1\r\n\r\n", struct.pack("!I", 2**32 - 1), b"\0\0\0\0"])
def test_what_is_no_frame_ends_the_connection_with_a_reason_and_nobody_elses(folder, rubbish):
    with FakeNode(folder) as node, Raw(node.path) as good, Raw(node.path) as bad:
        good.greet()
        bad.socket.sendall(rubbish)
        assert bad.last_words().id == "frame-bad"
        good.say(2, messages.GetInfo())
        assert isinstance(good.hear().body, messages.Info)


def test_a_connection_begins_with_hello(folder):
    with FakeNode(folder) as node, Raw(node.path) as client:
        client.say(1, messages.GetCib())
        assert "Hello" in client.last_words().message


def test_another_protocol_is_refused_by_number(folder):
    with FakeNode(folder) as node, Raw(node.path) as client:
        client.say(1, messages.Hello(99, "future", "9"))
        assert "protocol 99" in client.last_words().message


def test_who_never_speaks_is_dropped(folder):
    with FakeNode(folder, hello_timeout_s=0.05) as node, Raw(node.path) as client:
        assert client.last_words().id == "timed-out"


def test_one_connection_too_many_is_refused_with_a_reason(folder):
    with FakeNode(folder, connections_max=2) as node, Raw(node.path) as one:
        one.greet()  # each is let in before the next one knocks: who is asking is looked up beside the loop
        with Raw(node.path) as two:
            two.greet()
            with Raw(node.path) as three:
                assert "2 clients" in three.last_words().message


def test_more_requests_than_may_wait_are_refused_each_by_itself(folder):
    with FakeNode(folder) as node, Raw(node.path) as client:
        node.answers = lambda asked: None
        client.greet()
        for number in range(2, IN_FLIGHT_MAX + 3):
            client.say(number, messages.WaitIdle(60_000))
        frame = client.hear()
        assert frame.number == IN_FLIGHT_MAX + 2
        assert frame.body.id == "too-many"
        client.say(1000, messages.GetInfo())
        assert client.hear().body.id == "too-many"


def test_a_request_that_nobody_answers_times_out(folder):
    with FakeNode(folder, answer_timeout_s=0.05) as node:
        node.answers = lambda asked: None
        client = DaemonClient(node.path)
        with pytest.raises(TimedOut, match="did not carry out CleanUp"):
            client.clean_up("web")
        assert client.info().node == "node1"
        client.close()


def test_a_late_answer_to_a_request_that_was_given_up_harms_nobody(folder):
    with FakeNode(folder, answer_timeout_s=0.05) as node:
        node.answers = lambda asked: None
        client = DaemonClient(node.path)
        with pytest.raises(TimedOut):
            client.clean_up("web")
        ticket = node.asked[-1].client

        async def answer() -> None:
            node._server.reply(ticket, messages.Done("late"))

        node.run(answer())
        assert client.info().node == "node1"
        client.close()


def test_a_client_that_does_not_read_is_dropped_and_the_others_hear_on(folder):
    with FakeNode(folder, notices_max=50) as node, Raw(node.path) as slow, Raw(node.path) as quick:
        for client in (slow, quick):
            client.greet()
            client.say(2, messages.Subscribe())
            assert isinstance(client.hear().body, messages.CibIs)
        text = "x" * 20_000
        for _ in range(400):
            node.happen(text)
            assert isinstance(quick.hear().body, messages.EventNotice)
            if len(node._server._connections) == 1:
                break
        assert len(node._server._connections) == 1, "the slow one is still there"
        with pytest.raises(ConnectionError):
            while slow.socket.recv(65536):
                pass
            raise ConnectionResetError
        node.happen("last")
        assert quick.hear().body.event.text == "last"


def test_notices_begin_exactly_where_the_snapshot_ends(folder):
    with FakeNode(folder) as node, Raw(node.path) as client:
        client.greet()
        node.change(messages.Change("modify", b'<node id="1" uname="a"/>', "nodes"))
        client.say(2, messages.Subscribe())
        snapshot = client.hear().body
        node.change(messages.Change("modify", b'<node id="2" uname="b"/>', "nodes"), command="add b")
        notice = client.hear().body
        assert (snapshot.version, notice.version) == ("0.1.0", "0.2.0")
        assert (notice.user, notice.command) == ("somebody", "add b")


def test_only_what_was_wanted_is_sent(folder):
    with FakeNode(folder) as node, Raw(node.path) as client:
        client.greet()
        client.say(2, messages.Subscribe(cib=False, transition=False, members=False))
        client.hear()
        node.change(messages.Change("modify", b'<node id="1" uname="a"/>', "nodes"))
        node.happen("seen")
        assert client.hear().body.event.text == "seen"


def test_answers_carry_the_number_of_their_request_whatever_the_order(folder):
    with FakeNode(folder) as node, Raw(node.path) as client:
        node.answers = lambda asked: None
        client.greet()
        client.say(7, messages.WaitIdle(60_000))
        client.say(8, messages.GetInfo())
        assert client.hear().number == 8
        ticket = node.asked[-1].client

        async def answer() -> None:
            node._server.reply(ticket, messages.Done())

        node.run(answer())
        assert client.hear().number == 7


def test_going_down_is_told_to_those_who_are_connected(folder):
    with FakeNode(folder) as node:
        client = Raw(node.path)
        client.greet()
    assert "going down" in client.last_words().message
    client.socket.close()


def test_who_connects_while_the_daemon_goes_down_is_told_and_nothing_complains(folder, monkeypatch, caplog):
    entered, go_on = threading.Event(), threading.Event()
    caller_of = server.caller_of

    def slow(given):
        entered.set()
        go_on.wait(60)
        return caller_of(given)

    monkeypatch.setattr(server, "caller_of", slow)
    with FakeNode(folder) as node:
        client = Raw(node.path)
        assert entered.wait(60)
        # After the end has begun, and before the connection is given up.
        threading.Timer(0.1, go_on.set).start()
    assert "going down" in client.last_words().message
    client.socket.close()
    assert not [record for record in caplog.records if record.name == "asyncio"]


def test_a_connection_that_outlives_the_end_of_the_daemon_leaves_no_traceback(folder, monkeypatch, caplog):
    entered, go_on = threading.Event(), threading.Event()
    caller_of = server.caller_of

    def slow(given):
        entered.set()
        go_on.wait(60)
        return caller_of(given)

    monkeypatch.setattr(server, "caller_of", slow)
    with FakeNode(folder) as node:
        client = Raw(node.path)
        assert entered.wait(60)
        threading.Timer(1.0, go_on.set).start()
    client.socket.close()
    assert not [record for record in caplog.records if record.name == "asyncio"]


def test_a_frozen_daemon_is_reported_within_the_timeout(folder):
    path = str(folder / "frozen.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        began = time.monotonic()
        with pytest.raises(TimedOut):
            DaemonClient(path, timeout_s=0.1)
        assert time.monotonic() - began < 30


def test_a_change_on_a_connection_that_broke_is_not_repeated_in_silence(folder):
    with FakeNode(folder) as node:
        client = DaemonClient(node.path)
        node.answers = lambda asked: None
        node.die()
        with pytest.raises(NotReachable, match=r"not known|listens"):
            client.apply([messages.Change("modify", b'<node id="1" uname="a"/>', "nodes")])
        client.close()


def test_a_reading_after_a_restart_of_the_daemon_just_works(folder):
    with FakeNode(folder) as node:
        client = DaemonClient(node.path)
        node.die()
    with FakeNode(folder):
        assert client.info().node == "node1"
        client.close()


def test_errors_of_the_socket_name_the_way_out(folder):
    with pytest.raises(NotReachable) as caught:
        DaemonClient(str(folder / "nobody.sock"))
    assert isinstance(caught.value, HashellError) and caught.value.hint
