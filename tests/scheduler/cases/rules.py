"""Rules: dates, durations, date specifications, node attributes, resources, operations; values that depend on them."""

from __future__ import annotations

from hashell.testing.cases import Case
from hashell.testing.clusters import Cluster, operation, primitive

ONE_NODE = ("node1",)


def banned_when(condition, **more):
    """A resource that may run nowhere while a condition holds."""
    rule = f'<rsc_location id="l" rsc="a"><rule id="r" score="-INFINITY">{condition}</rule></rsc_location>'
    return Cluster(primitive("a"), rule, nodes=ONE_NODE, **more)


def dated(words, inside=""):
    return f'<date_expression id="d" {words}>{inside}</date_expression>'


def expression(words):
    return f'<expression id="e" {words}/>'


def by_rule(tag, ident, rule, **values):
    """A set of values that holds where a rule does."""
    inside = "".join(
        f'<nvpair id="{ident}-{name}" name="{name.replace("_", "-")}" value="{value}"/>'
        for name, value in values.items()
    )
    return f'<{tag} id="{ident}"><rule id="{ident}-rule" score="INFINITY">{rule}</rule>{inside}</{tag}>'


WORKING_HOURS = dated('operation="date_spec"', '<date_spec id="s" hours="9-16" weekdays="1-5"/>')
ALLOWED, BANNED = ["Start a ( node1 )"], []
MONDAY_NOON, SUNDAY_NOON = "2024-01-01T12:00:00Z", "2024-01-07T12:00:00Z"
WATCHED = primitive("a", operation("a", "monitor", "10s"))



def defaulting(interval):
    """A monitor of ten seconds, and a default for those of an interval: stop when it fails."""
    rule = f'<op_expression id="x" name="monitor" interval="{interval}"/>'
    return Cluster(
        WATCHED, nodes=ONE_NODE,
        more="<op_defaults>" + by_rule("meta_attributes", "m", rule, on_fail="stop") + "</op_defaults>",
    )


CASES = (
    Case(
        "after a date a rule holds", ("rule: date",),
        banned_when(dated('operation="gt" start="2024-01-01T12:00:00Z"')), BANNED, argv=("-t", "2024-01-01T12:00:01Z"),
    ),
    Case(
        "until a date a rule does not hold", ("rule: date",),
        banned_when(dated('operation="gt" start="2024-01-01T12:00:00Z"')), ALLOWED, argv=("-t", MONDAY_NOON),
    ),
    Case(
        "between two dates a rule holds", ("rule: date",),
        banned_when(dated('operation="in_range" start="2023-12-31" end="2024-01-02"')), BANNED,
    ),
    Case(
        "a duration says how long after its start a rule holds", ("rule: duration",),
        banned_when(dated('operation="in_range" start="2023-12-31T22:00:00Z"', '<duration id="u" hours="3"/>')), BANNED,
    ),
    Case(
        "when the duration is over the rule holds no more", ("rule: duration",),
        banned_when(dated('operation="in_range" start="2023-12-31T22:00:00Z"', '<duration id="u" hours="1"/>')),
        ALLOWED,
    ),
    Case(
        "a date specification holds in its hours on its days", ("rule: date_spec",),
        banned_when(WORKING_HOURS), BANNED, argv=("-t", MONDAY_NOON),
    ),
    Case(
        "a date specification does not hold on other days", ("rule: date_spec",),
        banned_when(WORKING_HOURS), ALLOWED, argv=("-t", SUNDAY_NOON),
    ),
    Case(
        "all of several conditions have to hold where a rule says and", ("rule: node attribute", "location rule"),
        banned_when(expression('attribute="x" operation="eq" value="1"')
                    + '<expression id="f" attribute="y" operation="defined"/>', attributes={"node1": {"x": "1"}}),
        ALLOWED,
    ),
    Case(
        "numbers are compared as numbers where a rule says so", ("rule: node attribute",),
        banned_when(expression('attribute="x" operation="gt" type="number" value="9"'),
                    attributes={"node1": {"x": "10"}}),
        BANNED,
    ),
    Case(
        "strings are compared as strings where a rule says so", ("rule: node attribute",),
        banned_when(expression('attribute="x" operation="gt" type="string" value="9"'),
                    attributes={"node1": {"x": "10"}}),
        ALLOWED,
    ),
    Case(
        "a rule inside a rule is one of its conditions", ("location rule", "rule: date"),
        banned_when(
            '<rule id="r2" boolean-op="or">' + expression('attribute="x" operation="defined"')
            + '<date_expression id="d" operation="lt" end="2025-01-01"/></rule>',
        ),
        BANNED,
    ),
    Case(
        "defaults may hold for resources of one agent only", ("rule: resource",),
        Cluster(
            primitive("a") + primitive("b", agent="Stateful"), nodes=ONE_NODE,
            more="<rsc_defaults>" + by_rule(
                "meta_attributes", "m", '<rsc_expression id="x" class="ocf" provider="heartbeat" type="Stateful"/>',
                target_role="Stopped",
            ) + "</rsc_defaults>",
        ),
        ["Start a ( node1 )"],
    ),
    Case(
        "defaults may hold for one kind of operation only", ("rule: operation",), defaulting("10s").settled(),
        ["Stop a ( node1 ) due to node availability"], argv=("-i", "a_monitor_10000@node1=1"),
    ),
    Case(
        "a default for another interval leaves an operation alone", ("rule: operation",), defaulting("20s").settled(),
        ["Recover a ( node1 )"], argv=("-i", "a_monitor_10000@node1=1"),
    ),
    Case(
        "stickiness may change with the hours", ("rule: date_spec", "stickiness"),
        Cluster(
            primitive("a", by_rule(
                "meta_attributes", "m", WORKING_HOURS, resource_stickiness="100",
            )), nodes=("node1", "node2"),
        ).settled().but(constraints='<rsc_location id="l" rsc="a" node="node2" score="50"/>'),
        [], argv=("-t", MONDAY_NOON),
    ),
    Case(
        "outside these hours the same resource moves", ("rule: date_spec", "stickiness"),
        Cluster(
            primitive("a", by_rule(
                "meta_attributes", "m", WORKING_HOURS, resource_stickiness="100",
            )), nodes=("node1", "node2"),
        ).settled().but(constraints='<rsc_location id="l" rsc="a" node="node2" score="50"/>'),
        ["Move a ( node1 -> node2 )"], argv=("-t", SUNDAY_NOON),
    ),
    Case(
        "parameters may differ from node to node", ("node-specific attributes",),
        Cluster(
            primitive("a", by_rule(
                "instance_attributes", "i", '<expression id="x" attribute="#uname" operation="eq" value="node1"/>',
                device="one",
            )), nodes=("node1", "node2"),
        ).settled().but(resources=primitive("a", by_rule(
            "instance_attributes", "i", '<expression id="x" attribute="#uname" operation="eq" value="node2"/>',
            device="one",
        ))),
        ["Restart a ( node1 ) due to resource definition change"],
    ),
    Case(
        "parameters of another node change nothing here", ("node-specific attributes",),
        Cluster(primitive("a"), nodes=("node1", "node2")).settled().but(resources=primitive("a", by_rule(
            "instance_attributes", "i", '<expression id="x" attribute="#uname" operation="eq" value="node2"/>',
            device="one",
        ))),
        [],
    ),
)
