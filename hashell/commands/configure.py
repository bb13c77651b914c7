"""Configuration objects: put in, merged, replaced, renamed, moved and taken out, with all that hangs on them.

An object is a node, a resource, a constraint, a set of options, the fencing topology, a tag, an alert, a role or
target of
the ACLs. Sketches are settled by binding.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from lxml import etree

from hashell.commands import binding
from hashell.commands.binding import (
    CONTAINERS,
    RESOURCES,
    Element,
    check_id,
    find_same,
    is_comment,
    owner,
    select,
    settle_ids,
)
from hashell.commands.env import Env, nearest, need_resource
from hashell.commands.facts import schema_version
from hashell.errors import AlreadyExists, BadInput, NotFound, Refused

CONSTRAINTS = frozenset({"rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket"})
SECTION_OF = {
    "node": "nodes",
    "primitive": "resources",
    "group": "resources",
    "clone": "resources",
    "master": "resources",
    "template": "resources",
    "bundle": "resources",
    "rsc_location": "constraints",
    "rsc_colocation": "constraints",
    "rsc_order": "constraints",
    "rsc_ticket": "constraints",
    "cluster_property_set": "crm_config",
    "acl_role": "acls",
    "acl_user": "acls",
    "acl_target": "acls",
    "acl_group": "acls",
    "tag": "tags",
    "alert": "alerts",
}
_DEFAULT_SET = {
    "cluster_property_set": "cib-bootstrap-options",
    "rsc_defaults": "rsc-options",
    "op_defaults": "op-options",
}
#: Attributes of constraints that name a resource.
_ENDS = ("rsc", "with-rsc", "first", "then")


def create(env: Env, sketch: Element, *, defaults: bool = True) -> Element:
    """Put a new object in; options, nodes and operations are merged into what is there.

    `defaults`: a clone gets interleave=true unless it says otherwise, as the CRM shell does for one that is typed.
    """
    tag = str(sketch.tag)
    if tag in _DEFAULT_SET:
        return _merge_options(env, sketch)
    if tag == "op":
        return _add_monitor(env, sketch)
    if tag == "node":
        existing = env.node(sketch.get("uname") or "")
        if existing is not None:
            settle_ids(sketch, None, env.ids)
            return _merge_node(env, existing, sketch)
    if tag == "acl_user" and schema_version(env.validate_with) >= (2, 0):
        raise Refused("the schema of this CIB knows no <acl_user>", "use `role` and `acl_target`")
    name = sketch.get("id")
    if tag == "fencing-topology":
        if len(env.section(tag)):
            raise AlreadyExists("fencing_topology: there is one already", "edit it, or delete fencing_topology first")
    elif name is not None and tag != "node":
        check_id(name)
        taken = env.by_id(name)
        if taken is not None:
            raise AlreadyExists(
                f"cannot create {tag} {name}: there is a {taken.tag} with this id",
                "choose another id, or edit that one",
            )
    element = _settle(env, sketch, None)
    _place(env, element)
    if defaults and tag == "clone":
        _clone_defaults(env, element)
    return element


def replace(env: Env, sketch: Element, old: Element) -> Element:
    """A new version of an object in the place of the old one; ids inside are kept where they mean the same."""
    if sketch.tag in ("rsc_defaults", "op_defaults"):
        sketch = sketch[0]
    parent = old.getparent()
    assert parent is not None
    members = [child for child in old if child.tag in RESOURCES]
    new = _settle(env, sketch, old)
    for member in members:
        if member.getparent() is old:
            env.section("resources").append(member)
    if old.getparent() is not None:
        parent.replace(old, new)
    return new


def _settle(env: Env, sketch: Element, old: Element | None) -> Element:
    """Ids, references and members of a sketch."""
    settle_ids(sketch, old, env.ids)
    binding.resolve_references(sketch, env.root)
    binding.move_members_in(sketch, env.root)
    return sketch


def _place(env: Env, element: Element) -> None:
    """Put an object where its kind lives, and let constraints on resources that it took in point to it."""
    if element.tag == "fencing-topology":
        section = env.section("fencing-topology")
        for level in list(element):
            section.append(level)
        return
    env.section(SECTION_OF[str(element.tag)]).append(element)
    if element.tag in CONTAINERS:
        for child in [child for child in element if child.tag in RESOURCES]:
            redirect(env, child.get("id") or "", element.get("id") or "")


def _clone_defaults(env: Env, clone: Element) -> None:
    """Copies of a primitive start and stop one by one unless told otherwise; a promotable agent makes a promotable
    clone.
    """
    from hashell.commands import agents

    primitive = clone.find("primitive")
    if primitive is None:
        return
    wanted = ["interleave"]
    metadata = agents.metadata_of(env, primitive)
    if metadata is not None and {"promote", "demote"} <= {action.name for action in metadata.actions}:
        wanted.insert(0, "promotable")
    for name in wanted:
        if not select(clone, "meta_attributes/nvpair[@name=$n]", n=name):
            set_in_first_set(env, clone, "meta_attributes", name, "true")


# --- attribute sets ------------------------------------------------------------------------------------


def set_in_first_set(env: Env, holder: Element, tag: str, name: str, value: str) -> None:
    """Set a pair in the first set of this kind; a missing set is made, with the id HOLDER-KIND."""
    holder_set = holder.find(tag)
    if holder_set is None:
        holder_set = etree.Element(tag, {"id": env.ids.make(f"{holder.get('id')}-{tag}")})
        holder.insert(_set_place(holder, tag), holder_set)
    set_pair(env, holder_set, name, value)


def _set_place(holder: Element, tag: str) -> int:
    """Behind the sets; the schema lets them stand in any order, but for bundles and nodes."""
    if holder.tag in ("clone", "master", "group", "bundle") and holder.tag != "bundle":
        return len(holder)
    return len(holder)


def set_pair(env: Env, holder: Element, name: str, value: str) -> None:
    """Set `name` in one attribute set."""
    for pair in holder.findall("nvpair"):
        if pair.get("name") == name:
            pair.set("value", value)
            return
    holder.append(
        etree.Element("nvpair", {"id": env.ids.make(f"{holder.get('id')}-{name}"), "name": name, "value": value})
    )


def _merge_options(env: Env, sketch: Element) -> Element:
    """Options into the set that was named, else into the default one, else into the last there is."""
    tag = str(sketch.tag)
    source = sketch if tag == "cluster_property_set" else sketch[0]
    section = env.section("crm_config" if tag == "cluster_property_set" else tag)
    name = source.get("id") or _DEFAULT_SET[tag]
    target = next((one for one in section.findall(str(source.tag)) if one.get("id") == name), None)
    if target is None and source.get("id") is None:
        sets = sorted(section.findall(str(source.tag)), key=lambda one: one.get("id") or "")
        target = sets[-1] if sets else None
    if target is None:
        check_id(name)
        if name in env.ids:
            raise AlreadyExists(f"the id {name} is taken", "choose another id for the set")
        target = etree.SubElement(section, str(source.tag), {"id": name})
        env.ids.take(name)
    source.set("id", target.get("id") or "")
    settle_ids(source, target, env.ids)
    binding.resolve_references(source, env.root)
    if source.get("id-ref") is not None:
        target.set("id-ref", source.get("id-ref") or "")
    for child in list(source):
        if is_comment(child):
            target.insert(0, child)
            continue
        same = find_same(child, target) if child.tag == "nvpair" and child.get("value") is not None else None
        if same is not None:
            same.set("value", child.get("value") or "")
            continue
        place = next((one for one in target if one.get("id") == child.get("id")), None)
        if place is not None:
            target.replace(place, child)
        elif child.tag == "rule":
            target.insert(len(target.findall("rule")), child)
        else:
            target.append(child)
    return target


def _merge_node(env: Env, node: Element, sketch: Element) -> Element:
    """Attributes and utilization of a node that is there: named ones change, others stay."""
    for child in list(sketch):
        same = find_same(child, node) if isinstance(child.tag, str) else None
        if same is None:
            node.append(child)
            continue
        for pair in list(child):
            known = find_same(pair, same)
            if known is not None and pair.get("value") is not None:
                known.set("value", pair.get("value") or "")
            elif known is None:
                if pair.tag == "nvpair":
                    pair.set("id", env.ids.make(f"{same.get('id')}-{pair.get('name')}"))
                same.append(pair)
    return node


def _add_monitor(env: Env, sketch: Element) -> Element:
    """An operation for a primitive that is there."""
    name = str(sketch.attrib.pop("rsc"))
    primitive = need_resource(env, name)
    if primitive.tag != "primitive":
        raise BadInput(f"{name} is a {primitive.tag}, not a primitive", "name the primitive inside")
    from hashell.values.intervals import parse_interval_ms

    wanted = parse_interval_ms(sketch.get("interval"))
    for known in primitive.iterfind("operations/op"):
        if known.get("name") == sketch.get("name") and parse_interval_ms(known.get("interval")) == wanted:
            raise AlreadyExists(f"{name} has a {sketch.get('name')} every {sketch.get('interval')} already", "edit it")
    operations = primitive.find("operations")
    if operations is None:
        operations = etree.SubElement(primitive, "operations")
    settle_ids(sketch, None, env.ids, name)
    operations.append(sketch)
    return primitive


# --- taking out ----------------------------------------------------------------------------------------


def find_object(env: Env, name: str) -> Element | None:
    """A configuration object by its id, a node also by its name."""
    if name == "fencing_topology":
        section = env.root.find("configuration/fencing-topology")
        return section if section is not None and len(section) else None
    found = env.by_id(name)
    if found is not None and is_object(found):
        return found
    return env.node(name)


def is_object(element: Element) -> bool:
    """Whether this is an object of its own, not a part of one."""
    if element.tag in SECTION_OF:
        return True
    parent = element.getparent()
    return element.tag == "meta_attributes" and parent is not None and parent.tag in ("rsc_defaults", "op_defaults")


def need_object(env: Env, name: str) -> Element:
    """Raises NotFound with the nearest name."""
    found = find_object(env, name)
    if found is None:
        raise NotFound(f"object {name or repr(name)} does not exist", nearest(name, object_names(env)))
    return found


def object_names(env: Env) -> list[str]:
    names = [one.get("id") or "" for one in env.configuration().iter(etree.Element) if one.get("id") and is_object(one)]
    return [*names, *env.node_names()]


def delete(env: Env, names: Iterable[str], *, running: Iterable[str] = ()) -> None:
    """Take objects out, with the constraints, tags and empty containers that hung on them.

    A resource in `running` is refused unless forced. A container gives its members back to the top.
    """
    names = list(dict.fromkeys(names))
    active = set(running)
    found: list[Element] = []
    for name in names:
        element = find_object(env, name)
        if element is None:
            if env.force:
                continue
            raise NotFound(f"object {name or repr(name)} does not exist", nearest(name, object_names(env)))
        if name in active and not env.force:
            raise Refused(f"resource {name} is running, it cannot be deleted", "stop it first, or force it")
        found.append(element)
        if element.tag == "template":
            users = select(env.root, "configuration/resources//primitive[@template=$t]", t=name)
            found.extend(user for user in users if user not in found)
    rank = {"primitive": 3, "bundle": 2, "group": 2, "clone": 1, "master": 1, "template": 4}
    # Whole containers first, so that members named beside them are at the top when their turn comes.
    for element in sorted(found, key=lambda one: rank.get(str(one.tag), 0)):
        _delete_one(env, element)
    env.forget_ids()


def _delete_one(env: Env, element: Element) -> None:
    """One object; a container that would be empty goes before it."""
    parent = element.getparent()
    if parent is None:
        return
    if parent.tag in CONTAINERS and sum(1 for child in parent if child.tag in RESOURCES) == 1:
        _delete_one(env, parent)
        parent = element.getparent()
        if parent is None:
            return
    if element.tag == "fencing-topology":
        for level in list(element):
            element.remove(level)
        return
    children = [child for child in element if child.tag in RESOURCES]
    for child in children:
        env.section("resources").append(child)
    name = element.get("id") or ""
    parent.remove(element)
    if element.tag in RESOURCES or element.tag == "node":
        _untag(env, name)
    if element.tag in RESOURCES:
        _unconstrain(env, name, children[0].get("id") or "" if children else "")
    if parent.tag in ("rsc_defaults", "op_defaults", "tags", "acls", "alerts") and not len(parent):
        pass


def _untag(env: Env, name: str) -> None:
    """Out of every tag; a tag of nothing goes too."""
    for reference in select(env.root, "configuration/tags/tag/obj_ref[@id=$n]", n=name):
        tag = owner(reference)
        tag.remove(reference)
        if not len(tag):
            _delete_one(env, tag)
            env.say(f"hanging tag:{tag.get('id')} deleted")


def constraints_on(env: Env, name: str) -> list[Element]:
    """Constraints that name a resource."""
    section = env.root.find("configuration/constraints")
    found: list[Element] = []
    for element in section if section is not None else ():
        if any(element.get(end) == name for end in _ENDS) or select(
            element, "resource_set/resource_ref[@id=$n]", n=name
        ):
            found.append(element)
    return found


def _unconstrain(env: Env, name: str, heir: str) -> None:
    """Constraints on what is gone: a container's go to its first member, others lose it or go."""
    for element in constraints_on(env, name):
        if heir and element.find("resource_set/resource_ref") is None:
            for end in _ENDS:
                if element.get(end) == name:
                    element.set(end, heir)
        for end in _ENDS:
            if element.get(end) == name:
                del element.attrib[end]
        _drop_members(env, element, [name])
        if _pointless(element, name):
            parent = element.getparent()
            if parent is not None:
                parent.remove(element)
                env.say(f"hanging {element.tag}:{element.get('id')} deleted")


