"""A configuration that somebody else changes while an edit is under way: merged, or refused with nothing lost."""

from __future__ import annotations

import pytest
from lxml import etree

from hashell.cib.document import Cib
from hashell.client.cib_file import FileClient
from hashell.client.memory import MemoryClient
from hashell.commands.env import Env
from hashell.errors import Conflict

CIB = """<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config>
<cluster_property_set id="o"><nvpair id="o1" name="no-quorum-policy" value="stop"/></cluster_property_set></crm_config>
<nodes><node id="1" uname="node1"/></nodes><resources>
<primitive id="a" class="ocf" provider="hashell" type="Dummy"/>
<primitive id="b" class="ocf" provider="hashell" type="Dummy"/>
<group id="g"><primitive id="g1" class="ocf" provider="hashell" type="Dummy"/></group></resources><constraints/>
</configuration><status/></cib>"""


@pytest.fixture(params=["memory", "file"])
def client(request, tmp_path):
    if request.param == "memory":
        return MemoryClient(CIB)
    path = tmp_path / "cib.xml"
    path.write_text(CIB)
    return FileClient(str(path))


def staged(client, *edits: tuple[str, str, str]) -> tuple[Env, list[str]]:
    """An environment with edits, and what it says."""
    env = Env.open(client)
    said: list[str] = []
    env.say = said.append
    change(env, *edits)
    return env, said


def change(env: Env, *edits: tuple[str, str, str]) -> None:
    """Attributes set by the id of their element; `add` puts XML into an element of the configuration, `drop` takes one
    out."""
    for what, where, value in edits:
        if what == "add":
            env.root.find(f"configuration/{where}").append(etree.fromstring(value))
        elif what == "drop":
            element = env.by_id(where)
            element.getparent().remove(element)
        else:
            env.by_id(where).set(what, value)


def somebody(client, *edits: tuple[str, str, str]) -> None:
    env = Env.open(client)
    change(env, *edits)
    env.commit()


def xpath(client, path: str):
    return client.cib().root.xpath(path)


def test_changes_of_different_objects_are_merged_and_that_is_said(client):
    env, said = staged(client, ("description", "a", "ours"))
    somebody(client, ("value", "o1", "ignore"), ("description", "b", "theirs"))
    env.commit()
    assert xpath(client, "//primitive/@description") == ["ours", "theirs"]
    assert xpath(client, "//nvpair/@value") == ["ignore"]
    assert len(said) == 1
    assert "merged" in said[0]


def test_both_may_add_something_to_the_same_section(client):
    env, _ = staged(client, ("add", "constraints", '<rsc_location id="l1" rsc="a" node="node1" score="1"/>'))
    somebody(client, ("add", "constraints", '<rsc_location id="l2" rsc="b" node="node1" score="2"/>'))
    env.commit()
    assert sorted(xpath(client, "//rsc_location/@id")) == ["l1", "l2"]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (("description", "a", "ours"), ("description", "a", "theirs")),
        (("description", "a", "ours"), ("drop", "a", "")),
        (("drop", "a", ""), ("description", "a", "theirs")),
        (
            ("add", "resources", '<primitive id="n" class="ocf" provider="hashell" type="Dummy"/>'),
            ("add", "resources", '<primitive id="n" class="ocf" provider="hashell" type="Stateful"/>'),
        ),
        (
            ("add", "resources/group", '<primitive id="m" class="ocf" provider="hashell" type="Dummy"/>'),
            ("add", "resources/group", '<primitive id="n" class="ocf" provider="hashell" type="Dummy"/>'),
        ),
    ],
    ids=["same attribute", "they deleted it", "we deleted it", "same id", "order of a group"],
)
def test_changes_of_the_same_thing_are_refused_and_neither_is_lost(client, ours, theirs):
    env, said = staged(client, ours)
    edited = etree.tostring(env.root)
    somebody(client, theirs)
    before = client.cib().to_bytes()
    with pytest.raises(Conflict, match="somebody else"):
        env.commit()
    assert client.cib().to_bytes() == before
    assert etree.tostring(env.root) == edited
    assert said == []


def test_what_refers_to_something_that_they_deleted_is_refused(client):
    env, _ = staged(client, ("add", "constraints", '<rsc_location id="l1" rsc="b" node="node1" score="1"/>'))
    somebody(client, ("drop", "b", ""))
    with pytest.raises(Conflict, match="does not go with"):
        env.commit()
    assert xpath(client, "//rsc_location") == []


def test_a_status_that_moves_on_meanwhile_is_no_conflict():
    client = MemoryClient(CIB)
    env, said = staged(client, ("description", "a", "ours"))
    client.set_attribute("node1", "beat", "1")
    env.commit()
    assert xpath(client, "//primitive/@description") == ["ours"]
    assert said == []


def test_who_changes_again_between_reading_and_writing_is_merged_too(monkeypatch):
    client = MemoryClient(CIB)
    env, _ = staged(client, ("description", "a", "ours"))
    somebody(client, ("description", "b", "theirs"))
    read, times = client.cib, [0]

    def cib() -> Cib:
        found = read()
        times[0] += 1
        if times[0] == 1:
            monkeypatch.setattr(client, "cib", read)
            somebody(client, ("value", "o1", "ignore"))
            monkeypatch.setattr(client, "cib", cib)
        return found

    monkeypatch.setattr(client, "cib", cib)
    env.commit()
    assert xpath(client, "//primitive/@description") == ["ours", "theirs"]
    assert xpath(client, "//nvpair/@value") == ["ignore"]
