"""The history level on scheduler inputs, on reports and on what the cluster keeps."""

from __future__ import annotations

import bz2
import io
import os
import tarfile

import pytest

from hashell.cib.document import Cib
from hashell.client.memory import MemoryClient
from hashell.commands import inputs
from hashell.errors import BadInput, BadUsage, NotFound
from hashell.shell.grammar.lexer import split_words
from hashell.shell.session import Session
from hashell.wire.messages import EventInfo

CIB = """<cib validate-with="pacemaker-3.9" epoch="{epoch}" num_updates="0" admin_epoch="0" have-quorum="1">
<configuration><crm_config><cluster_property_set id="o"><nvpair id="o-f" name="stonith-enabled" value="false"/>
</cluster_property_set></crm_config><nodes><node id="1" uname="node1"/></nodes><resources>
{resources}</resources><constraints/></configuration><status><node_state id="1" uname="node1" in_ccm="true"
 crmd="online" join="member" expected="member"><lrm id="1"><lrm_resources/></lrm></node_state></status></cib>"""
WEB = '<primitive id="web" class="ocf" provider="pacemaker" type="Dummy"/>'
DB = '<primitive id="db" class="ocf" provider="pacemaker" type="Dummy"/>'
EVENTS = (
    EventInfo(1, 1000.0, "node1", "transition", "notice", "transition 1 begins"),
    EventInfo(2, 1010.0, "node1", "resource", "notice", "web started", ("web",)),
    EventInfo(3, 1020.0, "node2", "transition", "notice", "transition 2 begins"),
    EventInfo(4, 1030.0, "node2", "resource", "info", "db looked at", ("db",)),
)


class Typed:
    def __init__(self) -> None:
        self.out: list[str] = []
        self.err: list[str] = []
        self.session = Session(out=self.out.append, err=self.err.append)
        self.client = MemoryClient(CIB.format(epoch=9, resources=WEB))
        self.client.events = lambda limit=200: EVENTS
        self.session.use_client(self.client)

    def __call__(self, line: str) -> str:
        self.out.clear()
        self.err.clear()
        assert self.session.run_words(["history", *split_words(line)]) == 0, line
        return "".join(self.out)


@pytest.fixture
def typed(monkeypatch, tmp_path) -> Typed:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(inputs, "HASHELL", tmp_path / "none")
    return Typed()


@pytest.fixture
def kept(tmp_path):
    """A folder with two inputs: on the first web is to be started, on the second db as well."""
    folder = tmp_path / "pengine"
    folder.mkdir()
    for number, resources in ((4, WEB), (5, WEB + DB)):
        path = folder / f"pe-input-{number}.bz2"
        path.write_bytes(bz2.compress(CIB.format(epoch=number, resources=resources).encode()))
        os.utime(path, (1000 + number, 1000 + number))
    (folder / "pe-input.last").write_text("5")
    return folder


@pytest.fixture
def report(tmp_path, kept):
    path = tmp_path / "report.tar.bz2"
    log = b"Nov 23 node1 pacemaker: notice: web started\nNov 23 node2 pacemaker: notice: db stopped\n"
    with tarfile.open(path, "w:bz2") as tar:
        for name in ("pe-input-4.bz2", "pe-input-5.bz2"):
            tar.add(kept / name, f"report/node1/pengine/{name}")
        member = tarfile.TarInfo("report/ha-log.txt")
        member.size = len(log)
        tar.addfile(member, io.BytesIO(log))
    return path


@pytest.mark.parametrize("source", ["kept", "report"])
def test_inputs_of_a_folder_and_of_a_report_are_listed_shown_compared_and_decided_on(request, typed, source):
    typed(f"source {request.getfixturevalue(source)}")
    assert [line.rpartition("/")[2] for line in typed("peinputs").splitlines()] == ["pe-input-4.bz2", "pe-input-5.bz2"]
    assert typed("peinputs 5:9").splitlines()[0].endswith("pe-input-5.bz2")
    assert len(typed("peinputs 4 v").split()) == 3
    assert "db" not in typed("transition 4")
    assert "Start" in typed("transition")
    assert "db" in typed("transition -1")
    assert "db allocation score on node1" in typed("transition 5 scores")
    assert "digraph" in typed("transition showdot 5")
    assert "primitive db" in typed("show pe-input-5")
    assert "+primitive db" in typed("diff 4 5")
    assert "db" in typed("graph 5")
    assert "digraph cib" in typed("graph 5 dot")
    assert "2 (pe-input-4.bz2 … pe-input-5.bz2)" in typed("info")


def test_a_report_tells_what_happened_by_its_logs(typed, report):
    typed(f"source {report}")
    assert len(typed("events").splitlines()) == 2
    assert typed("resource db") == "Nov 23 node2 pacemaker: notice: db stopped\n"
    assert typed("node node1") == "Nov 23 node1 pacemaker: notice: web started\n"
    typed("exclude stopped")
    assert len(typed("events").splitlines()) == 1
    typed("source live")
    assert "web started" in typed("events")


