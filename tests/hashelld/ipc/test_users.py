"""Who may write is decided by the kernel's word alone."""

from __future__ import annotations

import os
import socket

from hashelld.ipc import users


def test_root_and_the_daemons_own_user_may_write():
    assert users.judge(0, 0, 1).may_write
    assert users.judge(os.geteuid(), os.getegid(), 1).may_write


def test_a_stranger_may_not(monkeypatch):
    monkeypatch.setattr(users.os, "geteuid", lambda: 4_000_001)
    stranger = users.judge(4_000_000, 4_000_000, 5)
    assert not stranger.may_write
    assert (stranger.name, stranger.pid) == ("uid 4000000", 5)


def test_the_group_may_write_by_its_number_or_its_list(monkeypatch):
    class Group:
        gr_gid = 4_000_000
        gr_mem = ("anna",)

    monkeypatch.setattr(users.grp, "getgrnam", lambda name: Group)
    monkeypatch.setattr(users.pwd, "getpwuid", lambda uid: type("P", (), {"pw_name": "anna"}))
    monkeypatch.setattr(users.os, "geteuid", lambda: 4_000_001)
    assert users.judge(77, 77, 1).may_write
    monkeypatch.setattr(users.pwd, "getpwuid", lambda uid: type("P", (), {"pw_name": "bob"}))
    assert users.judge(78, 4_000_000, 1).may_write
    assert not users.judge(78, 78, 1).may_write


def test_the_other_end_is_recognised():
    left, right = socket.socketpair(socket.AF_UNIX)
    caller = users.caller_of(left)
    assert (caller.uid, caller.pid) == (os.getuid(), os.getpid())
    left.close()
    right.close()
