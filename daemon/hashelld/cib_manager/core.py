"""The CIB manager's state machine: order, hold, commit, apply, answer; agree at every view whose copy is the truth.

Theory of operation. Three phases of a view:

    gathering   every member has multicast its State; writes that are ordered meanwhile wait in the backlog
    fetching    (only who differs from the authority) waiting for the authority's copy; the backlog grows on
    ready       the view's first, empty entry is appended, then the backlog; entries are acknowledged and committed

Positions only rise: entries of a later view are higher. A commit counts only from the view's own first entry on (an
entry of an earlier view that a majority holds may still lose against one that it has not met; the first entry of this
view cannot). Source: the design of the cluster layer, "Replica"; the argument is that of Raft, section 5.4.2.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from lxml import etree

from hashell.cib.diff import make_patch
from hashell.cib.document import Cib
from hashell.cib.versions import Version
from hashelld.cib_manager import copies, messages, records
from hashelld.cib_manager.agreement import Agreement
from hashelld.cib_manager.asked import Asked, Pending
from hashelld.cib_manager.branch import Branch, archive_of, configuration_writes
from hashelld.cib_manager.digests import DIGEST_EVERY, Digests
from hashelld.cib_manager.documents import Documents, Done
from hashelld.cib_manager.durability import Durability, JournalAgain
from hashelld.cib_manager.join import agrees, authority
from hashelld.cib_manager.ledger import Applied, Ledger
from hashelld.cib_manager.messages import (
    Ack,
    Commit,
    Copy,
    Digest,
    Entry,
    Fetch,
    Piece,
    Position,
    Result,
    State,
    Write,
    encode,
)
from hashelld.cib_manager.outbox import Outbox, SendNow, size_of
from hashelld.cib_manager.pace import ApplyOver, Pace
from hashelld.cib_manager.records import decoded
from hashelld.core.effects import (
    Archive,
    CancelTimer,
    Effect,
    Log,
    Multicast,
    Send,
    StartTimer,
    Store,
    Stored,
    Tell,
)
from hashelld.core.events import (
    Author,
    Blocked,
    ChangeAnswered,
    ChangeCommitted,
    ChangeWanted,
    CibChanged,
    Event,
    Happened,
    MembersChanged,
    MessageDirect,
    MessageOrdered,
    Started,
    View,
)

#: Entries applied in one go, and versions told of in it, so that other events get their turn; of a large CIB one: who
#: is told of a version holds its tree, and another must be copied.
APPLY_MAX, TOLD_MAX = 128, 20
#: Milliseconds after which a copy is asked for again.
FETCH_MS = 2_000


@dataclass(frozen=True, slots=True)
class FetchAgain(Event):
    view: int


@dataclass(frozen=True, slots=True)
class ApplyMore(Event):
    """More entries are committed than were applied in one go."""


class CibManager:
    """One node's copy of the CIB."""

    name = "cib_manager"

    def __init__(
        self, node: str, boot: int, cib: Cib, lineage: Mapping[str, Any] | None = None,
        journal: tuple[bytes, ...] = (), documents: Documents | None = None,
    ) -> None:
        self._documents = documents or Documents()
        lineage = lineage or {}
        self.node = node
        self.boot = boot
        self.cib = cib
        applied = records.position(lineage.get("applied"))
        self.ledger = Ledger(applied, records.position(lineage.get("unique")))
        base = int(lineage.get("base", 0))
        self._durability = Durability(base, self.ledger)
        self.applied = Applied()
        self.applied.replace(
            (), [tuple(c) for c in lineage.get("counters", ())],
            [(origin, boot, tuple(numbers)) for origin, boot, numbers in lineage.get("missed", ())],
        )
        self._branch = Branch(records.branch_of(lineage))
        for raw in journal:
            record = records.entry_of(raw)
            if record and record[0] == base and record[1].position > self.ledger.head:
                self.ledger.append(record[1], durable=True)
            elif record and record[0] == base and not self.ledger.restate(record[1]):
                self._branch.add(record[1])
        self.view: View | None = None
        self.phase = "waiting"
        self._blocked = True
        self._states: dict[str, State] = {}
        self._authority = ""
        self._backlog: deque[MessageOrdered] = deque()
        self._sequence = 0
        self._agreement = Agreement()
        self._committed = 0
        self._pace = Pace()
        self._asked = Asked(node, boot)
        self._outbox = Outbox()
        self._now_ms = 0
        self._incoming = copies.Incoming(self._documents)
        self._digests = Digests(self._documents)
        self._told = cib
        self._untold: Author | None = None

    def receive(self, event: Event, now_ms: int, wall_s: float) -> list[Effect]:
        out: list[Effect] = []
        self._now_ms = now_ms
        match event:
            case ChangeWanted():
                self._wanted(event, wall_s, out)
            case MessageOrdered(topic=topic) if topic.startswith("cib_manager."):
                self._ordered(event, out)
            case MessageDirect(topic=topic) if topic.startswith("cib_manager."):
                self._direct(event, out)
            case Stored(token, error):
                if self._durability.told(token, error, out):
                    self._acknowledge(out)
            case Blocked():
                self._blocked = True
            case MembersChanged(view):
                self._new_view(view, out)
            case FetchAgain(number):
                if self.view and number == self.view.number and self.phase == "fetching":
                    self._fetch(out)
            case ApplyMore():
                self._commit(self._committed, out)
            case ApplyOver():
                self._pace.over(event, now_ms)
            case SendNow():
                self._outbox.waited(now_ms, out)
            case JournalAgain():
                self._durability.write_again(self._store_again, out)
            case Started():
                pass
            case _:
                pass
        return out

    # --- asking -------------------------------------------------------------------------------

    def _wanted(self, event: ChangeWanted, wall_s: float, out: list[Effect]) -> None:
        refusal = self._asked.refusal(event)
        if refusal is None:
            self._ask(self._asked.write_of(event, int(wall_s), self.view), event.request, out)
        elif event.request:
            out.append(Tell(ChangeAnswered(event.request, "", *refusal)))

    def _ask(self, write: Write, request: str, out: list[Effect]) -> None:
        self._outbox.put(self._asked.add(write, request))
        self._outbox.send(self._now_ms, out)

    # --- the start of a view ------------------------------------------------------------------

    def _new_view(self, view: View, out: list[Effect]) -> None:
        # What is known to be committed is applied first: then those that go on together state the same. It is told as
        # one change when the new view has begun.
        if self.ledger.held and self.ledger.held[0].position.index <= self._committed:
            self._untold = self._untold or Author("", self.node, "", "several changes at the end of a view")
            self._commit(self._committed, out, most=len(self.ledger.held))
        self.view = view
        self.phase = "gathering"
        self._blocked = False
        self._states = {}
        for waiting in self._backlog:
            self._pass_over(waiting)
        self._backlog.clear()
        self._sequence = 0
        self._agreement = Agreement()
        self._committed = 0
        self._incoming.clear()
        self._digests.clear()
        out.append(CancelTimer("fetch"))
        out.append(CancelTimer("apply"))
        out.append(Multicast(messages.STATE, encode(self._state(view))))
        self._outbox.forget()

    def _state(self, view: View) -> State:
        version = self.cib.version
        return State(
            view.number, view.proposer, self.ledger.unique, self.ledger.head, self.ledger.applied,
            _triple(version), self.digest(), _triple(max(version, self._told.version)),
            len(self.ledger.held), self.ledger.places,
        )

    def digest(self) -> str:
        """Of the CIB as it is now; computed once a version."""
        return self._digests.of(self.cib)

    def _is_of_view(self, number: int, proposer: str) -> bool:
        return (
            self.view is not None and (number, proposer) == (self.view.number, self.view.proposer)
        )

    def _state_heard(self, event: MessageOrdered, state: State, out: list[Effect]) -> None:
        view = self.view
        if view is None or self.phase != "gathering" or all(event.origin != one.name for one in view.holders):
            return
        self._states[event.origin] = state
        names = tuple(one.name for one in view.holders)
        if len(self._states) < len(names):
            return
        self._sequence = event.sequence
        self._authority = authority(names, self._states)
        best = self._states[self._authority]
        mine = self._states[self.node]
        if self._authority == self.node:
            data: tuple[bytes, ...] = ()
            for name in names:
                if not agrees(self._states[name], mine):
                    data = data or self._pieces(through=0)
                    self._send_copy(name, data, out)
            self._begin(out)
        elif agrees(mine, best):
            self._begin(out)
        else:
            self.phase = "fetching"
            out.append(StartTimer("fetch", FETCH_MS, FetchAgain(view.number)))
            for piece in self._incoming.kept_of(self._authority):
                self._piece(self._authority, piece, out)

    def _begin(self, out: list[Effect]) -> None:
        """The copy is the authority's: append the view's first entry, then what was ordered meanwhile."""
        assert self.view is not None
        raise_to = max(state.seen for state in self._states.values())
        first = self._append(None, raise_to)
        assert first is not None, "where a view begins is journaled"
        self._durability.journal([first], out)
        self._agreement.first_index = self.ledger.head.index
        self._ready(out)

    def _ready(self, out: list[Effect]) -> None:
        self.phase = "ready"
        out.append(CancelTimer("fetch"))
        if self.view and not self.view.unique:
            self._durability.restate(out)
        self._ask_again(out)
        while self._backlog and self.phase == "ready":
            self._ordered_ready(self._backlog.popleft(), out)
        self._acknowledge(out)

    def _ask_again(self, out: list[Effect]) -> None:
        """Changes that this node had delivered in an earlier view and that the authority does not know are asked for
        anew (nobody can have them: what a majority held the authority holds), and after them what was never sent: in
        the order in which they were asked for."""
        held = {
            (e.write.origin, e.write.boot, e.write.counter) for e in self.ledger.held if e.write
        }
        again: list[tuple[Write, str]] = []
        for pending in self._asked.take_delivered(held):
            write = pending.write
            name = (write.origin, write.boot, write.counter)
            result = self.applied.result(*name)
            if result is None and self.applied.is_done(write):
                result = Result(*name, str(self.cib.version))
            if result is not None:
                self._answer_pending(pending, result, out)
            else:
                again.append((write, pending.request))
        if again:
            unsent = [self._asked.take(write) for write in self._outbox.withdraw()]
            again += [(pending.write, pending.request) for pending in unsent if pending is not None]
        for write, request in again:
            self._outbox.put(self._asked.add(write, request))
        self._outbox.send(self._now_ms, out)

    # --- copies -------------------------------------------------------------------------------

    def _pieces(self, through: int) -> tuple[bytes, ...]:
        return copies.pieces_of(through, self._documents.whole(self.cib), self.ledger, self.applied, self._branch)

    def _send_copy(self, to: str, pieces: tuple[bytes, ...], out: list[Effect]) -> None:
        assert self.view is not None
        out.append(Log("debug", "sending the CIB", {"to": to, "version": str(self.cib.version)}))
        for number, data in enumerate(pieces):
            piece = Piece(self.view.number, self.view.proposer, number, len(pieces), data)
            out.append(Send(to, messages.SNAPSHOT, encode(piece)))

    def _fetch(self, out: list[Effect]) -> None:
        assert self.view is not None
        self._incoming.clear()
        fetch = Fetch(self.view.number, self.view.proposer)
        out.append(Send(self._authority, messages.FETCH, encode(fetch)))
        out.append(StartTimer("fetch", FETCH_MS, FetchAgain(self.view.number)))

    def _piece(self, origin: str, piece: Piece, out: list[Effect]) -> None:
        if self.phase == "gathering":
            # The authority has heard all states, we have not yet.
            self._incoming.keep(origin, piece)
            return
        if self.phase != "fetching" or origin != self._authority:
            return
        found = self._incoming.add(origin, piece)
        if isinstance(found, str):
            out.append(Log("error", found, {"origin": origin}))
        elif found is not None:
            self._adopt(origin, *found, out)

    def _adopt(self, origin: str, cib: Cib, copy: Copy, out: list[Effect]) -> None:
        """Take the authority's copy; keep what our own branch had and it has not."""
        assert self.view is not None
        known = set(copy.branch) | {entry.position for entry in copy.held}
        # What is held and not committed here may have been committed by a member that is gone, or in this node's
        # earlier life: in a branch it counts as written. (In a majority's view the authority would have it.)
        held = [entry for entry in self.ledger.held if not entry.unique]
        lost = self._branch.lost(held, known, copy.results)
        self._keep_lost(origin, cib, lost, held, out)
        before, self.cib = self.cib, cib
        self._pace.recount()
        self.ledger.replace(copy.applied, copy.unique, copy.held)
        self.applied.replace(copy.results, copy.applied_counters, copy.missed)
        self._branch.replaced(copy.branch, copy.wanted)
        # What was ordered before the copy was made is in it, and is not applied here.
        self._outbox.forget()
        # What the journal has from before belongs to another history.
        token = self._durability.begin_copy(copy.applied.index)
        author = Author("", origin, "", f"whole copy from {origin}")
        changed = _configuration(before) != _configuration(cib)
        out.append(self._store(token, b"", author, configuration=changed))
        journaled = [entry for entry in copy.held if entry.write is None or not entry.write.status_only]
        self._durability.journal(journaled, out)
        for entry in journaled:
            self.ledger.wait_for(entry.position.index)
        # Told when the view's first entry is committed: until then the version may be lower than what ours was.
        self._untold = author
        begins = [
            entry.position.index for entry in copy.held
            if entry.write is None and self._is_of_view(entry.position.view, entry.position.proposer)
        ]
        if copy.through and not begins:
            self._tell_copy(out)
        out.append(Log("info", "took the CIB", {"origin": origin, "version": str(cib.version)}))
        if copy.through:
            # The view's own first entry is in the copy: held, or committed already.
            self._agreement.first_index = begins[0] if begins else copy.applied.index + 1
            while self._backlog and self._backlog[0].sequence <= copy.through:
                self._pass_over(self._backlog.popleft())
            self._sequence = max(self._sequence, copy.through)
            self._ready(out)
        else:
            self._begin(out)
        for entry in lost:
            # What this node itself reported of its resources stays true whoever's CIB wins.
            if entry.write and entry.write.status_only and entry.write.origin == self.node:
                self._ask(msgspec.structs.replace(entry.write, boot=self.boot), "", out)

    def _tell_copy(self, out: list[Effect]) -> None:
        """This node's other components hear of a copy that was taken."""
        author, self._untold = self._untold, None
        before, self._told = self._told, self.cib
        if author and (before.version != self.cib.version or self._documents.digest(before) != self.digest()):
            changed = _configuration(before) != _configuration(self.cib)
            out.append(Tell(CibChanged(before, self.cib, b"", author, changed)))

    def _keep_lost(
        self, winner: str, cib: Cib, lost: list[Entry], held: list[Entry], out: list[Effect]
    ) -> None:
        writes = configuration_writes(lost)
        if not writes:
            return
        archive, version = archive_of(self.node, winner, cib, self.cib, held, writes)
        out.append(archive)
        out.append(Tell(Happened(
            "config", "warning",
            f"{len(writes)} configuration changes made without a majority lost against those of"
            f" {winner}; they are kept in the archive",
            (self.node, winner), {"version": version},
        )))

    # --- ordered messages ---------------------------------------------------------------------

    def _ordered(self, event: MessageOrdered, out: list[Effect]) -> None:
        if event.topic == messages.STATE:
            state = decoded(event.payload, State)
            if state and self._is_of_view(state.view, state.proposer):
                self._state_heard(event, state, out)
        elif self.phase == "ready":
            self._ordered_ready(event, out)
            self._acknowledge(out)
        else:
            self._backlog.append(event)

    def _pass_over(self, event: MessageOrdered) -> None:
        """What came is not taken up here: the authority's ledger has it, or it must be asked for again."""
        if event.topic == messages.WRITE:
            self._delivered(event)

    def _delivered(self, event: MessageOrdered) -> tuple[Write, ...]:
        """The writes of an ordered message; of our own, note that the engine will not bring them again."""
        writes = decoded(event.payload, tuple[Write, ...]) or ()
        for write in writes:
            self._asked.delivered(write)
        return writes

    def _ordered_ready(self, event: MessageOrdered, out: list[Effect]) -> None:
        self._sequence = event.sequence
        if event.topic == messages.WRITE:
            writes = self._delivered(event)
            if not writes:
                out.append(Log("error", "a write cannot be read", {"origin": event.origin}))
            entries = [entry for write in writes if (entry := self._append(write)) is not None]
            self._durability.journal(entries, out)
        elif event.topic == messages.COMMIT:
            said = decoded(event.payload, Commit)
            if said and self._is_of_view(said.view, said.proposer):
                self._committed = max(self._committed, said.index)
                wait_ms = self._pace.wait_ms(self._now_ms, self.ledger.held, self._committed)
                if wait_ms > 0:
                    out.append(StartTimer("apply", wait_ms, ApplyMore()))
                else:
                    self._commit(self._committed, out)
        elif event.topic == messages.DIGEST:
            digest = decoded(event.payload, Digest)
            if digest and self._is_of_view(digest.view, digest.proposer):
                self._digests.said(digest.index, digest.digest)
                self._compare(event.origin, digest.index, out)

    def _append(self, write: Write | None, raise_to: tuple[int, int, int] = (0, 0, 0)) -> Entry | None:
        """Hold a write; the entry if it must be on disk for that."""
        assert self.view is not None
        position = Position(self.view.number, self.view.proposer, self.ledger.head.index + 1)
        entry = Entry(position, self.view.unique, write, raise_to)
        durable = write is not None and write.status_only
        self.ledger.append(entry, durable=durable)
        return None if durable else entry

    def _store_again(self, token: str) -> Store:
        return self._store(token, b"", Author("", self.node, "", "again"), configuration=False)

    def _acknowledge(self, out: list[Effect]) -> None:
        view = self.view
        if view is None or self._blocked or self.phase != "ready":
            return
        index = self.ledger.acknowledged
        if index <= self._agreement.acked:
            return
        if view.unique and self._agreement.acked < self._agreement.first_index <= index:
            # All that a majority has is here and durable: the engine wants to know whether this node may vote.
            out.append(Multicast("engine.caught", b""))
        self._agreement.acked = index
        if view.dc == self.node:
            self._ack(self.node, index, out)
        else:
            out.append(Send(
                view.dc, messages.ACK, encode(Ack(view.number, view.proposer, index))
            ))

    def _ack(self, origin: str, index: int, out: list[Effect]) -> None:
        view = self.view
        if view is None or self._blocked or self.phase != "ready" or view.dc != self.node:
            return
        self._agreement.heard(origin, index)
        index = self._agreement.next_commit(view)
        if index:
            out.append(Multicast(messages.COMMIT, encode(Commit(view.number, view.proposer, index))))

    # --- committed ----------------------------------------------------------------------------

    def _commit(self, index: int, out: list[Effect], most: int = APPLY_MAX) -> None:
        self._committed = max(self._committed, index)
        # What is told of later, as one change, is held by nobody.
        told = most if self._untold else 1 if self._pace.large else TOLD_MAX
        while most > 0 and told > 0:
            entries = self.ledger.upto(self._committed, most)
            if not entries:
                return
            if entries[0].write is None:
                self._take(1, out)
                self._start_of_view(entries[0], out)
                taken = 1
            else:
                taken = self._apply(self._alike(entries), out)
            most -= taken
            told -= 1
            if self.ledger.applied.index % DIGEST_EVERY == 0:
                self._remember_digest(self.ledger.applied.index, out)
                if self.phase == "fetching":
                    break
        if self.ledger.held and self.ledger.held[0].position.index <= self._committed:
            out.append(StartTimer("apply", 0, ApplyMore()))

    def _take(self, count: int, out: list[Effect]) -> None:
        """The first held entries are applied from now on."""
        for _ in range(count):
            entry = self.ledger.take_first(self._committed)
            assert entry is not None, "it was counted among those held"
            if entry.unique and self.view is not None and not self.view.unique:
                entry = msgspec.structs.replace(entry, unique=False)
            self._branch.add(entry)

    def _alike(self, entries: list[Entry]) -> list[Entry]:
        """Of these the first that may be told as one change: until a digest is due, none that was applied before, and
        changes of the configuration of one author alone."""
        found: list[Entry] = []
        author: tuple[str, ...] | None = None
        counters: dict[tuple[str, int], int] = {}
        for entry in entries:
            write = entry.write
            if write is None:
                break
            life = write.origin, write.boot
            if write.counter <= counters.get(life, self.applied.counter(*life)):
                return found or [entry]
            by = (write.user, write.node, write.command, write.message)
            if not write.status_only:
                if author not in (None, by):
                    break
                author = by
            counters[life] = write.counter
            found.append(entry)
            if entry.position.index % DIGEST_EVERY == 0:
                break
        return found

    def _start_of_view(self, entry: Entry, out: list[Effect]) -> None:
        version, highest = self.cib.version, Version(*entry.raise_to)
        if highest > version:
            self._raise_version(entry, highest, out)
        if self._untold and entry.position.index >= self._agreement.first_index:
            self._tell_copy(out)

    def _raise_version(self, entry: Entry, highest: Version, out: list[Effect]) -> None:
        version = self.cib.version
        same_epoch = (highest.admin_epoch, highest.epoch) == (version.admin_epoch, version.epoch)
        raised = highest.after(configuration_changed=not same_epoch)
        root = self.cib.copy_root()
        raised.write_to(root)
        before, self.cib = self.cib, Cib(root)
        author = Author("", self.view.dc if self.view else "", "", "version of a merged branch")
        patch = etree.tostring(make_patch(before, self.cib))
        configuration = not same_epoch
        if not self._untold:
            self._told = self.cib
            out.append(Tell(CibChanged(before, self.cib, patch, author, configuration)))
        if configuration:
            out.append(self._store(
                self._durability.stored_as(entry.position.index), patch, author, configuration=True
            ))

    def _apply(self, entries: list[Entry], out: list[Effect]) -> int:
        """Apply as many of these as can be told as one change; how many."""
        write = entries[0].write
        assert write is not None, "what begins a view is not applied"
        if self.applied.is_done(write):
            self._take(1, out)
            name = write.origin, write.boot, write.counter
            self._answer(self.applied.result(*name) or Result(*name, str(self.cib.version)), write, out)
            return 1
        before = self.cib
        done = self._documents.apply(before, entries)
        taken = entries[: len(done.results)]
        size = sum(size_of(entry.write) for entry in taken if entry.write)
        self._pace.applied(size, self._now_ms, lambda: self._documents.elements(done.after), out)
        self._take(len(taken), out)
        for result in done.results:
            self.applied.add(result)
        if done.changed:
            self.cib = done.after
            for entry, result in zip(taken, done.results, strict=True):
                request = "" if result.error_id else self._asked.request(entry.write)
                if request:
                    out.append(Tell(ChangeCommitted(request, result.version)))
            self._changed(taken, before, done, out)
        for entry, result in zip(taken, done.results, strict=True):
            if entry.write:
                self._answer(result, entry.write, out)
        self._outbox.send(self._now_ms, out)
        return len(taken)

    def _changed(self, entries: list[Entry], before: Cib, done: Done, out: list[Effect]) -> None:
        writes = [entry.write for entry in entries if entry.write]
        # All changes of the configuration among them are one author's.
        of = next((write for write in writes if not write.status_only), writes[-1])
        author = Author(of.user, of.node, of.command, of.message)
        if not self._untold:
            self._told = self.cib
            out.append(Tell(CibChanged(before, self.cib, done.patch, author, done.configuration_changed)))
        if done.configuration_changed:
            token = self._durability.stored_as(entries[-1].position.index)
            out.append(self._store(token, done.patch, author, configuration=True))

    def _answer(self, result: Result, write: Write, out: list[Effect]) -> None:
        """To whom asked for it here, once."""
        pending = self._asked.take(write)
        if pending is not None:
            self._answer_pending(pending, result, out)
        if (write.origin, write.boot) == (self.node, self.boot):
            self._outbox.applied(write.counter)

    def _answer_pending(self, pending: Pending, result: Result, out: list[Effect]) -> None:
        if pending.request:
            out.append(Tell(ChangeAnswered(
                pending.request, result.version, result.error_id, result.error, result.hint
            )))

    def _store(
        self, token: str, patch: bytes, author: Author, *, configuration: bool
    ) -> Store:
        ledger = self.ledger
        lineage = {
            "base": self._durability.base,
            "applied": list(msgspec.structs.astuple(ledger.applied)),
            # What is held beyond the stored CIB is in the journal, which raises this again.
            "unique": list(msgspec.structs.astuple(min(ledger.unique, ledger.applied))),
            "counters": [list(c) for c in self.applied.counters],
            "missed": [[origin, boot, list(numbers)] for origin, boot, numbers in self.applied.missed],
            "branch": records.branch_texts(self._branch.wanted),
        }
        return Store(
            token, str(self.cib.version), self._documents.stored(self.cib), author.user,
            patch, configuration, author.command, author.message, author.node, lineage,
            urgent=token.startswith("copy:"),
        )

    # --- digests ------------------------------------------------------------------------------

    def _remember_digest(self, index: int, out: list[Effect]) -> None:
        view = self.view
        if view is None:
            return
        digest = self._digests.remember(index, self.cib)
        if view.dc == self.node and len(view.holders) > 1:
            out.append(Multicast(messages.DIGEST, encode(
                Digest(view.number, view.proposer, index, digest)
            )))
        elif self.phase == "ready":
            self._compare(view.dc, index, out)

    def _compare(self, origin: str, index: int, out: list[Effect]) -> None:
        if origin == self.node or not self._digests.differs(index):
            return
        text = f"the CIB of {self.node} differs from that of {origin} at the same entry"
        out.append(Archive(f"{self.node}-differs", self.cib.to_bytes(), b"", {"from": origin}))
        out.append(Tell(Happened(
            "config", "error", f"{text}; ours is kept in the archive, theirs is taken",
            (self.node, origin),
        )))
        self.phase = "fetching"
        self._authority = origin
        self._fetch(out)

    # --- direct messages ----------------------------------------------------------------------

    def _direct(self, event: MessageDirect, out: list[Effect]) -> None:
        if event.topic == messages.ACK:
            ack = decoded(event.payload, Ack)
            if ack and self._is_of_view(ack.view, ack.proposer):
                self._early_or_ack(event.origin, ack.index, out)
        elif event.topic == messages.SNAPSHOT:
            piece = decoded(event.payload, Piece)
            if piece and self._is_of_view(piece.view, piece.proposer):
                self._piece(event.origin, piece, out)
        elif event.topic == messages.FETCH:
            fetch = decoded(event.payload, Fetch)
            if fetch and self._is_of_view(fetch.view, fetch.proposer) and self.phase == "ready":
                self._send_copy(event.origin, self._pieces(self._sequence), out)

    def _early_or_ack(self, origin: str, index: int, out: list[Effect]) -> None:
        # The first of the view may itself still wait for its copy: keep what it is told.
        if self.phase == "ready":
            self._ack(origin, index, out)
        else:
            self._agreement.heard(origin, index)


def _triple(version: Version) -> tuple[int, int, int]:
    return version.admin_epoch, version.epoch, version.num_updates


def _configuration(cib: Cib) -> bytes:
    return b"" if cib.configuration is None else etree.tostring(cib.configuration)
