"""Words that the configuration knows: roles, actions, operation attributes, cluster and resource options.

Source: Pacemaker Explained, "Cluster-wide configuration", "Resource options", "Resource operations".
"""

from __future__ import annotations

import re

RESOURCE_ROLES = ("Stopped", "Started", "Promoted", "Unpromoted", "Master", "Slave")
RESOURCE_ACTIONS = ("start", "promote", "demote", "stop")
OP_ATTRIBUTES = frozenset(
    {
        "name",
        "interval",
        "timeout",
        "role",
        "on-fail",
        "enabled",
        "record-pending",
        "start-delay",
        "interval-origin",
        "description",
        "id",
        "requires",
    }
)
DATE_SPEC_FIELDS = (
    "seconds",
    "minutes",
    "hours",
    "monthdays",
    "weekdays",
    "yeardays",
    "yearsdays",
    "months",
    "weeks",
    "years",
    "weekyears",
    "moon",
)
#: Short names of ACLs → XPath, in parts; `@@` is a hole, and a part is used while there are arguments to fill it.
ACL_SHORTCUTS: dict[str, tuple[str, ...]] = {
    "meta": ("//primitive[@id='@@']/meta_attributes", "/nvpair[@name='@@']"),
    "params": ("//primitive[@id='@@']/instance_attributes", "/nvpair[@name='@@']"),
    "utilization": ("//primitive[@id='@@']/utilization",),
    "location": ("//rsc_location[@id='cli-prefer-@@' and @rsc='@@']",),
    "property": ("//crm_config/cluster_property_set", "/nvpair[@name='@@']"),
    "nodeattr": ("//nodes/node/instance_attributes", "/nvpair[@name='@@']"),
    "nodeutil": ("//nodes/node/utilization", "[@uname='@@']"),
    "node": ("//nodes/node", "[@uname='@@']"),
    "status": ("/cib/status",),
    "cib": ("/cib",),
}
_OLD_ROLE = {"Promoted": "Master", "Unpromoted": "Slave"}
_NEW_ROLE = {old: new for new, old in _OLD_ROLE.items()}
_SCHEMA = re.compile(r"pacemaker-(\d+)\.(\d+)")


def schema_version(validate_with: str | None) -> tuple[int, int]:
    """Numbers of a schema's name; what has none counts as the newest."""
    match = _SCHEMA.fullmatch(validate_with or "")
    return (int(match[1]), int(match[2])) if match else (99, 0)


def knows_promoted(validate_with: str | None) -> bool:
    """Whether the schema knows Promoted and Unpromoted, as from 3.7 on."""
    return schema_version(validate_with) >= (3, 7)


def settle_role(name: str, value: str, modern: bool, convert: bool) -> str:
    """The spelling of a role that the schema knows, for `role` and `target-role`; anything else as it is."""
    if name not in ("role", "target-role"):
        return value
    if not modern:
        return _OLD_ROLE.get(value, value)
    return _NEW_ROLE.get(value, value) if convert else value


def with_unit(value: str) -> str:
    """A time that is a bare number gets its unit, seconds."""
    return f"{value}s" if value.isdigit() else value
