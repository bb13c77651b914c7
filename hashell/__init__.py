"""hashell: a Pacemaker-compatible high-availability cluster, its shell and its monitor.

The rooms, by floor; a room imports only from lower floors (tests/test_layout.py holds them to it):

    8  shell, monitor, report, lab      what a person touches; none imports another
    7  commands                         every use case, in no grammar and on no screen
    6  simulate, client                 what if; and one way to reach any kind of cluster
    5  scheduler, status, agents, wire  decide; tell; act; talk
    4  transition                       the graph that the scheduler hands to the controller
    3  state                            what runs now, read from the status section
    2  model, schema                    what is configured, as frozen typed objects; what may be
    1  rules, cib                       is it true now; the CIB as a document, its edits and patches
    0  values                           scores, intervals, roles, outcomes, keys

The path of a change:

    ask → reach → agree → notice → decide → act → record, and again from agree

A person's words become a checked edit of a working copy of the CIB (`shell`, `monitor` → `commands`), the edit
becomes a patch (`cib.diff`), the patch goes through a socket (`client`, `wire`) to the node daemon (`hashelld`, in
daemon/), which puts it in one order on all nodes. The DC's controller reads the new CIB (`model`, `state`), asks the
`scheduler` for a `Graph`, and its transition runner has each node's executor or fencer do the actions (`agents`).
Each result is a patch of the status section: back to *agree*. Every change is pushed to shell and monitor (`status`).
`simulate` walks the same path on paper.
"""

from __future__ import annotations

__version__ = "0.1.0"
