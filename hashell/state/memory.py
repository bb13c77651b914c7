"""Memory: what was read of one version of a CIB and holds for the next, as far as its elements are the same.

Whoever decides after every event (the daemon's scheduler) keeps a `Memory` beside a `cib.successive.Successive`, which
gives the elements of parts that did not change. The answer is the same as without, and comes sooner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lxml import etree
from msgspec.structs import replace

from hashell.cib.document import Cib
from hashell.model.configuration import Configuration, read_configuration
from hashell.state.history import Agent, NodeHistory

#: Attributes of `cib` that say which version it is and who wrote it: no configuration depends on them.
_OF_VERSION = frozenset({
    "admin_epoch", "epoch", "num_updates", "cib-last-written", "update-origin", "update-client", "update-user",
})
#: What makes a configuration mean something else at another moment.
_DEPENDS_ON_TIME = etree.XPath(
    "boolean(.//date_expression or .//@interval-origin or .//nvpair[@name='interval-origin'])"
)


class Memory:
    """What was read last. Not for two CIBs at once: a state that was read with it is over when the next one is."""

    __slots__ = (
        "_agents", "_attributes", "_configuration", "_element", "_histories", "_offset_s", "_read_ids", "_set_keys",
    )

    def __init__(self) -> None:
        self._configuration: Configuration | None = None
        self._element: etree._Element | None = None
        self._attributes: dict[str, str] = {}
        self._offset_s = 0
        self._read_ids = 0
        self._set_keys: frozenset[tuple[etree._Element, str]] = frozenset()
        self._agents: Mapping[str, tuple[str, Agent]] = {}
        self._histories: dict[etree._Element, NodeHistory] = {}

    def configuration(self, cib: Cib, now_s: float, utc_offset_s: int) -> Configuration:
        """As `read_configuration`."""
        attributes = {str(name): str(value) for name, value in cib.root.items() if name not in _OF_VERSION}
        known = self._configuration
        if (
            known is not None and self._element is not None and self._element is cib.configuration
            and attributes == self._attributes and utc_offset_s == self._offset_s
            # A resource that only a history knew was read with the rest, and may be gone by now.
            and len(known.reader.ids) == self._read_ids
        ):
            known.document.begin_again(cib.root, int(now_s), self._set_keys, known.recheck_at, known.problems)
            self._configuration = replace(
                known, version=cib.version, now_s=now_s, operations=known.operations.fresh()
            )
            return self._configuration
        found = read_configuration(cib, now_s, utc_offset_s)
        self._configuration = self._element = None
        # An older schema is read from a copy that is raised to today's.
        element = cib.configuration if found.document.root is cib.root else None
        if element is not None and not _DEPENDS_ON_TIME(element):
            self._configuration, self._element = found, element
            self._attributes, self._offset_s = attributes, utc_offset_s
            self._read_ids, self._set_keys = len(found.reader.ids), found.document.set_keys()
        return found

    def begin(self, agents: Mapping[str, tuple[str, Agent]], states: Iterable[etree._Element]) -> None:
        """Before the histories are read: `agents` are those of the resources that may be quiet in them."""
        if agents != self._agents:
            self._histories = {}
            self._agents = agents
        known = self._histories
        self._histories = {state: known[state] for state in states if state in known}

    def history(self, state: etree._Element, node_id: str) -> NodeHistory | None:
        """What was read of this `node_state`, None where it must be read."""
        found = self._histories.get(state)
        return found if found is not None and found.node_id == node_id else None

    def keep(self, state: etree._Element, history: NodeHistory) -> None:
        self._histories[state] = history
