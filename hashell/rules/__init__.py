"""Rules: is it true now, and when may that change?

In:  rule elements of a CIB (parse.py), a moment and what is known of node, resource and operation
     (evaluate.py).
Out: met, not met or not known, and the next moment at which the answer can differ.
To change: a date format: iso8601.py; a duration: durations.py; a cron-like specification:
date_spec.py; a new kind of
    expression: expressions.py, then parse.py and evaluate.py; each kind stands once in each, in the
    same order.

A rule that cannot be understood is never met, and is reported as a problem by the one who reads it.

Source: Pacemaker Explained, "Rules".
"""
