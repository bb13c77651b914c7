"""What a client may ask of a running cluster, each asked of a real one: three daemons, a service, fencing."""

from __future__ import annotations

import pytest

from hashell.client.choose import open_client
from hashell.errors import HashellError, NotFound, TimedOut
from hashell.lab.stage import SITE, LoopbackStage
from hashell.wire.messages import Change

pytestmark = [pytest.mark.slow, pytest.mark.loopback, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def stage():
    with LoopbackStage(3) as made:
        made.build()
        yield made


@pytest.fixture
def client(stage):
    made = stage.cluster.client("node2")
    made.wait_idle(60)
    yield made
    made.close()


@pytest.fixture
def until(stage):
    """Wait until something holds; if it does not, the failure says what each node said then."""
    return stage.cluster.wait_until


def failcount(client) -> bool:
    return bool(client.cib().root.xpath("//transient_attributes//nvpair[starts-with(@name, 'fail-count-')]"))


def test_what_does_not_come_about_is_told_with_what_each_node_says_then(until):
    with pytest.raises(TimedOut) as told:
        until(lambda: False, "it does not come", 0.01)
    said = str(told.value)
    assert "it does not come after 0.01 s" in said
    for node in ("node1", "node2", "node3"):
        assert f"\n{node} runs; view " in said
    assert said.count("; quorum (3 of 3 votes, needs 2)") == 3
    assert len(said) < 20_000


def test_a_failure_is_pretended_seen_and_forgotten(stage, client, until):
    client.fail_resource(SITE, "node1")
    until(lambda: failcount(client), "no failure was counted")
    client.wait_idle(60)
    until(lambda: stage.complaint("answers", "", "node1", "") == "", "the service is not back")
    client.clean_up(SITE)
    until(lambda: not failcount(client), "the failure is not forgotten")


def test_a_resource_that_nobody_knows_cannot_fail(client):
    with pytest.raises(HashellError):
        client.fail_resource("nobody", "node1")


def test_an_attribute_is_set_seen_by_all_and_removed(stage, client, until):
    client.set_attribute("node3", "colour", "green")
    other = stage.cluster.client("node1")
    path = "//node_state[@uname='node3']//nvpair[@name='colour']/@value"
    until(lambda: other.cib().root.xpath(path) == ["green"], "the attribute is not in the CIB")
    client.set_attribute("node3", "colour", None)
    until(lambda: other.cib().root.xpath(path) == [], "the attribute stays")
    other.close()


def test_the_history_has_who_did_what_and_an_earlier_version(client):
    before = client.cib()
    version = client.apply(
        [Change("modify", b'<rsc_location id="x" rsc="web" node="node3" score="1"/>', "constraints")],
        command="location x web 1: node3", message="to try",
    )
    row = next(row for row in client.history() if row.version == version)
    assert (row.command, row.message) == ("location x web 1: node3", "to try")
    assert client.version(version).by_id("x") is not None
    assert before.by_id("x") is None
    client.apply([Change("delete", path="//rsc_location[@id='x']")])
    with pytest.raises(NotFound):
        client.version("0.9999.0")


def test_one_node_tells_what_every_node_told(stage, client):
    for node in ("node1", "node2", "node3"):
        told = client.events_of(node)
        assert told.node == node
        assert told.events and {event.node for event in told.events} == {node}
        assert told.events[-1].when_s <= told.when_s
        assert client.events_of(node, after=told.events[-1].number - 1).events[0] == told.events[-1]
    with pytest.raises(NotFound, match="node9"):
        client.events_of("node9")


def test_waiting_has_an_end(stage, client, until):
    """A standby cannot be done within no time at all."""
    stage.perform("standby", "node1")
    with pytest.raises(TimedOut):
        client.wait_idle(0.001)
    client.wait_idle(60)
    until(lambda: stage.complaint("answers", "", "node2", "") == "", "the service did not move")
    stage.perform("online", "node1")
    until(lambda: stage.complaint("answers", "", "node1", "") == "", "the service did not come back")


def test_a_node_is_fenced_by_hand_and_what_fenced_it_is_told(stage, client, until):
    client.fence("node3", "off")
    until(lambda: not stage.cluster.runs("node3"), "node3 runs on")
    until(lambda: stage.complaint("gone", "node3", "", "") == "", "node3 is still a member")
    until(lambda: any("node3" in event.about and event.kind == "fencing" for event in client.events()), "no event")
    # At once: who lost it must not fence it a second time, or what is started now would end by that.
    stage.perform("start-node", "node3")
    until(lambda: stage.complaint("member", "node3", "", "") == "", "node3 is not back")


def test_a_node_that_nobody_knows_cannot_be_fenced(client):
    with pytest.raises(HashellError):
        client.fence("nobody")


def test_another_node_is_stopped_and_forgotten(stage, client, until):
    client.stop_node("node3")
    until(lambda: not stage.cluster.alive("node3"), "node3 does not stop")
    until(lambda: stage.complaint("gone", "node3", "", "") == "", "node3 is still a member")
    client.forget_node("node3")
    until(lambda: not client.cib().root.xpath("//node[@uname='node3']"), "node3 is still in the CIB")
    until(lambda: len(client.info().members) == 2, "node3 is still listed")
    stage.perform("start-node", "node3")
    until(lambda: stage.complaint("member", "node3", "", "") == "", "node3 is not back")


def test_a_member_is_not_forgotten(client):
    with pytest.raises(HashellError):
        client.forget_node("node1")


def test_the_socket_is_found_by_its_folder(stage):
    found = open_client(attach=str(stage.cluster.place("node1").run), env={})
    assert found.info().node == "node1"
    found.close()


def test_a_secret_is_the_same_on_all_nodes_readable_by_their_user_alone_and_in_no_log(stage, client, until):
    client.set_secret(SITE, "password", "hidden-from-all")
    files = [stage.cluster.place(node).state / "values" for node in stage.cluster.nodes]
    kept = lambda: [one for folder in files for one in folder.glob("secrets*")]  # noqa: E731
    until(lambda: len(kept()) == len(stage.cluster.nodes), "not all nodes have it")
    assert len({one.read_bytes() for one in kept()}) == 1
    assert {one.stat().st_mode & 0o777 for one in kept()} == {0o600}
    assert b"hidden-from-all" not in client.cib().to_bytes()
    for node in stage.cluster.nodes:
        assert "hidden-from-all" not in stage.cluster.place(node).log.read_text()
        other = stage.cluster.client(node)
        assert other.get_secret(SITE, "password") == "hidden-from-all"
        other.close()
    client.set_secret(SITE, "password", None)
    assert client.get_secret(SITE, "password") is None
