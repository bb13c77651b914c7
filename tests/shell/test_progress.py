"""What is told while a command waits: the plan, what is done of it, and how long it took."""

from __future__ import annotations

import pytest

from hashell.cib.document import Cib
from hashell.client.memory import MemoryClient
from hashell.errors import TimedOut
from hashell.shell.grammar.lexer import split_words
from hashell.shell.grammar.pattern import WrongWords
from hashell.shell.progress import Progress, Step, done_between, follow
from hashell.shell.session import Session


def cib(*entries: tuple[str, str, str, str]) -> Cib:
    """With the last operation of `web` on nodes: node, operation, exit code, call."""
    states = "".join(
        f'<node_state id="{node[-1]}" uname="{node}" crmd="online" in_ccm="true" join="member"'
        f' expected="member"><lrm id="{node[-1]}"><lrm_resources>'
        f'<lrm_resource id="web" class="ocf" provider="pacemaker" type="Dummy"><lrm_rsc_op id="web_last_0"'
        f' operation="{task}" call-id="{call}" rc-code="{code}" op-status="0" exec-time="1250" interval="0"'
        f' operation_key="web_{task}_0" transition-key="1:1:0:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"'
        f' transition-magic="0:{code};1:1:0:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"/>'
        "</lrm_resource></lrm_resources></lrm></node_state>"
        for node, task, code, call in entries
    )
    return Cib.parse(
        '<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0" have-quorum="1"><configuration>'
        '<crm_config><cluster_property_set id="o"><nvpair id="o-f" name="stonith-enabled" value="false"/>'
        '</cluster_property_set></crm_config><nodes><node id="1" uname="node1"/><node id="2" uname="node2"/></nodes>'
        '<resources><primitive id="web" class="ocf" provider="pacemaker" type="Dummy"/></resources><constraints/>'
        f"</configuration><status>{states}</status></cib>"
    )


BEFORE = cib(("node1", "start", "0", "5"), ("node2", "monitor", "7", "2"))
STOPPED = cib(("node1", "stop", "0", "8"), ("node2", "monitor", "7", "2"))
MOVED = cib(("node1", "stop", "0", "8"), ("node2", "start", "0", "4"))
PLAN = (Step("web", "stop", "node1"), Step("web", "start", "node2"))


class Busy(MemoryClient):
    """Has something to do while there are CIBs left; each wait ends with the next."""

    kind = "hashelld"

    def __init__(self, *to_come: Cib, first: Cib = BEFORE) -> None:
        super().__init__(first)
        self.to_come = list(to_come)

    def wait_idle(self, timeout_s: float) -> None:
        if self.to_come:
            self._cib = self.to_come.pop(0)
        if self.to_come:
            raise TimedOut("not idle")


def test_a_step_is_done_when_its_record_is_new_and_a_probe_is_no_step():
    assert done_between(BEFORE, MOVED) == (
        Step("web", "start", "node2", "0", 1250), Step("web", "stop", "node1", "0", 1250),
    )
    assert done_between(MOVED, MOVED) == ()


def test_the_line_names_the_step_that_is_next_and_how_many_there_are():
    progress = Progress(BEFORE, PLAN)
    assert progress.line(0.5) == "stop web on node1 … 1 of 2, 0.5 s"
    progress.see(STOPPED)
    assert progress.line(2.0) == "start web on node2 … 2 of 2, 2.0 s"
    progress.see(MOVED)
    assert progress.line(3.0) == "waiting for the cluster to settle … 3.0 s"


def test_what_comes_before_a_done_step_is_not_waited_for_though_its_record_was_overwritten():
    """A stop and a start on the same node leave the record of the start alone."""
    plan = (Step("web", "stop", "node1"), Step("web", "start", "node1"))
    progress = Progress(BEFORE, plan)
    progress.see(cib(("node1", "start", "0", "9")))
    assert progress.waiting == ()


def test_the_summary_tells_each_step_with_its_time():
    progress = Progress(BEFORE, PLAN)
    progress.see(STOPPED)
    progress.see(MOVED)
    assert progress.summary(3.1) == "done in 3.1 s: stop web on node1 (1.2 s), start web on node2 (1.2 s)"


def test_waiting_shows_a_line_for_each_look_and_takes_it_away_in_the_end():
    lines: list[str] = []
    follow(Busy(BEFORE, STOPPED, MOVED), Progress(BEFORE, PLAN), 10, live=lines.append)
    steps = [line.split(" …")[0] for line in lines]
    assert steps == ["stop web on node1", "stop web on node1", "start web on node2", ""]


def test_a_wait_that_is_too_long_names_the_step_that_is_left():
    seconds = iter(range(100))
    with pytest.raises(TimedOut, match="open: stop web on node1, start web on node2"):
        follow(Busy(*[BEFORE] * 50), Progress(BEFORE, PLAN), 5, clock=lambda: next(seconds))


def typed(client: MemoryClient, line: str) -> list[str]:
    said: list[str] = []
    session = Session(out=said.append, err=said.append)
    session.use_client(client)
    session.run_words(split_words(line))
    assert not session.options.wait
    return said


def test_a_move_with_wait_tells_what_was_done_and_one_without_does_not_wait():
    said = typed(Busy(STOPPED, MOVED), "resource move web node2 --wait")
    assert "stop web on node1 (1.2 s), start web on node2 (1.2 s)" in said[0]
    assert not any("done in" in line for line in typed(Busy(STOPPED, MOVED), "resource move web node2"))


def test_standby_takes_wait_and_a_look_does_not():
    assert any("done in" in line for line in typed(Busy(MOVED), "node standby node1 --wait"))
    with pytest.raises(WrongWords):
        typed(Busy(), "resource scores --wait")


def test_a_failed_step_is_told_at_once():
    failed = cib(("node1", "stop", "1", "8"), ("node2", "monitor", "7", "2"))
    assert "WARNING: stop of web on node1 failed with code 1" in typed(Busy(failed), "resource stop web --wait")


def test_restart_tells_both_halves():
    again = cib(("node1", "start", "0", "9"), ("node2", "monitor", "7", "2"))
    said = typed(Busy(STOPPED, again), "resource restart web")
    assert any("ordering web to stop" in line for line in said)
    assert any("done in" in line for line in said)
