"""Shadow CIBs: private copies of a configuration to work on, kept as files in the user's state folder.

The folder is the variable CIB_shadow_dir, as Pacemaker's tools know it, else below the user's state folder.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from hashell.errors import BadUsage, NotFound

if TYPE_CHECKING:
    from hashell.client.api import ClusterClient


def folder() -> Path:
    found = os.environ.get("CIB_shadow_dir")  # noqa: SIM112  # so Pacemaker spells it
    if found:
        return Path(found)
    import platformdirs

    return Path(platformdirs.user_state_dir("hashell")) / "shadow"


def path_of(name: str) -> Path:
    """The file of a shadow. Raises BadUsage for a name that could leave the folder."""
    if not re.fullmatch(r"[\w][\w.@-]*", name):
        raise BadUsage(f"{name!r} cannot be the name of a shadow CIB", "use letters, digits, dots, _ and -")
    return folder() / f"shadow.{name}"


def names() -> tuple[str, ...]:
    """The shadows that there are, sorted."""
    if not folder().is_dir():
        return ()
    return tuple(sorted(path.name.removeprefix("shadow.") for path in folder().glob("shadow.*")))


def open_shadow(name: str, read_only: bool) -> ClusterClient:
    """A client of a shadow. Raises NotFound."""
    from hashell.client.cib_file import FileClient

    path = path_of(name)
    if not path.is_file():
        raise NotFound(
            f"no shadow CIB is called {name}", "there are " + (", ".join(names()) or "none; make one with `cib new`")
        )
    return FileClient(str(path), read_only=read_only)
