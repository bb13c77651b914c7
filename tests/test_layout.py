"""Who may import whom, which rooms stay pure, and that every room says what it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent

#: A room imports strictly lower floors; see hashell/__init__.py.
FLOORS = {
    "values": 0, "rules": 1, "cib": 1, "schema": 2, "model": 2, "state": 3, "transition": 4,
    "scheduler": 5, "status": 5, "agents": 5, "wire": 5, "simulate": 6, "client": 6,
    "commands": 7, "shell": 8, "monitor": 8, "report": 8, "lab": 8,
}
#: Modules at the top of the library that every room may use.
OPEN_TO_ALL = {"errors", "exit_codes", "theming"}
#: They put rooms together, so they may import all of them.
TOGETHER = {"entry_points", "__main__", "testing"}

#: The daemon's components: each imports core, settings and the library's floors 0 to 5, never a neighbour.
COMPONENTS = {
    "core", "engine", "cib_manager", "attribute_manager", "controller", "executor", "fencer",
    "alerts", "ipc", "storage", "remote", "watchdog",
}
DAEMON_TOGETHER = {"unit", "node", "remote_node", "proxy", "__main__", "simulation"}

#: No clock, no chance, no I/O in a pure room …
IMPURE = {
    "asyncio", "time", "random", "socket", "subprocess", "threading", "multiprocessing", "select",
    "selectors", "signal", "secrets", "ssl", "zeroconf", "psutil", "shutil", "tempfile",
}
PURE_ROOMS = {name for name, floor in FLOORS.items() if floor <= 5}
#: … but for these, each a driver at the edge.
DRIVERS = {
    "hashell/agents/run.py", "hashell/agents/systemd.py", "hashell/agents/find.py",
    "hashell/agents/ocf", "hashell/agents/tools", "hashell/cib/history.py", "hashell/cib/files.py",
    "hashelld/core/driver.py", "hashelld/core/agents.py", "hashelld/core/scheduler_process.py",
    "hashelld/engine/mesh/announce.py", "hashelld/engine/mesh/transport.py",
    "hashelld/engine/mesh/heartbeat.py", "hashelld/engine/mesh/heartbeat_process.py",
    "hashelld/engine/mesh/keyring.py",
    "hashelld/engine/corosync", "hashelld/ipc", "hashelld/storage",
    "hashelld/core/worker.py", "hashelld/core/load.py", "hashelld/core/service_manager.py",
    "hashelld/remote/transport.py",
    "hashelld/watchdog/edge.py", "hashelld/watchdog/guard.py",
}
#: Heavy libraries, and the only rooms that may use them.
ONLY_IN = {
    "textual": {"monitor"}, "prompt_toolkit": {"shell"},
    "zeroconf": {"engine"},
}


def _modules(package: str) -> list[Path]:
    base = TOP / "hashell" if package == "hashell" else TOP / "daemon" / "hashelld"
    return sorted(base.rglob("*.py"))


def _parts(path: Path) -> tuple[str, ...]:
    if path.is_relative_to(TOP / "daemon"):
        return path.relative_to(TOP / "daemon").parts
    return path.relative_to(TOP).parts


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of every module imported, also inside functions; not those for type checkers alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield node.lineno, node.module or ""
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def _room(parts: tuple[str, ...]) -> str:
    return parts[1].removesuffix(".py") if len(parts) > 1 else ""


def _library_complaints(path: Path) -> Iterator[str]:
    parts = _parts(path)
    room = _room(parts)
    where = "/".join(parts)
    for line, name in _imports(path):
        words = name.split(".")
        if words[0] == "hashelld" and room not in TOGETHER:
            yield f"{where}:{line}: the library never imports the daemon ({name})"
        if words[0] in ONLY_IN and room not in ONLY_IN[words[0]] | TOGETHER:
            yield f"{where}:{line}: {words[0]} is used only in {sorted(ONLY_IN[words[0]])}"
        if room in PURE_ROOMS and words[0] in IMPURE and not where.startswith(tuple(DRIVERS)):
            yield f"{where}:{line}: {room} is pure and imports {words[0]}"
        if words[0] != "hashell" or len(words) < 2 or words[1] == "__version__":
            continue
        other = words[1]
        if room in TOGETHER | {"__init__", "theming"} | OPEN_TO_ALL or other in OPEN_TO_ALL | {room}:
            continue
        if other not in FLOORS or room not in FLOORS or FLOORS[other] >= FLOORS[room]:
            yield f"{where}:{line}: {room} may not import {other}"


def _daemon_complaints(path: Path) -> Iterator[str]:
    parts = _parts(path)
    room = _room(parts)
    where = "/".join(parts)
    for line, name in _imports(path):
        words = name.split(".")
        if room in DAEMON_TOGETHER | {"__init__", "settings"}:
            continue
        if words[0] in IMPURE and not where.startswith(tuple(DRIVERS)):
            yield f"{where}:{line}: a component is pure and this imports {words[0]}"
        if words[0] == "hashelld" and len(words) > 1 and words[1] not in {"core", "settings", room}:
            yield f"{where}:{line}: a component may not import its neighbour {words[1]}"
        if where == "hashelld/core/worker.py" and words[:2] == ["hashell", "simulate"]:
            continue  # the scheduler's own process: it runs what simulate puts together
        if (
            words[0] == "hashell" and len(words) > 1
            and words[1] not in OPEN_TO_ALL | {"__version__"} and FLOORS.get(words[1], 99) > 5
        ):
            yield f"{where}:{line}: the daemon may not import {words[1]}"


@pytest.mark.parametrize(
    ("package", "complaints"), [("hashell", _library_complaints), ("hashelld", _daemon_complaints)]
)
def test_a_module_imports_only_what_lies_below_its_room(package, complaints):
    modules = _modules(package)
    assert modules
    assert [line for path in modules for line in complaints(path)] == []


def test_every_room_has_a_floor_and_says_what_it_is():
    for folder in sorted(p for p in (TOP / "hashell").iterdir() if (p / "__init__.py").exists()):
        assert folder.name in FLOORS or folder.name in TOGETHER, f"give {folder.name} a floor"
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), folder
    for folder in sorted(p for p in (TOP / "daemon/hashelld").iterdir() if (p / "__init__.py").exists()):
        assert folder.name in COMPONENTS | DAEMON_TOGETHER, f"say what {folder.name} may import"
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), folder


def test_every_module_says_what_it_is_for():
    silent = [
        str(path.relative_to(TOP))
        for package in ("hashell", "hashelld") for path in _modules(package)
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_the_folders_that_would_hide_other_packages_are_none():
    for folder in ("daemon", "themes", "tests", "demos"):
        assert not (TOP / folder / "__init__.py").exists()
