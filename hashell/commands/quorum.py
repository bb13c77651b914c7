"""Quorum: votes and why there are enough of them or not, laid out as corosync-quorumtool does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashell.wire.messages import Info


def status_lines(info: Info) -> Iterator[str]:
    """What `corosync-quorumtool -s` would say, and a line that says why. Source: corosync-quorumtool(8)."""
    here = next((one for one in info.members if one.name == info.node), None)
    members = sorted((one for one in info.members if one.state == "member"), key=lambda one: one.id)
    yield "Quorum information"
    yield "------------------"
    yield f"Quorum provider:  hashell_{info.engine or 'none'}"
    yield f"Nodes:            {len(members)}"
    yield f"Node ID:          {here.id if here else 0}"
    yield f"Ring ID:          {members[0].id if members else 0}.{info.view:x}"
    yield f"Quorate:          {'Yes' if info.quorate else 'No'}"
    yield ""
    yield "Votequorum information"
    yield "----------------------"
    yield f"Expected votes:   {info.expected_votes}"
    yield f"Highest expected: {info.expected_votes}"
    yield f"Total votes:      {info.votes}"
    blocked = "" if info.quorate else "Activity blocked"
    yield f"Quorum:           {info.quorum}  {blocked}".rstrip()
    yield f"Flags:            {' '.join(info.quorum_flags)}".rstrip()
    yield ""
    yield "Membership information"
    yield "----------------------"
    yield "    Nodeid      Votes Name"
    for one in members:
        marks = (" (local)" if one is here else "") + (" (arbiter)" if one.arbiter else "")
        yield f"{one.id:>10} {one.votes:>10} {one.name}{marks}"
    yield ""
    yield f"Why:              {why(info)}"


def why(info: Info) -> str:
    """One sentence on why there is quorum or none, and who is missing."""
    count = f"{info.votes} of {info.expected_votes} votes are here, {info.quorum} are needed"
    plain = info.quorum_reason.startswith(f"{info.votes} of ")
    reason = f" ({info.quorum_reason})" if info.quorum_reason and not plain else ""
    away = sorted(one.name for one in info.members if one.state != "member")
    new = sorted(one.name for one in info.members if one.state == "member" and not one.votes)
    return (
        count + reason + (f"; away: {', '.join(away)}" if away else "")
        + (f"; without a vote until it has caught up: {', '.join(new)}" if new else "")
    )
