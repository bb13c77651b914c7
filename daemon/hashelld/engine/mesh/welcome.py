"""Welcome: whether a node that has the key may be our peer, by what its Hello says. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from hashelld.engine.engine import Me
from hashelld.engine.mesh.codec import PROTOCOL, Hello, Refuse
from hashelld.engine.mesh.peers import Link, Peer


@dataclass(frozen=True, slots=True)
class Refusal:
    """What to answer; `about` (empty: nobody) is whom people should be told of."""

    refuse: Refuse
    about: str = ""


def refusal(me: Me, link: Link, hello: Hello, known: Peer | None) -> Refusal | None:
    """None: let it in. `known` is the peer of that name, if there is one."""
    where = f"{link.address[0]}:{link.address[1] if link.dialed else hello.port}"

    def told(code: str, about: str, text: str) -> Refusal:
        return Refusal(Refuse(code, text), about)

    if hello.protocol != PROTOCOL:
        return told(
            "protocol", "protocol",
            f"{hello.name} at {where} speaks protocol {hello.protocol}, {me.name} {PROTOCOL}: not joined"
            " (install the same version of hashelld on both)",
        )
    if hello.uuid == me.uuid:
        if hello.boot == me.boot and hello.name == me.name:
            return Refusal(Refuse("self", "that is me"))
        return told(
            "uuid", "uuid",
            f"{hello.name} at {where} has the identity of {me.name}: a copied state folder; give it an empty one",
        )
    if hello.cluster != me.cluster:
        return told(
            "cluster-name", "cluster " + where,
            f"{hello.name} at {where} belongs to cluster {hello.cluster!r}, {me.name} to {me.cluster!r}: not joined"
            " (start it with the right --cluster)",
        )
    if hello.name == me.name or (known and known.uuid != hello.uuid):
        return told(
            "node-name", "name " + where,
            f"two nodes are called {hello.name}; the one at {where} is not let in (start it with another --node)",
        )
    return None


def replaces(me: Me, link: Link, hello: Hello, known: Peer, *, in_view: bool) -> Refuse | None:
    """None: this connection takes the place of the one that we have with the same node (`in_view`: a view needs it)."""
    if hello.boot > known.boot:
        return None
    if hello.boot < known.boot:
        return Refuse("old", "a later life of this node is here")
    # Both dialed: both keep the connection that the lower name dialed, unless one is in use already.
    lower_dialed_new = link.dialed == (me.name < hello.name)
    if in_view or known.dialed == link.dialed or not lower_dialed_new:
        return Refuse("connected", "we have a connection already")
    return None
