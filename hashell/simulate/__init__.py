"""Simulate: what if: inject events, schedule, run the graph on paper, show the result.

In:  a CIB, a moment, and what is to happen to it.
Out: `run.decide` gives a `Decision` (graph, summary, recheck time) for the daemon and for previews;
     `run.walk` does on paper what was decided and gives the CIB as it would be; `losses.rehearse` loses nodes,
     `suppose.suppose` nodes and resources that a person marks;
     `explain.explain` says why a resource is where it is, `remedy.remedy` what would bring it elsewhere,
     `contradictions.find` which constraints clash.
     main.py is `hashell simulate`, explain.py `hashell explain`, rehearse.py `hashell rehearse`.
To change: an option: main.py; a line that is printed: text.py; an element of XML or JSON: report.py; what an event
    writes into the status section: inject.py; a sentence of an explanation: scheduler/reasons.py and why.py.
To check: `python -m hashell.simulate.corpus FOLDER` (how many recorded cases agree),
    `python -m hashell.simulate.damage FOLDER` (spoilt inputs in bulk).
Source: crm_simulate; lib/pacemaker/pcmk_simulate.c, pcmk_injections.c, pcmk_output.c.
"""
