"""Files of corosync 1.x, CMAN and Heartbeat: what is carried over works, what is not is listed."""

from __future__ import annotations

import tomllib

import pytest

from hashell.client.memory import MemoryClient
from hashell.commands.foreign import cman, corosync_old, detect, heartbeat
from hashell.commands.foreign.imported import BadForeign, Imported, milliseconds
from hashell.shell.grammar.lexer import split_words
from hashell.shell.session import Session
from hashell.values.corosync_conf import parse

MULTICAST = """compatibility: whitetank
totem {
    version: 2
    secauth: on
    threads: 0
    token: 5000
    rrp_mode: passive
    interface {
        ringnumber: 0
        bindnetaddr: 192.168.1.0
        mcastaddr: 239.255.1.1
        mcastport: 5405
    }
}
service {
    name: pacemaker
    ver: 1
}
logging {
    to_logfile: yes
    logfile: /var/log/cluster.log
}
"""
CLUSTER_CONF = """<?xml version="1.0"?>
<cluster name="web" config_version="7">
  <cman two_node="1" expected_votes="1"/>
  <totem token="17000"/>
  <quorumd label="q"/>
  <clusternodes>
    <clusternode name="a.example" nodeid="1"><fence><method name="1"><device name="ilo-a"/></method>
      <method name="2"><device name="apc" port="4"/></method></fence></clusternode>
    <clusternode name="b.example" nodeid="2"><fence><method name="1"><device name="apc" port="5"/></method></fence>
    </clusternode>
  </clusternodes>
  <fencedevices>
    <fencedevice agent="fence_ilo" name="ilo-a" ipaddr="10.0.0.11" login="admin" passwd="topsecret"/>
    <fencedevice agent="fence_apc" name="apc" ipaddr="10.0.0.9" login="apc" passwd="apcsecret"/>
  </fencedevices>
  <rm>
    <failoverdomains><failoverdomain name="first" ordered="1" restricted="1" nofailback="1">
      <failoverdomainnode name="a.example" priority="1"/><failoverdomainnode name="b.example" priority="2"/>
    </failoverdomain></failoverdomains>
    <resources>
      <ip address="10.0.0.50/24" monitor_link="1"/>
      <fs name="www" device="/dev/sdb1" mountpoint="/var/www" fstype="ext4"/>
      <script name="odd" file="/opt/run.sh"/>
    </resources>
    <service name="httpd" domain="first" recovery="relocate" autostart="0" exclusive="1">
      <script name="httpd" file="/etc/init.d/httpd"/><ip ref="10.0.0.50/24"/><fs ref="www"/>
      <nfsclient name="world" target="*"/>
    </service>
  </rm>
</cluster>
"""
HA_CF = """# two nodes
keepalive 500ms
deadtime 10
warntime 5
ucast eth1 10.0.0.1
ucast eth1 10.0.0.2
serial /dev/ttyS0
auto_failback off
watchdog /dev/watchdog
node alpha beta
ping 10.0.0.254
respawn hacluster /usr/lib/heartbeat/ipfail
stonith_host * rps10 /dev/ttyS1 topsecret alpha 0
"""
HARESOURCES = """alpha 10.0.0.50/24/eth0 drbddisk::r0 \\
      Filesystem::/dev/drbd0::/data::ext3 httpd mytool::fast
beta IPaddr::10.0.0.51/24
"""
AUTHKEYS = "auth 1\n1 crc\n2 sha1 HiddenKey\n"


def loaded(made: Imported) -> MemoryClient:
    """A cluster into which the lines were loaded, and which was not told of an error."""
    client = MemoryClient()
    session = Session(out=lambda text: None, err=lambda text: None)
    session.options.force = True
    session.use_client(client)
    for node in made.nodes:
        session.run_words(split_words(f"configure node {node.name}"))
    for line in made.crm:
        session.run_words(["configure", *split_words(line)])
    session.run_words(["configure", "commit", "force"])
    return client


