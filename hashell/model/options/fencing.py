"""Fencing options: parameters that every fence device understands, whatever its agent.

Source: Pacemaker Explained, "Special meta-attributes for fencing resources"; lib/common/options.c.
"""

from __future__ import annotations

from hashell.model.options.row import OptionType, Row, by_name

_ACTIONS = ("reboot", "off", "on", "list", "monitor", "status")

PARAMETERS: tuple[Row, ...] = (
    Row("pcmk_host_argument", OptionType.STRING, None,
        "Agent parameter that gets the target's name (default: port or plug; none: no parameter)",
        advanced=True),
    Row("pcmk_host_map", OptionType.STRING, None,
        "Names that the device has for nodes: node1:1;node2:2,3"),
    Row("pcmk_host_list", OptionType.STRING, None, "Nodes that it can fence, by commas"),
    Row("pcmk_host_check", OptionType.SELECT, None, "How to find out whom it can fence",
        ("dynamic-list", "static-list", "status", "none")),
    Row("pcmk_delay_max", OptionType.DURATION, "0s", "Most of a random delay before it acts"),
    Row("pcmk_delay_base", OptionType.STRING, "0s",
        "Least delay before it acts: a time, or node1:1s;node2:5"),
    Row("pcmk_action_limit", OptionType.INTEGER, "1", "Actions at once (-1: no limit)"),
    *(
        row
        for action in _ACTIONS
        for row in (
            Row(f"pcmk_{action}_action", OptionType.STRING, action,
                f"What the agent is told instead of '{action}'", advanced=True),
            Row(f"pcmk_{action}_timeout", OptionType.TIMEOUT, "60s",
                f"How long '{action}' may take", advanced=True),
            Row(f"pcmk_{action}_retries", OptionType.INTEGER, "2",
                f"How often '{action}' is tried within its timeout", advanced=True),
        )
    ),
)

BY_NAME = by_name(PARAMETERS)


def is_fencing_parameter(name: str) -> bool:
    """Whether Pacemaker itself reads a parameter, so that the agent need not declare it."""
    return name in BY_NAME or name in ("provides", "stonith-timeout")
