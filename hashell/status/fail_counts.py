"""Fail counts: how often a resource failed on a node, from the node's attributes.

An attribute is fail-count-RESOURCE#OPERATION_INTERVAL; last-failure-… likewise. Source:
lib/pengine/failcounts.c.
"""

from __future__ import annotations

import re

from hashell.state.nodes import Node
from hashell.state.resources import Resource
from hashell.values.scores import add_scores, parse_score

_INSTANCE = re.compile(r":\d+$")


def fail_count(node: Node, resource: Resource) -> tuple[int, int]:
    """Failures in points (they saturate), and when the last one was (seconds since 1970, 0 for
    never).

    Failures count until they are cleaned up, expired or not.
    """
    name = resource.history_id or resource.id
    instance = "" if resource.unique else r"(:\d+)?"
    if not resource.unique:
        name = _INSTANCE.sub("", name)
    pattern = re.compile(rf"(fail-count|last-failure)-{re.escape(name)}{instance}#.+_\d+")
    count = last = 0
    for key, value in node.attributes.items():
        match = pattern.fullmatch(key)
        if match is None:
            continue
        if match[1] == "fail-count":
            count = add_scores(count, parse_score(value))
        elif value.lstrip("-").isdigit():
            last = max(last, int(value))
    return count, last if count > 0 else 0
