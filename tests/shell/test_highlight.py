"""Colours and checks while a line is typed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashell.cib.document import Cib
from hashell.commands.agents import metadata
from hashell.shell.grammar.highlight import about, first_wrong, spans, trouble
from hashell.shell.grammar.line import is_unfinished, pieces, read_line, read_text, spelled_out
from hashell.shell.grammar.snapshot import snapshot_of
from hashell.shell.grammar.sources import Sources
from hashell.values.agent_names import AgentName

CIB = """<cib><configuration><nodes><node id="1" uname="node1"/></nodes><resources>
<primitive id="web" class="ocf" provider="heartbeat" type="apache"/></resources>
<constraints/></configuration></cib>"""


@pytest.fixture(scope="module")
def sources() -> Sources:
    return Sources(snapshot_of(Cib.parse(CIB)))


def styles(sources: Sources, text: str, *path: str, cursor: int = -1) -> dict[str, str]:
    return {text[one.start : one.end]: one.style for one in spans(text, path, sources, cursor)}


def test_each_word_has_the_colour_of_what_it_is(sources):
    found = styles(sources, "configure primitive vip IPaddr2 params ip=10.0.0.1 op monitor")
    assert found == {
        "configure": "level",
        "primitive": "command",
        "vip": "id",
        "IPaddr2": "agent",
        "params": "keyword",
        "ip=": "name",
        "10.0.0.1": "value",
        "op": "keyword",
        "monitor": "value",
    }


def test_what_interrupts_and_what_fences_looks_dangerous(sources):
    assert styles(sources, "resource stop web")["stop"] == "interrupts"
    assert styles(sources, "node fence node1")["fence"] == "fences"
    assert styles(sources, "pcs stonith fence node1")["fence"] == "fences"


def test_an_unknown_id_is_marked_but_is_no_error(sources):
    assert styles(sources, "resource start nope")["nope"] == "unknown-id"
    assert styles(sources, "resource start web")["web"] == "id"
    assert first_wrong("resource start nope", ()) is None


def test_the_word_that_is_being_typed_is_not_called_wrong_yet(sources):
    text = "resource star we"
    assert styles(sources, text, cursor=len(text))["we"] == "id"
    assert styles(sources, "nonsens", cursor=7) == {"nonsens": "plain"}
    assert styles(sources, "nonsens ", cursor=8) == {"nonsens": "wrong"}


@pytest.mark.parametrize(("text", "path", "place"), [
    ("resource start web extra=", (), None),
    ("nonsense x", (), 0),
    ("resource maintenance web maybe", (), 25),
    ("resource stop", (), 13),
    ("configure primitive p1", (), 22),
    ("location l1 web 100: node1", ("configure",), None),
    ("order o1 Never: a b", ("configure",), 9),
    ("# anything at all", (), None),
    ("resource stop web\nnode fence", (), 28),
    ("resource stop --help", (), None),
    ("pcs resource whatever there is", (), 13),
        ("pcs resource create web whatever there is", (), None),
])
def test_what_is_certainly_wrong_is_found_at_its_exact_place(text, path, place):
    wrong = first_wrong(text, path)
    assert (wrong.start if wrong is not None else None) == place


def test_an_open_bracket_is_unfinished_rather_than_wrong():
    wrong = first_wrong("configure order o Mandatory: ( web", ())
    assert wrong is not None
    assert wrong.start == wrong.end == len("configure order o Mandatory: ( web")


def test_a_wrong_command_names_the_nearest():
    wrong = first_wrong("rexource stop web", ())
    assert wrong is not None
    assert "resource" in wrong.hint


def test_the_line_below_tells_about_the_word_under_the_cursor(sources):
    assert about("resource move web", 12, (), sources).startswith("move RESOURCE")
    assert about("resource move web", 16, (), sources) == "web: ocf:heartbeat:apache; stopped"
    assert about("resource", 3, (), sources).startswith("Resources:")
    assert "no-quorum-policy: stop|" in about("configure property no-quorum-policy=stop", 25, (), sources)


def test_joined_lines_and_open_quotes_are_one_line():
    assert [text for _, text in pieces("a \\\nb\nc")] == ["a   b", "c"]
    assert [text for _, text in pieces('a "x\ny" b\nc')] == ['a "x\ny" b', "c"]
    assert [start for start, _ in pieces("ab\n\ncd")] == [0, 3, 4]
    assert [text for _, text in pieces("# don't\nx")] == ["# don't", "x"]


@pytest.mark.parametrize(
    ("text", "unfinished"),
    [
        ("primitive a \\", True),
        ('say "x', True),
        ("say 'x", True),
        ("a \\\n b", False),
        ("done", False),
        ("# it's", False),
        ("", False),
    ],
)
def test_enter_continues_only_an_unfinished_line(text, unfinished):
    assert is_unfinished(text) is unfinished


def test_a_level_alone_leads_there_and_up_leads_back():
    found = read_text("configure\nra\nup\nup\nup", ())
    assert [line.after for _, line in found] == [("configure",), ("configure", "ra"), ("configure",), (), ()]
    assert read_line("cd ../node", ("resource",)).after == ("node",)
    assert read_line("resource start web", ("configure",)).after == ("configure",)


ANY = st.text(alphabet=st.sampled_from("ab= \"'\\\n#:(){}[]@-pcs1,"), max_size=60)


@given(ANY, st.sampled_from([(), ("configure",), ("resource",)]))
@settings(max_examples=300, deadline=None)
def test_spans_cover_words_in_order_without_overlap_whatever_is_typed(text, path):
    sources = Sources()
    end = 0
    for one in spans(text, path, sources, len(text)):
        assert end <= one.start < one.end <= len(text)
        end = one.end
    wrong = first_wrong(text, path)
    assert wrong is None or 0 <= wrong.start <= wrong.end <= len(text)
    for cursor in (0, len(text) // 2, len(text)):
        about(text, cursor, path, sources)


@given(ANY)
@settings(max_examples=300, deadline=None)
def test_pieces_lie_one_behind_the_other_and_hold_the_whole_text(text):
    found = list(pieces(text))
    place = 0
    for start, piece in found:
        assert start == place
        assert len(piece) == len(text[start : start + len(piece)])
        place = start + len(piece) + 1
    assert place == len(text) + 1


# --- before Enter --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def knowing() -> Sources:
    """Sources that know one agent."""
    found = Sources(snapshot_of(Cib.parse(CIB)))
    agent = AgentName.parse("ocf:hashell:Dummy")
    assert agent is not None
    found.learn(agent, metadata(agent))
    return found


def trouble_of(sources: Sources, text: str, *path: str) -> str:
    return trouble(text, len(text), path, sources)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("resource strat web ", "no command is called strat here; did you mean start?"),
        ("resource start wbe ", "nothing is called wbe here; did you mean web?"),
        ("node standby node2 ", "no node is called node2 here; did you mean node1?"),
        ("configure primitive a ocf:hashell:Dummy params fak=1 ", "Dummy has no parameter fak; did you mean fake?"),
        ("configure primitive a ocf:hashell:Dummy op relod ", "Dummy has no operation relod; did you mean reload?"),
        ("pcs resource create a ocf:hashell:Dummy fak=1 ", "Dummy has no parameter fak; did you mean fake?"),
        ("pcs constraint location web prefers node2 ", "no node is called node2 here; did you mean node1?"),
        ("pcs constraint location web likes node1 ", "'likes' does not fit here, expected prefers, avoids, rule"),
        ("pcs resource enable web --waiit ", "option --waiit is not known to pcs; did you mean --wait?"),
    ],
)
def test_what_is_wrong_is_told_before_enter_with_the_way_out(knowing, text, says):
    assert trouble_of(knowing, text) == says


@pytest.mark.parametrize(
    "text",
    [
        "resource strat", "resource start wbe", "configure primitive a ocf:hashell:Dummy params fak=1",
        "configure primitive a ocf:hashell:Dummy params ", "pcs resource create a ",
        "configure fencing_topology pattern:.* a,b ", "pcs constraint location regexp%we.* prefers node1 ",
        "configure primitive a ocf:hashell:Dummy op start timeout=20s params fake=1 $id=x ",
    ],
)
def test_what_may_still_become_right_is_no_trouble(knowing, text):
    assert trouble_of(knowing, text) == ""


def test_a_name_that_the_same_text_makes_is_not_unknown(knowing):
    text = "primitive a ocf:hashell:Dummy\ngroup g a "
    assert trouble_of(knowing, text, "configure") == ""
    assert trouble_of(knowing, "group g a ", "configure") != ""


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("cfg primitiv x Dummy", "cfg primitive x Dummy"), ("res unmanage web", "resource unmanage web"),
        ("status", "status"), ("nosuch x", "nosuch x"), ("pcs resource create", "pcs resource create"),
    ],
)
def test_an_abbreviated_line_is_spelled_out_and_another_stays(typed, meant):
    assert spelled_out(typed, ()) == meant
