"""Time one-shot commands side by side with their peers: `hashell status` and `crm status`, and so on, on one CIB file.

    python tests/benchmarks/one_shot.py [--cib FILE] [--runs 10]

Each pair is run in turn (A B A B …) after one warm-up of each, as whole processes to the last byte of their output; the
ratio is taken pair by pair, so a machine whose speed drifts still compares fairly. Needs Debian's crmsh and
pacemaker-cli-utils for the peers; a peer that is missing is named and left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEFAULT_CIB = HERE / "three_nodes.xml"

#: what is compared: our words, the peer's program and words
PAIRS = (
    (("status",), "crm", ("status",)),
    (("configure", "show"), "crm", ("configure", "show")),
    (("monitor", "-1"), "crm_mon", ("-1",)),
    (("pcs", "resource"), "pcs", ("-f", "{cib}", "resource")),
)


def run_once(command: list[str], env: dict[str, str]) -> float:
    """Wall seconds of one whole process; its output is read and dropped. Exits when the command fails."""
    begin = time.perf_counter()
    done = subprocess.run(command, env=env, capture_output=True, check=False, timeout=120)
    took = time.perf_counter() - begin
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cib", type=Path, default=DEFAULT_CIB)
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    env = {**os.environ, "CIB_file": str(options.cib), "LC_ALL": "C.UTF-8"}
    ours = shutil.which("hashell")
    begin = [ours] if ours else [sys.executable, "-m", "hashell"]
    print(f"{'command':<24}{'hashell ms':>12}{'peer ms':>12}{'ratio':>8}{'worst':>8}   peer")
    for words, peer, peer_words in PAIRS:
        program = shutil.which(peer, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if program is None:
            print(f"{' '.join(words):<24}{'':>40}   {peer} is not installed here")
            continue
        one = [*begin, *words]
        other = [program, *(word.format(cib=options.cib) for word in peer_words)]
        run_once(one, env)
        run_once(other, env)
        pairs = [(run_once(one, env), run_once(other, env)) for _ in range(options.runs)]
        ratios = [left / right for left, right in pairs]
        print(
            f"{' '.join(words):<24}{statistics.median(left for left, _ in pairs) * 1000:>12.0f}"
            f"{statistics.median(right for _, right in pairs) * 1000:>12.0f}"
            f"{statistics.median(ratios):>8.2f}{max(ratios):>8.2f}   {peer} {' '.join(peer_words)}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
