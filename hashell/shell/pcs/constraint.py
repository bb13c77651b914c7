"""The noun constraint."""

from __future__ import annotations

from hashell.errors import BadUsage
from hashell.shell.grammar.words import Command, Danger
from hashell.shell.pcs.call import Call, pairs, sections
from hashell.shell.pcs.root import need

_HERE = "hashell.shell.pcs.constraint"


def _command(
    name: str, usage: str, help: str, where: str, danger: Danger = Danger.READS, aliases: tuple[str, ...] = ()
) -> Command:
    return Command(name, usage, help, f"{_HERE}:{where}", aliases=aliases, danger=danger)


_C = Danger.CHANGES
_ROLE = "(Started|Promoted|Unpromoted|Master|Slave)"
_SETS = "RESOURCE {(RESOURCE|NAME=VALUE|set|setoptions)}"
COMMANDS = (
    _command("", "", "All constraints.", "show_all", aliases=("config",)),
    _command("show", "", "The older word, with the older text.", "show_old", aliases=("list",)),
    _command(
        "location", "RESOURCE ((prefers|avoids) NODESCORE...|rule {NAME=VALUE} TEXT...)",
        "Prefer or avoid nodes, or a rule.", "location", _C,
    ),
    _command(
        "location add", "NEWID RESOURCE NODE [SCORE] {NAME=VALUE}", "A location constraint with a chosen id.",
        "location_add", _C,
    ),
    _command("location delete", "CONSTRAINT...", "Take location constraints away.", "delete", _C, ("location remove",)),
    _command(
        "location config",
        "[(resources|nodes)] {TEXT}",
        "Location constraints.",
        "location_config",
        aliases=("location show", "location list"),
    ),
    _command(
        "order",
        "[(start|promote|stop|demote)] RESOURCE then [(start|promote|stop|demote)] RESOURCE {NAME=VALUE}",
        "One after the other.",
        "order",
        _C,
    ),
    _command("order set", _SETS, "Orders over sets.", "order_set", _C),
    _command("order delete", "RESOURCE...", "Take resources out of orders.", "order_delete", _C, ("order remove",)),
    _command("order config", "", "Orders.", "order_config", aliases=("order show", "order list")),
    _command(
        "colocation add", f"[{_ROLE}] RESOURCE with [{_ROLE}] RESOURCE [SCORE] {{NAME=VALUE}}", "Together, or apart.",
        "colocation_add", _C,
    ),
    _command("colocation set", _SETS, "Together over sets.", "colocation_set", _C),
    _command(
        "colocation delete",
        "RESOURCE RESOURCE",
        "Take colocations away.",
        "colocation_delete",
        _C,
        ("colocation remove",),
    ),
    _command(
        "colocation",
        "",
        "Colocations.",
        "colocation_config",
        aliases=("colocation config", "colocation show", "colocation list"),
    ),
    _command("ticket add", "TICKET [ROLE] RESOURCE {NAME=VALUE}", "A resource needs a ticket.", "ticket_add", _C),
    _command("ticket set", _SETS, "Sets that need a ticket.", "ticket_set", _C),
    _command(
        "ticket delete", "TICKET RESOURCE", "Take a ticket's constraint away.", "ticket_delete", _C, ("ticket remove",)
    ),
    _command(
        "ticket", "", "Tickets' constraints.", "ticket_config", aliases=("ticket config", "ticket show", "ticket list")
    ),
    _command("rule add", "CONSTRAINT {TEXT}", "A further rule.", "rule_add", _C),
    _command("rule delete", "RULE", "Take a rule away.", "delete", _C, ("rule remove",)),
    _command("delete", "CONSTRAINT...", "Take constraints away.", "delete", _C, ("remove",)),
    _command("ref", "RESOURCE...", "Constraints that name a resource.", "ref"),
)


# --- looking -------------------------------------------------------------------------------------------


def _show(call: Call, kinds: tuple[str, ...]) -> int:
    from hashell.shell.pcs import show_constraints

    form = call.options.get("--output-format", "text")
    return call.lines(show_constraints.render(call.env, kinds, form, full=call.full))


def show_all(call: Call, words: list[str]) -> int:
    if words:
        raise BadUsage(f"'{words[0]}' is no command of pcs constraint", "see pcs constraint help")
    return _show(call, ("rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket"))


def show_old(call: Call, words: list[str]) -> int:
    """Scripts that use the older word read the older text."""
    need(words, 0, 0, "constraint show")
    call.options["--output-format"] = "old"
    return show_all(call, words)


def order_config(call: Call, words: list[str]) -> int:
    return _show(call, ("rsc_order",))


