"""The resource level."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hashell.commands.binding import select, texts
from hashell.errors import BadUsage, NotFound
from hashell.shell.grammar.words import WAIT, Command, Danger, Level

if TYPE_CHECKING:
    from hashell.commands.env import Env
    from hashell.shell.session import Session

_HERE = "hashell.shell.crm.resource"
#: What stands in a configuration for a secret.
_MARK = "lrm://"
_ATTRIBUTE = "(set {name} TEXT|delete {name}|show {name})"
_SECRETS = "(set PARAM [TEXT]|stash PARAM|unstash PARAM|delete PARAM|show PARAM|check PARAM)"


def _command(
    name: str, usage: str, help: str, danger: Danger = Danger.READS, aliases: tuple[str, ...] = (), example: str = ""
) -> Command:
    waits = WAIT if danger is not Danger.READS else ""
    return Command(name, usage + waits, help, f"{_HERE}:{name}", aliases=aliases, danger=danger, example=example)


LEVEL = Level(
    "resource",
    "Resources: start, stop, move, clean up.",
    commands=(
        _command("status", "{RESOURCE}", "Where resources run.", aliases=("show", "list")),
        _command("locate", "{RESOURCE}", "On which node a resource is; alone all of them."),
        _command("start", "RESOURCE...", "Let resources run.", Danger.CHANGES),
        _command("stop", "RESOURCE...", "Stop resources.", Danger.INTERRUPTS),
        _command("restart", "RESOURCE...", "Stop resources, wait, start them again.", Danger.INTERRUPTS),
        _command("promote", "CLONE", "Promote a promotable clone.", Danger.CHANGES),
        _command("demote", "CLONE", "Demote a promotable clone.", Danger.INTERRUPTS),
        _command("manage", "RESOURCE", "Let the cluster manage a resource again.", Danger.CHANGES),
        _command("unmanage", "RESOURCE", "Leave a resource alone: it is neither started nor stopped.", Danger.CHANGES),
        _command(
            "maintenance",
            "RESOURCE [(on|off|true|false)]",
            "Leave a resource alone, monitors included.",
            Danger.CHANGES,
        ),
        _command(
            "move",
            "RESOURCE [NODE] [LIFETIME] [force]",
            "Move a resource: to a node, or away from where it is.",
            Danger.INTERRUPTS,
            ("migrate",),
            "move web node2\nmove web node2 PT30M",
        ),
        _command("ban", "RESOURCE [NODE] [LIFETIME] [force]", "Keep a resource off a node.", Danger.INTERRUPTS),
        _command("clear", "RESOURCE", "Take moves and bans back.", Danger.CHANGES, ("unmove", "unban", "unmigrate")),
        _command("cleanup", "[RESOURCE] [NODE] [force]", "Forget failures.", Danger.CHANGES),
        _command(
            "refresh",
            "[RESOURCE] [NODE] [force]",
            "Forget the history, look again what runs.",
            Danger.CHANGES,
            ("reprobe",),
        ),
        _command(
            "failcount",
            "RESOURCE (set NODE COUNT [OPERATION] [INTERVAL]|delete NODE|show NODE)",
            "Failures that were counted.",
            Danger.CHANGES,
        ),
        _command("param", "RESOURCE " + _ATTRIBUTE.format(name="PARAM"), "One parameter.", Danger.CHANGES),
        _command("secret", "RESOURCE " + _SECRETS, "A parameter that no CIB holds.", Danger.CHANGES),
        _command("meta", "RESOURCE " + _ATTRIBUTE.format(name="META"), "One meta-attribute.", Danger.CHANGES),
        _command(
            "utilization", "RESOURCE " + _ATTRIBUTE.format(name="NAME"), "One utilization attribute.", Danger.CHANGES
        ),
        _command("operations", "[RESOURCE] [NODE]", "Operations that were done."),
        _command("constraints", "RESOURCE", "Constraints on a resource."),
        _command("scores", "", "What each resource scores on each node."),
        _command("trace", "PRIMITIVE [OPERATION] [INTERVAL] [PATH]", "Write an agent's runs down.", Danger.CHANGES),
        _command("untrace", "PRIMITIVE [OPERATION] [INTERVAL]", "End tracing.", Danger.CHANGES),
    ),
)


def status(session: Session, words: list[str]) -> int:
    from hashell.shell.crm.status import resource_lines

    if words:
        return locate(session, words)
    session.out("".join(f"{line}\n" for line in resource_lines(session.client)))
    return 0


def locate(session: Session, words: list[str]) -> int:
    from hashell.commands.env import need_resource
    from hashell.commands.running import active_on

    env = session.env()
    every = (str(one) for one in texts(env.root, "configuration/resources/*[not(self::template)]/@id"))
    for name in words or every:
        resource = need_resource(env, name)
        nodes: dict[str, None] = {}
        for primitive in resource.iter("primitive"):
            nodes.update(dict.fromkeys(active_on(env.cib, primitive.get("id") or "")))
        for node in nodes:
            session.out(f"resource {name} is running on: {node}\n")
        if not nodes:
            session.out(f"resource {name} is NOT running\n")
    return 0


def start(session: Session, words: list[str]) -> int:
    from hashell.commands import resources

    env = session.env()
    resources.start(env, words)
    session.finish(env)
    return 0


def stop(session: Session, words: list[str]) -> int:
    from hashell.commands import resources

    env = session.env()
    resources.stop(env, words)
    session.finish(env)
    return 0


def restart(session: Session, words: list[str]) -> int:
    """Waits between stopping and starting, else the cluster might see no reason to stop."""
    from hashell.commands import resources

    env = session.env()
    resources.stop(env, words)
    session.err(f"INFO: ordering {', '.join(words)} to stop")
    watched = session.client.kind != "file"
    progress = session.progress(env) if watched else None
    env.commit()
    if progress is not None:
        session.follow(progress)
    env = session.env()
    session.err(f"INFO: ordering {', '.join(words)} to start")
    resources.start(env, words)
    progress = session.progress(env) if watched else None
    session.finish(env)
    if progress is not None and not session.options.wait:
        session.follow(progress)
    return 0


def promote(session: Session, words: list[str]) -> int:
    return _role(session, words[0], promoted=True)


def demote(session: Session, words: list[str]) -> int:
    return _role(session, words[0], promoted=False)


def _role(session: Session, name: str, *, promoted: bool) -> int:
    from hashell.commands import resources

    env = session.env()
    resources.set_role(env, name, promoted=promoted)
    session.finish(env)
    return 0


def _switch(session: Session, name: str, option: str, value: str) -> int:
    from hashell.commands import resources

    env = session.env()
    resources.set_meta_deep(env, name, option, value)
    session.finish(env)
    return 0


def manage(session: Session, words: list[str]) -> int:
    return _switch(session, words[0], "is-managed", "true")


def unmanage(session: Session, words: list[str]) -> int:
    return _switch(session, words[0], "is-managed", "false")


def maintenance(session: Session, words: list[str]) -> int:
    on = len(words) < 2 or words[1].lower() in ("on", "true")
    return _switch(session, words[0], "maintenance", "true" if on else "false")


def _place(session: Session, words: list[str]) -> tuple[str, str, str, bool]:
    """Resource, node, end of the lifetime, forced."""
    from hashell.commands.resources import until

    forced = "force" in words[1:] or session.options.force
    rest = [word for word in words[1:] if word != "force"]
    env = session.env()
    node = end = ""
    for word in rest:
        if not node and env.node(word) is not None:
            node = word
        elif not end and len(rest) - rest.index(word) == 1 and _is_lifetime(word):
            end = until(word, time.time())
        else:
            from hashell.commands.env import need_node

            need_node(env, word)
    return words[0], node, end, forced


def _is_lifetime(word: str) -> bool:
    return word[:1] == "P" or word[:1].isdigit()


def move(session: Session, words: list[str]) -> int:
    """To a node; without one, away from where it is, which needs force since it bans that node."""
    from hashell.commands import resources

    name, node, end, forced = _place(session, words)
    env = session.env()
    if node:
        resources.prefer(env, name, node, end=end)
    elif forced:
        resources.ban(env, name, resources.node_of(env, name), end=end)
    else:
        raise BadUsage(
            "no target node: move needs a node, or `force` to ban the present one", f"resource move {name} NODE"
        )
    session.finish(env)
    session.err(f"INFO: Move constraint created for {name}" + (f" to {node}" if node else ""))
    session.err(f"INFO: Use `hashell resource clear {name}` to remove this constraint")
    return 0


def ban(session: Session, words: list[str]) -> int:
    from hashell.commands import resources

    name, node, end, _ = _place(session, words)
    env = session.env()
    resources.ban(env, name, node or resources.node_of(env, name), end=end)
    session.finish(env)
    session.err(f"INFO: Ban constraint created for {name}")
    session.err(f"INFO: Use `hashell resource clear {name}` to remove this constraint")
    return 0


def clear(session: Session, words: list[str]) -> int:
    from hashell.commands import resources

    env = session.env()
    gone = resources.clear(env, words[0])
    session.finish(env)
    session.err(f"INFO: Removed migration constraints for {words[0]}: {', '.join(gone) or 'there were none'}")
    return 0


def _forget(session: Session, words: list[str], *, refresh: bool) -> int:
    from hashell.commands.env import need_node, need_resource

    words = [word for word in words if word != "force"]
    env = session.env()
    resource = words[0] if words else ""
    node = words[1] if len(words) > 1 else ""
    if resource:
        need_resource(env, resource)
    if node:
        node = need_node(env, node).get("uname") or node
    session.err(session.client.clean_up(resource, node, refresh=refresh))
    session.wait_if_asked()
    return 0


def cleanup(session: Session, words: list[str]) -> int:
    return _forget(session, words, refresh=False)


def refresh(session: Session, words: list[str]) -> int:
    return _forget(session, words, refresh=True)


def failcount(session: Session, words: list[str]) -> int:
    """Kept as transient attributes fail-count-RSC#OPERATION_INTERVAL."""
    from hashell.commands.env import need_node, need_resource
    from hashell.values.intervals import interval_ms

    name, verb, node = words[0], words[1], words[2]
    env = session.env()
    need_resource(env, name)
    node = need_node(env, node).get("uname") or node
    counts: dict[str, str] = {}
    for pair in select(
        env.root, "status/node_state[@uname=$u]/transient_attributes/instance_attributes/nvpair", u=node
    ):
        if (pair.get("name") or "").startswith(f"fail-count-{name}#"):
            counts[pair.get("name") or ""] = pair.get("value") or "0"
    if verb == "show":
        total = (
            "INFINITY"
            if "INFINITY" in counts.values()
            else str(sum(int(value) for value in counts.values() if value.isdigit()))
        )
        session.out(f"scope=status  name=fail-count-{name} value={total}\n")
        return 0
    if verb == "delete":
        session.err(session.client.clean_up(name, node))
        return 0
    value = words[3]
    if not value.isdigit() and value != "INFINITY":
        raise BadUsage(f"{value!r} is no count", "give a number or INFINITY")
    names = [one for one in counts if len(words) < 5 or f"#{words[4]}_" in one]
    if len(words) > 5:
        names = [f"fail-count-{name}#{words[4]}_{interval_ms(words[5])}"]
    elif not names and len(words) < 5:
        # Nothing was counted yet: it is taken for the failure that is told most often.
        watched = select(env.root, "configuration/resources//primitive[@id=$n]/operations/op[@name='monitor']", n=name)
        names = [f"fail-count-{name}#monitor_{interval_ms(one.get('interval'))}" for one in watched[:1]]
    if len(names) != 1:
        raise NotFound(f"{name} has {len(names)} fail counts on {node}", "name operation and interval too")
    session.client.set_attribute(node, names[0], value)
    return 0


