"""The script level: wizards that write a configuration from a few values."""

from __future__ import annotations

import json as json_format
from typing import TYPE_CHECKING

from hashell.errors import BadUsage
from hashell.shell.grammar.words import Command, Danger, Level

if TYPE_CHECKING:
    from hashell.shell.session import Session

_HERE = "hashell.shell.crm.script"
#: Words of a line of crmsh that say how its scripts are to be run there; here nothing is run on nodes.
_IGNORED = frozenset({"nodes", "action", "statefile", "user", "timeout"})

LEVEL = Level(
    "script", "Wizards: services that are often wanted, from a few values.",
    commands=(
        Command("list", "{(all|names)}", "The wizards.", f"{_HERE}:list_wizards"),
        Command("show", "WIZARD [all]", "What a wizard asks for, and what it writes.", f"{_HERE}:show",
                aliases=("info", "describe")),
        Command("verify", "WIZARD {NAME=VALUE}", "What a wizard would write; nothing is changed.", f"{_HERE}:verify",
                example="verify virtual-ip id=vip ip=10.0.0.50"),
        Command("run", "WIZARD {NAME=VALUE}", "Write it and commit it; dry_run=yes only shows it.", f"{_HERE}:run",
                danger=Danger.CHANGES, example="run virtual-ip id=vip ip=10.0.0.50"),
        Command("json", "TEXT", 'The same for programs: ["list"], ["show", NAME], ["verify", NAME, {…}].',
                f"{_HERE}:as_json"),
    ),
)


def list_wizards(session: Session, words: list[str]) -> int:
    from hashell.shell.wizards import wizards

    names = wizards()
    width = max(map(len, names))
    for name, one in sorted(names.items()):
        session.out(f"{name}\n" if "names" in words else f"{name:{width}}  {one.help}\n")
    return 0


def show(session: Session, words: list[str]) -> int:
    from hashell.shell.wizards import description, need

    session.out(description(need(words[0])))
    return 0


def _values(words: list[str]) -> tuple[dict[str, str], bool]:
    """Values for the blanks, and whether nothing is to be done."""
    given = dict(word.split("=", 1) for word in words)
    dry = given.pop("dry_run", "no").lower() in ("yes", "true", "1")
    return {name: text for name, text in given.items() if name not in _IGNORED}, dry


def verify(session: Session, words: list[str]) -> int:
    from hashell.shell.wizards import need

    session.out(need(words[0]).fill(_values(words[1:])[0]))
    return 0


def run(session: Session, words: list[str]) -> int:
    """Checked as if it was typed in configure; committed at once unless edits are staged."""
    from hashell.commands.checks import check_changes
    from hashell.shell.crm.configure_stage import context_of
    from hashell.shell.crm.loading import load_text
    from hashell.shell.wizards import need

    values, dry = _values(words[1:])
    text = need(words[0]).fill(values)
    if dry:
        session.out(text)
        return 0
    env = session.env()
    load_text(env, text, "update", context_of(env, typed=True), f"wizard {words[0]}")
    if not session.staged:
        for problem in check_changes(env):
            env.report(problem)
    session.finish(env, f"wizard {words[0]}")
    return 0


def as_json(session: Session, words: list[str]) -> int:
    from hashell.shell.wizards import need, wizards

    try:
        asked = json_format.loads(words[0])
    except ValueError as error:
        raise BadUsage(f"this is no JSON: {error}", """write '["list"]'""") from None
    verb = asked[0] if isinstance(asked, list) and asked else asked
    answer: object
    if verb == "list":
        answer = [{"name": one.name, "shortdesc": one.help} for one in wizards().values()]
    elif verb == "show" and len(asked) == 2:
        one = need(str(asked[1]))
        answer = {
            "name": one.name, "shortdesc": one.help,
            "params": [{"name": blank.name, "shortdesc": blank.help, "required": blank.default is None,
                        "default": blank.default} for blank in one.blanks],
        }
    elif verb == "verify" and len(asked) == 3 and isinstance(asked[2], dict):
        values = {str(name): str(text) for name, text in asked[2].items()}
        answer = need(str(asked[1])).fill(values).splitlines()
    else:
        raise BadUsage("the JSON is none of the questions that are known", 'list, show NAME, verify NAME {…}')
    session.out(json_format.dumps(answer, ensure_ascii=False) + "\n")
    return 0
