"""Checkers: what must hold at every moment and at the end of a simulated life."""

from __future__ import annotations

from dataclasses import dataclass, field

from hashelld.core.events import ChangeAnswered, CibChanged, Event, MembersChanged
from hashelld.simulation.cluster import Cluster


class Broken(AssertionError):
    """A promise did not hold; the message names the seed."""


@dataclass(slots=True)
class Checker:
    """Hears what every node hears."""

    seed: int
    cluster: Cluster | None = None
    acknowledged: dict[str, bool] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    views: dict[tuple[int, str], tuple[str, ...]] = field(default_factory=dict)
    quorate_now: dict[str, tuple[int, str]] = field(default_factory=dict)
    versions: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    changes: int = 0

    def hear(self, node: str, event: Event) -> None:
        assert self.cluster is not None
        match event:
            case MembersChanged(view):
                key = (view.number, view.proposer)
                if self.views.setdefault(key, view.names) != view.names:
                    self.fail(f"view {key} is {view.names} at {node}, {self.views[key]} elsewhere")
                if node not in view.names:
                    self.fail(f"{node} is told of view {key} without it")
            case ChangeAnswered(request, _, error_id, error):
                if error_id:
                    self.refused[request] = error
                    return
                current = self.cluster.nodes[node].cib_manager.view
                assert current is not None
                self.acknowledged[request] = current.unique
            case CibChanged(_, after):
                self.changes += 1
                version = after.version
                now = (version.admin_epoch, version.epoch, version.num_updates)
                life = f"{node}/{self.cluster.nodes[node].life}"
                if now < self.versions.get(life, now):
                    self.fail(f"the version of {node} went back from {self.versions[life]} to {now}")
                self.versions[life] = now

    def together(self) -> None:
        """Members that have applied the same entry of the same view have the same CIB."""
        assert self.cluster is not None
        seen: dict[tuple[int, str, int], tuple[str, str]] = {}
        for name, node in self.cluster.nodes.items():
            if node.failed:
                self.fail(f"{name}: {node.failed}")
            if not node.up or node.cib_manager.phase != "ready" or not node.cib_manager.view:
                continue
            manager = node.cib_manager
            applied = manager.ledger.applied
            if not manager.view or applied.view != manager.view.number:
                continue
            key = (applied.view, applied.proposer, applied.index)
            digest = manager.digest()
            other = seen.setdefault(key, (digest, name))
            if other[0] != digest:
                self.fail(f"after entry {key} the CIBs of {other[1]} and {name} differ")

    def at_the_end(self) -> None:
        """All faults healed and time given: one view, one CIB, no acknowledged write lost, none of a branch dropped."""
        assert self.cluster is not None
        self.together()
        managers = {name: node.cib_manager for name, node in self.cluster.nodes.items()}
        views = {
            name: (m.view.number, m.view.proposer, m.phase) if m.view else None
            for name, m in managers.items()
        }
        if len(set(views.values())) != 1 or not all(m.phase == "ready" for m in managers.values()):
            self.fail(f"no one view at the end: {views}")
        digests = {name: m.digest() for name, m in managers.items()}
        if len(set(digests.values())) != 1:
            self.fail(f"the CIBs differ at the end: {digests}")
        there = set(next(iter(managers.values())).cib.ids())
        archived = b" ".join(
            archive.cib for node in self.cluster.nodes.values() for archive in node.disk.archives
        )
        for request, unique in sorted(self.acknowledged.items()):
            if request in there:
                continue
            if unique:
                self.fail(f"{request} was acknowledged by a majority and is lost")
            if request.encode() not in archived:
                self.fail(f"{request} was acknowledged in a branch and is neither there nor archived")

    def fail(self, text: str) -> None:
        raise Broken(f"seed {self.seed}: {text}")
