"""The table: every element of a CIB, with its attributes, their values and its children, by version of the schemas.

KINDS maps a kind of element to its pattern. A kind is the element's name, or, where the same name means different
things in different places, the name with the place behind a slash (`meta_attributes/op`).
Source: Pacemaker Explained, chapter by chapter; versions 1.2 to 4.0 as Pacemaker publishes them.
"""

from __future__ import annotations

from hashell.schema.patterns import (
    BOOLEAN,
    FROM_0,
    FROM_1,
    ID,
    INTEGER,
    NEVER,
    REFERENCE,
    TEXT,
    Pattern,
    Values,
    any_of,
    attr,
    between,
    both,
    but,
    in_order,
    kid,
    one,
    opt,
    since,
    some_of,
    until,
    worded,
    words,
)

#: The newest version; what a CIB without a version, or with one from the future, is judged by.
NEWEST = 400
#: All versions, as `validate-with` writes them after `pacemaker-`.
VERSIONS = {
    **{f"1.{minor}": 100 + minor for minor in (0, 2, 3)},
    **{f"2.{minor}": 200 + minor for minor in range(11)},
    **{f"3.{minor}": 300 + minor for minor in range(11)},
    "4.0": 400,
}
#: Not checked further: any content.
OPAQUE = frozenset({"status"})

SCORE = Values(words=("INFINITY", "+INFINITY", "-INFINITY"), types=("integer",))
_ID = attr("id", ID)
_NAMED = both(_ID, opt(attr("description")))


def _role(name: str) -> Pattern:
    return worded(
        name, "Stopped", "Started", ("Promoted", 307), ("Unpromoted", 307), "Slave", "Master",
    )


def _action(name: str) -> Pattern:
    return attr(name, words("start", "promote", "demote", "stop"))


_KIND = attr("kind", words("Optional", "Mandatory", "Serialize"))
_SCORE = attr("score", SCORE)


# --- names, values and rules ----------------------------------------------------------------------------

_OLD_OPTIONS = (
    "cluster-infrastructure", "cluster_recheck_interval", "dc_deadtime", "default-action-timeout",
    "default_action_timeout", "default-migration-threshold", "default_migration_threshold",
    "default-resource-failure-stickiness", "default_resource_failure_stickiness", "default-resource-stickiness",
    "default_resource_stickiness", "election_timeout", "expected-quorum-votes", "is-managed-default",
    "is_managed_default", "no_quorum_policy", "notification-agent", "notification-recipient", "remove_after_stop",
    "shutdown_escalation", "startup_fencing", "stonith_action", "stonith_enabled", "stop_orphan_actions",
    "stop_orphan_resources", "symmetric_cluster", "transition_idle_timeout",
)
_OLD_STACKS = ("heartbeat", "openais", "classic openais", "classic openais (with plugin)", "cman")
_OLD_FENCE_PARAMETERS = (
    "pcmk_arg_map", "pcmk_list_cmd", "pcmk_monitor_cmd", "pcmk_off_cmd", "pcmk_on_cmd", "pcmk_reboot_cmd",
    "pcmk_status_cmd",
)
_ISOLATION = ("isolation", "isolation-host", "isolation-instance", "isolation-wrapper")

#: Which names a pair may have, by where it stands: (first version, last, names and values).
_NAMES: dict[str, tuple[tuple[int, int, Pattern], ...]] = {
    "": (),
    "option": (
        (300, 310, one(
            both(attr("name", words("cluster-infrastructure")), attr("value", but(*_OLD_STACKS))),
            both(attr("name", but(*_OLD_OPTIONS)), opt(attr("value"))),
        )),
        (400, NEVER, one(
            both(attr("name", words("stonith-action")), attr("value", but("poweroff"))),
            both(attr("name", but(
                "crmd-finalization-timeout", "crmd-integration-timeout", "crmd-transition-delay", "remove-after-stop",
                "stonith-action",
            )), attr("value")),
        )),
    ),
    "primitive-meta": (
        (300, 310, both(attr("name", but(*_ISOLATION)), opt(attr("value")))),
        (400, NEVER, both(attr("name", but("restart-type")), attr("value"))),
    ),
    "resource-meta": ((400, NEVER, both(attr("name", but("restart-type")), attr("value"))),),
    "op-meta": (
        (301, 310, both(attr("name", but("requires")), opt(attr("value")))),
        (400, NEVER, both(attr("name", but("can_fail", "role_after_failure")), attr("value"))),
    ),
    "primitive-parameters": (
        (300, 301, both(attr("name", but(*_OLD_FENCE_PARAMETERS)), opt(attr("value")))),
    ),
}


