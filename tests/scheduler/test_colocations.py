"""Which colocations count for a resource, and how often, where those of its group or clone join its own."""

from __future__ import annotations

from hashell.testing.clusters import Cluster, group, primitive


def follow(ident, dependent, primary, score):
    return f'<rsc_colocation id="{ident}" rsc="{dependent}" with-rsc="{primary}" score="{score}"/>'


def test_of_the_colocations_of_a_group_the_first_joins_those_of_its_member_as_often_as_there_are_some():
    cluster = Cluster(
        primitive("a") + group("g", primitive("m")),
        follow("c1", "m", "a", "10") + follow("c2", "g", "a", "-1000") + follow("c3", "g", "a", "5"),
    )
    assert cluster.score("m", "node1") == 10 + 5 + 5


def test_the_order_of_configuration_decides_which_colocation_of_a_group_counts():
    cluster = Cluster(
        primitive("a") + group("g", primitive("m")),
        follow("c1", "m", "a", "10") + follow("c3", "g", "a", "5") + follow("c2", "g", "a", "-1000"),
    )
    assert cluster.score("m", "node1") == 10 - 1000 - 1000


def test_all_colocations_of_a_group_count_for_a_member_without_own_ones():
    cluster = Cluster(
        primitive("a") + group("g", primitive("m")),
        follow("c2", "g", "a", "-1000") + follow("c3", "g", "a", "5"),
    )
    assert cluster.score("m", "node1") == -1000 + 5
