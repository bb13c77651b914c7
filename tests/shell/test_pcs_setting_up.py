"""Setting up in pcs's words: host auth, cluster setup, nodes, quorum's options."""

from __future__ import annotations

import os
import shlex

import pytest

from hashell.client.memory import MemoryClient
from hashell.commands import setup, ssh
from hashell.errors import NotReachable
from hashell.shell.session import Session

CIB = """<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config/>
<nodes><node id="1" uname="far1"/><node id="2" uname="far2"/></nodes><resources/><constraints/></configuration>
<status/></cib>"""
HERE = os.uname().nodename
CONF = """totem {
    version: 2
    cluster_name: shop
}
nodelist {
    node {
        ring0_addr: 10.0.0.1
        name: far1
        nodeid: 1
    }
    node {
        ring0_addr: 10.0.0.2
        name: far2
        nodeid: 2
    }
}
quorum {
    provider: corosync_votequorum
    wait_for_all: 1
}
"""


class Typed:
    def __init__(self) -> None:
        self.out: list[str] = []
        self.err: list[str] = []
        self.session = Session(out=self.out.append, err=self.err.append)
        self.client = MemoryClient(CIB)
        self.session.use_client(self.client)

    def __call__(self, line: str, code: int = 0) -> str:
        self.out.clear()
        self.err.clear()
        assert self.session.run_words(["pcs", *shlex.split(line)]) == code, (line, self.err)
        return "".join(self.out)

    def refused(self, line: str) -> str:
        self(line, 1)
        return " ".join(self.err)


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What is done on other machines, of which `dead` does not answer; this node's settings are in a folder."""
    done = []

    def run(host, command, *more, **others):
        if host == "dead":
            raise NotReachable("dead cannot be reached: no route", "see ssh-copy-id")
        done.append((host, command))
        return 0, f"{host}\n0\n".encode(), ""

    monkeypatch.setattr(ssh, "run", run)
    monkeypatch.setattr(ssh, "write", lambda host, path, data, mode=0o644: done.append((host, path)))
    monkeypatch.setattr(setup, "folder", lambda: tmp_path)
    return done


@pytest.fixture
def typed(asked):
    return Typed()


def test_host_auth_tells_of_each_machine_whether_it_can_be_reached(typed, asked):
    assert typed(f"host auth far1 far2 addr=10.0.0.2 {HERE} -u hacluster -p x") == (
        f"far1: Authorized\nfar2: Authorized\n{HERE}: Authorized\n"
    )
    assert [host for host, _ in asked] == ["far1", "10.0.0.2"]
    assert "dead" in typed.refused("host auth dead far1")
    assert "".join(typed.out) == "far1: Authorized\n", "one that is away does not hold up the next"


def test_a_cluster_is_set_up_on_this_machine_and_on_those_named(typed, asked, tmp_path):
    nodes = f"{HERE} addr=10.0.0.9 far1 addr=10.0.0.1 addr=10.1.0.1"
    typed(f"cluster setup shop {nodes} transport knet quorum wait_for_all=1")
    settings = (tmp_path / setup.SETTINGS).read_text()
    assert 'cluster = "shop"' in settings
    assert "10.0.0.1" in settings
    assert "wait_for_all = true" in settings
    assert any("transport" in line for line in typed.err)
    assert ("10.0.0.1", "/etc/hashell/key") in asked
    assert typed("quorum config").splitlines() == ["Options:", " wait_for_all: 1"]


def test_the_older_way_to_name_a_cluster_is_understood(typed, tmp_path):
    typed(f"cluster setup --name shop {HERE}")
    assert 'cluster = "shop"' in (tmp_path / setup.SETTINGS).read_text()


@pytest.mark.parametrize(("line", "told"), [
    ("cluster setup shop", "expected NODE"), ("cluster setup shop far1", "is not among the nodes"),
    (f"cluster setup shop {HERE} {HERE}", "named twice"), (f"cluster setup shop {HERE} frob=1", "'frob=1'"),
    (f"cluster setup shop {HERE} quorum frob=1", "invalid quorum option 'frob'"),
    (f"cluster setup shop {HERE} quorum wait_for_all=maybe", "'maybe' is not a valid wait_for_all"),
    ("cluster node add", "expected NODE"), ("cluster node add a b", "'b'"),
    ("cluster node delete nope", "'nope'"), ("cluster node delete", "NODE"), ("cluster rename", "NAME"),
    ("cluster sync all", "'all'"), ("cluster reload pacemaker", "'pacemaker'"),
    ("cluster link add", "link add"), ("cluster link update 0 options fast", "'fast'"),
    ("host auth addr=1.2.3.4", "'addr=1.2.3.4'"),
    ("host deauth far1", "nothing is kept"), ("quorum update", "NAME=VALUE"), ("quorum update frob=1", "'frob'"),
    ("quorum update wait_for_all=2", "'2'"), ("quorum expected-votes x", "'x'"), ("quorum unblock", "--yes"),
    ("quorum device add model net host=x", "--arbiter"), ("quorum frob", "'frob'"),
])
def test_what_cannot_be_set_up_names_the_word_and_changes_nothing(typed, asked, tmp_path, line, told):
    assert told in typed.refused(line)
    assert not asked
    assert not list(tmp_path.iterdir())


