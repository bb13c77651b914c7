"""Engine: who is here, who has quorum, one order of messages for all. One interface, several engines.

In:  Multicast and Send of the components, a wish to leave.
Out: Blocked, MembersChanged, MessageOrdered, MessageDirect; what people should know as Happened.
To change: what an engine promises: engine.py; votes and quorum: quorum.py; how people hear of a view: news.py; the
     engine of its own, which needs nothing installed: mesh/; the one on a real corosync: corosync/; one node alone, for
     tests of what stands on an engine: loopback.py.
"""