def _pair(names: str) -> Pattern:
    """An nvpair, whose names are restricted as `names` says."""
    special = _NAMES[names]
    plain = []
    last = 0
    for first, end, _ in special:
        plain.append((last, first - 1))
        last = end + 1
    plain.append((last, NEVER))
    given = one(
        *(between(first, end, pattern) for first, end, pattern in special),
        *(
            between(first, end, one(
                until(310, attr("name"), opt(attr("value"))), since(400, attr("name"), attr("value")),
            ))
            for first, end in plain if first <= end
        ),
    )
    return one(
        both(_ID, given),
        between(103, 310, attr("id-ref", REFERENCE), opt(attr("name"))),
        since(400, attr("id-ref", REFERENCE)),
    )


def _set(names: str = "", rule: str = "rule") -> Pattern:
    """A set of pairs, with the rule that says when it counts."""
    pairs = any_of(kid("nvpair", f"nvpair/{names}" if names else "nvpair"))
    return one(attr("id-ref", REFERENCE), both(_ID, opt(_SCORE), opt(kid("rule", rule)), pairs))


def _rule(kind: str, agents_since: int) -> Pattern:
    """A rule; from `agents_since` on it may ask for agents and operations."""
    inside = some_of(
        kid("expression"), kid("date_expression"), kid("rule", kind),
        since(agents_since, any_of(kid("rsc_expression"), kid("op_expression"))),
    )
    weight = one(_SCORE, attr("score-attribute"))
    return one(attr("id-ref", REFERENCE), both(
        _ID, one(until(308, weight), since(309, opt(weight))),
        opt(attr("boolean-op", words("or", "and")), attr("role")), inside,
    ))


_UNITS = (
    "hours", "monthdays", "weekdays", "yearsdays", "months", "weeks", "years", "weekyears",
)


# --- resources ------------------------------------------------------------------------------------------

_CLASS = one(
    both(attr("class", words("ocf")), attr("provider")),
    worded(
        "class", "lsb", "heartbeat", "stonith", "service", "systemd", ("upstart", 0, 310), ("nagios", 0, 310),
    ),
)
_TEMPLATE_CLASS = one(
    both(attr("class", words("ocf")), attr("provider")),
    worded(
        "class", "lsb", "heartbeat", "stonith", ("service", 207), ("systemd", 207), ("upstart", 0, 310),
        ("nagios", 207, 310),
    ),
)
_RESOURCE_SETS = any_of(kid("meta_attributes", "meta_attributes/resource"), kid("instance_attributes"))
_PRIMITIVE_SETS = both(
    any_of(
        kid("meta_attributes", "meta_attributes/primitive"),
        kid("instance_attributes", "instance_attributes/primitive"),
    ),
    any_of(kid("utilization")), opt(kid("operations")),
)
_MEMBER = one(kid("primitive"), kid("group"))
_CONTAINER = both(
    attr("image"), opt(
        attr("replicas", INTEGER), attr("replicas-per-host", INTEGER), attr("run-command"), attr("network"),
        attr("options"), one(until(310, attr("masters", INTEGER)), since(300, attr("promoted-max", INTEGER))),
    ),
)

# --- constraints ----------------------------------------------------------------------------------------

