"""CIBs for tests: recorded ones, random ones, random changes; and programs that a test needs."""

from __future__ import annotations

import copy
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from lxml import etree

from hashell.cib.document import Cib

CHECKOUT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("HASHELL_SHARED", CHECKOUT.parent / "shared"))

Draw = Any  # hypothesis passes a function that draws from any strategy

IDS = st.sampled_from(["a", "b", "c", "web", "x-1", "a'b", "a/b", "a b", ""])
TAGS = st.sampled_from(["primitive", "nvpair", "meta", "op"])
VALUES = st.text("ab<>&\"'\n\té", max_size=4)


def corpus_files() -> list[Path]:
    """The recorded CIBs of the shared scheduler corpus; skips the test where there are none."""
    folder = SHARED / "scheduler-corpus" / "xml"
    files = sorted(folder.glob("*.xml"))
    if not files:
        pytest.skip(f"no recorded CIBs in {folder}")
    return files


def need(program: str) -> str:
    """The path of a program; skips where it is not installed."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


@st.composite
def children(draw: Draw, depth: int) -> list[etree._Element]:
    """Elements and comments, `depth` levels deep."""
    made: list[etree._Element] = []
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.integers(0, 5)) == 0:
            made.append(etree.Comment(draw(st.sampled_from(["one", "two"]))))
            continue
        element = etree.Element(draw(TAGS))
        if draw(st.booleans()):
            element.set("id", draw(IDS))
        for name, value in draw(
            st.lists(st.tuples(st.sampled_from(["name", "value"]), VALUES), max_size=2)
        ):
            element.set(name, value)
        if depth:
            element.extend(draw(children(depth - 1)))
        made.append(element)
    return made


@st.composite
def cibs(draw: Draw) -> Cib:
    """Small CIBs with whatever makes patches hard: no ids, ids twice, odd ids, comments."""
    cib = Cib.empty()
    root = cib.copy_root()
    for path, depth in (("configuration/resources", 2), ("status", 1)):
        place = root.find(path)
        assert place is not None
        place.extend(draw(children(depth)))
    if draw(st.booleans()):
        root.insert(draw(st.integers(0, 2)), etree.Comment("above"))
    root.set("epoch", str(draw(st.integers(0, 3))))
    return Cib(root)


def mutate(root: etree._Element, rng: random.Random, times: int = 8) -> None:
    """Change, move, copy, remove and add elements and comments anywhere below the root's children.
    """
    for _ in range(times):
        below = [e for e in root.iterdescendants() if e.getparent() is not root]
        element = rng.choice(below)
        parent = element.getparent()
        assert parent is not None
        at = rng.randint(0, len(parent))
        kind = rng.randrange(6)
        if kind == 0:
            parent.remove(element)
        elif kind == 1 and isinstance(element.tag, str):
            element.set(rng.choice(["x", "y", "name", "value"]), f"it's {rng.randint(0, 99)}")
        elif kind == 2 and isinstance(element.tag, str) and element.attrib:
            del element.attrib[rng.choice(list(element.attrib))]
        elif kind == 3:
            parent.remove(element)
            parent.insert(min(at, len(parent)), element)
        elif kind == 4:
            parent.insert(at, etree.Comment(f"c{rng.randint(0, 3)}"))
        else:
            parent.insert(at, copy.deepcopy(element))


def same(left: etree._Element, right: etree._Element) -> bool:
    """Whether two trees say the same; the order of attributes does not count."""
    return etree.tostring(left, method="c14n") == etree.tostring(right, method="c14n")
