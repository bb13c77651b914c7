"""Text → XML → text of the configure language, and what it refuses."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from hashell.cib.document import Cib
from hashell.client.memory import MemoryClient
from hashell.commands import configure
from hashell.commands.env import Env
from hashell.errors import HashellError
from hashell.shell.crm.configure_cursor import SyntaxProblem
from hashell.shell.crm.configure_parse import KEYWORDS, parse_words
from hashell.shell.crm.configure_print import Printer, objects
from hashell.shell.grammar.lexer import lex, logical_lines, quote, split_words

BASE = (
    '<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0">'
    '<configuration><crm_config/><nodes><node id="1" uname="n1"/></nodes><resources>'
    '<primitive id="A" class="ocf" provider="pacemaker" type="Dummy"/>'
    '<primitive id="B" class="ocf" provider="pacemaker" type="Dummy"/>'
    '<primitive id="C" class="ocf" provider="pacemaker" type="Dummy"/>'
    "</resources><constraints/></configuration><status/></cib>"
)
LINES = [
    "primitive p IPaddr2 params ip=192.0.2.1 op monitor interval=10s timeout=20s meta priority=5 utilization cpu=2",
    'primitive p ocf:pacemaker:Dummy description="it is \\"quoted\\"" params state="/run/a b"',
    "primitive p ocf:pacemaker:Dummy params rule #uname eq n1 and defined x state=1 params state=2",
    "primitive p ocf:pacemaker:Dummy op start interval=0s op_params 2: rule #uname eq n1 fake=1",
    "group g A B meta target-role=Stopped",
    "clone c A meta promotable=true interleave=true",
    "bundle b docker image=i replicas=2 network ip-range-start=192.0.2.9 port-mapping port=80 storage storage-mapping "
    "source-dir=/a target-dir=/b meta priority=1 primitive A",
    "location l A 100: n1",
    "location l /A.*/ role=Promoted resource-discovery=never -inf: n1",
    "location l { A B } inf: n1",
    "location l A rule -inf: not_defined pingd or pingd lte 0 rule 5: date in start=2026-01-01 end=2026-02-01",
    "location l A rule 10: date spec hours=9-17 weekdays=1-5",
    "colocation co inf: A B:Promoted",
    "colocation co -inf: ( A B ) C node-attribute=rack",
    "order o Mandatory: A:start [ B C ] symmetrical=false",
    "order o Optional: A B",
    "rsc_ticket t T: A:Promoted loss-policy=demote",
    "property no-quorum-policy=freeze",
    "rsc_defaults rule date spec hours=9-17 resource-stickiness=100",
    "op_defaults timeout=60s",
    "tag t A B",
    "role r write meta:A:target-role read cib deny ref:B",
    'alert al "/a b.sh" attributes x=1 select nodes attributes { standby } to r1 meta timeout=3s',
    "fencing_topology n1: A,B C attr:rack=1 B pattern:x.* C",
    "node 7: n7 attributes rack=3 utilization cpu=4",
]


def env() -> Env:
    return Env.open(MemoryClient(Cib.parse(BASE)))


def put(line: str) -> Env:
    found = env()
    configure.create(found, parse_words(split_words(line)), defaults=False)
    return found


@pytest.mark.parametrize("line", LINES, ids=lambda line: " ".join(line.split()[:2]))
def test_what_a_line_makes_is_printed_so_that_it_makes_the_same_again(line):
    first = put(line)
    text = Printer(first.root, with_ids=True).show(objects(first.root))
    assert "xml <" not in text
    again = Env.open(MemoryClient(Cib.parse(BASE)))
    configure.erase(again)
    configure.erase(again, nodes=True)
    from hashell.shell.crm.configure_cursor import ParseContext
    from hashell.shell.crm.loading import load_text

    load_text(again, text, "update", ParseContext(node_names=("n1",)), "text")
    assert Printer(again.root, with_ids=True).show(objects(again.root)) == text


def test_an_element_that_the_language_cannot_say_is_printed_as_xml():
    cib = Cib.parse(
        BASE.replace(
            "<constraints/>", '<constraints><rsc_order id="o" first="A" then="B" require-all="false"/></constraints>'
        )
    )
    text = Printer(cib.root).show(objects(cib.root))
    assert 'xml <rsc_order id="o" first="A" then="B" require-all="false"/>' in text


def test_a_password_is_starred_when_shown_and_whole_when_saved():
    found = put("primitive f stonith:fence_x params password=secret")
    assert "secret" not in Printer(found.root).show(objects(found.root))
    assert "password=secret" in Printer(found.root, obscured=(), with_ids=True).show(objects(found.root))


def test_a_password_is_starred_also_where_the_object_has_to_be_printed_as_xml():
    found = put("primitive f stonith:fence_x params password=secret")
    found.root.find(".//primitive[@id='f']").set("odd", "1")
    shown = Printer(found.root).show(objects(found.root))
    assert "xml <primitive" in shown
    assert "secret" not in shown
    assert "secret" in Printer(found.root, obscured=()).show(objects(found.root))


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("order o Mandatory: ( A ( B C ) )", "("),
        ("order o Mandatory: [ A B )", ")"),
        ("colocation c 10: ( A B", "B"),
        ("location l A", ""),
        ("group g A A", "A"),
        ("role r error", "error"),
        ("tag t::  A", "t::"),
        ("primitive p Dummy op monitor interval=1 OCF_CHECK_LEVEL=1 timeout=6", "timeout=6"),
    ],
)
def test_a_mistake_names_the_word_where_it_is(line, word):
    words = split_words(line)
    with pytest.raises(SyntaxProblem) as caught:
        parse_words(words)
    place = caught.value.place
    assert (words[place] if place < len(words) else "") == word


WORDS = st.one_of(
    st.sampled_from(sorted(KEYWORDS)),
    st.sampled_from([word for line in LINES for word in split_words(line)]),
    st.text(string.printable, max_size=8),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=12))
def test_any_words_are_parsed_or_refused_in_words(words):
    try:
        element = parse_words(words)
    except HashellError as error:
        assert error.message
    else:
        assert isinstance(element, etree._Element)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(LINES), st.data())
def test_a_line_with_a_word_dropped_doubled_or_swapped_never_breaks_the_commands(line, data):
    words = split_words(line)
    place = data.draw(st.integers(0, len(words) - 1))
    mutation = data.draw(st.sampled_from(["drop", "double", "swap", "text"]))
    if mutation == "drop":
        del words[place]
    elif mutation == "double":
        words.insert(place, words[place])
    elif mutation == "swap":
        other = data.draw(st.integers(0, len(words) - 1))
        words[place], words[other] = words[other], words[place]
    else:
        words[place] = data.draw(st.text("abc=:()[]{}/@$#-\"' 0", max_size=6))
    if not words:
        return
    found = env()
    try:
        configure.create(found, parse_words(words))
        Printer(found.root).show(objects(found.root))
    except HashellError as error:
        assert error.message


@given(st.text(min_size=0, max_size=30))
def test_a_quoted_text_is_read_back_as_it_was(text):
    assert [token.text for token in lex(quote(text))] == [text]


@given(st.text(max_size=60))
def test_the_lexer_places_every_word_inside_the_line_and_in_order(line):
    end = 0
    for token in lex(line):
        assert end <= token.start < token.end <= len(line)
        end = token.end


def test_a_backslash_joins_lines_and_the_number_is_that_of_the_first():
    assert list(logical_lines("a\n\nb \\\n c\nd")) == [(1, "a"), (3, "b c"), (5, "d")]
