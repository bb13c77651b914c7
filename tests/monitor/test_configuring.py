"""The configuration edited from the screen: text, XML and forms, each with a preview; and nothing without leave."""

from __future__ import annotations

import pytest

from hashell.client.memory import MemoryClient
from hashell.commands.env import Env
from hashell.errors import Refused
from hashell.monitor.acts import Act, Danger
from hashell.monitor.screens.edit import EditScreen
from hashell.monitor.screens.form import FormScreen
from hashell.monitor.widgets.editor import Editor
from hashell.monitor.widgets.line_view import LineView


def value(client, name):
    return next(pair.get("value") for pair in client.cib().root.iter("nvpair") if pair.get("name") == name)


async def to_object(app, pilot, until, name, view="overview"):
    if view != "overview":
        app.view = view
    rows = app.query_one(f"#{view}", LineView)
    await until(pilot, lambda: any(line.about == name for line in rows.rows))
    rows.go_to(next(line.key for line in rows.rows if line.about == name))


async def opened(app, pilot, until, kind):
    await until(pilot, lambda: isinstance(app.screen, kind) and app.screen.is_mounted)
    await pilot.pause()
    return app.screen


async def edited(app, pilot, until, name, old, new):
    """The editor of an object, with a text in it replaced."""
    await to_object(app, pilot, until, name, "configuration")
    await pilot.press("e")
    screen = await opened(app, pilot, until, EditScreen)
    editor = screen.query_one(Editor)
    assert old in editor.text
    editor.text = editor.text.replace(old, new)
    await pilot.press("ctrl+s")
    return screen


async def test_e_leads_from_a_resource_to_its_text_and_an_edit_is_previewed_and_committed_with_a_message(
    cluster, shown, screen, until
):
    async with shown(cluster) as (app, pilot):
        await to_object(app, pilot, until, "http")
        await pilot.press("e")
        await until(pilot, lambda: app.view == "configuration" and app.query_one("#configuration").current is not None)
        await until(pilot, lambda: app.query_one("#configuration").current.about == "http")

        await edited(app, pilot, until, "http", "apache2.conf", "b.conf")
        await until(pilot, lambda: "enter does it" in screen(app) and "asking" not in screen(app))
        text = screen(app)
        assert "configure load update" in text
        assert "+" in text and "b.conf" in text
        assert "stop " in text and "fence 0" in text
        await pilot.press("m", *"new"[:3], "enter")
        await until(pilot, lambda: value(cluster, "configfile").endswith("b.conf"))

    row = cluster.history(1)[0]
    assert (row.message, row.command.startswith("printf")) == ("new", True)


async def test_what_would_be_refused_is_told_in_the_editor_and_the_text_stays(cluster, shown, screen, until):
    before = cluster.cib().to_bytes()
    async with shown(cluster, size=(120, 40)) as (app, pilot):
        await edited(app, pilot, until, "web-prefers", "web-prefers web", "web-prefers nobody")
        await until(pilot, lambda: "names nobody, which does not exist" in screen(app))
        assert "nobody" in app.screen.query_one(Editor).text

        await pilot.press("escape")
        await until(pilot, lambda: "esc once more" in screen(app))
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)

    assert cluster.cib().to_bytes() == before


async def test_a_word_is_completed_with_tab_and_an_error_is_told_while_it_is_typed(cluster, shown, screen, until):
    async with shown(cluster) as (app, pilot):
        await to_object(app, pilot, until, "web-prefers", "configuration")
        await pilot.press("e")
        editor = (await opened(app, pilot, until, EditScreen)).query_one(Editor)
        editor.text = ""
        await pilot.press(*"locat")
        await until(pilot, lambda: "location" in screen(app))
        await pilot.press("tab")
        await until(pilot, lambda: editor.text == "location ")
        editor.text = "colocation c inf: web nobodi\n"
        await until(pilot, lambda: "nobodi" in screen(app) and "!" in screen(app))


async def test_words_have_the_colours_of_the_shells_grammar(cluster, shown, screen, until):
    async with shown(cluster) as (app, pilot):
        await to_object(app, pilot, until, "web-prefers", "configuration")
        await pilot.press("e")
        editor = (await opened(app, pilot, until, EditScreen)).query_one(Editor)
        names = [name for _, _, name in editor._highlights[0]]
        assert "accent/bold" in names
        assert "ok/" in names


