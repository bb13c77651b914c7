"""What goes wrong outside the shell: disks, pipes, daemons and other people. Told in a message, with nothing lost."""

from __future__ import annotations

import errno
import os

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.output import DummyOutput

from hashell.cib.document import Cib
from hashell.client.cib_file import FileClient
from hashell.client.memory import MemoryClient
from hashell.entry_points import run
from hashell.errors import NotReachable
from hashell.shell.app import Shell
from hashell.shell.session import Session

CIB = """<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config/>
<nodes/><resources><primitive id="web" class="ocf" provider="heartbeat" type="apache"/></resources><constraints/>
</configuration><status/></cib>"""
STAGED = "configure\nprimitive vip ocf:hashell:Dummy"
DISKS = [(errno.EROFS, "Read-only file system"), (errno.ENOSPC, "No space left on device")]


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "cib.xml"
    found.write_text(CIB)
    return found


@pytest.fixture
def shell_on(tmp_path, monkeypatch):
    """Makes an interactive shell on a client, with what it said in its `said`."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def make(client):
        session = Session(out=lambda text: None, err=lambda text: said.append(text))
        said: list[str] = []
        session.use_client(client)
        shell = Shell(session)
        shell._followed = session.client
        shell.said = said
        return shell

    with create_app_session(output=DummyOutput()):
        yield make


@pytest.fixture
def disk(monkeypatch):
    """A disk that refuses new files with an error, until `mend` is called."""
    real = os.open
    state = {"code": 0}

    def opened(name, flags, *more, **named):
        if state["code"] and flags & os.O_CREAT and "cib.xml" in str(name):
            raise OSError(state["code"], os.strerror(state["code"]))
        return real(name, flags, *more, **named)

    monkeypatch.setattr("hashell.cib.files.os.open", opened)
    return state


def resources(path) -> list[str]:
    return Cib.parse(path.read_bytes()).root.xpath("//primitive/@id")


@pytest.mark.parametrize(("code", "says"), DISKS)
def test_a_command_on_a_disk_that_takes_nothing_says_so_and_leaves_the_file(path, disk, code, says, capsys):
    disk["code"] = code
    assert run(["--cib", str(path), "configure", "primitive", "vip", "ocf:hashell:Dummy"]) != 0
    told = capsys.readouterr().err
    assert f"ERROR: {path} cannot be written: {says}" in told
    assert "Traceback" not in told
    assert path.read_text() == CIB
    assert [one.name for one in path.parent.iterdir()] == ["cib.xml"]


@pytest.mark.parametrize(("code", "says"), DISKS)
def test_edits_stay_staged_in_the_shell_until_the_disk_takes_them(path, disk, code, says, shell_on, capsys):
    shell = shell_on(FileClient(str(path)))
    assert shell.execute(STAGED) == 0
    disk["code"] = code
    assert shell.execute("commit") != 0
    assert says in capsys.readouterr().err
    assert shell.session.staged
    assert path.read_text() == CIB
    disk["code"] = 0
    assert shell.execute("commit") == 0
    assert resources(path) == ["web", "vip"]


def test_edits_stay_staged_while_the_daemon_is_away(shell_on, monkeypatch, capsys):
    client = MemoryClient(CIB)
    shell = shell_on(client)
    assert shell.execute(STAGED) == 0

    def away(*changes, **more):
        raise NotReachable("hashelld does not answer", "is it running?")

    with monkeypatch.context() as gone:
        gone.setattr(MemoryClient, "apply", away)
        assert shell.execute("commit") == NotReachable.exit_code
    assert "hashelld does not answer" in capsys.readouterr().err
    assert shell.session.staged
    assert shell.execute("commit") == 0
    assert client.cib().root.xpath("//primitive/@id") == ["web", "vip"]


def test_a_daemon_that_is_not_there_is_one_message_of_a_command(tmp_path, capsys):
    socket = tmp_path / "hashelld.sock"
    assert run(["--attach", str(socket), "configure", "show"]) == NotReachable.exit_code
    told = capsys.readouterr().err
    assert str(socket) in told
    assert told.count("ERROR") == 1
    assert "Traceback" not in told


def test_what_somebody_else_wrote_meanwhile_is_merged_with_what_is_staged(path, shell_on):
    shell = shell_on(FileClient(str(path)))
    assert shell.execute(STAGED) == 0
    assert run(["--cib", str(path), "configure", "primitive", "theirs", "ocf:hashell:Dummy"]) == 0
    assert shell.execute("commit") == 0
    assert sorted(resources(path)) == ["theirs", "vip", "web"]
    assert any("merged with what somebody else changed" in text for text in shell.said)


def test_the_same_thing_changed_by_somebody_else_is_refused_and_neither_is_lost(path, shell_on, capsys):
    shell = shell_on(FileClient(str(path)))
    assert shell.execute("configure\nprimitive vip ocf:hashell:Dummy params fake=ours") == 0
    assert run(["--cib", str(path), "configure", "primitive", "vip", "ocf:hashell:Dummy", "params", "fake=theirs"]) == 0
    capsys.readouterr()
    assert shell.execute("commit") != 0
    assert "vip" in capsys.readouterr().err
    assert shell.session.staged
    assert 'value="theirs"' in path.read_text()
    assert 'value="ours"' not in path.read_text()


def test_a_reader_that_goes_away_ends_the_line_and_not_the_shell(path, shell_on):
    shell = shell_on(FileClient(str(path)))

    def closed(text):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    out, shell.session.out = shell.session.out, closed
    assert shell.execute("configure show") == 141
    assert not shell.session.ended
    shell.session.out = out
    assert shell.execute("configure show") == 0
