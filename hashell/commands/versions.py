"""Earlier versions of the configuration: go back to one, or take one change back."""

from __future__ import annotations

import copy

from lxml import etree

from hashell.cib.diff import make_patch
from hashell.cib.document import Cib
from hashell.cib.patch import apply_patch
from hashell.commands.binding import attributes
from hashell.commands.env import Env
from hashell.errors import Conflict, HashellError, NotFound


def restore(env: Env, version: Cib) -> None:
    """Make the configuration what it was in a version; what runs is the cluster's to adapt."""
    found = version.configuration
    if found is None:
        raise NotFound("that version has no configuration", "choose another")
    env.root.replace(env.configuration(), copy.deepcopy(found))
    if version.root.get("validate-with"):
        env.root.set("validate-with", version.root.get("validate-with", ""))
    env.forget_ids()


def undo(env: Env, before: Cib, after: Cib) -> None:
    """Take back what led from one version to the next, and keep what came later. Raises Conflict."""
    back = make_patch(configuration_only(after), configuration_only(before))
    try:
        found = apply_patch(configuration_only(env.cib), back, check_version=False)
    except HashellError as error:
        raise Conflict(
            f"later changes stand on version {after.version}: {error.message}", "restore an earlier version as a whole"
        ) from None
    restore(env, found)


def configuration_only(cib: Cib) -> Cib:
    """The same document without its status, so that versions compare by what people configured."""
    root = etree.Element("cib", attributes(cib.root))
    if cib.configuration is not None:
        root.append(copy.deepcopy(cib.configuration))
    return Cib(root)
