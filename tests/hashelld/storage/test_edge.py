"""The edge to the disk: in order, durable before it says so, and honest when the disk fails."""

from __future__ import annotations

import asyncio
import bz2
import json
import os
import threading

from hashell.cib.document import Cib
from hashell.wire import messages
from hashelld.core.effects import Archive, JournalAppend, ReadHistory, Reply, Store, Stored, StoreValue
from hashelld.core.events import Happened
from hashelld.storage import divergences, values
from hashelld.storage.divergences import Divergences
from hashelld.storage.edge import INPUTS_WAITING_MAX, StorageEdge
from hashelld.storage.files import StorageFailed
from hashelld.storage.restore import restore


def cib(epoch):
    return f'<cib epoch="{epoch}" num_updates="0" admin_epoch="0"><configuration/><status/></cib>'.encode()


class Disk:
    def __init__(self, folder):
        self.folder = folder
        self.heard = asyncio.Queue()

    async def __aenter__(self):
        _, generations, journal = restore(self.folder, "node1")
        self.edge = StorageEdge(self.folder, generations, journal, lambda record, lineage: False)
        self.edge.reply = lambda component, effect: self.heard.put_nowait((component, effect))
        await self.edge.start(lambda component, event: self.heard.put_nowait((component, event)))
        return self

    async def __aexit__(self, *_):
        await self.edge.stop()

    def do(self, *effects):
        for effect in effects:
            self.edge.performs[type(effect)]("cib_manager", effect)

    async def hear(self):
        return await asyncio.wait_for(self.heard.get(), 60)


async def test_what_was_said_to_be_stored_is_there_at_the_next_start(tmp_path):
    async with Disk(tmp_path / "s") as disk:
        disk.do(JournalAppend("a", (b"one",)), JournalAppend("b", (b"two",)), StoreValue("v", "roster", b"names"))
        assert {(await disk.hear())[1].token for _ in range(3)} == {"a", "b", "v"}
        disk.do(Store("c", "0.4.0", cib(4), "root", lineage={"base": 2}, urgent=True))
        assert (await disk.hear())[1] == Stored("c")
    restored, _, journal = restore(tmp_path / "s", "node1")
    journal.close()

    assert restored.journal == (b"one", b"two")
    assert restored.values["roster"] == b"names"
    assert str(restored.cib.version) == "0.4.0"
    assert restored.lineage == {"base": 2}


async def test_of_many_cibs_the_newest_is_stored_and_each_is_in_the_history(tmp_path):
    async with Disk(tmp_path / "s") as disk:
        disk.do(*(
            Store(f"s{n}", f"0.{n}.0", cib(n), "root", command=f"crm {n}", node="node1") for n in range(1, 6)
        ))
        for _ in range(5):
            assert not (await disk.hear())[1].error
        disk.do(ReadHistory(7, limit=3), ReadHistory(8, version="0.2.0"), ReadHistory(9, version="0.99.0"))
        rows, one, none = [(await disk.hear())[1] for _ in range(3)]

    assert [(row.version, row.command) for row in rows.body.rows] == [
        ("0.5.0", "crm 5"), ("0.4.0", "crm 4"), ("0.3.0", "crm 3")
    ]
    assert isinstance(one, Reply) and one.client == 8
    assert str(Cib.parse(one.body.xml).version) == "0.2.0"
    assert isinstance(none.body, messages.Failure)


async def test_a_full_disk_is_an_error_in_the_answer_and_told_once_and_so_is_its_end(tmp_path, monkeypatch):
    async with Disk(tmp_path / "s") as disk:
        def full(handle):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fdatasync", full)
        disk.do(JournalAppend("a", (b"one",)))
        failed, told = await disk.hear(), await disk.hear()
        disk.do(JournalAppend("a", (b"one",)))
        again = await disk.hear()
        monkeypatch.undo()
        disk.do(JournalAppend("a", (b"one",)))
        good, news = await disk.hear(), await disk.hear()

    assert "No space left" in failed[1].error and "No space left" in again[1].error
    assert isinstance(told[1], Happened) and told[1].level == "error"
    assert good[1] == Stored("a")
    assert news[1].level == "notice"
    assert disk.edge._journal.records == [b"one"]


async def test_a_lost_branch_is_kept_where_a_person_finds_it(tmp_path):
    async with Disk(tmp_path / "s") as disk:
        disk.do(Archive("node1-0.9.0", cib(9), b"<diff/>", {"winner": "node2"}))
    (kept,) = (tmp_path / "s" / "archive").iterdir()

    assert kept.name.endswith("node1-0.9.0")
    assert (kept / "cib.xml").read_bytes() == cib(9)
    assert b"node2" in (kept / "about.json").read_bytes()


