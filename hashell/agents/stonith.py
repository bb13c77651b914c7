"""Fence agents: what they are told on standard input, and which of a device's parameters are the cluster's own.

Source: FenceAgentAPI.md of fence-agents; Pacemaker Explained, "Special Meta-Attributes for Fencing Resources".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Parameters that would name the target; a value given by the user wins over what we would add.
_TARGETS = ("port", "plug", "nodename")
#: Actions that change power; for these the target is named.
_ON_TARGET = frozenset({"on", "off", "reboot", "status"})


def standard_input(action: str, parameters: Mapping[str, str], target: str = "") -> bytes:
    """`name=value` lines: the action (as pcmk_ACTION_action maps it), the target, the device's own parameters.

    pcmk_host_argument names the parameter that gets the target ("none": it gets none); without it both `port` (or what
    the device has) and `nodename` are told.
    """
    word = parameters.get(f"pcmk_{action}_action", action)
    lines = [f"action={word}"]
    own = {
        name: value for name, value in parameters.items()
        if not name.startswith(("pcmk_", "CRM_meta_")) and name not in ("crm_feature_set", "action", "provides")
    }
    if target and action in _ON_TARGET:
        lines.append(f"nodename={target}")
        port = host_ports(parameters).get(target, target)
        argument = parameters.get("pcmk_host_argument", "")
        if argument != "none":
            argument = argument or "port"
            if own.get(argument, "dynamic") == "dynamic":
                own.pop(argument, None)
                lines.append(f"{argument}={port}")
    lines.extend(f"{name}={value}" for name, value in own.items() if "\n" not in name + value)
    return ("\n".join(lines) + "\n").encode()


def host_ports(parameters: Mapping[str, str]) -> dict[str, str]:
    """pcmk_host_map: `node1:1;node2:2,3` → which port each node hangs on. Pairs are parted by semicolons or white
    space, name and port by a colon or an equals sign; a backslash takes the next character as it is."""
    found: dict[str, str] = {}
    name, word, text = "", "", iter(parameters.get("pcmk_host_map", "") + ";;")
    for char in text:
        if char == "\\":
            word += next(text, "")
        elif char in ";\t\n\r ":
            if name and word:
                found[name] = word
            name, word = "", ""
        elif char in ":=" and not name:
            name, word = word, ""
        else:
            word += char
    return found


def host_list(parameters: Mapping[str, str]) -> tuple[str, ...]:
    """pcmk_host_list, split at commas, semicolons and white space."""
    return tuple(part for part in re.split(r"[,;\s]+", parameters.get("pcmk_host_list", "")) if part)


def host_check(parameters: Mapping[str, str], actions: frozenset[str] | None = None) -> str:
    """How to learn which nodes a device can fence: static-list, dynamic-list, status or none.

    `actions` are those of the agent's meta-data (None: not known yet).
    """
    wanted = parameters.get("pcmk_host_check", "")
    if wanted in ("static-list", "dynamic-list", "status", "none"):
        return wanted
    if host_list(parameters) or host_ports(parameters):
        return "static-list"
    if actions is not None:
        if "list" in actions or "list-status" in actions:
            return "dynamic-list"
        if "status" in actions:
            return "status"
    return "none"


def parse_listing(stdout: bytes) -> tuple[str, ...]:
    """The ports that `list` prints: one a line, `port,alias` or `port`, quotes dropped."""
    found: list[str] = []
    for line in stdout[:1_000_000].decode("utf-8", "replace").splitlines():
        for part in line.split(",")[:2]:
            name = part.strip().strip("'\"")
            if name and name not in found:
                found.append(name)
    return tuple(found)
