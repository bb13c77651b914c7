"""The cibstatus level: a status section that is made up, to see what the cluster would do then. Nothing is sent."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from hashell.errors import BadUsage, NotFound
from hashell.shell.grammar.words import Command, Level

if TYPE_CHECKING:
    from hashell.commands.env import Element
    from hashell.shell.session import Session

_HERE = "hashell.shell.crm.cibstatus"
#: Exit codes by the names that agents' texts have. Source: OCF resource agent API.
CODES = {
    "success": 0, "unknown": 1, "args": 2, "unimplemented": 3, "perm": 4, "installed": 5, "configured": 6,
    "not_running": 7, "master": 8, "promoted": 8, "failed_master": 9, "failed_promoted": 9,
}


def _command(name: str, usage: str, help: str, example: str = "", function: str = "") -> Command:
    return Command(name, usage, help, f"{_HERE}:{function or name}", example=example)


LEVEL = Level(
    "cibstatus", "A status that is made up: what would the cluster do if …",
    commands=(
        _command("load", "FILE", "Take the status of a file or of the live cluster: load live."),
        _command("save", "[FILE]", "Write the CIB with the status as it is made up."),
        _command("origin", "", "Where the status comes from, and how much is made up."),
        _command("show", "[changed]", "The status, or what is made up of it."),
        _command("node", "NODE (online|offline|unclean)", "Let a node be up, gone, or gone without a word.",
                 "node node2 unclean"),
        _command("op", "OPERATION RESOURCE RETURNCODE [(done|error|timeout|notsupp)] [NODE]",
                 "Let an operation have ended like this.", "op monitor web not_running node1"),
        _command("quorum", "(true|false)", "Let there be quorum, or none."),
        _command("ticket", "TICKET (grant|revoke|activate|standby)", "Let a ticket be granted, revoked or held."),
        _command("run", "{(scores|actions|utilization|nograph)}", "What the cluster would do.", function="simulate"),
        _command("simulate", "{(scores|actions|utilization|nograph)}", "The same as run."),
    ),
)


class Imagined:
    """The status of one session: where it came from and what was made up."""

    def __init__(self, origin: str, root: Element) -> None:
        self.origin = origin
        self.root = root
        self.changes: list[str] = []


#: One for each session that has begun to make things up.
_KEPT: dict[int, tuple[object, Imagined]] = {}


def imagined(session: Session) -> Imagined:
    """The session's made up status; at first the cluster's own."""
    kept = _KEPT.get(id(session))
    if kept is None or kept[0] is not session:
        _KEPT.clear()  # One session at a time: a program has one.
        kept = _KEPT[id(session)] = (session, Imagined("live", session.client.cib().copy_root()))
    return kept[1]


def _whole(session: Session) -> Element:
    """The configuration as it is staged, with the made up status and quorum."""
    import copy

    mine = imagined(session)
    root = session.env().cib.copy_root()
    for old in root.findall("status"):
        root.remove(old)
    status = mine.root.find("status")
    if status is not None:
        root.append(copy.deepcopy(status))
    for key in ("have-quorum", "dc-uuid", "cib-last-written"):
        if mine.root.get(key) is not None:
            root.set(key, mine.root.get(key) or "")
    return root


def load(session: Session, words: list[str]) -> int:
    from hashell.cib.files import load_cib
    from hashell.shell import shadow

    mine = imagined(session)
    if words[0] == "live":
        mine.root = session.client.cib().copy_root()
    elif words[0].startswith("shadow:"):
        mine.root = shadow.open_shadow(words[0].removeprefix("shadow:"), True).cib().copy_root()
    else:
        mine.root = load_cib(Path(words[0]).expanduser()).copy_root()
    if mine.root.find("status") is None:
        session.err("WARNING: there is no status in it: every node counts as never seen")
    mine.origin, mine.changes = words[0], []
    return 0


def save(session: Session, words: list[str]) -> int:
    from hashell.cib.document import Cib
    from hashell.cib.files import save_cib

    cib = Cib(_whole(session))
    if words:
        save_cib(Path(words[0]).expanduser(), cib)
    else:
        session.out(cib.to_bytes(pretty=True).decode())
    return 0


def origin(session: Session, words: list[str]) -> int:
    mine = imagined(session)
    session.out(f"{mine.origin}, {len(mine.changes)} changes made up\n")
    return 0


def show(session: Session, words: list[str]) -> int:
    from hashell.cib.document import Cib
    from hashell.shell.crm.status import resource_lines
    from hashell.shell.output import page

    mine = imagined(session)
    if words:
        session.out("".join(f"{line}\n" for line in mine.changes))
        return 0
    page(session, "".join(f"{line}\n" for line in resource_lines(session.client, Cib(_whole(session)))))
    return 0


def _need_node(session: Session, name: str) -> str:
    from hashell.commands.env import need_node

    return need_node(session.env(), name).get("uname") or name


def node(session: Session, words: list[str]) -> int:
    from hashell.simulate import inject

    name, verb = _need_node(session, words[0]), words[1].lower()
    mine = imagined(session)
    if verb == "online":
        inject.set_node(mine.root, name, up=True)
    elif verb == "offline":
        inject.node_down(mine.root, name)
    else:
        inject.node_fail(mine.root, name)
    mine.changes.append(f"node {name} is {verb}")
    return 0


def op(session: Session, words: list[str]) -> int:
    """`monitor:10s` or `monitor` with the interval that is configured; without a node it is where the resource is."""
    from hashell.commands.agents import agent_name
    from hashell.commands.env import need_resource
    from hashell.commands.resources import node_of
    from hashell.simulate import inject
    from hashell.values.intervals import interval_ms

    env, mine = session.env(), imagined(session)
    task, _, given = words[0].partition(":")
    resource, code_text, *rest = words[1:]
    found = need_resource(env, resource.partition(":")[0])
    if found.tag != "primitive":
        raise BadUsage(f"{resource} is a {found.tag}, and operations are of primitives", "name one of its primitives")
    code = CODES.get(code_text.lower(), int(code_text) if code_text.isdigit() and int(code_text) < 256 else -1)
    if code < 0:
        raise BadUsage(f"{code_text!r} is no exit code", "a number to 255, or " + ", ".join(CODES))
    results = ("done", "error", "timeout", "notsupp")
    names = [word for word in rest if word.lower() not in results]
    where = _need_node(session, names[0]) if names else node_of(env, resource)
    configured = next(
        (one.get("interval") or "0" for one in found.iterfind("operations/op") if one.get("name") == task), "0"
    )
    agent = agent_name(env, found)
    if agent is None:
        raise BadUsage(f"{resource} has no agent", "mend its class and type first")
    state = inject.node_state(mine.root, where)
    history = inject.resource_history(
        state, resource, resource, inject.Agent(agent.standard, agent.provider, agent.type)
    )
    interval = interval_ms(given or (configured if task == "monitor" else "0")) or 0
    now_s = int(time.time())
    target = 0 if task != "monitor" or interval else 7
    result = inject.Result(resource, task, interval, code, target, "", now_s)
    inject.record(history, result, where)
    inject.count_failure(state, result, resource, infinity=task in ("start", "stop"))
    mine.changes.append(f"{task} of {resource} on {where} ended with {code}")
    return 0


def quorum(session: Session, words: list[str]) -> int:
    mine = imagined(session)
    on = words[0].lower() == "true"
    mine.root.set("have-quorum", "1" if on else "0")
    mine.changes.append(f"quorum is {'there' if on else 'lost'}")
    return 0


def ticket(session: Session, words: list[str]) -> int:
    from hashell.simulate import inject

    mine, verb = imagined(session), words[1].lower()
    if verb in ("grant", "revoke"):
        inject.set_ticket(mine.root, words[0], "granted", verb == "grant")
    else:
        inject.set_ticket(mine.root, words[0], "standby", verb == "standby")
    mine.changes.append(f"ticket {words[0]}: {verb}")
    return 0


def simulate(session: Session, words: list[str]) -> int:
    """As `configure simulate`, with the status that is made up."""
    import msgspec

    from hashell.shell.crm.configure_look import show_decision

    if imagined(session).root.find("status") is None:
        raise NotFound("there is no status to begin with", "`cibstatus load FILE`, or attach to a cluster")
    env = msgspec.structs.replace(session.env(), root=_whole(session))
    return show_decision(session, env, words)
