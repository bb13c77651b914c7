"""Running agents by hand: validate-all and rsctest of configure, `action` of maintenance. Only on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hashell.errors import BadUsage, Refused

if TYPE_CHECKING:
    from hashell.agents.run import Ended
    from hashell.commands.env import Element, Env
    from hashell.shell.session import Session

#: Seconds for an operation that has no timeout. Source: Pacemaker Explained, "timeout".
TIMEOUT_S = 20
#: Exit codes of agents in words. Source: OCF resource agent API.
MEANS = {0: "success", 1: "error", 2: "wrong arguments", 3: "not implemented", 4: "permission denied",
         5: "not installed", 6: "not configured", 7: "not running", 8: "running, promoted", 9: "failed, promoted"}
ACTIONS = ("start", "stop", "monitor", "meta-data", "validate-all", "promote", "demote", "notify", "reload")


def _primitive(env: Env, name: str) -> Element:
    from hashell.commands.env import need_resource

    found = need_resource(env, name)
    if found.tag != "primitive":
        raise BadUsage(f"{name} is a {found.tag}, which has no agent", "name a primitive")
    return found


def agent_text(env: Env, primitive: Element) -> str:
    """The agent of a primitive, its template's where it has none of its own, as people write it."""
    from hashell.commands.agents import agent_name

    return str(agent_name(env, primitive) or "without an agent")


def run_action(env: Env, primitive: Element, action: str) -> Ended:
    """One action of a primitive's agent here, with its plain parameters. Raises AgentMissing and the like."""
    from hashell.agents import find
    from hashell.agents.call import Place, build_call
    from hashell.agents.run import run
    from hashell.commands.agents import agent_name
    from hashell.commands.binding import find_resource
    from hashell.values.intervals import interval_ms

    agent = agent_name(env, primitive)
    if agent is None:
        raise BadUsage(f"{primitive.get('id')} has no agent", "mend its class and type first")
    template = find_resource(env.root, primitive.get("template") or "")
    parameters = {
        pair.get("name") or "": pair.get("value") or ""
        for one in (template, primitive) if one is not None
        for pair in one.iterfind("instance_attributes/nvpair")
    }
    operations = primitive.findall("operations/op")
    timeout = next((one.get("timeout") for one in operations if one.get("name") == action), None)
    call = build_call(
        Place(ocf_root=find.ocf_root()), agent, find.resolve(agent), action, primitive.get("id") or "", parameters,
        timeout_ms=interval_ms(timeout, TIMEOUT_S * 1000) or TIMEOUT_S * 1000,
    )
    return run(call)


def _tell(session: Session, name: str, action: str, ended: Ended) -> int:
    for line in (ended.stdout + ended.stderr).decode(errors="replace").splitlines():
        session.err(line)
    if ended.timed_out:
        session.out(f"{name}: {action} did not end in time\n")
        return 1
    code = ended.exit_code or 0
    session.out(f"{name}: {action} gave {code} ({MEANS.get(code, 'unknown')})\n")
    return code


def validate_all(session: Session, words: list[str]) -> int:
    """The agent judges the parameters as they are staged."""
    env = session.env()
    return _tell(session, words[0], "validate-all", run_action(env, _primitive(env, words[0]), "validate-all"))


def rsctest(session: Session, words: list[str]) -> int:
    """Probe, start, monitor and stop, one resource after the other, then stop them in reverse; nothing may run before.

    For resources that are not committed yet: what the cluster manages it would see as a failure.
    """
    env = session.env()
    here = os.uname().nodename
    nodes = [word for word in words if env.node(word) is not None]
    names = [word for word in words if word not in nodes]
    elsewhere = [node for node in nodes if node != here]
    if elsewhere:
        others = ", ".join(dict.fromkeys(elsewhere))
        raise BadUsage(f"agents can be tried on this machine only ({here}), not on {others}", "run it on that node")
    if not names:
        raise BadUsage("which resource is to be tried?", "name a primitive")
    known = {one.get("id") for one in session.client.cib().root.iterfind("configuration/resources//primitive")}
    managed = [name for name in names if name in known]
    if managed and session.client.kind != "file" and not session.options.force:
        raise Refused(f"{managed[0]} is the cluster's by now: it would take the test for a failure",
                      "try it before the commit, or in maintenance mode with --force")
    started: list[Element] = []
    good = True
    for primitive in [_primitive(env, name) for name in names]:
        name = primitive.get("id") or ""
        if run_action(env, primitive, "monitor").exit_code != 7 and primitive.get("class") != "stonith":
            session.out(f"{name}: it runs here already, or its monitor does not work: not tried\n")
            good = False
            break
        good = _tell(session, name, "start", run_action(env, primitive, "start")) == 0
        started.append(primitive)
        good = good and _tell(session, name, "monitor", run_action(env, primitive, "monitor")) == 0
        if not good:
            break
    for primitive in reversed(started):
        good = _tell(session, primitive.get("id") or "", "stop", run_action(env, primitive, "stop")) == 0 and good
    return 0 if good else 1


def action(session: Session, words: list[str]) -> int:
    """An action of a resource's agent here, by hand; only while the cluster leaves the resource alone."""
    from hashell.values.booleans import is_true

    env = session.env()
    primitive, verb = _primitive(env, words[0]), words[1].lower()
    if "ssh" in words[2:]:
        raise BadUsage(
            "maintenance action: agents can be tried on this machine only", "run it with hashell on the other node"
        )
    metas = [
        pair.get("value")
        for one in (primitive, *primitive.iterancestors())
        for pair in one.iterfind("meta_attributes/nvpair")
        if pair.get("name") in ("maintenance",)
    ]
    left_alone = is_true(env.option("maintenance-mode")) or any(is_true(value) for value in metas)
    if verb not in ("monitor", "meta-data", "validate-all") and not left_alone and not session.options.force:
        raise Refused(f"the cluster manages {words[0]}: it would undo this, or take it for a failure",
                      f"`maintenance on {words[0]}` first")
    return _tell(session, words[0], verb, run_action(env, primitive, verb))
