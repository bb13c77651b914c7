"""Drafts: a text of objects, back into the configuration, merged with what others changed, or refused with a reason."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from hashell.cib.document import Cib
from hashell.client.memory import MemoryClient
from hashell.commands.env import Env
from hashell.errors import Conflict, HashellError
from hashell.monitor.drafts import CrmDraft, XmlDraft
from hashell.shell.crm.lending import CrmLanguage

CIB = Cib.parse((Path(__file__).resolve().parents[1] / "benchmarks" / "three_nodes.xml").read_bytes())


@pytest.fixture
def language():
    made = CrmLanguage()
    yield made
    made.close()


def value(cib: Cib, name: str) -> str:
    return next(pair.get("value") for pair in cib.root.iter("nvpair") if pair.get("name") == name)


def test_a_draft_that_was_not_changed_changes_nothing(language):
    for names in ((), ("http",), ("web",), ("web-prefers",), ("node1",), ("cib-bootstrap-options",)):
        draft = CrmDraft(language, CIB, names)
        assert draft.complaint(draft.text) == ""
        env = Env(MemoryClient(CIB), CIB, draft.act(draft.text).tried_on(CIB).cib.root)
        assert not env.changed, names


def test_an_object_that_was_edited_as_text_is_changed_and_its_command_does_the_same(language):
    draft = CrmDraft(language, CIB, ("http",))
    act = draft.act(draft.text.replace("apache2.conf", "b.conf"))

    assert value(act.tried_on(CIB).cib, "configfile").endswith("b.conf")
    words = shlex.split(act.command)
    assert words[0] == "printf"
    assert words[2].startswith("primitive http apache") or words[2].startswith("primitive http ocf:heartbeat:apache")
    assert words[-4:] == ["hashell", "configure", "load", "update", "-"][-4:]


def test_an_object_that_the_whole_text_no_longer_names_goes(language):
    draft = CrmDraft(language, CIB)
    text = "\n".join(line for line in draft.text.splitlines() if not line.startswith("location web-prefers"))
    act = draft.act(text)

    assert act.tried_on(CIB).cib.by_id("web-prefers") is None
    assert act.command == "configure delete web-prefers"


def test_what_is_wrong_is_told_before_anything_is_sent(language):
    draft = CrmDraft(language, CIB, ("web-prefers",))

    assert "nowhere" in draft.complaint("location web-prefers nowhere 100: node1")
    assert "line:1" in draft.complaint("location web-prefers")
    assert draft.trouble("locatoin web-prefers web 100: node1", 0)


def test_a_secret_stands_in_the_text_to_be_edited_and_in_no_command(language):
    cib = Cib.parse(CIB.to_bytes().replace(b'name="configfile"', b'name="passwd"'))
    draft = CrmDraft(language, cib, ("http",))

    assert "apache2.conf" in draft.text
    assert "hunter2" not in draft.act(draft.text.replace("/etc/apache2/apache2.conf", "hunter2")).command


@pytest.mark.parametrize("shape", ["crm", "xml"])
def test_what_somebody_else_changed_meanwhile_is_merged(language, shape):
    client = MemoryClient(CIB)
    draft = CrmDraft(language, CIB, ("http",)) if shape == "crm" else XmlDraft(CIB, "http")
    other = Env.open(client)
    other.by_id("ip-addr").set("value", "192.0.2.99")
    other.commit()

    said = draft.act(draft.text.replace("apache2.conf", "b.conf")).do(client, "because")

    assert value(client.cib(), "configfile").endswith("b.conf")
    assert value(client.cib(), "ip") == "192.0.2.99"
    assert "merged" in said
    assert client.history(1)[0].message == "because"


@pytest.mark.parametrize("shape", ["crm", "xml"])
def test_what_somebody_else_changed_in_the_same_place_refuses_it_with_nothing_sent(language, shape):
    client = MemoryClient(CIB)
    draft = CrmDraft(language, CIB, ("http",)) if shape == "crm" else XmlDraft(CIB, "http")
    other = Env.open(client)
    other.by_id("http-conf").set("value", "/theirs")
    other.commit()

    with pytest.raises(Conflict, match="http"):
        draft.act(draft.text.replace("/etc/apache2/apache2.conf", "/ours")).do(client)
    assert value(client.cib(), "configfile") == "/theirs"


def test_an_object_is_edited_as_xml_and_deleted_by_an_empty_text():
    draft = XmlDraft(CIB, "web-prefers")
    assert draft.text.startswith('<rsc_location id="web-prefers"')

    changed = draft.act(draft.text.replace('score="100"', 'score="7"')).tried_on(CIB).cib
    assert changed.by_id("web-prefers").get("score") == "7"
    assert draft.act("  ").tried_on(CIB).cib.by_id("web-prefers") is None


def test_xml_that_the_schema_does_not_allow_is_named_with_its_line():
    draft = XmlDraft(CIB, "ip")

    said = draft.complaint(draft.text.replace('interval="10s"', 'intervall="10s"'))
    assert "intervall" in said
    assert "line " in said
    assert "line" in draft.trouble(draft.text.replace("</primitive>", ""), 0)
    with pytest.raises(HashellError, match="<clone> cannot stand"):
        draft.act('<clone id="ip"/>').tried_on(CIB)


def test_the_whole_configuration_is_edited_as_xml():
    draft = XmlDraft(CIB)
    assert draft.complaint(draft.text) == ""
    changed = draft.act(draft.text.replace('score="100"', 'score="7"')).tried_on(CIB).cib

    assert changed.by_id("web-prefers").get("score") == "7"
    assert "nobody" in draft.complaint(draft.text.replace('rsc="web" node', 'rsc="nobody" node'))
