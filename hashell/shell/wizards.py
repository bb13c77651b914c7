"""Wizards: configurations with a few blanks to fill in, kept as data in wizards.toml."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from hashell.errors import BadUsage, NotFound

_BLANK = re.compile(r"\{(\w+)\}")
#: A value may hold anything but what would end a word or a line of the crm language early.
_UNFIT = re.compile(r"[\"'\n\r\\{}]")


class Blank(msgspec.Struct, frozen=True):
    """Something to fill in; `default` None: it has to be given."""

    name: str
    help: str
    default: str | None = None


class Wizard(msgspec.Struct, frozen=True):
    name: str
    help: str
    lines: tuple[str, ...]
    blanks: tuple[Blank, ...]

    def fill(self, given: Mapping[str, str]) -> str:
        """Lines of the crm language. Raises BadUsage for what is missing, unknown or cannot be a value."""
        known = {blank.name: blank for blank in self.blanks}
        unknown = [name for name in given if name not in known]
        if unknown:
            raise BadUsage(f"{self.name} has no parameter {unknown[0]}", "it has " + ", ".join(known))
        missing = [blank.name for blank in self.blanks if blank.default is None and not given.get(blank.name)]
        if missing:
            raise BadUsage(f"{self.name} needs {', '.join(missing)}", f"see `script show {self.name}`")
        values = {blank.name: given.get(blank.name) or blank.default or "" for blank in self.blanks}
        for name, text in values.items():
            if _UNFIT.search(text) or (" " in text and f'"{{{name}}}"' not in "".join(self.lines)):
                raise BadUsage(f"{name}={text!r} cannot be used here", "give it without blanks, quotes and brackets")
        made = []
        for line in self.lines:
            body, mark, condition = line.rpartition(" ?")
            if mark and not values.get(condition):
                continue
            if not mark:
                body, mark, condition = line.rpartition(" !")
                if mark and values.get(condition):
                    continue
            made.append(_BLANK.sub(lambda found: values[found.group(1)], body if mark else line))
        return "".join(f"{line}\n" for line in made)


@functools.cache
def wizards() -> Mapping[str, Wizard]:
    """All of them by name."""
    rows = tomllib.loads(Path(__file__).with_name("wizards.toml").read_text(encoding="utf-8"))
    return {
        name: Wizard(name, row["help"], tuple(row["lines"]),
                     tuple(Blank(key, said[0], *said[1:]) for key, said in row["params"].items()))
        for name, row in rows.items()
    }


def need(name: str) -> Wizard:
    """Raises NotFound."""
    found = wizards().get(name)
    if found is None:
        raise NotFound(f"no wizard is called {name}", "there are " + ", ".join(sorted(wizards())))
    return found


def description(one: Wizard) -> str:
    """For people: what it does, and what is to be filled in."""
    lines = [f"{one.name}: {one.help}", "", "Parameters (*: required, []: default):"]
    width = max(len(blank.name) for blank in one.blanks) + 1
    for blank in one.blanks:
        mark = "*" if blank.default is None else ""
        default = f" [{blank.default}]" if blank.default else ""
        lines.append(f"    {blank.name + mark:{width}}  {blank.help}{default}")
    return "\n".join([*lines, "", "It writes:", *(f"    {line}" for line in one.lines)]) + "\n"
