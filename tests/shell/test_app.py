"""The interactive shell at a prompt: keys, questions, several lines, and what is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from hashell import theming
from hashell.cib.document import Cib
from hashell.client.memory import MemoryClient
from hashell.errors import TimedOut
from hashell.shell.app import Shell
from hashell.shell.grammar.snapshot import snapshot_of
from hashell.shell.prompt import GrammarLexer, Place, SafeSuggest, search_back, search_on, style_of
from hashell.shell.session import Session

CIB = """<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0"><configuration>
<crm_config><cluster_property_set id="o"><nvpair id="o1" name="cluster-name" value="demo"/>
</cluster_property_set></crm_config>
<nodes><node id="1" uname="node1"/><node id="2" uname="node2"/></nodes><resources>
<primitive id="web" class="ocf" provider="heartbeat" type="apache"/></resources><constraints/></configuration>
<status/></cib>"""


class _Output(DummyOutput):
    def get_size(self) -> Size:
        return Size(rows=24, columns=80)


class Terminal:
    """A shell on a cluster in memory, with keys that are typed and everything that it said."""

    def __init__(self, keys: PipeInput, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client = MemoryClient(CIB)
        self.said: list[str] = []
        self.out: list[str] = []
        self.ran: list[str] = []
        self._keys = keys
        self.session = Session(out=self.out.append, err=self.said.append)
        self.session.use_client(self.client)
        self.shell = Shell(self.session, history=InMemoryHistory())
        # Everything that loads runs at once, so that a key finds it.
        sources = self.shell.place.sources
        monkeypatch.setattr(sources, "start", lambda: None)
        monkeypatch.setattr(sources, "show_cib", lambda cib: setattr(sources, "snapshot", snapshot_of(cib)))
        monkeypatch.setattr("hashell.shell.live.Follower.start", lambda follower: None)
        self._run = self.shell.execute
        monkeypatch.setattr(self.shell, "execute", self._note)

    def _note(self, text: str) -> int:
        self.ran.append(text)
        return self._run(text)

    def type(self, *keys: str) -> None:
        """Type, then leave for good; what was typed is in the pipe before the prompt comes."""
        for key in keys:
            self._keys.send_text(key)
        self._keys.send_text("\x03quit\r")
        assert self.shell.run() == 0


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[Terminal]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("CIB_shadow_dir", str(tmp_path))
    with create_pipe_input() as keys, create_app_session(input=keys, output=_Output()):
        yield Terminal(keys, monkeypatch)


@contextmanager
def prompt_with(terminal: Terminal, *path: str) -> Iterator[Shell]:
    terminal.shell.start()
    terminal.shell.place.path = path
    try:
        yield terminal.shell
    finally:
        terminal.shell.stop()


def prompt_text(shell: Shell) -> str:
    return "".join(fragment[1] for fragment in shell.message())


# --- keys ----------------------------------------------------------------------------------------------


def test_a_line_runs_and_the_shell_goes_on(terminal):
    terminal.type("resource locate web\r", "resource locate web\r")
    assert terminal.ran == ["resource locate web"] * 2 + ["quit"]
    assert terminal.out.count("resource web is NOT running\n") == 2


def test_ctrl_c_clears_the_line_and_never_ends_the_shell(terminal):
    terminal.type("resource stop web\x03", "\x03", "resource locate web\r")
    assert terminal.ran == ["resource locate web", "quit"]


def test_ctrl_d_goes_up_one_level_and_ends_at_the_top(terminal):
    keys = terminal._keys
    keys.send_text("configure\r\x04\x04")
    assert terminal.shell.run() == 0
    assert terminal.ran == ["configure"]


def test_ctrl_d_does_not_end_while_something_is_typed(terminal):
    terminal.type("resource locate web\x04\r")
    assert terminal.ran[0] == "resource locate web"


def test_what_is_certainly_wrong_does_not_run_and_the_cursor_stands_there(terminal):
    terminal.type("resource maintenance web maybe\r", "\x0b" + "on\r")
    assert terminal.ran == ["resource maintenance web on", "quit"]


def test_enter_after_a_backslash_or_in_a_quote_begins_a_new_line(terminal):
    terminal.type(
        "configure\r",
        "primitive vip \\\r ocf:heartbeat:Dummy\r",
        'primitive vip2 Dummy description="two\rlines"\r',
        "refresh\r",
        "yes\r",
    )
    assert terminal.ran[1] == "primitive vip \\\n ocf:heartbeat:Dummy"
    assert terminal.ran[2] == 'primitive vip2 Dummy description="two\nlines"'


def test_alt_enter_always_begins_a_new_line(terminal):
    terminal.type("resource locate web\x1b\rresource locate web\r")
    assert terminal.ran[0] == "resource locate web\nresource locate web"
    assert len(terminal.out) == 2


def test_a_pasted_script_runs_line_by_line_at_the_levels_that_it_enters(terminal):
    terminal.type(
        "\x1b[200~configure\nprimitive vip \\\n  ocf:heartbeat:Dummy\nlocation l1 vip 100: node1\ncommit\nup\x1b[201~\r"
    )
    root = terminal.client.cib().root
    assert root.xpath("//primitive/@id") == ["web", "vip"]
    assert root.xpath("//rsc_location/@id") == ["l1"]
    assert terminal.session.path == []


def test_a_script_ends_at_the_line_that_fails_and_says_which(terminal, capsys):
    terminal.type("\x1b[200~resource locate web\nresource start nope\nresource locate web\x1b[201~\r")
    assert len(terminal.out) == 1
    assert "line 2: no resource is called nope" in capsys.readouterr().err
    assert "INFO: the lines after line 2 were not run" in terminal.said


def test_tab_takes_the_only_word_and_a_blank(terminal):
    terminal.type("resource loca\tw\t\r")
    assert terminal.ran[0].rstrip() == "resource locate web"


def test_tab_takes_what_several_words_have_in_common(terminal):
    terminal.type("node main\tnode\t1\r")
    assert terminal.ran[0] == "node maintenance node1"


def test_up_looks_for_lines_that_begin_with_what_is_typed_and_down_leads_back():
    place = Place()
    buffer = Buffer(enable_history_search=Condition(lambda: place.prefix_search))
    buffer._working_lines.extendleft(["node show", "resource locate web", "resource stop web"])
    buffer._Buffer__working_index = 3  # As it is once the history was loaded.
    buffer.insert_text("res")
    search_back(place, buffer)
    assert buffer.text == "resource locate web"
    search_back(place, buffer)
    assert buffer.text == "resource stop web"
    search_on(place, buffer)
    search_on(place, buffer)
    assert buffer.text == "res"
    assert not place.prefix_search


def test_vi_keys_are_there_when_the_settings_say_so(terminal):
    terminal.session.settings.set("keys", "vi")
    terminal.type("resource locate webxx\x1b", "xx", "a\r")
    assert terminal.ran[0] == "resource locate web"


# --- staged edits --------------------------------------------------------------------------------------


def test_leaving_with_staged_edits_asks_and_stay_stays(terminal):
    terminal.type("configure\r", "primitive a Dummy\r", "\x04", "stay\r", "commit\r")
    assert terminal.client.cib().root.xpath("//primitive/@id") == ["web", "a"]


def test_leaving_with_staged_edits_can_drop_them(terminal):
    terminal.type("configure\r", "primitive a Dummy\r", "up\r", "drop\r")
    assert terminal.client.cib().root.xpath("//primitive/@id") == ["web"]
    assert not terminal.session.staged


def test_leaving_with_staged_edits_can_commit_them(terminal):
    terminal.type("configure\r", "primitive a Dummy\r", "up\r", "com\r")
    assert terminal.client.cib().root.xpath("//primitive/@id") == ["web", "a"]
    assert terminal.client.history(1)[0].command == "primitive a Dummy"


def test_the_prompt_tells_cluster_level_and_staged_edits(terminal):
    with prompt_with(terminal) as shell:
        shell.view.cluster = "demo"
        assert prompt_text(shell) == "demo(live)# "
        shell.execute("configure")
        shell.execute("primitive a Dummy")
        assert prompt_text(shell) == "demo(live) configure*# "
        assert "a" in shell.place.sources.snapshot.resources


# --- commands ------------------------------------------------------------------------------------------


def test_ctrl_c_during_a_command_ends_the_wait_and_not_the_shell(terminal, monkeypatch):
    def wait(timeout_s: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(terminal.client, "wait_idle", wait)
    terminal.session.options.wait = True
    terminal.type("resource stop web\r", "resource locate web\r")
    assert any("goes on there" in text for text in terminal.said)
    assert terminal.ran[1] == "resource locate web"


def test_while_a_command_only_waits_the_news_is_shown_and_kept_back_otherwise(terminal, monkeypatch):
    shown: list[list[tuple[str, str]]] = []
    monkeypatch.setattr(terminal.shell, "_show", shown.append)

    def wait(timeout_s: float) -> None:
        terminal.shell.follower._give([("info", "web stopped")])
        assert shown == [[("info", "web stopped")]]

    def show(session: Session, words: list[str]) -> int:
        terminal.shell.follower._give([("info", "kept back")])
        return 0

    monkeypatch.setattr(terminal.client, "wait_idle", wait)
    monkeypatch.setattr("hashell.shell.crm.node.show", show)
    terminal.session.options.wait = True
    terminal.type("resource stop web\r", "node show\r")
    assert shown == [[("info", "web stopped")]]


def test_a_defect_of_one_command_does_not_end_the_session(terminal, monkeypatch):
    monkeypatch.setattr("hashell.shell.crm.resource.locate", lambda session, words: 1 // 0)
    terminal.type("resource locate web\r", "node show\r")
    assert any("defect" in text and "ZeroDivisionError" in text for text in terminal.said)
    assert terminal.ran[1] == "node show"


def test_an_error_is_told_with_its_way_out(terminal, monkeypatch, capsys):
    def wait(timeout_s: float) -> None:
        raise TimedOut("not idle yet", "look at the status")

    monkeypatch.setattr(terminal.client, "wait_idle", wait)
    terminal.session.options.wait = True
    terminal.session.options.wait_s = 0.05
    terminal.type("resource stop web\r")
    assert "the cluster still had things to do after 0.05 s" in capsys.readouterr().err
    assert any("wait longer with --wait=SECONDS" in line for line in terminal.said)


def test_monitor_opens_what_was_given_for_it(terminal):
    opened = []
    terminal.session.open_monitor = lambda options: opened.append(options) or 0
    terminal.type("monitor\r")
    assert opened == [terminal.session.options]


def test_the_toolbar_tells_about_the_word_and_the_cluster(terminal):
    with prompt_with(terminal) as shell:
        shell._prompt = shell._make_prompt()
        shell._prompt.default_buffer.document = Document("resource move web")
        shell.view.info = terminal.client.info()
        shell.view.connected = True
        text = "".join(fragment[1] for fragment in shell.toolbar())
    first, second = text.split("\n")
    assert first.startswith(" web: ocf:heartbeat:apache")
    assert "NO QUORUM" in second
    assert "nodes 0/2" in second
    assert max(len(first), len(second)) <= 80


def test_a_suggestion_comes_from_the_history_but_never_fences(terminal):
    place = Place()
    with prompt_with(terminal) as shell:
        shell._prompt = shell._make_prompt()
        buffer = shell._prompt.default_buffer
        for line in ("node fence node1", "node show node1"):
            buffer.history.append_string(line)
        buffer.document = Document("node f")
        assert SafeSuggest(place).get_suggestion(buffer, buffer.document) is None
        buffer.document = Document("node s")
        found = SafeSuggest(place).get_suggestion(buffer, buffer.document)
        assert found is not None
        assert found.text == "how node1"


def test_colours_keep_the_text_as_it_is(terminal):
    lexer = GrammarLexer(Place())
    for text in ("configure primitive a Dummy\nop monitor", "x", "", "  # comment", "a 'b\nc' d"):
        lines = lexer.lex_document(Document(text))
        assert "\n".join("".join(piece[1] for piece in lines(n)) for n in range(text.count("\n") + 1)) == text


@pytest.mark.parametrize("name", theming.names())
def test_every_theme_makes_a_style(name):
    assert style_of(theming.load(name)).style_rules


def test_news_cannot_steer_the_terminal(terminal):
    with prompt_with(terminal) as shell:
        assert "\x1b]0;" not in shell._painted([("info", "evil \x1b]0;title\x07 text")])


def test_the_cib_of_a_shadow_is_followed_and_named_in_the_prompt(terminal, monkeypatch):
    monkeypatch.setattr("hashell.client.choose.open_client", lambda *args, **kwargs: terminal.client)
    with prompt_with(terminal) as shell:
        shell.view.cluster = "demo"
        shell.execute("cib new sandbox")
        assert prompt_text(shell).endswith("(sandbox)# ")
        assert Cib(terminal.client.cib().root).root.xpath("//primitive/@id") == ["web"]
        shell.execute("cib use live")
        assert terminal.session.options.shadow == ""


def test_one_shot_commands_import_neither_prompt_toolkit_nor_asyncio(tmp_path):
    import subprocess
    import sys

    path = tmp_path / "cib.xml"
    path.write_text(CIB)
    code = (
        "import sys; from hashell.shell.one_shot import main;"
        "main(['--cib', sys.argv[1], 'resource', 'locate', 'web']);"
        "print([name for name in ('asyncio', 'prompt_toolkit', 'textual') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_pasted_script_stays_as_it_was_copied_and_runs_at_enter(terminal):
    script = "configure\r\nprimitive a ocf:hashell:Dummy \\\n  params fake=1\rgroup g a\n\n"
    terminal.type(f"\x1b[200~{script}\x1b[201~", "\r", "commit\r")
    assert terminal.ran[0] == "configure\nprimitive a ocf:hashell:Dummy \\\n  params fake=1\ngroup g a"
    assert terminal.client.cib().root.find(".//group[@id='g']/primitive[@id='a']") is not None
