"""Checks: what of a configuration makes no sense, before it goes to the cluster.

Errors stop a commit unless it is forced; warnings are told. Only what changed is checked against the agents, since
asking
each takes a process; references are checked everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lxml import etree

from hashell.commands import agents
from hashell.commands.binding import CONTAINERS, RESOURCES, Element, equal, select
from hashell.commands.configure import CONSTRAINTS, is_object
from hashell.commands.env import Env
from hashell.commands.facts import schema_version
from hashell.commands.problems import Problem, error, warning

if TYPE_CHECKING:
    from hashell.agents.metadata import AgentMetadata

#: Options that schemas since 3.0 refuse, with what took their place.
_GONE_OPTIONS = {
    "default-resource-stickiness": "rsc_defaults resource-stickiness=…",
    "is-managed-default": "rsc_defaults is-managed=…",
    "default-action-timeout": "op_defaults timeout=…",
}
#: Parameters that an agent may call required and that the cluster supplies.
_SUPPLIED = frozenset({"action", "port", "plug"})


def changed_objects(env: Env) -> list[Element]:
    """Objects that are new or different in the working copy, in document order."""
    before = {(str(one.tag), one.get("id")): one for one in _objects(env.base.root)}
    found = []
    for element in _objects(env.root):
        old = before.get((str(element.tag), element.get("id")))
        if old is None or not equal(old, element):
            found.append(element)
    return found


def _objects(root: Element) -> Iterator[Element]:
    configuration = root.find("configuration")
    if configuration is not None:
        for element in configuration.iter(etree.Element):
            if is_object(element) or (element.tag == "fencing-topology" and len(element)):
                yield element


def check_changes(env: Env) -> list[Problem]:
    """What a commit of the working copy is to hear."""
    problems = list(_schema(env))
    told = bool(problems)
    changed = changed_objects(env)
    names = {element.get("id") for element in changed}
    for element in changed:
        problems += _object(env, element)
    problems += [problem for problem in _references(env) if problem.severity > 1 or problem.about in names]
    return _once(problems) if told else problems


def check_all(env: Env) -> list[Problem]:
    """The same for the whole configuration."""
    problems = list(_schema(env))
    for element in _objects(env.root):
        problems += _object(env, element)
    return _once([*problems, *_references(env)])


def _once(problems: list[Problem]) -> list[Problem]:
    """Without what the schema says, too: it is asked first, and a missing reference is none of an id's."""
    schema = [problem.message for problem in problems if problem.id == "schema"]
    return [
        problem for problem in problems
        if problem.id != "resource-missing"
        or not any(f"'{problem.what}'" in said and "no resource has that id" in said for said in schema)
    ]


def _schema(env: Env) -> Iterator[Problem]:
    """Findings of the schema; none where there is no schema to ask."""
    try:
        from hashell.schema.check import validate
    except ImportError:
        return
    for finding in validate(env.cib):
        yield error(
            "schema",
            finding.message if finding.id in finding.message else f"{finding.element} {finding.id}: {finding.message}",
            finding.hint,
            finding.id,
            forcible=False,
        )


def _object(env: Env, element: Element) -> Iterator[Problem]:
    """What one object itself has wrong."""
    tag = element.tag
    if tag in ("primitive", "template"):
        yield from _agent(env, element)
    if tag == "cluster_property_set":
        yield from _options(env, element)
    if tag == "group":
        for member in element.iterfind("primitive"):
            if member.get("class") == "ocf" and member.get("type") == "remote":
                yield error(
                    "remote-in-group",
                    f"cannot put remote resource {member.get('id')} in a group",
                    about=element.get("id") or "",
                )
    if tag in RESOURCES:
        yield from _meta(element)
    if tag == "rsc_location":
        yield from _location(env, element)
    if tag == "rsc_ticket" and element.get("loss-policy") == "fence" and not fences(env):
        yield error(
            "ticket-fence", f"{element.get('id')}: loss-policy=fence without fencing would mean stop",
            "set stonith-enabled=true, or loss-policy=stop", element.get("id") or "", forcible=True,
        )


def fences(env: Env) -> bool:
    """Whether the cluster may fence; it may where nothing is said."""
    from hashell.values.booleans import parse_boolean

    value = env.option("fencing-enabled") or env.option("stonith-enabled")
    return parse_boolean(value) is not False


def _meta(element: Element) -> Iterator[Problem]:
    from hashell.model.options.resource import META

    if element.tag in ("clone", "master", "group", "bundle"):
        return
    known = {row.name for row in META}
    for pair in element.iterfind("meta_attributes/nvpair"):
        name = pair.get("name")
        if name and name not in known and name != "resource-stickiness":
            yield warning(
                "meta-unknown", f"{element.get('id')}: unknown attribute '{name}'", about=element.get("id") or ""
            )


def _options(env: Env, element: Element) -> Iterator[Problem]:
    from hashell.model.options.cluster import BY_NAME

    name = element.get("id") or ""
    for pair in element.iterfind("nvpair"):
        option = pair.get("name") or ""
        instead = _GONE_OPTIONS.get(option)
        if instead and schema_version(env.validate_with) >= (2, 0):
            yield error("option-gone", f"{name}: {option} is no option of the cluster any more", f"use {instead}", name)
        elif option not in BY_NAME and name == "cib-bootstrap-options":
            yield warning("option-unknown", f"{name}: unknown attribute '{option}'", about=name)


