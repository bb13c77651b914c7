"""The pcs language: a noun a file, each a table of commands, over the same functions of hashell.commands as the
crm language.

In:  words and a `Session`. Out: calls of hashell.commands; texts as pcs prints them.
To change: the table of the noun's file; the ids that are made: hashell.commands.creation and .constraints.
"""
