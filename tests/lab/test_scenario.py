"""A story is data: read with clear errors, told step by step, ended by the first thing that does not hold."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.errors import NotFound, Refused
from hashell.lab import scenario
from hashell.lab.demo import STORIES
from hashell.lab.scenario import BadStory, Step, Story, parse_story, tell


class PaperStage:
    """A service that moves at once, and a clock that only waiting moves."""

    home = "node1"

    def __init__(self) -> None:
        self.now_s = 100.0
        self.serving = "node1"
        self.done: list[tuple[str, str]] = []
        self.back_at_s = 0.0
        self.fails = ""

    def owner(self) -> str:
        return self.serving

    def perform(self, verb: str, node: str) -> None:
        if verb == self.fails:
            raise Refused(f"cannot {verb}", "no way")
        self.done.append((verb, node))
        if verb == "kill-node":
            self.serving, self.back_at_s = "", self.now_s + 2

    def complaint(self, claim: str, node: str, on: str, not_on: str) -> str:
        if not self.serving and self.back_at_s and self.now_s >= self.back_at_s:
            self.serving = "node2"
        if not self.serving:
            return "nobody answers"
        if on and self.serving != on:
            return f"{self.serving} answers, not {on}"
        return f"{not_on} answers" if not_on == self.serving else ""

    def wait(self, seconds: float) -> None:
        self.now_s += seconds


def told(*steps: Step, stage: PaperStage | None = None):
    stage = stage or PaperStage()
    said: list[str] = []
    story = Story("s", "t", "", steps)
    outcome = tell(story, stage, said.append, now=lambda: stage.now_s, wait=stage.wait)
    return outcome, said, stage


def test_the_stories_of_the_demo_can_all_be_read():
    for name in STORIES:
        story = scenario.load_story(scenario.folder() / f"{name}.toml")
        assert story.name == name and story.title and story.about and story.steps


def test_owner_is_who_serves_as_the_story_begins():
    outcome, said, stage = told(
        Step(say="cut {owner}", do="kill-node", node="owner"),
        Step(must="answers", not_on="owner"),
        Step(say="start {owner}, home is {home}", do="start-node", node="owner"),
    )
    assert outcome.good
    assert said == ["cut node1", "start node1, home is node1"]
    assert stage.done == [("kill-node", "node1"), ("start-node", "node1")]
    assert outcome.owner == "node2"
    assert 2.0 <= outcome.ended_s - outcome.began_s < 2.2


def test_what_does_not_hold_in_time_ends_the_story_with_the_reason():
    outcome, _, stage = told(
        Step(must="answers", on="node3", within_s=5), Step(do="kill-node", node="node1")
    )
    assert outcome.problem == "step 1 (answers): node1 answers, not node3"
    assert stage.done == []
    assert 5 <= outcome.ended_s - outcome.began_s < 6


def test_a_claim_that_must_hold_for_a_while_is_not_met_by_a_moment():
    stage = PaperStage()
    flicker = iter([""] * 3 + ["gone"] + [""] * 1000)
    stage.complaint = lambda *names: next(flicker)
    outcome, _, _ = told(Step(must="answers", within_s=10, for_s=1.0), stage=stage)
    assert outcome.good
    assert outcome.ended_s - outcome.began_s > 1.1


def test_an_error_of_the_stage_is_the_storys_problem_and_no_traceback():
    stage = PaperStage()
    stage.fails = "kill-node"
    outcome, _, _ = told(Step(do="kill-node", node="owner"), stage=stage)
    assert outcome.problem == "step 1 (kill-node): cannot kill-node (no way)"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("title =", "mend the TOML"),
        ("colour = 'red'\n[[step]]\nsay='x'", "colour"),
        ("title = 5\n[[step]]\nsay='x'", "title"),
        ("title = 'no steps'", "1 to 100 steps"),
        ("[[step]]\n", "does nothing"),
        ("[[step]]\ndo = 'explode'", "kill-node"),
        ("[[step]]\nmust = 'shine'", "answers"),
        ("[[step]]\nwhen = 'now'", "only"),
        ("[[step]]\nsay = 'x'\nwithin_s = 'soon'", "within_s"),
        ("[[step]]\nsay = 'x'\nwithin_s = -1", "seconds"),
        ("[[step]]\nsay = 'x'\nfor_s = true", "for_s"),
    ],
)
def test_a_bad_story_names_its_place_and_the_way_out(text, complaint):
    with pytest.raises(BadStory) as caught:
        parse_story(text, "mine", "mine.toml")
    assert "mine.toml" in str(caught.value) and complaint in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_is_a_story_or_one_clear_error(text):
    with contextlib.suppress(BadStory):
        assert parse_story(text, "x").steps


def test_a_story_that_is_not_there_lists_those_that_are(tmp_path):
    (tmp_path / "one.toml").write_text("[[step]]\nsay='x'")
    with pytest.raises(NotFound, match="one"):
        scenario.load_story(tmp_path / "two.toml")


def test_serving_is_who_serves_when_the_step_comes():
    outcome, _, stage = told(
        Step(do="kill-node", node="owner"), Step(must="answers", not_on="owner"), Step(do="standby", node="serving")
    )
    assert outcome.good
    assert stage.done[-1] == ("standby", "node2")
