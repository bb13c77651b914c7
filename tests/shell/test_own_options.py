"""Settings that crmsh's users set, and the stages of setting a cluster up: what each of them does here."""

from __future__ import annotations

import pytest

from hashell.client.memory import MemoryClient
from hashell.commands import setup, ssh
from hashell.commands.problems import ProblemsFound
from hashell.errors import BadUsage, NotFound, NotReachable, Refused
from hashell.shell.crm import cluster
from hashell.shell.grammar.lexer import split_words
from hashell.shell.session import Session

CIB = """<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config/>
<nodes><node id="1" uname="node1"/></nodes><resources>
<primitive id="zeta" class="ocf" provider="pacemaker" type="Dummy"/>
<primitive id="alpha" class="ocf" provider="pacemaker" type="Dummy"/></resources><constraints/></configuration>
<status/></cib>"""


class Typed:
    def __init__(self) -> None:
        self.out: list[str] = []
        self.err: list[str] = []
        self.client = MemoryClient(CIB)
        self.session = Session(out=self.out.append, err=self.err.append)
        self.session.use_client(self.client)

    def __call__(self, line: str) -> str:
        self.out.clear()
        self.err.clear()
        self.session.line = line
        assert self.session.run_words(split_words(line)) == 0, line
        return "".join(self.out)

    def ids(self) -> list[str]:
        return [str(one) for one in self.client.cib().root.xpath("//primitive/@id")]


@pytest.fixture
def typed(monkeypatch, tmp_path) -> Typed:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return Typed()


# --- options ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [
    "options sort-elements no", "options sort_elements no", "options set sort_elements no",
    "options set core.sort_elements no",
])
def test_objects_are_shown_in_the_order_of_the_cib_where_they_are_not_to_be_sorted(typed, line):
    shown = typed("configure show type:primitive")
    assert shown.index("alpha") < shown.index("zeta")
    typed(line)
    shown = typed("configure show type:primitive")
    assert shown.index("zeta") < shown.index("alpha")
    assert "sort-elements = no" in typed("options show all")


def test_an_operator_looks_and_runs_but_does_not_configure(typed):
    typed("options skill-level operator")
    with pytest.raises(Refused, match="skill level is operator"):
        typed("configure delete zeta")
    assert "zeta" in typed("configure show")
    typed("resource unmanage zeta")
    typed("options skill_level expert")
    typed("configure delete zeta")
    assert typed.ids() == ["alpha"]


def test_an_error_that_may_be_forced_is_a_warning_where_checks_are_relaxed(typed):
    wrong = "configure primitive n ocf:pacemaker:Missing"
    with pytest.raises(ProblemsFound):
        typed(wrong)
    typed("options check-mode relaxed")
    typed(wrong)
    assert any("Missing" in line for line in typed.err)
    assert typed.ids() == ["zeta", "alpha", "n"]


def test_a_commit_checks_nothing_where_only_verify_is_to_check(typed):
    typed("options check-frequency on-verify")
    typed("configure primitive n ocf:pacemaker:Missing")
    assert typed.err == []
    with pytest.raises(ProblemsFound):
        typed("configure verify")


@pytest.mark.parametrize(("line", "told"), [
    ("options sort-elements maybe", "maybe"), ("options skill-level god", "god"), ("options check-mode", "strict"),
    ("options set core.frob 1", "frob"),
])
def test_a_setting_that_cannot_be_names_the_word(typed, line, told):
    with pytest.raises(BadUsage) as refused:
        typed(line)
    assert told in refused.value.message + refused.value.hint


# --- stages -----------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch, tmp_path):
    done = []

    def run(host, command, *more, **others):
        if host == "dead":
            raise NotReachable("dead cannot be reached", "")
        done.append((host, command))
        return 0, f"{host}\n0\n".encode(), ""

    monkeypatch.setattr(ssh, "run", run)
    monkeypatch.setattr(setup, "folder", lambda: tmp_path / "etc")
    monkeypatch.setattr(cluster, "systemd", lambda verb: done.append(("here", verb)) or 0)
    return done


def test_each_stage_does_its_part(typed, asked, tmp_path):
    typed("cluster init ssh -N far1 -y")
    assert asked == [("far1", "true")]
    typed("cluster init corosync -n shop -i eth0")
    assert 'cluster = "shop"' in (tmp_path / "etc" / setup.SETTINGS).read_text()
    assert any("-i eth0" in line for line in typed.err)
    typed("cluster init cluster")
    assert asked[1:] == [("here", "enable"), ("here", "start")]
    typed("cluster join ssh -c far2")
    assert asked[-1] == ("far2", "true")


def test_the_address_of_administration_becomes_a_resource(typed, asked):
    typed("cluster init admin -A 10.0.0.9")
    assert "admin-ip" in typed.ids()
    assert "params ip=10.0.0.9" in " ".join(typed("configure show admin-ip").split())


@pytest.mark.parametrize(("line", "error", "told"), [
    ("cluster init csync2", Refused, "csync2"), ("cluster init sbd", Refused, "watchdog"),
    ("cluster init qdevice", Refused, "counted by the members"), ("cluster init ocfs2 -o /dev/x", Refused, "ocfs2"),
    ("cluster init admin", BadUsage, "''"), ("cluster init admin -A frob", BadUsage, "'frob'"),
    ("cluster init ssh", BadUsage, "node is missing"), ("cluster health hawk2", Refused, "no Hawk"),
    ("cluster health frob", BadUsage, "frob"), ("cluster join csync2 -c far1", Refused, "csync2"),
])
def test_a_stage_that_there_is_not_says_why_and_names_the_way(typed, asked, line, error, told):
    with pytest.raises(error) as refused:
        typed(line)
    assert told in refused.value.message
    assert refused.value.hint
    assert not asked


# --- templates --------------------------------------------------------------------------------------------


def test_a_configuration_is_tried_before_it_is_applied(typed, tmp_path):
    place = tmp_path / "hashell/templates"
    place.mkdir(parents=True)
    (place / "good.crm").write_text("primitive n ocf:pacemaker:Dummy\n")
    (place / "bad.crm").write_text("primitive n ocf:pacemaker:Dummy op\n")
    typed("configure template load good")
    assert typed.ids() == ["zeta", "alpha"]
    with pytest.raises(BadUsage):
        typed("configure template load bad")
    with pytest.raises(NotFound, match="nope"):
        typed("configure template load nope")
