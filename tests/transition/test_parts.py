"""A graph in parts: what is read part by part is the graph that was written; damage gives one clear error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.transition.graph import Action, ActionKind, Graph, PrimitiveRef, Synapse
from hashell.transition.packed import BadPacked, pack, unpack
from hashell.transition.parts import PART, BadParts, Reader, to_parts

text = st.text("ab:- é<&", max_size=6)
actions = st.builds(
    Action, id=st.integers(0, 2**40), kind=st.sampled_from(ActionKind), task=text, key=text, node=text, node_id=text,
    router_node=text, key_clone=text, migrate_from=text, migrate_target=text,
    primitive=st.none() | st.builds(PrimitiveRef, text, text, text, text, text),
    attributes=st.dictionaries(text, text, max_size=3), downed=st.lists(text, max_size=2).map(tuple),
    maintenance=st.lists(st.tuples(text, st.booleans()), max_size=2).map(tuple), shutdown_lock=st.integers(0, 2**40),
)
synapses = st.builds(
    Synapse, id=st.integers(0, 2**40), action=actions, inputs=st.lists(st.integers(0, 2**40), max_size=3).map(tuple),
    priority=st.integers(-1_000_000, 1_000_000),
)


def read(parts):
    reader = Reader()
    for part in parts:
        reader.feed(part)
    return reader.graph()


@given(st.builds(
    Graph, transition_id=st.integers(0, 2**31), synapses=st.lists(synapses, max_size=5).map(tuple), cluster_delay=text,
    batch_limit=st.integers(0, 99), migration_limit=st.integers(-1, 9), recheck_at=st.none() | st.integers(0, 2**40),
    awaited=st.lists(actions, max_size=1).map(tuple),
))
def test_a_graph_reads_back_as_it_was_written(graph):
    assert read(to_parts(graph)) == graph


def test_a_large_graph_comes_in_many_parts_of_bounded_size():
    graph = Graph(1, tuple(
        Synapse(number, Action(number, ActionKind.PSEUDO, "x", f"x_{number}")) for number in range(3 * PART + 1)
    ))
    parts = to_parts(graph)

    assert len(parts) == 5 and read(parts) == graph


@given(st.binary(max_size=40))
def test_damage_is_one_clear_error(data):
    for parts in ((data,), (to_parts(Graph(1, ()))[0], data), ()):
        try:
            read(parts)
        except BadParts:
            continue


def test_nothing_is_no_graph():
    with pytest.raises(BadParts):
        read(())


@given(st.binary(max_size=200))
def test_packed_xml_comes_back_and_what_is_cut_off_or_damaged_is_one_clear_error(xml):
    packed = pack(xml)
    assert unpack(packed) == xml
    for end in range(1, len(packed)):
        with pytest.raises(BadPacked):
            unpack(packed[:end])
    with pytest.raises(BadPacked):
        unpack(b"\0" + packed)