def left(made: Imported) -> str:
    return "\n".join(one.text() for one in made.left)


# --- corosync ---------------------------------------------------------------------------------------------


def test_a_multicast_conf_becomes_one_with_a_node_list_when_addresses_are_given():
    made = corosync_old.read(MULTICAST)
    with pytest.raises(BadForeign, match="does not say which nodes"):
        made.corosync_text()
    made.with_addresses({"n1": "192.168.1.1", "n2": "192.168.1.2"})
    text = made.corosync_text()
    conf = parse(text)
    assert [(node.name, node.id, node.addresses) for node in conf.nodes] == [
        ("n1", 1, ("192.168.1.1",)), ("n2", 2, ("192.168.1.2",)),
    ]
    assert conf.two_node
    assert conf.token_ms == 5000
    assert "transport: knet" in text
    assert "crypto_cipher: aes256" in text
    assert "link_mode: passive" in text


def test_of_a_multicast_conf_everything_that_goes_is_listed_with_its_line():
    told = left(corosync_old.read(MULTICAST, "x.conf"))
    for what in ("x.conf, line 10: bindnetaddr", "mcastaddr: 239.255.1.1: knet uses no multicast", "service pacemaker",
                 "threads", "compatibility: whitetank"):
        assert what in told


def test_members_of_udpu_are_nodes_whose_names_are_asked_for():
    made = corosync_old.read(
        "totem {\nversion: 2\ntransport: udpu\ninterface {\nringnumber: 0\nmember {\nmemberaddr: 10.0.0.1\n}\n"
        "member {\nmemberaddr: 10.0.0.2\n}\n}\n}\n"
    )
    assert [node.addresses for node in made.nodes] == [("10.0.0.1",), ("10.0.0.2",)]
    assert "no name for this node" in left(made)


# --- CMAN -------------------------------------------------------------------------------------------------


def test_a_cluster_conf_gives_a_configuration_that_can_be_loaded():
    made = cman.read(CLUSTER_CONF)
    root = loaded(made).cib().root
    assert root.xpath("//group[@id='httpd']/primitive/@id") or root.xpath("//group/primitive/@id")
    members = [str(one) for one in root.xpath("//group/primitive/@type")]
    assert members == ["Filesystem", "IPaddr2", "httpd"]
    assert root.xpath("//group/meta_attributes/nvpair[@name='migration-threshold']/@value") == ["1"]
    assert root.xpath("//group/meta_attributes/nvpair[@name='target-role']/@value") == ["Stopped"]
    assert root.xpath("//group/meta_attributes/nvpair[@name='resource-stickiness']/@value") == ["INFINITY"]
    levels = [(one.get("target"), one.get("index")) for one in root.iter("fencing-level")]
    assert sorted(levels) == [("a.example", "1"), ("a.example", "2"), ("b.example", "1")]


def test_ordered_failover_domains_become_falling_scores():
    root = loaded(cman.read(CLUSTER_CONF)).cib().root
    scores = {one.get("node"): one.get("score") for one in root.iter("rsc_location") if one.get("rsc") == "httpd-2"
              or (one.get("rsc") or "").startswith("httpd")}
    assert scores == {"a.example": "990", "b.example": "980"}


def test_of_a_cluster_conf_what_has_no_equivalent_is_listed():
    told = left(cman.read(CLUSTER_CONF))
    for what in ("quorumd", "script", "<nfsclient> world", "exclusive"):
        assert what in told
    assert "topsecret" not in told


