"""Terminals that show nothing but ASCII, and news beside a command's live line."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from hashell.shell import signs
from hashell.shell.news import News
from hashell.testing.terminal import Terminal

TOP = Path(__file__).resolve().parents[2]
CIB = """<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config/>
<nodes><node id="1" uname="node1"/></nodes><resources><primitive id="web" class="ocf" provider="hashell" type="Dummy"/>
</resources><constraints/></configuration><status/></cib>"""


def test_our_signs_have_others_in_ascii_and_foreign_letters_become_question_marks():
    assert signs.to_ascii("✖ a → b … │ · ▲") == "x a -> b ... | - !"
    assert signs.to_ascii("héllo 日") == "h?llo ?"
    assert signs.to_ascii("as it is") == "as it is"


def test_a_terminal_is_taken_for_ascii_by_its_name_or_by_wish(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("PYTHONUTF8", "1")
    assert not signs.only_ascii() and not signs.only_ascii("color")
    assert signs.only_ascii("plain") and signs.only_ascii("plain,uppercase")
    monkeypatch.setenv("TERM", "vt100")
    assert signs.only_ascii()


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"LC_ALL": "", "LANG": "C", "LC_CTYPE": ""}])
def test_a_session_in_the_locale_c_shows_nothing_but_ascii(tmp_path, locale):
    path = tmp_path / "cib.xml"
    path.write_text(CIB)
    environment = {
        **locale, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(TOP), str(TOP / "daemon")]),
    }
    with Terminal([sys.executable, "-m", "hashell", "--cib", str(path)], env=environment) as terminal:
        screens = [terminal.wait_for("1 resource")]
        terminal.send("configure primitive db ocf:hashell:Dummy params ")
        screens.append(terminal.wait_for("start, stop ..."))
        terminal.send("op_slep=1 ")
        screens.append(terminal.wait_for("x Dummy has no parameter op_slep"))
        terminal.send("\x03resuorce web\r")
        screens.append(terminal.wait_for("x no command is called resuorce"))
        terminal.send("\x03resource stop nothing\r")
        screens.append(terminal.wait_for("no resource is called nothing"))
        terminal.send("pcs config help\r")
        screens.append(terminal.wait_for("Usage: pcs config ..."))
    assert [screen for screen in screens if not screen.isascii()] == []


def test_news_are_written_above_a_live_line_not_behind_it(capsys):
    news = News(lambda text: sys.stdout.write(f"\r\x1b[K{text}"))
    news.live("stop web on node1")
    news.write("node2 is lost\n")
    news.live("")
    news.write("node2 is back\n")
    assert capsys.readouterr().out == (
        "\r\x1b[Kstop web on node1\r\x1b[Knode2 is lost\n\r\x1b[Kstop web on node1\r\x1b[Knode2 is back\n"
    )
