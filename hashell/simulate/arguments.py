"""Arguments: a parser whose complaints are one line, with the exit code that the command's users expect."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

#: Characters of a usage that still fits beside a complaint.
USAGE_MAX = 160


class Parser(argparse.ArgumentParser):
    """As argparse's, without the usage in front of each error; `usage_code` is what bad words end with."""

    usage_code = 2

    def error(self, message: str) -> NoReturn:
        usage = " ".join(self.format_usage().split())
        if len(usage) > USAGE_MAX:
            usage = f"see {self.prog} --help"
        print(f"{self.prog}: {message} ({usage})", file=sys.stderr)
        raise SystemExit(self.usage_code)


class PacemakerParser(Parser):
    """For a command that stands for one of Pacemaker's tools."""

    usage_code = 64
