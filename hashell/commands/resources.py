"""Resources: their state (start, stop, manage …), where they may run (move, ban, clear), one attribute of one, tracing.

Each function edits `env.root`; the caller commits. Source: crm_resource; Pacemaker Explained, "Moving resources".
"""

from __future__ import annotations

import datetime

from lxml import etree

from hashell.commands.binding import RESOURCES, Element, owner, select, texts
from hashell.commands.configure import set_in_first_set, set_pair
from hashell.commands.env import Env, need_node, need_resource
from hashell.commands.facts import knows_promoted
from hashell.errors import BadInput, BadUsage, NotFound, Refused

#: Words of the shells → element of an attribute set.
SETS = {"param": "instance_attributes", "meta": "meta_attributes", "utilization": "utilization"}
_OPPOSED = {"maintenance": "is-managed", "is-managed": "maintenance"}


def resources_named(env: Env, name: str) -> list[Element]:
    """A resource, or all resources that a tag names. Raises NotFound."""
    tag = select(env.root, "configuration/tags/tag[@id=$n]", n=name)
    if not tag:
        return [need_resource(env, name)]
    found: list[Element] = []
    for reference in tag[0].iterfind("obj_ref"):
        found.extend(resources_named(env, reference.get("id") or ""))
    return found


def top_of(resource: Element) -> Element:
    """The container that a resource is switched with: the outermost, but a group's member is switched alone."""
    parent = resource.getparent()
    if resource.tag == "primitive" and parent is not None and parent.tag == "group":
        return resource
    while parent is not None and parent.tag in RESOURCES:
        resource, parent = parent, parent.getparent()
    return resource


def set_meta_deep(env: Env, name: str, option: str, value: str) -> None:
    """A meta-attribute that switches a resource: on the outermost container, and off what it contains.

    A clone's resource loses its own value, since it would win over the clone's. Members of a group keep theirs; what
    stands against it there is said.
    """
    for resource in resources_named(env, name):
        target = top_of(resource)
        for child in target:
            if target.tag in ("clone", "master", "bundle") and child.tag in RESOURCES:
                _drop_meta(child, option)
        for member in select(target, "descendant::primitive"):
            if owner(member).tag == "group" and select(member, "meta_attributes/nvpair[@name=$n]", n=option):
                if env.force:
                    _drop_meta(member, option)
                else:
                    env.warn(f"{member.get('id')} has a {option} of its own, which stays")
        opposed = _OPPOSED.get(option, "")
        if opposed and select(target, "meta_attributes/nvpair[@name=$n]", n=opposed):
            env.warn(f"{target.get('id')} has {opposed} too; it stays")
        pairs = select(target, "meta_attributes/nvpair[@name=$n]", n=option)
        for pair in pairs:
            pair.set("value", value)
        if not pairs:
            set_in_first_set(env, target, "meta_attributes", option, value)


def _drop_meta(resource: Element, option: str) -> None:
    for holder in resource.findall("meta_attributes"):
        for pair in holder.findall("nvpair"):
            if pair.get("name") == option:
                holder.remove(pair)
        if not len(holder) and holder.get("id-ref") is None:
            resource.remove(holder)


def start(env: Env, names: list[str]) -> None:
    for name in names:
        set_meta_deep(env, name, "target-role", "Started")


def stop(env: Env, names: list[str]) -> None:
    for name in names:
        set_meta_deep(env, name, "target-role", "Stopped")


def set_role(env: Env, name: str, *, promoted: bool) -> None:
    """Promote or demote a promotable clone."""
    resource = top_of(need_resource(env, name))
    promotable = resource.tag == "master" or bool(
        select(
            resource,
            "meta_attributes/nvpair[@name='promotable' and (@value='true' or @value='yes' or @value='1' or @value='on')]",  # noqa: E501
        )
    )
    if not promotable and resource.tag != "bundle":
        raise BadInput(f"{name} is not a promotable resource", "make it a clone with meta promotable=true")
    role = "Promoted" if promoted else "Unpromoted"
    if not knows_promoted(env.validate_with):
        role = "Master" if promoted else "Slave"
    set_attribute(env, resource.get("id") or "", "meta", "target-role", role)


# --- one attribute -------------------------------------------------------------------------------------


