"""Every screen as text, at three sizes, compared with what was looked at and found good: golden/STORY-SIZE.txt.

Some of them in three themes, too: the words are the same, and golden/STORY-SIZE.THEME.txt has what each row is drawn
in, as runs of cells (`12 accent!` are twelve cells in bold accent, `~` reversed, `/` on another ground).

`pytest tests/monitor/test_screens.py --update-golden` writes them anew; read the difference before it is committed.
"""

from __future__ import annotations

import asyncio
from functools import cache
from graphlib import TopologicalSorter
from itertools import groupby
from pathlib import Path

import pytest

from hashell import theming
from hashell.agents.metadata import parse_metadata
from hashell.cib.document import Cib
from hashell.client.feed import (
    CibUpdate,
    Connected,
    Disconnected,
    EventUpdate,
    HistoryUpdate,
    InfoUpdate,
    LogUpdate,
    ProbeUpdate,
    TransitionUpdate,
)
from hashell.client.memory import MemoryClient
from hashell.monitor.app import HashellMonitor, Options
from hashell.monitor.widgets.line_view import LineView, rich_colour
from hashell.shell.crm.lending import CrmLanguage
from hashell.simulate.run import decide
from hashell.transition.graph import ActionKind
from hashell.transition.packed import pack
from hashell.transition.xml import graph_to_xml
from hashell.wire.messages import EventInfo, HistoryRow, Info, MemberInfo, TransitionNotice

GOLDEN = Path(__file__).resolve().parent / "golden"
SIZES = ((80, 24), (120, 40), (200, 50))
#: The themes that are looked at, and the screens that are in each.
THEMES, THEMED = ("dark", "high-contrast", "mono"), ("overview", "transition", "timeline")


def _info(nodes, lost=()):
    members = tuple(
        MemberInfo(number, name, "lost" if name in lost else "member") for number, name in enumerate(nodes, 1)
    )
    return Info(
        "bench", nodes[0], "mesh", members, nodes[0], True, len(nodes) - len(lost), len(nodes), len(nodes) // 2 + 1, 7,
        "S_TRANSITION_ENGINE", 4,
    )


def _standby(cib, node):
    root = cib.copy_root()
    for element in root.iterfind("configuration/nodes/node"):
        if element.get("uname") == node:
            element.append(Cib.parse(
                '<cib><instance_attributes id="n-sb"><nvpair id="n-sb-1" name="standby" value="on"/>'
                "</instance_attributes></cib>"
            ).root[0])
    root.set("epoch", str(int(root.get("epoch", "0")) + 1))
    return Cib(root)


@cache
def _decided(cib, number, now_s):
    """The graph for a CIB, packed, and the ids of its real actions in an order in which they may be done."""
    graph = decide(Cib.parse(cib), now_s, number).graph
    inputs = {synapse.action.id: synapse.inputs for synapse in graph.synapses}
    real = {action.id for action in graph.actions if action.kind is not ActionKind.PSEUDO}
    return pack(graph_to_xml(graph)), tuple(one for one in TopologicalSorter(inputs).static_order() if one in real)


def _transition(session, after_s, number, cib, dc, *, done, running, ends_s=0.0, step_s=0.2):
    """A decision about `cib` of which the first `done` actions are done and `running` more run."""
    packed, order = _decided(cib.to_bytes(), number, session.wall_s)
    session.tell(after_s, TransitionUpdate(TransitionNotice("started", number, dc, packed)))
    at_s = after_s
    for place, action in enumerate(order[: done + running]):
        session.tell(at_s, TransitionUpdate(TransitionNotice("action", number, action=action, state="running")))
        if place < done:
            at_s += step_s
            session.tell(at_s, TransitionUpdate(TransitionNotice("action", number, action=action, state="done")))
    if ends_s:
        took_ms = int((ends_s - after_s) * 1000)
        session.tell(ends_s, TransitionUpdate(
            TransitionNotice("ended", number, result="complete", duration_ms=took_ms, idle=True)
        ))
    return at_s


def _event(session, number, after_s, node, kind, level, text, *about):
    from_s = session.wall_s - session.clock.running_s
    session.tell(after_s, EventUpdate(EventInfo(number, from_s + after_s, node, kind, level, text, about)))


