"""Lines: what fits stays, what matches is kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hashell.monitor.glyphs import ASCII, UNICODE, shorten
from hashell.monitor.lines import Line, Span, fit, matches, shown

texts = st.text("abcdefghij ", max_size=30)


@given(st.lists(texts, max_size=5), st.lists(texts, max_size=3), st.integers(1, 80))
def test_a_fitted_row_is_never_wider_than_the_room_unless_its_right_end_alone_is(left, right, width):
    spans = fit(tuple(map(Span, left)), tuple(map(Span, right)), width)

    assert sum(len(span.text) for span in spans) <= max(width, sum(map(len, right)) + 1)


def test_the_right_end_of_a_row_survives_when_there_is_no_room():
    spans = fit((Span("a long name of a cluster"),), (Span("live"),), 12)

    assert "".join(span.text for span in spans).endswith("live")


def test_every_word_of_a_filter_must_match_and_a_word_after_a_bang_must_not():
    line = Line("k", (Span("web Started node1"),))

    assert matches(line, "WEB node1")
    assert not matches(line, "web node2")
    assert matches(line, "web !node2")
    assert not matches(line, "web !node1")


@given(st.text("abc-123", max_size=40), st.integers(1, 40))
def test_a_shortened_name_keeps_both_ends_and_never_grows(text, width):
    short = shorten(text, width, UNICODE)

    assert len(short) <= max(width, 0)
    if len(text) > width >= 3:
        assert short[0] == text[0]
        assert UNICODE.ellipsis in short


def test_every_glyph_of_both_sets_is_one_cell_wide():
    from rich.cells import cell_len

    for glyphs in (UNICODE, ASCII):
        for name in glyphs.__dataclass_fields__:
            assert cell_len(getattr(glyphs, name)) == 1, name
    assert all(getattr(ASCII, name).isascii() for name in ASCII.__dataclass_fields__)


@given(st.text(max_size=60))
def test_what_an_agent_says_can_never_command_the_terminal(text):
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in shown(text))
    assert len(shown(text)) == len(text)