def set_attribute(env: Env, name: str, kind: str, attribute: str, value: str) -> None:
    """`kind` is param, meta or utilization: where the attribute is, it changes; else it goes into the first set."""
    resource = need_resource(env, name)
    for pair in select(resource, f"{SETS[kind]}/nvpair[@name=$n]", n=attribute):
        pair.set("value", value)
        return
    holder = resource.find(SETS[kind])
    if holder is not None and holder.get("id-ref") is not None:
        holder = None
    if holder is not None:
        set_pair(env, holder, attribute, value)
    else:
        set_in_first_set(env, resource, SETS[kind], attribute, value)


def delete_attribute(env: Env, name: str, kind: str, attribute: str) -> None:
    """Nothing to delete is no error, as with crm_resource."""
    resource = need_resource(env, name)
    for pair in select(resource, f"{SETS[kind]}/nvpair[@name=$n]", n=attribute):
        owner(pair).remove(pair)


def attribute(env: Env, name: str, kind: str, wanted: str) -> str:
    """The value. Raises NotFound."""
    resource = need_resource(env, name)
    for value in texts(resource, f"{SETS[kind]}/nvpair[@name=$n]/@value", n=wanted):
        return str(value)
    raise NotFound(f"{name} has no {kind} {wanted}", f"set it with: resource {kind} {name} set {wanted} VALUE")


# --- placement -----------------------------------------------------------------------------------------