def colocation_config(call: Call, words: list[str]) -> int:
    need(words, 0, 0, "constraint colocation [config]")
    return _show(call, ("rsc_colocation",))


def ticket_config(call: Call, words: list[str]) -> int:
    need(words, 0, 0, "constraint ticket [config]")
    return _show(call, ("rsc_ticket",))


def location_config(call: Call, words: list[str]) -> int:
    if not words:
        return _show(call, ("rsc_location",))
    from hashell.shell.pcs import show_constraints

    if words[0] not in ("resources", "nodes"):
        raise BadUsage(f"'{words[0]}' is neither resources nor nodes", "location config [resources|nodes] …")
    return call.lines(show_constraints.locations_by(call.env, words[0], words[1:], full=call.full))


def ref(call: Call, words: list[str]) -> int:
    from hashell.commands.configure import constraints_on

    if not words:
        raise BadUsage("usage: pcs constraint ref RESOURCE…", "name resources")
    lines = []
    for name in sorted(set(words)):
        lines.append(f"Resource: {name}")
        found = sorted(one.get("id") or "" for one in constraints_on(call.env, name))
        lines += [f"  {one}" for one in found] or ["  No Matches"]
    return call.lines(lines)


# --- location ------------------------------------------------------------------------------------------


def location(call: Call, words: list[str]) -> int:
    if not words:
        return _show(call, ("rsc_location",))
    if len(words) < 3 or words[1] not in ("prefers", "avoids", "rule"):
        if words[1:2] == ["rule"]:
            raise BadUsage("no rule expression was specified", "give an expression")
        raise BadUsage(
            "usage: pcs constraint location RESOURCE prefers|avoids NODE[=SCORE]… | rule …", "see pcs constraint help"
        )
    from hashell.commands import constraints

    env = call.env
    if words[1] == "rule":
        options, expression = _rule_words(
            words[2:], ("id", "constraint-id", "score", "score-attribute", "role", "resource-discovery")
        )
        from hashell.shell.pcs.rule_parse import parse_rule

        constraints.location_rule(env, words[0], parse_rule(expression), options)
        return call.finish(env)
    nodes = dict(word.partition("=")[::2] for word in words[2:])
    constraints.prefer(env, words[0], nodes, avoid=words[1] == "avoids")
    return call.finish(env)


