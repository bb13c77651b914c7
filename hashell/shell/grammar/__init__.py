"""Grammar: one declaration of a command, and its readers.

In:  tables of `Command` (words.py), what is typed, and what is known of the cluster.
Out: the command that a line means (match.py), whether its words fit (pattern.py), help (help.py); and while a line is
     typed: what each word is (line.py), what may follow (complete.py), colours and errors (highlight.py).
To change: the notation of a usage: pattern.py; where the values of a usage come from, and what is said of them:
     sources.py (names of the CIB: snapshot.py); how a line is cut into words: lexer.py.
"""
