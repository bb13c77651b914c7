"""Options of the cluster, and defaults of resources and operations.

Source: Pacemaker Explained, "Cluster-wide configuration", "Resource defaults"; pcs(8), "property", "resource defaults".
"""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from hashell.commands import creation, parameters, rules
from hashell.commands.binding import Element, owner
from hashell.commands.env import Env
from hashell.commands.problems import error
from hashell.errors import AlreadyExists, BadUsage, NotFound

MAIN_SET = "cib-bootstrap-options"
#: Options that schemas since 3.0 do not know, and the default of resources or operations that took their place.
MOVED = {
    "default-resource-stickiness": ("rsc_defaults", "resource-stickiness"),
    "is-managed-default": ("rsc_defaults", "is-managed"),
    "default-action-timeout": ("op_defaults", "timeout"),
}


def main_set(env: Env) -> Element:
    """The set that options go into; made when there is none."""
    section = env.section("crm_config")
    for one in section.findall("cluster_property_set"):
        if one.get("id") == MAIN_SET:
            return one
    found = section.find("cluster_property_set")
    if found is not None:
        return found
    env.ids.take(MAIN_SET)
    return etree.SubElement(section, "cluster_property_set", {"id": MAIN_SET})


def set_options(env: Env, options: Mapping[str, str]) -> None:
    """Set options, an empty value removes one. Unknown names and values that do not fit need force.

    An option that moved to the defaults in newer schemas is set there, and that is said.
    """
    from hashell.model.options.cluster import BY_NAME

    for name, value in options.items():
        if value == "" or (name in MOVED):
            continue
        row = BY_NAME.get(name)
        if row is None:
            allowed = ", ".join(f"'{one}'" for one in sorted(BY_NAME))
            env.report(
                error(
                    "option-unknown",
                    f"invalid cluster property option '{name}', allowed options are: {allowed}",
                    forcible=True,
                )
            )
        elif row.generated:
            env.report(error("option-generated", f"'{name}' is set by the cluster", forcible=True))
        elif not row.fits(value):
            values = ", ".join(f"'{one}'" for one in row.values) or f"a {row.type}"
            env.report(error("option-value", f"'{value}' is not a valid {name} value, use {values}", forcible=True))
    holder = main_set(env)
    for name, value in options.items():
        if name in MOVED and not creation.is_old(env):
            section, instead = MOVED[name]
            update_defaults(env, section, {instead: value})
            env.warn(f"{name} is no option of the cluster any more: {section} {instead} was set instead")
            continue
        known = [pair for pair in holder.findall("nvpair") if pair.get("name") == name]
        for pair in known:
            if value == "":
                holder.remove(pair)
            else:
                pair.set("value", value)
        if not known and value != "":
            holder.append(
                etree.Element(
                    "nvpair",
                    {
                        "id": env.ids.numbered(f"{holder.get('id')}-{name}"),
                        "name": name,
                        "value": value,
                    },
                )
            )


def unset_options(env: Env, names: list[str], *, drop: bool = True) -> None:
    """Raises NotFound for one that is not set, unless forced; without `drop` only that."""
    holder = main_set(env)
    present = {pair.get("name") for pair in holder.findall("nvpair")}
    missing = [name for name in names if name not in present]
    if missing and not env.force:
        quoted = ", ".join(f"'{name}'" for name in missing)
        raise NotFound(
            f"Cannot remove {'properties' if len(missing) > 1 else 'property'} {quoted}, not present in property set '{holder.get('id')}'",  # noqa: E501
            "--force ignores that",
        )
    for pair in holder.findall("nvpair") if drop else ():
        if pair.get("name") in names:
            holder.remove(pair)
    env.forget_ids()


# --- defaults ------------------------------------------------------------------------------------------


def update_defaults(env: Env, section: str, pairs: Mapping[str, str]) -> None:
    """Change the only set, or make the first. Raises BadUsage when there are several."""
    holder = env.section(section)
    sets = holder.findall("meta_attributes")
    if len(sets) > 1:
        raise BadUsage(
            "Several options sets exist: " + ", ".join(str(one.get("id")) for one in sets),
            "use `set update ID` to say which",
        )
    if not sets:
        if not any(pairs.values()):
            return
        identity = env.ids.numbered(f"{section}-meta_attributes")
        sets = [etree.SubElement(holder, "meta_attributes", {"id": identity})]
    _update(env, sets[0], pairs)


def _update(env: Env, element: Element, pairs: Mapping[str, str]) -> None:
    for name, value in pairs.items():
        known = [pair for pair in element.findall("nvpair") if pair.get("name") == name]
        for pair in known:
            if value == "":
                element.remove(pair)
            else:
                pair.set("value", value)
        if not known and value != "":
            etree.SubElement(
                element,
                "nvpair",
                {
                    "id": env.ids.numbered(f"{element.get('id')}-{name}"),
                    "name": name,
                    "value": value,
                },
            )
    env.forget_ids()


def create_defaults(
    env: Env, section: str, pairs: Mapping[str, str], options: Mapping[str, str], rule: Element | None
) -> None:
    """A further set, maybe with a score and a rule that says when it holds."""
    for name in options:
        if name not in ("id", "score"):
            raise BadUsage(f"invalid option '{name}', allowed options are: 'id', 'score'", "leave it out")
    identity = options.get("id", "")
    if identity:
        if identity in env.ids:
            raise AlreadyExists(f"'{identity}' already exists", "choose another id")
        creation.check_free(env, identity, "id")
        env.ids.take(identity)
    else:
        identity = env.ids.numbered(f"{section}-meta_attributes")
    element = etree.SubElement(env.section(section), "meta_attributes", {"id": identity})
    if options.get("score"):
        from hashell.commands.constraints import check_score

        element.set("score", check_score(options["score"]))
    if rule is not None:
        element.append(rules.settle(env, rule, env.ids.numbered(f"{identity}-rule")))
    for name in sorted(pairs):
        if pairs[name] != "":
            etree.SubElement(
                element,
                "nvpair",
                {
                    "id": env.ids.numbered(f"{identity}-{name}"),
                    "name": name,
                    "value": pairs[name],
                },
            )


def need_defaults(env: Env, section: str, name: str) -> Element:
    for one in env.section(section).findall("meta_attributes"):
        if one.get("id") == name:
            return one
    raise NotFound(f"Specified options set does not exist: '{name}'", "see `defaults config`")


def update_defaults_set(env: Env, section: str, name: str, pairs: Mapping[str, str]) -> None:
    _update(env, need_defaults(env, section, name), pairs)


def delete_defaults(env: Env, section: str, names: list[str]) -> None:
    for element in [need_defaults(env, section, name) for name in names]:
        owner(element).remove(element)
    env.forget_ids()


def set_utilization(env: Env, holder: Element, pairs: Mapping[str, str], *, name: str = "") -> None:
    """Whole numbers only."""
    import re

    for key, value in pairs.items():
        if value and not re.fullmatch(r"-?\d+", value):
            raise BadUsage(f"Value of utilization attribute must be integer: '{key}={value}'", "give a whole number")
    parameters.update_set(env, holder, "utilization", pairs, name=name)
