"""Roster: who belongs to the cluster, here or not, and which id each node has. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from hashelld.engine.mesh.codec import Roster, RosterEntry, ViewId

_NUMBER_AT_END = re.compile(r"(\d{1,3})\Z")


def is_begun(roster: Roster) -> bool:
    """Whether a majority has begun this cluster: before, nobody has a vote in it."""
    return any(entry.votes for entry in roster.entries)


def merge(rosters: Iterable[Roster]) -> Roster:
    """The newest roster with those added that only others know; who was sent away stays away. What nodes made among
    themselves that had not heard that the cluster was begun counts as older than all others."""
    ordered = sorted(rosters, key=lambda roster: (is_begun(roster), roster.version), reverse=True)
    if not ordered:
        return Roster()
    newest = ordered[0]
    forgotten = set(newest.forgotten)
    entries = {entry.name: entry for entry in newest.entries}
    for roster in ordered[1:]:
        for entry in roster.entries:
            if entry.name not in entries and entry.name not in forgotten:
                entries[entry.name] = entry
    return Roster(newest.version, tuple(entries.values()), newest.forgotten)


def with_members(
    roster: Roster, members: Mapping[str, tuple[str, int]], version: ViewId
) -> Roster:
    """The roster with all members (name → uuid, votes) in it, each with an id that no other has.

    A new node gets the number that its name ends with, if that is free (node3: 3), else the lowest free one.
    """
    taken: dict[int, str] = {}
    entries: dict[str, RosterEntry] = {}
    waiting: list[RosterEntry] = []
    for entry in roster.entries:
        if entry.id in taken:
            waiting.append(entry)
        else:
            taken[entry.id] = entry.name
            entries[entry.name] = entry
    for name in sorted(members):
        uuid, votes = members[name]
        known = entries.get(name)
        if known:
            entries[name] = RosterEntry(known.id, name, uuid, votes)
        elif not any(entry.name == name for entry in waiting):
            waiting.append(RosterEntry(0, name, uuid, votes))
    # Names with a number first, so that no other takes it.
    waiting.sort(key=lambda entry: _NUMBER_AT_END.search(entry.name) is None)
    for entry in waiting:
        uuid, votes = members.get(entry.name, (entry.uuid, entry.votes))
        id = _free_id(entry.name, taken)
        taken[id] = entry.name
        entries[entry.name] = RosterEntry(id, entry.name, uuid, votes)
    forgotten = tuple(name for name in roster.forgotten if name not in members)
    made = tuple(sorted(entries.values(), key=lambda entry: entry.id))
    if (made, forgotten) == (roster.entries, roster.forgotten):
        return roster
    return Roster(version, made, forgotten)


def without(roster: Roster, name: str, version: ViewId) -> Roster:
    """The roster after `name` was sent away."""
    entries = tuple(entry for entry in roster.entries if entry.name != name)
    return Roster(version, entries, tuple(sorted({*roster.forgotten, name})))


def without_votes(roster: Roster, names: Collection[str], version: ViewId) -> Roster:
    """The roster in which these do not vote until they come back."""
    entries = tuple(
        RosterEntry(entry.id, entry.name, entry.uuid, 0) if entry.name in names else entry for entry in roster.entries
    )
    return Roster(version, entries, roster.forgotten)


def _free_id(name: str, taken: Mapping[int, str]) -> int:
    found = _NUMBER_AT_END.search(name)
    if found and int(found.group(1)) > 0 and int(found.group(1)) not in taken:
        return int(found.group(1))
    return next(number for number in range(1, len(taken) + 2) if number not in taken)