async def test_a_change_by_somebody_else_in_the_same_place_refuses_it_and_keeps_the_text(cluster, shown, screen, until):
    async with shown(cluster) as (app, pilot):
        await edited(app, pilot, until, "http", "/etc/apache2/apache2.conf", "/ours")
        await until(pilot, lambda: "enter does it" in screen(app))
        other = Env.open(cluster)
        other.by_id("http-conf").set("value", "/theirs")
        other.commit()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, EditScreen))
        assert "/ours" in app.screen.query_one(Editor).text

    assert value(cluster, "configfile") == "/theirs"


async def test_a_refusal_by_access_rules_is_told_and_keeps_the_text(cluster, shown, screen, until, monkeypatch):
    def refuse(changes, *, command="", message=""):
        raise Refused("alice may not write configuration/resources", "ask for a role that may")

    monkeypatch.setattr(cluster, "apply", refuse)
    told = []
    async with shown(cluster) as (app, pilot):
        monkeypatch.setattr(app, "notify", lambda text, **how: told.append(text))
        await edited(app, pilot, until, "http", "apache2.conf", "b.conf")
        await until(pilot, lambda: "enter does it" in screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: told and isinstance(app.screen, EditScreen))
        assert "alice may not write" in told[0]
        assert "b.conf" in app.screen.query_one(Editor).text


async def test_in_the_xml_shape_an_object_is_edited_as_xml(cluster, shown, screen, until):
    async with shown(cluster) as (app, pilot):
        app.shape = "xml"
        await edited(app, pilot, until, "web-prefers", 'score="100"', 'score="7"')
        await until(pilot, lambda: "enter does it" in screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: cluster.cib().by_id("web-prefers").get("score") == "7")


async def test_v_turns_between_four_shapes_and_stays_at_the_object(cluster, shown, screen, until):
    signs = {
        "tree": "Options of the cluster", "xml": "<configuration>", "picture": "must start before", "crm": "primitive",
    }
    async with shown(cluster, size=(120, 40)) as (app, pilot):
        await to_object(app, pilot, until, "ping-then-web", "configuration")
        for shape, sign in signs.items():
            await pilot.press("v")
            await until(pilot, lambda shape=shape: app.shape == shape)
            rows = app.query_one("#configuration", LineView)
            await until(pilot, lambda sign=sign, rows=rows: any(sign in line.text for line in rows.rows))
            await until(pilot, lambda rows=rows: rows.current.about == "ping-then-web")


async def test_words_are_looked_for_without_leaving_rows_out_and_n_goes_on(cluster, shown, until):
    async with shown(cluster, size=(120, 40)) as (app, pilot):
        app.view = "configuration"
        rows = app.query_one("#configuration", LineView)
        await until(pilot, lambda: len(rows.rows) > 5)
        count = len(rows.rows)
        await pilot.press("slash", *"web", "enter")
        await until(pilot, lambda: "web" in rows.current.text)
        first = rows.current.key
        await pilot.press("n")
        await until(pilot, lambda: rows.current.key != first and "web" in rows.current.text)
        assert len(rows.rows) == count


async def test_a_new_resource_goes_from_its_agent_through_its_form_into_a_group(cluster, shown, screen, until):
    async with shown(cluster, size=(100, 40)) as (app, pilot):
        await pilot.press("a")
        await until(pilot, lambda: "which agent?" in screen(app))
        await pilot.press(*"hashell:dum")
        await until(pilot, lambda: "ocf:hashell:Dummy" in screen(app))
        await pilot.press("enter")
        form = await opened(app, pilot, until, FormScreen)
        places = {item.name: place for place, item in enumerate(form.fields)}
        form.query_one(f"#f{places['name']}").value = "extra"
        form.query_one(f"#f{places['group']}").value = "web"
        form.query_one(f"#f{places['op monitor']}").value = "interval=soon"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "interval is a time" in screen(app))
        form.query_one(f"#f{places['op monitor']}").value = "interval=7s"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "enter does it" in screen(app) and "asking" not in screen(app))
        assert "configure primitive extra ocf:hashell:Dummy" in screen(app)
        await pilot.press("enter")
        await until(pilot, lambda: cluster.cib().by_id("extra") is not None)

    assert cluster.cib().by_id("extra").getparent().get("id") == "web"


async def test_a_form_that_was_left_in_the_preview_comes_back_with_what_was_typed(cluster, shown, screen, until):
    async with shown(cluster, size=(100, 40)) as (app, pilot):
        await to_object(app, pilot, until, "http", "configuration")
        await pilot.press("enter")
        form = await opened(app, pilot, until, FormScreen)
        place = next(place for place, item in enumerate(form.fields) if item.name == "configfile")
        form.query_one(f"#f{place}").value = "/typed"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "enter does it" in screen(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, FormScreen) and "/typed" in screen(app))


