"""Clones and promotable clones: `pcs resource clone|promotable|master|unclone`."""

from __future__ import annotations

from hashell.errors import BadUsage
from hashell.shell.pcs.call import Call, pairs
from hashell.shell.pcs.root import need


def _clone_words(words: list[str]) -> tuple[str, dict[str, str]]:
    """The clone's id, if one is given, and its meta-attributes, with or without the word meta."""
    rest = list(words)
    clone_id = rest.pop(0) if rest and "=" not in rest[0] and rest[0] != "meta" else ""
    return clone_id, pairs(word for word in rest if word != "meta")


def clone(call: Call, words: list[str]) -> int:
    return _clone(call, words, promotable=False)


def promotable(call: Call, words: list[str]) -> int:
    return _clone(call, words, promotable=True)


def _clone(call: Call, words: list[str], *, promotable: bool) -> int:
    if not words:
        raise BadUsage("must specify resource to clone", "name a resource")
    from hashell.commands import members

    clone_id, meta = _clone_words(words[1:])
    if promotable and "promotable" in meta:
        raise BadUsage("you cannot specify both promotable option and promotable keyword", "leave one out")
    env = call.env
    members.clone(env, words[0], clone_id, meta, promotable=promotable or meta.get("promotable") == "true")
    return call.finish(env)


def master(call: Call, words: list[str]) -> int:
    """0.9: `master [ID] RESOURCE [options]`."""
    from hashell.commands import creation, members

    plain = [word for word in words if "=" not in word and word != "meta"]
    if not plain:
        raise BadUsage("must specify resource to clone", "name a resource")
    env = call.env
    old = creation.is_old(env)
    identity, name = (plain[0], plain[1]) if len(plain) > 1 else ("", plain[0])
    meta = pairs(word for word in words if "=" in word)
    members.clone(env, name, identity, meta, promotable=not old, master=old)
    return call.finish(env)


def unclone(call: Call, words: list[str]) -> int:
    need(words, 1, 1, "resource unclone RESOURCE")
    from hashell.commands import members

    env = call.env
    members.unclone(env, words[0])
    return call.finish(env)
