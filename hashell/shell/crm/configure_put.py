"""Objects as they are typed at the configure level: one handler a word of the language."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hashell.errors import NotFound
from hashell.shell.crm.configure_stage import context_of, staging

if TYPE_CHECKING:
    from hashell.shell.session import Session


def _put(keyword: str, session: Session, words: list[str]) -> int:
    """One object as typed."""
    from lxml import etree

    from hashell.commands import configure
    from hashell.shell.crm.configure_parse import parse_words

    if words and words[0].startswith("id="):
        words = [words[0][3:], *words[1:]]
    with staging(session) as env:
        sketch = parse_words([keyword, *words], context_of(env, typed=True))
        comments, session.comments[:] = list(session.comments), []
        for place, comment in enumerate(comments):
            holder = sketch[0] if sketch.tag in ("rsc_defaults", "op_defaults") else sketch
            holder.insert(place, etree.Comment(comment))
        # A primitive from a template takes everything from there.
        configure.create(
            env, sketch, defaults=not (keyword == "primitive" and len(words) > 1 and words[1].startswith("@"))
        )
    return 0


node = partial(_put, "node")
primitive = partial(_put, "primitive")
group = partial(_put, "group")
clone = partial(_put, "clone")
ms = partial(_put, "ms")
bundle = partial(_put, "bundle")
rsc_template = partial(_put, "rsc_template")
location = partial(_put, "location")
colocation = partial(_put, "colocation")
order = partial(_put, "order")
rsc_ticket = partial(_put, "rsc_ticket")
rsc_defaults = partial(_put, "rsc_defaults")
op_defaults = partial(_put, "op_defaults")
fencing_topology = partial(_put, "fencing_topology")
role = partial(_put, "role")
acl_target = partial(_put, "acl_target")
user = partial(_put, "user")
tag = partial(_put, "tag")
alert = partial(_put, "alert")
monitor = partial(_put, "monitor")
xml = partial(_put, "xml")


def property(session: Session, words: list[str]) -> int:
    if words and words[-1] in ("--help", "-h") and len(words) > 1:
        return _explain_option(session, words[0])
    if words:
        return _put("property", session, words)
    from hashell.model.options.cluster import OPTIONS

    session.out("".join(f"{row.name}\n" for row in sorted(OPTIONS, key=lambda row: row.name)))
    return 0


def _explain_option(session: Session, name: str) -> int:
    from hashell.model.options.cluster import BY_NAME

    row = BY_NAME.get(name)
    if row is None:
        raise NotFound(f"no option is called {name}", "see `configure property`")
    session.out(f"{name} ({row.type}, default {row.default or 'none'}): {row.text}\n")
    return 0
