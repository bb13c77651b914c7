"""The configure level: objects of the configuration, staged until they are committed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hashell.errors import BadUsage, HashellError, NotFound
from hashell.shell.grammar.words import Command, Danger, Level

if TYPE_CHECKING:
    from hashell.commands.env import Element, Env
    from hashell.shell.crm.configure_parse import ParseContext
    from hashell.shell.session import Session

_HERE = "hashell.shell.crm.configure"
_PARAMS = "params {PARAM=VALUE}"
_META = "meta {META=VALUE}"
_UTILIZATION = "utilization {NAME=VALUE}"
_OP = "op OPERATION {OPATTR=VALUE} {(op_params {NAME=VALUE}|op_meta {META=VALUE})}"
_OPERATIONS = "operations IDSPEC=VALUE"
_BODY = f"{{({_PARAMS}|{_META}|{_UTILIZATION}|{_OPERATIONS}|{_OP})}}"
_EXPRESSION = "(defined ATTRIBUTE|not_defined ATTRIBUTE|date (lt|gt|in|spec) {DATE}|ATTRIBUTE COMPARISON TEXT)"
_RULE = f"rule [IDSPEC=VALUE] [SCORE:] {_EXPRESSION} {{(and|or) {_EXPRESSION}}}"
_MEMBERS = "{('('|')'|'['|']'|RESOURCE)}"


def _object(name: str, usage: str, help: str, aliases: tuple[str, ...] = (), example: str = "") -> Command:
    return Command(
        name, usage, help, f"{_HERE}:{name}", aliases=aliases, danger=Danger.CHANGES, free=True, example=example
    )


LEVEL = Level(
    "configure", "The cluster's configuration. Edits are staged; commit sends them.",
    commands=(
        _object("node", "[ID:] NODE {attributes {NAME=VALUE}|utilization {NAME=VALUE}}", "A node, its attributes and utilization."),
        _object("primitive", f"NEWID (AGENT|TEMPLATE) [DESCRIPTION=TEXT] {{PARAM=VALUE}} {_BODY}", "A resource.", ("resource",),
                example="primitive vip IPaddr2 params ip=192.168.8.47 op monitor interval=10s"),
        _object("group", f"NEWID PRIMITIVE... [DESCRIPTION=TEXT] {{({_PARAMS}|{_META})}}", "Resources that stay together, started in order."),
        _object("clone", f"NEWID RESOURCE [DESCRIPTION=TEXT] {{({_META}|{_PARAMS})}}", "A resource on several nodes; promotable with meta promotable=true."),
        _object("ms", f"NEWID RESOURCE {{({_META}|{_PARAMS})}}", "A promotable clone, in its old form.", ("master",)),
        _object("bundle", f"NEWID (docker|podman) {{NAME=VALUE}} {{(network {{NAME=VALUE}} {{port-mapping {{NAME=VALUE}}}}|storage {{storage-mapping {{NAME=VALUE}}}}|primitive PRIMITIVE|{_META})}}", "A container with its network, storage and primitive."),
        _object("rsc_template", f"NEWID AGENT [DESCRIPTION=TEXT] {{PARAM=VALUE}} {_BODY}", "What several primitives have in common."),
        _object("location", f"NEWID (RESOURCE|PATTERN|'{{' RESOURCE... '}}') {{LOCATION=VALUE}} (SCORE: NODE|{{{_RULE}}})", "Where a resource is better, or must not be.",
                example="location l1 web 100: node1\nlocation l2 web rule -inf: not_defined pingd or pingd lte 0"),
        _object("colocation", f"NEWID SCORE: {_MEMBERS} [NODE-ATTRIBUTE=VALUE]", "Resources together, or apart.", ("collocation",), "colocation c1 inf: web vip"),
        _object("order", f"NEWID [KIND:] {_MEMBERS} [SYMMETRICAL=VALUE]", "One after the other.", example="order o1 Mandatory: db web"),
        _object("rsc_ticket", f"NEWID TICKET: {_MEMBERS} [LOSS-POLICY=VALUE]", "Resources that a ticket allows."),
        _object("property", f"[SET:] {{{_RULE}}} {{PROPERTY=VALUE}}", "Options of the cluster; without arguments their names.", example="property stonith-enabled=false"),
        _object("rsc_defaults", f"[SET:] {{{_RULE}}} {{META=VALUE}}", "Meta-attributes of all resources."),
        _object("op_defaults", f"[SET:] {{{_RULE}}} {{OPATTR=VALUE}}", "Attributes of all operations."),
        _object("fencing_topology", "{(TARGET:|FENCEDEVICE)}", "Which devices fence which node, in which order."),
        _object("role", "NEWID {(read|write|deny) ACLSPEC}", "What somebody may read and write."),
        _object("acl_target", "NEWID ROLE...", "The roles of a user."),
        _object("user", "NEWID {TEXT}", "A user with rules; only for schemas before 2.0."),
        _object("tag", "NEWID RESOURCE...", "A name for several objects."),
        _object("alert", "NEWID PATH {(attributes {NAME=VALUE}|meta {NAME=VALUE}|select {(nodes|fencing|resources|attributes '{' ATTRIBUTE... '}')}|to RECIPIENT)}", "A program that hears of events."),
        _object("monitor", "PRIMITIVE INTERVAL", "Add a monitor operation: monitor RSC[:ROLE] INTERVAL[:TIMEOUT]."),
        _object("xml", "TEXT", "An element as XML."),
        Command("show", "{(xml|changed|ANYID|SELECTION|and|or)}", "Print the configuration, or objects of it.", f"{_HERE}:show",
                example="show\nshow web type:order\nshow xml web"),
        Command("edit", "[xml] {ANYID}", "Change the configuration in an editor.", f"{_HERE}:edit", danger=Danger.CHANGES),
        Command("filter", "PROGRAM [xml] {ANYID}", "Change the configuration with a program.", f"{_HERE}:filter_through", danger=Danger.CHANGES),
        Command("set", "PATH TEXT", "Change one value: set ID.[OPERATION.][INTERVAL.]NAME VALUE.", f"{_HERE}:set_value", danger=Danger.CHANGES),
        Command("delete", "[--force] ANYID...", "Take objects out, with the constraints on them.", f"{_HERE}:delete", aliases=("rm",), danger=Danger.INTERRUPTS),
        Command("rename", "ANYID NEWID", "Give an object another id.", f"{_HERE}:rename", danger=Danger.CHANGES),
        Command("modgroup", "GROUP (add PRIMITIVE [(before|after) PRIMITIVE]|remove PRIMITIVE)", "Change the members of a group.", f"{_HERE}:modgroup", danger=Danger.CHANGES),
        Command("erase", "[nodes]", "Take everything out.", f"{_HERE}:erase", danger=Danger.INTERRUPTS),
        Command("load", "[xml] (update|replace|push) FILE", "Read a configuration from a file.", f"{_HERE}:load", danger=Danger.INTERRUPTS),
        Command("save", "[xml] {ANYID} FILE", "Write the configuration to a file; - is standard output.", f"{_HERE}:save"),
        Command("commit", "{(force|replace)}", "Send the staged edits to the cluster.", f"{_HERE}:commit", danger=Danger.INTERRUPTS),
        Command("diff", "", "What is staged.", f"{_HERE}:diff"),
        Command("refresh", "", "Drop what is staged, read the cluster's configuration again.", f"{_HERE}:refresh", danger=Danger.READS),
        Command("verify", "", "Check what is staged.", f"{_HERE}:verify"),
        Command("get_property", "[-t] [--true] {PROPERTY}", "The value of an option, or its default.", f"{_HERE}:get_property", aliases=("get-property",)),
        Command("default-timeouts", "PRIMITIVE...", "Timeouts of operations as the agents advise.", f"{_HERE}:default_timeouts", aliases=("default_timeouts",), danger=Danger.CHANGES),
        Command("schema", "[SCHEMA]", "The schema of the configuration; or another one.", f"{_HERE}:schema", danger=Danger.CHANGES),
        Command("upgrade", "[force]", "Raise the schema to the newest.", f"{_HERE}:upgrade", danger=Danger.CHANGES),
        Command("graph", "[dot [FILE]]", "Orders and colocations as a graph for Graphviz.", f"{_HERE}:graph"),
        Command("ptest", "{TEXT}", "What the cluster would do.", f"{_HERE}:ptest", aliases=("simulate",)),
    ),
    levels=("ra", "cib", "history"),
    aliases=("cfg",),
)


# --- staging -------------------------------------------------------------------------------------------


def context_of(env: Env, *, typed: bool) -> ParseContext:
    """What the language needs to know of the cluster."""
    from hashell.commands.agents import agent_of
    from hashell.commands.facts import knows_promoted
    from hashell.shell.crm.configure_parse import ParseContext

    return ParseContext(
        typed=typed, modern_roles=knows_promoted(env.validate_with), node_names=env.node_names(), agent_of=agent_of
    )


@contextmanager
def staging(session: Session) -> Iterator[Env]:
    """The staged environment; after an error it is as it was."""
    import copy

    env = session.env()
    before = copy.deepcopy(env.root)
    try:
        yield env
    except HashellError:
        env.root = before
        env.forget_ids()
        env.problems = []
        raise
    session.staged = True


def commit_staged(session: Session, *, force: bool = False) -> None:
    """Check what is staged and send it. Raises ProblemsFound and leaves it staged when something is wrong."""
    from hashell.commands.checks import check_changes

    env = session.env()
    env.force = force or session.options.force
    if not env.changed:
        if session.interactive:
            session.err("INFO: apparently there is nothing to commit")
        session.drop_staged()
        return
    for problem in check_changes(env):
        env.report(problem)
    env.settle()
    env.commit()
    session.drop_staged()
    session.wait_if_asked()


def _put(session: Session, keyword: str, words: list[str]) -> int:
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
        configure.create(env, sketch, defaults=not (keyword == "primitive" and len(words) > 1 and words[1].startswith("@")))
    return 0


def node(session: Session, words: list[str]) -> int:
    return _put(session, "node", words)


def primitive(session: Session, words: list[str]) -> int:
    return _put(session, "primitive", words)


def group(session: Session, words: list[str]) -> int:
    return _put(session, "group", words)


def clone(session: Session, words: list[str]) -> int:
    return _put(session, "clone", words)


def ms(session: Session, words: list[str]) -> int:
    return _put(session, "ms", words)


def bundle(session: Session, words: list[str]) -> int:
    return _put(session, "bundle", words)


def rsc_template(session: Session, words: list[str]) -> int:
    return _put(session, "rsc_template", words)


def location(session: Session, words: list[str]) -> int:
    return _put(session, "location", words)


def colocation(session: Session, words: list[str]) -> int:
    return _put(session, "colocation", words)


def order(session: Session, words: list[str]) -> int:
    return _put(session, "order", words)


def rsc_ticket(session: Session, words: list[str]) -> int:
    return _put(session, "rsc_ticket", words)


def property(session: Session, words: list[str]) -> int:
    if words and words[-1] in ("--help", "-h") and len(words) > 1:
        return _explain_option(session, words[0])
    if words:
        return _put(session, "property", words)
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


def rsc_defaults(session: Session, words: list[str]) -> int:
    return _put(session, "rsc_defaults", words)


def op_defaults(session: Session, words: list[str]) -> int:
    return _put(session, "op_defaults", words)


def fencing_topology(session: Session, words: list[str]) -> int:
    return _put(session, "fencing_topology", words)


def role(session: Session, words: list[str]) -> int:
    return _put(session, "role", words)


def acl_target(session: Session, words: list[str]) -> int:
    return _put(session, "acl_target", words)


def user(session: Session, words: list[str]) -> int:
    return _put(session, "user", words)


def tag(session: Session, words: list[str]) -> int:
    return _put(session, "tag", words)


def alert(session: Session, words: list[str]) -> int:
    return _put(session, "alert", words)


def monitor(session: Session, words: list[str]) -> int:
    return _put(session, "monitor", words)


def xml(session: Session, words: list[str]) -> int:
    return _put(session, "xml", words)


# --- looking -------------------------------------------------------------------------------------------


def select(env: Env, words: list[str]) -> list[Element]:
    """Objects by id, `type:T`, `tag:T`, `related:X`, `changed`, joined by `or` (also unsaid) and `and`; all for no words."""
    from hashell.shell.crm.configure_print import objects

    everything = objects(env.root)
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
        members = {str(one) for one in env.root.xpath("configuration/tags/tag[@id=$t]/obj_ref/@id", t=rest)}
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
            "or obj_ref/@id=$n or primitive/@id=$n or group/@id=$n", n=name,
        )
        parts = name.split(":")
        agent = name and not exists and element.tag in ("primitive", "template") and (
            (len(parts) == 1 and (name.lower() in (element.get("type") or "").lower() or name in (element.get("class"), element.get("provider"))))
            or (len(parts) == 2 and element.get("class") == parts[0] and parts[1].lower() in (element.get("type") or "").lower())
            or (len(parts) == 3 and (element.get("class"), element.get("provider")) == (parts[0], parts[1]) and parts[2].lower() in (element.get("type") or "").lower())
        )
        if own or names or agent:
            found.append(element)
    return found


def show(session: Session, words: list[str]) -> int:
    """Printed as language, or with `xml` as XML; `obscure:GLOB` says which values are starred."""
    from hashell.shell.crm.configure_print import Printer
    from hashell.shell.output import painter

    env = session.env()
    secret = [word[8:] for word in words if word.startswith("obscure:")]
    words = [word for word in words if not word.startswith("obscure:")]
    if words[:1] == ["changed"]:
        return diff(session, [])
    if words[:1] == ["xml"]:
        session.out(as_xml(env, words[1:]))
        return 0
    try:
        elements = select(env, words)
    except NotFound as error:
        if session.interactive:
            raise
        session.err(f"ERROR: {error.message}")
        return error.exit_code
    session.out(Printer(env.root, painter(session), "|".join(secret) or "passw*").show(elements))
    return 0


def as_xml(env: Env, words: list[str]) -> str:
    """A <cib> with the objects that were chosen, each whole and in its section; contained ones come with their container."""
    import copy

    from lxml import etree

    from hashell.shell.crm.configure_print import drop_defaults

    root = etree.Element("cib", dict(env.root.attrib))
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
        if (pair.get("name") or "").startswith("passw") and pair.get("value") is not None:
            pair.set("value", "******")
    etree.indent(root, "  ")
    return '<?xml version="1.0" ?>\n' + etree.tostring(root, encoding="unicode").rstrip() + "\n"


def diff(session: Session, words: list[str]) -> int:
    import difflib

    from hashell.shell.crm.configure_print import Printer, objects

    env = session.env()
    before = Printer(env.base.root).show(objects(env.base.root)).splitlines()
    after = Printer(env.root).show(objects(env.root)).splitlines()
    lines = [line for line in difflib.unified_diff(before, after, lineterm="") if not line.startswith(("+++", "---"))]
    session.out("".join(f"{line}\n" for line in lines))
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


# --- changing ------------------------------------------------------------------------------------------


def _running(session: Session) -> tuple[str, ...]:
    """Resources that run now, with the containers that hold them."""
    from hashell.commands.running import running_resources

    return running_resources(session.client.cib())


def delete(session: Session, words: list[str]) -> int:
    from hashell.commands import configure

    force = "--force" in words
    with staging(session) as env:
        env.force = force or session.options.force
        configure.delete(env, [word for word in words if word != "--force"], running=_running(session))
    return 0


def rename(session: Session, words: list[str]) -> int:
    from hashell.commands import configure

    with staging(session) as env:
        if words[0] in _running(session) and not env.force:
            raise BadUsage(f"cannot rename a running resource ({words[0]})", "stop it first")
        configure.rename(env, words[0], words[1])
    return 0


def modgroup(session: Session, words: list[str]) -> int:
    from hashell.commands import configure

    where, beside = (words[3].lower(), words[4]) if len(words) > 3 else ("", "")
    with staging(session) as env:
        configure.change_group(env, words[0], words[1].lower(), words[2], where, beside)
    return 0


def erase(session: Session, words: list[str]) -> int:
    from hashell.commands import configure

    with staging(session) as env:
        if _running(session) and not words and not env.force:
            raise BadUsage("resources are running, nothing was erased", "stop them first, or force it")
        configure.erase(env, nodes=bool(words))
    return 0


def set_value(session: Session, words: list[str]) -> int:
    from hashell.commands import configure

    with staging(session) as env:
        configure.set_value(env, words[0], words[1])
    return 0


def default_timeouts(session: Session, words: list[str]) -> int:
    from hashell.commands import configure

    with staging(session) as env:
        configure.default_timeouts(env, words)
    return 0


def load(session: Session, words: list[str]) -> int:
    """`update` adds and replaces what the file holds, `replace` makes the file all there is, `push` replaces the changed."""
    from hashell.shell.crm.loading import load_text, load_xml, read_source

    is_xml = words[0] == "xml"
    method, path = words[-2].lower(), words[-1]
    text = read_source(path)
    with staging(session) as env:
        if is_xml:
            load_xml(env, text, method)
        else:
            load_text(env, text, method, context_of(env, typed=False), path)
    return 0


def save(session: Session, words: list[str]) -> int:
    from hashell.shell.crm.configure_print import Printer

    env = session.env()
    *chosen, path = words
    if chosen[:1] == ["xml"]:
        text = as_xml(env, chosen[1:])
    else:
        text = Printer(env.root, secret="", with_ids=True).show(select(env, chosen))
    if path == "-":
        session.out(text)
        return 0
    from pathlib import Path

    from hashell.cib.files import write_whole

    write_whole(Path(path), text.encode())
    return 0


def commit(session: Session, words: list[str]) -> int:
    commit_staged(session, force="force" in words)
    return 0


def refresh(session: Session, words: list[str]) -> int:
    if session.staged and session.interactive and not session.confirm("Drop the changes that are pending?"):
        return 0
    session.drop_staged()
    return 0


def edit(session: Session, words: list[str]) -> int:
    import os
    import shlex
    import subprocess
    import tempfile
    from pathlib import Path

    if not session.interactive and session.ask is None:
        raise BadUsage("an editor needs a terminal", "use load, or edit in the interactive shell")
    text, is_xml, chosen = _editable(session, words)
    editor = session.settings["editor"] or os.environ.get("EDITOR") or os.environ.get("VISUAL") or "vi"
    with tempfile.TemporaryDirectory(prefix="hashell-") as folder:
        path = Path(folder) / ("cib.xml" if is_xml else "configuration.crm")
        path.write_text(text, encoding="utf-8")
        while True:
            subprocess.run([*shlex.split(editor), str(path)], check=False)
            after = path.read_text(encoding="utf-8")
            if after == text:
                session.err("INFO: nothing was changed")
                return 0
            try:
                _apply_edited(session, after, is_xml, chosen)
            except HashellError as error:
                session.err(f"ERROR: {error.message}")
                if not session.confirm("Edit again?"):
                    raise
            else:
                return 0


def filter_through(session: Session, words: list[str]) -> int:
    import shlex
    import subprocess

    text, is_xml, chosen = _editable(session, words[1:])
    done = subprocess.run(shlex.split(words[0]), input=text, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise BadUsage(f"{words[0]} ended with {done.returncode}: {done.stderr.strip()}", "mend the filter")
    _apply_edited(session, done.stdout, is_xml, chosen)
    return 0


def _editable(session: Session, words: list[str]) -> tuple[str, bool, list[str]]:
    from hashell.shell.crm.configure_print import Printer

    env = session.env()
    is_xml = words[:1] == ["xml"]
    chosen = words[1:] if is_xml else words
    text = as_xml(env, chosen) if is_xml else Printer(env.root, secret="", with_ids=True).show(select(env, chosen))
    return text, is_xml, chosen


def _apply_edited(session: Session, text: str, is_xml: bool, chosen: list[str]) -> None:
    from hashell.shell.crm.configure_print import object_id
    from hashell.shell.crm.loading import load_text, load_xml

    with staging(session) as env:
        if is_xml:
            load_xml(env, text, "update")
        else:
            known = [object_id(element) for element in select(env, chosen)]
            load_text(env, text, "replace", context_of(env, typed=False), "the edited text", instead_of=known)


def schema(session: Session, words: list[str]) -> int:
    if not words:
        session.out(session.env().validate_with + "\n")
        return 0
    with staging(session) as env:
        env.root.set("validate-with", words[0])
    return 0


def upgrade(session: Session, words: list[str]) -> int:
    if words != ["force"] and not session.options.force:
        raise BadUsage("an upgrade cannot be taken back", "say: upgrade force")
    with staging(session) as env:
        env.root.set("validate-with", "pacemaker-3.9")
    return 0


def ptest(session: Session, words: list[str]) -> int:
    """What the cluster would do with what is staged."""
    import time

    from hashell.cib.document import Cib
    from hashell.simulate.run import decide

    decision = decide(Cib(session.env().cib.copy_root()), time.time(), 0)
    session.out("".join(f"{line}\n" for line in decision.summary))
    return 0


def graph(session: Session, words: list[str]) -> int:
    """In the dot language, to a file or to standard output."""
    from pathlib import Path

    from hashell.cib.files import write_whole

    env = session.env()
    lines = ["digraph cib {"]
    for primitive in env.root.iterfind("configuration/resources//primitive"):
        lines.append(f'\t"{primitive.get("id")}";')
    for one in env.root.iterfind("configuration/constraints/*"):
        ends = [one.get("first"), one.get("then")] if one.tag == "rsc_order" else [one.get("with-rsc"), one.get("rsc")]
        members = [[ref.get("id") for ref in found] for found in one.findall("resource_set")] or [[end] for end in ends if end]
        if one.tag not in ("rsc_order", "rsc_colocation"):
            continue
        style = "" if one.tag == "rsc_order" else " [style=dotted]"
        for before, after in zip(members, members[1:], strict=False):
            lines += [f'\t"{left}" -> "{right}"{style};' for left in before for right in after]
    text = "\n".join([*lines, "}"]) + "\n"
    if len(words) > 1:
        write_whole(Path(words[1]), text.encode())
    else:
        session.out(text)
    return 0
