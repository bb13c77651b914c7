"""What pcs shows of resources and of the cluster layer: which are shown, and lines that make them again."""

from __future__ import annotations

import json
import shlex

import pytest

from hashell.client.memory import MemoryClient
from hashell.errors import HashellError
from hashell.shell.session import Session

EMPTY = """<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config/>
<nodes><node id="1" uname="node1"/><node id="2" uname="node2"/></nodes><resources>{resources}</resources>
<constraints/></configuration><status/></cib>"""
RESOURCES = """<group id="G"><meta_attributes id="G-meta_attributes"><nvpair id="G-meta_attributes-priority"
 name="priority" value="2"/></meta_attributes><primitive id="X" class="ocf" provider="hashell"
 type="Dummy"><operations><op id="X-monitor" name="monitor" interval="10s"/></operations></primitive></group>
<primitive id="A" class="ocf" provider="hashell" type="Dummy" description="what it's for"><instance_attributes
 id="A-instance_attributes"><nvpair id="A-instance_attributes-fake" name="fake" value="a $HOME 'b'"/>
</instance_attributes><meta_attributes id="A-meta_attributes"><nvpair id="A-meta_attributes-priority" name="priority"
 value="1"/></meta_attributes><operations><op id="A-monitor" name="monitor" interval="10s" timeout="20s" enabled="true"
 on-fail="restart"/><op id="A-start" name="start" interval="0s"/></operations><utilization id="A-utilization"><nvpair
 id="A-utilization-cpu" name="cpu" value="2"/></utilization></primitive>
<clone id="C"><meta_attributes id="C-meta_attributes"><nvpair id="C-meta_attributes-interleave" name="interleave"
 value="true"/></meta_attributes><primitive id="I" class="ocf" provider="hashell"
 type="Dummy"><operations><op id="I-monitor" name="monitor" interval="10s"/></operations></primitive></clone>
<bundle id="B"><podman image="im:1" replicas="2"/><network ip-range-start="10.0.0.9" add-host="true"><port-mapping
 id="B-port-map-80" port="80"/></network><storage><storage-mapping id="B-storage-map" source-dir="/a b" target-dir="/c"
/></storage><primitive id="BP" class="ocf" provider="hashell"
 type="Dummy"><operations><op id="BP-monitor" name="monitor" interval="10s"/></operations></primitive></bundle>
<primitive id="F" class="stonith" type="fence_hashell"><operations><op id="F-monitor" name="monitor" interval="60s"/>
</operations></primitive>"""
CONF = """totem {
    version: 2
    cluster_name: deb
    transport: knet
    crypto_cipher: aes256
    token: 3000
    interface {
        linknumber: 0
        knet_link_priority: 3
    }
}
nodelist {
    node {
        ring0_addr: 10.0.0.1
        ring1_addr: far1.example
        name: node1
        nodeid: 1
    }
}
quorum {
    provider: corosync_votequorum
    wait_for_all: 1
    device {
        model: net
        net {
            host: q
            algorithm: ffsplit
        }
    }
}
"""


class Typed:
    def __init__(self, resources: str = "") -> None:
        self.client = MemoryClient(EMPTY.format(resources=resources))
        self.out: list[str] = []
        self.err: list[str] = []
        self.session = Session(out=self.out.append, err=self.err.append)
        self.session.use_client(self.client)

    def __call__(self, line: str, code: int = 0) -> str:
        self.out.clear()
        self.err.clear()
        assert self.session.run_words(["pcs", *shlex.split(line)]) == code, (line, self.err)
        return "".join(self.out)

    def refused(self, line: str) -> str:
        self(line, 1)
        return " ".join(self.err)


@pytest.fixture
def typed() -> Typed:
    return Typed(RESOURCES)


def _commands(text: str) -> list[str]:
    return [one.replace(" \\\n", " ").strip().removeprefix("pcs ") for one in text.split(";\n")]


def test_the_lines_of_cmd_make_the_same_resources_again(typed):
    lines = _commands(typed("resource config --output-format cmd")) + _commands(
        typed("stonith config --output-format cmd")
    )
    again = Typed()
    for line in lines:
        again(line)
    for form in ("resource config", "stonith config", "resource config --output-format json"):
        ours, theirs = typed(form), again(form)
        if "json" in form:
            ours, theirs = (
                "\n".join(sorted(json.dumps(one, sort_keys=True) for kind in json.loads(text).values() for one in kind))
                for text in (ours, theirs)
            )
        # A script makes first what others are made of: the order is another one.
        assert sorted(ours.splitlines()) == sorted(theirs.splitlines())


def test_a_bundle_is_made_before_what_runs_in_it_and_a_group_after_its_members(typed):
    lines = _commands(typed("resource config --output-format cmd"))
    heads = [" ".join(word for word in line.split() if not word.startswith("--"))[:40] for line in lines]
    places = {name: next(at for at, head in enumerate(heads) if name in head) for name in ("create B", "BP", "X", "A ")}
    assert places["create B"] < places["BP"] < places["X"]
    assert next(at for at, head in enumerate(heads) if head.startswith("resource group add G")) > places["A "]


def test_values_for_a_shell_are_quoted_so_that_it_changes_nothing_in_them(typed):
    (line,) = [one for one in _commands(typed("resource config A --output-format cmd")) if "create" in one]
    assert "fake=a $HOME 'b'" in shlex.split(line)
    assert '"' not in line.replace("'\"'\"'", "")


