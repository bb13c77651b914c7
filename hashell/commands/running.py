"""What runs now, as far as the status section tells it without a scheduler's judgement."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lxml import etree

from hashell.cib.document import Cib

_UP = frozenset({"start", "promote", "demote", "monitor", "migrate_from", "reload", "reload-agent"})


def active_on(cib: Cib, resource: str) -> tuple[str, ...]:
    """Names of the nodes whose last operation leaves the primitive (or an instance of it) active."""
    status = cib.status
    if status is None:
        return ()
    nodes: list[str] = []
    for state in status.iterfind("node_state"):
        for history in state.iterfind("lrm/lrm_resources/lrm_resource"):
            name = history.get("id", "")
            if name.partition(":")[0] == resource and is_active(history.findall("lrm_rsc_op")):
                nodes.append(state.get("uname", ""))
                break
    return tuple(nodes)


def is_active(operations: Iterable[etree._Element]) -> bool:
    """By the newest completed operation: a stop that worked, or a probe that found nothing, means it is not there."""
    best, active = -1, False
    for one in operations:
        call = one.get("call-id", "-1")
        number = int(call) if call.lstrip("-").isdigit() else -1
        if number < best:
            continue
        code = one.get("rc-code", "")
        task = one.get("operation", "")
        if one.get("op-status") == "-1":
            continue
        best = number
        if task in ("stop", "migrate_to"):
            active = code != "0"
        elif task in _UP:
            active = code not in ("7", "5", "6")
    return active


def is_failure(operation: etree._Element) -> bool:
    """Whether a recorded operation is a failure that was not cleaned up.

    A probe that finds a resource running is recorded beside the failures too, but is none.
    """
    return operation.get("id", "").endswith("_last_failure_0") and not (
        operation.get("rc-code") in ("0", "8") and operation.get("op-status", "0") == "0"
    )


def running_resources(cib: Cib) -> tuple[str, ...]:
    """Primitives that are active somewhere, and the containers that hold them."""
    status = cib.status
    if status is None or status.find("node_state/lrm/lrm_resources/lrm_resource") is None:
        return ()
    found: list[str] = []
    for primitive in cib.root.iterfind("configuration/resources//primitive"):
        name = primitive.get("id", "")
        if active_on(cib, name):
            found.append(name)
            found.extend(
                parent.get("id", "")
                for parent in primitive.iterancestors()
                if parent.tag in ("group", "clone", "master", "bundle")
            )
    return tuple(dict.fromkeys(found))


def state_folders(sockets: Iterable[str]) -> tuple[Path, ...]:
    """The state folders of the daemons of this machine that serve these sockets, where their command lines name any."""
    runs = {str(Path(one).parent) for one in sockets if one}
    found: dict[Path, None] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # It has ended, or is somebody else's.
        if "hashelld" in " ".join(words[:4]) and _after(words, "--run-dir") in runs and _after(words, "--state-dir"):
            found[Path(_after(words, "--state-dir"))] = None
    return tuple(sorted(found))


def _after(words: list[str], option: str) -> str:
    place = words.index(option) + 1 if option in words else len(words)
    return words[place] if place < len(words) else ""
