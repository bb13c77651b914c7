"""Wire: what client and daemon say to one another over the Unix socket.

In and out: frames (codec.py: u32 length, then one msgpack message) of the typed messages in messages.py.
A connection begins with Hello and Welcome; then requests with numbers, answered in any order by the same number; then
notices, for those who subscribed. To add a request: a struct here, its handler in hashelld, its method in client.
"""