def test_fence_devices_and_resources_are_shown_apart_and_what_is_neither_is_told(typed):
    assert "No resource found" in typed.refused("resource config F")
    assert "Unable to find resource 'F'" in typed.err[0]
    assert "No stonith device found" in typed.refused("stonith config A")
    assert "Resource: A" in typed("resource config A F nothing")
    assert [line for line in typed.err if line.startswith("Warning")] == [
        "Warning: Unable to find resource 'F'", "Warning: Unable to find resource 'nothing'",
    ]


def test_numbers_and_booleans_of_a_bundle_are_such_in_json(typed):
    (bundle,) = json.loads(typed("resource config B --output-format json"))["bundles"]
    assert bundle["container_options"]["replicas"] == 2 and bundle["container_options"]["run_command"] is None
    assert bundle["network"]["add_host"] is True
    assert bundle["port_mappings"] == [{"id": "B-port-map-80", "port": 80, "internal_port": None, "range": None}]
    assert bundle["storage_mappings"][0]["source_dir"] == "/a b"


def test_an_action_of_a_fence_device_is_refused_unless_it_is_forced(typed):
    assert "option 'action' is deprecated" in typed.refused("stonith create F2 fence_hashell action=off")
    assert "'pcmk_off_action', 'pcmk_reboot_action'" in " ".join(typed.err)
    assert typed.client.cib().root.find(".//primitive[@id='F2']") is None
    typed("stonith create F2 fence_hashell action=off --force")
    assert any(text.startswith("Warning") and "'action' is deprecated" in text for text in typed.err)
    assert "'action' is deprecated" in typed.refused("stonith update F action=off")
    typed("stonith update F2 action=")


def test_any_object_that_may_have_one_has_a_description(typed):
    typed("cib element description A 'another one'")
    assert typed("cib element description A") == "another one\n"
    typed("cib element description A ''")
    assert typed("cib element description A") == ""
    assert "does not support descriptions" in typed.refused("cib element description A-instance_attributes x")
    assert "'nobody' does not exist" in typed.refused("cib element description nobody")


def test_a_ticket_that_would_fence_is_doubted_where_nothing_fences(typed):
    typed("constraint ticket add T A loss-policy=fence")
    assert not typed.err
    typed("property set stonith-enabled=false")
    typed("constraint ticket add U A loss-policy=fence")
    assert "loss-policy=fence without fencing" in typed.err[0]
    with pytest.raises(HashellError, match="without fencing"):
        typed.session.run_words(["configure", "rsc_ticket", "V", "V:", "A", "loss-policy=fence"])


def test_words_of_09_that_have_new_names_still_work(typed):
    assert typed("resource show", code=1) == "" and "has become" in typed.err[0]
    assert "F" in typed("stonith show") and "Resource: F" in typed("stonith show F")
    assert typed("status groups") == typed("resource group list")
    typed("cluster remote-node add guest1 A")
    assert typed.client.cib().root.find(".//nvpair[@value='guest1']") is not None
    typed("cluster remote-node remove guest1")
    assert typed.client.cib().root.find(".//nvpair[@value='guest1']") is None


# --- the cluster layer ------------------------------------------------------------------------------------


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / "corosync.conf"
    path.write_text(CONF)
    return path


def test_the_cluster_layer_of_corosync_is_shown_in_words_as_a_command_and_as_data(typed, conf):
    shown = typed(f"--corosync_conf {conf} cluster config").splitlines()
    assert shown[:3] == ["Cluster Name: deb", "Transport: knet", "Nodes:"]
    assert "    Link 1 address: far1.example" in shown
    assert shown[shown.index("Crypto Options:") + 1] == "  cipher: aes256"
    device = shown[shown.index("Quorum Device: net") + 1 :]
    assert device == ["  Model Options:", "    algorithm: ffsplit", "    host: q"]
    data = json.loads(typed(f"--corosync_conf {conf} cluster config --output-format json"))
    assert data["nodes"][0]["addrs"][0] == {"addr": "10.0.0.1", "link": "0", "type": "IPv4"}
    assert data["links_options"] == {"0": {"link_priority": "3", "linknumber": "0"}}
    assert data["quorum_device"]["model_options"] == {"host": "q", "algorithm": "ffsplit"}
    words = shlex.split(typed(f"--corosync_conf {conf} cluster config show --output-format cmd").replace("\\\n", ""))
    assert words[:6] == ["pcs", "cluster", "setup", "deb", "node1", "addr=10.0.0.1"]
    assert words[words.index("totem") :] == ["totem", "token=3000", "quorum", "wait_for_all=1", "--no-cluster-uuid"]


def test_options_of_corosync_are_set_and_taken_out(typed, conf):
    before = f"--corosync_conf {conf} cluster config"
    typed(f"{before} update totem token=5000 crypto cipher= hash=sha256")
    assert "token: 5000" in conf.read_text() and "crypto_cipher" not in conf.read_text()
    assert "crypto_hash: sha256" in conf.read_text()
    assert "invalid totem option 'tokn'" in typed.refused(f"{before} update totem tokn=1")
    assert "something is missing" in typed.refused(f"{before} update")
    typed(f"{before} uuid generate")
    assert "Cluster UUID: " in typed(before)
    assert "has a UUID already" in typed.refused(f"{before} uuid generate")


def test_the_configuration_is_edited_by_a_program_that_needs_no_terminal(typed, monkeypatch, tmp_path):
    program = tmp_path / "edit"
    program.write_text("#!/bin/sh\nsed -i s/Dummy/Stateful/ \"$1\"\n")
    program.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(program))
    typed("cluster edit scope=resources")
    assert typed.client.cib().root.find(".//primitive[@id='A']").get("type") == "Stateful"
    monkeypatch.setenv("EDITOR", str(tmp_path / "none"))
    assert "cannot be started" in typed.refused("cluster edit")
