"""Raise a configuration to the newest schema that it fits: constructs that are gone are put into words of today first.

What Pacemaker's own upgrade transforms is in hashell.model.upgrade; here also old spellings that are read where they
stand (role names, `masters` of bundles), which the newest schema does not allow.
"""

from __future__ import annotations

from lxml import etree

from hashell.cib.document import Cib
from hashell.commands.env import Env
from hashell.errors import BadInput
from hashell.model.upgrade import upgraded
from hashell.schema.check import errors, validate
from hashell.schema.table import VERSIONS

_ROLES = {"Master": "Promoted", "Slave": "Unpromoted"}
_ROLE_ATTRIBUTES = ("role", "rsc-role", "with-rsc-role")
_PROMOTED_SINCE = "3.7"


def upgrade(env: Env) -> str:
    """Change the environment's document; the schema that it has then, which may be the one it had. Raises BadInput
    where what is there fits no schema at all, so that nothing can be said of a newer one."""
    from hashell.client.pacemaker import PacemakerClient

    if isinstance(env.client, PacemakerClient) and not env.changed:
        # Which schemas it knows is told by its release alone.
        env.client.upgrade()
        env.refresh()
        return env.validate_with
    before = env.validate_with
    if before != "none" and (wrong := errors(validate(Cib(env.root)))):
        raise BadInput(f"the configuration does not fit {before}: {wrong[0].message}", "mend that first; see verify")
    names = list(VERSIONS)
    old = before.removeprefix("pacemaker-")
    place = names.index(old) if old in names else -1
    root = upgraded(env.root)
    if root is env.root:
        root = _copy(root)
    for version in reversed(names[place + 1:]):
        candidate = _copy(root)
        if names.index(version) >= names.index(_PROMOTED_SINCE):
            _new_words(candidate)
        candidate.set("validate-with", f"pacemaker-{version}")
        if not errors(validate(Cib(candidate))):
            env.root = candidate
            env.forget_ids()
            return f"pacemaker-{version}"
    return before


def _copy(root: etree._Element) -> etree._Element:
    import copy

    return copy.deepcopy(root)


def _new_words(root: etree._Element) -> None:
    for element in root.iterfind("configuration//*"):
        for name in _ROLE_ATTRIBUTES:
            if (role := element.get(name)) in _ROLES:
                element.set(name, _ROLES[str(role)])
        if element.tag == "nvpair" and element.get("name") == "target-role" and element.get("value") in _ROLES:
            element.set("value", _ROLES[element.get("value", "")])
        if element.tag in ("docker", "podman") and (masters := element.get("masters")) is not None:
            del element.attrib["masters"]
            element.set("promoted-max", masters)
