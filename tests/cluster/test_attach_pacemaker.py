"""A running Pacemaker that hashell did not set up: attach from a node, change it, and let its own tools say what came
of it.

One real cluster (corosync and pacemaker on sealed machines) serves all tests here; each leaves it as it found it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hashell.cib.document import parse_xml
from hashell.errors import HashellError
from hashell.lab.peer import PeerCluster, check_installed
from hashell.testing.terminal import Terminal

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow, pytest.mark.root]

SOURCE = Path(__file__).resolve().parents[2]
COMMAND_S = 90
DUMMY = "ocf:hashell:Dummy"
READ_ONLY = 4


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


class Attached:
    """hashell on a node of the peer, and Pacemaker's own tools beside it."""

    def __init__(self, peer: PeerCluster, home: Path) -> None:
        self.peer = peer
        self.home = home

    def hashell(self, *words: str, node: str = "node1", given: str = "", env: dict[str, str] | None = None) -> Done:
        """A command as it ends, without a word about leave to write."""
        around = {
            **self.peer.environment(node), "HOME": str(self.home), "PYTHONPATH": os.pathsep.join(sys.path),
            **(env or {}),
        }
        done = subprocess.run(
            [*self.peer.command(node, sys.executable, "-m", "hashell"), *words], input=given, capture_output=True,
            text=True, check=False, timeout=COMMAND_S, env=around, cwd=SOURCE,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def monitor(self, *words: str, node: str = "node1") -> Terminal:
        """The full-screen monitor on a node."""
        around = {**self.peer.environment(node), "HOME": str(self.home), "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [*self.peer.command(node, sys.executable, "-m", "hashell"), "monitor", *words]
        return Terminal(command, columns=100, rows=40, env=around, cwd=SOURCE)

    def change(self, *words: str, node: str = "node1", given: str = "") -> Done:
        """A command with leave to write; it must succeed."""
        done = self.hashell("--write", *words, node=node, given=given)
        assert done.code == 0, (words, done)
        return done

    def tool(self, *words: str, node: str = "node1", given: str = "") -> str:
        return self.peer.run(node, *words, given=given)

    def settled(self) -> None:
        self.peer.wait_idle("node1")

    def where(self, resource: str) -> tuple[str, ...]:
        """On which nodes crm_mon says that it runs."""
        return dict(self.peer.view("node1").resources).get(resource, ())

    def there(self, xpath: str) -> bool:
        """Whether cibadmin finds it."""
        try:
            self.tool("cibadmin", "--query", "--xpath", xpath)
        except HashellError:
            return False
        return True

    def empty(self) -> None:
        """Stop and take out what a test made."""
        self.tool(
            "cibadmin", "--replace", "--scope", "constraints", "--xml-text", "<constraints/>"
        )
        self.tool("cibadmin", "--replace", "--scope", "resources", "--xml-text", "<resources/>")
        self.settled()


@pytest.fixture(scope="module")
def attached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attached]:
    try:
        check_installed()
    except HashellError as error:
        pytest.skip(str(error))
    with PeerCluster(("node1", "node2")) as peer:
        peer.start()
        peer.wait_whole()
        peer.run("node1", "crm_attribute", "-t", "crm_config", "-n", "stonith-enabled", "-v", "false")
        yield Attached(peer, tmp_path_factory.mktemp("home"))


@pytest.fixture
def cluster(attached: Attached) -> Iterator[Attached]:
    yield attached
    attached.empty()


def test_a_group_is_made_started_moved_put_on_standby_and_taken_back(cluster: Attached) -> None:
    # Attached by itself: no hashelld runs here, a Pacemaker does.
    shown = cluster.hashell("configure", "show")
    assert shown.code == 0
    assert "node 1: node1" in shown.out and "stonith-enabled=false" in shown.out

    # Staged, previewed, not yet there.
    script = (
        f"configure\nprimitive a {DUMMY} op monitor interval=10s\nprimitive b {DUMMY}\ngroup g a b\n"
        "location on1 g 50: node1\n"
    )
    looked = cluster.hashell("-f", "-", given=f"{script}show changed\nptest\nrefresh\n")
    assert looked.code == 0, looked
    assert "group g a b" in looked.out and "start" in looked.out.lower()
    assert not cluster.there("//group[@id='g']")

    # Committed with the same words and leave to write: one version more, started where the constraint says.
    cluster.change("-w", "-f", "-", given=f"{script}commit\n")
    assert cluster.there("//group[@id='g']/primitive[@id='b']")
    assert cluster.there("//rsc_location[@id='on1' and @node='node1' and @score='50']")
    cluster.settled()
    assert cluster.where("a") == cluster.where("b") == ("node1",)
    assert "node1" in cluster.tool("crm_resource", "--resource", "g", "--locate")
    assert "is running on: node1" in cluster.hashell("resource", "status", "g").out

    # There and back.
    cluster.change("resource", "move", "g", "node2")
    cluster.settled()
    assert cluster.where("a") == ("node2",)
    cluster.change("resource", "clear", "g")
    cluster.settled()
    assert cluster.where("a") == ("node1",)
    assert not cluster.there("//rsc_location[starts-with(@id,'cli-')]")

    # Standby, as Pacemaker's own tool says it.
    cluster.change("-w", "node", "standby", "node1")
    assert "on" in cluster.tool("crm_standby", "--node", "node1", "--query")
    cluster.settled()
    assert cluster.where("b") == ("node2",)
    told = cluster.hashell("explain", "a").out
    assert "node2" in told and "standby" in told
    cluster.change("-w", "node", "online", "node1")
    cluster.settled()
    assert cluster.where("b") == ("node1",)

    # The last change is known with its words, and is taken back: the group stays, standby is as before.
    log = cluster.hashell("history", "log").out.splitlines()
    assert "node online node1" in log[0] and any("commit" in line or "group g" in line for line in log)
    cluster.change("history", "undo")
    assert "on" in cluster.tool("crm_standby", "--node", "node1", "--query")
    cluster.change("history", "undo")
    cluster.settled()
    assert "off" in cluster.tool("crm_standby", "--node", "node1", "--query")
    assert cluster.where("a") == ("node1",)


def test_it_is_only_looked_at_unless_asked(cluster: Attached) -> None:
    before = cluster.tool("cibadmin", "--query", "--scope", "configuration")
    for words in (
        ("configure", "primitive", "x", DUMMY), ("node", "standby", "node2"), ("resource", "refresh"),
        ("pcs", "resource", "create", "x", DUMMY), ("node", "attribute", "node1", "set", "a", "b"),
    ):
        done = cluster.hashell(*words)
        # As everything that goes wrong in the pcs language it ends with 1.
        assert done.code == (1 if words[0] == "pcs" else READ_ONLY), (words, done)
        assert "--write" in done.err
    assert cluster.hashell("--write", "--read-only", "node", "standby", "node2").code != 0
    assert cluster.tool("cibadmin", "--query", "--scope", "configuration") == before
    assert cluster.hashell("configure", "primitive", "x", DUMMY, env={"HASHELL_WRITE": "1"}).code == 0
    assert cluster.there("//primitive[@id='x']")
    assert cluster.hashell("-y", "resource", "stop", "x").code == 0
    assert cluster.there("//primitive[@id='x']//nvpair[@name='target-role' and @value='Stopped']")


def test_pcs_words_do_the_same(cluster: Attached) -> None:
    cluster.change("pcs", "resource", "create", "p", DUMMY, "--wait=60")
    cluster.settled()
    assert len(cluster.where("p")) == 1
    assert "Started" in cluster.hashell("pcs", "resource").out
    cluster.change("pcs", "resource", "disable", "p")
    cluster.settled()
    assert cluster.where("p") == ()
    cluster.change("pcs", "resource", "delete", "p")
    cluster.settled()
    assert not cluster.there("//primitive[@id='p']")


def test_what_somebody_else_changed_meanwhile_is_never_lost(cluster: Attached) -> None:
    cluster.change("configure", "primitive", "mine", DUMMY, "meta", "target-role=Stopped")
    cluster.settled()
    theirs = '<nvpair id="theirs" name="batch-limit" value="7"/>'
    # While our edit is staged, cibadmin writes: our commit must say so, and their value must stay.
    program = (
        "import subprocess, sys\n"
        "from hashell.client.pacemaker import PacemakerClient\n"
        "from hashell.commands.env import Env\n"
        "from hashell.errors import Conflict\n"
        "env = Env.open(PacemakerClient(write=True))\n"
        "env.by_id('mine').set('description', 'ours')\n"
        "words = ['cibadmin', '--modify', '--xml-text', sys.argv[1]]\n"
        "subprocess.run(words, check=True, stdout=subprocess.DEVNULL)\n"
        "try:\n    env.commit()\nexcept Conflict as error:\n    print('conflict:', error)\nelse:\n    print('merged')\n"
    )
    whole = (
        "<cib><configuration><crm_config><cluster_property_set id='cib-bootstrap-options'>"
        f"{theirs}</cluster_property_set></crm_config></configuration></cib>"
    )
    around = {**cluster.peer.environment("node1"), "HOME": str(cluster.home), "PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run(
        [*cluster.peer.command("node1", sys.executable, "-c", program, whole)], capture_output=True, text=True,
        check=False, timeout=COMMAND_S, env=around, cwd=SOURCE,
    )
    assert said.returncode == 0, said.stderr
    assert cluster.there("//nvpair[@name='batch-limit' and @value='7']")
    ours = cluster.there("//primitive[@id='mine' and @description='ours']")
    assert said.stdout.startswith("merged") if ours else "somebody else" in said.stdout
    cluster.tool("crm_attribute", "-t", "crm_config", "-n", "batch-limit", "-D")


def test_a_commit_goes_through_while_the_status_changes_all_the_time(cluster: Attached) -> None:
    cluster.tool("crm_attribute", "-N", "node1", "-l", "reboot", "-n", "beat", "-v", "0")
    beat = "for n in 1 2 3 4 5 6 7 8 9; do crm_attribute -N node1 -l reboot -n beat -v $n; done"
    writer = subprocess.Popen(
        cluster.peer.command("node2", "sh", "-c", beat), env=cluster.peer.environment("node2"), cwd="/"
    )
    try:
        for number in range(3):
            cluster.change("configure", "primitive", f"n{number}", DUMMY, "meta", "target-role=Stopped")
    finally:
        writer.wait(COMMAND_S)
    assert all(cluster.there(f"//primitive[@id='n{number}']") for number in range(3))
    assert 'value="9"' in cluster.tool("cibadmin", "--query", "--xpath", "//nvpair[@name='beat']")


def test_failures_are_shown_and_cleaned_up_and_tickets_granted(cluster: Attached) -> None:
    cluster.change("-w", "configure", "primitive", "f", DUMMY)
    cluster.settled()
    (node,) = cluster.where("f")
    cluster.tool("crm_resource", "--fail", "--resource", "f", "--node", node)
    cluster.settled()
    count = cluster.tool("crm_failcount", "--query", "--resource", "f", "--node", node)
    assert "value=0" not in count
    assert cluster.hashell("resource", "failcount", "f", "show", node).out.split() == count.split()
    cluster.change("resource", "cleanup", "f")
    cluster.settled()
    assert "value=0" in cluster.tool("crm_failcount", "--query", "--resource", "f", "--node", node)
    cluster.change("site", "ticket", "grant", "T")
    assert 'granted="true"' in cluster.tool("cibadmin", "--query", "--xpath", "//ticket_state[@id='T']")
    cluster.change("-F", "site", "ticket", "revoke", "T")
    assert 'granted="false"' in cluster.tool("cibadmin", "--query", "--xpath", "//ticket_state[@id='T']")


def test_a_node_is_fenced_by_the_device_that_is_there_and_the_history_tells(cluster: Attached) -> None:
    if shutil.which("fence_dummy", path="/usr/sbin:/usr/bin") is None:
        pytest.skip("fence_dummy is not installed")
    cluster.change(
        "configure", "primitive", "fence", "stonith:fence_dummy", "params", "status_file=/run/fence_dummy",
        "pcmk_host_list=node1 node2", "pcmk_host_check=static-list",
    )
    cluster.change("configure", "property", "stonith-enabled=true")
    cluster.settled()
    try:
        cluster.peer.stop_node("node2")
        assert cluster.hashell("-F", "node", "fence", "node2").code == READ_ONLY
        assert 'target="node2"' not in cluster.tool("stonith_admin", "--history", "*", "--output-as=xml")
        cluster.change("-F", "node", "fence", "node2")
        told = cluster.tool("stonith_admin", "--history", "node2", "--output-as=xml")
        assert 'status="success"' in told
        assert "fencing of node2 (reboot): done" in cluster.hashell("history", "events").out
        assert "reboot of node2 by node1 for stonith_admin" in cluster.hashell("monitor", "-1", "-m2").out
    finally:
        cluster.change("configure", "property", "stonith-enabled=false")
        cluster.peer.start_node("node2")
        cluster.peer.wait_whole()


def test_the_status_names_the_same_resources_on_the_same_nodes_as_crm_mon(cluster: Attached) -> None:
    cluster.change("-w", "configure", "primitive", "s", DUMMY)
    cluster.settled()
    ours = parse_xml(cluster.hashell("monitor", "--output-as=xml").out.encode())
    theirs = parse_xml(cluster.tool("crm_mon", "-1", "--output-as=xml").encode())
    for root in (ours, theirs):
        assert [(one.get("id"), one.find("node").get("name")) for one in root.iter("resource")] == [
            ("s", cluster.where("s")[0])
        ]
    assert [(n.get("name"), n.get("online")) for n in ours.iterfind("nodes/node")] == [
        (n.get("name"), n.get("online")) for n in theirs.iterfind("nodes/node")
    ]


def test_over_ssh_the_tools_run_on_the_node_that_is_named(cluster: Attached) -> None:
    folder = cluster.home / "bin"
    folder.mkdir(exist_ok=True)
    ssh = folder / "ssh"
    # Our words after --: a host, and one word for its shell, as a real ssh hands them on.
    there = " ".join(cluster.peer.command("node2"))
    ssh.write_text(
        '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\n'
        f'[ "$2" = node2 ] || {{ echo "no route to $2" >&2; exit 255; }}\nexec {there} sh -c "$3"\n'
    )
    ssh.chmod(0o755)

    def hashell(*words: str) -> Done:
        env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(cluster.home)}
        env["PYTHONPATH"] = os.pathsep.join(sys.path)
        done = subprocess.run(
            [sys.executable, "-m", "hashell", *words], capture_output=True, text=True, check=False,
            timeout=COMMAND_S, env=env, cwd=SOURCE,
        )
        assert "Traceback" not in done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    # Either of the two may be the DC.
    assert re.search(r"node2  member  \((DC, )?here", hashell("--attach", "ssh://node2", "cluster", "status").out)
    assert hashell("--attach", "ssh://node2", "configure", "primitive", "far", DUMMY).code == READ_ONLY
    done = hashell("--write", "--attach", "ssh://node2", "configure", "primitive", "far", DUMMY, "meta", "a=it's $HOME")
    assert done.code == 0, done
    assert cluster.there("//primitive[@id='far']//nvpair[@name='a']")
    assert "it&apos;s $HOME" in cluster.tool("cibadmin", "--query", "--xpath", "//primitive[@id='far']")
    lost = hashell("--attach", "ssh://nowhere", "status")
    assert lost.code == 102 and "no route to nowhere" in lost.err