def _empty(session, cluster):
    session.tell(0, Connected("/run/a", "new", "node1", "root"), CibUpdate(None, Cib.empty()))
    return MemoryClient(Cib.empty())


def _three(session, cluster):
    """node3 was lost and what it ran was mended; now node1 goes to standby."""
    nodes = ("node1", "node2", "node3")
    before = cluster.cib()
    t0 = session.wall_s
    session.tell(0, Connected("/run/a", "bench", "node1", "root"), InfoUpdate(_info(nodes)), CibUpdate(None, before))
    session.tell(1, ProbeUpdate("web", True, "HTTP 200", 0.0, 5.0))
    session.tell(59.2, ProbeUpdate("web", False, "no answer in 2 s", 0.0, 5.0))
    _event(session, 1, 60, "node1", "member", "warning", "node3 was lost", "node3")
    session.tell(60, InfoUpdate(_info(nodes, ("node3",))))
    _event(session, 2, 60.1, "node1", "transition", "info", "transition 4: start ping on node1", "ping", "node1")
    _transition(session, 60.1, 4, before, "node1", done=99, running=0, ends_s=63.0, step_s=0.1)
    session.tell(63, ProbeUpdate("web", True, "HTTP 200", 3.8, 5.0))
    _event(session, 3, 63, "node1", "transition", "info", "transition 4: complete after 2.9 s", "ping", "node1")
    after = _standby(before, "node1")
    command = "node standby node1"
    session.tell(120, CibUpdate(before, after, "root", "node1", command), HistoryUpdate((
        HistoryRow("0.12.0", t0 - 500, "root", "node2", "configure load update web.crm", "first version"),
        HistoryRow(str(after.version), t0 + 120, "root", "node1", command, "new kernel"),
    )))
    _event(
        session, 4, 120, "node1", "config", "info", f"root on node1: {command} (version {after.version})", "node1"
    )
    _event(session, 5, 120.1, "node1", "transition", "info", "transition 5: stop http on node1, stop ip on node1, …")
    _transition(session, 120.1, 5, after, "node1", done=3, running=1)
    session.tell(122, LogUpdate("node2", (
        EventInfo(7, t0 + 62.4, "node2", "member", "warning", "node3 was lost", ("node3",)),
        EventInfo(8, t0 + 64.6, "node2", "operation", "error", "start of ping on node2 failed: it does not answer"),
    ), 2.4, 0.01), LogUpdate("node3", problem="node3 does not answer"))
    return MemoryClient(after)


def _lost(session, cluster):
    client = _three(session, cluster)
    session.tell(123, Disconnected("/run/a", "node1 is gone: it closed the connection", 2.0))
    session.tell(135)
    return client


