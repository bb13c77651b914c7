"""Constraints: where, together, in which order, under which ticket; pairs and sets, with ids as pcs makes them.

Source: Pacemaker Explained, "Resource Constraints"; pcs(8), "constraint".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree

from hashell.commands import creation, rules
from hashell.commands.binding import CONTAINERS, Element, find_resource, owner, select
from hashell.commands.env import Env
from hashell.commands.facts import knows_promoted, settle_role
from hashell.commands.problems import error, warning
from hashell.errors import BadInput, BadUsage, NotFound
from hashell.values.scores import is_score

ROLES = ("Started", "Stopped", "Promoted", "Unpromoted", "Master", "Slave")
ACTIONS = ("start", "stop", "promote", "demote")
KINDS = ("Optional", "Mandatory", "Serialize")
_DISCOVERY = ("always", "never", "exclusive")


@dataclass(slots=True)
class Members:
    """One resource set as it was asked for."""

    names: list[str]
    options: dict[str, str] = field(default_factory=dict)


def clean_id(text: str) -> str:
    """What of a text may stand inside an id."""
    return re.sub(r"[^\w.-]", "", text)


def check_resource(env: Env, name: str, *, exists: bool = True) -> Element | None:
    """A resource or tag that a constraint may be about; one inside a clone or bundle needs force."""
    found = find_resource(env.root, name)
    if found is None:
        if select(env.root, "configuration/tags/tag[@id=$n]", n=name):
            return None
        if exists:
            raise NotFound(f"Resource '{name}' does not exist", "see resource status")
        return None
    parent = found.getparent()
    while parent is not None and parent.tag in CONTAINERS:
        if parent.tag in ("clone", "master", "bundle"):
            kind = "clone" if parent.tag != "bundle" else "bundle"
            env.report(
                error(
                    "inside-container",
                    f"{name} is a {kind} resource, you should use the {kind} id: {parent.get('id')} when adding constraints",  # noqa: E501
                    forcible=True,
                )
            )
            break
        parent = parent.getparent()
    return found


def check_score(score: str) -> str:
    """Raises BadInput for what is no score."""
    if not is_score(score):
        raise BadInput(f"invalid score '{score}', use integer or INFINITY or -INFINITY", "give a number")
    return "INFINITY" if score == "+INFINITY" else score


def role(env: Env, text: str) -> str:
    """A role in the spelling that the schema knows. Raises BadUsage."""
    word = text[:1].upper() + text[1:].lower()
    if word not in ROLES:
        raise BadUsage(
            f"invalid role value '{text}', allowed values are: 'Promoted', 'Started', 'Stopped', 'Unpromoted'",
            "name a role",
        )
    return settle_role("role", word, knows_promoted(env.validate_with), convert=True)


def _identity(env: Env, wanted: str, given: str = "") -> str:
    if given:
        creation.check_free(env, given, "constraint id")
        env.ids.take(given)
        return given
    return env.ids.numbered(wanted)


def _refuse_twin(env: Env, element: Element, names: tuple[str, ...]) -> None:
    """The same constraint twice is an accident unless forced."""
    for one in env.section("constraints").findall(str(element.tag)):
        if (
            one is not element
            and all(one.get(name) == element.get(name) for name in names)
            and one.find("resource_set") is None
        ):
            env.report(error("duplicate", f"duplicate constraint already exists: {one.get('id')}", forcible=True))
            return


# --- location ------------------------------------------------------------------------------------------


def resource_spec(text: str) -> tuple[str, str]:
    """`rsc` or `rsc-pattern`, and its value: `id`, `%id`, `resource%id`, `regexp%RE`."""
    kind, percent, value = text.partition("%")
    if not percent:
        return "rsc", text
    if kind in ("", "resource"):
        return "rsc", value
    if kind == "regexp":
        return "rsc-pattern", value
    raise BadUsage(f"'{kind}' is not a valid type of a resource, use 'resource' or 'regexp'", "write regexp%PATTERN")


def prefer(env: Env, spec: str, nodes: Mapping[str, str], *, avoid: bool = False) -> None:
    """Points for a resource on nodes; `avoid` turns their sign. What was said of the two before is replaced."""
    kind, value = resource_spec(spec)
    if kind == "rsc":
        check_resource(env, value)
    section = env.section("constraints")
    for node, text in nodes.items():
        score = check_score(text or "INFINITY")
        if avoid:
            score = score[1:] if score.startswith("-") else f"-{score.removeprefix('+')}"
        identity = clean_id(f"location-{value}-{node}-{score}")
        _drop_location(env, identity, kind, value, node)
        env.ids.take(identity)
        etree.SubElement(section, "rsc_location", {"id": identity, kind: value, "node": node, "score": score})


def _drop_location(env: Env, identity: str, kind: str, value: str, node: str) -> None:
    """Take out what a new constraint takes the place of."""
    section = env.section("constraints")
    for old in section.findall("rsc_location"):
        if old.get("id") == identity or (old.get(kind) == value and old.get("node") == node):
            section.remove(old)
            env.ids.release(old)


def location(env: Env, identity: str, spec: str, node: str, score: str, options: Mapping[str, str]) -> None:
    """A location constraint with a chosen id; one with the same id, or of the same resource and node, is replaced."""
    kind, value = resource_spec(spec)
    if kind == "rsc":
        check_resource(env, value)
    discovery = options.get("resource-discovery")
    if discovery is not None and discovery not in _DISCOVERY:
        env.report(
            error(
                "discovery",
                f"'{discovery}' is not a valid resource-discovery value, use 'always', 'exclusive', 'never'",
                forcible=True,
            )
        )
    unknown = [name for name in options if name != "resource-discovery"]
    odd = [name for name in unknown if not re.fullmatch(r"[A-Za-z_][\w.-]*", name, re.ASCII)]
    if odd:
        raise BadUsage(f"{odd[0]!r} cannot be the name of an option", "use letters, digits and -")
    if unknown:
        env.report(error("location-option", f"bad option '{unknown[0]}', use --force to override", forcible=True))
    section = env.section("constraints")
    _drop_location(env, identity, kind, value, node)
    creation.check_free(env, identity, "constraint id")
    attributes = {"id": identity, kind: value, "node": node, "score": check_score(score)}
    etree.SubElement(section, "rsc_location", {**attributes, **options})
    env.ids.take(identity)


def location_rule(env: Env, spec: str, sketch: Element, options: Mapping[str, str]) -> None:
    """A location constraint whose score holds where a rule does."""
    kind, value = resource_spec(spec)
    if kind == "rsc":
        check_resource(env, value)
    identity = _identity(env, clean_id(f"location-{value}"), options.get("constraint-id", ""))
    element = etree.SubElement(env.section("constraints"), "rsc_location", {"id": identity, kind: value})
    if options.get("resource-discovery"):
        element.set("resource-discovery", options["resource-discovery"])
    _put_rule(env, element, sketch, options)


def _put_rule(env: Env, element: Element, sketch: Element, options: Mapping[str, str]) -> None:
    if options.get("score") and options.get("score-attribute"):
        raise BadUsage("can not specify both score and score-attribute", "give one")
    if options.get("score-attribute"):
        sketch.set("score-attribute", options["score-attribute"])
    else:
        sketch.set("score", check_score(options.get("score") or "INFINITY"))
    if options.get("role"):
        word = role(env, options["role"])
        if word not in ("Promoted", "Unpromoted", "Master", "Slave"):
            raise BadUsage(
                f"invalid role '{options['role']}', use 'promoted' or 'unpromoted'", "name a role of a promotable clone"
            )
        sketch.set("role", word)
    rule_id = _identity(env, f"{element.get('id')}-rule", options.get("id", ""))
    element.append(rules.settle(env, sketch, rule_id))


def add_rule(env: Env, constraint: str, sketch: Element, options: Mapping[str, str]) -> None:
    """A further rule for a location constraint."""
    for element in env.section("constraints").findall("rsc_location"):
        if element.get("id") == constraint:
            _put_rule(env, element, sketch, options)
            return
    raise NotFound(f"Unable to find constraint: {constraint}", "see constraint --full")


# --- colocation, order, ticket -------------------------------------------------------------------------


def colocation(
    env: Env, first: str, second: str, score: str, roles: tuple[str, str], options: Mapping[str, str]
) -> None:
    """`first` where `second` is; a role on one side makes the other Started."""
    check_resource(env, first)
    check_resource(env, second)
    score = check_score(score)
    for name, value in options.items():
        if name not in ("id", "influence", "node-attribute", "score"):
            raise BadUsage(
                f"invalid option '{name}', allowed options are: 'id', 'influence', 'node-attribute', 'score'",
                "leave it out",
            )
        if name == "influence" and value.lower() not in ("true", "false"):
            raise BadInput(f"'{value}' is not a valid influence value, use 'true' or 'false'", "give a boolean")
    identity = _identity(env, clean_id(f"colocation-{first}-{second}-{score}"), options.get("id", ""))
    attributes = {"rsc": first, "with-rsc": second, "score": score}
    if any(roles):
        attributes["rsc-role"] = role(env, roles[0] or "Started")
        attributes["with-rsc-role"] = role(env, roles[1] or "Started")
    attributes.update({name: value for name, value in options.items() if name not in ("id", "score")})
    element = etree.SubElement(env.section("constraints"), "rsc_colocation", {**attributes, "id": identity})
    _refuse_twin(env, element, ("rsc", "with-rsc", "rsc-role", "with-rsc-role"))


def order(env: Env, first: str, then: str, actions: tuple[str, str], options: Mapping[str, str]) -> Element:
    """`then` after `first`. Raises BadInput for two members of a group that it orders the other way.

    The group's own order said once more does no harm, and tutorials say it.
    """
    one, other = check_resource(env, first), check_resource(env, then)
    if one is not None and other is not None and one is not other and not env.force:
        group = owner(one)
        if group is owner(other) and group.tag == "group" and group.index(other) < group.index(one):
            raise BadInput("Cannot create an order constraint for resources in the same group", "the group orders them")
    given = dict(options)
    for name, value in given.items():
        if name not in ("id", "kind", "symmetrical", "require-all", "score"):
            raise BadUsage(
                f"invalid order option '{name}', allowed options are: 'id', 'kind', 'require-all', 'symmetrical'",
                "leave it out",
            )
        if name in ("symmetrical", "require-all") and value.lower() not in ("true", "false"):
            raise BadInput(f"'{value}' is not a valid {name} value, use 'true' or 'false'", "give a boolean")
    kind = given.pop("kind", "")
    suffix = kind or "mandatory"
    if kind:
        matching = [one for one in KINDS if one.lower() == kind.lower()]
        if not matching:
            raise BadInput(
                f"invalid kind value '{kind}', allowed values are: 'Mandatory', 'Optional', 'Serialize'", "name a kind"
            )
        kind = matching[0]
    elif given.get("score"):
        suffix = given["score"]
    identity = _identity(env, clean_id(f"order-{first}-{then}-{suffix}"), given.pop("id", ""))
    attributes = {
        "first": first,
        "then": then,
        "first-action": actions[0] or "start",
        "then-action": actions[1] or "start",
    }
    if kind:
        attributes["kind"] = kind
    element = etree.SubElement(env.section("constraints"), "rsc_order", {**attributes, **given, "id": identity})
    _refuse_twin(env, element, ("first", "then", "first-action", "then-action"))
    return element


def ticket(env: Env, name: str, resource: str, role_text: str, options: Mapping[str, str]) -> None:
    """A resource that needs a ticket, maybe only in one role."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise BadInput(f"invalid ticket name '{name}'", "use letters, digits, _, - and dots")
    check_resource(env, resource)
    _check_loss(env, options)
    word = role(env, role_text) if role_text else ""
    wanted = f"ticket-{name}-{resource}" + (f"-{word}" if word else "")
    attributes = {"id": _identity(env, clean_id(wanted), options.get("id", "")), "rsc": resource, "ticket": name}
    if word:
        attributes["rsc-role"] = word
    if options.get("loss-policy"):
        attributes["loss-policy"] = options["loss-policy"]
    element = etree.SubElement(env.section("constraints"), "rsc_ticket", attributes)
    _refuse_twin(env, element, ("rsc", "ticket", "rsc-role"))