def _drop_members(env: Env, element: Element, names: Sequence[str]) -> None:
    """Members out of resource sets; empty sets go, and two that are left become a plain constraint."""
    references = [one for one in element.iterfind("resource_set/resource_ref") if one.get("id") in names]
    if not references:
        return
    for one in references:
        parent = one.getparent()
        assert parent is not None
        parent.remove(one)
    for one in element.findall("resource_set"):
        if not len(one):
            element.remove(one)
    _plain_if_two(element)


def _plain_if_two(element: Element) -> None:
    """Two members that are left in sets, in order, say no more than a plain constraint does."""
    sets = element.findall("resource_set")
    members = [(one, reference.get("id") or "") for one in sets for reference in one.findall("resource_ref")]
    apart = any(one.get("sequential") == "false" and len(one.findall("resource_ref")) > 1 for one in sets)
    names = {"rsc_colocation": ("rsc", "with-rsc", "role"), "rsc_order": ("first", "then", "action")}
    if len(members) != 2 or apart or element.tag not in names:
        return
    first, second, suffix = names[str(element.tag)]
    if len(sets) == 1 and element.tag == "rsc_colocation":
        # In one set the later member depends on the earlier; in a pair it is the other way round.
        first, second = second, first
    for one in sets:
        element.remove(one)
    for end, (one, member) in zip((first, second), members, strict=True):
        element.set(end, member)
        if one.get(suffix):
            element.set(f"{end}-{suffix}", one.get(suffix) or "")


