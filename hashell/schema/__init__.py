"""Schema: what a configuration may hold in each version of Pacemaker's schemas, and what is said of one that does not.

In:  a CIB (check.validate), or a tree and the elements of it that a change touched (changes.refuse).
Out: findings, each with element, id, attribute, line, what is wrong and the way out; or a refusal.
To change:  what an element may have, or since which version: table.py;  how such a rule is written: patterns.py;
            what is said of a mistake: check.py;  references and ids: references.py.
Source: Pacemaker Explained; since when something is known, from the schemas that Pacemaker publishes. The grammar is
our own: tests hold it against Pacemaker's where it is installed.
"""
