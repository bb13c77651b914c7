"""Library: corosync's own C libraries through ctypes, loaded when they are there; no compiler, no headers.

Thin: structures, signatures, error words. Nothing here decides anything. Source: cpg_overview(3), quorum_overview(3),
votequorum_overview(3), cmap_overview(3) and the headers of corosync 3.1.
"""

from __future__ import annotations

import ctypes
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    byref,
    c_char,
    c_char_p,
    c_int,
    c_size_t,
    c_uint,
    c_uint32,
    c_uint64,
    c_void_p,
)

from hashell.errors import NotReachable

OK, LIBRARY, TRY_AGAIN, INVALID, ACCESS, NOT_EXIST = 1, 2, 6, 7, 11, 12
DISPATCH_ONE = 4
TRACK_CURRENT, TRACK_CHANGES = 1, 2
AGREED = 2
REASON_LEAVE, REASON_NODEDOWN = 2, 3
VALUE_UINT32, VALUE_STRING = 4, 11

#: Words for what a call returns. Source: corotypes.h.
WORDS = {
    2: "the connection failed", 5: "timed out", 6: "try again", 7: "invalid argument", 8: "out of memory",
    9: "bad handle", 11: "permission denied", 12: "does not exist", 14: "exists already", 18: "no resources",
    22: "bad message", 100: "not allowed",
}
#: As corosync-quorumtool names them. Source: votequorum.h.
FLAGS = ((1, "2Node"), (2, "Quorate"), (4, "WaitForAll"), (8, "LastManStanding"), (16, "AutoTieBreaker"),
         (32, "AllowDownscale"), (64, "Qdevice"))


class NoCorosync(NotReachable):
    """A library is missing, or a call failed in a way that a retry does not mend."""

    id = "no-corosync"

    def __init__(self, message: str, hint: str = "", code: int = 0) -> None:
        super().__init__(message, hint)
        self.code = code


class CpgName(Structure):
    _fields_ = [("length", c_uint32), ("value", c_char * 128)]


class CpgAddress(Structure):
    _fields_ = [("nodeid", c_uint32), ("pid", c_uint32), ("reason", c_uint32)]


class Iovec(Structure):
    _fields_ = [("base", c_char_p), ("length", c_size_t)]


class VotequorumInfo(Structure):
    _fields_ = [
        ("node_id", c_uint), ("node_state", c_uint), ("node_votes", c_uint), ("node_expected_votes", c_uint),
        ("highest_expected", c_uint), ("total_votes", c_uint), ("quorum", c_uint), ("flags", c_uint),
        ("qdevice_votes", c_uint), ("qdevice_name", c_char * 255), ("pad", c_char * 64),
    ]


DeliverFn = CFUNCTYPE(None, c_uint64, POINTER(CpgName), c_uint32, c_uint32, c_void_p, c_size_t)
ConfchgFn = CFUNCTYPE(
    None, c_uint64, POINTER(CpgName), POINTER(CpgAddress), c_size_t, POINTER(CpgAddress), c_size_t,
    POINTER(CpgAddress), c_size_t,
)
#: Of quorum model 0, which gives all that is needed and no structure by value.
QuorumFn = CFUNCTYPE(None, c_uint64, c_uint32, c_uint64, c_uint32, POINTER(c_uint32))


class CpgCallbacks(Structure):
    _fields_ = [("deliver", DeliverFn), ("confchg", ConfchgFn)]


class QuorumCallbacks(Structure):
    _fields_ = [("model", c_int), ("notify", QuorumFn)]


class VotequorumCallbacks(Structure):
    _fields_ = [("quorum", c_void_p), ("nodelist", c_void_p), ("expected", c_void_p)]


def check(code: int, doing: str) -> None:
    """Raises NoCorosync for what is not OK."""
    if code != OK:
        hint = {ACCESS: "run hashelld as root, or allow its user in /etc/corosync/uidgid.d"}.get(
            code, "see `systemctl status corosync`"
        )
        raise NoCorosync(f"corosync, {doing}: {WORDS.get(code, f'error {code}')}", hint, code)


class Libraries:
    """The four libraries. Raises NoCorosync that names the one that is missing."""

    def __init__(self) -> None:
        self.cpg = _load("libcpg.so.4")
        self.quorum = _load("libquorum.so.5")
        self.votequorum = _load("libvotequorum.so.8")
        self.cmap = _load("libcmap.so.4")
        for library, name, arguments in (
            (self.cpg, "cpg_initialize", [POINTER(c_uint64), POINTER(CpgCallbacks)]),
            (self.cpg, "cpg_finalize", [c_uint64]),
            (self.cpg, "cpg_fd_get", [c_uint64, POINTER(c_int)]),
            (self.cpg, "cpg_local_get", [c_uint64, POINTER(c_uint)]),
            (self.cpg, "cpg_max_atomic_msgsize_get", [c_uint64, POINTER(c_uint32)]),
            (self.cpg, "cpg_join", [c_uint64, POINTER(CpgName)]),
            (self.cpg, "cpg_leave", [c_uint64, POINTER(CpgName)]),
            (self.cpg, "cpg_dispatch", [c_uint64, c_int]),
            (self.cpg, "cpg_mcast_joined", [c_uint64, c_int, POINTER(Iovec), c_uint]),
            (self.quorum, "quorum_model_initialize",
             [POINTER(c_uint64), c_int, POINTER(QuorumCallbacks), POINTER(c_uint32), c_void_p]),
            (self.quorum, "quorum_finalize", [c_uint64]),
            (self.quorum, "quorum_fd_get", [c_uint64, POINTER(c_int)]),
            (self.quorum, "quorum_trackstart", [c_uint64, c_uint]),
            (self.quorum, "quorum_dispatch", [c_uint64, c_int]),
            (self.votequorum, "votequorum_initialize", [POINTER(c_uint64), POINTER(VotequorumCallbacks)]),
            (self.votequorum, "votequorum_finalize", [c_uint64]),
            (self.votequorum, "votequorum_getinfo", [c_uint64, c_uint, POINTER(VotequorumInfo)]),
            (self.cmap, "cmap_initialize", [POINTER(c_uint64)]),
            (self.cmap, "cmap_finalize", [c_uint64]),
            (self.cmap, "cmap_get", [c_uint64, c_char_p, c_void_p, POINTER(c_size_t), POINTER(c_int)]),
        ):
            function = getattr(library, name)
            function.argtypes, function.restype = arguments, c_int


def _load(name: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(name)
    except OSError:
        raise NoCorosync(
            f"{name} is not installed", "install corosync 3 (Debian: corosync), or use --engine mesh"
        ) from None


class Cmap:
    """corosync's own table of values, read by direct calls."""

    def __init__(self, libraries: Libraries) -> None:
        self._cmap = libraries.cmap
        self._handle = c_uint64()
        check(self._cmap.cmap_initialize(byref(self._handle)), "opening cmap")

    def get(self, key: str) -> str | int | None:
        """A text or 32-bit number; None when there is no such key."""
        buffer = ctypes.create_string_buffer(4096)
        length, kind = c_size_t(len(buffer)), c_int()
        code = self._cmap.cmap_get(self._handle, key.encode(), buffer, byref(length), byref(kind))
        if code == NOT_EXIST:
            return None
        check(code, f"reading {key}")
        if kind.value == VALUE_STRING:
            return buffer.value.decode("utf-8", "replace")
        return int.from_bytes(buffer.raw[: length.value], "little", signed=kind.value % 2 == 1)

    def close(self) -> None:
        self._cmap.cmap_finalize(self._handle)