def _pointless(element: Element, name: str) -> bool:
    """Whether a constraint says nothing any more."""
    members = len(element.findall("resource_set/resource_ref"))
    single = element.tag in ("rsc_location", "rsc_ticket")
    if members:
        return members < (1 if single else 2)
    ends = [element.get(end) for end in _ENDS if element.get(end)]
    if single:
        return not ends and element.get("rsc-pattern") is None
    return len(ends) < 2 or ends.count(name) == 2 or ends[0] == ends[1]


def redirect(env: Env, old: str, new: str) -> None:
    """Constraints on a resource now mean the container that took it in; what then names one thing twice goes."""
    for element in constraints_on(env, old):
        _rename_in(element, old, new)
        seen: set[str] = set()
        for reference in list(element.iterfind("resource_set/resource_ref")):
            name = reference.get("id") or ""
            if name in seen:
                parent = reference.getparent()
                assert parent is not None
                parent.remove(reference)
                if not len(parent):
                    element.remove(parent)
            seen.add(name)
        if seen:
            _plain_if_two(element)
        if _pointless(element, new):
            parent = element.getparent()
            if parent is not None:
                parent.remove(element)


def _rename_in(element: Element, old: str, new: str) -> None:
    for end in _ENDS:
        if element.get(end) == old:
            element.set(end, new)
    for reference in element.iterfind("resource_set/resource_ref"):
        if reference.get("id") == old:
            reference.set("id", new)


