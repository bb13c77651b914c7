"""Name/value sets: instance_attributes, meta_attributes, utilization, cluster_property_set, with
rules, scores and references.

Source: Pacemaker Explained, "Rules", "Using rules to control resource options";
lib/common/nvpair.c.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class ParameterSource(Protocol):
    """Where a resource's parameters come from; they can depend on the node through rules."""

    def values(self, node_attributes: Mapping[str, str] | None) -> Mapping[str, str]:
        """The parameters on a node with these attributes, or without any node."""
        ...
