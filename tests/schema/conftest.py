"""Fixtures of the tests of the CIB."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashell.testing.cibs import corpus_files, need


@pytest.fixture
def corpus() -> list[Path]:
    """The recorded CIBs; skips where there are none."""
    return corpus_files()


@pytest.fixture
def crm_diff() -> str:
    """Pacemaker's program; skips where it is not installed."""
    return need("crm_diff")
