"""Rules: is it true now, and when may that change?

In:  rule elements of a CIB (parse.py), a moment and what is known of node, resource and operation (evaluate.py).
Out: met or not, and the next moment at which that can change.
To change: a spelling of dates: iso8601.py; a duration: durations.py; a cron-like specification: date_spec.py; a new
     kind of expression: expressions.py, then parse.py and evaluate.py; each kind stands once in each, in the same
     order.

A rule that cannot be understood is never met; parse.py says why.

Source: Pacemaker Explained, "Rules".
"""
