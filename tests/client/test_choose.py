"""Which cluster is meant, and what is said when none answers."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from hashell.cib.document import EMPTY
from hashell.client import choose
from hashell.errors import BadUsage, HashellError, NotFound, NotReachable
from hashell.testing.fake_node import FakeNode


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="hsh") as path:
        yield Path(path)


@pytest.fixture
def nothing_here(monkeypatch, folder):
    """A machine on which no daemon of its own runs."""
    monkeypatch.setattr(choose, "run_folders", lambda env, root: (folder / "run",))
    monkeypatch.setattr("hashell.client.pacemaker.runs_here", lambda: False)
    return folder


def test_a_named_file_is_meant_by_option_or_variable(nothing_here):
    path = nothing_here / "cib.xml"
    path.write_bytes(EMPTY)
    assert choose.open_client(cib_file=str(path), env={}).kind == "file"
    assert choose.open_client(env={"CIB_file": str(path)}).where == str(path)


def test_a_file_is_never_exchanged_for_a_running_cluster(nothing_here):
    with FakeNode(nothing_here) as node:
        with pytest.raises(NotFound):
            choose.open_client(env={"CIB_file": "/no/such/file", "HASHELL_SOCKET": node.path})
        with pytest.raises(BadUsage):
            choose.open_client(attach=node.path, cib_file="x", env={})


def test_a_socket_is_meant_by_option_folder_or_variable(nothing_here):
    with FakeNode(nothing_here) as node:
        for found in (
            choose.open_client(attach=node.path, env={}),
            choose.open_client(attach=str(nothing_here), env={}),
            choose.open_client(env={"HASHELL_SOCKET": node.path}),
            choose.open_client(attach=node.path, env={"CIB_file": "/no/such/file"}),
        ):
            assert (found.kind, found.where) == ("hashelld", node.path)
            found.close()


def test_the_default_sockets_are_tried_and_dead_ones_passed_over(nothing_here):
    dead = nothing_here / "run" / "c" / "a"
    with FakeNode(dead) as node:
        node.die()
    with FakeNode(nothing_here / "run" / "c" / "b") as node:
        found = choose.open_client(env={})
        assert found.where == node.path
        found.close()


def test_two_clusters_on_one_machine_must_be_told_apart(nothing_here):
    run = nothing_here / "run"
    with FakeNode(run / "a", cluster="one"), FakeNode(run / "b", cluster="two"):
        with pytest.raises(NotReachable, match=r"one: .*two: ") as caught:
            choose.open_client(env={})
        assert "--attach" in caught.value.hint


def test_nothing_at_all_says_what_can_be_done(nothing_here):
    with pytest.raises(NotReachable) as caught:
        choose.open_client(env={})
    assert caught.value.exit_code == 102
    assert "--cib" in caught.value.hint


def test_a_socket_left_by_a_dead_daemon_says_so(nothing_here):
    with FakeNode(nothing_here / "run") as node:
        node.die()
    with pytest.raises(NotReachable, match="ended"):
        choose.open_client(env={})


def test_users_and_root_look_in_their_own_places():
    root = choose.run_folders({}, root=True)
    user = choose.run_folders({}, root=False)
    assert root == (Path("/run/hashell"),)
    assert len(user) == 3 and user[-1] == root[0]


def test_a_running_pacemaker_is_meant_where_daemons_left_only_their_sockets(nothing_here, monkeypatch):
    left = nothing_here / "run" / "c" / "a"
    left.mkdir(parents=True)
    (left / choose.SOCKET_NAME).touch()
    with pytest.raises(NotReachable):
        choose.open_client(env={})
    asked = []
    monkeypatch.setattr("hashell.client.pacemaker.runs_here", lambda: True)
    monkeypatch.setattr("hashell.client.pacemaker.PacemakerClient", lambda **words: asked.append(words) or "client")
    assert choose.open_client(env={}) == "client"
    assert choose.open_client(env={"HASHELL_WRITE": "1"}) == "client"
    assert [words["write"] for words in asked] == [False, True]
    with pytest.raises(NotReachable):
        choose.open_client(attach="hashelld", env={})


def test_pacemaker_without_its_tools_is_a_clear_error(monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(HashellError):
        choose.open_client(attach="pacemaker", env={})