def _check_loss(env: Env, options: Mapping[str, str]) -> None:
    policy = options.get("loss-policy", "stop")
    if policy not in ("stop", "demote", "fence", "freeze"):
        raise BadInput(
            f"invalid loss-policy value '{policy}', allowed values are: 'demote', 'fence', 'freeze', 'stop'", "name one"
        )
    from hashell.commands.checks import fences

    if policy == "fence" and not fences(env):
        env.report(warning(
            "ticket-fence", "loss-policy=fence without fencing would mean stop: stonith-enabled is false"
        ))


_SET_OPTIONS = {
    "rsc_colocation": {"id", "score", "influence"},
    "rsc_order": {"id", "kind", "symmetrical"},
    "rsc_ticket": {"id", "ticket", "loss-policy"},
}


def sets(env: Env, tag: str, members: list[Members], options: Mapping[str, str]) -> None:
    """A constraint over resource sets. `tag` is rsc_colocation, rsc_order or rsc_ticket."""
    for name in options:
        if name not in _SET_OPTIONS[tag]:
            allowed = ", ".join(f"'{one}'" for one in sorted(_SET_OPTIONS[tag]))
            raise BadUsage(f"invalid option '{name}', allowed options are: {allowed}", "leave it out")
    names = [name for one in members for name in one.names]
    if not names or not all(one.names for one in members):
        raise BadUsage("empty resource set list", "name resources after each `set`")
    for name in names:
        check_resource(env, name)
    attributes = {name: value for name, value in options.items() if name != "id"}
    if tag == "rsc_colocation":
        attributes["score"] = check_score(attributes.get("score", "INFINITY"))
    if tag == "rsc_order" and "kind" in attributes:
        kinds = [one for one in KINDS if one.lower() == attributes["kind"].lower()]
        if not kinds:
            raise BadInput(
                f"'{attributes['kind']}' is not a valid kind value, use 'Mandatory', 'Optional', 'Serialize'",
                "name a kind",
            )
        attributes["kind"] = kinds[0]
    if tag == "rsc_order" and attributes.get("symmetrical", "true").lower() not in ("true", "false"):
        raise BadInput(
            f"'{attributes['symmetrical']}' is not a valid symmetrical value, use 'true', 'false'", "give a boolean"
        )
    if tag == "rsc_ticket":
        if not attributes.get("ticket"):
            raise BadInput("required option 'ticket' is missing", "give setoptions ticket=…")
        _check_loss(env, attributes)
    letters = "".join(name[0] + name[-1] for name in names[:3])
    identity = _identity(env, f"{tag.removeprefix('rsc_')}_set_{letters}", options.get("id", ""))
    element = etree.SubElement(env.section("constraints"), tag, {**attributes, "id": identity})
    for one in members:
        checked = _set_options(env, tag, one.options)
        holder = etree.SubElement(element, "resource_set", {**checked, "id": env.ids.numbered(f"{identity}_set")})
        for name in one.names:
            etree.SubElement(holder, "resource_ref", {"id": name})


