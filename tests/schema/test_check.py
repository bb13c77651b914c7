"""What is a valid CIB, and what is said of one that is not; Pacemaker's own grammar as the measure."""

from __future__ import annotations

import copy
import os
import random
from collections import Counter
from pathlib import Path

import pytest
from lxml import etree

from hashell.cib.document import Cib
from hashell.schema.check import Severity, errors, is_valid, validate, ways_of
from hashell.schema.table import KINDS, VERSIONS

HEAD = "<cib admin_epoch='0' epoch='0' num_updates='0' validate-with='pacemaker-3.9'>"


def _cib(resources: str = "", constraints: str = "", more: str = "") -> Cib:
    return Cib.parse(
        f"{HEAD}<configuration><crm_config/><nodes/><resources>{resources}</resources>"
        f"<constraints>{constraints}</constraints>{more}</configuration><status/></cib>"
    )


def _web(attributes: str = "", content: str = "") -> str:
    return f"<primitive id='web' class='ocf' provider='x' type='y' {attributes}>{content}</primitive>"


def test_an_empty_cib_is_valid():
    assert validate(Cib.empty()) == ()
    assert is_valid(Cib.empty())


@pytest.mark.parametrize(
    ("cib", "attribute", "message", "hint"),
    [
        (_cib(_web("descripton='z'")), "descripton",
         "primitive 'web' cannot have an attribute 'descripton'", "did you mean description?"),
        (_cib(_web("bogus='z'")), "bogus", "cannot have an attribute 'bogus'", "use description"),
        (_cib("<primitive id='a' class='lsb'/>"), "type", "has no attribute 'type'", "add it"),
        (_cib("<primitive id='a' class='osf' type='b'/>"), "class", "class='osf'",
         "did you mean ocf?"),
        (_cib("<template id='t' class='lsb' type='b'/>" + _web("template='t'")), "template", "do not go together",
         "remove"),
        (_cib("<primitive id='1' class='lsb' type='b'/>"), "id", "which is not an id", ""),
        (_cib("<grup id='g'/>"), "", "cannot hold a <grup>", "did you mean group?"),
        (_cib(_web(content="<op id='o' name='a' interval='1'/>")), "", "cannot hold a <op>",
         "belongs in operations"),
        (_cib("<clone id='c'/>"), "", "clone 'c' has no <primitive>", "add one"),
        (_cib("<group id='g'/>"), "", "group 'g' has no <primitive>", "add one"),
        (_cib(_web(content="<operations><op id='o' name='monitor' interval='1' on-fail='blok'/>"
                           "</operations>")), "on-fail", "on-fail='blok'", "did you mean block?"),
        (_cib(_web(), "<rsc_location id='l' rsc='web' node='n' score='many'/>"), "score",
         "a whole number", ""),
        (_cib(_web(), "<rsc_order id='o' first='web'/>"), "then", "has no attribute 'then'", ""),
        (_cib(more="<fencing-topology><fencing-level id='f' target='n' index='0' devices='d'/>"
                   "</fencing-topology>"), "index", "index='0'", ""),
    ],
)
def test_a_mistake_is_named_with_its_place_and_the_way_out(cib, attribute, message, hint):
    assert not is_valid(cib)
    found = errors(validate(cib))
    assert len(found) == 1, found
    assert found[0].attribute == attribute
    assert message in found[0].message
    assert hint in found[0].hint
    assert found[0].line >= 1


def test_all_mistakes_are_told_at_once_with_their_lines():
    cib = _cib("\n<primitive id='a'/>\n<primitive id='b' class='lsb' typ='c'/>")
    found = errors(validate(cib))
    assert {finding.line for finding in found} == {2, 3}
    assert {finding.id for finding in found} == {"a", "b"}


def test_an_id_that_stands_twice_is_an_error():
    cib = _cib(_web() + _web())
    assert not is_valid(cib)
    (found,) = errors(validate(cib))
    assert (found.attribute, found.id) == ("id", "web")
    assert "unique" in found.hint


def test_ids_of_nodes_may_be_those_of_resources():
    cib = _cib(_web())
    root = cib.copy_root()
    etree.SubElement(root.find("configuration/nodes"), "node", id="web", uname="web")
    assert validate(Cib(root)) == ()


@pytest.mark.parametrize(
    ("cib", "attribute"),
    [
        (_cib(_web(), "<rsc_location id='l' rsc='wev' node='n' score='1'/>"), "rsc"),
        (_cib(_web(), "<rsc_order id='l' first='web' then='wev'/>"), "then"),
        (_cib("<primitive id='a' template='t'/>"), "template"),
        (_cib(_web(content="<meta_attributes id-ref='m'/>")), "id-ref"),
        (_cib(more="<acls><acl_target id='t'><role id='x'/></acl_target></acls>"), "id"),
    ],
)
def test_a_reference_to_an_id_that_nothing_has_is_an_error(cib, attribute):
    assert not is_valid(cib)
    (found,) = validate(cib)
    assert (found.severity, found.attribute) == (Severity.ERROR, attribute)