def _many(session, cluster):
    """16 nodes with 500 resources, one node lost and unclean, some resources failed, one node in maintenance."""
    names = [f"node{number:02d}" for number in range(1, 17)]
    nodes = "".join(f'<node id="{number}" uname="{name}"/>' for number, name in enumerate(names, 1))
    resources = "".join(
        f'<primitive id="rsc{number:03d}" class="ocf" provider="pacemaker" type="Dummy"/>' for number in range(500)
    )

    def operation(number, task, rc):
        key = f"{number + 1}:1:0:11111111-1111-1111-1111-111111111111"
        interval = 10_000 if task == "monitor" else 0
        return (
            f'<lrm_rsc_op id="rsc{number:03d}_{task}" operation_key="rsc{number:03d}_{task}_{interval}"'
            f' operation="{task}" transition-key="{key}" transition-magic="0:{rc};{key}" call-id="{number + 5}"'
            f' rc-code="{rc}" op-status="0" interval="{interval}" last-rc-change="1795313000" exec-time="20"'
            f' queue-time="0" exit-reason="{"it does not answer" if rc else ""}"/>'
        )

    def state(place, name):
        gone = name == "node07"
        what = 'in_ccm="false" crmd="offline" join="down" expected="member"' if gone else (
            'in_ccm="true" crmd="online" join="member" expected="member"'
        )
        lrm = "".join(
            f'<lrm_resource id="rsc{number:03d}" type="Dummy" class="ocf" provider="pacemaker">'
            + operation(number, "start", 0) + (operation(number, "monitor", 1) if number % 125 == 3 else "")
            + "</lrm_resource>" for number in range(place - 1, 500, 16)
        )
        return (
            f'<node_state id="{place}" uname="{name}" {what}><lrm id="{place}"><lrm_resources>{lrm}'
            "</lrm_resources></lrm></node_state>"
        )

    cib = Cib.parse(
        '<cib crm_feature_set="3.16.2" validate-with="pacemaker-3.9" epoch="9" num_updates="3" admin_epoch="0"'
        ' have-quorum="1" dc-uuid="1"><configuration><crm_config><cluster_property_set id="o">'
        '<nvpair id="o-1" name="cluster-name" value="large"/></cluster_property_set></crm_config>'
        f"<nodes>{nodes}</nodes><resources>{resources}</resources><constraints/></configuration>"
        f"<status>{''.join(state(place, name) for place, name in enumerate(names, 1))}</status></cib>"
    )
    session.tell(
        0, Connected("/run/a", "large", "node01", "root"), InfoUpdate(_info(names, ("node07",))), CibUpdate(None, cib)
    )
    _event(session, 1, 1, "node01", "member", "warning", "node07 was lost", "node07")
    for number in range(3, 500, 125):
        _event(
            session, 2 + number, 2 + number / 1000, "node01", "operation", "error",
            f"monitor of rsc{number:03d} on node{number % 16 + 1:02d} failed: error (it does not answer)",
            f"rsc{number:03d}",
        )
    _transition(session, 3, 4, cib, "node01", done=40, running=8, step_s=0.05)
    session.tell(6)
    return MemoryClient(cib)


#: What an agent says of itself, whichever are installed here.
APACHE = parse_metadata("""<resource-agent name="apache"><shortdesc>A web server</shortdesc><parameters>
<parameter name="configfile" required="1"><shortdesc>the configuration file</shortdesc><content type="string"
default="/etc/apache2/apache2.conf"/></parameter>
<parameter name="port"><shortdesc>where it listens</shortdesc><content type="integer" default="80"/></parameter>
<parameter name="use_ipv6"><shortdesc>over IPv6, too</shortdesc><content type="boolean" default="false"/></parameter>
</parameters><actions><action name="start" timeout="40s"/><action name="stop" timeout="60s"/>
<action name="monitor" interval="10s" timeout="20s"/></actions></resource-agent>""")

#: story → (how it is told, the screens that are looked at: a name, and the keys that lead there from the overview)
LOOKS = (
    ("overview", ()), ("transition", ("2",)), ("timeline", ("3",)), ("configuration", ("4",)),
)
FULL = (
    *LOOKS, ("by node", ("n",)), ("faults only", ("z",)), ("why", ("down", "down", "down", "down", "x")),
    ("help", ("question_mark",)), ("preview", ("s",)), ("incident", ("3", "home", "down", "down", "enter")),
    ("past", ("left_curly_bracket",)), ("past transition", ("left_square_bracket", "left_square_bracket", "2")),
    ("difference", ("left_curly_bracket", "space", "end", "d")),
    ("what if", ("6",)), ("logs", ("7",)),
    ("tree", ("4", "v")), ("xml", ("4", "v", "v")), ("picture", ("4", "v", "v", "v")),
    ("editor", ("4", "home", "down", "down", "down", "down", "e")),
    ("form", ("4", "home", "down", "down", "down", "down", "enter")),
)
STORIES = {
    "empty": (_empty, LOOKS), "three": (_three, FULL), "lost": (_lost, LOOKS),
    "many": (_many, (*LOOKS[:3], ("by node", ("n",)), ("faults only", ("z",)))),
}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """Keys follow one another at once: what is waited for is that nothing is built any more, not an idle processor."""

    async def turn(*_):
        await asyncio.sleep(0)

    monkeypatch.setattr("textual.pilot.wait_for_idle", turn)
    monkeypatch.setattr("textual.app.wait_for_idle", turn)


@pytest.fixture
def golden(request):
    """`golden(name, text)`: the same as in the file, or written there."""

    def compare(name, text):
        path = GOLDEN / f"{name}.txt"
        if request.config.getoption("--update-golden"):
            GOLDEN.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"there is no {path.name} yet: --update-golden writes it"
        assert text == path.read_text(encoding="utf-8")

    return compare


