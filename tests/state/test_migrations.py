"""Migrations: where a live move that was cut off leaves a resource."""

from __future__ import annotations

import pytest

from hashell.values.roles import Role

NOW_S = 1_704_067_200
MOVE = {"migrate_source": "a", "migrate_target": "b"}


@pytest.fixture
def moving(cluster, write):
    primitive, _ = write
    cluster.resources = primitive("vm", allow_migrate="true")
    cluster.ran("a", "vm", "start", when=NOW_S - 900)
    return cluster


def test_half_a_migration_leaves_it_on_both_nodes(moving):
    moving.ran("b", "vm", "monitor", 7, when=NOW_S - 800)
    moving.ran("a", "vm", "migrate_to", when=NOW_S - 700, **MOVE)

    resource = moving.read().by_id["vm"]

    assert (resource.role, resource.active_on) == (Role.STARTED, ("id-b", "id-a"))
    assert (resource.partial_migration_source, resource.partial_migration_target) == ("id-a", "id-b")


def test_a_migration_to_a_node_without_history_waits_for_the_probe(moving):
    moving.ran("a", "vm", "migrate_to", when=NOW_S - 700, **MOVE)

    resource = moving.read().by_id["vm"]

    assert (resource.active_on, resource.partial_migration_target) == (("id-a",), None)


def test_a_migration_without_its_last_stop_dangles(moving):
    moving.ran("a", "vm", "migrate_to", when=NOW_S - 700, **MOVE)
    moving.ran("b", "vm", "migrate_from", when=NOW_S - 600, **MOVE)

    resource = moving.read().by_id["vm"]

    assert (resource.role, resource.active_on) == (Role.STARTED, ("id-b",))
    assert resource.dangling_migration_sources == ("id-a",)


def test_a_whole_migration_is_over(moving):
    moving.ran("a", "vm", "migrate_to", when=NOW_S - 700, **MOVE)
    moving.ran("b", "vm", "migrate_from", when=NOW_S - 600, **MOVE)
    moving.ran("a", "vm", "stop", when=NOW_S - 500)

    resource = moving.read().by_id["vm"]

    assert (resource.role, resource.active_on, resource.dangling_migration_sources) == (Role.STARTED, ("id-b",), ())


def test_a_failed_departure_may_have_arrived_all_the_same(moving):
    moving.ran("b", "vm", "monitor", 7, when=NOW_S - 800)
    moving.ran("a", "vm", "migrate_to", 1, when=NOW_S - 700, **MOVE)

    resource = moving.read().by_id["vm"]

    assert set(resource.active_on) == {"id-a", "id-b"}
    assert resource.failed


def test_a_failed_arrival_may_still_be_at_the_source(moving):
    moving.ran("a", "vm", "migrate_to", when=NOW_S - 700, **MOVE)
    moving.ran("b", "vm", "migrate_from", 1, when=NOW_S - 600, **MOVE)

    resource = moving.read().by_id["vm"]

    assert set(resource.active_on) == {"id-a", "id-b"}
    assert resource.failed


def test_a_migration_that_names_nobody_is_complained_of(moving):
    moving.ran("a", "vm", "migrate_to", when=NOW_S - 700)

    assert any("without migrate_source" in problem for problem in moving.read().problems)


def test_news_on_both_nodes_make_a_migration_history(moving):
    moving.ran("a", "vm", "migrate_to", when=NOW_S - 700, **MOVE)
    moving.ran("a", "vm", "stop", when=NOW_S - 500)
    moving.ran("b", "vm", "start", when=NOW_S - 600)
    moving.ran("b", "vm", "stop", when=NOW_S - 400)

    resource = moving.read().by_id["vm"]

    assert (resource.role, resource.active_on, resource.failed) == (Role.STOPPED, (), False)


def test_a_stop_at_the_source_does_not_end_half_a_migration(moving):
    moving.ran("b", "vm", "monitor", 7, when=NOW_S - 800)
    moving.ran("a", "vm", "migrate_to", when=NOW_S - 700, **MOVE)
    moving.ran("a", "vm", "stop", when=NOW_S - 500)

    resource = moving.read().by_id["vm"]

    assert (resource.role, resource.active_on) == (Role.STARTED, ("id-b",))
    assert resource.partial_migration_source == "id-a"
