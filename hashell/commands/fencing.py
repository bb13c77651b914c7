"""The fencing topology: levels of devices for targets.

Source: Pacemaker Explained, "Fencing topologies"; pcs(8), "stonith level".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from hashell.commands.binding import Element, find_resource, owner
from hashell.commands.constraints import clean_id
from hashell.commands.creation import check_free
from hashell.commands.env import Env
from hashell.commands.problems import error
from hashell.errors import AlreadyExists, BadUsage, NotFound


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a level is for: a node, a pattern of names, or an attribute with a value."""

    attributes: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> Target:
        """`node`, `%node`, `node%X`, `regexp%RE`, `attrib%NAME=VALUE`. Raises BadUsage."""
        kind, percent, value = text.partition("%")
        if not percent:
            if "=" in text:
                name, _, wanted = text.partition("=")
                return cls((("target-attribute", name), ("target-value", wanted)))
            return cls((("target", text),))
        if kind in ("", "node"):
            return cls((("target", value),))
        if kind == "regexp":
            return cls((("target-pattern", value),))
        if kind == "attrib" and "=" in value:
            name, _, wanted = value.partition("=")
            return cls((("target-attribute", name), ("target-value", wanted)))
        raise BadUsage(f"'{text}' is not a target, use node%, regexp% or attrib%NAME=VALUE", "name a node")

    @property
    def name(self) -> str:
        return self.attributes[0][1]

    def fits(self, level: Element) -> bool:
        return all(level.get(key) == value for key, value in self.attributes)

    def __str__(self) -> str:
        return "=".join(value for _, value in self.attributes)


def levels(env: Env) -> Iterator[Element]:
    section = env.root.find("configuration/fencing-topology")
    yield from section.findall("fencing-level") if section is not None else ()


def add_level(env: Env, index: str, target_text: str, devices: list[str], identity: str = "") -> None:
    """A level of devices. Raises for what is there already."""
    target = Target.parse(target_text)
    if not index.isdigit() or not 1 <= int(index) <= 9:
        raise BadUsage(f"'{index}' is not a valid level value, use a positive integer (1..9)", "give a level")
    devices = [one for word in devices for one in word.split(",") if one]
    if not devices:
        raise BadUsage("name at least one device", "stonith level add LEVEL TARGET DEVICE…")
    if target.attributes[0][0] == "target" and env.node(target.name) is None:
        env.report(
            error("node-missing", f"Node '{target.name}' does not appear to exist in configuration", forcible=True)
        )
    missing = []
    for one in devices:
        found = find_resource(env.root, one)
        if found is None or found.get("class") != "stonith":
            missing.append(one)
    if missing:
        env.report(
            error("device-missing", "Stonith resource(s) '" + "', '".join(missing) + "' do not exist", forcible=True)
        )
    for level in levels(env):
        if target.fits(level) and level.get("index") == str(int(index)) and level.get("devices") == ",".join(devices):
            raise AlreadyExists(
                f"Fencing level for '{target}' at level '{index}' with device(s) '{','.join(devices)}' already exists",
                "choose another level",
            )
    if identity:
        check_free(env, identity, "fencing level id")
        env.ids.take(identity)
    else:
        identity = env.ids.numbered(clean_id(f"fl-{target.name}-{int(index)}"))
    etree.SubElement(
        env.section("fencing-topology"),
        "fencing-level",
        {
            **dict(target.attributes),
            "index": str(int(index)),
            "devices": ",".join(devices),
            "id": identity,
        },
    )


def remove_levels(env: Env, index: str = "", target_text: str = "", devices: list[str] | None = None) -> None:
    """All levels that fit. Raises NotFound when none does."""
    target = Target.parse(target_text) if target_text else None
    wanted = ",".join(one for word in devices or [] for one in word.split(","))
    found = [
        level
        for level in levels(env)
        if (not index or level.get("index") == index)
        and (target is None or target.fits(level))
        and (not wanted or level.get("devices") == wanted)
    ]
    if not found:
        raise NotFound("no fencing level fits", "see stonith level config")
    for level in found:
        owner(level).remove(level)
    env.forget_ids()


def clear_levels(env: Env, what: str = "") -> None:
    """All levels, or those of a target or of a list of devices."""
    for level in list(levels(env)):
        if not what or Target.parse(what).fits(level) or level.get("devices") == what.replace(" ", ","):
            owner(level).remove(level)
    env.forget_ids()


def check_levels(env: Env) -> list[str]:
    """What the topology names and what is not there."""
    problems: dict[str, None] = {}
    for level in levels(env):
        for one in (level.get("devices") or "").split(","):
            found = find_resource(env.root, one)
            if found is None or found.get("class") != "stonith":
                problems[f"Stonith resource '{one}' does not exist"] = None
        if level.get("target") and env.node(level.get("target") or "") is None:
            problems[f"Node '{level.get('target')}' does not appear to exist in configuration"] = None
    return list(problems)


def forget_device(env: Env, name: str) -> None:
    """A device that is deleted leaves its levels; an empty level goes."""
    for level in list(levels(env)):
        devices = [one for one in (level.get("devices") or "").split(",") if one != name]
        if not devices:
            owner(level).remove(level)
        else:
            level.set("devices", ",".join(devices))
