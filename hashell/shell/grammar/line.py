"""A line while it is typed: what each word is, what may come next, and the first thing that is certainly wrong.

Completion, colours, checks and the help below the prompt all read this one result. A text may hold several lines (a
script was pasted): each is read at the level where the lines before it lead.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import msgspec

from hashell.errors import HashellError
from hashell.shell.grammar.lexer import Token, lex
from hashell.shell.grammar.match import find
from hashell.shell.grammar.pattern import Item, Pattern, Value, pattern_of, show
from hashell.shell.grammar.words import Command, Level, LevelName

#: Names of levels below the root: where a line is typed.
Path = tuple[str, ...]
#: Readings that are kept: a long pasted script is not read anew at every key.
_KEPT = 4096


class Part(msgspec.Struct, frozen=True):
    """A word and what it is: level, command, keyword, value, option, comment, wrong or unknown.

    `name` is the usage's name of a value (RESOURCE, PARAM=VALUE); `unknown` is a word that the usage does not expect,
    in a command whose own parser has the last word.
    """

    kind: str
    token: Token
    name: str = ""


class Wrong(msgspec.Struct, frozen=True):
    """What is certainly wrong, and the half-open place of it in the line."""

    start: int
    end: int
    message: str
    hint: str = ""


class Line(msgspec.Struct, frozen=True):
    """A line, read. `path` is where its command is; `after` where the next line is typed."""

    text: str
    parts: tuple[Part, ...]
    path: Path
    after: Path
    command: Command | None = None
    #: Whether it is a line of pcs.
    pcs: bool = False
    #: What may follow, if a command is known.
    items: tuple[Item, ...] = ()
    wrong: Wrong | None = None
    #: What the usage does not expect, where the command's own parser has the last word: marked, not refused.
    doubtful: Wrong | None = None
    #: Whether the usage is content with the line as it is.
    whole: bool = True

    def value(self, *names: str) -> str:
        """The text of the last word that was taken for one of these values."""
        for part in reversed(self.parts):
            if part.kind == "value" and part.name in names:
                return part.token.text
        return ""


def level_at(path: Path) -> Level:
    """The level that a path leads to."""
    from hashell.shell.crm.root import ROOT, level_named

    return level_named(path[-1]).load() if path else ROOT


def choices_at(path: Path) -> tuple[Command | LevelName, ...]:
    """Commands and levels that a line can begin with, without the words that work everywhere."""
    from hashell.shell.crm.root import level_named

    level = level_at(path)
    return (*level.commands, *(level_named(name) for name in level.levels))


# --- several lines -------------------------------------------------------------------------------------


def pieces(text: str) -> Iterator[tuple[int, str]]:
    """Place and text of each line that is meant: a backslash at the end joins the next, an open quote does too.

    The joining backslash and newline are blanks in the text, so that places stay what they were.
    """
    start = place = 0
    quote = ""
    while place < len(text):
        char = text[place]
        if quote:
            if char == quote:
                quote = ""
            elif char == "\\" and quote == '"':
                place += 1
        elif char == "\\":
            place += 1
        elif char in "'\"" and not text[start:place].lstrip().startswith("#"):
            quote = char
        elif char == "\n":
            yield start, text[start:place].replace("\\\n", "  ")
            start = place + 1
        place += 1
    yield start, text[start:].replace("\\\n", "  ")


def is_unfinished(text: str) -> bool:
    """Whether Enter means a further line: a backslash at the end, or an open quote."""
    *_, (_, last) = pieces(text)
    if last.lstrip().startswith("#"):
        return False
    tokens = lex(last)
    return bool(tokens) and not tokens[-1].closed


def read_text(text: str, path: Path) -> list[tuple[int, Line]]:
    """Every line of a text with its place, each read where the ones before it lead."""
    found: list[tuple[int, Line]] = []
    for start, piece in pieces(text):
        line = read_line(piece, path)
        found.append((start, line))
        path = line.after
    return found


def spelled_out(text: str, path: Path) -> str:
    """A line with the whole names of levels and commands that were abbreviated; other names of theirs stay."""
    line = read_line(text, path)
    here = path
    for part in line.parts:
        if line.pcs or part.kind not in ("level", "command"):
            break
        found, _ = find(part.token.text, choices_at(here))
        if part.kind == "level" and found is None:
            found, _ = find(part.token.text, choices_at(()))
        if part.kind == "command":
            found = line.command
        if found is None:
            break
        if part.token.text.lower() not in found.names:
            # Only the first one is replaced here: the places of the others are those of the text before.
            rest = text[part.token.end :]
            return spelled_out(text[: part.token.start] + found.name + rest, path)
        if isinstance(found, LevelName):
            here = (*here, found.name)
    return text


# --- one line ------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=_KEPT)
def read_line(text: str, path: Path = ()) -> Line:
    """A line typed at a level. Never raises."""
    if text.lstrip().startswith("#"):
        start = len(text) - len(text.lstrip())
        return Line(text, (Part("comment", Token(text.strip(), start, len(text.rstrip()))),), path, path)
    tokens = lex(text)
    if not tokens:
        return Line(text, (), path, path)
    if tokens[0].text == "pcs":
        return _read_pcs(text, tokens, path)
    return _read_crm(text, tokens, path)


def _read_crm(text: str, tokens: tuple[Token, ...], path: Path) -> Line:
    from hashell.shell.crm.root import BUILT_IN, ROOT, level_named

    parts: list[Part] = []
    here = path
    for place, token in enumerate(tokens):
        word = token.text
        found, ambiguous = find(word, choices_at(here))
        if found is None or (word.lower() not in found.names and word.lower() in BUILT_IN.names):
            built_in = BUILT_IN.find(word)
            if built_in is not None:
                parts.append(Part("command", token))
                return _read_words(
                    text, tokens, place, parts, built_in, here, _after(built_in, tokens, place, here, path)
                )
        if found is None and not ambiguous and not parts:
            found, _ = find(word, [level_named(name) for name in ROOT.levels])
        if isinstance(found, LevelName):
            parts.append(Part("level", token))
            here = (*here, found.name)
            continue
        if found is None:
            parts.append(Part("wrong", token))
            parts += [Part("unknown", rest) for rest in tokens[place + 1 :]]
            wrong = _no_command(word, ambiguous, token, here)
            return Line(text, tuple(parts), here, path, wrong=wrong)
        parts.append(Part("command", token))
        return _read_words(text, tokens, place, parts, found, here, path)
    return Line(text, tuple(parts), here, here)


def _no_command(word: str, ambiguous: tuple[str, ...], token: Token, path: Path) -> Wrong:
    from hashell.shell.crm.root import hint_for

    if ambiguous:
        return Wrong(token.start, token.end, f"{word} is ambiguous: {', '.join(ambiguous)}", "type more of it")
    return Wrong(token.start, token.end, f"no command is called {word} here", hint_for(word, level_at(path)))


def _after(command: Command, tokens: tuple[Token, ...], place: int, here: Path, path: Path) -> Path:
    """Where the line after one of the words that work everywhere is typed."""
    if command.name == "up":
        return here[:-1]
    if command.name != "cd":
        return path
    target = tokens[place + 1].text if place + 1 < len(tokens) else ".."
    for step in target.split("/"):
        if step == "..":
            here = here[:-1]
        elif step not in ("", "."):
            found, _ = find(step, [one for one in choices_at(here) if isinstance(one, LevelName)])
            if found is None:
                found, _ = find(step, [one for one in choices_at(()) if isinstance(one, LevelName)])
                here = ()
            if found is None:
                return path
            here = (*here, found.name)
    return here


def _read_words(
    text: str, tokens: tuple[Token, ...], place: int, parts: list[Part], command: Command, here: Path, after: Path
) -> Line:
    """The words behind a command, against its usage."""
    rest = tokens[place + 1 :]
    items, wrong = _walk(pattern_of(command.usage), rest, parts, free=command.free)
    whole = wrong is None
    asks_help = bool(rest) and (rest[-1].text in ("--help", "-h") or [token.text for token in rest] == ["help"])
    if asks_help:
        wrong = None
    elif command.free and rest:
        wrong = _own_check(text, tokens[place:], here, command)
    elif wrong is not None:
        wrong = msgspec.structs.replace(
            wrong, message=f"{command.name}: {wrong.message}", hint=f"usage: {command.name} {command.usage}".rstrip()
        )
    return Line(text, tuple(parts), here, after, command, items=items, wrong=wrong, whole=whole)


def _walk(
    pattern: Pattern, tokens: tuple[Token, ...], parts: list[Part], *, free: bool
) -> tuple[tuple[Item, ...], Wrong | None]:
    """Adds what each word is; what may come next, and what does not fit. After a word that does not fit the usage
    goes on where it was."""
    states = pattern.start()
    wrong: Wrong | None = None
    for token in tokens:
        reached, item = pattern.step(states, token.text)
        if item is None:
            expected = ", ".join(dict.fromkeys(show(one) for one in pattern.items(states)))
            if wrong is None:
                said = f"expected {expected}" if expected else "nothing more is expected"
                wrong = Wrong(token.start, token.end, f"{token.text!r} does not fit here, {said}")
            parts.append(Part("unknown" if free else "wrong", token))
            continue
        parts.append(Part("value", token, item.name) if isinstance(item, Value) else Part("keyword", token, item.text))
        states = reached
    items = pattern.items(states)
    if wrong is None and not pattern.accepts(states):
        end = tokens[-1].end if tokens else parts[-1].token.end
        expected = ", ".join(dict.fromkeys(show(one) for one in items))
        wrong = Wrong(end, end, f"something is missing, expected {expected}")
    return items, wrong


def _own_check(text: str, tokens: tuple[Token, ...], path: Path, command: Command) -> Wrong | None:
    """What the parser of the configuration's language says; its answer counts, not the usage's."""
    if level_at(path).name != "configure":
        return None
    from hashell.shell.crm.configure_cursor import SyntaxProblem
    from hashell.shell.crm.configure_parse import KEYWORDS, parse_words

    if command.name not in KEYWORDS:
        return None
    if command.name == "xml":
        return None
    words = [command.name, *(token.text for token in tokens[1:])]
    try:
        parse_words(words)
    except SyntaxProblem as problem:
        at = tokens[problem.place] if 0 <= problem.place < len(tokens) else None
        end = len(text.rstrip())
        opened = sum(token.text in ("(", "[", "{") for token in tokens)
        if opened > sum(token.text in (")", "]", "}") for token in tokens):
            at = None  # Its other half is still to come: something is missing at the end.
        start, stop = (at.start, at.end) if at is not None else (end, end)
        return Wrong(start, stop, problem.message, problem.hint)
    except HashellError:
        # It needs the cluster to judge: the command itself will.
        return None
    return None


# --- pcs -----------------------------------------------------------------------------------------------


def _read_pcs(text: str, tokens: tuple[Token, ...], path: Path) -> Line:
    from hashell.shell.pcs.call import FLAGS, WITH_VALUE
    from hashell.shell.pcs.root import NOUNS, commands_of, hint_for, no_command

    parts = [Part("level", tokens[0])]
    plain: list[Token] = []
    options: list[Part] = []
    skip = False
    odd: Wrong | None = None
    for place, token in enumerate(tokens[1:], 1):
        if token.text == "--" and not skip:
            options.append(Part("option", token))
            plain += tokens[place + 1 :]
            break
        if skip or (token.text.startswith("-") and len(token.text) > 1 and not _is_score(token.text)):
            options.append(Part("value" if skip else "option", token, "" if not skip else "FILE"))
            name, equals, _ = token.text.partition("=")
            if not skip and odd is None and (
                (name not in WITH_VALUE and name not in FLAGS) or (equals and name in FLAGS and name != "--wait")
            ):
                known = sorted(one for one in FLAGS | WITH_VALUE if one.startswith("--"))
                odd = Wrong(token.start, token.end, f"option {token.text} is not known to pcs", hint_for(name, known))
            skip = not skip and token.text in WITH_VALUE
            continue
        plain.append(token)

    def line(
        command: Command | None = None, items: tuple[Item, ...] = (), wrong: Wrong | None = None,
        misfit: Wrong | None = None,
    ) -> Line:
        ordered = tuple(sorted([*parts, *options], key=lambda part: part.token.start))
        doubtful = misfit if misfit is not None and misfit.end > misfit.start else None
        return Line(text, ordered, path, path, command, True, items, wrong or odd, doubtful, misfit is None)

    if not plain:
        return line()
    noun = plain[0].text
    if noun not in NOUNS:
        is_known = noun in ("help", "--version")
        parts.append(Part("command" if is_known else "wrong", plain[0]))
        wrong = None if is_known else Wrong(
            plain[0].start, plain[0].end, f"{noun!r} is no command of pcs here", hint_for(noun, NOUNS)
        )
        return line(wrong=wrong)
    parts.append(Part("level", plain[0]))
    words = [token.text for token in plain[1:]]
    try:
        commands = commands_of(noun)
    except ImportError:
        return line()
    best: Command | None = None
    length = -1
    for command in commands:
        for name in command.names:
            named = name.split()
            if words[: len(named)] == named and len(named) > length:
                best, length = command, len(named)
    asks_help = words[:1] == ["help"] or any(part.token.text in ("--help", "-h") for part in options)
    if (best is None or (best.name == "" and words[length:] and not best.usage)) and not asks_help:
        return line(None, (), _no_pcs_command(noun, plain, parts, no_command(noun, words)))
    if best is None:
        parts += [Part("unknown", token) for token in plain[1:]]
        return line()
    parts += [Part("command", token) for token in plain[1 : 1 + length]]
    # The parsers of pcs have the last word, so nothing is called wrong here, only doubtful.
    items, misfit = _walk(pattern_of(best.usage), tuple(plain[1 + length :]), parts, free=True)
    return line(best, items, misfit=misfit)


def _no_pcs_command(noun: str, plain: list[Token], parts: list[Part], error: HashellError) -> Wrong:
    """The words behind a noun that begin none of its commands, up to the one that leads nowhere, and that one."""
    from hashell.shell.pcs.root import next_names

    words = [token.text for token in plain[1:]]
    known = 0
    while known < len(words) and words[known] in next_names(noun, words[:known]):
        known += 1
    parts += [Part("command", token) for token in plain[1 : 1 + known]]
    parts += [Part("wrong" if not place else "unknown", token) for place, token in enumerate(plain[1 + known :])]
    # Where words are only missing, the end of what is there is the place.
    at = plain[1 + known] if known < len(words) else None
    start, end = (at.start, at.end) if at is not None else (plain[-1].end, plain[-1].end)
    return Wrong(start, end, error.message, error.hint)


def _is_score(word: str) -> bool:
    return word[1:2].isdigit() or word.upper().startswith("-INF")
