"""One command line: options, then a command of the crm language, or `pcs …`; without words the interactive shell.

`main(argv)` is what the `hashell` program calls. Nothing here imports asyncio, prompt_toolkit or Textual.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from hashell.errors import BadUsage, HashellError
from hashell.shell.session import Options, Session

#: Option → attribute of Options that takes the next word.
_WITH_VALUE = {
    "--cib": "cib_file", "--attach": "attach", "-D": "display", "--display": "display", "-c": "shadow",
    "--theme": "theme", "-H": "history", "--history": "history", "--output-as": "output_as", "--output": "output_as",
}
#: Option → attribute of Options that becomes true.
_FLAGS = {
    "-F": "force", "--force": "force", "-w": "wait", "--wait": "wait", "-d": "debug", "--debug": "debug",
    "-R": "trace", "--regression-tests": "trace", "--read-only": "read_only", "--write": "write",
    "-y": "yes", "--yes": "yes", "-n": "no", "--no": "no",
}
USAGE = """\
usage: hashell [options] [LEVEL] [COMMAND …]     the crm language; without words an interactive shell
       hashell [options] pcs COMMAND …           the pcs language
       hashell [options] -f FILE                 a script of either; - is standard input

  --cib FILE          work on a CIB file, without a cluster (also the variable CIB_file)
  --attach WHERE      hashelld, a socket, pacemaker, or ssh://HOST (the Pacemaker there)
  -c NAME             work on this shadow CIB
  -F, --force         do what is refused otherwise
  -w, --wait[=SECONDS] wait until the cluster has nothing to do
  -y, --yes | -n, --no  answer every question
  -D, --display TYPE  plain, color, color-always, uppercase
  --output-as FORMAT  text, xml or json, where a command can
  --read-only         refuse everything that changes something
  --write             change a Pacemaker cluster without asking first (also the variable HASHELL_WRITE)
  --theme NAME        colours
  -d, --debug | -R    say more; trace every command
  --version, -h, --help

Programs of their own: hashell monitor, serve, simulate, demo, chaos, keygen.
"""


def main(argv: list[str], open_monitor: Callable[[Options], int] | None = None) -> int:
    """Carry out one command line; the exit code. `open_monitor` serves the word `monitor` of the interactive shell."""
    options = Options()
    try:
        script, words = _read_options(argv, options)
    except HashellError as error:
        return _tell(error, options)
    if words and words[0] in ("--help", "-h"):
        sys.stdout.write(USAGE)
        return 0
    if words and words[0] == "--version":
        from hashell import __version__

        sys.stdout.write(f"hashell {__version__}\n")
        return 0
    if sys.stdout.isatty() or sys.stderr.isatty():
        from hashell.shell import signs

        signs.settle(options.display)
    session = Session(options, open_monitor=open_monitor)
    if sys.stdin.isatty() and sys.stderr.isatty():
        session.ask = _ask
    if sys.stderr.isatty():
        session.live = _live
    try:
        if script is not None:
            return run_script(session, script)
        if not words:
            if not sys.stdin.isatty():
                return run_script(session, "-")
            from hashell.shell.app import run_interactive

            return run_interactive(session)
        return run_one(session, words)
    except HashellError as error:
        return _tell(error, options)
    finally:
        session.close()


def run_one(session: Session, words: list[str]) -> int:
    """A command from argv; a level alone opens it, reading standard input where nobody types."""
    from hashell.shell.grammar.lexer import shell_quote, typed_words

    session.line = " ".join(shell_quote(word) for word in words)
    if words[0] == "pcs":
        return session.run_words(words)
    code = session.run_words(typed_words(words))
    if session.path and not session.ended:
        if sys.stdin.isatty():
            from hashell.shell.app import run_interactive

            return run_interactive(session)
        return run_script(session, "-")
    return _commit_staged(session) or code


def run_script(session: Session, path: str) -> int:
    """The lines of a file, or of standard input for `-`; ends at the first that fails, naming file and line."""
    from hashell.shell.grammar.lexer import split_words

    name = "<stdin>" if path == "-" else path
    if path == "-":
        text = sys.stdin.read()
    else:
        try:
            with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs a start more than it is worth
                text = file.read()
        except (OSError, UnicodeDecodeError) as error:
            raise BadUsage(f"{path} cannot be read: {error}", "name a text file") from None
    from hashell.shell.lines import run_lines

    code = run_lines(session, text, name, split_words)
    return code or _commit_staged(session)


def _commit_staged(session: Session) -> int:
    """What configure staged is committed when a one-shot line or a script ends."""
    if not session.staged:
        return 0
    from hashell.shell.crm.configure_stage import commit_staged

    commit_staged(session)
    return 0


def _read_options(argv: list[str], options: Options) -> tuple[str | None, list[str]]:
    """The script that was named, if any, and the words that follow the options."""
    place = 0
    script = None
    while place < len(argv):
        word = argv[place]
        name, equals, value = word.partition("=")
        if word in ("--help", "-h", "--version"):
            return None, [word]
        if word in ("-f", "--file") or name == "--file":
            script = value if equals else _next(argv, place)
            place += 1 if equals else 2
        elif name in _WITH_VALUE and (equals or word in _WITH_VALUE):
            setattr(options, _WITH_VALUE[name], value if equals else _next(argv, place))
            place += 1 if equals else 2
        elif name == "--wait" and equals:
            options.wait, options.wait_s = True, _seconds(value)
            place += 1
        elif word in _FLAGS:
            setattr(options, _FLAGS[word], True)
            place += 1
        elif word.startswith("-") and word != "-":
            raise BadUsage(f"unknown option {word}", "see hashell --help")
        else:
            break
    if not options.read_only and os.environ.get("HASHELL_READ_ONLY"):
        options.read_only = True
    return script, argv[place:]


def _next(argv: list[str], place: int) -> str:
    if place + 1 >= len(argv):
        raise BadUsage(f"{argv[place]} needs a value", "see hashell --help")
    return argv[place + 1]


def _seconds(text: str) -> float:
    from hashell.values.intervals import parse_interval_ms

    value = parse_interval_ms(text)
    if value is None:
        raise BadUsage(f"--wait={text}: {text!r} is no time", "write --wait=30s")
    return value / 1000


def _ask(question: str) -> bool:
    """On standard error, so that data on standard output stays clean."""
    sys.stderr.write(f"{question} [y/n] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _live(text: str) -> None:
    """Over the line before, cut to the width of the terminal, or it could not be taken away."""
    import shutil

    sys.stderr.write("\r\x1b[K" + text[: shutil.get_terminal_size().columns - 1])
    sys.stderr.flush()


def _tell(error: HashellError, options: Options) -> int:
    for line in error.message.split("\n"):
        sys.stderr.write(f"ERROR: {line}\n")
    if error.hint:
        sys.stderr.write(f"       {error.hint}\n")
    if options.debug:
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    return error.exit_code
