"""Agents run by hand, the graph, schema and upgrade, secrets."""

from __future__ import annotations

import pytest

from hashell.client.memory import MemoryClient
from hashell.errors import BadUsage, NotFound, Refused
from hashell.shell.grammar.lexer import split_words
from hashell.shell.session import Session

CIB = """<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config/>
<nodes><node id="1" uname="node1"/></nodes><resources><group id="g">
<primitive id="a" class="ocf" provider="pacemaker" type="Dummy"/><primitive id="b" class="ocf" provider="pacemaker"
 type="Dummy"/></group><primitive id="c" class="ocf" provider="pacemaker" type="Dummy"><instance_attributes id="i">
<nvpair id="i-1" name="passwd" value="plain"/></instance_attributes></primitive></resources><constraints>
<rsc_order id="o" first="g" then="c"/><rsc_colocation id="k" rsc="c" with-rsc="g" score="100"/></constraints>
</configuration><status/></cib>"""


class Typed:
    def __init__(self) -> None:
        self.client = MemoryClient(CIB)
        self.secrets: dict[tuple[str, str], str | None] = {}
        self.client.set_secret = lambda r, n, v: str(self.secrets.update({(r, n): v}) or "")  # type: ignore[method-assign]
        self.client.get_secret = lambda r, n: self.secrets.get((r, n))  # type: ignore[method-assign]
        self.out: list[str] = []
        self.session = Session(out=self.out.append, err=lambda text: None)
        self.session.use_client(self.client)

    def __call__(self, line: str) -> str:
        self.out.clear()
        self.session.line = line
        self.session.run_words(split_words(line))
        return "".join(self.out)


def test_the_graph_as_lines_tells_what_comes_after_and_stays_with_what():
    said = Typed()("configure graph")
    assert "g (group: a → b)" in said
    assert "c\n  after g  [Mandatory]\n  with  g  [100]\n" in said


def test_the_graph_for_graphviz_has_groups_and_edges(tmp_path):
    said = Typed()("configure graph dot")
    assert 'subgraph "cluster_g"' in said
    assert '"g" -> "c";' in said
    assert '"g" -> "c" [style=dotted];' in said
    Typed()(f"configure graph dot {tmp_path / 'x.dot'}")
    assert (tmp_path / "x.dot").read_text() == said


def test_a_schema_that_is_not_known_or_does_not_fit_is_refused():
    with pytest.raises(BadUsage, match="no schema is called"):
        Typed()("configure schema pacemaker-9.9")
    typed = Typed()
    typed("configure schema pacemaker-3.8")
    assert typed("configure schema") == "pacemaker-3.8\n"


def test_an_action_that_changes_is_only_run_while_the_cluster_leaves_the_resource_alone():
    with pytest.raises(Refused, match="cluster manages c"):
        Typed()("maintenance action c start")
    with pytest.raises(BadUsage, match="has no agent"):
        Typed()("maintenance action g monitor")


def test_what_the_cluster_manages_is_not_tried_out():
    with pytest.raises(Refused, match="by now"):
        Typed()("configure rsctest c")


def test_a_secret_leaves_the_cib_and_comes_back():
    typed = Typed()
    typed("resource secret c stash passwd")
    assert typed.secrets == {("c", "passwd"): "plain"}
    assert typed.client.cib().root.xpath("//nvpair[@name='passwd']/@value") == ["lrm://"]
    assert typed("resource secret c show passwd") == "plain\n"
    typed("resource secret c unstash passwd")
    assert typed.client.cib().root.xpath("//nvpair[@name='passwd']/@value") == ["plain"]
    assert typed.secrets[("c", "passwd")] is None


def test_what_is_no_secret_is_not_shown():
    with pytest.raises(NotFound):
        Typed()("resource secret c show passwd")
