"""`Env`: the cluster's client, a working copy of its CIB, what was said and what is wrong.

Edits change the working copy only; `commit` sends the difference as one patch. A screen or a shell makes one Env for a
command, or keeps one while edits are staged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from lxml import etree

from hashell.cib.document import Cib
from hashell.client.api import ClusterClient
from hashell.commands.binding import Ids, owner, select, texts
from hashell.commands.problems import Problem, ProblemsFound, Severity
from hashell.errors import Conflict, NotFound

if TYPE_CHECKING:
    from hashell.wire.messages import Change

Element = etree._Element

#: Times that an edit is merged with what others changed before it is given up.
MERGES_MAX = 4
_SECTIONS = (
    "crm_config",
    "nodes",
    "resources",
    "constraints",
    "fencing-topology",
    "op_defaults",
    "rsc_defaults",
    "acls",
    "tags",
    "alerts",
)


def _quiet(text: str) -> None:
    """Nobody listens."""


class Env(msgspec.Struct, eq=False):
    """`root` is the working copy: a <cib> that the commands edit in place."""

    client: ClusterClient
    base: Cib
    root: Element
    force: bool = False
    #: What the person typed, or would have: the crm line that does the same.
    command_line: str = ""
    say: Callable[[str], None] = _quiet
    warn: Callable[[str], None] = _quiet
    problems: list[Problem] = msgspec.field(default_factory=list)
    _ids: Ids | None = None

    @classmethod
    def open(cls, client: ClusterClient, *, force: bool = False, command_line: str = "") -> Env:
        """With the cluster's CIB as it is now."""
        base = client.cib()
        return cls(client, base, base.copy_root(), force=force, command_line=command_line)

    # --- the working copy ------------------------------------------------------------------------------

    @property
    def cib(self) -> Cib:
        """The working copy as a document; do not keep it."""
        return Cib(self.root)

    @property
    def ids(self) -> Ids:
        """The ids that are taken in the working copy."""
        if self._ids is None:
            self._ids = Ids(self.root)
        return self._ids

    def forget_ids(self) -> None:
        """To be called where elements were taken out or renamed by hand."""
        self._ids = None

    @property
    def validate_with(self) -> str:
        return self.root.get("validate-with", "")

    def configuration(self) -> Element:
        found = self.root.find("configuration")
        return found if found is not None else etree.SubElement(self.root, "configuration")

    def section(self, name: str) -> Element:
        """A section of the configuration; one that is not there yet is put where the schema wants it."""
        configuration = self.configuration()
        found = configuration.find(name)
        if found is None:
            found = etree.Element(name)
            rank = _SECTIONS.index(name) if name in _SECTIONS else len(_SECTIONS)
            place = sum(
                1 for child in configuration if child.tag in _SECTIONS and _SECTIONS.index(str(child.tag)) < rank
            )
            configuration.insert(place, found)
        return found

    def by_id(self, name: str) -> Element | None:
        """What the configuration defines under this id, or None."""
        for found in select(self.root, "configuration//*[@id=$id]", id=name):
            if found.tag not in ("resource_ref", "obj_ref", "role_ref") and not (
                found.tag == "role" and owner(found).tag in ("acl_target", "acl_group")
            ):
                assert isinstance(found, etree._Element)
                return found
        return None

    def node(self, name: str) -> Element | None:
        """A node by its name or id."""
        for found in select(self.root, "configuration/nodes/node[@uname=$n or @id=$n]", n=name):
            assert isinstance(found, etree._Element)
            return found
        return None

    def node_names(self) -> tuple[str, ...]:
        return tuple(str(name) for name in texts(self.root, "configuration/nodes/node/@uname"))

    def option(self, name: str) -> str | None:
        """The value of a cluster option, from the first set that has it."""
        for value in texts(self.root, "configuration/crm_config/cluster_property_set/nvpair[@name=$n]/@value", n=name):
            return str(value)
        return None

    # --- problems --------------------------------------------------------------------------------------

    def report(self, problem: Problem) -> None:
        """Keep a problem; `settle` decides what comes of it."""
        self.problems.append(problem)

    def settle(self) -> None:
        """Tell the warnings, and raise ProblemsFound if there is an error that is not forced."""
        problems, self.problems = self.problems, []
        bad: list[Problem] = []
        for problem in problems:
            if problem.severity is Severity.ERROR and not (problem.forcible and self.force):
                bad.append(problem)
            else:
                self.warn(problem.message)
        if bad:
            raise ProblemsFound(bad)

    # --- the cluster -----------------------------------------------------------------------------------

    @property
    def changed(self) -> bool:
        from hashell.cib.diff import is_empty, make_patch

        return not is_empty(make_patch(self.base, self.cib))

    def commit(self, message: str = "") -> str:
        """Send what was edited as one patch; the new version, or the old one if there was nothing to send.

        What somebody else changed meanwhile stays, and where it does not touch what was edited the two are merged.
        Raises Conflict, with nothing sent and the edits kept, where they do not go together.
        """
        from hashell.cib.diff import is_empty, make_patch

        patch = make_patch(self.base, self.cib)
        if is_empty(patch):
            return str(self.base.version)
        try:
            version = self.client.apply([_made_for(self.base, patch)], command=self.command_line, message=message)
        except Conflict:
            version = self._commit_merged(message)
        self.refresh()
        return version

    def _commit_merged(self, message: str) -> str:
        """Once more on what is there now; in a busy cluster that may have to be done several times."""
        from hashell.cib.diff import make_patch

        for attempt in range(1, MERGES_MAX + 1):
            now = self.client.cib()
            merged = self._merged(now)
            change = _made_for(now, make_patch(now, merged))
            try:
                version = self.client.apply([change], command=self.command_line, message=message)
            except Conflict:
                if attempt == MERGES_MAX:
                    raise
                continue
            if not _same_configuration(self.base, now):
                self.say(f"merged with what somebody else changed meanwhile ({self.base.version} became {now.version})")
            return version
        raise AssertionError("the last attempt returns or raises")

    def _merged(self, now: Cib) -> Cib:
        """The edits on top of what is there now. Raises Conflict."""
        from hashell.cib.diff import make_patch
        from hashell.cib.merging import merge
        from hashell.cib.patch import apply_patch
        from hashell.commands.checks import check_changes

        merged = merge(self.base, self.cib, now)
        if merged is None:
            if not self.force and not _same_configuration(self.base, now):
                raise Conflict(
                    f"the configuration was changed by somebody else meanwhile ({self.base.version} became "
                    f"{now.version}), in the same place{_names(_both_changed(self.base, self.cib, now))}",
                    "nothing was sent; look at it with `configure diff`, then refresh, or force the commit",
                )
            return apply_patch(now, make_patch(self.base, self.cib), check_version=False)
        if not self.force and not _same_configuration(self.base, now):
            after = Env(self.client, now, merged.copy_root())
            bad = [problem.message for problem in check_changes(after) if problem.severity is Severity.ERROR]
            if bad:
                raise Conflict(
                    "this does not go with what somebody else changed meanwhile:\n" + "\n".join(dict.fromkeys(bad)),
                    "nothing was sent; refresh, or force the commit",
                )
        return merged

    def refresh(self) -> None:
        """Throw the edits away and start from the cluster's CIB as it is now."""
        self.base = self.client.cib()
        self.root = self.base.copy_root()
        self._ids = None
        self.problems = []


