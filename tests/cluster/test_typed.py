"""Tutorials that people follow, typed as written in both languages on real nodes of this machine."""

from __future__ import annotations

import pytest

from hashell.errors import HashellError
from hashell.lab import typed
from hashell.lab.typed import Desk, Place, TypedStep

pytestmark = [pytest.mark.slow, pytest.mark.loopback, pytest.mark.timeout(300)]


def holders(desk, kind):
    """The nodes on which an agent of ours keeps something, by its own files rather than the cluster's word."""
    return [
        node for node in desk.cluster.nodes if desk.cluster.alive(node)
        and any((desk.cluster.place(node).run / "rsctmp").glob(f"{kind}-*"))
    ]


def promoted(desk):
    return [
        node for node in desk.cluster.nodes if desk.cluster.alive(node)
        for file in (desk.cluster.place(node).run / "rsctmp").glob("Stateful-*.state")
        if file.read_text().strip() == "promoted"
    ]


@pytest.mark.parametrize("language", typed.LANGUAGES)
def test_an_address_and_a_service_end_on_the_preferred_machine(language):
    with Desk(typed.load("zabbix"), language) as desk:
        desk.play()
        assert holders(desk, "VirtualIP") == holders(desk, "WebServer") == ["zabbix01"]
        assert desk.answering() == ("zabbix01",)
        with pytest.raises(HashellError, match="exit code"):
            desk.type(typed.Typed("pcs resource create another NoSuchAgentAnywhere"))
        assert "nowhere" in desk.complaint(TypedStep("", {}, runs=(Place("ClusterIP", "nowhere"),)))


@pytest.mark.parametrize("language", typed.LANGUAGES)
def test_a_web_server_is_where_its_file_system_is_and_that_where_the_device_is_promoted(language):
    with Desk(typed.load("web-server"), language) as desk:
        desk.play()
        (serving,) = desk.answering()
        assert serving != desk.lost
        assert promoted(desk) == holders(desk, "WebServer") == holders(desk, "VirtualIP") == [serving]


@pytest.mark.parametrize("language", typed.LANGUAGES)
def test_a_databases_address_is_where_it_is_promoted_and_a_lost_primary_comes_back_as_replica(language):
    with Desk(typed.load("database"), language) as desk:
        desk.play()
        assert promoted(desk) == holders(desk, "VirtualIP")
        assert promoted(desk) != [desk.lost]
        assert len(holders(desk, "Stateful")) == 3
