"""Grammar: one declaration of a command, and its readers.

words.py declares; pattern.py reads the usage of a command as a small automaton; match.py finds the command that a line
means; complete.py, highlight.py and help.py read the same declarations; sources.py knows where values come from.
"""
