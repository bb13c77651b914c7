"""CIB: the cluster information base as an XML document, its edits, patches, schema and history.

In:  bytes of a CIB, edits, patches from peers.
Out: `Cib` documents that nobody changes in place, patches in Pacemaker's format, problems that name
their place.
To change: what is safe to parse: document.py; what a write does to the version: versions.py; the
patch format: patch.py (apply) and diff.py (make); what is valid: schemas/ and schema.py; who
changed what: history.py.
Source: Pacemaker Explained, "Cluster-wide configuration", "CIB properties".
"""
