"""`doctor`: what is wrong with this node and this cluster; the exit code tells whether service is at risk."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hashell.errors import HashellError

if TYPE_CHECKING:
    from hashell.commands.cluster import Worry
    from hashell.shell.session import Session

#: Exit code where something puts service at risk.
AT_RISK = 1


def doctor(session: Session, words: list[str]) -> int:
    """`node` looks at this machine alone, `cluster` at the cluster alone, `--paths` prints where everything is kept."""
    from hashell.commands import doctor_facts
    from hashell.commands.doctor import about_node

    if "--paths" in words:
        found_paths = doctor_facts.paths()
        width = max(map(len, found_paths))
        session.out("".join(f"{name:{width}}  {path}\n" for name, path in found_paths.items()))
        return 0
    of_node = "cluster" not in words and not session.options.cib_file
    found: list[tuple[str, Worry]] = []
    names: list[str] = []
    if "node" not in words:
        try:
            names, cluster = _cluster(session)
            found += [("cluster", one) for one in cluster]
        except HashellError as error:
            if not of_node:
                raise
            session.err(f"INFO: of the cluster nothing can be said: {error}")
    if of_node:
        found = [*(("node", one) for one in about_node(doctor_facts.gather(names))), *found]
    found.sort(key=lambda one: not one[1].bad)
    _tell(session, found)
    return AT_RISK if any(one.bad for _, one in found) else 0


def _cluster(session: Session) -> tuple[list[str], tuple[Worry, ...]]:
    """Names of the nodes, and what worries about the cluster."""
    from hashell.agents import find
    from hashell.commands.agents import agent_name
    from hashell.commands.doctor import about_cluster

    env = session.env()
    info = session.client.info()
    missing = []
    if session.client.kind != "file":
        for primitive in env.root.iterfind("configuration/resources//primitive"):
            name = agent_name(env, primitive)
            try:
                if name is not None and name.type not in ("remote",):
                    find.resolve(name)
            except HashellError:
                missing.append(str(name))
    return list(env.node_names()), about_cluster(env, info, missing)


def _tell(session: Session, found: list[tuple[str, Worry]]) -> None:
    if session.options.output_as == "json":
        rows = [
            {"about": about, "id": one.id, "bad": one.bad, "text": one.text, "hint": one.hint} for about, one in found
        ]
        session.out(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
        return
    for about, one in found:
        session.out(f"{'BAD ' if one.bad else 'note'}  {about}: {one.text}\n")
        if one.hint:
            session.out(f"      → {one.hint}\n")
    bad = sum(one.bad for _, one in found)
    session.out(f"{bad} to mend, {len(found) - bad} to know\n" if found else "nothing is wrong\n")