_SETS = some_of(kid("resource_set"))
_LIFETIME = until(310, opt(kid("lifetime")))

# --- the rest -------------------------------------------------------------------------------------------

_ROLES = any_of(kid("role", "role/of"))
_ACL = both(_ID, opt(attr("attribute")), one(
    attr("tag"), attr("ref", REFERENCE), both(attr("tag"), attr("ref", REFERENCE)), attr("xpath"),
))
_RECIPIENT_SETS = any_of(kid("meta_attributes", "meta_attributes/alert"),
                         kid("instance_attributes", "instance_attributes/alert"))

KINDS: dict[str, Pattern] = {
    "cib": both(
        opt(
            attr("validate-with"), attr("crm_feature_set"), attr("remote-tls-port", FROM_0),
            attr("remote-clear-port", FROM_0), attr("have-quorum", BOOLEAN), attr("dc-uuid"),
            attr("cib-last-written"), attr("no-quorum-panic", BOOLEAN), attr("update-origin"), attr("update-client"),
            attr("update-user"), attr("execution-date"),
        ),
        attr("admin_epoch", FROM_0), attr("epoch", FROM_0), attr("num_updates", FROM_0),
        in_order(kid("configuration"), opt(kid("status"))),
    ),
    "configuration": both(
        kid("crm_config"), kid("nodes"), kid("resources"), kid("constraints"),
        opt(
            kid("rsc_defaults"), kid("op_defaults"), kid("fencing-topology"), kid("acls"),
            since(103, kid("tags")), since(205, kid("alerts")),
        ),
    ),
    "status": both(),

    "crm_config": any_of(kid("cluster_property_set")),
    "cluster_property_set": _set("option"),
    "rsc_defaults": any_of(kid("meta_attributes", "meta_attributes/resource")),
    "op_defaults": any_of(kid("meta_attributes", "meta_attributes/defaults")),
    "meta_attributes/defaults": one(until(310, _set()), since(400, _set("op-meta"))),
    "meta_attributes/resource": _set("resource-meta"),
    "meta_attributes/primitive": _set("primitive-meta"),
    "meta_attributes/op": _set("op-meta"),
    "meta_attributes/alert": _set(rule="rule/alert"),
    "instance_attributes": _set(),
    "instance_attributes/primitive": _set("primitive-parameters"),
    "instance_attributes/alert": _set(rule="rule/alert"),
    "utilization": _set(),
    "nvpair": _pair(""),
    **{f"nvpair/{names}": _pair(names) for names in _NAMES if names},

    "rule": _rule("rule", 304),
    "rule/location": _rule("rule/location", 305),
    "rule/alert": _rule("rule/alert", 305),
    "expression": both(
        _ID, attr("attribute"),
        attr("operation", words("lt", "gt", "lte", "gte", "eq", "ne", "defined", "not_defined")),
        opt(
            attr("value"), worded("type", "string", ("integer", 305), "number", "version"),
            since(209, attr("value-source", words("literal", "param", "meta"))),
        ),
    ),
    "date_expression": both(_ID, one(
        until(308, one(
            both(attr("operation", words("in_range")), opt(attr("start")), attr("end")),
            both(attr("operation", words("in_range")), attr("start"), kid("duration")),
            both(attr("operation", words("gt")), attr("start")),
            both(attr("operation", words("lt")), attr("end")),
            both(attr("operation", words("date_spec")), kid("date_spec")),
        )),
        since(309, one(
            both(attr("operation", words("in_range")), attr("start"), opt(attr("end")), opt(kid("duration"))),
            both(attr("operation", words("in_range")), attr("end"), opt(attr("start")), opt(kid("duration"))),
            both(attr("operation", words("gt")), attr("start")),
            both(attr("operation", words("lt")), attr("end")),
            both(attr("operation", words("date_spec")), kid("date_spec")),
        )),
    )),
    "duration": both(
        _ID, opt(*(attr(unit) for unit in _UNITS)), opt(attr("moon")),
        since(309, opt(attr("days"), attr("minutes"), attr("seconds"))),
    ),
    "date_spec": both(
        _ID, opt(*(attr(unit) for unit in _UNITS)), until(310, opt(attr("moon"))),
        since(309, opt(attr("minutes"), attr("seconds"), attr("yeardays"))),
    ),
    "rsc_expression": both(_ID, opt(attr("class"), attr("provider"), attr("type"))),
    "op_expression": both(_ID, attr("name"), opt(attr("interval"))),

    "nodes": any_of(kid("node")),
    "node": both(
        attr("id"), attr("uname"), opt(
            worded("type", "member", ("normal", 0, 210), ("ping", 0, 310), ("remote", 103)),
            attr("description"), _SCORE,
        ),
        any_of(kid("instance_attributes"), kid("utilization")),
    ),

    "resources": any_of(
        kid("primitive"), kid("template"), kid("group"), kid("clone"), until(310, kid("master")),
        since(208, kid("bundle")),
    ),
    "primitive": both(_NAMED, one(both(_CLASS, attr("type")), attr("template", REFERENCE)), _PRIMITIVE_SETS),
    "template": both(_NAMED, _TEMPLATE_CLASS, attr("type"), _PRIMITIVE_SETS),
    "group": both(_NAMED, _RESOURCE_SETS, some_of(kid("primitive"))),
    "clone": both(_NAMED, _RESOURCE_SETS, _MEMBER),
    "master": both(_NAMED, _RESOURCE_SETS, _MEMBER),
    "operations": both(opt(_ID, attr("id-ref", REFERENCE)), any_of(kid("op"))),
    "op": both(
        _NAMED, attr("name"), attr("interval"), opt(
            one(attr("start-delay"), attr("interval-origin")), attr("timeout"), attr("enabled", BOOLEAN),
            attr("record-pending", BOOLEAN), _role("role"),
            until(300, worded("requires", "nothing", "quorum", "fencing", ("unfencing", 103))),
            worded(
                "on-fail", "ignore", "block", ("demote", 305), "stop", "restart", "standby", "fence",
                "restart-container",
            ),
        ),
        any_of(kid("meta_attributes", "meta_attributes/op"), kid("instance_attributes")),
    ),
    "bundle": both(
        _NAMED, _RESOURCE_SETS,
        one(
            kid("docker", "container"), between(210, 310, kid("rkt", "container")),
            since(302, kid("podman", "container")),
        ),
        opt(kid("network"), kid("storage"), kid("primitive")),
    ),
    "container": _CONTAINER,
    "network": both(
        opt(
            attr("ip-range-start"), attr("control-port", INTEGER), attr("host-interface"),
            attr("host-netmask", INTEGER), since(300, attr("add-host", BOOLEAN)),
        ),
        any_of(kid("port-mapping")),
    ),
    "port-mapping": both(_ID, one(
        both(attr("port", INTEGER), opt(attr("internal-port", INTEGER))),
        attr("range", Values(pattern=r"[0-9-]+")),
    )),
    "storage": any_of(kid("storage-mapping")),
    "storage-mapping": both(
        _ID, one(attr("source-dir"), attr("source-dir-root")), attr("target-dir"), opt(attr("options")),
    ),

    "constraints": any_of(kid("rsc_location"), kid("rsc_colocation"), kid("rsc_order"), kid("rsc_ticket")),
    "rsc_location": both(
        _ID, since(202, opt(attr("resource-discovery", words("always", "never", "exclusive")))),
        in_order(
            one(
                both(one(attr("rsc", REFERENCE), since(206, attr("rsc-pattern"))), opt(_role("role"))),
                _SETS,
            ),
            one(
                both(_SCORE, attr("node")), until(310, some_of(kid("rule", "rule/location"))),
                since(400, kid("rule", "rule/location")),
            ),
            _LIFETIME,
        ),
    ),
    "lifetime": some_of(kid("rule", "rule/location")),
    "resource_set": one(attr("id-ref", REFERENCE), both(
        _ID, opt(
            attr("sequential", BOOLEAN), attr("require-all", BOOLEAN),
            since(201, attr("ordering", words("group", "listed"))), _action("action"), _role("role"),
            one(_SCORE, since(300, _KIND)),
        ),
        some_of(kid("resource_ref")),
    )),
    "resource_ref": attr("id", REFERENCE),
    "rsc_colocation": both(
        _ID, opt(one(_SCORE, until(210, attr("score-attribute")), until(210, attr("score-attribute-mangle")))),
        since(306, opt(attr("influence"))),
        in_order(_LIFETIME, one(_SETS, both(
            attr("rsc", REFERENCE), attr("with-rsc", REFERENCE),
            opt(attr("node-attribute"), _role("rsc-role"), _role("with-rsc-role")),
        ))),
    ),
    "rsc_order": both(
        _ID, opt(attr("symmetrical", BOOLEAN), since(203, attr("require-all", BOOLEAN)), one(_SCORE, _KIND)),
        in_order(_LIFETIME, one(_SETS, both(
            attr("first", REFERENCE), attr("then", REFERENCE), opt(_action("first-action"), _action("then-action")),
        ))),
    ),
    "rsc_ticket": both(
        _ID, attr("ticket"), opt(attr("loss-policy", words("stop", "demote", "fence", "freeze"))),
        one(_SETS, both(attr("rsc", REFERENCE), opt(_role("rsc-role")))),
    ),

    "fencing-topology": any_of(kid("fencing-level")),
    "fencing-level": both(
        _ID,
        one(
            attr("target"), attr("target-pattern"),
            since(204, attr("target-attribute"), attr("target-value")),
        ),
        one(until(310, attr("index", FROM_1)), since(400, attr("index", Values(types=("1 to 9",))))),
        attr("devices", Values(pattern=r"[a-zA-Z0-9_.-]+(,[a-zA-Z0-9_.-]+)*")),
    ),

    "acls": any_of(
        kid("acl_role"), until(103, kid("acl_user")), since(200, any_of(kid("acl_target"), kid("acl_group"))),
    ),
    "acl_user": both(_ID, one(any_of(kid("role_ref")), any_of(kid("read"), kid("write"), kid("deny")))),
    "role_ref": attr("id", REFERENCE),
    "read": _ACL, "write": _ACL, "deny": _ACL,
    "acl_target": both(attr("id"), since(308, opt(attr("name"))), _ROLES),
    "acl_group": both(_ID, since(308, opt(attr("name"))), _ROLES),
    "role/of": attr("id", REFERENCE),
    "acl_role": one(
        until(103, _ID, any_of(kid("read"), kid("write"), kid("deny"))),
        since(200, _NAMED, any_of(kid("acl_permission"))),
    ),
    "acl_permission": both(_NAMED, attr("kind", words("read", "write", "deny")), one(
        attr("xpath"), attr("reference", REFERENCE), both(attr("object-type"), opt(attr("attribute"))),
    )),

    "tags": any_of(kid("tag")),
    "tag": both(_ID, some_of(kid("obj_ref"))),
    "obj_ref": one(until(302, attr("id", REFERENCE)), since(303, attr("id", TEXT))),

    "alerts": any_of(kid("alert")),
    "alert": both(_NAMED, attr("path"), one(
        until(209, in_order(_RECIPIENT_SETS, any_of(kid("recipient")))),
        since(210, _RECIPIENT_SETS, opt(kid("select")), any_of(kid("recipient"))),
    )),
    "select": opt(
        kid("select_attributes"), kid("select_fencing", "nothing"), kid("select_nodes", "nothing"),
        kid("select_resources", "nothing"),
    ),
    "select_attributes": any_of(kid("attribute")),
    "attribute": both(_ID, attr("name")),
    "nothing": both(),
    "recipient": both(_NAMED, attr("value"), _RECIPIENT_SETS),
}
