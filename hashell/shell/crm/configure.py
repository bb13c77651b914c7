"""The configure level: objects of the configuration, staged until they are committed."""

from __future__ import annotations

from hashell.shell.grammar.words import WAIT, Command, Danger, Level

_HERE = "hashell.shell.crm.configure"
_PARAMS = "params {PARAM=VALUE}"
_META = "meta {META=VALUE}"
_UTILIZATION = "utilization {NAME=VALUE}"
_OP = "op OPERATION {OPATTR=VALUE} {(op_params {NAME=VALUE}|op_meta {META=VALUE})}"
_OPERATIONS = "operations IDSPEC=VALUE"
_BODY = f"{{({_PARAMS}|{_META}|{_UTILIZATION}|{_OPERATIONS}|{_OP})}}"
_EXPRESSION = "(defined ATTRIBUTE|not_defined ATTRIBUTE|date (lt|gt|in|spec) {DATE}|ATTRIBUTE COMPARISON TEXT)"
_RULE = f"rule [IDSPEC=VALUE] [SCORE:] {_EXPRESSION} {{(and|or) {_EXPRESSION}}}"
_MEMBERS = "{('('|')'|'['|']'|RESOURCE)}"


def _object(name: str, usage: str, help: str, aliases: tuple[str, ...] = (), example: str = "") -> Command:
    return Command(
        name, usage, help, f"{_HERE}_put:{name}", aliases=aliases, danger=Danger.CHANGES, free=True, example=example
    )


