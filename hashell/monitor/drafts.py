"""Drafts: objects of a configuration as a text that is being edited: colours, offers, troubles, and the act of it.

A draft stands on the CIB that it was made from. What others change meanwhile is merged when it is committed, or the
commit is refused and the text is still there.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from lxml import etree

from hashell.cib.document import Cib, parse_fragment
from hashell.client.memory import MemoryClient
from hashell.commands import binding, configure
from hashell.commands.checks import changed_objects, check_changes
from hashell.commands.env import Env
from hashell.errors import BadInput, HashellError, NotFound
from hashell.monitor import xml_typing
from hashell.monitor.acts import Act, Danger
from hashell.monitor.language import Language, Offered
from hashell.monitor.views.details import STARS

Edit = Callable[[Env], None]
#: A secret's name and value in a text of the crm language.
_SECRET = re.compile(r'(\b[\w-]*(?:passw|secret|token)[\w-]*=)("(?:[^"\\]|\\.)*"|\S+)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hue:
    """A half-open place in a text, the meaning of the theme that it has, and marks (bold …) for any terminal."""

    start: int
    end: int
    meaning: str
    marks: str = ""


class Draft(Protocol):
    """What an editor needs to know of what it edits."""

    @property
    def title(self) -> str: ...

    @property
    def text(self) -> str:
        """As it was at the beginning."""
        ...

    def hues(self, text: str, cursor: int) -> Sequence[Hue]: ...

    def offers(self, before: str) -> Sequence[Offered]:
        """What may stand where the text ends."""
        ...

    def trouble(self, text: str, cursor: int) -> str:
        """What is wrong so far; quick, for every key."""
        ...

    def complaint(self, text: str) -> str:
        """What would be refused, tried on the CIB that the draft stands on; slower."""
        ...

    def act(self, text: str) -> Act:
        """What the text asks for. Raises HashellError."""
        ...


@dataclass(frozen=True)
class CrmDraft:
    """Objects in the crm language; no names: the whole configuration."""

    language: Language
    base: Cib
    names: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return ", ".join(self.names) or "The whole configuration"

    @property
    def text(self) -> str:
        return self.language.text_of(self.base, self.names)

    def hues(self, text: str, cursor: int) -> Sequence[Hue]:
        looks = self.language.looks
        found = self.language.pieces(text, cursor)
        return [Hue(one.start, one.end, *looks.get(one.style, ("foreground", ""))) for one in found]

    def offers(self, before: str) -> Sequence[Offered]:
        return self.language.offers(before)

    def trouble(self, text: str, cursor: int) -> str:
        return self.language.trouble(text, cursor)

    def complaint(self, text: str) -> str:
        return complaint_of(self._edit(text), self.base)

    def act(self, text: str) -> Act:
        edit = self._edit(text)
        title = f"edit {self.names[0] if len(self.names) == 1 else 'the configuration'}"
        command = command_of(edit, self.base, self.language, self.names)
        return Act(title, command, Danger.INTERRUPTS, edit, base=self.base)

    def _edit(self, text: str) -> Edit:
        instead_of = self.language.names_of(self.base, self.names)

        def edit(env: Env) -> None:
            self.language.put(env, text, instead_of)
            _keep_untouched(env)
            check(env)

        return edit


def _keep_untouched(env: Env) -> None:
    """What says the same as before is what it was, to the order of attributes: it is no change, and never in anybody's
    way when this is merged with what others did."""
    before = {(str(one.tag), one.get("id")): one for one in env.base.root.iterfind("configuration//*") if one.get("id")}

    def walk(element: etree._Element) -> None:
        old = before.get((str(element.tag), element.get("id")))
        if old is not None and binding.equal(old, element) and not any(element.iter(etree.Comment)):
            binding.owner(element).replace(element, binding.duplicate(old))
            return
        for child in list(element.iterchildren(etree.Element)):
            walk(child)

    for section in env.configuration().iterchildren(etree.Element):
        walk(section)
    env.forget_ids()


def complaint_of(edit: Edit, base: Cib) -> str:
    """What a commit would be refused for; empty when it would not."""
    try:
        Act("", "", Danger.CHANGES, edit).tried_on(base)
    except HashellError as error:
        return f"{error.message}; {error.hint}" if error.hint else error.message
    return ""


def command_of(edit: Edit, base: Cib, language: Language, names: Sequence[str]) -> str:
    """The command that does what an edit does: objects that go, then the text of those that are new or different.

    Where an option is taken out of a set no such line exists: then it is the editor's. Secrets are starred.
    """
    fallback = f"configure edit {' '.join(names)}".rstrip()
    env = Env(MemoryClient(base), base, base.copy_root())
    try:
        edit(env)
    except HashellError:
        return fallback
    changed = changed_objects(env)
    if any(one.tag in ("cluster_property_set", "meta_attributes", "node", "fencing-topology") and _lost(one, base)
           for one in changed):
        return fallback
    kept = {(one.tag, one.get("id")) for one in env.configuration().iter(etree.Element)}
    gone = [
        one.get("id") or "" for one in base.root.iterfind("configuration//*")
        if configure.is_object(one) and (one.tag, one.get("id")) not in kept
    ]
    words = [f"configure delete {' '.join(gone)}"] if gone else []
    if changed:
        found = [one.get("uname") if one.tag == "node" else _name(one) for one in changed]
        text = _starred(language.text_of(Cib(env.root), [one for one in found if one]))
        fresh = {_name(one) for one in changed} - {
            one.get("id") or "" for one in base.root.iterfind("configuration//*") if one.get("id")
        }
        rows = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
        if len(rows) == 1 and fresh:
            words.append(f"configure {rows[0]}")
        else:
            told = " ".join(shlex.quote(row) for row in rows)
            words.append(f"printf '%s\\n' {told} | hashell configure load update -")
    return " && ".join(words) or fallback


def _starred(text: str) -> str:
    return _SECRET.sub(rf"\1{STARS}", text)


def _name(element: etree._Element) -> str:
    return "fencing_topology" if element.tag == "fencing-topology" else element.get("id") or ""


def _lost(element: etree._Element, base: Cib) -> bool:
    """Whether a set has a name no more that it had: `load update` would keep it."""
    old = base.by_id(element.get("id") or "") if element.get("id") else None
    if old is None:
        return element.tag == "fencing-topology"
    names = {one.get("name") for one in element.iter("nvpair")}
    return any(one.get("name") not in names for one in old.iter("nvpair"))


def check(env: Env) -> None:
    """Report what is wrong with what was edited; errors refuse it."""
    for problem in check_changes(env):
        env.report(problem)


# --- XML ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class XmlDraft:
    """One object as XML, or (without a name) the whole <configuration>. The schema is asked at every pause."""

    base: Cib
    name: str = ""

    @property
    def title(self) -> str:
        return f"{self.name} as XML" if self.name else "The whole configuration as XML"

    @property
    def text(self) -> str:
        copied = binding.duplicate(_object(self.base.root, self.name))
        etree.indent(copied, "  ")
        return etree.tostring(copied, encoding="unicode", with_tail=False).rstrip() + "\n"

    def hues(self, text: str, cursor: int) -> Sequence[Hue]:
        return [Hue(*one) for one in xml_typing.hues(text)]

    def offers(self, before: str) -> Sequence[Offered]:
        return xml_typing.offers(before, self.base.root, _path(self.base.root, self.name))

    def trouble(self, text: str, cursor: int) -> str:
        return xml_typing.trouble(text)

    def complaint(self, text: str) -> str:
        where = _path(self.base.root, self.name)
        return xml_typing.findings(text, self.base.root, where) or complaint_of(self._edit(text), self.base)

    def act(self, text: str) -> Act:
        command = f"configure edit xml {self.name}".rstrip()
        title = f"edit {self.name or 'the configuration'}"
        return Act(title, command, Danger.INTERRUPTS, self._edit(text), base=self.base)

    def _edit(self, text: str) -> Edit:
        def edit(env: Env) -> None:
            put_xml(env, text, self.name)
            check(env)

        return edit


def _object(root: etree._Element, name: str) -> etree._Element:
    """An object as it is in a tree; the whole configuration for no name. Raises NotFound."""
    if not name:
        found = root.find("configuration")
    elif name == "fencing_topology":
        found = root.find("configuration/fencing-topology")
    else:
        found = next(
            (one for one in root.iterfind("configuration//*")
             if configure.is_object(one) and name in (one.get("id"), one.get("uname"))), None,
        )
    if found is None:
        raise NotFound(f"there is no {name} (any more)", "somebody else may have deleted it")
    return found


def _path(root: etree._Element, name: str) -> tuple[str, ...]:
    """The tags from <cib> down to what holds an object."""
    return tuple(str(one.tag) for one in reversed(list(_object(root, name).iterancestors())))


def put_xml(env: Env, text: str, name: str) -> None:
    """An element as it was edited, in the place of the one of this name; no text takes it out. Raises BadInput."""
    old = _object(env.root, name)
    holder = binding.owner(old)
    if not text.strip():
        if not name:
            raise BadInput("the text is empty", "a configuration has at least its sections")
        configure.delete(env, [name])
        return
    new = parse_fragment(text.strip(), "the text")
    if new.tag != old.tag:
        raise BadInput(f"<{new.tag}> cannot stand where <{old.tag}> stood", "keep the outer element as it is")
    holder.replace(old, new)
    env.forget_ids()
