"""Digests against those that Pacemaker recorded and that its tools make."""

from __future__ import annotations

import hashlib
import subprocess

from lxml import etree

from hashell.cib.digest import (
    digest_matches,
    document_digest,
    operation_digest,
    parameters_digest,
    restart_digest,
    secure_digest,
)
from hashell.cib.document import Cib


def test_no_parameters_have_the_digest_that_every_cib_shows_for_them():
    assert operation_digest({}) == "f2317cad3d54cec5d7d7aa7d0bf35cf8"


def test_the_order_of_parameters_does_not_count():
    assert operation_digest({"b": "1", "a": "2"}) == operation_digest({"a": "2", "b": "1"})


def test_a_digest_is_over_sorted_attributes_with_a_space_before_and_a_newline_behind():
    text = ' <parameters a="&lt;2" b="1&#x0A;"/>\n'
    expected = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    assert parameters_digest({"b": "1\n", "a": "<2"}) == expected


def test_meta_attributes_do_not_count_but_for_the_timeout_of_a_recurring_operation():
    plain = {"ip": "192.0.2.1"}
    once = {**plain, "CRM_meta_timeout": "20000", "CRM_meta_interval": "0", "CRM_meta_name": "x"}
    again = {**once, "CRM_meta_interval": "10000"}
    assert operation_digest(once) == operation_digest(plain)
    assert operation_digest(again) == parameters_digest({**plain, "CRM_meta_timeout": "20000"})


def test_the_restart_digest_is_over_the_listed_parameters_alone():
    assert restart_digest({"a": "1", "b": "2"}, ["b"]) == parameters_digest({"b": "2"})


def test_the_secure_digest_leaves_secrets_out():
    assert secure_digest({"a": "1", "passwd": "2"}, ["passwd"]) == parameters_digest({"a": "1"})


def _plain_parameters(cib: Cib):
    """Resources whose parameters stand in the CIB as they are: no template, rule or override."""
    for primitive in cib.root.iterfind("configuration/resources//primitive"):
        sets = primitive.findall("instance_attributes")
        odd = "descendant::rule | descendant::*[@id-ref] | operations/op/instance_attributes"
        if primitive.get("template") or primitive.xpath(odd) or len(sets) > 1:
            continue
        yield primitive.get("id"), {
            nvpair.get("name"): nvpair.get("value", "")
            for found in sets for nvpair in found
            if nvpair.tag == "nvpair" and nvpair.get("value") is not None
        }


def test_digests_recorded_by_pacemaker_for_starts_are_computed_alike(corpus):
    agree = differ = 0
    for path in corpus:
        cib = Cib.parse(path.read_bytes())
        simple = dict(_plain_parameters(cib))
        for entry in cib.root.iterfind("status/node_state/lrm/lrm_resources/lrm_resource/*"):
            resource = entry.getparent().get("id")
            if entry.get("op-digest") is None or entry.get("operation") != "start":
                continue
            if resource not in simple:
                continue
            if operation_digest(simple[resource]) == entry.get("op-digest"):
                agree += 1
            else:
                differ += 1  # changed since, with another feature set, or on purpose
    assert agree > 1500
    assert differ < agree / 20, (agree, differ)  # secrets are masked in recorded CIBs


def test_who_wrote_a_cib_is_no_part_of_its_digest():
    left = Cib.parse("<cib epoch='1' update-user='a' cib-last-written='now'><status/></cib>")
    right = Cib.parse("<cib epoch='1' update-user='b'><status/></cib>")
    other = Cib.parse("<cib epoch='2'><status/></cib>")
    assert document_digest(left) == document_digest(right) != document_digest(other)


def test_crm_diff_puts_the_same_digest_in_its_patches(corpus, crm_diff, tmp_path):
    source, target = tmp_path / "old.xml", tmp_path / "new.xml"
    seen = 0
    for path in corpus[::40]:
        cib = Cib.parse(path.read_bytes())
        cib.root.set("crm_feature_set", "3.20.1")
        source.write_bytes(cib.to_bytes())
        root = cib.copy_root()
        root.set("x", "it's <new>")
        target.write_bytes(etree.tostring(root))
        run = subprocess.run(
            [crm_diff, "-c", "-o", source, "-n", target],
            capture_output=True, timeout=30, check=False,
        )
        digest = etree.fromstring(run.stdout).get("digest")
        assert digest is not None, "crm_diff -c always adds one"
        assert digest_matches(root, digest), path.name
        seen += 1
    assert seen
