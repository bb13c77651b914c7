"""What each key of the monitor does to the cluster, as acts over the commands that the shell runs too."""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from hashell.cib.document import Cib
from hashell.client.api import ClusterClient
from hashell.commands import configure, nodes, resources, versions
from hashell.commands.env import Env
from hashell.errors import BadInput, NotFound
from hashell.monitor.acts import Act, Danger
from hashell.monitor.fields import Field
from hashell.monitor.scene import Scene
from hashell.monitor.views.times import moment
from hashell.values.scores import is_score


def _is_standby(cib: Cib, node: str) -> bool:
    for path in ("configuration/nodes/node", "status/node_state/transient_attributes"):
        for element in cib.root.iterfind(path):
            owner = element.getparent() if element.tag == "transient_attributes" else element
            if owner is None or owner.get("uname") != node:
                continue
            for pair in element.iterfind("instance_attributes/nvpair"):
                if pair.get("name") == "standby" and pair.get("value") in ("on", "true", "yes", "1"):
                    return True
    return False


def _meta(cib: Cib, resource: str, name: str) -> str:
    element = cib.by_id(resource)
    if element is not None:
        for pair in element.iterfind("meta_attributes/nvpair"):
            if pair.get("name") == name:
                return pair.get("value", "")
    return ""


def nodes_of(cib: Cib) -> list[str]:
    """Names of the configured nodes, in their order."""
    return [
        name for element in cib.root.iterfind("configuration/nodes/node") if (name := element.get("uname"))
    ]


def toggle_standby(cib: Cib, node: str) -> Act:
    """Standby for a node, or online again."""
    if _is_standby(cib, node):
        return Act(f"{node} online", f"node online {node}", Danger.CHANGES, lambda env: nodes.online(env, [node]))
    return Act(
        f"{node} standby", f"node standby {node}", Danger.INTERRUPTS, lambda env: nodes.standby(env, [node])
    )


def toggle_stopped(cib: Cib, resource: str) -> Act:
    """Stop a resource, or let it start again."""
    if _meta(cib, resource, "target-role").lower() == "stopped":
        return Act(
            f"start {resource}", f"resource start {resource}", Danger.CHANGES,
            lambda env: resources.start(env, [resource]),
        )
    return Act(
        f"stop {resource}", f"resource stop {resource}", Danger.INTERRUPTS,
        lambda env: resources.stop(env, [resource]),
    )


def move(cib: Cib, resource: str, node: str) -> Act:
    """Move a resource to a node; the preference stays until it is taken back."""
    return Act(
        f"move {resource} to {node}", f"resource move {resource} {node}", Danger.INTERRUPTS,
        lambda env: resources.prefer(env, resource, node),
    )


def unmove(cib: Cib, resource: str) -> Act:
    """Take moves and bans back. Raises NotFound when there are none."""
    section = cib.section("constraints")
    mine = [
        one for one in (section if section is not None else ())
        if isinstance(one.tag, str) and one.get("rsc") == resource and one.get("id", "").startswith("cli-")
    ]
    if not mine:
        raise NotFound(f"{resource} was not moved or banned", "m moves it")
    return Act(
        f"take back moves of {resource}", f"resource clear {resource}", Danger.INTERRUPTS,
        lambda env: resources.clear(env, resource),
    )


def clean_up(resource: str, node: str) -> Act:
    """Forget failures of a resource, on one node or all."""
    return Act(
        f"clean up {resource}" + (f" on {node}" if node else ""),
        f"resource cleanup {resource} {node}".strip(), Danger.CHANGES,
        call=lambda client: client.clean_up(resource, node),
    )


def fence(node: str) -> Act:
    """Fence a node now."""
    return Act(f"fence {node}", f"node fence {node}", Danger.FENCES, call=lambda client: client.fence(node))


def delete_constraint(cib: Cib, name: str) -> Act:
    """Take a constraint out."""
    return Act(
        f"delete constraint {name}", f"configure delete {name}", Danger.INTERRUPTS,
        lambda env: configure.delete(env, [name]),
    )