async def test_an_object_is_deleted_through_a_preview(cluster, shown, screen, until):
    async with shown(cluster) as (app, pilot):
        await to_object(app, pilot, until, "web-prefers", "configuration")
        await pilot.press("D")
        await until(pilot, lambda: "configure delete web-prefers" in screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: cluster.cib().by_id("web-prefers") is None)


class Watched(MemoryClient):
    """Counts whatever would change something."""

    def __init__(self, cib):
        super().__init__(cib)
        self.changed = []

    def apply(self, changes, *, command="", message=""):
        self.changed.append(command or "apply")
        return super().apply(changes, command=command, message=message)

    def _ask(self, *what):
        self.changed.append(what[0])
        return super()._ask(*what)

    def clean_up(self, *words, **how):
        self.changed.append("clean_up")
        return super().clean_up(*words, **how)


#: They end the app, or only change how it looks.
HARMLESS = {"quit", "help", "theme", "filter", "command_palette"}
PLACES = (("overview", "node1"), ("overview", "http"), ("configuration", "http"), ("configuration", "web-prefers"))


@pytest.mark.parametrize("read_only", [True, False])
async def test_of_every_act_by_key_and_by_palette_none_gets_through_in_read_only_mode(
    cluster, shown, screen, until, monkeypatch, tmp_path, read_only
):
    monkeypatch.chdir(tmp_path)  # pictures of the screen go there
    client = Watched(cluster.cib())
    async with shown(client, size=(100, 40), read_only=read_only) as (app, pilot):
        monkeypatch.setattr(app, "notify", lambda text, **how: None)
        monkeypatch.setattr("hashell.monitor.configuring.installed", lambda: ("ocf:hashell:Dummy",))
        keys = [
            key for binding in app.BINDINGS for key in binding.key.split(",")
            if binding.action.partition("(")[0] not in HARMLESS and key not in ("escape", "ctrl+c", "ctrl+q")
        ]
        commands = [
            one.callback for one in app.get_system_commands(app.screen) if one.title not in ("Quit", "Theme", "Help")
        ]
        for view, name in PLACES:
            for step in [*keys, *(commands if name == "http" else ())]:
                if app.in_past:
                    app.go(None)
                if app.shape != "crm":
                    app.shape = "crm"
                    app.outdate("configuration")
                app.view = view
                for rows in app.query(LineView):
                    rows.faults_only, rows.pattern = False, ""
                await to_object(app, pilot, until, name, view)
                if isinstance(step, str):
                    await pilot.press(step)
                else:
                    step()
                await through(app, pilot, name)
                if client.changed and not read_only:
                    return  # the same walk does change things where it may: the test can fail

    assert read_only, "the walk does nothing even where it may"
    assert client.changed == []
    assert client.asked == []
    assert client.cib().to_bytes() == cluster.cib().to_bytes()


async def through(app, pilot, name):
    """Whatever was opened: choose, fill in, preview, do; then out of it."""
    await pilot.pause()
    for key in ("enter", "ctrl+s", "enter", "enter"):
        if len(app.screen_stack) == 1:
            break
        if app.screen.query("#typed"):
            app.screen.query_one("#typed").value = name
        await pilot.press(key)
        await pilot.pause()
    while len(app.screen_stack) > 1:
        app.screen.dismiss(None)
        await pilot.pause()


async def test_the_last_door_is_shut_in_read_only_mode_whoever_comes_there(cluster, shown):
    async with shown(cluster, read_only=True) as (app, _):
        act = Act("x", "x", Danger.CHANGES, lambda env: env.by_id("http").set("description", "x"))
        with pytest.raises(Refused, match="read-only"):
            app._do(act, "")


async def test_a_file_opened_without_leave_to_write_opens_no_editor(cluster, shown, screen, until, monkeypatch):
    told = []
    async with shown(cluster) as (app, pilot):
        monkeypatch.setattr(app, "notify", lambda text, **how: told.append(text))
        await to_object(app, pilot, until, "http", "configuration")
        app.session.past.kind, app.session.past.read_only = "file", True
        await pilot.press("e")
        await until(pilot, lambda: told)
        assert "--write" in told[0]
        assert len(app.screen_stack) == 1