LEVEL = Level(
    "configure",
    "The cluster's configuration. Edits are staged; commit sends them.",
    commands=(
        _object(
            "node",
            "[ID:] NODE {attributes {NAME=VALUE}|utilization {NAME=VALUE}}",
            "A node, its attributes and utilization.",
        ),
        _object(
            "primitive",
            f"NEWID (AGENT|TEMPLATE) [DESCRIPTION=TEXT] {{PARAM=VALUE}} {_BODY}",
            "A resource.",
            ("resource",),
            example="primitive vip IPaddr2 params ip=192.168.8.47 op monitor interval=10s",
        ),
        _object(
            "group",
            f"NEWID PRIMITIVE... [DESCRIPTION=TEXT] {{({_PARAMS}|{_META})}}",
            "Resources that stay together, started in order.",
        ),
        _object(
            "clone",
            f"NEWID RESOURCE [DESCRIPTION=TEXT] {{({_META}|{_PARAMS})}}",
            "A resource on several nodes; promotable with meta promotable=true.",
        ),
        _object("ms", f"NEWID RESOURCE {{({_META}|{_PARAMS})}}", "A promotable clone, in its old form.", ("master",)),
        _object(
            "bundle",
            "NEWID (docker|podman) {NAME=VALUE} {(network {NAME=VALUE} {port-mapping {NAME=VALUE}}"
            f"|storage {{storage-mapping {{NAME=VALUE}}}}|primitive PRIMITIVE|{_META})}}",
            "A container with its network, storage and primitive.",
        ),
        _object(
            "rsc_template",
            f"NEWID AGENT [DESCRIPTION=TEXT] {{PARAM=VALUE}} {_BODY}",
            "What several primitives have in common.",
        ),
        _object(
            "location",
            f"NEWID (RESOURCE|PATTERN|'{{' RESOURCE... '}}') {{LOCATION=VALUE}} (SCORE: NODE|{{{_RULE}}})",
            "Where a resource is better, or must not be.",
            example="location l1 web 100: node1\nlocation l2 web rule -inf: not_defined pingd or pingd lte 0",
        ),
        _object(
            "colocation",
            f"NEWID SCORE: {_MEMBERS} [NODE-ATTRIBUTE=VALUE]",
            "Resources together, or apart.",
            ("collocation",),
            "colocation c1 inf: web vip",
        ),
        _object(
            "order",
            f"NEWID [KIND:] {_MEMBERS} [SYMMETRICAL=VALUE]",
            "One after the other.",
            example="order o1 Mandatory: db web",
        ),
        _object("rsc_ticket", f"NEWID TICKET: {_MEMBERS} [LOSS-POLICY=VALUE]", "Resources that a ticket allows."),
        _object(
            "property",
            f"[SET:] {{{_RULE}}} {{PROPERTY=VALUE}}",
            "Options of the cluster; without arguments their names.",
            example="property stonith-enabled=false",
        ),
        _object("rsc_defaults", f"[SET:] {{{_RULE}}} {{META=VALUE}}", "Meta-attributes of all resources."),
        _object("op_defaults", f"[SET:] {{{_RULE}}} {{OPATTR=VALUE}}", "Attributes of all operations."),
        _object("fencing_topology", "{(TARGET:|FENCEDEVICE)}", "Which devices fence which node, in which order."),
        _object("role", "NEWID {(read|write|deny) ACLSPEC}", "What somebody may read and write."),
        _object("acl_target", "NEWID ROLE...", "The roles of a user."),
        _object("user", "NEWID {TEXT}", "A user with rules; only for schemas before 2.0."),
        _object("tag", "NEWID RESOURCE...", "A name for several objects."),
        _object(
            "alert",
            "NEWID PATH {(attributes {NAME=VALUE}|meta {NAME=VALUE}"
            "|select {(nodes|fencing|resources|attributes '{' ATTRIBUTE... '}')}|to RECIPIENT)}",
            "A program that hears of events.",
        ),
        _object("monitor", "PRIMITIVE INTERVAL", "Add a monitor operation: monitor RSC[:ROLE] INTERVAL[:TIMEOUT]."),
        _object("xml", "TEXT", "An element as XML."),
        Command(
            "show",
            "{(xml|changed|ANYID|SELECTION|and|or)}",
            "Print the configuration, or objects of it.",
            f"{_HERE}_look:show",
            example="show\nshow web type:order\nshow xml web",
        ),
        Command(
            "edit",
            "[xml] {ANYID}",
            "Change the configuration in an editor.",
            f"{_HERE}_change:edit",
            danger=Danger.CHANGES,
        ),
        Command(
            "filter",
            "PROGRAM [xml] {ANYID}",
            "Change the configuration with a program.",
            f"{_HERE}_change:filter_through",
            danger=Danger.CHANGES,
        ),
        Command(
            "set",
            "PATH TEXT",
            "Change one value: set ID.[OPERATION.][INTERVAL.]NAME VALUE.",
            f"{_HERE}_change:set_value",
            danger=Danger.CHANGES,
        ),
        Command(
            "delete",
            "[--force] ANYID...",
            "Take objects out, with the constraints on them.",
            f"{_HERE}_change:delete",
            aliases=("rm",),
            danger=Danger.INTERRUPTS,
        ),
        Command("rename", "ANYID NEWID", "Give an object another id.", f"{_HERE}_change:rename", danger=Danger.CHANGES),
        Command(
            "modgroup",
            "GROUP (add PRIMITIVE [(before|after) PRIMITIVE]|remove PRIMITIVE)",
            "Change the members of a group.",
            f"{_HERE}_change:modgroup",
            danger=Danger.CHANGES,
        ),
        Command("erase", "[nodes]", "Take everything out.", f"{_HERE}_change:erase", danger=Danger.INTERRUPTS),
        Command(
            "load",
            "[xml] (update|replace|push) FILE",
            "Read a configuration from a file.",
            f"{_HERE}_change:load",
            danger=Danger.INTERRUPTS,
        ),
        Command(
            "save",
            "[xml] {ANYID} FILE",
            "Write the configuration to a file; - is standard output.",
            f"{_HERE}_look:save",
        ),
        Command(
            "commit",
            "{(force|replace)}" + WAIT,
            "Send the staged edits to the cluster.",
            f"{_HERE}_stage:commit",
            danger=Danger.INTERRUPTS,
        ),
        Command("diff", "", "What is staged.", f"{_HERE}_look:diff"),
        Command(
            "preview", "", "What is staged, and what the cluster would do with it: stop, start, move, fence.",
            f"{_HERE}_look:preview",
        ),
        Command(
            "refresh",
            "",
            "Drop what is staged, read the cluster's configuration again.",
            f"{_HERE}_stage:refresh",
            danger=Danger.READS,
        ),
        Command("verify", "", "Check what is staged.", f"{_HERE}_look:verify"),
        Command(
            "get_property",
            "[-t] [--true] {PROPERTY}",
            "The value of an option, or its default.",
            f"{_HERE}_look:get_property",
            aliases=("get-property",),
        ),
        Command(
            "default-timeouts",
            "PRIMITIVE...",
            "Timeouts of operations as the agents advise.",
            f"{_HERE}_change:default_timeouts",
            aliases=("default_timeouts",),
            danger=Danger.CHANGES,
        ),
        Command(
            "schema",
            "[SCHEMA]",
            "The schema of the configuration; or another one.",
            f"{_HERE}_change:schema",
            danger=Danger.CHANGES,
        ),
        Command(
            "upgrade", "[force]", "Raise the schema to the newest.", f"{_HERE}_change:upgrade", danger=Danger.CHANGES
        ),
        Command(
            "graph", "[(dot|svg|png|pdf) [FILE]]",
            "Orders and colocations: as lines, in the dot language, or drawn where Graphviz is installed.",
            f"{_HERE}_look:graph", example="graph\ngraph dot cluster.dot\ngraph svg cluster.svg",
        ),
        Command(
            "rsctest", "PRIMITIVE... {NODE}", "Try agents out here before the cluster does: start, monitor, stop.",
            "hashell.shell.crm.trying:rsctest", danger=Danger.INTERRUPTS,
        ),
        Command(
            "validate-all", "PRIMITIVE", "Let a resource's agent judge its parameters.",
            "hashell.shell.crm.trying:validate_all", aliases=("validate_all",),
        ),
        Command(
            "ptest",
            "{(scores|utilization|actions|nograph|v|vv|vvv|vvvv)}",
            "What the cluster would do with what is staged.",
            f"{_HERE}_look:ptest",
            aliases=("simulate",),
        ),
    ),
    levels=("ra", "cib", "cibstatus", "history", "template", "assist"),
    aliases=("cfg",),
)
