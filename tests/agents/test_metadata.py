"""Agents' words about themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.agents import lsb
from hashell.agents.metadata import BadMetadata, parse_metadata

TEXT = """<?xml version="1.0"?><!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="db" version="1.1"><version>1.1</version>
<longdesc lang="de">lang</longdesc><longdesc lang="en"> Long
text. </longdesc><shortdesc lang="en">A db</shortdesc>
<parameters>
<parameter name="dir" required="1" unique="1"><shortdesc>Folder</shortdesc><content type="string"/></parameter>
<parameter name="mode" reloadable="1"><content type="select" default="a"><option value="a"/><option value="b"/>
</content></parameter>
<parameter name="old" deprecated="1"><deprecated><replaced-with name="new"/></deprecated>
<content type="string"/></parameter>
<parameter name="pw" private="1"><content type="string"/></parameter>
</parameters><actions>
<action name="monitor" timeout="20" interval="10s" role="Promoted" depth="10"/><action name="{0}" timeout="2min"/>
</actions></resource-agent>"""


def test_parameters_and_actions_are_read_with_their_marks():
    found = parse_metadata(TEXT.format("reload-agent"))
    assert (found.name, found.version, found.shortdesc, found.longdesc) == ("db", "1.1", "A db", "Long\ntext.")
    directory, mode, old, secret = found.parameters
    assert (directory.required, directory.unique, directory.default, directory.reloadable) == (True, True, None, False)
    assert (mode.default, mode.values, mode.reloadable) == ("a", ("a", "b"), True)
    assert (old.deprecated, old.replaced_by) == (True, "new")
    assert secret.private
    monitor, reload = found.actions
    assert (monitor.timeout_ms, monitor.interval_ms, monitor.role, monitor.depth) == (20_000, 10_000, "Promoted", 10)
    assert (reload.name, reload.timeout_ms) == ("reload-agent", 120_000)
    assert found.reloads and found.supports("monitor") and found.parameter("pw") is secret


def test_before_ocf_1_1_what_is_not_unique_could_be_reloaded():
    found = parse_metadata(TEXT.format("reload"))
    assert [one.name for one in found.parameters if one.reloadable] == ["mode", "old", "pw"]


def test_an_agent_without_reload_has_only_what_it_marks():
    found = parse_metadata(TEXT.format("stop"))
    assert not found.reloads


@pytest.mark.parametrize("text", ["", "usage: agent", "<resource-agent><x></resource-agent>", "<other/>"])
def test_what_is_no_metadata_is_refused_in_words(text):
    with pytest.raises(BadMetadata, match="meta-data"):
        parse_metadata(text)


def test_entities_are_not_expanded():
    bomb = '<!DOCTYPE r [<!ENTITY a "aaaa">]>' + TEXT.format("stop").replace("Long", "&a;").partition("?>")[2]
    try:
        found = parse_metadata(bomb)
    except BadMetadata:
        return
    assert "aaaa" not in found.longdesc


@given(st.binary(max_size=200))
def test_any_bytes_are_metadata_or_a_clear_error(data):
    for body in (data, b"<resource-agent>" + data + b"</resource-agent>"):
        try:
            parse_metadata(body)
        except BadMetadata as error:
            assert error.hint


HEADER = """#!/bin/sh
### BEGIN INIT INFO
# Provides:          tinyd
# Short-Description: A tiny daemon
# Description:       Does very little,
#  and does it slowly
# Default-Start:     2 3
### END INIT INFO
"""


def test_an_init_scripts_header_describes_it():
    found = lsb.metadata("tinyd", HEADER)
    assert found.shortdesc == "A tiny daemon"
    assert found.longdesc == "Does very little, and does it slowly"
    assert found.supports("status")


def test_a_script_without_header_is_described_by_its_name():
    assert lsb.metadata("x", "#!/bin/sh\n").shortdesc == "x"
