"""Mesh: an engine that needs nothing but the other nodes: views by agreement, one sequencer a view, TLS between all.

In:  links and frames (transport.py), addresses of peers (announce.py and the settings), Multicast and Send.
Out: views, ordered and direct messages; frames, dials.
To change: what a frame holds and how large it may be: codec.py; who may join: trust.py and welcome.py; what people
     are told: complaints.py, told.py; whom to dial and when: discovery.py; when a silent node is gone: suspicion.py and
     pulse.py, the state machine of the heartbeat process (beats.py: its datagrams; pulse_words.py: what daemon and
     process say to one another; heartbeat.py: the process; heartbeat_process.py: the daemon's end); who should be in
     the view: cliques.py; how a view is agreed on: membership.py; for how long slow nodes are waited for: patience.py;
     the order of messages: ordering.py; what members owe one another when a view ends: recovery.py; who belongs to the
     cluster and has which id: roster.py; all of these put together: core.py.
"""
