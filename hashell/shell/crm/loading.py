"""A configuration as text or XML, from a file, standard input or the editor, into the working copy."""

from __future__ import annotations

import sys
from pathlib import Path

from lxml import etree

from hashell.commands import binding, configure
from hashell.commands.env import Element, Env
from hashell.errors import BadInput, BadUsage, HashellError, NotFound
from hashell.shell.crm.configure_cursor import ParseContext
from hashell.shell.crm.configure_parse import parse_words
from hashell.shell.grammar.lexer import logical_lines, split_words

#: Bytes of a text that is read; more is an accident.
SIZE_MAX = 16 * 1024 * 1024
_RANK = (
    "node",
    "template",
    "primitive",
    "bundle",
    "group",
    "master",
    "clone",
    "op",
    "tag",
    "rsc_location",
    "rsc_colocation",
    "rsc_order",
    "rsc_ticket",
    "fencing-topology",
    "cluster_property_set",
    "rsc_defaults",
    "op_defaults",
    "acl_role",
    "acl_target",
    "acl_group",
    "acl_user",
    "alert",
)


def read_source(path: str) -> str:
    """A file, `-` for standard input. Raises NotFound, BadInput."""
    if path == "-":
        return sys.stdin.read(SIZE_MAX)
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise NotFound(f"{path} does not exist", "name a file, or - for standard input") from None
    except OSError as error:
        raise BadInput(f"{path or repr(path)} cannot be read: {error.strerror}", "name a readable file") from None
    if len(data) > SIZE_MAX:
        raise BadInput(f"{path} has {len(data)} bytes", f"at most {SIZE_MAX} are read")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not text in UTF-8", "convert it") from None


def sketches(text: str, context: ParseContext, name: str) -> list[Element]:
    """One sketch a line; comments go into the object after them. All syntax errors are told together."""
    found: list[Element] = []
    errors: list[str] = []
    comments: list[str] = []
    for number, line in logical_lines(text):
        if line.startswith("#"):
            comments.append(line)
            continue
        try:
            words = ["xml", line.split(None, 1)[1]] if line.lower().startswith("xml ") else split_words(line)
            if words[0].lower() == "configure":
                words = words[1:]
            if not words or words[0].lower() in ("commit", "quit", "exit", "end", "up"):
                continue
            sketch = parse_words(words, context)
        except HashellError as error:
            errors.append(f"{name}:{number}: {error.message}")
            continue
        holder = sketch[0] if sketch.tag in ("rsc_defaults", "op_defaults") and len(sketch) else sketch
        for place, comment in enumerate(comments):
            holder.insert(place, etree.Comment(comment))
        comments.clear()
        found.append(sketch)
    if errors:
        raise BadUsage("\n".join(errors), "mend these lines; nothing was changed")
    return found


def load_text(
    env: Env, text: str, method: str, context: ParseContext, name: str, instead_of: list[str] | None = None
) -> None:
    """Put the objects of a text in. `update` keeps what it does not name, `replace` takes everything else out first.

    `instead_of`: these objects are what the text was made from; one that is missing in it goes.
    """
    found = sketches(text, context, name)
    if method == "replace" and instead_of is None:
        # Nodes stay: they are the cluster layer's, and a text that forgets one must not throw it out.
        configure.erase(env)
    named = {_name(sketch) for sketch in found}
    if instead_of is not None:
        configure.delete(env, [one for one in instead_of if one not in named and _is_gone(env, one, named)])
    for sketch in sorted(found, key=lambda one: _RANK.index(str(one.tag)) if one.tag in _RANK else len(_RANK)):
        _put(env, sketch, whole=instead_of is not None)
    _verify_members(env, found)


def _is_gone(env: Env, name: str, named: set[str]) -> bool:
    """Whether an object that there is stands in a text no more; a node may be named by its id or its name."""
    found = configure.find_object(env, name)
    return found is not None and (found.get("uname") or "") not in named


def _put(env: Env, sketch: Element, *, whole: bool) -> None:
    if sketch.tag in ("cluster_property_set", "rsc_defaults", "op_defaults"):
        old = configure.find_object(env, _name(sketch)) if whole else None
        if old is not None:
            configure.replace(env, sketch, old)
        else:
            configure.create(env, sketch, defaults=False)
        return
    if sketch.tag == "op":
        configure.create(env, sketch, defaults=False)
        return
    old = configure.find_object(env, _name(sketch))
    if old is None:
        configure.create(env, sketch, defaults=False)
        return
    if sketch.tag == "fencing-topology":
        for level in list(old):
            old.remove(level)
        env.forget_ids()
        configure.create(env, sketch, defaults=False)
        return
    if old.tag != sketch.tag:
        raise BadInput(
            f"{_name(sketch)} is a {old.tag}, the text makes it a {sketch.tag}", "delete it first, or choose another id"
        )
    configure.replace(env, sketch, old)


def _name(sketch: Element) -> str:
    if sketch.tag == "fencing-topology":
        return "fencing_topology"
    if sketch.tag == "node":
        return sketch.get("uname") or ""
    if sketch.tag == "cluster_property_set":
        return sketch.get("id") or "cib-bootstrap-options"
    if sketch.tag in ("rsc_defaults", "op_defaults"):
        default = "rsc-options" if sketch.tag == "rsc_defaults" else "op-options"
        return (sketch[0].get("id") if len(sketch) else None) or default
    return sketch.get("id") or ""


def _verify_members(env: Env, found: list[Element]) -> None:
    """Constraints of the text must be about resources that exist."""
    from hashell.commands.binding import RESOURCES

    known = {one.get("id") for one in env.root.iterfind("configuration/resources//*") if one.tag in RESOURCES}
    known |= {one.get("id") for one in env.root.iterfind("configuration/tags/tag")}
    for sketch in found:
        if sketch.tag not in configure.CONSTRAINTS:
            continue
        named = [sketch.get(end) for end in ("rsc", "with-rsc", "first", "then")]
        named += [one.get("id") for one in sketch.iterfind("resource_set/resource_ref")]
        missing = [one for one in named if one is not None and one not in known]
        if missing and not env.force:
            raise NotFound(
                f"constraint {sketch.get('id')} names {', '.join(missing)}, which does not exist", "define it too"
            )


def load_xml(env: Env, text: str, method: str) -> None:
    """The same for XML: a whole <cib>, or its <configuration>."""
    from hashell.cib.document import parse_fragment

    root = parse_fragment(text, "the XML")
    source = root if root.tag == "configuration" else root.find("configuration")
    if source is None:
        raise BadInput(f"<{root.tag}> holds no <configuration>", "give a whole CIB")
    if method == "replace":
        configure.erase(env)
        configure.erase(env, nodes=True)
    for section in source:
        if binding.is_comment(section):
            continue
        target = env.section(section.tag)
        for element in list(section):
            if binding.is_comment(element):
                continue
            name = element.get("id")
            old = env.by_id(name) if name else None
            if old is not None and old.tag == element.tag:
                binding.owner(old).replace(old, element)
            elif old is not None:
                raise BadInput(f"{name} is a {old.tag}, the XML makes it a {element.tag}", "choose another id")
            else:
                for inner in element.iter("primitive", "group"):
                    known = binding.find_resource(env.root, inner.get("id") or "")
                    if known is not None:
                        binding.owner(known).remove(known)
                target.append(element)
    env.forget_ids()
