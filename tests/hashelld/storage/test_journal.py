"""The journal: whatever a crash or damage does, what comes back is the records before it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hashelld.storage.journal import Journal, framed, split

records = st.lists(st.binary(max_size=50), max_size=8)


def test_records_come_back_in_order(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.append([b"a", b"b"])
    journal.append([b"c"])
    journal.close()
    again = Journal(tmp_path / "journal")

    assert again.records == [b"a", b"b", b"c"]
    assert again.findings == ()


@given(records, st.integers(min_value=0))
def test_a_torn_end_is_cut_at_the_last_whole_record(kept, cut):
    whole = b"".join(framed(record) for record in kept)
    data = whole[: cut % (len(whole) + 1)]
    found, good, torn = split(data)

    assert found == kept[: len(found)]
    assert len(found) == len(kept) or len(b"".join(map(framed, kept[: len(found) + 1]))) > len(data)
    assert good <= len(data) and torn


@given(records.filter(len), st.data())
def test_a_flipped_bit_never_gives_a_record_that_was_not_written(kept, data):
    whole = bytearray(b"".join(framed(record) for record in kept))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    found, _, _ = split(bytes(whole))

    assert found == kept[: len(found)]
    assert len(found) < len(kept)


def test_damage_in_the_middle_is_told_and_the_file_kept(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.append([b"a" * 10, b"b" * 10, b"c" * 10])
    journal.close()
    data = bytearray((tmp_path / "journal").read_bytes())
    data[8 + 10 + 8 + 3] ^= 0xFF
    (tmp_path / "journal").write_bytes(bytes(data))
    again = Journal(tmp_path / "journal")

    assert again.records == [b"a" * 10]
    assert "damaged after 1 records" in again.findings[0]
    assert list(tmp_path.glob("journal.damaged-*"))
    again.append([b"d"])
    again.close()
    assert Journal(tmp_path / "journal").records == [b"a" * 10, b"d"]


def test_what_is_replaced_is_gone_and_appending_goes_on(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.append([b"a", b"b"])
    journal.replace([b"b"])
    journal.append([b"c"])
    journal.close()

    assert Journal(tmp_path / "journal").records == [b"b", b"c"]
