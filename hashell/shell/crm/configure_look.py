"""Looking at the configuration: objects chosen, shown, compared, saved and checked."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import TYPE_CHECKING

from hashell.commands.binding import attributes, texts
from hashell.errors import BadUsage, NotFound, Refused

if TYPE_CHECKING:
    from hashell.commands.env import Element, Env
    from hashell.shell.session import Session


def select(env: Env, words: list[str], *, by_kind: bool = True) -> list[Element]:
    """Objects by id, `type:T`, `tag:T`, `related:X`, `changed`, joined by `or` (also unsaid) and `and`.

    All for no words.
    """
    from hashell.shell.crm.configure_print import objects

    everything = objects(env.root, by_kind=by_kind)
    if not words:
        return everything
    chosen: list[Element] = []
    kept: list[Element] | None = None
    for word in words:
        if word == "or":
            continue
        if word == "and":
            kept, chosen = chosen, []
            continue
        for element in _matching(env, everything, word):
            if element not in chosen:
                chosen.append(element)
        if kept is not None:
            chosen, kept = [element for element in chosen if element in kept], None
    if kept is not None:
        chosen = kept
    return [element for element in everything if element in chosen]


def _matching(env: Env, everything: list[Element], word: str) -> list[Element]:
    import fnmatch

    from hashell.shell.crm.configure_print import object_id, word_of

    kind, colon, rest = word.partition(":")
    if word == "changed":
        from hashell.commands.checks import changed_objects

        return changed_objects(env)
    if kind == "type" and colon:
        return [element for element in everything if word_of(element) == rest]
    if kind == "tag" and colon:
        members = set(texts(env.root, "configuration/tags/tag[@id=$t]/obj_ref/@id", t=rest))
        return [element for element in everything if object_id(element) in members]
    if kind == "related" and colon:
        return _related(env, everything, rest)
    found = [element for element in everything if word in (object_id(element), element.get("uname"))]
    if not found and ("*" in word or "?" in word):
        found = [element for element in everything if fnmatch.fnmatchcase(object_id(element), word)]
    if not found:
        from hashell.commands.env import nearest

        raise NotFound(f"object {word} does not exist", nearest(word, [object_id(one) for one in everything]))
    return found


def _related(env: Env, everything: list[Element], name: str) -> list[Element]:
    """An object, what names it, what holds it; or the resources whose agent's name contains the text."""
    from hashell.shell.crm.configure_print import object_id

    found = []
    exists = any(object_id(element) == name for element in everything)
    for element in everything:
        own = object_id(element) == name
        names = element.xpath(
            "@rsc=$n or @with-rsc=$n or @first=$n or @then=$n or @template=$n or resource_set/resource_ref/@id=$n "
            "or obj_ref/@id=$n or primitive/@id=$n or group/@id=$n",
            n=name,
        )
        parts = name.split(":")
        agent = (
            name
            and not exists
            and element.tag in ("primitive", "template")
            and (
                (
                    len(parts) == 1
                    and (
                        name.lower() in (element.get("type") or "").lower()
                        or name in (element.get("class"), element.get("provider"))
                    )
                )
                or (
                    len(parts) == 2
                    and element.get("class") == parts[0]
                    and parts[1].lower() in (element.get("type") or "").lower()
                )
                or (
                    len(parts) == 3
                    and (element.get("class"), element.get("provider")) == (parts[0], parts[1])
                    and parts[2].lower() in (element.get("type") or "").lower()
                )
            )
        )
        if own or names or agent:
            found.append(element)
    return found


def show(session: Session, words: list[str]) -> int:
    """Printed as language, or with `xml` as XML; `obscure:GLOB` says which values are starred."""
    from hashell.shell.crm.configure_print import OBSCURED, Printer
    from hashell.shell.output import painter

    env = session.env()
    obscured = [word.removeprefix("obscure:") for word in words if word.startswith("obscure:")]
    words = [word for word in words if not word.startswith("obscure:")]
    if words[:1] == ["changed"]:
        return diff(session, [])
    if words[:1] == ["xml"]:
        session.out(as_xml(env, words[1:], obscured or OBSCURED))
        return 0
    try:
        elements = select(env, words, by_kind=session.settings.is_on("sort-elements"))
    except NotFound as error:
        if session.interactive:
            raise
        session.err(f"ERROR: {error.message}")
        return error.exit_code
    session.out(Printer(env.root, painter(session), obscured or OBSCURED).show(elements))
    return 0