def _attribute(session: Session, kind: str, words: list[str]) -> int:
    from hashell.commands import resources

    env = session.env()
    name, verb, attribute = words[:3]
    if verb.lower() == "show":
        session.out(resources.attribute(env, name, kind, attribute) + "\n")
        return 0
    if verb.lower() == "set":
        resources.set_attribute(env, name, kind, attribute, words[3])
    else:
        resources.delete_attribute(env, name, kind, attribute)
    session.finish(env)
    return 0


def param(session: Session, words: list[str]) -> int:
    return _attribute(session, "param", words)


def secret(session: Session, words: list[str]) -> int:
    """`set` without a value asks for it (or reads standard input), so that it need not stand on a command line."""
    from hashell.commands import resources

    env = session.env()
    name, verb, parameter = words[:3]
    client = session.client
    match verb.lower():
        case "show":
            value = client.get_secret(name, parameter)
            if value is None:
                raise NotFound(f"{name} has no secret {parameter}", "see: resource param NAME show PARAM")
            session.out(f"{value}\n")
        case "check":
            known, mark = client.get_secret(name, parameter) is not None, _mark(env, name, parameter)
            session.out(f"{parameter} of {name} is {'a secret' if known and mark else 'no secret'}\n")
            return 0 if known == mark else 1
        case "set":
            client.set_secret(name, parameter, words[3] if len(words) > 3 else _ask_secret(parameter))
            resources.set_attribute(env, name, "param", parameter, _MARK)
            session.finish(env)
        case "stash":
            client.set_secret(name, parameter, resources.attribute(env, name, "param", parameter))
            resources.set_attribute(env, name, "param", parameter, _MARK)
            session.finish(env)
        case "unstash":
            value = client.get_secret(name, parameter)
            if value is None:
                raise NotFound(f"{name} has no secret {parameter}", "nothing is to be unstashed")
            resources.set_attribute(env, name, "param", parameter, value)
            session.finish(env)
            client.set_secret(name, parameter, None)
        case _:
            if _mark(env, name, parameter):
                resources.delete_attribute(env, name, "param", parameter)
                session.finish(env)
            client.set_secret(name, parameter, None)
    return 0


