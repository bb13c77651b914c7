"""A status says what crm_mon says: recorded texts for our own CIBs, and an installed crm_mon where there is one.

The recorded texts come from crm_mon 2.1.5; record_golden.py records them again.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from hashell.cib.files import load_cib
from hashell.monitor.one_shot import render
from hashell.monitor.options import read
from hashell.state.cluster_state import read_cluster_state
from hashell.status.build import cluster_status
from hashell.status.options import Format
from hashell.status.simple import render as one_line

HERE = Path(__file__).resolve().parent
#: The release whose words our own are: its recorded and its installed output must not differ from ours.
PEER = "Pacemaker 2.1.5"

_spec = importlib.util.spec_from_file_location("record_golden", HERE / "record_golden.py")
assert _spec is not None and _spec.loader is not None
record_golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(record_golden)

CIBS = sorted((HERE / "cibs").glob("*.xml"))
RECORDED = [
    pytest.param(cib, options, printed, id=f"{cib.stem} {options}")
    for cib in CIBS
    for options, printed in record_golden.blocks((HERE / "golden" / f"{cib.stem}.txt").read_text()).items()
]
#: Combinations beside the recorded ones, tried where crm_mon is installed.
MORE = (
    "-rbf", "-Rrnt", "--output-as=xml -n", "-X", "--output-as=html -b -n -I all", "-Q -r -m 0", "-U resources",
)


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def printed_by_us(cib: Path, options: str) -> str:
    wanted = read(["-1", *options.split()])
    state = read_cluster_state(load_cib(cib), time.time())
    status = cluster_status(state, None, wanted.status)
    if wanted.simple:
        return one_line(status)
    return record_golden.masked(render(status, wanted, wanted.output or Format.TEXT, ""))


@pytest.mark.parametrize(("cib", "options", "printed"), RECORDED)
def test_a_status_reads_as_it_was_recorded_from_crm_mon(cib, options, printed):
    assert printed_by_us(cib, options) == printed


def installed() -> str:
    if shutil.which("crm_mon") is None:
        return ""
    return subprocess.run(["crm_mon", "--version"], capture_output=True, text=True, check=False).stdout


@pytest.mark.skipif(not installed().startswith(PEER), reason=f"crm_mon of {PEER} is not installed")
@pytest.mark.parametrize("options", MORE)
@pytest.mark.parametrize("cib", CIBS, ids=[cib.stem for cib in CIBS])
def test_a_status_reads_as_the_installed_crm_mon_prints_it(cib, options):
    assert printed_by_us(cib, options) == record_golden.crm_mon(cib, options)
