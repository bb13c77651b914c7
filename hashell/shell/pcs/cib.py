"""The noun cib: `pcs cib element description`, the description of anything that may have one."""

from __future__ import annotations

from hashell.commands.binding import put_attributes
from hashell.errors import NotFound, Refused
from hashell.shell.grammar.words import Command, Danger
from hashell.shell.pcs.call import Call
from hashell.shell.pcs.root import need

_HERE = "hashell.shell.pcs.cib"
COMMANDS = (
    Command("element description", "ANYID [TEXT]", "The description of an object; an empty one takes it away.",
            f"{_HERE}:description", danger=Danger.CHANGES),
)
#: What the schema lets have a description. Source: the schemas of the CIB, version 3.10.
_DESCRIBED = frozenset({
    "acl_group", "acl_permission", "acl_role", "acl_target", "alert", "bundle", "clone", "group", "master", "node",
    "op", "primitive", "recipient", "template",
})


def description(call: Call, words: list[str]) -> int:
    need(words, 1, 2, "cib element description ID [TEXT]")
    env = call.env
    element = env.by_id(words[0])
    if element is None:
        raise NotFound(f"'{words[0]}' does not exist", "see `pcs config`")
    if element.tag not in _DESCRIBED:
        can = ", ".join(sorted(_DESCRIBED))
        raise Refused(f"'{words[0]}' does not support descriptions", f"these do: {can}")
    if len(words) == 1:
        text = element.get("description")
        return call.lines([text] if text else [])
    put_attributes(element, {"description": words[1]})
    return call.finish(env)
