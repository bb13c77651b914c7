"""Which command or level a word means: by its name, by a unique prefix, else by a unique subsequence.

Among several a level counts more than a command.

Source: the CRM shell's manual, "Tab completion", "Shorthand syntax".
"""

from __future__ import annotations

from collections.abc import Iterable

from hashell.shell.grammar.words import Command, LevelName


def find(word: str, choices: Iterable[Command | LevelName]) -> tuple[Command | LevelName | None, tuple[str, ...]]:
    """What the word means, and where it is ambiguous the names that it could mean.

    Case does not count. A subsequence must begin with the word's first letter: `cfg` is configure.
    """
    word = word.lower()
    named: dict[str, Command | LevelName] = {}
    for choice in choices:
        for name in choice.names:
            named.setdefault(name.lower(), choice)
    if word in named:
        return named[word], ()
    if not word:
        return None, ()
    for fits in (str.startswith, _subsequence):
        names = [name for name in named if fits(name, word)]
        # A level goes before commands: `conf` stays configure, whatever else begins so.
        levels = [name for name in names if not isinstance(named[name], Command)]
        chosen = levels if len(levels) == 1 else names
        if len(chosen) == 1:
            return named[chosen[0]], ()
        if names:
            return None, tuple(sorted(names))
    return None, ()


def _subsequence(name: str, word: str) -> bool:
    if not name or name[0] != word[0]:
        return False
    letters = iter(name)
    return all(letter in letters for letter in word)
