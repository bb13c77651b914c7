"""A person's own settings: a small TOML file in the user's configuration folder, read when a session begins.

One row a setting: its words, its default, what it does. The options level shows, changes and saves them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from hashell.errors import BadInput, BadUsage, Refused

YES_NO = ("yes", "no")


class Setting(msgspec.Struct, frozen=True):
    """One setting; `values` empty means any text."""

    name: str
    default: str
    help: str
    values: tuple[str, ...] = ()


SETTINGS = (
    Setting("keys", "emacs", "Keys of the prompt.", ("emacs", "vi")),
    Setting("theme", "", "Colours: a theme by name; empty is the default one."),
    Setting("output", "auto", "How output looks.", ("auto", "plain", "color", "color-always", "uppercase")),
    Setting("wait", "no", "Whether each command waits until the cluster has nothing to do.", YES_NO),
    Setting("events", "yes", "Whether events of the cluster appear above the prompt.", YES_NO),
    Setting("suggest", "yes", "Whether lines of the history are suggested while one types.", YES_NO),
    Setting("editor", "", "The editor for `configure edit`; empty is $EDITOR."),
    Setting("sort-elements", "yes", "Whether objects are shown by kind and name; no: in the order of the CIB.", YES_NO),
    Setting("check-frequency", "always", "When staged edits are checked: at each commit, or only by `verify`.",
            ("always", "on-verify", "never")),
    Setting("check-mode", "strict", "What comes of an error that may be forced; relaxed: a warning.",
            ("strict", "relaxed")),
    Setting("skill-level", "expert", "What commands may do; operator: nothing that changes the configuration by hand.",
            ("operator", "administrator", "expert")),
    Setting("pager", "less -RFX", "What shows texts that are taller than the screen."),
)
BY_NAME: Mapping[str, Setting] = {one.name: one for one in SETTINGS}
#: Bytes of a settings file; more is something else.
FILE_MAX = 64 * 1024


class BadSettings(BadInput):
    id = "settings-bad"


def path() -> Path:
    """The file, whether it is there or not."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "hashell" / "shell.toml"


class Settings:
    """The settings in force; those that were not set have their defaults."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values: dict[str, str] = {}
        for name, value in (values or {}).items():
            self.set(name, value)

    def __getitem__(self, name: str) -> str:
        return self._values.get(name, BY_NAME[name].default)

    def is_on(self, name: str) -> bool:
        return self[name] == "yes"

    def set(self, name: str, value: str) -> None:
        """Raises BadUsage for a name or value that there is not. `core.` before a name, and _ in it, are crmsh's."""
        name = name.removeprefix("core.").replace("_", "-")
        setting = BY_NAME.get(name)
        if setting is None:
            raise BadUsage(f"no setting is called {name}", "there are " + ", ".join(BY_NAME))
        if setting.values == YES_NO:
            value = {"true": "yes", "on": "yes", "1": "yes", "false": "no", "off": "no", "0": "no"}.get(
                value.lower(), value
            )
        if setting.values and value not in setting.values:
            raise BadUsage(f"{name} cannot be {value!r}", "use " + ", ".join(setting.values))
        self._values[name] = value

    def reset(self) -> None:
        self._values.clear()

    def changed(self) -> Iterator[tuple[str, str]]:
        """Those that differ from their defaults."""
        for setting in SETTINGS:
            if self[setting.name] != setting.default:
                yield setting.name, self[setting.name]


def load(place: Path | None = None) -> Settings:
    """The settings of the file; the defaults where there is none. Raises BadSettings with file and key."""
    place = place or path()
    try:
        data = place.read_bytes()[: FILE_MAX + 1]
    except OSError:
        return Settings()
    import tomllib

    try:
        found = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{place}: {error}", "mend the file, or delete it") from None
    settings = Settings()
    for name, value in found.items():
        word = ("no", "yes")[value] if isinstance(value, bool) else str(value)
        try:
            settings.set(name, word)
        except BadUsage as error:
            raise BadSettings(f"{place}: {error.message}", error.hint) from None
    return settings


def save(settings: Settings, place: Path | None = None) -> Path:
    """Write what differs from the defaults; the file that was written."""
    from hashell.cib.files import write_whole

    place = place or path()
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"{place.parent} cannot be made: {error.strerror}", "nothing was saved") from None
    lines = [
        "# Settings of the hashell shell; see `options` there.",
        *(f"{name} = {_toml(value)}" for name, value in settings.changed()),
    ]
    write_whole(place, ("\n".join(lines) + "\n").encode())
    return place


def _toml(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