def test_a_node_is_brought_in_and_started(typed, asked, tmp_path):
    typed(f"cluster setup shop {HERE}")
    typed("cluster node add far1 addr=10.0.0.1 --start --enable")
    assert [command for host, command in asked if host == "10.0.0.1" and "systemctl" in command] == [
        "systemctl enable hashelld.service", "systemctl start hashelld.service",
    ]


def test_options_of_quorum_are_changed_in_the_settings_of_this_node(typed, tmp_path):
    typed(f"cluster setup shop {HERE}")
    (tmp_path / setup.SETTINGS).write_text((tmp_path / setup.SETTINGS).read_text() + "[table]\nkey = 1\n")
    typed("quorum update wait_for_all=0 last_man_standing_window=5000")
    assert typed("quorum").splitlines() == ["Options:", " last_man_standing_window: 5000", " wait_for_all: 0"]
    typed("quorum update wait_for_all=")
    assert "wait_for_all" not in (tmp_path / setup.SETTINGS).read_text()
    assert "key = 1" in (tmp_path / setup.SETTINGS).read_text()


def test_options_of_quorum_are_changed_in_a_corosync_conf_that_is_named(typed, tmp_path):
    path = tmp_path / "corosync.conf"
    path.write_text(CONF)
    assert typed(f"quorum config --corosync_conf {path}").splitlines() == ["Options:", " wait_for_all: 1"]
    typed(f"quorum update --corosync_conf {path} wait_for_all= auto_tie_breaker=1")
    assert "wait_for_all" not in path.read_text()
    assert "auto_tie_breaker: 1" in path.read_text()
    assert "nodeid: 2" in path.read_text()
    assert "Unable to read" in typed.refused(f"quorum config --corosync_conf {tmp_path}/nowhere")


def test_votes_of_a_cluster_with_its_own_layer_are_no_matter_of_corosync(typed):
    assert "told by its settings" in typed.refused("quorum expected-votes 3")
    assert "pcs stonith confirm" in typed.refused("quorum unblock --yes")


def test_the_nodes_of_a_file_stand_in_the_corosync_conf_that_is_named(typed, tmp_path):
    path, cib = tmp_path / "corosync.conf", tmp_path / "cib.xml"
    path.write_text(CONF)
    cib.write_text(CIB)
    lines = typed(f"-f {cib} config --corosync_conf {path}").splitlines()
    assert lines[1:4] == ["Corosync Nodes:", " far1 far2", "Pacemaker Nodes:"]
    assert typed(f"-f {cib} config").splitlines()[1] == "Pacemaker Nodes:"


def test_a_machine_is_no_node_any_more_after_it_was_destroyed(typed, asked, tmp_path, monkeypatch):
    typed(f"cluster setup shop {HERE}")
    state = tmp_path / "state"
    state.mkdir()
    monkeypatch.setattr(setup, "state_folder", lambda cluster, node: tmp_path / "state")
    monkeypatch.setattr("hashell.client.choose.default_sockets", lambda *more: ())
    assert "nothing was destroyed" in typed.refused("cluster destroy")
    assert state.is_dir() and (tmp_path / setup.SETTINGS).exists()
    typed("cluster destroy --yes")
    assert not list(tmp_path.iterdir())
    assert "not set up" in typed.refused("cluster destroy --yes")


def test_who_destroys_all_is_told_of_those_that_are_left(typed, asked, tmp_path, monkeypatch):
    typed(f"cluster setup shop {HERE}")
    monkeypatch.setattr("hashell.client.choose.default_sockets", lambda *more: ())
    monkeypatch.setattr(ssh, "run", lambda host, *more: (1, b"", "no leave"))
    typed("cluster destroy --all --yes", 1)
    assert "cluster destroy on far1: no leave" in typed.err[0]
    assert (tmp_path / setup.SETTINGS).exists()