def _rule_words(words: list[str], known: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
    """Options before the expression, and the expression."""
    options: dict[str, str] = {}
    place = 0
    while place < len(words):
        name, equals, value = words[place].partition("=")
        if not equals or name not in known:
            break
        options[name] = value
        place += 1
    return options, words[place:]


def location_add(call: Call, words: list[str]) -> int:
    if len(words) < 3 or "=" in words[2]:
        raise BadUsage(
            "usage: pcs constraint location add ID RESOURCE NODE [SCORE] [resource-discovery=…]",
            "see pcs constraint help",
        )
    from hashell.commands import constraints

    rest = words[3:]
    score = rest.pop(0) if rest and "=" not in rest[0] else ""
    options = pairs(rest)
    score = options.pop("score", "") or score or "INFINITY"
    env = call.env
    constraints.location(env, words[0], words[1], words[2], score, options)
    return call.finish(env)


def rule_add(call: Call, words: list[str]) -> int:
    if len(words) < 2:
        raise BadUsage(
            "usage: pcs constraint rule add CONSTRAINT [id=…] [score=…] EXPRESSION", "see pcs constraint help"
        )
    from hashell.commands import constraints
    from hashell.shell.pcs.rule_parse import parse_rule

    options, expression = _rule_words(words[1:], ("id", "score", "score-attribute", "role"))
    env = call.env
    constraints.add_rule(env, words[0], parse_rule(expression), options)
    return call.finish(env)


def delete(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs constraint delete ID…", "name constraints or rules")
    from hashell.commands import constraints

    env = call.env
    constraints.remove(env, words)
    return call.finish(env)


# --- colocation ----------------------------------------------------------------------------------------


def colocation_add(call: Call, words: list[str]) -> int:
    """`[ROLE] A with [ROLE] B [SCORE] [options]`, and the older form without `with`."""
    from hashell.commands import constraints

    usage = BadUsage(
        "usage: pcs constraint colocation add [ROLE] A with [ROLE] B [SCORE] [options]", "see pcs constraint help"
    )
    rest = list(words)
    first_role, first_name = _role_and_name(rest, usage)
    if rest[:1] == ["with"]:
        rest.pop(0)
    elif not rest:
        raise usage
    second_role, second_name = _role_and_name(rest, usage)
    score = ""
    if rest and "=" not in rest[0]:
        score = rest.pop(0)
    options = pairs(rest)
    score = options.pop("score", "") or score or "INFINITY"
    env = call.env
    constraints.colocation(env, first_name, second_name, score, (first_role, second_role), options)
    return call.finish(env)


def _role_and_name(words: list[str], usage: BadUsage) -> tuple[str, str]:
    from hashell.commands.constraints import ROLES

    role = ""
    if (
        len(words) > 1
        and words[0].lower() in {one.lower() for one in ROLES}
        and words[1] != "with"
        and "=" not in words[1]
    ):
        role = words.pop(0)
    if not words or "=" in words[0]:
        raise usage
    return role, words.pop(0)


def colocation_set(call: Call, words: list[str]) -> int:
    return _sets(call, words, "rsc_colocation")


def colocation_delete(call: Call, words: list[str]) -> int:
    need(words, 2, 2, "constraint colocation delete A B")
    from hashell.commands import constraints

    env = call.env
    constraints.remove_pair(env, "rsc_colocation", ("rsc", "with-rsc"), words[0], words[1])
    return call.finish(env)


# --- order ---------------------------------------------------------------------------------------------


def order(call: Call, words: list[str]) -> int:
    if not words:
        return _show(call, ("rsc_order",))
    from hashell.commands import constraints

    usage = BadUsage("usage: pcs constraint order [ACTION] A then [ACTION] B [options]", "see pcs constraint help")
    rest = list(words)
    first_action, first_name = _action_and_name(rest, usage)
    if rest[:1] != ["then"]:
        raise usage
    rest.pop(0)
    then_action, then_name = _action_and_name(rest, usage)
    options = pairs(rest)
    env = call.env
    element = constraints.order(env, first_name, then_name, (first_action, then_action), options)
    told = " ".join(
        [
            *(f"{name}={value}" for name, value in options.items() if name != "kind" and name in ("id", "require-all")),
            f"first-action={element.get('first-action')}",
            f"then-action={element.get('then-action')}",
            *(f"{name}={value}" for name, value in options.items() if name == "symmetrical"),
        ]
    )
    env.say(f"Adding {first_name} {then_name} (kind: {element.get('kind') or 'Mandatory'}) (Options: {told})")
    return call.finish(env)


def _action_and_name(words: list[str], usage: BadUsage) -> tuple[str, str]:
    from hashell.commands.constraints import ACTIONS

    action = ""
    if len(words) > 1 and words[0] in ACTIONS and words[1] != "then":
        action = words.pop(0)
    if not words or "=" in words[0]:
        raise usage
    return action, words.pop(0)


def order_set(call: Call, words: list[str]) -> int:
    return _sets(call, words, "rsc_order")


def order_delete(call: Call, words: list[str]) -> int:
    if not words:
        raise BadUsage("usage: pcs constraint order delete RESOURCE…", "name resources")
    from hashell.commands import constraints

    env = call.env
    constraints.remove_orders(env, words)
    return call.finish(env)


# --- tickets, sets -------------------------------------------------------------------------------------


def ticket_add(call: Call, words: list[str]) -> int:
    from hashell.commands import constraints

    usage = BadUsage("usage: pcs constraint ticket add TICKET [ROLE] RESOURCE [options]", "see pcs constraint help")
    plain = [word for word in words if "=" not in word]
    if len(plain) not in (2, 3) or words[: len(plain)] != plain:
        raise usage
    role = plain[1] if len(plain) == 3 else ""
    options = pairs(words[len(plain) :])
    for name in options:
        if name not in ("id", "loss-policy"):
            raise BadUsage(f"invalid option '{name}', allowed options are: 'id', 'loss-policy'", "leave it out")
    env = call.env
    constraints.ticket(env, plain[0], plain[-1], role, options)
    return call.finish(env)


def ticket_set(call: Call, words: list[str]) -> int:
    return _sets(call, words, "rsc_ticket")


def ticket_delete(call: Call, words: list[str]) -> int:
    need(words, 2, 2, "constraint ticket delete TICKET RESOURCE")
    from hashell.commands import constraints

    env = call.env
    constraints.remove_ticket(env, words[0], words[1])
    return call.finish(env)


def _sets(call: Call, words: list[str], tag: str) -> int:
    """`R… [options] [set R… [options]]… [setoptions …]`."""
    from hashell.commands import constraints

    groups = sections(["set", *words], ("set", "setoptions"), repeat=("set",))
    members = [
        constraints.Members([word for word in one if "=" not in word], pairs(word for word in one if "=" in word))
        for one in groups["set"]
    ]
    options = pairs(groups["setoptions"][0]) if "setoptions" in groups else {}
    env = call.env
    constraints.sets(env, tag, members, options)
    return call.finish(env)
