"""Users: who is at the other end of the socket, and may they change anything.

The kernel says who it is (SO_PEERCRED); nothing that a client claims counts. Root, the daemon's own user and the
members of the group `haclient` (Pacemaker's) may write; whoever else can open the socket may read.
"""

from __future__ import annotations

import grp
import os
import pwd
import socket
import struct
from dataclasses import dataclass

#: The group whose members administer the cluster, where it exists.
GROUP = "haclient"
_CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `name` is the user's name, or `uid 1234` where the system has none.

    To the privileged no access control list applies; `groups` are names, for the lists that speak of groups.
    """

    name: str
    uid: int
    pid: int
    may_write: bool
    privileged: bool = False
    groups: tuple[str, ...] = ()


def caller_of(connection: socket.socket) -> Caller:
    """The process at the other end of a connected Unix socket, as the kernel recorded it at connect.

    May block: where users come from the network, their names are asked for there.
    """
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(data)
    return judge(uid, gid, pid)


def judge(uid: int, gid: int, pid: int) -> Caller:
    """Name and rights of a user. A user without a name has no groups beyond the one it came with."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = ""
    privileged = uid in (0, os.geteuid()) or name == "hacluster"
    may_write = privileged or _in_group(name, gid)
    return Caller(name or f"uid {uid}", uid, pid, may_write, privileged, _groups(name, gid))


def _in_group(name: str, gid: int) -> bool:
    try:
        group = grp.getgrnam(GROUP)
    except KeyError:
        return False
    return gid == group.gr_gid or bool(name and name in group.gr_mem)


def _groups(name: str, gid: int) -> tuple[str, ...]:
    """Names of the groups that a user is in, as far as the system knows names."""
    found = []
    for number in os.getgrouplist(name, gid) if name else [gid]:
        try:
            found.append(grp.getgrgid(number).gr_name)
        except KeyError:
            continue
    return tuple(found)


def group_id() -> int | None:
    """The number of the group that the socket is given to, or None where it does not exist."""
    try:
        return grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return None
