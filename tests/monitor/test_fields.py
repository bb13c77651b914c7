"""Fields of forms: what is wrong with a value, told before it is sent."""

from __future__ import annotations

import pytest

from hashell.monitor.fields import Field, about, pairs, suggestions, trouble


@pytest.mark.parametrize(("kind", "good", "bad"), [
    ("integer", "-12", "twelve"), ("boolean", "yes", "perhaps"), ("second", "30s", "soon"),
    ("time", "PT5M", "5 parsecs"),
    ("percentage", "80%", "most"), ("id", "web-1", "1web"), ("operation", "interval=10s timeout=20s", "interval"),
    ("operation", "role=Promoted", "timeout=soon"),
])
def test_each_type_takes_its_values_and_says_what_is_wrong_with_others(kind, good, bad):
    field = Field("x", type=kind)

    assert trouble(field, good) == ""
    assert bad.split("=")[-1] in trouble(field, bad)


def test_a_select_takes_what_it_lists_and_names_that():
    field = Field("mode", type="select", values=("fast", "safe"))

    assert trouble(field, "fast") == ""
    assert trouble(field, "slow") == "mode is one of fast, safe"


def test_only_a_required_field_must_have_a_value_and_a_taken_name_is_refused():
    assert trouble(Field("x", type="integer"), "") == ""
    assert trouble(Field("x", required=True), "  ") == "x must have a value"
    assert "taken" in trouble(Field("name", type="id", taken=frozenset({"web"})), "web")


def test_a_line_about_a_field_says_whether_it_must_be_its_type_and_what_it_may_be():
    field = Field("mode", help="how it works", required=True, type="select", values=("fast", "safe"))

    assert about(field) == "required, select, one of fast, safe: how it works"
    assert suggestions(field) == ("fast", "safe")
    assert suggestions(Field("x", type="boolean")) == ("true", "false")


def test_attributes_of_an_operation_are_read_as_pairs():
    assert pairs("interval=10s  timeout=20s") == {"interval": "10s", "timeout": "20s"}
