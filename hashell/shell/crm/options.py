"""The options level: a person's own settings; they hold at once, and `save` keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.shell import settings as own
from hashell.shell.grammar.words import Command, Level

if TYPE_CHECKING:
    from hashell.shell.session import Session

_HERE = "hashell.shell.crm.options"
#: Settings with a command of their own, as the CRM shell has them.
_COMMANDS = (
    "keys", "output", "wait", "events", "editor", "pager", "theme", "sort-elements", "check-frequency", "check-mode",
    "skill-level",
)


#: Settings of crmsh that mean nothing here; scripts that make them go on.
_FOREIGN = frozenset({
    "user", "manage-children", "add-quotes", "no-ssh", "hosts", "ptest", "dot", "ignore-missing-metadata",
    "lock-timeout", "obscure-pattern", "debug", "force", "supported-schemas",
})
_FOREIGN_PARTS = ("report.", "color.", "path.", "crm.")


def _is_foreign(name: str) -> bool:
    return name.startswith(_FOREIGN_PARTS) or name.removeprefix("core.").replace("_", "-") in _FOREIGN


def _setting_command(name: str) -> Command:
    setting = own.BY_NAME[name]
    usage = f"({'|'.join(setting.values)})" if setting.values else "[TEXT]"
    plain = name.replace("-", "_")
    others = ("colorscheme",) if name == "theme" else (plain,) if plain != name else ()
    return Command(name, usage, setting.help, f"{_HERE}:set_{plain}", aliases=others)


LEVEL = Level(
    "options", "Your own settings.",
    commands=(
        Command("show", "[(all|SETTING)]", "The settings, and what they do.", f"{_HERE}:show", aliases=("list",)),
        Command("set", "SETTING TEXT", "Change one: set wait yes.", f"{_HERE}:set_one"),
        Command("save", "", "Keep the settings for later sessions.", f"{_HERE}:save"),
        Command("reset", "", "Back to the defaults, for this session.", f"{_HERE}:reset"),
        *(_setting_command(name) for name in _COMMANDS),
        *(
            Command(name, "[TEXT]", "A setting of crmsh that has no effect here.", f"{_HERE}:set_foreign",
                    aliases=(name.replace("-", "_"),) if "-" in name else ())
            for name in ("user", "manage-children", "add-quotes")
        ),
    ),
)


def show(session: Session, words: list[str]) -> int:
    from hashell.errors import NotFound

    words = [word.removeprefix("core.").replace("_", "-") for word in words if word != "all"]
    if words and words[0] not in own.BY_NAME:
        raise NotFound(f"no setting is called {words[0]}", "there are " + ", ".join(own.BY_NAME))
    for setting in own.SETTINGS:
        if not words or setting.name == words[0]:
            session.out(f"{setting.name} = {session.settings[setting.name] or '-'}\n")
            if words:
                choice = f" ({', '.join(setting.values)})" if setting.values else ""
                session.out(f"    {setting.help}{choice}\n")
    return 0


def set_foreign(session: Session, words: list[str]) -> int:
    session.err("INFO: a setting of crmsh, it has no effect here")
    return 0


def set_one(session: Session, words: list[str]) -> int:
    if _is_foreign(words[0]):
        session.err(f"INFO: {words[0]} is a setting of crmsh, it has no effect here")
        return 0
    session.settings.set(words[0], words[1] if len(words) > 1 else "")
    session.apply_settings()
    return 0


def save(session: Session, words: list[str]) -> int:
    session.err(f"INFO: saved to {own.save(session.settings)}")
    return 0


def reset(session: Session, words: list[str]) -> int:
    session.settings.reset()
    session.apply_settings()
    return 0


def set_keys(session: Session, words: list[str]) -> int:
    return set_one(session, ["keys", *words])


def set_output(session: Session, words: list[str]) -> int:
    return set_one(session, ["output", *words])


def set_wait(session: Session, words: list[str]) -> int:
    return set_one(session, ["wait", *words])


def set_events(session: Session, words: list[str]) -> int:
    return set_one(session, ["events", *words])


def set_editor(session: Session, words: list[str]) -> int:
    return set_one(session, ["editor", *words])


def set_pager(session: Session, words: list[str]) -> int:
    return set_one(session, ["pager", *words])


def set_sort_elements(session: Session, words: list[str]) -> int:
    return set_one(session, ["sort-elements", *words])


def set_check_frequency(session: Session, words: list[str]) -> int:
    return set_one(session, ["check-frequency", *words])


def set_check_mode(session: Session, words: list[str]) -> int:
    return set_one(session, ["check-mode", *words])


def set_skill_level(session: Session, words: list[str]) -> int:
    return set_one(session, ["skill-level", *words])


def set_theme(session: Session, words: list[str]) -> int:
    if words and "," in words[0]:
        session.err("INFO: colours are those of a theme here: see `options show theme`")
        return 0
    if words:
        from hashell import theming

        theming.load(words[0])
    return set_one(session, ["theme", *words])
