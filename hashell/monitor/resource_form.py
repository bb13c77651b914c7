"""Forms of resources: the fields of a new or an existing one, from what its agent says, and the act that comes of it.

Pure, but for the agents' own words, which come in as data.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from lxml import etree

from hashell.cib.document import Cib
from hashell.commands import configure, members, resources
from hashell.commands.binding import MEMBER, attributes, settle_ids, texts
from hashell.commands.env import Env, need_resource
from hashell.errors import BadInput, NotFound
from hashell.monitor.acts import Act, Danger
from hashell.monitor.drafts import check
from hashell.monitor.fields import Field, pairs
from hashell.monitor.views.details import STARS, is_secret
from hashell.values.agent_names import AgentName

if TYPE_CHECKING:
    from hashell.agents.metadata import AgentAction, AgentMetadata, AgentParameter

#: From what was typed into a form to the act of it.
Maker = Callable[[dict[str, str]], Act]
PARAMETERS, OPERATIONS, META, PLACE = "Parameters", "Operations", "Options of the resource", "Where it belongs"
_NAME, _GROUP, _CLONE = "name", "group", "clone"
_CLONES = ("no", "yes", "promotable")
#: Operations that a form offers; the others an agent has are not scheduled, or need no times.
_SCHEDULED = ("start", "stop", "monitor", "promote", "demote", "migrate_to", "migrate_from", "notify", "reload-agent")
#: Of these the advised times are filled in from the beginning.
_FILLED = ("start", "stop", "monitor")
#: Meta-attributes that a form offers, with a line about each and what they may be.
META_OPTIONS = (
    ("target-role", "what the cluster should bring about", "select", ("Started", "Stopped", "Promoted", "Unpromoted")),
    ("is-managed", "false: the cluster leaves it alone", "boolean", ()),
    ("maintenance", "true: left alone, also by recurring monitors", "boolean", ()),
    ("priority", "whom to stop first when not all can run: the lower number", "string", ()),
    ("resource-stickiness", "points for staying where it is", "string", ()),
    ("migration-threshold", "failures on a node before it must leave; 0 means never", "string", ()),
    ("failure-timeout", "after this long a failure is forgotten", "time", ()),
    ("multiple-active", "what is done when it is found active twice", "select",
     ("stop_start", "stop_only", "block", "stop_unexpected")),
    ("allow-migrate", "true: may move live", "boolean", ()),
)


# --- fields ---------------------------------------------------------------------------------------------


def new_fields(cib: Cib, agent: AgentName, said: AgentMetadata | None) -> list[Field]:
    """The form of a new resource: its name, where it belongs, parameters, operations, options."""
    taken = frozenset(texts(cib.root, "configuration//@id"))
    fields = [
        Field(_NAME, "", "a name of your choice", required=True, type="id", taken=taken, offered=_free(agent, taken))
    ]
    fields += _place(cib, "", "no")
    fields += _parameters(said, {})
    fields += _operations(said, [])
    fields += _meta({})
    return fields


def fields_of(cib: Cib, resource: str, said: AgentMetadata | None) -> list[Field]:
    """The form of a resource that there is. Raises NotFound, BadInput."""
    element = _need(cib, resource)
    fields: list[Field] = []
    if element.tag == "primitive":
        fields += _place(cib, *_where(element), only=_container(element))
        fields += _parameters(said, _given(element, "instance_attributes"))
        fields += _operations(said, list(element.iterfind("operations/op")))
    fields += _meta(_given(element, "meta_attributes"))
    return fields


def _need(cib: Cib, resource: str) -> etree._Element:
    element = cib.by_id(resource)
    if element is None:
        raise NotFound(f"no resource is called {resource}", "it may have been deleted meanwhile")
    return element


def _free(agent: AgentName, taken: frozenset[str]) -> str:
    """A name to begin with: the agent's, with a number where that is taken."""
    name = agent.type.lower().removeprefix("fence_") if agent.standard != "stonith" else agent.type
    kept = "".join(char if char.isalnum() or char in "._-" else "-" for char in name)
    name = kept.lstrip("0123456789.-") or "rsc"
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    return found


