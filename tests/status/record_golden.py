"""Record what an installed crm_mon prints for the CIBs of this folder: the golden texts of test_golden.py.

    python tests/status/record_golden.py [OPTIONS …]

Each file golden/NAME.txt holds blocks of a line `$ crm_mon -1 OPTIONS` and what that printed for cibs/NAME.xml. Without
arguments the commands that are already there are asked again; read the differences before you commit them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROMPT = "$ crm_mon -1 "
MASKS = (
    (re.compile(r"Last updated: .*"), "Last updated:"),
    (re.compile(r'Last updated: </span><span>[^<]*'), "Last updated: </span><span>"),
    (re.compile(r'<last_update time="[^"]*"'), "<last_update"),
    (re.compile(r'request="[^"]*"'), 'request=""'),
)


def masked(text: str) -> str:
    """A text without what depends on the moment and on the command's name."""
    for pattern, instead in MASKS:
        text = pattern.sub(instead, text)
    return text


def crm_mon(cib: Path, options: str) -> str:
    env = {**os.environ, "CIB_file": str(cib), "TZ": "UTC", "LC_ALL": "C"}
    command = ["crm_mon", "-1", *options.split()]
    done = subprocess.run(command, env=env, capture_output=True, check=True, timeout=60)
    return masked(done.stdout.decode())


def blocks(text: str) -> dict[str, str]:
    """Options → what was printed."""
    found: dict[str, str] = {}
    for block in text.split(PROMPT)[1:]:
        options, _, printed = block.partition("\n")
        found[options.strip()] = printed
    return found


def main(wanted: list[str]) -> None:
    for cib in sorted((HERE / "cibs").glob("*.xml")):
        golden = HERE / "golden" / f"{cib.stem}.txt"
        commands = wanted or list(blocks(golden.read_text()))
        golden.write_text("".join(f"{PROMPT}{options}\n{crm_mon(cib, options)}" for options in commands))


if __name__ == "__main__":
    main(sys.argv[1:])