@pytest.mark.parametrize(("old", "new", "complaint"), [
    ('config_version="7"', "", "config_version is ''"),
    ('nodeid="2"', 'nodeid="1"', "the node id '1' is there twice"),
    ('device name="ilo-a"', 'device name="none"', "no fence device is called 'none'"),
    ('domain="first"', 'domain="second"', "no failover domain is called 'second'"),
    ('fs ref="www"', 'fs ref="wwx"', "no <fs> of <resources> is called 'wwx'"),
    ('<cluster name="web"', '<cluster name="averylongclustername"', "longer than 15"),
    ('expected_votes="1"', 'expected_votes="3"', "expected_votes has to be 1"),
])
def test_an_invalid_cluster_conf_is_refused_with_every_mistake_and_its_line(old, new, complaint):
    assert old in CLUSTER_CONF
    with pytest.raises(BadForeign, match="line") as caught:
        cman.read(CLUSTER_CONF.replace(old, new))
    assert complaint in caught.value.message


def test_settings_of_a_cluster_conf_are_toml_with_its_nodes():
    settings = tomllib.loads(cman.read(CLUSTER_CONF).settings_text())
    assert settings["cluster"] == "web"
    assert settings["peers"] == ["a.example", "b.example"]
    assert settings["two_node"] is True
    assert settings["detect_ms"] == 17000


# --- Heartbeat --------------------------------------------------------------------------------------------


def test_heartbeat_files_give_groups_drbd_and_ping_that_can_be_loaded():
    made = heartbeat.read(HA_CF, HARESOURCES, AUTHKEYS)
    root = loaded(made).cib().root
    assert [str(one) for one in root.xpath("//group/primitive/@type")] == [
        "IPaddr2", "Filesystem", "httpd", "mytool",
    ]
    assert root.xpath("//primitive[@type='drbd']/instance_attributes/nvpair/@value") == ["r0"]
    assert len(root.findall(".//rsc_colocation")) == 1
    assert len(root.findall(".//rsc_order")) == 1
    assert root.xpath("//primitive[@type='ping']//nvpair[@name='host_list']/@value") == ["10.0.0.254"]
    assert root.xpath("//rsc_defaults//nvpair[@name='resource-stickiness']/@value") == ["INFINITY"]
    assert root.xpath("//rsc_location[@score='100']/@node") == ["alpha", "beta"]


def test_heartbeat_settings_keep_times_nodes_and_the_watchdog():
    settings = tomllib.loads(heartbeat.read(HA_CF).settings_text())
    assert settings["heartbeat_ms"] == 500
    assert settings["detect_ms"] == 10_000
    assert settings["peers"] == ["10.0.0.1", "10.0.0.2"]
    assert settings["watchdog"] == "/dev/watchdog"


def test_what_heartbeat_had_alone_is_listed_and_no_secret_is_in_the_list():
    told = left(heartbeat.read(HA_CF, HARESOURCES, AUTHKEYS))
    for what in ("serial", "stonith_host", "warntime", "mytool::fast", "crc proves nothing"):
        assert what in told
    assert "HiddenKey" not in told
    assert "topsecret" not in told


@pytest.mark.parametrize(("text", "ms"), [("2", 2000), ("500ms", 500), ("1500us", 2), ("2s", 2000), ("nonsense", 0)])
def test_times_without_a_unit_are_seconds(text, ms):
    assert milliseconds(text) == ms


# --- which is which ---------------------------------------------------------------------------------------


def test_files_are_known_by_their_content():
    assert detect.kind_of("a", MULTICAST) == "corosync"
    assert detect.kind_of("b", CLUSTER_CONF) == "cman"
    assert detect.kind_of("c", HA_CF) == "ha.cf"
    assert detect.kind_of("d", AUTHKEYS) == "authkeys"
    assert detect.kind_of("/etc/ha.d/haresources", HARESOURCES) == "haresources"


@pytest.mark.parametrize("files", [
    {"x": "hello"}, {"x": "<cib/>"}, {"a": MULTICAST, "b": CLUSTER_CONF}, {"a": HA_CF, "b": HA_CF}, {"a": AUTHKEYS},
])
def test_what_cannot_be_read_together_is_refused(files):
    with pytest.raises(BadForeign):
        detect.read(files)
