"""Times in words: the time of day, how long ago, how long it took."""

from __future__ import annotations

import time


def moment(when_s: float) -> str:
    """Local time of day: `14:03:07`."""
    return time.strftime("%H:%M:%S", time.localtime(when_s))


def clock(when_s: float) -> str:
    """Local time of day with tenths: `14:03:07.2`."""
    return f"{moment(when_s)}.{int(when_s * 10) % 10}"


def ago(seconds: float) -> str:
    """`42s`, `3m05s`, `2h10m`, `3d04h`."""
    whole = max(0, round(seconds))
    for unit, of, lower, below in (("d", 86_400, "h", 3_600), ("h", 3_600, "m", 60), ("m", 60, "s", 1)):
        if whole >= of:
            return f"{whole // of}{unit}{whole % of // below:02d}{lower}"
    return f"{whole}s"


def took(seconds: float) -> str:
    """`340ms`, `1.2s`, `3m05s`."""
    if seconds < 0.9995:
        return f"{max(0.0, seconds) * 1000:.0f}ms"
    return f"{seconds:.1f}s" if seconds < 60 else ago(seconds)
