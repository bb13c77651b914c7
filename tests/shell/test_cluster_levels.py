"""The levels cib, history, cluster, ra and options on a cluster in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashell.cib.document import Cib
from hashell.cib.files import load_cib
from hashell.client.memory import MemoryClient
from hashell.commands import cluster
from hashell.errors import (
    AlreadyExists,
    BadInput,
    BadUsage,
    Conflict,
    HashellError,
    NotFound,
    NotReachable,
    Refused,
    TimedOut,
)
from hashell.shell.grammar.lexer import split_words
from hashell.shell.grammar.snapshot import snapshot_of
from hashell.shell.session import Session
from hashell.wire.messages import Info, MemberInfo

CIB = """<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0"><configuration>
<crm_config/><nodes><node id="1" uname="node1"/><node id="2" uname="node2"/></nodes><resources>
<primitive id="web" class="ocf" provider="heartbeat" type="apache"/></resources><constraints/></configuration>
<status><node_state id="1" uname="node1"/></status></cib>"""


class Typed:
    """A session in which lines are typed; what it said is kept."""

    def __init__(self, info: Info | None = None) -> None:
        self.client = MemoryClient(CIB, info=info)
        self.out: list[str] = []
        self.err: list[str] = []
        self.session = Session(out=self.out.append, err=self.err.append)
        self.session.use_client(self.client)

    def __call__(self, line: str) -> str:
        self.out.clear()
        self.session.line = line
        self.code = self.session.run_words(split_words(line))
        return "".join(self.out)

    @property
    def resources(self) -> list[str]:
        return [str(name) for name in self.client.cib().root.xpath("//primitive/@id")]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Typed:
    monkeypatch.setenv("CIB_shadow_dir", str(tmp_path / "shadows"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    found = Typed()
    monkeypatch.setattr("hashell.client.choose.open_client", lambda *args, **kwargs: found.client)
    return found


def info(*, quorate: bool = True, dc: str = "node1", lost: tuple[str, ...] = ()) -> Info:
    members = tuple(MemberInfo(n, f"node{n}", "lost" if f"node{n}" in lost else "member") for n in (1, 2, 3))
    return Info("demo", "node1", "mesh", members, dc, quorate, 3, 3, 2, 1, "S_IDLE")


# --- cib -----------------------------------------------------------------------------------------------


def test_save_writes_the_whole_cib_with_its_status(typed, tmp_path):
    typed(f"cib save {tmp_path / 'saved.xml'}")
    saved = load_cib(tmp_path / "saved.xml")
    assert saved.to_bytes() == typed.client.cib().to_bytes()
    assert "<node_state" in typed("cib save -")


def test_a_shadow_is_worked_on_apart_and_committed_as_one_change(typed):
    typed("cib new sandbox")
    assert typed.session.options.shadow == "sandbox"
    typed("configure primitive a Dummy")
    typed("configure commit")
    assert typed.resources == ["web"]
    assert "+primitive a Dummy" in typed("cib diff")
    typed("cib commit")
    assert typed.resources == ["web", "a"]
    assert typed.client.history(1)[0].message == "from shadow sandbox"


def test_a_shadow_has_no_status_unless_it_is_asked_for(typed):
    typed("cib new plain")
    assert typed.session.client.cib().status is None
    typed("cib new whole withstatus")
    assert typed.session.client.cib().status is not None


def test_an_existing_shadow_is_not_written_over_unless_forced(typed):
    typed("cib new sandbox")
    typed("cib use live")
    with pytest.raises(AlreadyExists):
        typed("cib new sandbox")
    typed("cib new sandbox force")


def test_shadows_are_listed_reset_and_deleted_but_not_the_one_in_use(typed):
    typed("cib new one")
    with pytest.raises(BadUsage, match="in use"):
        typed("cib delete one")
    typed("configure primitive a Dummy")
    typed("configure commit")
    typed("cib use")
    typed("cib reset one")
    typed("cib use one")
    assert typed("cib diff") == ""
    typed("cib use live")
    assert typed("cib list") == "one\n"
    typed("cib delete one")
    assert typed("cib list") == ""


def test_a_file_becomes_a_shadow(typed, tmp_path):
    typed(f"cib save {tmp_path / 'pe-input-7.xml'}")
    typed(f"cib import {tmp_path / 'pe-input-7.xml'}")
    assert typed.session.options.shadow == "pe-input-7"


@pytest.mark.parametrize("line", ["cib new x", "cib use live", "cib reset x", "history undo", "history restore 0.1.0"])
def test_while_edits_are_staged_the_cib_does_not_change_under_them(typed, line):
    typed("configure")
    typed("primitive a Dummy")
    with pytest.raises(BadUsage, match="staged"):
        typed(line)


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".x"])
def test_the_name_of_a_shadow_cannot_leave_its_folder(typed, name):
    with pytest.raises(BadUsage):
        typed(f'cib new "{name}"')


# --- history -------------------------------------------------------------------------------------------


def change(typed: Typed, *names: str) -> None:
    for name in names:
        typed(f"configure primitive {name} Dummy")
        typed("configure commit")


def test_the_log_tells_who_changed_what_newest_first(typed):
    change(typed, "a", "b")
    first, second, *_ = typed("history log").splitlines()
    assert first.endswith("configure primitive b Dummy")
    assert second.endswith("configure primitive a Dummy")


def test_undo_takes_the_last_change_back_and_nothing_else(typed):
    change(typed, "a", "b")
    assert "-primitive b Dummy" in typed("history undo")
    assert typed.resources == ["web", "a"]


def test_undo_of_an_older_change_keeps_what_came_later(typed):
    change(typed, "a", "b")
    version = typed.client.history(2)[1].version
    typed(f"history undo {version}")
    assert typed.resources == ["web", "b"]


def test_undo_of_what_later_changes_stand_on_is_a_conflict(typed):
    typed("resource meta web set priority 5")
    typed("resource meta web set priority 7")
    version = typed.client.history(1)[0].version
    typed("configure delete web")
    typed("configure commit")
    with pytest.raises(Conflict, match="later changes"):
        typed(f"history undo {version}")
    assert typed.resources == []


def test_restore_goes_back_to_a_version_as_a_new_one(typed):
    change(typed, "a", "b")
    before = typed.client.history(3)[2].version
    typed(f"history restore {before}")
    assert typed.resources == ["web"]
    assert typed.client.history(1)[0].message == f"restore of {before}"
    assert len(typed.client.history(10)) == 4


def test_diff_and_show_speak_the_language_of_the_configuration(typed):
    change(typed, "a")
    now, before = (row.version for row in typed.client.history(2))
    assert "+primitive a Dummy" in typed(f"history diff {before} {now}")
    assert typed(f"history diff {now}") == ""
    assert "primitive a Dummy" in typed(f"history show {now}")


def test_an_unknown_version_is_named(typed):
    with pytest.raises(NotFound, match=r"no version 9\.9\.9"):
        typed("history show 9.9.9")


# --- cluster -------------------------------------------------------------------------------------------


def test_status_names_members_quorum_and_who_coordinates(typed):
    typed.client._info = info(lost=("node3",))
    text = typed("cluster status")
    assert "Members: 2 of 3" in text
    assert "node1  member  (DC, here)" in text
    assert "node3  lost" in text


def test_health_is_bad_where_service_is_at_risk(typed):
    typed.client._info = info(quorate=False, lost=("node3",))
    text = typed("cluster health")
    assert typed.code == 1
    assert text.splitlines()[0].startswith("BAD   this partition has no quorum")
    assert "node node3 is lost" in text
    assert "no fence device" in text


def test_health_of_a_quiet_cluster_is_good_though_things_are_remarkable(typed):
    typed.client._info = info()
    typed("configure property stonith-enabled=false")
    typed("configure commit")
    text = typed("cluster health")
    assert typed.code == 0
    assert text.startswith("note  fencing is switched off")


def test_our_own_node_is_stopped_last_and_a_stranger_is_refused(typed):
    typed.client._info = info()
    assert cluster.members(typed.client, [], every=True) == ["node2", "node3", "node1"]
    assert cluster.members(typed.client, [], every=False) == ["node1"]
    with pytest.raises(NotFound, match="node9"):
        cluster.members(typed.client, ["node9"], every=False)


def test_the_whole_cluster_is_not_stopped_without_being_asked(typed):
    typed.client._info = info()
    with pytest.raises(Refused):
        typed("cluster stop --all")
    assert typed.client.asked == []


def test_a_node_that_is_here_is_not_taken_out(typed):
    typed.client._info = info()
    typed.session.options.yes = True
    with pytest.raises(Refused, match="is a member now"):
        typed("cluster remove node2")


def test_waiting_for_startup_goes_on_while_nobody_answers_and_says_in_the_end_what_was_missing():
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    tries = []

    def answers_late() -> MemoryClient:
        tries.append(now[0])
        if now[0] < 3:
            raise NotReachable("nobody listens")
        return MemoryClient(CIB, info=info())

    cluster.wait_for_startup(answers_late, 10, clock=lambda: now[0], sleep=sleep)
    assert len(tries) == 7

    def never() -> MemoryClient:
        raise NotReachable("nobody listens")

    with pytest.raises(TimedOut, match="nobody listens"):
        cluster.wait_for_startup(never, 10, clock=lambda: now[0], sleep=sleep)


# --- ra and options ------------------------------------------------------------------------------------


def test_our_own_agents_are_listed_and_described(typed):
    assert "ocf / " in typed("ra classes")
    assert "Dummy" in typed("ra list ocf hashell").split()
    text = typed("ra info ocf:hashell:Dummy")
    assert text.splitlines()[0].endswith("(ocf:hashell:Dummy)")
    assert "Operations' defaults (advisory minimum):" in text
    assert "meta-data" not in text.partition("Operations' defaults")[2]


def test_required_parameters_are_described_first_with_a_star(typed):
    text = typed("ra info ocf:hashell:VirtualIP")
    parameters = text.partition("Parameters (")[2].splitlines()[2:]
    assert parameters[0].startswith("ip*")


def test_validate_refuses_what_is_missing(typed):
    with pytest.raises(BadInput, match="needs ip"):
        typed("ra validate ocf:hashell:VirtualIP")


@pytest.mark.parametrize("line", ["ra list nonsense", "ra list ocf nobody", "ra providers NoSuchAgent"])
def test_what_is_not_installed_is_named_with_what_is(typed, line):
    with pytest.raises(NotFound) as caught:
        typed(line)
    assert caught.value.hint


def test_settings_hold_at_once_and_for_later_sessions_when_saved(typed):
    typed("options wait yes")
    assert typed.session.options.wait
    typed("options set keys vi")
    typed("options save")
    later = Typed()
    assert later("options show keys").startswith("keys = vi\n")
    typed("options reset")
    assert not typed.session.options.wait


@pytest.mark.parametrize(
    ("rc", "status", "fails"), [("1", "0", True), ("7", "0", True), ("0", "2", True), ("0", "0", False)]
)
def test_a_recorded_failure_counts_but_not_a_probe_that_found_the_resource_running(typed, rc, status, fails):
    operation = f'<lrm_rsc_op id="web_last_failure_0" operation="monitor" rc-code="{rc}" op-status="{status}"/>'
    cib = Cib.parse(
        CIB.replace(
            '<node_state id="1" uname="node1"/>',
            '<node_state id="1" uname="node1"><lrm><lrm_resources><lrm_resource id="web">'
            f'<lrm_rsc_op id="web_last_0" operation="start" rc-code="0" call-id="1"/>{operation}'
            "</lrm_resource></lrm_resources></lrm></node_state>",
        )
    )
    found = [one.text for one in cluster.worries(cib, info()) if one.id == "failure"]
    assert found == (["web on node1 failed"] if fails else [])
    assert snapshot_of(cib).faults == int(fails)


def test_a_line_that_only_passes_through_configure_is_committed(typed):
    typed("configure primitive a Dummy")
    assert not typed.session.staged
    assert typed.session.client.cib().root.xpath("//primitive[@id='a']")


def test_a_line_that_passes_through_configure_and_cannot_be_committed_leaves_nothing_staged(typed):
    with pytest.raises(HashellError):
        typed("configure order o Mandatory: nobody noone")
    assert not typed.session.staged
