"""Options: tables of everything that can be set, one row an option: name, type, default, text.

In:  nothing; the tables are data.
Out: `cluster.OPTIONS`, `resource.META`, `operation.ATTRIBUTES`, `fencing.PARAMETERS`, each a tuple
of `Row`; completion, help, checks
     and the reading of cluster options all go by them.
To change: the default of an option: its row; what a type allows: row.py.

Source: Pacemaker Explained; lib/common/options.c.
"""
