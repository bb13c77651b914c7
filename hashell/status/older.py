"""Older: a CIB as the release reads it that wrote it.

Cluster options got new names in release 3, which an older cluster does not know: there they change nothing. Failures
are counted by operation since feature set 3.0.13, and by resource before; who counts the one way does not see the
other.

Source: lib/pengine/common.c and failcounts.c of Pacemaker 2.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from hashell.cib.document import Cib
from hashell.model.options.cluster import OPTIONS
from hashell.status.options import Release, feature_set_parts

#: Names that cluster options got in release 3.
_NEW_NAMES = frozenset(row.name for row in OPTIONS if row.old_name.startswith(("stonith-", "fence-", "stop-orphan-")))
#: Since this feature set failures are counted by operation.
_BY_OPERATION = (3, 0, 13)
_COUNTS = ("fail-count-", "last-failure-")
#: Stands for the operation in a count of all operations.
_ANY_OPERATION = "#any_0"


def as_read_by(cib: Cib, release: Release) -> Cib:
    """The CIB without what the release does not see in it, and with what only that sees; itself where that is all."""
    if release is Release.THREE:
        return cib
    by_operation = feature_set_parts(cib.root.get("crm_feature_set", "")) >= _BY_OPERATION
    if next(_unknown(cib.root), None) is None and (by_operation or next(_counts(cib.root), None) is None):
        return cib
    root = cib.copy_root()
    for pair in list(_unknown(root)):
        _take_away(pair)
    for pair in [] if by_operation else list(_counts(root)):
        name = pair.get("name", "")
        if "#" in name:
            _take_away(pair)
        else:
            pair.set("name", name + _ANY_OPERATION)
    return Cib(root)


def _unknown(root: etree._Element) -> Iterator[etree._Element]:
    """Cluster options by names that are too new."""
    for pair in root.iterfind("configuration/crm_config/cluster_property_set/nvpair"):
        if pair.get("name") in _NEW_NAMES:
            yield pair


def _counts(root: etree._Element) -> Iterator[etree._Element]:
    """Fail counts and times of failures, by operation or not."""
    for pair in root.iterfind("status/node_state/transient_attributes/instance_attributes/nvpair"):
        if pair.get("name", "").startswith(_COUNTS):
            yield pair


def _take_away(pair: etree._Element) -> None:
    parent = pair.getparent()
    if parent is not None:
        parent.remove(pair)