def rename(env: Env, old: str, new: str) -> None:
    """Another id for an object, in all that names it too."""
    from hashell.cib.ids import rename_id

    check_id(new)
    if new in env.ids:
        raise AlreadyExists(f"the id {new} is taken", "choose another one")
    element = need_object(env, old)
    if element.tag in ("node", "fencing-topology"):
        raise Refused(f"{old} cannot be renamed", "nodes are named by the cluster layer")
    rename_id(env.root, element.get("id") or old, new)
    for level in env.root.iterfind("configuration/fencing-topology/fencing-level"):
        devices = (level.get("devices") or "").split(",")
        if old in devices:
            level.set("devices", ",".join(new if device == old else device for device in devices))
    env.forget_ids()


def change_group(env: Env, group: str, verb: str, member: str, where: str = "", beside: str = "") -> None:
    """Add a primitive to a group (at the end, before or after a member) or take one out to the top."""
    element = need_resource(env, group)
    if element.tag != "group":
        raise BadInput(f"{group} is a {element.tag}, not a group", "name a group")
    resource = need_resource(env, member)
    members = [child.get("id") for child in element if child.tag == "primitive"]
    if verb == "remove":
        if member not in members:
            raise NotFound(f"{member} is not in {group}", "its members: " + ", ".join(filter(None, members)))
        if len(members) == 1:
            raise Refused(f"{member} is the last member of {group}", "delete the group instead")
        element.remove(resource)
        env.section("resources").append(resource)
        return
    if resource.tag != "primitive":
        raise BadInput(f"a group holds primitives, and {member} is a {resource.tag}", "name a primitive")
    parent = resource.getparent()
    if parent is not None and parent.tag in CONTAINERS:
        raise BadInput(f"{member} is in {parent.get('id')} already", "take it out first")
    if where:
        if beside not in members:
            raise NotFound(f"{beside} is not in {group}", "its members: " + ", ".join(filter(None, members)))
        anchor = next(child for child in element if child.get("id") == beside)
        (anchor.addprevious if where == "before" else anchor.addnext)(resource)
    else:
        last = [child for child in element if child.tag == "primitive"]
        (last[-1].addnext if last else element.append)(resource)


