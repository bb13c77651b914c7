"""Storage: what of a node outlives its end. A driver: the one room that reads and writes the state folder.

In:  effects Store, StoreValue, JournalAppend, Archive (edge.py performs them in one thread, in order).
Out: `Restored` at the start (restore.py): identity, CIB with its lineage, journal, named values, and findings: what was
     damaged, what was used instead. `Stored` when something is durable.
To change: how a file is written whole or not at all: files.py; how many earlier CIBs are kept: generations.py; what a
     journal record looks like: journal.py; how a named value is checked: values.py; which version of all this is read:
     format.py; scheduler inputs: inputs.py; name and uuid of the node: identity.py.
"""
