"""CIB manager: one CIB on all nodes, in one order; what was acknowledged with a majority is never lost.

In:  ChangeWanted (of this node's components and clients), the ordered messages of its peers, views, and what the disk
     says is durable.
Out: ChangeAnswered once a change is committed, CibChanged for every new version, effects to store and journal.
To change: what nodes say to one another: messages.py; whose CIB wins when partitions meet: join.py (pure); what is held
     and what was applied: ledger.py; who of the view holds it: agreement.py; what this node's journal has of it, and in
     which form: durability.py, records.py; what this node asked for, and how it goes out: asked.py, outbox.py; what no
     majority ordered, and its way to the archive: branch.py; whole copies in pieces: copies.py; how often a large CIB
     has a new version: pace.py; comparing members: digests.py; the state machine that puts these together: core.py.

How a change goes: the asking node multicasts it; every member appends it to its ledger ("holds" it, a configuration
change once its journal is synced) and tells the first of the view; when a majority holds it (in a view that is no
majority: when all members do) the first multicasts the commit; every member applies it there, and the asking node
answers. So nobody has seen or been told of a change that a majority could forget.
At every view all members say what they hold, the one that knows most (by lineage, never by version alone) is the
authority, the others take its copy, and an empty entry of the new view commits what was held before it.
"""