def erase(env: Env, *, nodes: bool = False) -> None:
    """Take everything out but the nodes; or only the nodes."""
    configuration = env.configuration()
    for section in list(configuration):
        if (section.tag == "nodes") == nodes and section.tag != "configuration":
            for child in list(section):
                section.remove(child)
    env.forget_ids()


# --- single values -------------------------------------------------------------------------------------

_SET_PATH = re.compile(r"(?P<object>[^.]+(?:\.[^.]+)*)")


def set_value(env: Env, path: str, value: str) -> None:
    """`ID.[OPERATION.][INTERVAL.]NAME` gets a value: an operation's attribute, or the pair of that name.

    Raises NotFound when nothing of that name is there and BadInput when it is there more than once.
    """
    parts = path.split(".")
    if len(parts) < 2:
        raise BadInput(f"{path} names no attribute", "write ID.NAME, or ID.OPERATION.INTERVAL.NAME")
    split = next((n for n in range(len(parts) - 1, 0, -1) if find_object(env, ".".join(parts[:n])) is not None), 0)
    if not split:
        raise NotFound(f"object {parts[0]} does not exist", nearest(parts[0], object_names(env)))
    element = find_object(env, ".".join(parts[:split]))
    assert element is not None
    rest, name = parts[split:-1], parts[-1]
    if rest:
        operation = _operation(element, rest)
        operation.set(name, value)
        return
    pairs = list(select(element, "descendant::nvpair[@name=$n]", n=name))
    if len(pairs) > 1:
        raise BadInput(f"{path} is there {len(pairs)} times", "edit the object")
    if not pairs:
        raise NotFound(f"{parts[0]} has no attribute {name}", "add it with edit, or with the object's own command")
    pairs[0].set("value", value)


def _operation(element: Element, rest: list[str]) -> Element:
    from hashell.values.intervals import interval_ms

    found = [one for one in element.iterfind("operations/op") if one.get("name") == rest[0]]
    if len(rest) > 1:
        found = [one for one in found if interval_ms(one.get("interval")) == interval_ms(rest[1])]
    if not found:
        raise NotFound(f"{element.get('id')} has no operation {' '.join(rest)}", "add it first")
    if len(found) > 1:
        raise BadInput(f"{element.get('id')} has {len(found)} operations {rest[0]}", "name the interval too")
    return found[0]


def default_timeouts(env: Env, names: Iterable[str]) -> None:
    """Timeouts of operations as the agents advise; start and stop are added where they are missing."""
    from hashell.commands import agents

    for name in names:
        primitive = need_resource(env, name)
        if primitive.tag != "primitive":
            raise BadInput(f"{name} is a {primitive.tag}, not a primitive", "name a primitive")
        metadata = agents.metadata_of(env, primitive)
        if metadata is None:
            raise NotFound(f"no agent is found for {name}", "install it here")
        operations = primitive.find("operations")
        if operations is None:
            operations = etree.SubElement(primitive, "operations")
        parent = primitive.getparent()
        wanted = ["start", "stop"]
        if select(primitive, "descendant::nvpair[@name='allow-migrate' and @value='true']"):
            wanted += ["migrate_to", "migrate_from"]
        if parent is not None and select(parent, "meta_attributes/nvpair[@name='promotable' and @value='true']"):
            wanted += ["promote", "demote"]
        for one in operations.findall("op"):
            action = one.get("name") or ""
            advised = agents.advised_timeout(metadata, action, one.get("role") or "")
            if advised and action in (*wanted, "monitor"):
                one.set("timeout", advised)
        for action in wanted:
            advised = agents.advised_timeout(metadata, action)
            if advised and not any(one.get("name") == action for one in operations):
                one = etree.SubElement(operations, "op", {"name": action, "timeout": advised, "interval": "0"})
                settle_ids(one, None, env.ids, name)