@pytest.mark.parametrize(
    ("cib", "attribute"),
    [
        (_cib(_web(), "<rsc_order id='l' first='web' then='l'/>"), "then"),
        (_cib(more="<tags><tag id='t'><obj_ref id='x'/></tag></tags>"), "id"),
        (_cib(more="<fencing-topology><fencing-level id='f' target='n' index='1' devices='d'/>"
                   "</fencing-topology>"), "devices"),
    ],
)
def test_a_reference_to_what_is_of_no_use_there_is_a_warning(cib, attribute):
    assert is_valid(cib)
    (found,) = validate(cib)
    assert (found.severity, found.attribute) == (Severity.WARNING, attribute)


def test_the_nearest_name_is_offered_for_a_dangling_reference():
    cib = _cib(_web(), "<rsc_location id='l' rsc='wev' node='n' score='1'/>")
    assert validate(cib)[0].hint == "did you mean web?"


def test_what_a_guest_or_bundle_merely_implies_cannot_be_constrained_and_the_way_out_is_told():
    guest = _web(content="<meta_attributes id='m'><nvpair id='n' name='remote-node' value='g1'/></meta_attributes>")
    bundle = "<bundle id='b'><podman image='i'/></bundle>"
    for rsc in ("g1", "b-podman-0"):
        (found,) = validate(_cib(guest + bundle, f"<rsc_location id='l' rsc='{rsc}' node='n' score='1'/>"))
        assert found.severity is Severity.ERROR and "implied" in found.hint


@pytest.mark.parametrize(
    ("version", "resources", "constraints", "said"),
    [
        ("3.4", _web(content="<operations><op id='o' name='a' interval='0' on-fail='demote'/></operations>"), "",
         "known from the schema pacemaker-3.5 on"),
        ("3.1", "<bundle id='b'><podman image='i'/></bundle>", "", "known from the schema pacemaker-3.2 on"),
        ("4.0", f"<master id='m'>{_web()}</master>", "", "not known any more after the schema pacemaker-3.10"),
        ("3.6", _web(), "<rsc_location id='l' rsc='web' role='Promoted' node='n' score='1'/>", "pacemaker-3.7 on"),
    ],
)
def test_what_another_version_knows_is_said_to_be_of_that_version(version, resources, constraints, said):
    cib = _cib(resources, constraints)
    cib.root.set("validate-with", f"pacemaker-{version}")
    assert any(said in one.hint for one in errors(validate(cib))), errors(validate(cib))


def test_the_order_of_children_counts_where_pacemaker_counts_it():
    rule = "<rule id='r' score='1'><expression id='e' attribute='a' operation='defined'/></rule>"
    inside = "<resource_set id='s'><resource_ref id='web'/></resource_set>"
    assert is_valid(_cib(_web(), f"<rsc_location id='l'>{inside}{rule}</rsc_location>"))
    (found,) = errors(validate(_cib(_web(), f"<rsc_location id='l'>{rule}{inside}</rsc_location>")))
    assert "wrong order" in found.message


def test_text_between_elements_is_an_error():
    cib = _cib(_web())
    cib.root.find("configuration/resources").text = "well"
    (found,) = errors(validate(cib))
    assert "holds text" in found.message


def test_nothing_is_refused_where_validation_is_switched_off():
    cib = _cib("<grup/>")
    cib.root.set("validate-with", "none")
    assert validate(cib) == ()


def test_findings_have_a_bound():
    cib = _cib("".join(f"<grup id='g{i}'/>" for i in range(1000)))
    assert 0 < len(validate(cib)) <= 300


# --- held against Pacemaker's own grammar -------------------------------------------------------


def _their_grammars() -> Path:
    folder = Path(os.environ.get("HASHELL_PACEMAKER_SCHEMAS", "/usr/share/pacemaker"))
    if not (folder / "pacemaker-3.9.rng").exists():
        pytest.skip(f"no grammar of Pacemaker in {folder}")
    return folder


class _Theirs:
    def __init__(self) -> None:
        self.folder = self._folder = _their_grammars()
        self._known: dict[str, etree.RelaxNG] = {}

    def accepts(self, cib: Cib) -> bool:
        name = cib.root.get("validate-with", "")
        if not (self._folder / f"{name}.rng").exists():
            name = "pacemaker-3.9"
        if name not in self._known:
            self._known[name] = etree.RelaxNG(etree.parse(str(self._folder / f"{name}.rng")))
        # A tree of its own: their grammar registers ids in the tree that it looks at.
        return self._known[name].validate(etree.fromstring(cib.to_bytes()))


