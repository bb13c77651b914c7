"""Themes: every shipped palette is whole and legible, and a broken file is one clear message."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashell import theming

SHIPPED = Path(__file__).resolve().parent.parent / "themes"


def _luminance(colour: str) -> float:
    def channel(text: str) -> float:
        value = int(text, 16) / 255
        return value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (channel(colour[place : place + 2]) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_six_shipped_themes_are_found_by_name():
    assert set(theming.names([SHIPPED])) >= {
        "ansi", "colour-blind", "dark", "high-contrast", "light", "mono",
    }


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED.glob("*.toml")))
def test_every_text_colour_of_a_shipped_theme_can_be_read_on_its_background(name):
    theme = theming.load(name, [SHIPPED])
    if not theme["background"].startswith("#"):
        return
    floor = 4.5
    for meaning, colour in theme.colours.items():
        if meaning in ("background", "panel", "selection"):
            continue
        wanted = 3.0 if meaning == "stale" else floor
        for surface in ("background", "panel"):
            assert _contrast(colour, theme[surface]) >= wanted, (meaning, surface)
    assert _contrast(theme["foreground"], theme["selection"]) >= floor


def test_the_user_folder_wins_over_the_shipped_one(tmp_path):
    (tmp_path / "dark.toml").write_text((SHIPPED / "dark.toml").read_text().replace("Dark", "Mine"))

    assert theming.load("dark", [tmp_path, SHIPPED]).title == "Mine"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('ok = "#6cc98c"', 'ok = "greenish"', "ok = 'greenish' is no colour"),
        ('ok = "#6cc98c"', "", "lacks ok"),
        ('ok = "#6cc98c"', 'okay = "#6cc98c"', "knows no 'okay'"),
        ("[colours]", "[colours", "Expected"),
        ("[colours]", "[colors]", "no table [colours]"),
        ('bold = ["fail"', 'bold = ["nothing"', "bold must list"),
    ],
)
def test_a_broken_theme_is_one_error_that_names_file_and_key(tmp_path, old, new, says):
    path = tmp_path / "dark.toml"
    path.write_text((SHIPPED / "dark.toml").read_text().replace(old, new))

    with pytest.raises(theming.BadTheme) as caught:
        theming.load("dark", [tmp_path])
    assert str(path) in caught.value.message
    assert says in caught.value.message


@pytest.mark.parametrize("name", ["nosuch", "../dark", "a" * 100])
def test_an_unknown_theme_lists_the_known_ones(name):
    with pytest.raises(theming.UnknownTheme) as caught:
        theming.load(name, [SHIPPED])
    assert "dark" in caught.value.hint


def test_no_color_and_a_pipe_switch_colours_off(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert theming.colour_wanted(True)
    assert not theming.colour_wanted(False)
    assert theming.colour_wanted(False, "always")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not theming.colour_wanted(True)
