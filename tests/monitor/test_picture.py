"""Pictures of the screen: by a key, without a terminal; never over a file that is there."""

from __future__ import annotations

import os
import stat

import pytest
from lxml import etree

from hashell.errors import AlreadyExists, Refused
from hashell.monitor import one_shot, picture
from hashell.monitor.picture import BadSize, size_of


def words(path):
    """What stands in a picture; blanks that do not break are blanks."""
    return " ".join(etree.parse(str(path)).getroot().itertext()).replace("\xa0", " ")


def test_a_size_is_columns_by_rows_within_bounds():
    assert size_of("") == picture.SIZE
    assert size_of("80x24") == (80, 24)
    for text in ("80", "0x0", "80x", "9999x9999", "-80x24", "80x24x1"):
        with pytest.raises(BadSize, match="no size"):
            size_of(text)


def test_a_file_that_is_there_and_a_folder_that_is_not_are_refused(tmp_path):
    place = tmp_path / "one.svg"
    picture.write(str(place), "<svg/>")
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    with pytest.raises(AlreadyExists):
        picture.write(str(place), "<svg/>")
    with pytest.raises(Refused, match="cannot write"):
        picture.write(str(tmp_path / "none" / "two.svg"), "<svg/>")


async def test_a_key_draws_the_screen_into_a_file_beside(cluster, shown, screen, until, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with shown(cluster) as (app, pilot):
        await pilot.press("P")
        await until(pilot, lambda: "the screen is in hashell-" in screen(app))
    (name,) = os.listdir(tmp_path)
    assert "node3" in words(tmp_path / name)


def test_without_a_terminal_a_view_of_a_file_is_drawn(cluster, tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "cib.xml").write_bytes(cluster.cib().to_bytes())
    argv = ["--cib", str(tmp_path / "cib.xml"), "--picture", str(tmp_path / "a.svg"), "--size", "100x30"]
    assert one_shot.main([*argv, "--view", "configuration"]) == 0
    assert "primitive" in words(tmp_path / "a.svg")
    assert one_shot.main(argv) != 0  # it is there
    assert "is there already" in capfd.readouterr().err


def test_what_cannot_be_drawn_is_said(tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(picture, "PATIENCE_S", 0.2)
    assert one_shot.main(["--picture", str(tmp_path / "a.svg"), "--attach", str(tmp_path / "nobody")]) != 0
    assert "nothing came to be seen" in capfd.readouterr().err
    assert one_shot.main(["--picture", "a.svg", "--view", "nonsense"]) != 0
    assert "no view is called nonsense" in capfd.readouterr().err
    assert not (tmp_path / "a.svg").exists()