def test_every_recorded_cib_that_pacemaker_accepts_is_accepted(corpus):
    theirs = _Theirs()
    accepted = 0
    for path in corpus:
        cib = Cib.parse(path.read_bytes())
        if theirs.accepts(cib):
            accepted += 1
            assert is_valid(cib), (path.name, errors(validate(cib))[:3])
            assert not errors(validate(cib)), path.name
    assert accepted > 400


def _spoil(root: etree._Element, rng: random.Random) -> str:
    """Make one mistake, as people make them, somewhere in the configuration."""
    elements = [e for e in root.find("configuration").iterdescendants() if isinstance(e.tag, str)]
    element = rng.choice(elements)
    attributes = list(element.attrib)
    kind = rng.choice(["add", "rename", "drop", "value", "tag", "move", "twice", "empty"])
    if kind == "add":
        element.set("bogus", "1")
    elif kind == "rename" and attributes:
        name = rng.choice(attributes)
        element.set(name + "x", element.attrib.pop(name))
    elif kind == "drop" and attributes:
        del element.attrib[rng.choice(attributes)]
    elif kind == "value" and attributes:
        element.set(rng.choice(attributes), "no such value")
    elif kind == "tag":
        element.tag += "x"
    elif kind == "move":
        rng.choice(elements).append(copy.deepcopy(element))
    elif kind == "twice":
        element.addnext(copy.deepcopy(element))
    elif kind == "empty":
        del element[:]
    return kind


def _stranger(root: etree._Element, rng: random.Random) -> str:
    """Bring in a word, value or element that stands somewhere else in the schema, or stood there in another version."""
    elements = [e for e in root.find("configuration").iter() if isinstance(e.tag, str)]
    element = rng.choice(elements)
    kind = rng.choice(["attribute", "value", "child", "order", "text", "remove", "borrow", "refer"])
    if kind == "attribute":
        own = [name for name in KINDS if name.partition("/")[0] == element.tag]
        names = sorted({a for k in own for v in VERSIONS.values() for w in ways_of(k, v) for a in w.attributes})
        element.set(rng.choice(names or ["id"]), rng.choice(_WORDS))
    elif kind == "value" and element.attrib:
        name = rng.choice(list(element.attrib))
        element.set(name, rng.choice(_WORDS) if rng.random() < 0.7 else element.get(name) + " ")
    elif kind == "child":
        child = etree.Element(rng.choice(_TAGS), id=f"new-{rng.randrange(99)}")
        element.insert(rng.randrange(len(element) + 1), child)
    elif kind == "order":
        children = list(element)
        rng.shuffle(children)
        element[:] = children
    elif kind == "text":
        element.text = rng.choice(["x", " \n", " a"])
    elif kind == "remove" and len(element):
        element.remove(rng.choice(list(element)))
    elif kind == "borrow":
        element.attrib.update({n: v for n, v in rng.choice(elements).attrib.items() if n != "id"})
    elif kind == "refer":
        other = rng.choice(elements).get("id")
        if other:
            element.set(rng.choice(["id", "id-ref", "rsc", "template"]), other)
    return kind


_ALL = [way for kind in KINDS for version in VERSIONS.values() for way in ways_of(kind, version)]
_TAGS = sorted({tag for way in _ALL for tag in way.parts})
_WORDS = ["0", "1", "10", "-1", " 5 ", "x y", "true", "1a", "a,b", "a, b", "", *sorted(
    {word for way in _ALL for _, values in way.attributes.values() for word in (*values.words, *values.but)}
)]


@pytest.mark.parametrize("spoil", [_spoil, _stranger])
def test_in_every_version_mistakes_are_found_where_pacemaker_finds_them_and_nowhere_else(corpus, spoil):
    theirs, rng = _Theirs(), random.Random(7)
    verdicts: Counter[bool] = Counter()
    versions = [text for text in VERSIONS if (theirs.folder / f"pacemaker-{text}.rng").exists() and text != "1.0"]
    assert len(versions) > 10
    for path in corpus[::6]:
        original = Cib.parse(path.read_bytes())
        if len(path.read_bytes()) > 60_000:
            continue
        for _ in range(2):
            root = original.copy_root()
            root.set("validate-with", f"pacemaker-{rng.choice(versions)}")
            kind = spoil(root, rng) if rng.random() < 0.7 else "nothing"
            cib = Cib(root)
            found = errors(validate(cib))
            assert is_valid(cib) is not bool(found)
            right = theirs.accepts(cib)
            assert right is not bool(found), (path.name, root.get("validate-with"), kind, found[:2])
            verdicts[right] += 1
    assert min(verdicts.values()) > 40, verdicts