def constraint_fields(cib: Cib, kind: str, resource: str) -> list[Field]:
    """The fields of a new constraint of a resource."""
    others = ", ".join(
        found.get("id", "") for found in cib.root.iterfind("configuration/resources//primitive")
        if found.get("id") != resource
    )[:200]
    if kind == "location":
        return [
            Field("node", "", "one of " + ", ".join(nodes_of(cib)), required=True),
            Field("score", "100", "INFINITY: must; -INFINITY: must not; a number: points", required=True),
        ]
    if kind == "colocation":
        return [
            Field("with", "", f"the one that decides where; one of {others}", required=True),
            Field("score", "INFINITY", "INFINITY: must be together; -INFINITY: must be apart", required=True),
        ]
    return [
        Field("after", "", f"the one that starts before; one of {others}", required=True),
        Field("kind", "Mandatory", "Mandatory, Optional or Serialize", required=True),
    ]


def add_constraint(cib: Cib, kind: str, resource: str, values: Mapping[str, str]) -> Act:
    """A new constraint of a resource. Raises BadInput for words that do not fit."""
    if kind in ("location", "colocation") and not is_score(values["score"]):
        raise BadInput(f"{values['score']} is no score", "write a number, INFINITY or -INFINITY")
    if kind == "location":
        if values["node"] not in nodes_of(cib):
            raise BadInput(f"no node is called {values['node']}", "there are " + ", ".join(nodes_of(cib)))
        name = f"location-{resource}-{values['node']}"
        attributes = {"rsc": resource, "node": values["node"], "score": values["score"]}
        words = f"configure location {name} {resource} {values['score']}: {values['node']}"
    elif kind == "colocation":
        name = f"colocation-{resource}-{values['with']}"
        attributes = {"rsc": resource, "with-rsc": values["with"], "score": values["score"]}
        words = f"configure colocation {name} {values['score']}: {resource} {values['with']}"
    else:
        name = f"order-{values['after']}-{resource}"
        attributes = {"first": values["after"], "then": resource, "kind": values["kind"]}
        words = f"configure order {name} {values['kind']}: {values['after']} {resource}"
    for other in ("with", "after"):
        if other in values and cib.by_id(values[other]) is None:
            raise BadInput(f"no resource is called {values[other]}", "see the overview for the names")
    sketch = etree.Element(f"rsc_{kind}", {"id": name, **attributes})
    return Act(f"add {kind} {name}", words, Danger.INTERRUPTS, lambda env: configure.create(env, sketch))


def restore(then: Scene) -> Act:
    """The configuration as it was at a moment. Raises NotFound when it is not known."""
    cib = then.cib
    if cib is None:
        raise NotFound("the configuration of then is not known", "go to a moment after this monitor began to listen")
    epoch = f"{cib.version.admin_epoch}.{cib.version.epoch}."
    kept = [row.version for row in then.history if row.version.startswith(epoch)]
    when = moment(then.when_s)
    words = f"history restore {kept[-1]}" if kept else f"(the configuration of {when}, version {cib.version})"
    return Act(
        f"the configuration as it was at {when}", words, Danger.INTERRUPTS, lambda env: versions.restore(env, cib)
    )


def undo(client: ClusterClient) -> Act:
    """Put the configuration back to how it was before its last change. Raises NotFound when no version is kept."""
    rows = client.history(2)
    if len(rows) < 2:
        raise NotFound("no earlier configuration is kept", "history begins with the first change")
    last, before = rows[0], rows[1]
    old = client.version(before.version).configuration
    assert old is not None, "a kept version has a configuration"

    def edit(env: Env) -> None:
        now = env.configuration()
        parent = now.getparent()
        assert parent is not None
        parent.replace(now, etree.fromstring(etree.tostring(old)))
        env.forget_ids()

    what = last.command or last.message or last.version
    return Act(f"undo {what} (by {last.user})", f"history undo {last.version}", Danger.INTERRUPTS, edit)
