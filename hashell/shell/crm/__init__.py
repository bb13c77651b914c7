"""The crm language: a level a file, each a table of commands; configure_parse.py and configure_print.py are text ↔ CIB.

In:  words and a `Session`. Out: calls of hashell.commands.
To change: the table `LEVEL` of the level's file; what the configure level does: configure_put.py (objects as typed),
           configure_look.py, configure_change.py, configure_stage.py; a keyword of the configuration: both
           configure_parse.py (constraints: configure_constraints.py) and configure_print.py; what all objects
           share when they are read: configure_cursor.py.
"""