def _made_for(cib: Cib, patch: Element) -> Change:
    """A patch that is refused when the configuration is another by now: its paths alone would fit all the same."""
    from hashell.wire.messages import Change

    version = cib.version
    return Change("patch", etree.tostring(patch), admin_epoch=version.admin_epoch, epoch=version.epoch)


#: Objects that are named where two people changed the same one.
_NAMED_MAX = 5


def _both_changed(base: Cib, ours: Cib, theirs: Cib) -> list[str]:
    """Ids of the objects that are otherwise in both than they were."""
    before, mine, other = (_objects(one) for one in (base, ours, theirs))
    return sorted(
        name for name in {*before, *mine, *other}
        if mine.get(name) != before.get(name) and other.get(name) != before.get(name)
    )


def _objects(cib: Cib) -> dict[str, bytes]:
    from hashell.commands.configure import is_object

    assert cib.configuration is not None
    found = (one for one in cib.configuration.iter(etree.Element) if is_object(one))
    return {one.get("id") or "": etree.tostring(one, with_tail=False) for one in found}


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
    return f": {', '.join(names[:_NAMED_MAX])}{more}" if names else ""


def _same_configuration(one: Cib, other: Cib) -> bool:
    ours, theirs = one.configuration, other.configuration
    assert ours is not None and theirs is not None
    return etree.tostring(ours) == etree.tostring(theirs)


def need_resource(env: Env, name: str) -> Element:
    """A resource by id. Raises NotFound with the nearest name."""
    from hashell.commands.binding import find_resource

    found = find_resource(env.root, name)
    if found is None:
        kinds = "self::primitive or self::group or self::clone or self::master or self::bundle or self::template"
        names = [str(one) for one in texts(env.root, f"configuration/resources//*[{kinds}]/@id")]
        raise NotFound(f"no resource is called {name}", nearest(name, names))
    return found


def need_node(env: Env, name: str) -> Element:
    """A node by name or id. Raises NotFound with the names that there are.

    A remote node or guest has an entry among the nodes only once it has attributes; until then it gets one that stands
    nowhere yet.
    """
    found = env.node(name)
    if found is not None:
        return found
    remotes = remote_names(env.root)
    if name in remotes:
        return etree.Element("node", id=name, type="remote", uname=name)
    raise NotFound(f"no node is called {name}", nearest(name, (*env.node_names(), *remotes)))


def remote_names(root: Element) -> tuple[str, ...]:
    """Nodes that resources imply: connections, guests, and what the status section has of bundles' containers."""
    found = (
        *texts(root, "configuration/resources//primitive[@provider='pacemaker' and @type='remote']/@id"),
        *texts(root, "configuration/resources//meta_attributes/nvpair[@name='remote-node']/@value"),
        *texts(root, "status/node_state[@remote_node='true']/@uname"),
    )
    return tuple(dict.fromkeys(str(name) for name in found))


def nearest(name: str, names: list[str] | tuple[str, ...]) -> str:
    """A hint that names what was likely meant, or what there is."""
    import difflib

    close = difflib.get_close_matches(name, names, 1)
    if close:
        return f"did you mean {close[0]}?"
    few = sorted(set(names))[:8]
    return "there are " + ", ".join(few) if few else ""
