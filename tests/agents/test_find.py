"""Which agents are installed."""

from __future__ import annotations

import pytest

from hashell.agents import find
from hashell.agents.call import OWN
from hashell.values.agent_names import AgentName


@pytest.fixture
def root(tmp_path, monkeypatch):
    folder = tmp_path / "ocf" / "resource.d" / "test"
    folder.mkdir(parents=True)
    for name, mode in (("Good", 0o755), ("NotExecutable", 0o644), (".hidden", 0o755)):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(mode)
    monkeypatch.setenv("OCF_ROOT", str(tmp_path / "ocf"))
    monkeypatch.setattr(find, "INIT_DIR", str(tmp_path / "init.d"))
    (tmp_path / "init.d").mkdir()
    (tmp_path / "init.d" / "tinyd").write_text("#!/bin/sh\n")
    (tmp_path / "init.d" / "tinyd").chmod(0o755)
    units = tmp_path / "units"
    units.mkdir()
    for name in ("web.service", "inst@.service", "x.socket"):
        (units / name).write_text("")
    monkeypatch.setattr(find, "UNIT_DIRS", (str(units),))
    return tmp_path


def test_executable_agents_of_a_provider_are_listed_and_own_ones_too(root):
    assert find.list_agents("ocf", "test") == (AgentName("ocf", "test", "Good"),)
    own = {agent.type for agent in find.list_agents("ocf", "hashell")}
    assert own == {"Dummy", "Stateful", "VirtualIP", "WebServer", "Process"}
    assert find.list_providers() == ("hashell", "pacemaker", "test"), "pacemaker: the connection to a remote node"
    assert find.list_providers("Good") == ("test",)


def test_scripts_units_and_fence_agents_are_listed(root):
    assert AgentName("lsb", "", "tinyd") in find.list_agents("lsb")
    assert find.list_agents("systemd") == (AgentName("systemd", "", "web"),)
    assert AgentName("stonith", "", "fence_hashell") in find.list_agents("stonith")
    assert {"ocf", "lsb", "systemd", "stonith", "service"} == set(find.list_standards())
    assert find.list_agents("nonsense") == ()


def test_agents_resolve_to_their_files(root):
    assert find.resolve(AgentName("ocf", "test", "Good")).endswith("resource.d/test/Good")
    assert find.resolve(AgentName("ocf", "hashell", "Dummy")) == str(OWN / "ocf" / "hashell" / "Dummy")
    assert find.resolve(AgentName("stonith", "", "fence_hashell")) == str(OWN / "fence" / "fence_hashell")
    assert find.resolve(AgentName("systemd", "", "inst@one")) == "inst@one.service"
    assert find.standard_of(AgentName("service", "", "tinyd")) == "lsb"
    assert find.standard_of(AgentName("service", "", "web")) == "systemd"


@pytest.mark.parametrize("name", [
    AgentName("ocf", "test", "Nope"), AgentName("ocf", "../..", "Good"), AgentName("ocf", "test", "../test/Good"),
    AgentName("stonith", "", "../bin/sh"), AgentName("ocf", "test", ""), AgentName("nonsense", "", "x"),
])
def test_what_is_not_installed_or_leads_elsewhere_is_not_found(root, name):
    with pytest.raises(find.AgentMissing):
        find.resolve(name)
