"""`explain` and `conflicts`: why a resource is where it is, by the configuration as it stands here, staged or not."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashell.shell.session import Session


def explain(session: Session, words: list[str]) -> int:
    """Why a resource is here, and what would have to change for it to be on a node."""
    from hashell.simulate.explain import run

    resource, node = (*words, "", "")[:2]
    return run(_options(resource, node), session.env().cib, session.out)


def conflicts(session: Session, words: list[str]) -> int:
    """The constraints that together keep a resource (or any that is to run) from running."""
    from hashell.simulate.explain import run

    return run(_options(*words[:1], conflicts=True), session.env().cib, session.out)


def _options(resource: str = "", node: str = "", *, conflicts: bool = False) -> Namespace:
    return Namespace(resource=resource, node=node, conflicts=conflicts, all=False, json=False)
