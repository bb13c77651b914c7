"""The support archive: what is in it, and that no secret is."""

from __future__ import annotations

import tarfile
import time

import pytest

from hashell.client.memory import MemoryClient
from hashell.errors import BadUsage, Refused
from hashell.shell.crm.report import when
from hashell.shell.grammar.lexer import split_words
from hashell.shell.session import Session

CIB = """<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config/>
<nodes><node id="1" uname="node1"/></nodes><resources><primitive id="ipmi" class="stonith" type="fence_ipmilan">
<instance_attributes id="i"><nvpair id="i-1" name="passwd" value="TopSecret1"/>
<nvpair id="i-2" name="ip" value="10.9.8.7"/></instance_attributes></primitive></resources><constraints/>
</configuration><status/></cib>"""


def report(tmp_path, client=None, words=""):
    client = client or MemoryClient(CIB)
    said: list[str] = []
    session = Session(out=said.append, err=said.append)
    session.use_client(client)
    path = tmp_path / "all.tar.gz"
    code = session.run_words(split_words(f"report {words} {path}"))
    assert code == 0
    with tarfile.open(path) as tar:
        return {name.partition("/")[2]: tar.extractfile(name).read().decode() for name in tar.getnames()}, said


def test_the_archive_holds_the_cib_events_history_and_findings(tmp_path):
    client = MemoryClient(CIB)
    client.happened("note", "something happened")
    members, _ = report(tmp_path, client)
    assert "10.9.8.7" in members["cib.xml"]
    assert "something happened" in members["events.txt"]
    assert "to mend" in members["doctor.txt"]
    assert "cib.xml" in members["CONTENTS"]
    assert any(name.startswith("versions/") for name in members)


def test_no_member_holds_a_secret_wherever_it_stood(tmp_path):
    client = MemoryClient(CIB)
    client.happened("note", "agent said: login with TopSecret1 failed")
    client.happened("note", "called with password=OtherSecret")
    members, said = report(tmp_path, client)
    everything = "".join(members.values()) + "".join(said)
    assert "TopSecret1" not in everything
    assert "OtherSecret" not in everything
    assert "******" in members["cib.xml"]


def test_only_events_of_the_time_asked_for_are_in_it(tmp_path):
    client = MemoryClient(CIB)
    client.happened("note", "just now")
    members, _ = report(tmp_path, client, "-f 3h -t 1h")
    assert "just now" not in members["events.txt"]


def test_an_archive_is_private_and_never_written_over(tmp_path):
    report(tmp_path)
    assert (tmp_path / "all.tar.gz").stat().st_mode & 0o077 == 0
    with pytest.raises(Refused, match="there already"):
        report(tmp_path)


def test_times_are_dates_times_of_today_or_how_long_ago():
    now = time.mktime((2026, 11, 22, 15, 0, 0, 0, 0, -1))
    assert when("2026-11-22 14:00", now) == now - 3600
    assert when("14:00", now) == now - 3600
    assert when("2h", now) == now - 7200
    with pytest.raises(BadUsage, match="no time"):
        when("yesterday", now)


def test_a_time_that_ends_before_it_begins_is_refused(tmp_path):
    with pytest.raises(BadUsage, match="ends before"):
        report(tmp_path, words="-f 1h -t 2h")
