"""Secrets: the same on all nodes, in no CIB, shown nowhere."""

from __future__ import annotations

import pytest
from msgspec.msgpack import encode

from hashelld.executor.secrets import MARK, VALUE_MAX, Change, MissingSecret, Secrets


def test_a_secret_takes_the_place_of_its_mark_alone_and_for_every_instance_of_a_clone():
    secrets = Secrets()
    assert secrets.apply(encode((Change("web", "password", "hidden"),)))
    given = {"password": MARK, "port": "80", "CRM_meta_timeout": "20000"}
    assert secrets.put_in("web:1", given) == {**given, "password": "hidden"}
    assert given["password"] == MARK


def test_a_secret_that_is_not_known_here_is_said_by_name_and_nothing_is_run_without_it():
    with pytest.raises(MissingSecret, match="password of web"):
        Secrets().put_in("web", {"password": MARK})


def test_what_is_kept_comes_back_and_what_cannot_be_read_is_forgotten():
    secrets = Secrets()
    secrets.apply(encode((Change("web", "a", "1"), Change("db", "b", "2"))))
    again = Secrets(secrets.encode())
    assert (again.get("web", "a"), again.get("db", "b")) == ("1", "2")
    assert Secrets(b"rubbish").get("web", "a") is None


def test_who_joins_is_told_all_and_hearing_it_twice_changes_nothing():
    secrets, fresh = Secrets(), Secrets()
    assert secrets.as_changes() == b""
    secrets.apply(encode((Change("web", "a", "1"), Change("web", "b", "2"), Change("web", "b", None))))
    assert fresh.apply(secrets.as_changes())
    assert fresh.get("web", "a") == "1" and fresh.get("web", "b") is None
    assert not fresh.apply(secrets.as_changes())


def test_a_secret_is_in_no_text_that_could_be_logged():
    secrets = Secrets()
    secrets.apply(encode((Change("web", "password", "hidden"), Change("web", "big", "x" * (VALUE_MAX + 1)))))
    assert "hidden" not in repr(secrets) + str(secrets) + repr(Change("web", "password", "hidden"))
    assert secrets.get("web", "big") is None
