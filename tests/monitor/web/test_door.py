"""Who may come in to the monitor in a browser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.errors import BadUsage
from hashell.monitor.web.door import Door, Verdict, origins

DOOR = Door(origins("127.0.0.1", 8780), "the-token", "the-cookie", 8780)
HERE = {"Host": "127.0.0.1:8780"}
OURS = {**HERE, "Origin": "http://127.0.0.1:8780"}
COOKIE = {DOOR.cookie_name: "the-cookie"}


def test_the_right_token_is_welcome_and_the_cookie_comes_in_from_then_on():
    assert DOOR.judge(HERE, {}, "the-token", websocket=False) is Verdict.WELCOME
    assert DOOR.judge(HERE, COOKIE, None, websocket=False) is Verdict.IN
    assert DOOR.judge(OURS, COOKIE, None, websocket=True) is Verdict.IN


def test_a_wrong_token_is_refused_even_with_the_right_cookie():
    assert DOOR.judge(HERE, COOKIE, "another", websocket=False) is Verdict.UNKNOWN
    assert DOOR.judge(HERE, {}, "", websocket=False) is Verdict.UNKNOWN


def test_the_token_is_no_cookie_and_the_cookie_no_token():
    assert DOOR.judge(HERE, {DOOR.cookie_name: "the-token"}, None, websocket=False) is Verdict.UNKNOWN
    assert DOOR.judge(HERE, {}, "the-cookie", websocket=False) is Verdict.UNKNOWN


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_other_words_open_it(token, cookie):
    if token == "the-token" or cookie == "the-cookie":
        return
    assert DOOR.judge(HERE, {DOOR.cookie_name: cookie}, None, websocket=False) is Verdict.UNKNOWN
    assert DOOR.judge(HERE, {DOOR.cookie_name: cookie}, token, websocket=False) is Verdict.UNKNOWN


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8781", "https://127.0.0.1:8780", "http://evil.example", "null"])
def test_a_foreign_page_is_refused_though_its_browser_has_the_cookie(origin):
    assert DOOR.judge({**HERE, "Origin": origin}, COOKIE, None, websocket=True) is Verdict.FOREIGN
    assert DOOR.judge({**HERE, "Origin": origin}, COOKIE, "the-token", websocket=False) is Verdict.FOREIGN


def test_a_websocket_that_does_not_say_from_where_is_refused():
    assert DOOR.judge(HERE, COOKIE, None, websocket=True) is Verdict.FOREIGN


def test_another_name_that_was_pointed_here_is_refused():
    """An attacker's name can be made to mean 127.0.0.1; the browser then takes us for that site."""
    assert DOOR.judge({"Host": "evil.example:8780"}, COOKIE, None, websocket=False) is Verdict.MISSENT
    assert DOOR.judge({}, COOKIE, None, websocket=False) is Verdict.MISSENT


def test_what_a_foreign_page_loads_is_refused_but_a_link_there_may_lead_here():
    loaded = {**HERE, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    linked = {**HERE, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}

    assert DOOR.judge(loaded, COOKIE, None, websocket=False) is Verdict.FOREIGN
    assert DOOR.judge(linked, {}, "the-token", websocket=False) is Verdict.WELCOME


def test_behind_a_proxy_its_name_is_ours():
    behind = Door(origins("127.0.0.1", 8780, "https://Monitor.example.org/"), "t", "c", 8780)

    assert "https://monitor.example.org" in behind.origins
    assert behind.judge({"Host": "monitor.example.org"}, {}, "t", websocket=False) is Verdict.WELCOME


def test_an_address_that_no_browser_could_name_is_refused_with_the_way_out():
    with pytest.raises(BadUsage, match="--public-url"):
        origins("0.0.0.0", 8780)
    with pytest.raises(BadUsage, match="no address of a site"):
        origins("127.0.0.1", 8780, "monitor.example.org")
    assert origins("0.0.0.0", 8780, "https://m.example") == {"https://m.example"}
    assert "http://[::1]:8780" in origins("::1", 8780)
