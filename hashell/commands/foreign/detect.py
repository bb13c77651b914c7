"""Which format a file has, and several files of one cluster read together."""

from __future__ import annotations

from collections.abc import Mapping

from hashell.commands.foreign import cman, corosync_old, heartbeat
from hashell.commands.foreign.imported import BadForeign, Imported

#: Characters of a file that is read.
SIZE_MAX = 4 * 1024 * 1024


def kind_of(name: str, text: str) -> str:
    """corosync, cman, ha.cf, haresources or authkeys, by name where it is the usual one, else by content.

    Raises BadForeign.
    """
    base = name.rpartition("/")[2]
    if base in ("ha.cf", "haresources", "authkeys"):
        return base
    if "<cib" in text:
        raise BadForeign(f"{name} is a CIB, which needs no translation", "use `cib import`, or `configure load xml`")
    if cman.is_cluster_conf(text):
        return "cman"
    if corosync_old.is_old(text):
        return "corosync"
    if heartbeat.is_ha_cf(text):
        return "ha.cf"
    if heartbeat.is_authkeys(text):
        return "authkeys"
    raise BadForeign(
        f"{name} is none of the files that are known",
        "name a corosync.conf, cluster.conf, ha.cf, haresources or authkeys",
    )


def read(files: Mapping[str, str]) -> Imported:
    """Files by name. Those of Heartbeat belong together; of the others there may be one. Raises BadForeign."""
    by_kind: dict[str, str] = {}
    for name, text in files.items():
        if len(text) > SIZE_MAX:
            raise BadForeign(f"{name} has {len(text)} characters", f"at most {SIZE_MAX} are read")
        kind = kind_of(name, text)
        if kind in by_kind:
            raise BadForeign(f"{by_kind[kind]} and {name} are both {kind}", "give one of them")
        by_kind[kind] = name
    ours = {kind: files[name] for kind, name in by_kind.items()}
    single = [kind for kind in ("corosync", "cman") if kind in ours]
    if single and len(ours) > 1:
        raise BadForeign("these files are of different clusters: " + ", ".join(files), "import one kind at a time")
    if single:
        reader = corosync_old.read if single[0] == "corosync" else cman.read
        return reader(ours[single[0]], by_kind[single[0]])
    if "ha.cf" not in ours and "haresources" not in ours:
        raise BadForeign("authkeys alone says nothing of a cluster", "name ha.cf and haresources too")
    return heartbeat.read(ours.get("ha.cf", ""), ours.get("haresources", ""), ours.get("authkeys", ""),
                          by_kind.get("ha.cf", "ha.cf"))
