"""Themes: palettes read from TOML files, one for shell, monitor and HTML alike.

A theme names colours by meaning, never by place: `ok`, `warn`, `fail`, `unknown`, `pending`, `maint`, `promoted`,
`fenced`, `stale`, and the surfaces `background`, `panel`, `foreground`, `muted`, `accent`, `selection`. A colour is
`#rrggbb`, or `ansi_*` for the terminal's own palette, or `default`.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hashell.errors import BadInput, NotFound

MEANINGS = (
    "ok", "warn", "fail", "unknown", "pending", "maint", "promoted", "fenced", "stale",
    "background", "panel", "foreground", "muted", "accent", "selection",
)
ANSI = (
    "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white",
)
_COLOUR = re.compile(
    r"#[0-9a-fA-F]{6}|default|ansi_(bright_)?(" + "|".join(ANSI) + r")"
)
#: A theme file is a page of text; more is not a theme.
FILE_MAX = 64 * 1024
DEFAULT = "dark"


class BadTheme(BadInput):
    id = "theme-bad"


class UnknownTheme(NotFound):
    id = "theme-unknown"


@dataclass(frozen=True, slots=True)
class Theme:
    """One palette. `colours` has every word of MEANINGS; `bold` are meanings that are also set in bold type."""

    name: str
    title: str
    dark: bool
    colours: Mapping[str, str]
    bold: frozenset[str] = frozenset()
    monochrome: bool = False

    def __getitem__(self, meaning: str) -> str:
        return self.colours[meaning]


def parse_theme(name: str, text: str, place: str) -> Theme:
    """A theme from TOML; `place` is named in errors. Raises BadTheme."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadTheme(f"theme file {place}: {error}", "mend the TOML") from None
    colours = data.get("colours")
    if not isinstance(colours, dict):
        raise BadTheme(f"theme file {place} has no table [colours]", "see themes/README.md")
    for key, value in colours.items():
        if key not in MEANINGS:
            raise BadTheme(f"theme file {place}: [colours] knows no {key!r}", "use " + ", ".join(MEANINGS))
        if not isinstance(value, str) or not _COLOUR.fullmatch(value):
            raise BadTheme(
                f"theme file {place}: {key} = {value!r} is no colour",
                "write #rrggbb, default, or ansi_red, ansi_bright_red …",
            )
    missing = [word for word in MEANINGS if word not in colours]
    if missing:
        raise BadTheme(f"theme file {place} lacks {', '.join(missing)}", "give each a colour")
    bold = data.get("bold", [])
    if not isinstance(bold, list) or not set(bold) <= set(MEANINGS):
        raise BadTheme(f"theme file {place}: bold must list words of [colours]", "see themes/README.md")
    return Theme(
        name, str(data.get("title", name)), bool(data.get("dark", True)), dict(colours),
        frozenset(bold), bool(data.get("monochrome", False)),
    )


def folders() -> tuple[Path, ...]:
    """Where themes are looked for: the user's own folder, the installed package, a checkout."""
    here = Path(__file__).resolve().parent
    config = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return (Path(config) / "hashell" / "themes", here / "themes", here.parent / "themes")


def names(where: Iterable[Path] | None = None) -> tuple[str, ...]:
    """Every theme there is, by name."""
    found = {
        path.stem
        for folder in (folders() if where is None else where) if folder.is_dir()
        for path in folder.glob("*.toml")
    }
    return tuple(sorted(found))


def find(name: str = "", where: Iterable[Path] | None = None) -> Path | None:
    """The file of a theme, where there is one."""
    name = name or os.environ.get("HASHELL_THEME", "") or DEFAULT
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        return None
    paths = (folder / f"{name}.toml" for folder in (folders() if where is None else where))
    return next((path for path in paths if path.is_file()), None)


def load(name: str = "", where: Iterable[Path] | None = None) -> Theme:
    """A theme by name; without one, $HASHELL_THEME or the default. Raises UnknownTheme, BadTheme."""
    name = name or os.environ.get("HASHELL_THEME", "") or DEFAULT
    places = tuple(folders() if where is None else where)
    path = find(name, places)
    if path is not None:
        try:
            data = path.read_bytes()[: FILE_MAX + 1]
        except OSError as error:
            raise BadTheme(f"theme file {path} cannot be read: {error.strerror}", "choose another theme") from None
        if len(data) > FILE_MAX:
            raise BadTheme(f"theme file {path} is larger than {FILE_MAX} bytes", "it is no theme")
        return parse_theme(name, data.decode("utf-8", errors="replace"), str(path))
    raise UnknownTheme(f"there is no theme {name!r}", "use " + ", ".join(names(places)))


def colour_wanted(stream_is_terminal: bool, choice: str = "auto") -> bool:
    """Whether to colour output: `choice` is auto, always or never; a non-empty NO_COLOR means no."""
    if choice != "auto":
        return choice == "always"
    return stream_is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
