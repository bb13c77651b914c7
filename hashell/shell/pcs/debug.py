"""Running a resource's agent here by hand: `pcs resource debug-start|debug-stop|debug-monitor|…`."""

from __future__ import annotations

from hashell.commands.binding import RESOURCES, Element
from hashell.errors import BadUsage, NotFound
from hashell.shell.pcs.call import Call
from hashell.shell.pcs.root import need

#: What is asked of the agent, and the name under which Pacemaker tells the result. Source: crm_resource(8), --force-*.
ACTIONS = {
    "debug-start": ("start", "force-start"), "debug-stop": ("stop", "force-stop"),
    "debug-monitor": ("monitor", "force-check"), "debug-promote": ("promote", "force-promote"),
    "debug-demote": ("demote", "force-demote"),
}


def start(call: Call, words: list[str]) -> int:
    return _run(call, words, "debug-start")


def stop(call: Call, words: list[str]) -> int:
    return _run(call, words, "debug-stop")


def monitor(call: Call, words: list[str]) -> int:
    return _run(call, words, "debug-monitor")


def promote(call: Call, words: list[str]) -> int:
    return _run(call, words, "debug-promote")


def demote(call: Call, words: list[str]) -> int:
    return _run(call, words, "debug-demote")


def _run(call: Call, words: list[str], name: str) -> int:
    """The cluster is neither asked nor told: it is for finding out why it cannot do this itself. The exit code is the
    agent's.
    """
    if not words:
        raise BadUsage(f"You must specify a resource to {name}", "name a primitive")
    need(words, 1, 1, f"resource {name} RESOURCE [--full]")
    from hashell.shell.crm.trying import MEANS, agent_text, run_action

    primitive = _primitive(call, words[0], name)
    action, told = ACTIONS[name]
    ended = run_action(call.env, primitive, action)
    agent = agent_text(call.env, primitive)
    if ended.timed_out:
        call.out(f"Operation {told} for {words[0]} ({agent}) did not end in time\n")
        code = 1
    else:
        code = ended.exit_code or 0
        meaning = "ok" if not code else MEANS.get(code, "unknown")
        call.out(f"Operation {told} for {words[0]} ({agent}) returned {code} ({meaning})\n")
    if call.full or code:
        for stream, title in ((ended.stdout, "stdout"), (ended.stderr, "stderr")):
            for line in stream.decode(errors="replace").splitlines():
                call.out(f" >  {title}: {line}\n")
    return code


def _primitive(call: Call, name: str, verb: str) -> Element:
    """The primitive; for what has none of its own the names of those that could be meant."""
    from hashell.commands.binding import find_resource

    found = find_resource(call.env.root, name)
    if found is None or found.tag == "template":
        raise NotFound(f"unable to find a resource/clone/group/bundle: {name}", "see resource status")
    if found.tag == "primitive":
        if found.get("class") == "stonith":
            raise BadUsage(f"unable to {verb} a fence device", f"`pcs stonith fence NODE` uses {name}")
        return found
    inner = [child.get("id") or "" for child in found if child.tag in RESOURCES]
    kind = "clone" if found.tag == "master" else str(found.tag)
    others = f"one of the group's resource(s) ({','.join(inner)})" if kind == "group" else (
        f"the {kind}'s resource: {inner[0]}" if inner else ""
    )
    raise BadUsage(f"unable to {verb} a {kind}" + (f", try {others}" if others else ""), "name a primitive")