def _where(element: etree._Element) -> tuple[str, str]:
    """(group, clone) that a primitive is in."""
    holder = element.getparent()
    group = ""
    if holder is not None and holder.tag == "group":
        group = holder.get("id", "")
        holder = holder.getparent()
    if holder is None or holder.tag not in ("clone", "master"):
        return group, "no"
    promotable = holder.tag == "master" or _given(holder, "meta_attributes").get("promotable", "") == "true"
    return group, "promotable" if promotable else "yes"


def _container(element: etree._Element) -> bool:
    """Whether a primitive is where its form cannot move it: in a bundle, or in a group that is cloned."""
    holder = element.getparent()
    above = holder.getparent() if holder is not None else None
    return (holder is not None and holder.tag == "bundle") or (above is not None and above.tag in ("clone", "master"))


def _place(cib: Cib, group: str, clone: str, *, only: bool = False) -> Iterator[Field]:
    if only:
        return
    groups = tuple(one.get("id", "") for one in cib.root.iterfind("configuration/resources//group"))
    yield Field(
        _GROUP, group, "the group it is the last member of; a name that there is not yet makes a new one",
        values=groups, section=PLACE,
    )
    yield Field(
        _CLONE, clone, "yes: an instance on every node; promotable: some of them are promoted", type="select",
        values=_CLONES, section=PLACE,
    )


def _given(element: etree._Element, tag: str) -> dict[str, str]:
    found = element.iterfind(f"{tag}/nvpair")
    return {pair.get("name", ""): pair.get("value", "") for pair in found if pair.get("name")}


def _parameters(said: AgentMetadata | None, given: dict[str, str]) -> list[Field]:
    """Those that the agent calls required first, then what is set, then the rest in the agent's order."""
    known = [_parameter(one, given.pop(one.name, "")) for one in (said.parameters if said is not None else ())
             if not one.deprecated or one.name in given]
    own = [Field(name, value, "the agent does not know it", section=PARAMETERS) for name, value in given.items()]
    return sorted(known, key=lambda one: (not one.required, not one.value)) + own


def _parameter(one: AgentParameter, value: str) -> Field:
    text = one.shortdesc or one.longdesc.partition("\n")[0]
    if one.deprecated:
        text = f"(deprecated{f', use {one.replaced_by}' if one.replaced_by else ''}) {text}"
    # A fence agent calls things required that the cluster fills in itself.
    required = one.required and one.name not in ("action", "port", "plug")
    return Field(
        one.name, value, text, one.default or "", required, one.type, tuple(one.values), section=PARAMETERS,
    )


def _operations(said: AgentMetadata | None, there: Sequence[etree._Element]) -> list[Field]:
    """What is configured, then what the agent advises; a name is `op monitor 10s Promoted`."""
    fields = [
        Field(
            operation_name(one), _words(attributes(one)), "attributes as name=value; empty takes the operation out",
            type="operation", section=OPERATIONS,
        ) for one in there
    ]
    names = {one.get("name") for one in there}
    for one in _advised(said):
        if one.name in names:
            continue
        told = {"interval": one.interval or "10s", "timeout": one.timeout} if one.name == "monitor" else (
            {"timeout": one.timeout}
        )
        if one.role:
            told["role"] = one.role
        text = " ".join(f"{name}={value}" for name, value in told.items() if value)
        fill = not there and one.name in _FILLED
        name = "op " + " ".join(filter(None, (one.name, one.role)))
        if any(field.name == name for field in fields):
            continue
        fields.append(Field(
            name, "", "the agent advises this", text if not fill else "", type="operation", section=OPERATIONS,
            offered=text if fill else "",
        ))
    return fields


def _advised(said: AgentMetadata | None) -> Iterator[AgentAction]:
    if said is None:
        return
    for name in _SCHEDULED:
        yield from (one for one in said.actions if one.name == name and not one.depth)


