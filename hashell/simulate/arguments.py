"""Arguments: a parser whose complaints are one line, with the exit code that the command's users expect."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """As argparse's, without the usage in front of each error; `usage_code` is what bad words end with."""

    usage_code = 2

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(self.usage_code)


class PacemakerParser(Parser):
    """For a command that stands for one of Pacemaker's tools."""

    usage_code = 64