def as_xml(env: Env, words: list[str], obscured: Sequence[str] = ()) -> str:
    """A <cib> with the objects that were chosen, each in its section, contained ones in their container.

    Values of names that a glob of `obscured` matches are starred: for a person to see, never for what is read back."""
    import copy

    from lxml import etree

    from hashell.shell.crm.configure_print import STARS, drop_defaults

    root = etree.Element("cib", attributes(env.root))
    if words:
        configuration = etree.SubElement(root, "configuration")
        for name in ("crm_config", "nodes", "resources", "constraints"):
            etree.SubElement(configuration, name)
        chosen = select(env, words)
        for section in env.configuration():
            tops = [child for child in section if any(one is child or child in one.iterancestors() for one in chosen)]
            if section in chosen:
                tops = list(section)
            holder = configuration.find(str(section.tag))
            if tops and holder is None:
                holder = etree.SubElement(configuration, str(section.tag))
            for top in tops:
                assert holder is not None
                holder.append(copy.deepcopy(top))
    else:
        root.append(copy.deepcopy(env.configuration()))
    drop_defaults(root)
    for pair in root.iter("nvpair"):
        if any(fnmatchcase(pair.get("name", ""), glob) for glob in obscured) and pair.get("value") is not None:
            pair.set("value", STARS)
    etree.indent(root, "  ")
    return '<?xml version="1.0" ?>\n' + etree.tostring(root, encoding="unicode").rstrip() + "\n"


def diff(session: Session, words: list[str]) -> int:
    session.out("".join(f"{line}\n" for line in diff_lines(session.env())))
    return 0


def preview(session: Session, words: list[str]) -> int:
    """What is staged, and what the cluster would do with it."""
    from hashell.commands.preview import counts
    from hashell.commands.preview import preview as decide

    env = session.env()
    edits = diff_lines(env)
    if not edits:
        session.err("INFO: nothing is staged")
        return 0
    decision = decide(env)
    lines = [*edits, f"The cluster would then: {counts(decision)}"]
    lines += [f"  {line}" for line in decision.summary]
    session.out("".join(f"{line}\n" for line in lines))
    return 0


def diff_lines(env: Env) -> list[str]:
    """What is staged against what there is, in the crm language."""
    import difflib

    from hashell.shell.crm.configure_print import Printer, objects

    before = Printer(env.base.root).show(objects(env.base.root)).splitlines()
    after = Printer(env.root).show(objects(env.root)).splitlines()
    return [line for line in difflib.unified_diff(before, after, lineterm="") if not line.startswith(("+++", "---"))]


def save(session: Session, words: list[str]) -> int:
    from hashell.shell.crm.configure_print import Printer

    env = session.env()
    *chosen, path = words
    if chosen[:1] == ["xml"]:
        text = as_xml(env, chosen[1:])
    else:
        text = Printer(env.root, obscured=(), with_ids=True).show(select(env, chosen))
    if path == "-":
        session.out(text)
        return 0
    from hashell.cib.files import write_whole

    write_whole(session.target(path), text.encode())
    return 0


def get_property(session: Session, words: list[str]) -> int:
    from hashell.model.options.cluster import BY_NAME, OPTIONS
    from hashell.values.booleans import is_true

    truth = any(word in ("-t", "--true") for word in words)
    names = [word for word in words if not word.startswith("-")]
    env = session.env()
    if not names:
        session.out("".join(f"{row.name}\n" for row in sorted(OPTIONS, key=lambda row: row.name)))
        return 0
    for name in names:
        value = env.option(name)
        if value is None and name in BY_NAME:
            value = BY_NAME[name].default
        if value is None and not truth:
            raise NotFound(f"{name}: property not set", "set it with `configure property`")
        session.out(("true" if is_true(value) else "false") + "\n" if truth else f"{value}\n")
    return 0


def verify(session: Session, words: list[str]) -> int:
    from hashell.commands.checks import check_all

    env = session.env()
    for problem in check_all(env):
        env.report(problem)
    env.settle()
    return 0


def ptest(session: Session, words: list[str]) -> int:
    """What the cluster would do with what is staged; before it the points, after it every action, where asked for."""
    return show_decision(session, session.env(), words)