def operation_name(op: etree._Element) -> str:
    """How a form calls an operation that there is."""
    parts = (op.get("name", ""), op.get("interval", "") if op.get("name") == "monitor" else "", op.get("role", ""))
    return "op " + " ".join(filter(None, parts))


def _words(told: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in told.items() if name not in ("id", "name"))


def _meta(given: dict[str, str]) -> list[Field]:
    known = [
        Field(name, given.pop(name, ""), text, type=kind, values=values, section=META)
        for name, text, kind, values in META_OPTIONS
    ]
    own = [Field(name, value, section=META) for name, value in given.items()]
    return sorted([*known, *own], key=lambda one: not one.value)


# --- acts -----------------------------------------------------------------------------------------------


def _split(fields: Sequence[Field], changed: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What was typed, by sections. What is in no field was added by hand: a parameter."""
    sections = {field.name: field.section for field in fields}
    found: dict[str, dict[str, str]] = {PARAMETERS: {}, OPERATIONS: {}, META: {}, PLACE: {}, "": {}}
    for name, value in changed.items():
        found[sections.get(name, PARAMETERS)][name] = value
    return found


def create(cib: Cib, agent: AgentName, fields: Sequence[Field], typed: Mapping[str, str]) -> Act:
    """A new resource of what was typed into its form."""
    parts = _split(fields, typed)
    name = parts[""].get(_NAME, "") or next((one.offered for one in fields if one.name == _NAME), "")
    operations = [
        {"name": key.split()[1], **pairs(value)} for key, value in parts[OPERATIONS].items() if value
    ]
    parameters = {key: value for key, value in parts[PARAMETERS].items() if value}
    meta = {key: value for key, value in parts[META].items() if value}
    group, clone = parts[PLACE].get(_GROUP, ""), parts[PLACE].get(_CLONE, "no")
    if group and clone != "no":
        raise BadInput(f"{name} is a member of {group} or a clone, not both", "clone the group instead, or clear one")
    made = not group or cib.by_id(group) is None

    def edit(env: Env) -> None:
        configure.create(env, _sketch(name, agent, parameters, operations, meta))
        if group and made:
            configure.create(env, _group_of(group, name))
        elif group:
            configure.change_group(env, group, "add", name)
        if clone != "no":
            members.clone(env, name, promotable=clone == "promotable")
        check(env)

    words = [f"configure primitive {name} {agent}"]
    words += _section_words("params", parameters)
    for one in operations:
        words.append(" ".join(["op", one["name"], *_quoted({key: one[key] for key in one if key != "name"})]))
    words += _section_words("meta", meta)
    lines = [" ".join(words)]
    if group:
        lines.append(f"configure group {group} {name}" if made else f"configure modgroup {group} add {name}")
    if clone != "no":
        promoted = " meta promotable=true" if clone == "promotable" else ""
        lines.append(f"configure clone {name}-clone {name}{promoted}")
    return Act(f"new resource {name}", " && ".join(lines), Danger.CHANGES, edit)


def _group_of(group: str, member: str) -> etree._Element:
    """A group around a resource that there is."""
    sketch = etree.Element("group", id=group)
    etree.SubElement(sketch, MEMBER, id=member)
    return sketch


def _sketch(
    name: str, agent: AgentName, parameters: Mapping[str, str], operations: Sequence[Mapping[str, str]],
    meta: Mapping[str, str],
) -> etree._Element:
    given = {"class": agent.standard, "provider": agent.provider, "type": agent.type}
    sketch = etree.Element("primitive", {"id": name} | {key: value for key, value in given.items() if value})
    _add_set(sketch, "instance_attributes", parameters)
    _add_set(sketch, "meta_attributes", meta)
    if operations:
        holder = etree.SubElement(sketch, "operations")
        for one in operations:
            etree.SubElement(holder, "op", {"interval": "0s", **one})
    return sketch


def _add_set(sketch: etree._Element, tag: str, values: Mapping[str, str]) -> None:
    if values:
        holder = etree.SubElement(sketch, tag)
        for name, value in values.items():
            etree.SubElement(holder, "nvpair", name=name, value=value)


def change(cib: Cib, resource: str, fields: Sequence[Field], changed: Mapping[str, str]) -> Act:
    """What was changed in the form of a resource that there is; made on the CIB that the form was filled from."""
    element = _need(cib, resource)
    parts = _split(fields, changed)
    kinds = (("param", parts[PARAMETERS]), ("meta", parts[META]))
    group, clone = _where(element)
    to_group = parts[PLACE].get(_GROUP, group)
    to_clone = parts[PLACE].get(_CLONE, clone) or "no"
    if to_group and to_clone != "no" and (group, clone) != (to_group, to_clone):
        raise BadInput(f"{resource} is a member of {to_group} or a clone, not both", "clone the group, or clear one")

    def edit(env: Env) -> None:
        need_resource(env, resource)
        for kind, values in kinds:
            for name, value in values.items():
                if value:
                    resources.set_attribute(env, resource, kind, name, value)
                else:
                    resources.delete_attribute(env, resource, kind, name)
        for name, value in parts[OPERATIONS].items():
            _put_operation(env, resource, name, value)
        if clone not in {to_clone, "no"}:
            members.unclone(env, resource)
        if to_group != group:
            _regroup(env, resource, group, to_group)
        if to_clone not in (clone, "no"):
            members.clone(env, resource, promotable=to_clone == "promotable")
        check(env)

    words = [
        f"resource {kind} {resource} " + (f"set {name} {_told(name, value)}" if value else f"delete {name}")
        for kind, values in kinds for name, value in values.items()
    ]
    words += [_operation_words(resource, name, value) for name, value in parts[OPERATIONS].items()]
    if to_group != group:
        words += [f"configure modgroup {group} remove {resource}"] * bool(group)
        words += [f"configure modgroup {to_group} add {resource}"] * bool(to_group)
    if to_clone != clone:
        words += [f"pcs resource unclone {resource}"] * (clone != "no")
        words += [f"configure clone {resource}-clone {resource}"] * (to_clone != "no")
    return Act(f"edit {resource}", " && ".join(words), Danger.INTERRUPTS, edit, base=cib)


def _regroup(env: Env, resource: str, old: str, new: str) -> None:
    if old:
        if len(need_resource(env, old).findall("primitive")) == 1:
            members.group_remove(env, old, [resource])
        else:
            configure.change_group(env, old, "remove", resource)
    if not new:
        return
    if env.by_id(new) is None:
        configure.create(env, _group_of(new, resource))
    else:
        configure.change_group(env, new, "add", resource)


def _put_operation(env: Env, resource: str, name: str, value: str) -> None:
    """An operation as its field says: changed, new, or (empty) gone."""
    primitive = need_resource(env, resource)
    holder = primitive.find("operations")
    if holder is None:
        holder = etree.SubElement(primitive, "operations")
    old = next((one for one in holder.iterfind("op") if operation_name(one) == name), None)
    if not value:
        if old is not None:
            holder.remove(old)
        return
    wanted = {"name": name.split()[1], "interval": "0s", **pairs(value)}
    if old is None:
        sketch = etree.SubElement(holder, "op", wanted)
        settle_ids(sketch, None, env.ids, resource)
        return
    for key in [str(key) for key in old.attrib if key not in ("id", *wanted)]:
        del old.attrib[key]
    for key, text in wanted.items():
        old.set(key, text)


def _operation_words(resource: str, name: str, value: str) -> str:
    told = name.removeprefix("op ").split()[0]
    if not value:
        return f"pcs resource op remove {resource} {told}"
    return f"pcs resource update {resource} op {told} {value}"


def _section_words(keyword: str, values: Mapping[str, str]) -> list[str]:
    return [" ".join([keyword, *_quoted(values)])] if values else []


def _quoted(values: Mapping[str, str]) -> list[str]:
    return [f"{name}={_told(name, value)}" for name, value in values.items()]


def _told(name: str, value: str) -> str:
    """A value as the history may keep it."""
    return STARS if is_secret(name) else _quote(value)


def _quote(value: str) -> str:
    return value if shlex.quote(value) == value else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
