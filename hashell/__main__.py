"""`python -m hashell`: the same as the `hashell` command."""

from __future__ import annotations

import sys

from hashell.entry_points import hashell

sys.exit(hashell())
