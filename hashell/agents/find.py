"""Which agents are installed, and where each one is. Looks at folders; runs nothing but `systemctl list-unit-files`.

Our own agents stand in the package and are found first; after them OCF_ROOT, /etc/init.d, systemd, and fence agents
in sbin.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from hashell.agents.call import OWN
from hashell.agents.systemd import unit_name
from hashell.errors import NotFound
from hashell.values.agent_names import AgentName

OCF_ROOT = "/usr/lib/ocf"
INIT_DIR = "/etc/init.d"
SBIN_DIRS = ("/usr/sbin", "/sbin")
#: Where systemd keeps units, first wins; read directly, since asking systemd takes a process.
UNIT_DIRS = (
    "/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
)


class AgentMissing(NotFound):
    id = "agent-missing"


def ocf_root() -> str:
    """The variable OCF_ROOT, else the usual place."""
    return os.environ.get("OCF_ROOT") or OCF_ROOT


def init_dir() -> str:
    """Where init scripts are: the variable HASHELL_INIT_DIR (for nodes that share a machine), else the usual place."""
    return os.environ.get("HASHELL_INIT_DIR") or INIT_DIR


def list_agents(standard: str = "", provider: str = "") -> tuple[AgentName, ...]:
    """All agents of a class (and provider), sorted; all classes when `standard` is empty."""
    wanted = (standard,) if standard else ("ocf", "lsb", "systemd", "stonith")
    found: set[AgentName] = set()
    for one in wanted:
        match one:
            case "ocf":
                found.update(_ocf_agents(provider))
            case "lsb":
                found.update(AgentName("lsb", "", name) for name in _programs(Path(init_dir())))
            case "systemd":
                found.update(AgentName("systemd", "", name) for name in _units())
            case "service":
                found.update(AgentName("service", "", name) for name in _programs(Path(init_dir())))
                found.update(AgentName("service", "", name) for name in _units())
            case "stonith":
                found.update(AgentName("stonith", "", name) for name in _fence_agents())
            case _:
                pass
    return tuple(sorted(found))


def list_standards() -> tuple[str, ...]:
    """Classes that have at least one agent here."""
    return tuple(one for one in ("lsb", "ocf", "service", "stonith", "systemd") if list_agents(one))


def list_providers(kind: str = "") -> tuple[str, ...]:
    """Providers of OCF agents, or of those of one type."""
    return tuple(sorted({
        agent.provider for agent in _ocf_agents("") if not kind or agent.type == kind
    }))


def resolve(agent: AgentName) -> str:
    """The file of an agent (for systemd the unit's name). Raises AgentMissing.

    `service` is whichever of lsb and systemd has it; callers that need to know which ask `standard_of` first.
    """
    path = find_path(agent)
    if path:
        return path
    raise AgentMissing(f"no agent {agent} is installed here", "see: ra list " + agent.standard)


def find_path(agent: AgentName) -> str:
    """As `resolve`, but empty when there is none."""
    if not agent.type or "/" in agent.provider or (agent.standard != "lsb" and "/" in agent.type):
        return ""
    match agent.standard:
        case "ocf":
            candidates = [base / agent.provider / agent.type for base in _ocf_folders()]
        case "lsb":
            candidates = [Path(init_dir()) / agent.type]
        case "stonith":
            candidates = [base / agent.type for base in (OWN / "fence", *map(Path, SBIN_DIRS))]
        case "systemd":
            return unit_name(agent.type) if _has_unit(agent.type) else ""
        case "service":
            return find_path(AgentName(standard_of(agent), "", agent.type))
        case _:
            return ""
    return next((str(path) for path in candidates if path.is_file()), "")


def standard_of(agent: AgentName) -> str:
    """The class that `service:NAME` stands for here: lsb when there is a script, else systemd."""
    if agent.standard != "service":
        return agent.standard
    return "lsb" if (Path(init_dir()) / agent.type).is_file() else "systemd"


def _ocf_folders() -> tuple[Path, ...]:
    return (OWN / "ocf", Path(ocf_root()) / "resource.d")


def _ocf_agents(provider: str) -> Iterator[AgentName]:
    for base in _ocf_folders():
        for folder in _entries(base):
            if folder.is_dir() and (not provider or folder.name == provider):
                own = base == OWN / "ocf"
                for name in _programs(folder, any_mode=own):
                    yield AgentName("ocf", folder.name, name)


def _fence_agents() -> Iterator[str]:
    for base in (OWN / "fence", *map(Path, SBIN_DIRS)):
        for name in _programs(base, any_mode=base == OWN / "fence"):
            if name.startswith("fence_"):
                yield name


def _programs(folder: Path, *, any_mode: bool = False) -> Iterator[str]:
    """Names of executable files; hidden ones, libraries and the package's own leftovers are none."""
    for path in _entries(folder):
        if path.name.startswith((".", "__")) or path.suffix in (".py", ".pyc", ".metainfo"):
            continue
        if path.is_file() and (any_mode or os.access(path, os.X_OK)):
            yield path.name


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _units() -> Iterator[str]:
    """Names of services, without the suffix; templates have no instance here and are left out."""
    for folder in UNIT_DIRS:
        for path in _entries(Path(folder)):
            if path.suffix == ".service" and not path.stem.endswith("@"):
                yield path.stem


def _has_unit(kind: str) -> bool:
    name = unit_name(kind)
    prefix, at, _ = name.partition("@")
    names = {name, f"{prefix}@.{name.rsplit('.', 1)[1]}"} if at else {name}
    if any((Path(folder) / one).exists() for folder in UNIT_DIRS for one in names):
        return True
    try:
        # A generator may have made the unit in a place of its own.
        shown = subprocess.run(
            ["systemctl", "show", "--property=LoadState", "--value", "--", name],
            capture_output=True, timeout=5, check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return shown.stdout.strip() == b"loaded"