def _set_options(env: Env, tag: str, options: Mapping[str, str]) -> dict[str, str]:
    checked: dict[str, str] = {}
    for name, value in options.items():
        if name in ("sequential", "require-all"):
            if value.lower() not in ("true", "false"):
                raise BadInput(f"'{value}' is not a valid {name} value, use 'true' or 'false'", "give a boolean")
            checked[name] = value.lower()
        elif name == "role":
            checked[name] = role(env, value)
        elif name == "action":
            if value not in ACTIONS:
                raise BadInput(
                    f"'{value}' is not a valid action value, use 'demote', 'promote', 'start', 'stop'", "name an action"
                )
            checked[name] = value
        else:
            raise BadUsage(
                f"invalid set option '{name}', allowed options are: 'action', 'require-all', 'role', 'sequential'",
                "leave it out",
            )
    return checked


# --- taking away ---------------------------------------------------------------------------------------


def remove(env: Env, names: list[str]) -> None:
    """Constraints, or rules of them, by id. Raises NotFound before anything is removed."""
    section = env.section("constraints")
    found: list[Element] = []
    for name in names:
        elements = select(section, "*[@id=$n] | */rule[@id=$n]", n=name)
        if not elements:
            raise NotFound(f"Unable to find constraint - '{name}'", "see constraint --full")
        found.append(elements[0])
    for element in found:
        drop(element)
    env.forget_ids()


