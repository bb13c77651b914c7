"""Monitor: the status of a cluster on a screen, or once as text, XML, HTML or JSON.

In:  words of a command line (options.py), a cluster through `client`.
Out: one_shot.py prints once and ends; it is the program behind `hashell monitor` and opens the
full-screen app (app.py) when
     nothing asks for a single output. It must start fast: no Textual, no asyncio.
To change: an option: options.py; how a line of the output reads: the room `status`.
"""