async def _settle(app, pilot):
    """Until nobody has anything to do, and nothing is built any more: what is seen is what stays."""
    calm = 0
    while calm < 4:  # a key goes through some widgets, from one queue to the next
        await pilot.pause(0.005 if app.busy else 0)
        pumps = (app, *app.screen.walk_children(with_self=True))
        calm = 0 if app.busy or any(pump.message_queue_size for pump in pumps) else calm + 1


def _drawn_in(app):
    """What each row of the screen is drawn in; colours by the theme's words for them."""
    words = {}
    for meaning in () if app.palette.monochrome else reversed(theming.MEANINGS):
        words[(rich_colour(app.palette[meaning]) or "default").lower()] = meaning
    ground = words.get((rich_colour(app.palette["background"]) or "default").lower(), "default")

    def word(colour):
        return words.get(colour.name.lower(), colour.name) if colour is not None else ground

    def cell(style):
        if style is None:
            return "plain"
        told = (word(style.color) if style.color else "plain") + "!" * bool(style.bold) + "~" * bool(style.reverse)
        under = word(style.bgcolor)
        return told if under in (ground, "background") else f"{told}/{under}"

    for strip in app.screen._compositor.render_strips():
        cells = [(cell(part.style), part.cell_length) for part in strip]
        runs = [(told, sum(length for _, length in some)) for told, some in groupby(cells, key=lambda one: one[0])]
        yield "  ".join(f"{length} {told}" for told, length in runs)


async def _in_themes(app, pilot, screen):
    """The rows in each theme, by theme; the words are those of the first."""
    found, text = {}, screen(app)
    for theme in (*THEMES, THEMES[0]):
        app.palette = theming.load(theme)
        app._install_theme(app.palette)
        app._draw_frame()
        await _settle(app, pilot)
        assert screen(app) == text, theme
        found[theme] = "\n".join(_drawn_in(app))
    return found


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("story", STORIES)
async def test_each_screen_is_as_it_was_found_good(story, size, told, cluster, screen, until, golden, monkeypatch):
    monkeypatch.setattr("hashell.monitor.configuring.metadata", lambda agent: APACHE)
    tell, looks = STORIES[story]
    pages, themed = [], {theme: [] for theme in THEMES}
    session = told()
    client = tell(session, cluster)
    app = HashellMonitor(Options(open_client=lambda: client, language=CrmLanguage, theme=THEMES[0]), session)
    app._tick = lambda: None  # the clock stands still: nothing is drawn because time passes
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.overview.status is not None)
        await _settle(app, pilot)
        for name, keys in looks:
            await _press(app, pilot, keys)
            if name == "preview":
                await until(pilot, lambda: "asking the scheduler" not in screen(app))
            if name in ("editor", "form"):
                await until(pilot, lambda: "esc leaves" in screen(app))
            if name == "why":
                await until(pilot, lambda: app.winning and None not in app.winning.values())
                await _settle(app, pilot)
            pages.append(f"=== {name}\n{screen(app)}\n")
            if name in THEMED:
                for theme, rows in (await _in_themes(app, pilot, screen)).items():
                    themed[theme].append(f"=== {name}\n{rows}\n")
            await _back(app, pilot)

    golden(f"{story}-{size[0]}x{size[1]}", "".join(pages))
    for theme, rows in themed.items():
        golden(f"{story}-{size[0]}x{size[1]}.{theme}", "".join(rows))


async def _press(app, pilot, keys):
    for key in keys:
        await pilot.press(key)
        await _settle(app, pilot)


async def _back(app, pilot):
    """As it was at the beginning, so that one look does not depend on those before it."""
    while len(app.screen_stack) > 1:
        await pilot.press("escape")
        await pilot.pause()
    app.view, app.shape, app._marked, app._said = "overview", "crm", None, ""
    app.outdate("configuration")
    if app.in_past:
        app.go(None)
    if app.by_node:
        app.action_by_node()
    for view in app.query(LineView):
        view.faults_only = False
    app._draw_frame()
    await _settle(app, pilot)
    await _press(app, pilot, ("home",))
