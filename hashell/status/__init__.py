"""Status: what people see of a cluster's state, gathered once and rendered four ways.

In:  a `ClusterState` (what is configured and what runs), membership if a live cluster gave it, and
`StatusOptions`: sections,
     details, filters, whose words.
Out: `ClusterStatus`, frozen data without a word of layout (cluster_status.py; build.py fills it),
and from it text.py (as crm_mon
     prints), xml.py (--output-as=xml), html.py, json.py; `simulate.render_simulate_status` gives
     the status sections of crm_simulate.
To change: what a line says: outline.py (text and HTML share it), words.py for the words of one
resource, node or failure;
     where it stands and how it is indented: text.py, html.py; an attribute of the XML: xml.py; what
     is counted or collected: build.py
     and its parts (resources.py, nodes.py, history.py, bans.py); which sections exist: options.py.
Whose words: those of Pacemaker 2.1 or of 3.0, after the release that wrote the CIB (options.Release; older.py reads a
     CIB as 2.1 does).
`python -m hashell.monitor.corpus FOLDER` compares with an installed crm_mon over CIBs.
Source: lib/pengine/pe_output.c, native.c, group.c, clone.c, bundle.c; lib/pacemaker/pcmk_output.c
of Pacemaker.
"""
