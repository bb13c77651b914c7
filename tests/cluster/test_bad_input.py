"""A live cluster is handed what is bad: one clear message each, nothing lost, the daemons live."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from hashell.lab.stage import LoopbackStage

pytestmark = [pytest.mark.slow, pytest.mark.loopback, pytest.mark.timeout(180)]

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE cib [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    + ']><cib><configuration><crm_config/><nodes/><resources>&i;</resources><constraints/></configuration></cib>'
)


@pytest.fixture(scope="module")
def stage():
    with LoopbackStage() as found:
        found.build()
        yield found


def hashell(stage: LoopbackStage, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hashell", "--attach", str(stage.cluster.place("node2").socket), *words],
        capture_output=True, text=True, check=False, timeout=90,
    )


def configuration_of(stage: LoopbackStage) -> bytes:
    from lxml import etree

    client = stage.cluster.client()
    try:
        return etree.tostring(client.cib().configuration)
    finally:
        client.close()


def wait_for_failure(stage: LoopbackStage, words: str) -> str:
    """What the monitor says once it speaks of a failed action in these words."""
    deadline = time.monotonic() + 60
    while True:
        said = hashell(stage, "monitor", "-1", "-r").stdout
        if words in said:
            return said
        assert time.monotonic() < deadline, said
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "document type"),
        ("<cib><configuration>", "not well-formed"),
        ("<cib>" + "<a>" * 200 + "</a>" * 200 + "</cib>", "deeper than"),
        ("not XML at all", "not well-formed"),
    ],
    ids=["an entity bomb", "half a document", "depth", "no XML"],
)
def test_dangerous_xml_is_refused_in_one_line_and_changes_nothing(stage, tmp_path, text, says):
    before = configuration_of(stage)
    path = tmp_path / "bad.xml"
    path.write_text(text)
    began = time.monotonic()

    done = hashell(stage, "configure", "load", "xml", "replace", str(path))

    assert done.returncode != 0
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < 60
    assert configuration_of(stage) == before
    assert all(stage.cluster.alive(node) for node in stage.cluster.nodes)


def test_an_entity_bomb_sent_past_the_shell_is_refused_by_the_daemon(stage):
    from hashell.errors import HashellError
    from hashell.wire.messages import Change

    before = configuration_of(stage)
    client = stage.cluster.client()
    try:
        with pytest.raises(HashellError) as caught:
            client.apply([Change("replace", BOMB.encode())])
        assert "document type" in caught.value.message
        assert client.info().dc
    finally:
        client.close()
    assert configuration_of(stage) == before


def test_an_agent_that_is_not_there_is_said_and_nothing_else_is_touched(stage):
    assert hashell(stage, "--force", "configure", "primitive", "ghost", "ocf:hashell:Nosuch").returncode == 0
    try:
        said = wait_for_failure(stage, "Not installed")
        assert "ghost\t(ocf:hashell:Nosuch):\t Stopped (Not installed)" in said
        assert "web-site\t(ocf:hashell:WebServer):\t Started" in said
    finally:
        hashell(stage, "resource", "stop", "ghost")
        assert hashell(stage, "configure", "delete", "ghost").returncode == 0


def test_an_agent_that_hangs_is_ended_at_its_timeout_and_said(stage):
    done = hashell(
        stage, "configure", "primitive", "slow", "ocf:hashell:Dummy", "params", "op_sleep=60",
        "op", "monitor", "interval=10s", "timeout=1s", "op", "start", "timeout=1s", "interval=0",
        "op", "stop", "timeout=1s", "interval=0", "on-fail=block",
    )
    assert done.returncode == 0, done.stderr
    try:
        assert "slow" in wait_for_failure(stage, "Timed out").partition("Failed Resource Actions")[2]
        assert all(stage.cluster.alive(node) for node in stage.cluster.nodes)
    finally:
        hashell(stage, "configure", "delete", "slow")
