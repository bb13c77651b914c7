"""Time one-shot commands side by side with their peers: `hashell status` and `crm status`, and so on, on one CIB file.

    python tests/benchmarks/one_shot.py [--cib FILE] [--runs 10]
    python tests/benchmarks/one_shot.py --live [--resources 10] [--runs 10]

With --live on a real Pacemaker of two nodes that is started for it (root, corosync and pacemaker): all run on its first
node, where hashell attaches by itself.

Each pair is run in turn (A B A B …) after one warm-up of each, as whole processes to the last byte of their output; the
ratio is taken pair by pair, so a machine whose speed drifts still compares fairly. Needs Debian's crmsh and
pacemaker-cli-utils for the peers; a peer that is missing is named and left out. Ends with 1 when the median ratio to
crm or pcs is above the mark; crm_mon, a program in C, is only shown.
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


#: The same on a running cluster, without a file.
LIVE_PAIRS = (
    (("status",), "crm", ("status",)),
    (("configure", "show"), "crm", ("configure", "show")),
    (("monitor", "-1"), "crm_mon", ("-1",)),
    (("pcs", "resource"), "pcs", ("resource",)),
    (("pcs", "status"), "pcs", ("status",)),
    (("pcs", "constraint"), "pcs", ("constraint",)),
)
#: What the median ratio to a peer may be, for peers that have a mark.
MARK, MARKED = 0.2, frozenset({"crm", "pcs"})
Pairs = tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...]


class Failed(Exception):
    """A command that did not do what it was to be timed for."""


def run_once(command: list[str], env: dict[str, str]) -> float:
    """Wall seconds of one whole process; its output is read and dropped. Raises Failed."""
    begin = time.perf_counter()
    done = subprocess.run(command, env=env, capture_output=True, check=False, timeout=120)
    took = time.perf_counter() - begin
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-200:]
        raise Failed(f"it ended with {done.returncode}: {said}")
    return took


def compare(
    pairs: Pairs, env: dict[str, str], runs: int, *, before: list[str], cib: str = "", mark: float = MARK
) -> int:
    """Print a line for each pair; the number of those above the mark. `before` brings a command to where it runs."""
    over = 0
    ours = shutil.which("hashell")
    begin = [ours] if ours else [sys.executable, "-m", "hashell"]
    print(f"{'command':<24}{'hashell ms':>12}{'peer ms':>12}{'ratio':>8}{'worst':>8}   peer")
    for words, peer, peer_words in pairs:
        program = shutil.which(peer, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if program is None:
            print(f"{' '.join(words):<24}{'':>40}   {peer} is not installed here")
            continue
        one = [*before, *begin, *words]
        other = [*before, program, *(word.format(cib=cib) for word in peer_words)]
        try:
            run_once(one, env)
            run_once(other, env)
            times = [(run_once(one, env), run_once(other, env)) for _ in range(runs)]
        except Failed as error:
            print(f"{' '.join(words):<24}{'':>40}   {peer} {' '.join(peer_words)}: not compared: {error}")
            continue
        ratios = [left / right for left, right in times]
        above = peer in MARKED and statistics.median(ratios) > mark
        over += above
        print(
            f"{' '.join(words):<24}{statistics.median(left for left, _ in times) * 1000:>12.0f}"
            f"{statistics.median(right for _, right in times) * 1000:>12.0f}"
            f"{statistics.median(ratios):>8.2f}{max(ratios):>8.2f}   {peer} {' '.join(peer_words)}"
            + (f"   above the mark of {mark}" if above else "")
        )
    return over


def live(runs: int, resources: int, mark: float) -> int:
    """On a real Pacemaker of two nodes; pairs above the mark. Raises HashellError where none can be started."""
    from hashell.lab.peer import PeerCluster

    members = "".join(
        f'<primitive id="r{number}" class="ocf" provider="hashell" type="Dummy"/>' for number in range(resources)
    )
    with PeerCluster(("node1", "node2")) as peer:
        peer.start()
        peer.wait_whole()
        peer.run("node1", "crm_attribute", "-t", "crm_config", "-n", "stonith-enabled", "-v", "false")
        peer.run(
            "node1", "cibadmin", "--replace", "--scope", "resources", "--xml-pipe",
            given=f"<resources>{members}</resources>",
        )
        peer.wait_idle("node1")
        env = {**peer.environment("node1"), "LC_ALL": "C.UTF-8", "PYTHONPATH": os.pathsep.join(sys.path)}
        return compare(LIVE_PAIRS, env, runs, before=peer.command("node1"), mark=mark)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cib", type=Path, default=DEFAULT_CIB)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--resources", type=int, default=10)
    parser.add_argument("--mark", type=float, default=MARK, help="what the median ratio to crm and pcs may be")
    options = parser.parse_args()
    if options.live:
        from hashell.errors import HashellError

        try:
            return int(live(options.runs, options.resources, options.mark) > 0)
        except HashellError as error:
            sys.exit(str(error))
    env = {**os.environ, "CIB_file": str(options.cib), "LC_ALL": "C.UTF-8"}
    return int(compare(PAIRS, env, options.runs, before=[], cib=str(options.cib), mark=options.mark) > 0)


if __name__ == "__main__":
    sys.exit(main())
