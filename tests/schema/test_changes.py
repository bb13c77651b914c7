"""Changes judged by what they touched: the verdict is that on the whole, a refusal says what, where and the way out."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from lxml import etree

from hashell.cib.diff import make_patch
from hashell.cib.document import Cib
from hashell.cib.draft import Draft
from hashell.cib.transaction import commit
from hashell.errors import HashellError
from hashell.schema.changes import Judge, SchemaViolation
from hashell.schema.check import is_valid
from hashelld.core.events import CibOperation

BASE = """<cib admin_epoch="0" epoch="1" num_updates="0" validate-with="pacemaker-3.9"><configuration>
<crm_config><cluster_property_set id="o"><nvpair id="o-1" name="stonith-enabled" value="false"/></cluster_property_set>
</crm_config><nodes><node id="1" uname="n1"/></nodes><resources>
<primitive id="web" class="ocf" provider="x" type="y"><operations><op id="web-m" name="monitor" interval="10s"/>
</operations></primitive><primitive id="db" class="ocf" provider="x" type="y"/>
<group id="g"><primitive id="a" class="ocf" provider="x" type="y"/><primitive id="b" class="ocf" provider="x" type="y"/>
</group></resources><constraints><rsc_location id="l" rsc="web" node="n1" score="5"/>
<rsc_order id="ord" first="db" then="web"/></constraints></configuration><status/></cib>"""


def judged(operation: CibOperation, before: Cib | None = None) -> Cib:
    draft = Draft(before or Cib.parse(BASE), Judge())
    draft.apply((operation,), {})
    return draft.finish().after


@pytest.mark.parametrize(
    ("operation", "said", "way_out"),
    [
        (CibOperation("modify", b'<primitive id="new" class="osf" type="y"/>', "resources"),
         "primitive 'new' has class='osf'", "did you mean ocf?"),
        (CibOperation("modify", b'<op id="web-m" on-fial="block"/>', "//op"), "cannot have an attribute 'on-fial'",
         "did you mean on-fail?"),
        (CibOperation("create", b'<primitive id="web" class="lsb" type="y"/>', "resources"), "", ""),
        (CibOperation("modify", b'<rsc_location id="m" rsc="wbe" node="n1" score="1"/>', "constraints"),
         "rsc_location 'm' names 'wbe', and no resource has that id", "did you mean web?"),
        (CibOperation("delete", path="//primitive[@id='db']"),
         "rsc_order 'ord' names 'db', and no resource has that id", ""),
        (CibOperation("delete", path="//group/primitive"), "group 'g' has no <primitive>", "add one"),
        (CibOperation("modify", b'<nvpair id="web-m" name="x" value="1"/>',
                      "/cib/configuration/crm_config/cluster_property_set"),
         "'web-m' has the id of a", "give it another"),
        (CibOperation("replace", b'<constraints><rsc_location id="l" rsc="web" node="n1" scor="1"/></constraints>'),
         "cannot have an attribute 'scor'", "did you mean score?"),
        (CibOperation("modify", b'<cib validate-with="pacemaker-9.9"/>', ""), "no schema is called that",
         "pacemaker-4.0"),
    ],
)
def test_a_change_that_the_schema_does_not_allow_is_refused_with_what_where_and_the_way_out(operation, said, way_out):
    with pytest.raises(HashellError) as told:
        judged(operation)
    if said:
        assert isinstance(told.value, SchemaViolation) and told.value.exit_code == 78
        assert said in told.value.message and way_out in told.value.hint


@pytest.mark.parametrize(
    "operation",
    [
        CibOperation("modify", b'<nvpair id="o-2" name="no-quorum-policy" value="stop"/>',
                     "/cib/configuration/crm_config/cluster_property_set"),
        CibOperation("modify", b'<primitive id="new" class="lsb" type="y"/>', "resources"),
        CibOperation("delete", path="//rsc_order"),
        CibOperation("delete", path="//group/primitive[@id='a']"),
        CibOperation("modify", b"<status><node_state id='1' uname='n1' anything='goes'/></status>", "status"),
    ],
)
def test_a_change_that_is_allowed_goes_through(operation):
    before = Cib.parse(BASE)
    after = judged(operation, before)
    assert after.version > before.version


def test_what_was_wrong_before_is_no_reason_to_refuse_what_is_right():
    before = Cib.parse(BASE.replace('score="5"', 'score="many"'))
    assert not is_valid(before)
    after = judged(CibOperation("modify", b'<primitive id="new" class="lsb" type="y"/>', "resources"), before)
    assert after.by_id("new") is not None
    with pytest.raises(SchemaViolation):
        judged(CibOperation("modify", b'<rsc_location id="l" role="Nobody"/>', "//rsc_location"), before)


def test_of_two_references_to_nothing_that_were_there_before_one_can_be_taken_out():
    before = Cib.parse(BASE.replace('rsc="web"', 'rsc="gone"').replace('first="db"', 'first="away"'))
    after = judged(CibOperation("delete", path="//rsc_location"), before)
    assert after.by_id("l") is None
    with pytest.raises(SchemaViolation):
        judged(CibOperation("delete", path="//primitive[@id='web']"), before)


def test_nothing_is_refused_where_validation_is_switched_off():
    before = Cib.parse(BASE.replace("pacemaker-3.9", "none"))
    assert judged(CibOperation("modify", b"<grup id='x'/>", "resources"), before).by_id("x") is not None


def test_a_refused_transaction_leaves_those_before_it_in_the_same_draft():
    draft = Draft(Cib.parse(BASE), Judge())
    draft.apply((CibOperation("modify", b'<primitive id="n1" class="lsb" type="y"/>', "resources"),), {})
    with pytest.raises(SchemaViolation):
        draft.apply((CibOperation("modify", b'<primitive id="n2" class="lsb"/>', "resources"),), {})
    draft.apply((CibOperation("modify", b'<primitive id="n3" class="lsb" type="y"/>', "resources"),), {})
    after = draft.finish().after
    assert after.by_id("n1") is not None and after.by_id("n3") is not None and after.by_id("n2") is None


ELEMENTS = (
    '<primitive id="{0}" class="ocf" provider="x" type="y"/>', '<primitive id="{0}" class="ocf" type="y"/>',
    '<primitive id="{0}" template="{1}"/>', '<group id="{0}"/>', '<clone id="{0}"><primitive id="{1}" class="lsb"'
    ' type="y"/></clone>', '<nvpair id="{0}" name="x" value="1"/>', '<op id="{0}" name="start" interval="0"/>',
    '<rsc_location id="{0}" rsc="{1}" node="n1" score="1"/>', '<rsc_order id="{0}" first="{1}" then="{2}"/>',
    '<rsc_colocation id="{0}" score="1" rsc="{1}" with-rsc="{2}"/>', '<node id="{0}" uname="{1}"/>',
    '<meta_attributes id="{0}"><nvpair id="{1}" name="a" value="b"/></meta_attributes>',
    '<meta_attributes id-ref="{1}"/>',
    '<tag id="{0}"><obj_ref id="{1}"/></tag>', '<operations><op id="{0}" name="stop" interval="1"/></operations>',
)
PLACES = (
    "resources", "constraints", "nodes", "//primitive[@id='web']", "//group", "//cluster_property_set", "//op", "tags",
    "//operations",
)
IDS = ("web", "db", "g", "a", "b", "new", "newer", "o", "o-1", "web-m", "l", "ord", "1", "none")


def random_operation(rng: random.Random, before: Cib) -> CibOperation:
    kind = rng.choice(["modify", "modify", "create", "delete", "replace", "patch"])
    if kind == "delete":
        return CibOperation("delete", path=f"//configuration//*[@id='{rng.choice(IDS)}']")
    xml = rng.choice(ELEMENTS).format(*(rng.choice(IDS) for _ in range(3))).encode()
    if kind == "patch":
        root = before.copy_root()
        elements = [e for e in root.find("configuration").iter() if isinstance(e.tag, str)]
        element = rng.choice(elements)
        match rng.choice(["add", "remove", "attribute"]):
            case "add":
                element.append(etree.fromstring(xml))
            case "remove" if element.getparent() is not None and element.tag != "configuration":
                element.getparent().remove(element)
            case _:
                element.set(rng.choice(["id", "rsc", "score", "type", "x"]), rng.choice([*IDS, "5"]))
        return CibOperation("patch", etree.tostring(make_patch(before, Cib(root))))
    if kind == "replace":
        return CibOperation("replace", xml, f"//configuration//*[@id='{rng.choice(IDS)}']")
    return CibOperation(kind, xml, rng.choice(PLACES))


@pytest.mark.parametrize("kept", [False, True])
def test_a_change_of_a_right_configuration_is_judged_as_the_whole_that_it_leads_to(kept):
    """`kept`: one judge for all changes, which remembers the ids, as a daemon has it."""
    verdicts: Counter[bool] = Counter()
    rng = random.Random(11)
    judge = Judge()
    before = Cib.parse(BASE)
    assert is_valid(before)
    for _ in range(1000):
        operation = random_operation(rng, before)
        try:
            after = commit(before, (operation,)).after
        except HashellError:
            continue
        right = is_valid(after)
        try:
            draft = Draft(before, judge if kept else Judge())
            draft.apply((operation,), {})
            accepted = True
        except SchemaViolation:
            accepted = False
        assert accepted is right, (operation, changes_of(after))
        verdicts[right] += 1
        if right and rng.random() < 0.2 and len(after.to_bytes()) < 6000:
            before = draft.finish().after
        elif rng.random() < 0.02:
            before = Cib.parse(BASE)
    assert min(verdicts.values()) > 60, verdicts


def changes_of(after: Cib) -> list[str]:
    from hashell.schema.check import errors, validate

    return [str(one) for one in errors(validate(after))]
