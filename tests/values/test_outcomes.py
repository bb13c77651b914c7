"""Words for results."""

from __future__ import annotations

import pytest

from hashell.values.outcomes import ExecStatus, OcfCode, exec_status_text, ocf_text


@pytest.mark.parametrize("code", list(OcfCode))
def test_every_exit_code_has_words(code):
    assert ocf_text(code) != "unknown"


@pytest.mark.parametrize("status", [s for s in ExecStatus if s is not ExecStatus.UNKNOWN])
def test_every_execution_status_has_words(status):
    assert exec_status_text(status) != "UNKNOWN!"


def test_numbers_that_nobody_knows_are_said_to_be_unknown():
    assert ocf_text(77) == "unknown"
    assert exec_status_text(77) == "UNKNOWN!"
