"""Outages: what a client feels of each fault, of ours and of a real Pacemaker with corosync on the same machine.

`python tests/benchmarks/outages.py [ROUNDS] [PEER_ROUNDS]` (20 and 20 when not given; root for machines and peer) does
the faults that have marks, on loopback first where a plain user can do them, then all on machines in namespaces beside
the peer, in turn. It prints both tables: middle and worst outage, the mark, and how many times longer the peer took.
Exit code 1 when a round was not as it should be. Whether the marks are held is for the reader: `!` says no.
"""

from __future__ import annotations

import sys
import time

from hashell.errors import HashellError
from hashell.lab import live
from hashell.lab.live_faults import BY_NAME, MARKED
from hashell.lab.namespaces import check_possible
from hashell.lab.peer import check_installed


def main(rounds: int, peer_rounds: int) -> int:
    began_s = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began_s:8.1f}  {text}", flush=True)

    faults = [BY_NAME[name] for name in MARKED]
    loopback, overall = live.run([fault for fault in faults if not fault.machines], rounds, say=say)
    tables = [("on loopback, the demo's service", loopback)]
    try:
        check_possible()
    except HashellError as error:
        print(f"no machines: {error}")
    else:
        try:
            check_installed()
        except HashellError as error:
            print(f"no peer: {error}")
            peer_rounds = 0
        machines, more = live.run(faults, rounds, machines=True, peer_rounds=peer_rounds, say=say)
        overall += more
        tables.append(("on machines in namespaces, IPaddr2 and a web server; the peer's fencing is off", machines))
    bad = 0
    for title, done in tables:
        print(f"\n{title}\n{live.show(live.table(done))}")
        bad += sum(1 for one in done if one.problems and one.product == "hashell")
    for text in overall:
        print(f"problem: {text}")
    print(f"{bad} rounds of ours not as they should be")
    return 1 if bad or overall else 0


if __name__ == "__main__":
    sys.exit(main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 20, int(sys.argv[2]) if len(sys.argv) > 2 else 20
    ))
