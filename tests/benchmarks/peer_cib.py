"""Writes into, and watches, the CIB of a real Pacemaker over one kept connection; runs on one of its nodes.

    python peer_cib.py write COUNT WINDOW    one line a write: when it was asked and answered, ms of the machine's clock
    python peer_cib.py watch SECONDS         one line a change that the node told of: when

By Pacemaker's own library (libcib 2.1), so that nothing but its daemons is measured. With a WINDOW above 1 all writes
of a window but the last go without waiting for an answer, and the last one's answer stands for all.
"""

from __future__ import annotations

import ctypes
import sys
import time

#: Source: crm/cib/cib_types.h of Pacemaker 2.1.
_COMMAND, _QUERY = 0, 1
_CAN_CREATE, _DISCARD_REPLY, _SYNC_CALL = 0x8, 0x10, 0x1000


def connect(kind: int) -> tuple[ctypes.CDLL, ctypes.CDLL, ctypes.c_void_p]:
    common = ctypes.CDLL("libcrmcommon.so.34", mode=ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL("libcib.so.27")
    library.cib_new.restype = ctypes.c_void_p
    common.string2xml.restype = ctypes.c_void_p
    common.string2xml.argtypes = [ctypes.c_char_p]
    common.free_xml.argtypes = [ctypes.c_void_p]
    library.cib_native_signon.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    library.cib_internal_op.argtypes = [
        ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p,
        ctypes.c_int, ctypes.c_char_p,
    ]
    cib = ctypes.c_void_p(library.cib_new())
    code = library.cib_native_signon(cib, b"benchmark", kind)
    if code:
        sys.exit(f"the CIB manager does not answer: {code}")
    return common, library, cib


def write(count: int, window: int) -> None:
    common, library, cib = connect(_COMMAND)
    times = []
    for number in range(count):
        value = f'<cluster_property_set id="bench"><nvpair id="bench-{number % 16}" name="bench-{number % 16}"' \
                f' value="{window}.{number}"/></cluster_property_set>'
        data = ctypes.c_void_p(common.string2xml(value.encode()))
        waits = number % window == window - 1 or number == count - 1
        begin = time.monotonic()
        code = library.cib_internal_op(
            cib, b"cib_modify", None, b"crm_config", data, None,
            _CAN_CREATE | (_SYNC_CALL if waits else _DISCARD_REPLY), b"root",
        )
        times.append((begin, time.monotonic()))
        common.free_xml(data)
        if code < 0:
            sys.exit(f"write {number} failed: {code}")
    for begin, end in times:
        print(f"{begin * 1000:.3f} {end * 1000:.3f}")


def watch(seconds: float) -> None:
    _, library, cib = connect(_QUERY)
    glib = ctypes.CDLL("libglib-2.0.so.0")
    seen: list[float] = []
    kind = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p)
    told = kind(lambda event, message: seen.append(time.monotonic()))
    library.cib_client_add_notify_callback.argtypes = [ctypes.c_void_p, ctypes.c_char_p, kind]
    code = library.cib_client_add_notify_callback(cib, b"cib_diff_notify", told)
    if code:
        sys.exit(f"no notifications: {code}")
    print("ready", flush=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not glib.g_main_context_iteration(None, 0):
            time.sleep(0.0005)
    for at in seen:
        print(f"{at * 1000:.3f}")


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(int(sys.argv[2]), int(sys.argv[3]))
    else:
        watch(float(sys.argv[2]))
