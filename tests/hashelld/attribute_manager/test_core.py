"""Transient attributes: dampened, counted, written, written again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import encode

from hashell.cib.document import Cib
from hashell.cib.transaction import commit
from hashell.wire.messages import AttributeValues, Done, Failure, GetAttribute, SetAttribute
from hashelld.attribute_manager import writer
from hashelld.attribute_manager.core import AttributeManager, LookAgain, Quiet
from hashelld.attribute_manager.private import Change
from hashelld.core.effects import Multicast, Reply, StartTimer, Tell
from hashelld.core.events import (
    AttributeChanged,
    AttributeWanted,
    ChangeAnswered,
    ChangeWanted,
    CibChanged,
    ClientAsked,
    Member,
    MembersChanged,
    MessageOrdered,
    Started,
    View,
)
from hashelld.settings import Settings


class Bench:
    """One attribute manager and a CIB that takes writes when told to."""

    def __init__(self, folder):
        self.manager = AttributeManager(Settings("c", "n1", folder, folder / "run", folder / "key"))
        self.cib = Cib.empty()
        self.timers, self.replies, self.asked, self.changed, self.told = {}, [], [], [], []
        self.send(Started("n1", "c", self.cib))
        self.send(MembersChanged(View(1, (Member(1, "n1", "u", 1), Member(2, "n2", "v", 1)))))
        self.timers.clear()

    def send(self, event):
        for effect in self.manager.receive(event, 0, 0.0):
            match effect:
                case StartTimer(name):
                    self.timers[name] = effect
                case Tell(ChangeWanted() as change):
                    self.asked.append(change)
                case Tell(AttributeChanged() as change):
                    self.changed.append(change)
                case Multicast():
                    self.told.append(effect)
                case Reply(client, body):
                    self.replies.append((client, body))

    def set(self, node, name, value, dampening=0):
        self.send(AttributeWanted(node, name, value, dampening))

    def ring(self):
        for name in list(self.timers):
            if name.startswith("quiet:"):
                self.send(self.timers.pop(name).event)

    def commit(self):
        for change in self.asked:
            before, self.cib = self.cib, commit(self.cib, change.operations).after
            self.send(CibChanged(before, self.cib, b"<diff/>", change.author, False))
            self.send(ChangeAnswered(change.request, "1"))
        self.asked.clear()

    def value(self, node_id, name):
        return (writer.values(self.cib, node_id) or {}).get(name)


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_values_set_together_are_written_together_where_crm_mon_looks_for_them(bench):
    bench.set("n1", "a", "1")
    bench.set("n2", "fail-count-web#monitor_10000", "value++")
    bench.ring()
    assert len(bench.asked) == 1
    bench.commit()
    pair = bench.cib.root.find("status/node_state[@uname='n2']/transient_attributes/instance_attributes/nvpair")
    assert dict(pair.attrib) == {
        "id": "status-2-fail-count-web.monitor_10000", "name": "fail-count-web#monitor_10000", "value": "1",
    }
    assert bench.value("1", "a") == "1"


def test_quick_failures_are_all_counted_before_the_first_is_written(bench):
    for _ in range(3):
        bench.set("n2", "f", "value++")
    bench.ring()
    bench.set("n2", "f", "value++")
    bench.commit()
    bench.ring()
    bench.commit()
    assert bench.value("2", "f") == "4"


def test_a_dampened_value_waits_until_it_is_quiet_and_takes_the_last(bench):
    bench.set("n1", "pingd", "100", 5000)
    assert bench.timers["quiet:pingd"].delay_ms == 5000
    bench.set("n1", "pingd", "0", 5000)
    bench.set("n1", "other", "1")
    bench.send(bench.timers.pop("quiet:pingd").event)
    assert len(bench.asked) == 1
    bench.commit()
    assert bench.value("1", "pingd") == "0"
    assert bench.value("1", "other") is None


def test_removing_takes_the_value_out(bench):
    bench.set("n2", "a", "1")
    bench.ring()
    bench.commit()
    bench.set("n2", "a", None)
    bench.ring()
    bench.commit()
    assert bench.value("2", "a") is None


def test_a_refused_write_is_tried_again_unless_a_newer_value_came(bench):
    bench.set("n1", "a", "1")
    bench.ring()
    (change,) = bench.asked
    bench.asked.clear()
    bench.set("n1", "a", "2")
    bench.send(ChangeAnswered(change.request, error_id="x", error="no"))
    bench.ring()
    bench.commit()
    assert bench.value("1", "a") == "2"


def test_own_values_are_written_again_after_the_cluster_lost_them_but_not_removed_ones(bench):
    for name in ("keep", "gone", "shutdown"):
        bench.set("n1", name, "1")
    bench.ring()
    bench.commit()
    before, bench.cib = bench.cib, commit(bench.cib, [_delete("gone")]).after
    bench.send(CibChanged(before, bench.cib, b"<diff/>", None, False))
    before, bench.cib = bench.cib, Cib.empty()
    bench.send(CibChanged(before, bench.cib, b"", None, True))
    bench.send(LookAgain())
    bench.commit()
    assert writer.values(bench.cib, "1") == {"keep": "1"}


def _delete(name):
    from hashelld.core.events import CibOperation

    return CibOperation("delete", path=f"//nvpair[@name='{name}']")


def test_a_client_is_answered_when_it_is_committed(bench):
    bench.send(ClientAsked(3, "root", SetAttribute("n2", "a", "1")))
    bench.ring()
    assert bench.replies == []
    bench.commit()
    assert bench.replies == [(3, Done())]


def test_a_client_hears_why_it_was_not_done(bench):
    bench.send(ClientAsked(3, "root", SetAttribute("nobody", "a", "1")))
    bench.send(ClientAsked(4, "root", SetAttribute("n2", "", "1")))
    bench.send(ClientAsked(5, "root", SetAttribute("n2", "a", "1")))
    bench.ring()
    bench.send(ChangeAnswered(bench.asked[0].request, error_id="no-quorum", error="no quorum"))
    assert [(client, type(body)) for client, body in bench.replies] == [(3, Failure), (4, Failure), (5, Failure)]


def test_nothing_waiting_writes_nothing(bench):
    bench.send(Quiet(""))
    bench.send(Quiet("x"))
    assert bench.asked == []


@given(st.integers(-2_000_000, 2_000_000), st.integers(-2_000_000, 2_000_000))
def test_counting_stays_within_infinity(start, step):
    value = writer.evaluate(f"value+={step}", str(start))
    assert value in ("INFINITY", "-INFINITY") or -1_000_000 < int(value) < 1_000_000


def test_a_value_that_only_looks_like_counting_is_taken_as_it_is():
    assert writer.evaluate("value", "3") == "value"
    assert writer.evaluate("value++", None) == "1"
    assert writer.evaluate("value++", "INFINITY") == "INFINITY"
    assert writer.evaluate("value++", "rubbish") == "1"


def test_a_value_that_is_so_already_is_not_written_again(bench):
    bench.set("n1", "pingd", "100")
    bench.ring()
    bench.commit()
    bench.send(ClientAsked(3, "root", SetAttribute("n1", "pingd", "100")))
    bench.ring()
    assert bench.asked == []
    assert bench.replies[-1] == (3, Done())
    # One that waits to be changed is taken back by the value before it.
    bench.set("n1", "pingd", "0", 5000)
    bench.set("n1", "pingd", "100", 5000)
    bench.ring()
    bench.commit()
    assert bench.value("1", "pingd") == "100"


def test_who_wrote_a_value_tells_of_it_when_it_is_committed(bench):
    bench.set("n2", "pingd", "100")
    bench.ring()
    assert bench.changed == []
    bench.commit()
    assert bench.changed == [AttributeChanged("n2", "pingd", "100")]


def test_what_a_node_offers_is_kept_apart_from_an_attribute_of_the_same_name(bench):
    bench.send(ClientAsked(1, "root", SetAttribute("n1", "cpu", "8", 0, "utilization")))
    bench.set("n1", "cpu", "idle")
    bench.ring()
    bench.commit()
    assert bench.value("1", "cpu") == "idle"
    assert writer.values(bench.cib, "1", "utilization") == {"cpu": "8"}
    bench.send(ClientAsked(2, "root", GetAttribute("cpu", "n1", "utilization")))
    assert bench.replies[-1] == (2, AttributeValues((("n1", "8"),)))
    bench.send(ClientAsked(1, "root", SetAttribute("n1", "cpu", None, 0, "utilization")))
    bench.ring()
    bench.commit()
    assert bench.value("1", "cpu") == "idle" and not writer.values(bench.cib, "1", "utilization")


def test_private_values_are_known_to_all_nodes_and_in_no_cib(bench, tmp_path):
    other = Bench(tmp_path)
    bench.send(ClientAsked(1, "root", SetAttribute("n1", "gtid", "7", 0, "private")))
    assert bench.replies[-1] == (1, Done())
    (message,) = bench.told
    for one in (bench, other):
        one.send(MessageOrdered(1, 1, "n1", message.topic, message.payload))
        one.send(ClientAsked(2, "root", GetAttribute("gtid", "", "private")))
        assert one.replies[-1] == (2, AttributeValues((("n1", "7"),)))
    assert bench.asked == []
    bench.send(ClientAsked(3, "root", SetAttribute("n1", "gtid", "value++", 0, "private")))
    bench.send(MessageOrdered(1, 2, "n1", message.topic, bench.told[-1].payload))
    bench.send(ClientAsked(4, "root", GetAttribute("gtid", "n1", "private")))
    assert bench.replies[-1] == (4, AttributeValues((("n1", "8"),)))


def test_who_joins_is_told_the_private_values_by_one_of_those_who_were_together(bench, tmp_path):
    bench.send(MessageOrdered(1, 1, "n2", "attribute_manager.private", encode((Change("n2", "a", "1"),))))
    members = tuple(Member(number, f"n{number}", "u", 1) for number in (1, 2, 3))
    bench.send(MembersChanged(View(2, members, joined=("n3",))))
    (message,) = bench.told
    fresh = Bench(tmp_path)
    fresh.send(MessageOrdered(2, 1, "n1", message.topic, message.payload))
    fresh.send(ClientAsked(1, "root", GetAttribute("a", "n2", "private")))
    assert fresh.replies[-1] == (1, AttributeValues((("n2", "1"),)))
    fresh.send(MessageOrdered(2, 2, "n1", message.topic, b"\xc1rubbish"))


def test_a_value_on_its_way_is_what_a_client_hears(bench):
    bench.set("n1", "pingd", "100", 5000)
    bench.send(ClientAsked(1, "root", GetAttribute("pingd")))
    assert bench.replies[-1] == (1, AttributeValues((("n1", "100"),)))
