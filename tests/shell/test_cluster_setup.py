"""Setting a cluster up: key and settings here and there, without a network."""

from __future__ import annotations

import tomllib

import pytest

from hashell.commands import setup, ssh
from hashell.errors import AlreadyExists, BadUsage, NotFound, NotReachable
from hashell.shell.grammar.lexer import split_words
from hashell.shell.session import Session


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(setup, "folder", lambda: tmp_path / "etc")
    return tmp_path / "etc"


def run(line, **options):
    said: list[str] = []
    session = Session(out=said.append, err=said.append)
    for name, value in options.items():
        setattr(session.options, name, value)
    return session.run_words(split_words(line)), "\n".join(said)


def test_init_makes_a_private_key_and_settings(folder):
    assert run("cluster init -n shop")[0] == 0
    settings = tomllib.loads((folder / "hashelld.toml").read_text())
    assert settings["cluster"] == "shop"
    assert (folder / "key").stat().st_mode & 0o077 == 0
    assert len((folder / "key").read_bytes()) >= 64


def test_a_node_that_was_set_up_is_not_set_up_again_unless_forced(folder):
    run("cluster init -n shop")
    key = (folder / "key").read_bytes()
    with pytest.raises(AlreadyExists):
        run("cluster init -n other")
    assert (folder / "key").read_bytes() == key
    run("cluster init -n other", force=True)
    assert (folder / "key").read_bytes() != key


def test_another_node_gets_the_same_key_and_its_own_name(folder, monkeypatch):
    written: dict[tuple[str, str], tuple[bytes, int]] = {}
    monkeypatch.setattr(ssh, "run", lambda host, command, *rest, **more: (0, b"beta\n0\n", ""))
    monkeypatch.setattr(ssh, "write", lambda host, path, data, mode=0: written.update({(host, path): (data, mode)}))
    assert run("cluster init -n shop beta")[0] == 0
    assert written["beta", "/etc/hashell/key"] == ((folder / "key").read_bytes(), 0o600)
    settings = tomllib.loads(written["beta", "/etc/hashell/hashelld.toml"][0].decode())
    assert (settings["cluster"], settings["node"]) == ("shop", "beta")
    assert "beta" in settings["peers"]


def test_joining_takes_key_and_peers_from_the_node_that_is_named(folder, monkeypatch):
    files = {"/etc/hashell/hashelld.toml": b'cluster = "shop"\nnode = "alpha"\npeers = ["alpha"]\n',
             "/etc/hashell/key": b"k" * 128}
    monkeypatch.setattr(ssh, "read", lambda host, path: files[path])
    run("cluster join -c root@alpha")
    settings = tomllib.loads((folder / "hashelld.toml").read_text())
    assert settings["cluster"] == "shop"
    assert settings["peers"][0] == "alpha"
    assert (folder / "key").read_bytes() == b"k" * 128


def test_a_node_that_cannot_be_reached_is_told_and_the_others_are_still_served(folder, monkeypatch):
    run("cluster init -n shop")

    def answer(host, command, *rest, **more):
        if host == "gone":
            raise NotReachable("gone cannot be reached")
        return 0, b"beta\n0\n", ""

    monkeypatch.setattr(ssh, "run", answer)
    monkeypatch.setattr(ssh, "write", lambda *words, **more: None)
    code, said = run("cluster add gone beta")
    assert code == NotReachable.exit_code
    assert "gone cannot be reached" in said
    assert "beta is set up" in said


def test_adding_a_node_to_nothing_says_what_comes_first(folder):
    with pytest.raises(NotFound, match="cluster init"):
        run("cluster add beta")


def test_names_that_cannot_be_are_refused(folder):
    with pytest.raises(BadUsage):
        run('cluster init -n "a b"')


def test_the_list_of_faults_breaks_nothing():
    code, said = run("cluster crash_test --list")
    assert code == 0
    assert "--fence-node" in said