def show_decision(session: Session, env: Env, words: list[str]) -> int:
    """What the cluster would do with the working copy of an environment."""
    from hashell.commands.preview import preview
    from hashell.simulate import text

    decision = preview(env, scores="scores" in words, utilization="utilization" in words)
    lines = list(text.score_lines(decision.schedule.scores))
    lines += decision.summary
    if "actions" in words:
        named = [(one, one.primitive.id if one.primitive is not None else "") for one in decision.graph.actions]
        lines += [text.action_line(one, name) for one, name in named]
    session.out("".join(f"{line}\n" for line in lines))
    if not decision.summary:
        session.err("INFO: the cluster would change nothing")
    return 0


def graph(session: Session, words: list[str]) -> int:
    """Without words as lines for a person; `dot` to a file or to standard output; other formats through Graphviz."""
    import shutil
    import subprocess

    from hashell.cib.files import write_whole

    env = session.env()
    kind = words[0].lower() if words else ""
    if not kind:
        session.out("".join(f"{line}\n" for line in graph_lines(env)))
        return 0
    data = dot_of(env).encode()
    if kind != "dot":
        dot = shutil.which("dot")
        if dot is None:
            raise NotFound("Graphviz is not installed here", "`graph` shows lines, `graph dot FILE` writes its input")
        try:
            done = subprocess.run([dot, f"-T{kind}"], input=data, capture_output=True, check=False, timeout=60)
        except subprocess.TimeoutExpired:
            raise Refused("Graphviz did not end within 60 s", "draw a part: `graph dot FILE`") from None
        if done.returncode:
            raise Refused(f"Graphviz: {done.stderr.decode(errors='replace').strip()}", "try `graph dot`")
        data = done.stdout
    if len(words) > 1:
        write_whole(session.target(words[1]), data, 0o644)
    elif kind in ("png", "pdf"):
        raise BadUsage(f"{kind} is nothing for a terminal", f"graph {kind} FILE")
    else:
        session.out(data.decode())
    return 0


def _edges(env: Env) -> list[tuple[str, str, str, str]]:
    """Constraint, how it binds, and its two ends: for an order the earlier one first, else the one that is followed."""
    found = []
    for one in env.root.iterfind("configuration/constraints/*"):
        if one.tag not in ("rsc_order", "rsc_colocation"):
            continue
        ends = [one.get("first"), one.get("then")] if one.tag == "rsc_order" else [one.get("with-rsc"), one.get("rsc")]
        members = [[ref.get("id") or "" for ref in holder] for holder in one.findall("resource_set")] or [
            [end] for end in ends if end
        ]
        how = one.get("kind") or "Mandatory" if one.tag == "rsc_order" else one.get("score") or "INFINITY"
        if one.tag == "rsc_colocation" and len(members) > 1 and one.find("resource_set") is not None:
            members = members[::-1]
        for before, after in pairwise(members):
            found += [(str(one.tag), how, left, right) for left in before for right in after]
    return found


def graph_lines(env: Env) -> list[str]:
    """What each resource comes after and stays with; groups with their members."""
    lines = []
    for one in env.root.iterfind("configuration/resources/*"):
        members = [child.get("id") or "" for child in one if child.tag in ("primitive", "group")]
        name = one.get("id") or ""
        if one.tag == "template":
            continue
        lines.append(f"{name} ({one.tag}: {' → '.join(members)})" if members else name)
        for tag, how, left, right in _edges(env):
            if right == name or right in members:
                lines.append(f"  {'after' if tag == 'rsc_order' else 'with '} {left}  [{how}]")
    return lines


def dot_of(env: Env) -> str:
    """In the dot language: groups as boxes, orders as arrows, colocations dotted."""
    lines = ["digraph cib {"]
    for group in env.root.iterfind("configuration/resources//group"):
        lines += [f'\tsubgraph "cluster_{group.get("id")}" {{', f'\t\tlabel="{group.get("id")}";']
        lines += [f'\t\t"{member.get("id")}";' for member in group.iterfind("primitive")]
        lines.append("\t}")
    lines += [f'\t"{one.get("id")}";' for one in env.root.iterfind("configuration/resources//primitive")]
    for tag, _, left, right in _edges(env):
        style = "" if tag == "rsc_order" else " [style=dotted]"
        lines.append(f'\t"{left}" -> "{right}"{style};')
    return "\n".join([*lines, "}"]) + "\n"
