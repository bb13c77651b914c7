"""Bundles: `pcs resource bundle create|update|reset`."""

from __future__ import annotations

from hashell.errors import BadUsage
from hashell.shell.pcs.call import Call, first, pairs, sections

_BUNDLE = ("container", "network", "port-map", "storage-map", "meta")


def _container(words: list[str]) -> tuple[str, dict[str, str]]:
    """The type of the container, if a word without an equals sign begins, and its options."""
    kind = words[0] if words and "=" not in words[0] else ""
    return kind, pairs(words[1:] if kind else words)


def create(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs resource bundle create BUNDLE container TYPE [name=value]…", "see pcs resource help")
    from hashell.commands import members

    groups = sections(words[1:], _BUNDLE, repeat=("port-map", "storage-map"))
    kind, container = _container(first(groups, "container"))
    meta = pairs(first(groups, "meta"))
    if call.has("--disabled"):
        meta["target-role"] = "Stopped"
    env = call.env
    members.bundle_create(
        env,
        words[0],
        kind,
        container,
        pairs(first(groups, "network")),
        [pairs(one) for one in groups.get("port-map", [])],
        [pairs(one) for one in groups.get("storage-map", [])],
        meta,
    )
    return call.finish(env)


def update(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs resource bundle update BUNDLE …", "see pcs resource help")
    from hashell.commands import members

    groups = sections(words[1:], _BUNDLE, repeat=("port-map", "storage-map"))
    added: dict[str, list[dict[str, str]]] = {"port-map": [], "storage-map": []}
    dropped: dict[str, list[str]] = {"port-map": [], "storage-map": []}
    for kind in ("port-map", "storage-map"):
        for rest in groups.get(kind, []):
            if rest[:1] == ["add"]:
                added[kind].append(pairs(rest[1:]))
            elif rest[:1] in (["remove"], ["delete"]) and len(rest) > 1:
                dropped[kind] += rest[1:]
            else:
                raise BadUsage(
                    f"When using '{kind}' you must specify either 'add' and options or either of 'delete' or 'remove' and id(s)",  # noqa: E501
                    "see pcs resource help",
                )
    env = call.env
    members.bundle_update(
        env,
        words[0],
        pairs(first(groups, "container")),
        pairs(first(groups, "network")),
        added["port-map"],
        dropped["port-map"],
        added["storage-map"],
        dropped["storage-map"],
        pairs(first(groups, "meta")),
    )
    return call.finish(env)


def reset(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs resource bundle reset BUNDLE …", "see pcs resource help")
    from hashell.commands import members

    groups = sections(words[1:], _BUNDLE, repeat=("port-map", "storage-map"))
    meta = pairs(first(groups, "meta"))
    if call.has("--disabled"):
        meta["target-role"] = "Stopped"
    env = call.env
    members.bundle_reset(
        env,
        words[0],
        pairs(first(groups, "container")),
        pairs(first(groups, "network")),
        [pairs(one) for one in groups.get("port-map", [])],
        [pairs(one) for one in groups.get("storage-map", [])],
        meta,
    )
    return call.finish(env)
