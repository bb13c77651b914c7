"""Console scripts: which room serves which words. Imports only the room that is asked for.

`hashell demo`, `monitor`, `simulate` … are programs of their own; every other word is the crm language's (or `pcs`) and
goes to the shell's one-shot door.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashell.cib.document import Cib
    from hashell.monitor.language import Language
    from hashell.shell.session import Options as ShellOptions

SHELL = "hashell.shell.one_shot"
MONITOR = "hashell.monitor.one_shot"
EXPLAIN = "hashell.simulate.explain"
REHEARSE = "hashell.simulate.rehearse"
SIMULATE = "hashell.simulate.main"
#: New containers before garbage is looked for; the interpreter says 700, which a start passes 50 times.
GARBAGE_MIN = 20_000
#: Characters of a failure that are told.
TEXT_MAX = 300
#: First word → module with `main(argv: list[str]) -> int`.
PROGRAMS = {
    "chaos": "hashell.lab.chaos",
    "explain": EXPLAIN,
    "keygen": "hashell.lab.keygen",
    "monitor": MONITOR,
    "rehearse": REHEARSE,
    "serve": "hashell.monitor.web.serve",
    "simulate": SIMULATE,
}
#: Global options that may stand before the first word and take a value.
_TAKE_VALUE = frozenset({
    "--cib", "--attach", "--theme", "--output-as", "-D", "--display", "-H", "--history", "-c", "-f", "--file",
})


#: Options of the shell that mean nothing to programs that look.
_OF_THE_SHELL = frozenset({
    "--write", "--read-only", "-F", "--force", "-y", "--yes", "-n", "--no", "-w", "--wait",
})


def _first_word(argv: list[str]) -> tuple[int, str]:
    """Place and text of the first word that is no option."""
    place = 0
    while place < len(argv):
        word = argv[place]
        if not word.startswith("-") or word == "-":
            return place, word
        place += 2 if word in _TAKE_VALUE else 1
    return -1, ""


def hashell() -> int:
    """The `hashell` command."""
    # A short command makes little garbage in cycles, and looking for it took a sixth of its time: while it starts, and
    # once more over everything when it ends.
    gc.set_threshold(GARBAGE_MIN)
    _load_msgspec()
    try:
        code = run(sys.argv[1:])
    except Exception as error:
        if {"--debug", "-d"} & set(sys.argv):
            raise
        code = _unforeseen(error)
    gc.freeze()
    return code


def _load_msgspec() -> None:
    """msgspec asks for typing_extensions where it is installed, which nothing here needs, and which costs a tenth of a
    short command: it loads half of the interpreter's own tools. What needs it later finds it."""
    name = "typing_extensions"
    if name in sys.modules or sys.version_info < (3, 11):
        return
    sys.modules[name] = None  # type: ignore[assignment]  # An import fails, as where it is not installed.
    try:
        import msgspec  # noqa: F401
    finally:
        del sys.modules[name]


def _unforeseen(error: Exception) -> int:
    """What no room made a message of, in one line all the same: a disk that is full, or a defect of ours. The exit
    code."""
    from hashell.exit_codes import ExitCode

    text = " ".join(str(error).split())[:TEXT_MAX]
    code, hint = ExitCode.INTERNAL, "run it again with --debug to see where, and report it"
    if isinstance(error, OSError) and error.strerror:
        # Without a name it is what is printed that finds no place.
        code, hint = ExitCode.CANNOT_CREATE, "make room or get leave there, and run it again"
        told = f"{error.filename or 'standard output'}: {error.strerror}"
    else:
        told = f"this is a defect of hashell: {type(error).__name__}: {text}"
    _forget_output()
    # Where the complaint finds no place either, the exit code has to say it.
    with contextlib.suppress(OSError):
        sys.stderr.write(f"ERROR: {told}\n       {hint}\n")
    return code


def _forget_output() -> None:
    """What could not be written must not be tried again when the interpreter flushes at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(null, stream.fileno())
    os.close(null)


def run(argv: list[str]) -> int:
    """Serve one command line; the exit code. Ctrl-C and a reader that went away end quietly."""
    place, word = _first_word(argv)
    module = PROGRAMS.get(word)
    if module is not None or word == "demo":
        before = argv[:place]
        if module in (EXPLAIN, REHEARSE):
            # They only look, whatever leave the shell was given.
            before = [one for one in before if one not in _OF_THE_SHELL]
        argv = before + argv[place + 1 :]
    else:
        module = SHELL
    try:
        code = _demo(argv) if module is None else _serve(module, argv)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Nobody reads on.
        _forget_output()
        return 141


def _simulate_chaos(argv: list[str]) -> int:
    """Faults on simulated clusters: the daemon's own room, which the lab does not know."""
    from hashelld.simulation.run import main

    return main([word for word in argv if word != "--simulate"])


def _is_simulated(argv: list[str]) -> bool:
    """Only simulated clusters live many lives: `--seeds` says so as well as `--simulate`."""
    many = any(word.split("=", 1)[0] == "--seeds" for word in argv)
    return "--simulate" in argv or (many and "--live" not in argv)


def _serve(module: str, argv: list[str]) -> int:
    if module == PROGRAMS["chaos"] and _is_simulated(argv):
        return _simulate_chaos(argv)
    main = importlib.import_module(module).main
    joined = {
        SHELL: _open_monitor, MONITOR: _language, EXPLAIN: _live_cib, REHEARSE: _live_cib,
        SIMULATE: _live_cib,
    }.get(module)
    code: int = main(argv, joined) if joined is not None else main(argv)
    return code


def _live_cib(attach: str) -> Cib:
    """The CIB of a running cluster, for programs that only look at it: the room that simulates knows no clients."""
    from hashell.client.choose import open_client

    client = open_client(attach, read_only=True)
    try:
        return client.cib()
    finally:
        client.close()


def _language() -> Language:
    """The crm language, for the monitor: the shell owns it, and it is loaded when a screen opens."""
    from hashell.shell.crm.lending import CrmLanguage

    return CrmLanguage()


def _open_monitor(options: ShellOptions) -> int:
    """The monitor from within the shell, on the same cluster: neither room knows the other."""
    from hashell.monitor.app import Options, run

    return run(
        Options(
            attach=options.attach, cib_file=options.cib_file, read_only=options.read_only, write=options.write,
            theme=options.theme, language=_language,
        )
    )


def _demo(argv: list[str]) -> int:
    """The demo, with a screen: lab and monitor do not know one another, so they are joined here. --record and --probe
    are the screen's (as of `hashell monitor`), the other words the demo's."""
    import argparse

    from hashell.lab.demo import DemoControl, main

    of_screen = argparse.ArgumentParser(prog="hashell demo", add_help=False, allow_abbrev=False)
    of_screen.add_argument("--record", default="", metavar="FILE")
    of_screen.add_argument("--probe", action="append", default=[], metavar="PROBE")
    wished, argv = of_screen.parse_known_args(argv)

    def open_monitor(socket: str, control: DemoControl) -> int:
        from hashell.monitor.app import Options, run

        return run(Options(
            attach=socket, demo=control, language=_language, record=wished.record, probes=tuple(wished.probe),
        ))

    return main(argv, open_monitor)


if __name__ == "__main__":
    sys.exit(hashell())
