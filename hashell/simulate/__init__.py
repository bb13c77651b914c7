"""Simulate: what if: inject events, schedule, run the graph on paper, show the result.

In:  a CIB, a moment, and what is to happen to it.
Out: `run.decide` gives a `Decision` (graph, summary, recheck time) for the daemon and for previews;
     `run.simulate` walks the graph and gives the CIB as it would be; main.py is `hashell simulate`.
To change: an option: main.py; a line that is printed: text.py; what an event writes into the status
    section: inject.py; how many recorded cases agree: corpus.py.
Source: crm_simulate; lib/pacemaker/pcmk_simulate.c, pcmk_injections.c, pcmk_output.c.
"""
