"""ipc: the Unix socket at which people and programs reach this node.

In:  frames of `hashell.wire` from clients (server.py), and what the other components let be heard.
Out: requests as events (`ChangeWanted`, `AttributeWanted`, `ClientAsked` …), replies and notices.

    server.py         connections, frames, queues; the only file here with sockets
    users.py          who is asking, and may they change anything
    subscriptions.py  who wants to hear of which notices
    core.py           the component `ipc`: answers what it knows itself, passes on the rest

A request is known by its *ticket*, a number that no two requests of this daemon share: `Reply.client` and
`ClientAsked.client` are tickets. The server alone knows which connection a ticket belongs to.
"""
