"""A person's settings of the monitor: read whole or refused with file and word; keys that do what they are to do."""

from __future__ import annotations

import pytest

from hashell.monitor.app import MOVING, HashellMonitor, Options
from hashell.monitor.settings import FILE_MAX, BadSettings, MonitorSettings, keymap, load


def wished(**keys):
    return MonitorSettings(keys={name.replace("_", "-"): key for name, key in keys.items()}, place="monitor.toml")


def checked(**keys):
    return keymap(wished(**keys), HashellMonitor.BINDINGS, MOVING)


def test_there_are_defaults_without_a_file(tmp_path):
    assert load(tmp_path / "none.toml") == MonitorSettings()


def test_a_file_is_read_whole(tmp_path):
    place = tmp_path / "monitor.toml"
    place.write_text('theme = "light"\nnotices = "both"\n[keys]\nstandby = "ctrl+s"\n')
    assert load(place) == MonitorSettings("light", "both", {"standby": "ctrl+s"}, str(place))


@pytest.mark.parametrize(("text", "word"), [
    ("theme = [", "Invalid"), ("colour = 1", "colour"), ('notices = "loud"', "loud"), ("theme = 3", "theme"),
    ('keys = "x"', "keys"), ("[keys]\nstandby = 1", "keys"), ("\xff" * 3 + "=", "monitor.toml"),
    ("#" * (FILE_MAX + 1), "larger"),
])
def test_what_cannot_be_meant_is_one_clear_error_with_the_file(tmp_path, text, word):
    place = tmp_path / "monitor.toml"
    place.write_text(text, encoding="latin-1")
    with pytest.raises(BadSettings) as told:
        load(place)
    assert word in str(told.value) and str(place) in str(told.value) and told.value.hint


def test_a_key_bound_twice_names_both():
    with pytest.raises(BadSettings, match="x is bound twice: ") as told:
        checked(standby="x")
    assert "standby" in str(told.value) and "why" in str(told.value)
    with pytest.raises(BadSettings, match="y is bound twice: "):
        checked(standby="y", move="y")
    with pytest.raises(BadSettings, match="moving in lists"):
        checked(standby="j")
    with pytest.raises(BadSettings, match="fixed key"):
        checked(standby="escape")


def test_two_keys_can_change_places():
    assert checked(standby="m", move="s") == {"standby": "m", "move": "s"}


def test_what_is_no_id_or_no_key_is_refused():
    with pytest.raises(BadSettings, match="nothing is called stand-by") as told:
        checked(stand_by="y")
    assert "standby" in told.value.hint
    for text in ("", "y,,z", "a b", "k" * 50, "\x1b"):
        with pytest.raises(BadSettings, match="names no key"):
            checked(standby=text)


async def test_a_key_of_ones_own_does_it_the_old_one_no_more_and_the_help_says_so(cluster, screen, until):
    options = Options(open_client=lambda: cluster, settings=wished(timeline="ctrl+t", help="f1"))
    app = HashellMonitor(options)
    async with app.run_test(size=(100, 40)) as pilot:
        await until(pilot, lambda: app.overview.status is not None)
        await pilot.press("t", "3")
        assert app.view == "overview"
        await pilot.press("ctrl+t")
        await until(pilot, lambda: app.view == "timeline")
        await pilot.press("f1")
        await until(pilot, lambda: "ctrl+t" in screen(app) and "Your own keys" in screen(app))


def test_every_key_that_does_something_can_be_changed_but_the_ways_out():
    fixed = {one.key for one in HashellMonitor.BINDINGS if not one.id}
    # Enter ends a line of text everywhere, that of the filter too.
    assert fixed <= {"escape", "ctrl+q", "ctrl+c", "enter"}
    ids = [one.id for one in HashellMonitor.BINDINGS if one.id]
    assert len(ids) == len(set(ids))