def test_without_permission_and_without_pacemaker_there_is_one_clear_error(cluster: Attached) -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    around = {**cluster.peer.environment("node1"), "HOME": "/", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        cluster.peer.command(
            "node1", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-m", "hashell",
            "--attach", "pacemaker", "--write", "configure", "property", "batch-limit=3",
        ),
        capture_output=True, text=True, check=False, timeout=COMMAND_S, env=around, cwd="/",
    )
    if "No module named" in done.stderr:
        pytest.skip("an ordinary user cannot read this checkout")
    assert done.returncode == 102 and "haclient" in done.stderr and "Traceback" not in done.stderr
    assert not cluster.there("//nvpair[@name='batch-limit']")
    cluster.peer.stop_node("node2")
    try:
        gone = cluster.hashell("--attach", "pacemaker", "status", node="node2")
        assert gone.code == 102 and "cibadmin" in gone.err
        assert cluster.hashell("status", node="node2").code == 102
        shown = cluster.hashell("status").out
        assert "OFFLINE" in shown.upper() and "node2" in shown
    finally:
        cluster.peer.start_node("node2")
        cluster.peer.wait_whole()


def test_the_monitors_form_adds_a_resource_to_pacemaker_only_with_leave_to_write(
    cluster: Attached, add_dummy: Callable[[Terminal], None]
) -> None:
    with cluster.monitor() as monitor:
        monitor.wait_for("2/2 nodes")
        monitor.send("a")
        monitor.wait_for("read-only: adding a resource")  # a notice breaks its lines

    with cluster.monitor("--write") as monitor:
        monitor.wait_for("2/2 nodes")
        add_dummy(monitor)
        monitor.wait_for(lambda text: any("dummy" in line and "Started" in line for line in text.splitlines()))
        cluster.settled()

    assert len(cluster.where("dummy")) == 1
    assert cluster.there("//primitive[@id='dummy']/operations/op[@name='monitor']")