def drop(element: Element) -> None:
    """A constraint, or a rule; the last rule takes its constraint along."""
    parent = element.getparent()
    if parent is None:
        return
    parent.remove(element)
    if element.tag == "rule" and parent.find("rule") is None:
        drop(parent)


def remove_pair(env: Env, tag: str, names: tuple[str, str], first: str, second: str) -> None:
    """Every constraint between two resources, whichever way round. Raises NotFound."""
    found = [
        one
        for one in env.section("constraints").findall(tag)
        if {one.get(names[0]), one.get(names[1])} == {first, second}
    ]
    if not found:
        raise NotFound("No matching resources found in colocation list", "see constraint --full")
    for one in found:
        drop(one)
    env.forget_ids()


def remove_orders(env: Env, names: list[str]) -> None:
    """Resources out of the orders that name them, and out of every resource set, of whatever constraint, as pcs does.

    A set that becomes empty goes, and a constraint whose last set went. Raises NotFound if none of them is anywhere.
    """
    section = env.section("constraints")
    found = [one for one in section.findall("rsc_order") if one.get("first") in names or one.get("then") in names]
    references = [one for one in select(section, "*/resource_set/resource_ref") if one.get("id") in names]
    if not found and not references:
        raise NotFound("No matching resources found in ordering list", "see constraint --full")
    for one in found:
        drop(one)
    _drop_references(references)
    env.forget_ids()


def _drop_references(references: list[Element]) -> None:
    """Members out of their sets; what holds nothing any more goes too."""
    for reference in references:
        holder = owner(reference)
        holder.remove(reference)
        if holder.find("resource_ref") is not None:
            continue
        constraint = owner(holder)
        constraint.remove(holder)
        if constraint.find("resource_set") is None:
            drop(constraint)


def remove_ticket(env: Env, name: str, resource: str) -> None:
    """A resource out of a ticket's constraints, sets included."""
    hit = False
    for one in env.section("constraints").findall("rsc_ticket"):
        if one.get("ticket") != name:
            continue
        if one.get("rsc") == resource:
            drop(one)
            hit = True
        references = select(one, "resource_set/resource_ref[@id=$n]", n=resource)
        _drop_references(references)
        hit = hit or bool(references)
    if not hit:
        raise NotFound(f"no ticket constraint of {resource} with {name}", "see constraint --full")
    env.forget_ids()
