"""A person's own settings of the monitor: `monitor.toml` in the user's configuration folder, read once at the start.

    theme = "light"
    notices = "both"          # of faults: off, bell (the terminal's), desktop (OSC 9), both
    [keys]                    # what a key does is named by the id of its binding; several keys with commas
    standby = "ctrl+s"

What cannot be meant is refused with the file and the word: a setting or id that there is not, a key bound twice.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from textual.binding import Binding, BindingType

from hashell.errors import BadInput

NOTICES = ("off", "bell", "desktop", "both")
#: Bytes of a settings file; more is something else.
FILE_MAX = 64 * 1024
#: Letters of one key's name.
_KEY_MAX = 40


class BadSettings(BadInput):
    id = "settings-bad"


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """What a person wishes; `keys`: id of a binding → the keys that are to do it. `place` is the file."""

    theme: str = ""
    notices: str = "bell"
    keys: Mapping[str, str] = field(default_factory=dict)
    place: str = ""


def path() -> Path:
    """The file, whether it is there or not."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "hashell" / "monitor.toml"


def load(place: Path | None = None) -> MonitorSettings:
    """The settings of the file; the defaults where there is none. Raises BadSettings."""
    place = place or path()
    try:
        with place.open("rb") as file:
            data = file.read(FILE_MAX + 1)
    except OSError:
        return MonitorSettings()
    if len(data) > FILE_MAX:
        raise BadSettings(f"{place} is larger than {FILE_MAX} bytes", "it holds something else than settings")
    try:
        found = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{place}: {error}", "mend the file, or delete it") from None
    for name in found:
        if name not in ("theme", "notices", "keys"):
            raise BadSettings(f"{place}: no setting is called {name}", "there are theme, notices and the table [keys]")
    theme, notices, keys = found.get("theme", ""), found.get("notices", "bell"), found.get("keys", {})
    if not isinstance(theme, str):
        raise BadSettings(f"{place}: theme = {theme!r} is no name", 'write theme = "dark"')
    if notices not in NOTICES:
        raise BadSettings(f"{place}: notices cannot be {notices!r}", "use " + ", ".join(NOTICES))
    if not isinstance(keys, dict) or not all(isinstance(value, str) for value in keys.values()):
        raise BadSettings(f"{place}: [keys] must have a text for each id", '[keys] and below it standby = "ctrl+s"')
    return MonitorSettings(theme, notices, keys, str(place))


def _keys(text: str) -> tuple[str, ...]:
    """The names of keys in a text, as Textual spells them; none for what names no key."""
    parts = [part.strip() or part for part in text.split(",")] if text != "," else ["comma"]
    if not all(parts) or any(len(part) > _KEY_MAX or not part.isprintable() or " " in part for part in parts):
        return ()
    return tuple(one.key for one in Binding.make_bindings([Binding(",".join(parts), "x")]))


def keymap(settings: MonitorSettings, bindings: Sequence[BindingType], taken: Iterable[str] = ()) -> dict[str, str]:
    """The keys that are wished for, by id, checked against all `bindings` and keys that are `taken` for moving.

    Raises BadSettings for an id that there is not, what is no key, and a key bound twice.
    """
    if not settings.keys:
        return {}
    default: dict[str, tuple[str, ...]] = {}
    for place, one in enumerate(Binding.make_bindings(bindings)):
        name = one.id or f"#{place}"
        default[name] = (*default.get(name, ()), one.key)
    named = {name for name in default if not name.startswith("#")}
    wished: dict[str, tuple[str, ...]] = {}
    for name, text in settings.keys.items():
        if name not in named:
            raise BadSettings(
                f"{settings.place}: [keys]: nothing is called {name}", "there are " + ", ".join(sorted(named))
            )
        wished[name] = _keys(text)
        if not wished[name]:
            raise BadSettings(
                f"{settings.place}: [keys]: {name} = {text!r} names no key", 'write "x", "ctrl+x", "f5" or "x,f5"'
            )
    owners: dict[str, str] = dict.fromkeys(taken, "moving in lists")
    for name, keys in (default | wished).items():
        for key in keys:
            other = owners.setdefault(key, name)
            if other != name and (name in wished or other in wished):
                both = " and ".join(_called(one) for one in (other, name))
                raise BadSettings(
                    f"{settings.place}: [keys]: {key} is bound twice: {both}", "give one of them another key"
                )
    return {name: ",".join(keys) for name, keys in wished.items()}


def _called(name: str) -> str:
    return "a fixed key of the screen" if name.startswith("#") else name
