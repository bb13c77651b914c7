"""Operation options: attributes of an `op`.

Source: Pacemaker Explained, "Resource operations".
"""

from __future__ import annotations

from hashell.model.options.row import OptionType, Row, by_name

ATTRIBUTES: tuple[Row, ...] = (
    Row("interval", OptionType.DURATION, "0", "How often it is done (0: once)"),
    Row("timeout", OptionType.TIMEOUT, "20s", "How long it may take"),
    Row("on-fail", OptionType.SELECT, None,
        "What happens when it fails (stop: fence or block; else restart)",
        ("ignore", "block", "stop", "restart", "fence", "standby", "restart-container", "demote")),
    Row("enabled", OptionType.BOOLEAN, "true", "Whether it is done at all"),
    Row("role", OptionType.SELECT, None, "In which role it is done (monitors)",
        ("stopped", "started", "unpromoted", "promoted", "slave", "master")),
    Row("start-delay", OptionType.DURATION, "0", "Wait so long before the first time"),
    Row("interval-origin", OptionType.STRING, None, "A moment from which intervals are counted"),
    Row("record-pending", OptionType.BOOLEAN, "true",
        "Whether it is recorded while it runs"),
    Row("description", OptionType.STRING, None, "What it is for"),
)

BY_NAME = by_name(ATTRIBUTES)

#: Timeout of an action for which nothing says more. Source: include/crm/common/actions.h.
DEFAULT_TIMEOUT_MS = 20_000
