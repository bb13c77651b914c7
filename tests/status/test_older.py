"""A CIB as an older release reads it, and whose words a status speaks."""

from __future__ import annotations

import pytest
from lxml import etree

from hashell.cib.document import Cib
from hashell.status.older import as_read_by
from hashell.status.options import Release, release_of


def cib(feature_set: str, options: str = "", attributes: str = "") -> Cib:
    return Cib.parse(
        f'<cib crm_feature_set="{feature_set}" validate-with="pacemaker-3.9"><configuration><crm_config>'
        f'<cluster_property_set id="o">{options}</cluster_property_set></crm_config><nodes/><resources/><constraints/>'
        f'</configuration><status><node_state id="1"><transient_attributes id="1"><instance_attributes id="a">'
        f"{attributes}</instance_attributes></transient_attributes></node_state></status></cib>"
    )


def pair(name: str) -> str:
    return f'<nvpair id="{name.replace("#", ".")}" name="{name}" value="1"/>'


def names(found: Cib) -> list[str]:
    return [one.get("name") for one in found.root.iter("nvpair")]


@pytest.mark.parametrize(
    ("feature_set", "release"),
    [("3.20.5", Release.THREE), ("3.20.0", Release.THREE), ("3.19.7", Release.TWO), ("3.9.0", Release.TWO),
     ("", Release.TWO), ("nonsense", Release.TWO), ("4.0", Release.THREE)],
)
def test_a_cib_is_told_in_the_words_of_the_release_that_wrote_it(feature_set, release):
    assert release_of(feature_set) is release


def test_new_names_of_cluster_options_change_nothing_where_the_release_does_not_know_them():
    given = cib("3.16.2", pair("fencing-enabled") + pair("stonith-timeout") + pair("symmetric-cluster"))

    assert names(as_read_by(given, Release.TWO)) == ["stonith-timeout", "symmetric-cluster"]
    assert as_read_by(given, Release.THREE) is given


def test_failures_of_a_resource_count_only_as_the_feature_set_writes_them():
    attributes = pair("fail-count-a") + pair("fail-count-b#start_0") + pair("ping")

    assert names(as_read_by(cib("3.0.9", "", attributes), Release.TWO)) == ["fail-count-a#any_0", "ping"]
    untouched = cib("3.0.13", "", attributes)
    assert as_read_by(untouched, Release.TWO) is untouched


def test_what_is_shared_stays_as_it_is():
    given = cib("3.0.9", pair("fencing-enabled"), pair("fail-count-a"))
    before = etree.tostring(given.root)

    as_read_by(given, Release.TWO)
    assert etree.tostring(given.root) == before