def test_what_is_looked_at_is_narrowed_by_time_node_and_pattern(typed):
    assert len(typed("events").splitlines()) == 4
    typed("setnodes node2")
    assert len(typed("events").splitlines()) == 2
    typed("detail 0")
    assert "looked at" not in typed("events")
    typed("setnodes")
    typed("exclude ^web")
    assert "web" not in typed("events")
    assert typed("exclude clear") == ""
    typed("limit 2h")
    assert typed("events") == "", "they are older than two hours"
    assert typed("limit").startswith("period: all")
    assert typed("events")


def test_the_latest_is_what_was_told_since_the_last_transition_began(typed):
    lines = typed("latest").splitlines()
    assert lines[0].endswith("transition 2 begins")
    assert len(lines) == 2


def test_a_view_is_kept_under_a_name(typed, kept):
    typed(f"source {kept}")
    typed("setnodes node1")
    typed("session save mine")
    typed("source live")
    assert typed("session list") == "mine\n"
    typed("session load mine")
    assert str(kept) in typed("source")
    typed("session delete mine")
    assert typed("session") == ""


def test_an_input_becomes_a_shadow_to_try_things_out(typed, kept):
    typed(f"source {kept}")
    typed("transition save 4 then")
    typed.session.run_words(["cib", "use", "then"])
    assert typed.client.cib() is not typed.session.client.cib()
    assert typed.session.client.cib().root.get("epoch") == "4"


@pytest.mark.parametrize(("line", "error", "told"), [
    ("source /nowhere/at/all", NotFound, "/nowhere/at/all"), ("limit yesterday", BadUsage, "'yesterday' is no time"),
    ("limit 15:00 14:00", BadUsage, "ends before"), ("detail 7", BadUsage, "'7'"), ("exclude (", BadInput, "'('"),
    ("peinputs x", BadUsage, "'x'"), ("transition 99", NotFound, "scheduler input"), ("transition", NotFound, "kept"),
    ("transition 1 2", BadUsage, "'2'"), ("transition save", BadUsage, "name is missing"),
    ("session load nope", NotFound, "nope"), ("session save ../x", BadUsage, "'../x'"),
    ("session frob", BadUsage, "frob"),
    ("graph 99", NotFound, "99"), ("show pe-input-9", NotFound, "pe-input-9"), ("detail", BadUsage, "COUNT"),
])
def test_a_view_that_makes_no_sense_names_the_word(typed, line, error, told):
    with pytest.raises(error) as refused:
        typed(line)
    assert told in refused.value.message


def test_a_damaged_session_is_told(typed, tmp_path):
    typed("session save mine")
    (tmp_path / "state/hashell/history-sessions/mine.json").write_text("{")
    with pytest.raises(BadInput, match="damaged"):
        typed("session load mine")


def test_versions_are_counted_from_the_end_and_live_is_one(typed):
    typed.session.run_words(["configure", "primitive", "db", "ocf:pacemaker:Dummy"])
    typed.session.run_words(["configure", "commit"])
    assert "primitive db" in typed("show -1") and "primitive db" not in typed("show -2")
    assert typed("show live") == typed("show -1")
    assert "+primitive db" in typed("diff -2 live")
    assert "web" in typed("show -2 status") and "db" not in typed("show -2 status")
    typed.client.version = lambda text: Cib.parse(CIB.format(epoch=1, resources=WEB).split("<status>")[0].encode()
                                                  + b"<status/></cib>")
    with pytest.raises(NotFound, match="without a status"):
        typed("show -2 status")
    with pytest.raises(NotFound, match="-3"):
        typed("show -3")


def test_the_log_of_a_node_is_what_was_told_of_it(typed):
    assert "web started" in typed("log node1") and "db looked at" not in typed("log node1")
    with pytest.raises(NotFound, match="node9"):
        typed("log node9")


def test_times_are_given_as_crmsh_gives_them(typed):
    from hashell.shell.crm.report import when

    assert when("-12H", 100_000.0) == 100_000 - 12 * 3600
    assert when("-1d", 100_000.0) == 100_000 - 86_400
    assert when("-30M", 100_000.0) == when("30min", 100_000.0) == when("-30min", 100_000.0)
    with pytest.raises(BadUsage, match="-1X"):
        typed("limit -1X")


def test_the_tags_of_a_transition_are_its_resources_and_nodes(typed, kept):
    typed(f"source {kept}")
    assert typed("transition tags").split() == ["db", "web", "node1"]


def test_inputs_are_found_where_the_daemons_of_this_machine_keep_their_state(typed, kept, tmp_path):
    found = inputs.Records("", "hashelld", (tmp_path,)).inputs()
    assert [one.number for one in found] == [4, 5]
    assert inputs.Records("", "hashelld").inputs() == ()
