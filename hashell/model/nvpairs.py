"""Name/value sets: instance_attributes, meta_attributes, utilization, cluster_property_set.

A set may have a score, a rule and a reference to a set elsewhere. Of several sets that hold, the one with the highest
score gives a name its value; of equals, the one that stands *last* in the document (in one set, the first pair of a
name).

Source: Pacemaker Explained, "Rules", "Reusing parts of the configuration"; lib/common/nvpair.c.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lxml import etree
from msgspec import Struct, field

from hashell.rules.evaluate import RuleInput, evaluate, sooner
from hashell.rules.expressions import Invalid, Rule
from hashell.rules.parse import parse_rule
from hashell.values.scores import parse_score


class NameValueSet(Struct, frozen=True):
    """One set as written; `rule` None means that it always holds."""

    id: str
    score: int
    rule: Rule | Invalid | None
    pairs: tuple[tuple[str, str], ...]


class Document(Struct):
    """What reading sets needs of the whole document: references, the moment, and notes on what was found.

    `changes_at` is the earliest moment at which a rule that was asked can change, `problems` the complaints in order,
    each once.
    """

    root: etree._Element
    now_s: int
    offset_s: int = 0
    changes_at: int | None = None
    problems: dict[str, None] = field(default_factory=dict)
    _by_id: dict[tuple[str, str], etree._Element] | None = None
    _sets: dict[tuple[etree._Element, str], tuple[NameValueSet, ...]] = field(default_factory=dict)

    def set_keys(self) -> frozenset[tuple[etree._Element, str]]:
        """Which sets were read up to now; for `begin_again`."""
        return frozenset(self._sets)

    def begin_again(
        self, root: etree._Element, now_s: int, set_keys: frozenset[tuple[etree._Element, str]],
        changes_at: int | None, problems: Iterable[str],
    ) -> None:
        """As it was at an earlier point, for another version of the document with the same configuration."""
        self.root, self.now_s, self.changes_at = root, now_s, changes_at
        self.problems = dict.fromkeys(problems)
        self._by_id = None
        self._sets = {key: found for key, found in self._sets.items() if key in set_keys}

    def complain(self, problem: str) -> None:
        self.problems.setdefault(problem)

    def resolve(self, tag: str, wanted: str) -> etree._Element | None:
        """The first element of this kind with this id, anywhere in the document."""
        if self._by_id is None:
            self._by_id = {}
            for element in self.root.iter(etree.Element):
                ident = element.get("id")
                if ident is not None:
                    self._by_id.setdefault((str(element.tag), ident), element)
        return self._by_id.get((tag, wanted))

    def dereference(self, element: etree._Element) -> etree._Element | None:
        """The element itself, or the one of its kind that its id-ref names."""
        reference = element.get("id-ref")
        if reference is None:
            return element
        found = self.resolve(str(element.tag), reference)
        if found is None:
            self.complain(
                f"Ignoring invalid {element.tag} configuration: id-ref '{reference}' does not "
                "reference a valid object"
            )
        return found

    def rule(self, element: etree._Element) -> Rule | Invalid:
        return parse_rule(
            element, lambda ident: self.resolve("rule", ident),
            local_offset_s=self.offset_s, now_s=self.now_s,
        )

    def sets(self, parent: etree._Element | None, tag: str) -> tuple[NameValueSet, ...]:
        """The sets of a kind below `parent`, in the order in which they count."""
        if parent is None or not len(parent):
            return ()
        key = (parent, tag)
        found = self._sets.get(key)
        if found is None:
            found = self._sets[key] = tuple(self._read_sets(parent, tag))
        return found

    def _read_sets(self, parent: etree._Element, tag: str) -> list[NameValueSet]:
        found = []
        for child in parent.iterchildren(tag):
            element = self.dereference(child)
            if element is not None:
                found.append(self._read_set(element))
        found.reverse()
        found.sort(key=lambda block: -block.score)
        return found

    def _read_set(self, element: etree._Element) -> NameValueSet:
        rule = element.find("rule")
        holder = element
        if len(element) and element[0].tag == "attributes":
            holder = element[0]
        pairs = []
        for pair in holder.iterchildren("nvpair"):
            real = self.dereference(pair)
            if real is None:
                continue
            name, value = pair.get("name", real.get("name")), real.get("value")
            if name is not None and value is not None:
                pairs.append((name, value))
        return NameValueSet(
            element.get("id", ""),
            parse_score(element.get("score")),
            None if rule is None else self.rule(rule),
            tuple(pairs),
        )

    def unpack(
        self, sets: Iterable[NameValueSet], known: RuleInput, into: dict[str, str], first: str = "",
    ) -> None:
        """Add the values of the sets that hold to `into`; what is there already stays. The set with id `first` goes
        first.
        """
        if first:
            sets = sorted(sets, key=lambda block: block.id != first)
        for block in sets:
            if block.rule is not None:
                verdict = evaluate(block.rule, known)
                self.changes_at = sooner(self.changes_at, verdict.changes_at)
                if not verdict.met:
                    continue
            for name, value in block.pairs:
                if value.lower() == "#default":
                    into.pop(name, None)
                elif name not in into:
                    into[name] = value

    def values(
        self, parent: etree._Element | None, tag: str, known: RuleInput
    ) -> dict[str, str]:
        """What the sets of a kind below `parent` say now."""
        found: dict[str, str] = {}
        self.unpack(self.sets(parent, tag), known, found)
        return found

    def known(self) -> RuleInput:
        """What is known without a node, resource or operation: the time."""
        return RuleInput(self.now_s, self.offset_s)


class ParameterSource:
    """Where a resource's parameters come from: its own sets, then those of each parent.

    They can depend on the node through rules; what has been asked is remembered.
    """

    __slots__ = ("_chain", "_document", "_plain", "_rules")

    def __init__(self, document: Document, chain: tuple[tuple[NameValueSet, ...], ...]) -> None:
        self._document = document
        self._chain = chain
        self._rules = any(block.rule is not None for sets in chain for block in sets)
        self._plain: dict[str, str] | None = None

    def values(self, node_attributes: Mapping[str, str] | None) -> Mapping[str, str]:
        """The parameters on a node with these attributes, or without any node."""
        if self._plain is not None and (node_attributes is None or not self._rules):
            return self._plain
        known = RuleInput(
            self._document.now_s, self._document.offset_s, node_attributes=node_attributes
        )
        found: dict[str, str] = {}
        for sets in self._chain:
            self._document.unpack(sets, known, found)
        if node_attributes is None or not self._rules:
            self._plain = found
        return found

    def below(self, sets: tuple[NameValueSet, ...]) -> ParameterSource:
        """The source of a child that has these sets of its own."""
        return ParameterSource(self._document, (sets, *self._chain))
