"""CIB: the cluster information base as an XML document, its edits, patches and history.

In:  bytes of a CIB, operations (modify, create, delete, replace, patch), patches from peers, files.
Out: `Cib` documents that nobody changes in place, patches in Pacemaker's format, findings that name their place.
To change: what is safe to parse: document.py; what a path or section finds: query.py; what an operation does:
edit.py; several as one version: transaction.py, many such on one copy: draft.py, and whose tree
serves as the copy: spare.py (the version rule: versions.py); the
patch format: patch.py (apply), diff.py (make); digests: digest.py; free ids and who refers to one: ids.py; who may
see and write what: acl.py; files on disk: files.py; who changed what, and back: history.py.
Source: Pacemaker Explained, "Cluster-wide configuration", "CIB properties".
"""
