"""The history of typed lines: private, bounded, without secrets; and the person's settings."""

from __future__ import annotations

import stat

import pytest

from hashell.errors import BadUsage
from hashell.shell import settings as own
from hashell.shell.remember import SIZE_MAX, History, history_path
from hashell.shell.scrub import scrub


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (
            'primitive f stonith:fence_x params ip=1 passwd="a b" login=x',
            "primitive f stonith:fence_x params ip=1 passwd=*** login=x",
        ),
        ("resource param f set passwd hidden", "resource param f set passwd ***"),
        ("configure set f.password hidden", "configure set f.password ***"),
        ("resource secret f set anything hidden", "resource secret f set anything ***"),
        ("pcs stonith create a fence_x pin=12 spin=3", "pcs stonith create a fence_x pin=*** spin=3"),
        ('xml <nvpair name="passwd" value="hid den"/>', 'xml <nvpair name="passwd" value="***"/>'),
        ("resource move pinger", "resource move pinger"),
    ],
)
def test_values_of_secrets_are_starred_and_nothing_else(line, kept):
    assert scrub(line) == kept


def test_lines_are_kept_for_the_next_session_without_secrets_and_for_their_user_only(tmp_path):
    path = tmp_path / "state" / "demo"
    first = History(path)
    first.append_string("resource stop web")
    first.append_string("configure set f.passwd hidden")
    assert "hidden" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(History(path).load_history_strings()) == ["configure set f.passwd ***", "resource stop web"]


def test_a_history_that_others_could_read_becomes_private(tmp_path):
    path = tmp_path / "demo"
    path.touch(mode=0o644)
    path.chmod(0o644)
    History(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_history_that_grew_too_large_keeps_its_newer_half(tmp_path):
    path = tmp_path / "demo"
    history = History(path)
    history.append_string("the first line")
    with path.open("a") as file:
        file.write("\n# then\n+some line\n" * (SIZE_MAX // 15))
    kept = list(History(path).load_history_strings())
    assert path.stat().st_size <= SIZE_MAX
    assert set(kept) == {"some line"}


def test_a_history_that_cannot_be_written_is_none_on_disk_but_goes_on(tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    history = History(blocked / "demo")
    history.append_string("resource stop web")
    assert history.get_strings() == ["resource stop web"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "a/b", ".hidden", "x" * 500])
def test_the_name_of_a_cluster_cannot_lead_out_of_the_folder(name):
    path = history_path(name)
    assert path.parent.name == "history"
    assert path.name not in ("", ".", "..")


def test_settings_are_saved_and_read_back(tmp_path):
    settings = own.Settings({"keys": "vi", "events": "off", "editor": 'my "editor"'})
    own.save(settings, tmp_path / "shell.toml")
    found = own.load(tmp_path / "shell.toml")
    assert dict(found.changed()) == {"keys": "vi", "events": "no", "editor": 'my "editor"'}


def test_a_setting_or_value_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(BadUsage, match="no setting") as caught:
        own.Settings({"colour": "red"})
    assert "theme" in caught.value.hint
    with pytest.raises(BadUsage) as caught:
        own.Settings({"keys": "wordstar"})
    assert caught.value.hint == "use emacs, vi"


def test_a_bad_settings_file_names_file_and_key(tmp_path):
    (tmp_path / "shell.toml").write_text('keys = "wordstar"\n')
    with pytest.raises(own.BadSettings, match=r"shell\.toml: keys"):
        own.load(tmp_path / "shell.toml")
