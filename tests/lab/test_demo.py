"""What a screen sees of the demo, on a stage of paper."""

from __future__ import annotations

import time

import pytest

from hashell.errors import NotFound
from hashell.lab import demo
from hashell.lab.demo import DemoControl
from hashell.lab.probe import Gap
from hashell.lab.scenario import parse_story
from hashell.lab.stage import configuration
from hashell.lab.timeline import Timeline

STORY = parse_story("title='It breaks'\n[[step]]\nsay='{owner}'\ndo='kill-node'\nnode='owner'", "break")


class PaperProbe:
    def __init__(self):
        self.gaps, self.doubles = [], []


class PaperStage:
    home = "node1"
    service = "127.0.0.47:80"

    def __init__(self):
        self.timeline = Timeline()
        self.probe = PaperProbe()
        self.serving = "node1"
        self.on_kill = lambda: None

    def owner(self):
        return self.serving

    def perform(self, verb, node):
        self.probe.gaps.append(Gap(1.0, 1.5, "node1", "node2"))
        self.serving = "node2"
        self.on_kill()

    def complaint(self, claim, node, on, not_on):
        return "" if self.serving else "nobody answers"


@pytest.fixture
def control():
    return DemoControl(PaperStage(), [STORY])


def test_a_story_that_was_told_has_its_gaps_and_a_summary(control):
    told = control.tell(STORY)
    assert told.outcome.good and told.longest_s == 0.5
    lines = [moment.text for moment in control.timeline.moments]
    assert lines == ["It breaks", "node1", "break: good; outages: 0.50 s (node1 → node2)"]


def test_two_owners_at_any_moment_spoil_the_story(control):
    control._stage.on_kill = lambda: control._stage.probe.doubles.append("2 sockets listen")
    told = control.tell(STORY)
    assert "two owners" in told.outcome.problem
    assert control.timeline.moments[-1].text.startswith("break: NOT")


def test_a_service_that_is_down_in_the_end_spoils_the_story(control, monkeypatch):
    monkeypatch.setattr(demo, "ANSWER_S", 0.1)
    control._stage.on_kill = lambda: setattr(control._stage, "serving", "")
    assert control.tell(STORY).outcome.problem == "nobody answers"


def test_a_screen_begins_a_story_and_may_not_begin_two(control):
    import threading

    go = threading.Event()
    control._stage.on_kill = lambda: go.wait(60)
    assert control.stories() == [("break", "It breaks")]
    assert "begins" in control.break_("break")
    assert control.running == "break"
    assert "still" in control.break_("break")
    go.set()
    deadline = time.monotonic() + 60
    while control.running:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert len(control.told) == 1


def test_an_unknown_story_is_not_found(control):
    with pytest.raises(NotFound):
        control.break_("earthquake")


def test_the_outage_line_says_what_a_client_sees(control):
    assert control.outage_line() == "service ok on node1"
    control.tell(STORY)
    assert control.outage_line() == "service ok on node2 · last outage 500 ms"
    control._stage.serving = ""
    assert control.outage_line().startswith("service DOWN")


def test_the_stories_can_be_listed(capsys):
    assert demo.main(["--list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in (*demo.STORIES, demo.TUTORIAL))


def test_the_tutorial_is_told_by_itself(capsys):
    assert demo.main(["--headless", "--story", "node", "--story", "tutorial"]) == 2
    assert "by itself" in capsys.readouterr().err


def test_the_configuration_has_no_id_twice_and_passes_as_a_cib():
    from hashell.cib.document import Cib
    from hashell.client.memory import MemoryClient
    from hashell.schema.check import validate

    nodes = ("node1", "node2", "node3")
    client = MemoryClient(Cib.empty())
    client.apply(configuration(nodes, "127.0.0.47", 80, 81))
    ids = list(client.cib().ids())
    assert len(ids) == len(set(ids))
    assert [finding for finding in validate(client.cib()) if finding.line] == []
    scores = client.cib().root.xpath("//rsc_location/@score")
    assert scores == ["1000", "900", "800"]
