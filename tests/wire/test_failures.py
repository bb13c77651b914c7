"""An error crosses the socket and is the same error on the other side."""

from __future__ import annotations

import pytest

from hashell import errors
from hashell.cib.document import BadXml
from hashell.wire.failures import BASES, error_of, failure, failure_of


@pytest.mark.parametrize("base", BASES)
def test_a_base_class_comes_back_as_itself(base):
    back = error_of(failure_of(base("what", "how")))
    assert type(back) is base
    assert (back.message, back.hint) == ("what", "how")


def test_a_case_keeps_its_id_and_can_be_caught_as_its_base():
    back = error_of(failure_of(BadXml("the CIB is bad", "mend it")))
    assert isinstance(back, errors.BadInput)
    assert (back.id, back.exit_code) == ("xml-bad", errors.BadInput.exit_code)


def test_an_unknown_exit_code_is_still_a_hashell_error():
    back = error_of(failure_of(type("Odd", (errors.HashellError,), {"id": "odd", "exit_code": 77})("x")))
    assert (back.id, back.exit_code) == ("odd", 77)


def test_a_failure_by_id_gets_the_exit_code_of_its_class():
    assert failure("conflict", "x").exit_code == errors.Conflict.exit_code
    assert failure("nobody-knows", "x").exit_code == 1


def test_a_long_text_is_cut():
    assert len(failure_of(errors.Refused("x" * 10_000)).message) == 2_000