def _agent(env: Env, element: Element) -> Iterator[Problem]:
    """Required and unknown parameters, an agent that is not here, timeouts below the advised ones."""
    name = element.get("id") or ""
    template = element.get("template")
    if template is not None and not select(env.root, "configuration/resources/template[@id=$t]", t=template):
        yield error("template-missing", f"{name}: no resource template is called {template}", about=name)
        return
    agent = agents.agent_name(env, element)
    if agent is None:
        return
    found = agents.metadata(agent)
    if found is None:
        if not agents.can_ask():
            return
        yield error(
            "agent-missing",
            f"{name}: no such resource agent: {agent}",
            "install it here, or force the commit",
            name,
            forcible=True,
        )
        return
    holders = [element, *select(env.root, "configuration/resources/template[@id=$t]", t=template or "")]
    given = {
        pair.get("name") or ""
        for holder in holders
        for pair in holder.iterfind("instance_attributes/nvpair")
        if pair.get("name")
    }
    referenced = any(
        holder.find("instance_attributes[@id-ref]") is not None
        or holder.find("instance_attributes/nvpair[@id-ref]") is not None
        for holder in holders
    )
    known = {one.name for one in found.parameters}
    fencing = agent.standard == "stonith"
    if element.tag == "primitive" and not referenced:
        for one in found.parameters:
            if one.required and one.name not in given and not (fencing and one.name in _SUPPLIED):
                if one.deprecated:
                    continue
                yield error(
                    "parameter-missing",
                    f'{name}: required parameter "{one.name}" not defined',
                    about=name,
                    forcible=True,
                )
    for one_name in sorted(given):
        if (
            one_name in known
            or (fencing and one_name.startswith("pcmk_"))
            or (one_name in _FENCING_PARAMETERS and fencing)
        ):
            continue
        if one_name in ("trace_ra", "trace_file", "trace_dir", "OCF_CHECK_LEVEL"):
            continue
        yield error(
            "parameter-unknown",
            f'{name}: parameter "{one_name}" is not known',
            _nearest(one_name, known),
            name,
            forcible=True,
        )
    yield from _timeouts(element, found)


_FENCING_PARAMETERS = frozenset({"provides", "stonith-timeout", "fencing-timeout", "priority"})


def _nearest(name: str, known: set[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, sorted(known), 1)
    return f"did you mean {close[0]}?" if close else ""


def _timeouts(element: Element, found: AgentMetadata) -> Iterator[Problem]:
    from hashell.values.intervals import interval_ms

    for one in element.iterfind("operations/op"):
        action = one.get("name") or ""
        advised = agents.advised_timeout(found, action, one.get("role") or "")
        given = one.get("timeout")
        if advised and given and interval_ms(given) < interval_ms(advised):
            yield warning(
                "timeout-small",
                f"{element.get('id')}: timeout {given} for {action} is smaller than the advised {advised}",
                about=element.get("id") or "",
            )


def _location(env: Env, element: Element) -> Iterator[Problem]:
    names = {name.lower() for name in env.node_names()}
    wanted = [
        element.get("node"),
        *(one.get("value") for one in element.iterfind("rule/expression") if one.get("attribute") == "#uname"),
    ]
    for node in wanted:
        if node and names and node.lower() not in names:
            yield warning(
                "node-missing",
                f"{element.get('id')}: referenced node {node} does not exist",
                about=element.get("id") or "",
            )


def _references(env: Env) -> Iterator[Problem]:
    """Constraints that name what is not there, or what they cannot be about."""
    resources: dict[str, Element] = {
        one.get("id") or "": one for one in env.root.iterfind("configuration/resources//*") if one.tag in RESOURCES
    }
    tags = {one.get("id") for one in env.root.iterfind("configuration/tags/tag")}
    section = env.root.find("configuration/constraints")
    for element in section if section is not None else ():
        if element.tag not in CONSTRAINTS:
            continue
        name = element.get("id") or ""
        named = [element.get(end) for end in ("rsc", "with-rsc", "first", "then") if element.get(end)]
        named += [one.get("id") for one in element.iterfind("resource_set/resource_ref")]
        for one in named:
            found = resources.get(one or "")
            if found is None and one not in tags:
                yield error(
                    "resource-missing", f"{name}: resource {one} does not exist", about=name, forcible=True,
                    what=one or "",
                )
                continue
            parent = found.getparent() if found is not None else None
            if (
                found is not None
                and element.tag != "rsc_location"
                and found.get("class") == "ocf"
                and found.get("type") == "remote"
            ):
                yield error(
                    "remote-in-constraint", f"{name}: cannot put remote resource {one} in a constraint", about=name
                )
            if parent is not None and parent.tag in CONTAINERS - {"group"}:
                yield warning(
                    "resource-ambiguous",
                    f"{name}: resource {one} ambiguous, apply constraints to container",
                    about=name,
                )
        if element.tag == "rsc_colocation" and element.get("rsc"):
            ends = (element.get("rsc"), element.get("with-rsc"))
            if all(end in tags or (end in resources and resources[end].tag == "template") for end in ends):
                yield error(
                    "templates-colocated",
                    f"{name}: two templates or tags cannot be colocated",
                    "use a resource set",
                    name,
                )
