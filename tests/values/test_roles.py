"""Roles, with their old names."""

from __future__ import annotations

import pytest

from hashell.values.roles import Role, UnknownRole


@pytest.mark.parametrize("role", list(Role))
def test_a_role_is_read_back_in_any_case(role):
    assert Role.parse(str(role)) is role
    assert Role.parse(role.value.upper()) is role


def test_old_names_are_read():
    assert Role.parse("Master") is Role.PROMOTED
    assert Role.parse("slave") is Role.UNPROMOTED


def test_an_unknown_role_names_those_that_there_are():
    with pytest.raises(UnknownRole, match="Boss") as caught:
        Role.parse("Boss")
    assert "Promoted" in caught.value.hint
    assert Role.find("Boss") is None
    assert Role.find(None) is None


def test_roles_are_ordered_from_doing_nothing_to_being_in_charge():
    assert Role.STOPPED.rank < Role.STARTED.rank < Role.UNPROMOTED.rank < Role.PROMOTED.rank
