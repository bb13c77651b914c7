"""Secrets taken out of a line before it is kept: in the history of a prompt, or beside a version of the CIB."""

from __future__ import annotations

import re

#: A line without one of these words holds no secret that could be recognized.
_HINTS = ("passw", "secret", "token", "community", "private_key", "pin")
#: Names whose value is a secret. Source: crmsh's `obscure_pattern`, and parameters of fence agents.
_NAME = r"(?:[\w-]*(?:passw|secret|token|community|private_key)[\w-]*|pin)"
_VALUE = r"(?:\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|\S+)"


def scrub(line: str) -> str:
    """The line with the values of secrets starred."""
    lower = line.lower()
    if not any(hint in lower for hint in _HINTS):
        return line
    for form in (
        rf"(?i)(?<![\w-])({_NAME}=){_VALUE}",
        # resource param NAME set passwd VALUE; node attribute …
        rf"(?i)(\bset\s+{_NAME}\s+){_VALUE}",
        # configure set NAME.passwd VALUE
        rf"(?i)(\bset\s+\S*\.{_NAME}\s+){_VALUE}",
        # resource secret NAME set PARAMETER VALUE
        rf"(?i)(\bsecret\s+\S+\s+set\s+\S+\s+){_VALUE}",
    ):
        line = re.sub(form, r"\1***", line)
    return re.sub(rf"(?i)(name=[\"']{_NAME}[\"'][^>]*?value=[\"'])[^\"']*", r"\1***", line)
