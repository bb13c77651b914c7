"""Lab: whole clusters on one machine, and what breaks them.

In:  how many nodes, and a story (demos/*.toml). Out: real daemons on loopback or in network namespaces, the story told
step by step, and the outage that a client saw.

    processes.py   which processes belong to a node, and ending them all
    janitor.py     a process that clears up when its lab died without doing so
    cluster.py     N hashelld on loopback: start, kill, freeze, restart
    namespaces.py  nodes with a network of their own (root): bridge, cables, addresses
    peer.py        the original beside us: a real Pacemaker and corosync on such nodes
    corosync.py    N hashelld on such nodes, on a real corosync each (or on the mesh engine, to compare)
    probe.py       a client in a process of its own: who answers, since when, and the gaps
    scenario.py    a story as data: steps, and what must hold after each
    stage.py       a cluster, a service and a probe together; performs the steps of a story
    demo.py        `hashell demo`
    typed.py       `hashell demo --tutorial`: lines of tutorials as typed, in pcs and crm (demos/tutorials/*.toml);
                   stand_ins.py: agents under the real ones' names for machines without root
    keygen.py      `hashell keygen`
    machines.py    N hashelld on machines in namespaces; cable.py: a cable that loses, delays and doubles
    live.py        `hashell chaos --live`: rounds, audit, table
    live_faults.py what is done to whom and what must come of it; live_rig.py: to which cluster (live_peer.py: to a
                   real Pacemaker; live_corosync.py: to ours on a real corosync); live_audit.py: memory, descriptors

To add a live fault: a row in live_faults.py. To add a story: a file in demos/; something that a story can do: a verb
in scenario.py and its method in stage.py.
"""
