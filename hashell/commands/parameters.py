"""What a resource that is there is given: parameters, meta-attributes, utilization, operations. An empty value
removes.
"""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from hashell.commands import agents, binding, creation
from hashell.commands.binding import Element, owner, select, texts
from hashell.commands.env import Env
from hashell.errors import AlreadyExists, BadInput, NotFound


def update_set(env: Env, holder: Element, tag: str, pairs: Mapping[str, str], *, name: str = "") -> None:
    """Change, add and remove pairs of the first set of a kind; a set is made when there is something to put in."""
    sets = holder.findall(tag)
    element = sets[0] if sets else None
    for one, value in pairs.items():
        known = [pair for each in sets for pair in each.findall("nvpair") if pair.get("name") == one]
        for pair in known:
            if value == "":
                owner(pair).remove(pair)
            else:
                pair.set("value", value)
        if known or value == "":
            continue
        if element is None:
            element = creation.add_set(env, holder, tag, {one: value}, name=name)
            sets = [element] if element is not None else []
            continue
        element.append(
            etree.Element(
                "nvpair",
                {
                    "id": env.ids.numbered(f"{element.get('id')}-{one}"),
                    "name": one,
                    "value": value,
                },
            )
        )


def update(
    env: Env,
    primitive: Element,
    parameters: Mapping[str, str],
    meta: Mapping[str, str],
    operations: list[dict[str, str]],
) -> None:
    """A primitive's parameters, meta-attributes and operations; checks are reported."""
    agent = agents.agent_name(env, primitive)
    if agent is not None and parameters:
        creation.check_fence_action(env, agent, parameters)
        said = agents.metadata(agent)
        env.problems += list(
            creation.check_parameters(
                said, agent, {key: value for key, value in parameters.items() if value != ""}, complete=False
            )
        )
        if said is not None:
            for one in said.parameters:
                supplied = agent.standard == "stonith" and one.name in creation.SUPPLIED
                if one.required and not one.deprecated and not supplied and parameters.get(one.name) == "":
                    from hashell.commands.problems import error

                    env.report(
                        error("parameter-missing", f"required resource option '{one.name}' is missing", forcible=True)
                    )
    update_set(env, primitive, "instance_attributes", parameters)
    update_set(env, primitive, "meta_attributes", meta)
    for operation in operations:
        put_operation(env, primitive, operation)


def put_operation(env: Env, primitive: Element, attributes: dict[str, str]) -> None:
    """An operation in the place of the one with the same name (and, for monitors, interval or role), or a new one."""
    from hashell.values.intervals import interval_ms

    name = attributes["name"]
    if attributes.get("interval") == "":
        raise BadInput("'' is not a valid interval value, use time interval (e.g. 1, 2s, 3m, 4h, ...)", "give a time")
    holder = primitive.find("operations")
    if holder is None:
        holder = etree.SubElement(primitive, "operations")
    same = [one for one in holder.findall("op") if one.get("name") == name]
    if name == "monitor" and len(same) > 1:
        same = [
            one
            for one in same
            if interval_ms(one.get("interval")) == interval_ms(attributes.get("interval"))
            or ("role" in attributes and one.get("role") == attributes["role"])
        ]
    attributes = dict(attributes)
    place = len(holder)
    for one in same[:1]:
        attributes.setdefault("interval", one.get("interval") or "0s")
        place = list(holder).index(one)
        env.ids.release(one)
        holder.remove(one)
    attributes.setdefault("interval", "60s" if name == "monitor" else "0s")
    creation.check_operation_options(env, attributes)
    element = creation.add_operation(env, primitive.get("id") or "", holder, attributes)
    holder.remove(element)
    holder.insert(place, element)


