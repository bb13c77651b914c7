"""Raising the schema: old constructs become words of today, and what is there must fit."""

from __future__ import annotations

import pytest

from hashell.cib.document import Cib
from hashell.client.memory import MemoryClient
from hashell.commands.upgrading import upgrade
from hashell.errors import BadInput
from hashell.schema.check import is_valid
from hashell.shell.session import Session

OLD = """<cib validate-with="pacemaker-2.10" epoch="1" num_updates="0" admin_epoch="0"><configuration>
<crm_config><cluster_property_set id="o"><nvpair id="o-s" name="default-resource-stickiness" value="100"/>
</cluster_property_set></crm_config><nodes/><resources><master id="m"><primitive id="a" class="ocf"
provider="pacemaker" type="Stateful"><operations><op id="x" name="monitor" interval="10s" role="Master"/></operations>
</primitive></master><primitive id="ip" class="ocf" provider="heartbeat" type="IPaddr2"/></resources>
<constraints><rsc_colocation id="c" rsc="ip" with-rsc="m" with-rsc-role="Master" score="INFINITY"/></constraints>
</configuration><status/></cib>"""


def session_of(cib):
    session = Session(out=lambda text: None, err=lambda text: None)
    session.use_client(MemoryClient(cib))
    return session


@pytest.mark.parametrize("words", [["configure", "upgrade", "force"], ["pcs", "cluster", "cib-upgrade"]])
def test_an_old_configuration_is_transformed_to_the_newest_schema_in_both_languages(words):
    session = session_of(OLD)
    assert session.run_words(words) == 0
    root = session.client.cib().root
    assert root.get("validate-with") == "pacemaker-4.0"
    assert is_valid(Cib(root))
    assert root.xpath("string(//clone[@id='m']//nvpair[@name='promotable']/@value)") == "true"
    assert root.xpath("string(//op/@role)") == root.xpath("string(//rsc_colocation/@with-rsc-role)") == "Promoted"
    assert root.xpath("string(//rsc_defaults//nvpair[@name='resource-stickiness']/@value)") == "100"
    assert not root.xpath("//crm_config//nvpair")


def test_the_newest_schema_stays_and_the_configuration_with_it():
    session = session_of(OLD)
    session.run_words(["pcs", "cluster", "cib-upgrade"])
    env = session.env()
    before = env.root
    assert upgrade(env) == "pacemaker-4.0"
    assert env.root is before


def test_what_does_not_fit_its_own_schema_is_said_and_left_alone():
    env = session_of(OLD.replace("<resources>", "<resources><nonsense id='n'/>")).env()
    with pytest.raises(BadInput, match=r"pacemaker-2\.10.*nonsense"):
        upgrade(env)
    assert env.validate_with == "pacemaker-2.10"