async def test_no_cib_takes_the_place_of_a_branch_that_the_disk_had_no_room_for(tmp_path, monkeypatch):
    async with Disk(tmp_path / "s") as disk:
        def full(path, data):
            raise StorageFailed("no space left")

        monkeypatch.setattr(divergences, "write_whole", full)
        disk.do(Archive("node1-0.9.0", cib(9), b"<diff/>", {"winner": "node2"}), Store("c", "0.4.0", cib(4), "root"))
        refused = await disk.hear()
        assert isinstance((await disk.hear())[1], Happened)
        monkeypatch.undo()
        disk.do(Store("c", "0.4.0", cib(4), "root", urgent=True))
        told, stored = await disk.hear(), await disk.hear()

    assert refused[1] == Stored("c", "no space left")
    assert [name.partition("-")[2] for name in told[1].names] == ["node1-0.9.0"]
    assert stored[1] == Stored("c")
    assert Divergences(tmp_path / "s" / "archive").names == told[1].names


async def test_scheduler_inputs_have_a_name_at_once_and_are_kept_when_the_disk_has_time(tmp_path, monkeypatch):
    busy = threading.Event()
    async with Disk(tmp_path / "s") as disk:
        monkeypatch.setattr(os, "fsync", lambda handle: busy.wait(20))
        disk.do(Store("c", "0.4.0", cib(4), "root", urgent=True))
        assert [disk.edge.keep_input(cib(number)) for number in (1, 2, 2)] == [
            "pe-input-0.bz2", "pe-input-1.bz2", "pe-input-1.bz2",
        ]
        names = [disk.edge.keep_input(cib(number)) for number in range(3, 3 + INPUTS_WAITING_MAX)]
        busy.set()
        assert (await disk.hear())[1] == Stored("c")
    assert names[-2:] == ["", ""] and all(names[:-2])
    assert bz2.decompress((tmp_path / "s" / "pengine" / "pe-input-1.bz2").read_bytes()) == cib(2)


async def test_entries_wait_for_values_that_must_be_there_before_them_and_for_no_others(tmp_path, monkeypatch):
    written, go_on = [], threading.Event()
    write = values.Values.write

    def slowly(self, name, data, **more):
        if name == "ballot":
            go_on.wait(20)
        write(self, name, data, **more)
        written.append(name)

    monkeypatch.setattr(values.Values, "write", slowly)
    async with Disk(tmp_path / "s") as disk:
        disk.do(
            StoreValue("1", "ballot", b"7"), JournalAppend("a", (b"one",)),
            StoreValue("2", "roster", b"names", before_entries=True), JournalAppend("b", (b"two",)),
        )
        before = [(await disk.hear())[1].token for _ in range(3)]
        known = list(written)
        go_on.set()
        assert (await disk.hear())[1] == Stored("1")
    assert set(before) == {"a", "b", "2"} and before.index("2") < before.index("b")
    assert known == ["roster"]


async def test_nothing_is_lost_between_two_starts_however_often(tmp_path):
    boots = []
    for number in range(3):
        async with Disk(tmp_path / "s") as disk:
            disk.do(JournalAppend("a", (str(number).encode(),)))
            await disk.hear()
        boots.append(json.loads((tmp_path / "s" / "node.json").read_bytes())["boot"])
    restored, _, journal = restore(tmp_path / "s", "node1")
    journal.close()

    assert restored.journal == (b"0", b"1", b"2")
    assert [*boots, restored.identity.boot] == list(range(boots[0], boots[0] + 4))


async def test_values_written_together_come_to_the_disk_in_the_order_of_their_last_words(tmp_path, monkeypatch):
    """Who dies between two writes must not have the later without the earlier, also where the later had one before."""
    written = []
    monkeypatch.setattr(values, "write_whole", lambda path, data: written.append((path.name, values.unpack(data))))
    async with Disk(tmp_path / "s") as disk:
        batch = [("engine", StoreValue(str(place), name, data)) for place, (name, data) in enumerate(
            [("roster", b"old"), ("caught-up", b"me"), ("roster", b"new")]
        )]
        answers = disk.edge._write_quickly(batch)

    assert written == [("caught-up.value", b"me"), ("roster.value", b"new")]
    assert {answer.token for _, answer in answers} == {"0", "1", "2"}