def add_operation(env: Env, primitive: Element, attributes: dict[str, str]) -> None:
    """A further operation. Raises AlreadyExists for the same name and interval."""
    from hashell.values.intervals import interval_ms

    name = attributes["name"]
    attributes.setdefault("interval", "60s" if name == "monitor" else "0s")
    for one in primitive.iterfind("operations/op"):
        if one.get("name") == name and interval_ms(one.get("interval")) == interval_ms(attributes["interval"]):
            raise AlreadyExists(
                f"operation {name} with interval {attributes['interval']} already specified for {primitive.get('id')}",
                "update it instead",
            )
    twins = [one for one in primitive.iterfind("operations/op") if _same_watch(one, attributes)]
    if twins and not env.force:
        raise AlreadyExists(
            f"operation {name} already specified for {primitive.get('id')}, use --force to override:\n"
            + "\n".join(_in_words(one) for one in twins),
            "update it instead",
        )
    wanted = creation.Wanted(primitive.get("id") or "", "", operations=[attributes])
    agent = agents.agent_name(env, primitive)
    if agent is not None:
        creation._check_operations(env, wanted.operations, agents.metadata(agent), agent)
    holder = primitive.find("operations")
    if holder is None:
        holder = etree.SubElement(primitive, "operations")
    creation.add_operation(env, primitive.get("id") or "", holder, attributes)


def _same_watch(one: Element, attributes: Mapping[str, str]) -> bool:
    """Whether an operation does what a new one would: monitors differ by role and depth."""
    if one.get("name") != attributes["name"]:
        return False
    roles = {"Master": "Promoted", "Slave": "Unpromoted"}
    ours, theirs = (text or "Started" for text in (attributes.get("role"), one.get("role")))
    depths = attributes.get("OCF_CHECK_LEVEL"), _value(one, "OCF_CHECK_LEVEL")
    same = roles.get(ours, ours) == roles.get(theirs, theirs) and depths[0] == depths[1]
    return attributes["name"] != "monitor" or same


def _in_words(one: Element) -> str:
    rest = " ".join(f"{name}={value}" for name, value in binding.attributes(one).items() if name not in ("id", "name"))
    return f"{one.get('name')} {rest} ({one.get('id')})"


def delete_operation(env: Env, resource: Element | None, words: list[str]) -> None:
    """By id, or by a resource and a name; attributes beside the name must be all that it has. Raises NotFound."""
    if resource is None:
        found = select(env.root, "configuration/resources//op[@id=$i]", i=words[0])
        if not found:
            raise NotFound(f"unable to find operation id: {words[0]}", "see resource config")
    else:
        options = dict(word.partition("=")[::2] for word in words[1:])

        def has_all(one: Element) -> bool:
            told = {str(name): str(value) for name, value in one.items() if name not in ("id", "name")}
            level = _value(one, "OCF_CHECK_LEVEL")
            return options == (told | {"OCF_CHECK_LEVEL": level} if level and "OCF_CHECK_LEVEL" in options else told)

        found = [
            one
            for one in resource.iterfind("operations/op")
            if one.get("name") == words[0] and (not options or has_all(one))
        ]
        if not found:
            raise NotFound(f"Unable to find operation matching: {' '.join(words)}", "see resource config")
    for one in found:
        holder = owner(one)
        holder.remove(one)
        if not len(holder) and holder.get("id") is None:
            owner(holder).remove(holder)
    env.forget_ids()


def _value(operation: Element, key: str) -> str | None:
    if key == "OCF_CHECK_LEVEL":
        found = texts(operation, "instance_attributes/nvpair[@name='OCF_CHECK_LEVEL']/@value")
        return str(found[0]) if found else None
    return operation.get(key)


def need_primitive(env: Env, name: str, kind: str = "") -> Element:
    """A primitive. Raises NotFound, BadInput."""
    for found in select(env.root, "configuration/resources//*[@id=$n]", n=name):
        if found.tag == "primitive":
            assert isinstance(found, etree._Element)
            return found
        if found.tag in ("group", "clone", "master", "bundle", "template"):
            raise BadInput(f"'{name}' is not a resource primitive, it is a {found.tag}", "name a primitive")
    raise NotFound(f"{kind or 'resource'} '{name}' does not exist", "see resource status")