def _mark(env: Env, name: str, parameter: str) -> bool:
    """Whether the configuration says that a parameter is a secret."""
    from hashell.commands import resources

    try:
        return resources.attribute(env, name, "param", parameter) == _MARK
    except NotFound:
        return False


def _ask_secret(parameter: str) -> str:
    import getpass
    import sys

    value = getpass.getpass(f"{parameter}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if not value:
        raise BadUsage(f"no value for {parameter}", "give it on standard input")
    return value


def meta(session: Session, words: list[str]) -> int:
    return _attribute(session, "meta", words)


def utilization(session: Session, words: list[str]) -> int:
    return _attribute(session, "utilization", words)


def operations(session: Session, words: list[str]) -> int:
    from hashell.shell.crm.status import operation_lines

    resource, node = (*words, "", "")[:2]
    session.out("".join(f"{line}\n" for line in operation_lines(session.env().cib, resource, node)))
    return 0


def constraints(session: Session, words: list[str]) -> int:
    from hashell.commands import resources

    session.out("".join(f"{line}\n" for line in resources.constraints_text(session.env(), words[0])))
    return 0


def scores(session: Session, words: list[str]) -> int:
    from hashell.shell.crm.status import score_lines

    session.out("".join(f"{line}\n" for line in score_lines(session.env().cib)))
    return 0


def trace(session: Session, words: list[str]) -> int:
    from hashell.commands import resources

    operation = interval = folder = ""
    for word in words[1:]:
        if word.startswith("/"):
            folder = word
        elif word[:1].isdigit():
            interval = word
        else:
            operation = word
    env = session.env()
    resources.trace(env, words[0], operation, interval, folder)
    session.finish(env)
    return 0


def untrace(session: Session, words: list[str]) -> int:
    from hashell.commands import resources

    env = session.env()
    resources.untrace(env, words[0], *(words[1:3]))
    session.finish(env)
    return 0