def until(lifetime: str, now_s: float) -> str:
    """The moment at which a lifetime ends: a duration of ISO 8601 from now, or a date, in UTC. Raises BadUsage."""
    import re

    if re.match(r"\d{4}-", lifetime):
        return lifetime
    text = lifetime if lifetime.startswith("P") else f"P{lifetime}"
    match = re.fullmatch(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", text)
    if match is None or not any(match.groups()):
        raise BadUsage(f"{lifetime!r} is no duration", "write it as PT5M, P1D, PT2H30M")
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    moment = datetime.datetime.fromtimestamp(int(now_s), datetime.UTC)
    month = moment.month - 1 + months
    year, month = moment.year + years + month // 12, month % 12 + 1
    last = (datetime.date(year + month // 12, month % 12 + 1, 1) - datetime.timedelta(days=1)).day
    try:
        moment = moment.replace(year=year, month=month, day=min(moment.day, last))
        moment += datetime.timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except (ValueError, OverflowError):
        raise BadUsage(f"{lifetime!r} leads beyond all dates", "choose a shorter one") from None
    return moment.strftime("%Y-%m-%d %H:%M:%S +00:00")


def _constraint(
    env: Env, name: str, role: str, node: str, score: str, ids: tuple[str, str, str, str], end: str
) -> None:
    """A location constraint with the ids that Pacemaker's tools use, in place of one with the same id."""
    section = env.section("constraints")
    for old in section.findall("rsc_location"):
        if old.get("id") == ids[0]:
            section.remove(old)
    env.forget_ids()
    element = etree.SubElement(section, "rsc_location", {"id": ids[0], "rsc": name, "role": role})
    if not end:
        element.set("node", node)
        element.set("score", score)
        return
    rule = etree.SubElement(element, "rule", {"id": ids[1], "score": score, "boolean-op": "and"})
    etree.SubElement(
        rule,
        "expression",
        {
            "id": ids[2],
            "attribute": "#uname",
            "operation": "eq",
            "value": node,
            "type": "string",
        },
    )
    etree.SubElement(rule, "date_expression", {"id": ids[3], "operation": "lt", "end": end})


def prefer(env: Env, name: str, node: str, *, end: str = "", promoted: bool = False) -> None:
    """Move a resource to a node: earlier moves of it, and a ban from there, go."""
    need_resource(env, name)
    node = need_node(env, node).get("uname") or node
    clear(env, name)
    ids = (
        f"cli-prefer-{name}",
        f"cli-prefer-rule-{name}",
        f"cli-prefer-expr-{name}",
        f"cli-prefer-lifetime-end-{name}",
    )
    _constraint(env, name, role_word(env, promoted=promoted), node, "INFINITY", ids, end)


def ban(env: Env, name: str, node: str, *, end: str = "", promoted: bool = False) -> None:
    """Keep a resource off a node."""
    need_resource(env, name)
    node = need_node(env, node).get("uname") or node
    base = f"cli-ban-{name}-on-{node}"
    for old in env.section("constraints").findall("rsc_location"):
        if old.get("id") == f"cli-prefer-{name}" and (
            old.get("node") == node or select(old, "rule/expression[@attribute='#uname' and @value=$n]", n=node)
        ):
            env.section("constraints").remove(old)
    _constraint(
        env,
        name,
        role_word(env, promoted=promoted),
        node,
        "-INFINITY",
        (base, f"{base}-rule", f"{base}-expr", f"{base}-lifetime"),
        end,
    )


def role_word(env: Env, *, promoted: bool) -> str:
    """How a constraint says the role in this schema."""
    if not promoted:
        return "Started"
    return "Promoted" if knows_promoted(env.validate_with) else "Master"


def clear(env: Env, name: str, node: str = "") -> list[str]:
    """Take moves and bans of a resource back, all or those about one node; the ids that went."""
    need_resource(env, name)
    gone: list[str] = []
    section = env.section("constraints")
    for element in section.findall("rsc_location"):
        own = element.get("id") or ""
        if element.get("rsc") != name or not own.startswith(("cli-prefer-", "cli-ban-", "cli-standby-")):
            continue
        about = element.get("node") or str(
            next(iter(texts(element, "rule/expression[@attribute='#uname']/@value")), "")
        )
        if not node or about == node:
            section.remove(element)
            gone.append(own)
    env.forget_ids()
    return gone


def node_of(env: Env, name: str) -> str:
    """The one node where a resource is active. Raises Refused when there is none or several."""
    from hashell.cib.document import Cib
    from hashell.commands.running import active_on

    resource = need_resource(env, name)
    nodes: dict[str, None] = {}
    for primitive in resource.iter("primitive"):
        nodes.update(dict.fromkeys(active_on(Cib(env.root), primitive.get("id") or "")))
    if not nodes:
        raise Refused(f"{name} is not active anywhere", "say from which node")
    if len(nodes) > 1:
        raise Refused(f"{name} is active on {', '.join(nodes)}", "say which node you mean")
    return next(iter(nodes))


def constraints_text(env: Env, name: str) -> list[str]:
    """The constraints on a resource, one a line: id, kind, score."""
    from hashell.commands.configure import constraints_on

    need_resource(env, name)
    return [
        f"{one.get('id')} ({str(one.tag).removeprefix('rsc_')}{', ' + (one.get('score') or one.get('kind') or '') if one.get('score') or one.get('kind') else ''})"  # noqa: E501
        for one in constraints_on(env, name)
    ]


# --- tracing -------------------------------------------------------------------------------------------


def trace(env: Env, name: str, operation: str = "", interval: str = "", folder: str = "") -> None:
    """Have an agent's runs written down, all operations or one; the parameters that OCF's shell library knows."""
    primitive = need_resource(env, name)
    if primitive.tag != "primitive":
        raise BadInput(f"{name} is a {primitive.tag}, not a primitive", "name the primitive inside")
    operations = primitive.find("operations")
    if operations is None:
        operations = etree.SubElement(primitive, "operations")
    wanted = (
        [operation]
        if operation
        else list(dict.fromkeys(["start", "stop", *(one.get("name") or "" for one in operations)]))
    )
    for task in wanted:
        matching = [
            one for one in operations.findall("op") if one.get("name") == task and interval in ("", one.get("interval"))
        ]
        if not matching:
            if task == "monitor" and not interval:
                raise NotFound(f"{name} has no monitor operation", f"add one: configure monitor {name} 10s")
            matching = [
                etree.SubElement(
                    operations,
                    "op",
                    {
                        "id": env.ids.make(f"{name}-{task}-{interval or '0'}"),
                        "name": task,
                        "interval": interval or "0",
                    },
                )
            ]
        for one in matching:
            set_in_first_set(env, one, "instance_attributes", "trace_ra", "1")
            if folder:
                set_in_first_set(env, one, "instance_attributes", "trace_dir", folder)


def untrace(env: Env, name: str, operation: str = "", interval: str = "") -> None:
    """Take tracing back; operations that were only there for it go too."""
    primitive = need_resource(env, name)
    for one in list(primitive.iterfind("operations/op")):
        if (operation and one.get("name") != operation) or (interval and one.get("interval") != interval):
            continue
        traced = False
        for pair in select(
            one, "instance_attributes/nvpair[@name='trace_ra' or @name='trace_dir' or @name='trace_file']"
        ):
            holder = owner(pair)
            holder.remove(pair)
            traced = True
            if not len(holder):
                one.remove(holder)
        parent = one.getparent()
        if (
            traced
            and parent is not None
            and not len(one)
            and set(one.attrib) <= {"id", "name", "interval"}
            and one.get("interval") == "0"
        ):
            parent.remove(one)
            if not len(parent) and not parent.attrib and parent.getparent() is not None:
                owner(parent).remove(parent)
    env.forget_ids()
