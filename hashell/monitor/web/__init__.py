"""The monitor in a browser: a server for one person's machine, and what each visitor gets from it.

In:  the words after `hashell serve`. Out: an address with a token, and one read-only monitor for each visitor.
The optional part `web` (textual-serve) brings the terminal for the browser and the link to a Textual program; who may
come in, and from which pages, is decided here (door.py), before anything else is done with a request.
To change: an option: serve.py; who may come in: door.py; how a visitor's program is run: visitor.py; the page:
           page.html.
"""
