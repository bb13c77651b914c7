"""What a status shows: sections, details, filters, and whose words it follows.

Source: crm_mon(8), "Output Control"; tools/crm_mon.c.
"""

from __future__ import annotations

import enum

from msgspec import Struct

from hashell.errors import BadUsage


class Section(enum.Flag):
    """Parts of a status; the names in lower case are the words of --include and --exclude."""

    STACK = enum.auto()
    DC = enum.auto()
    TIMES = enum.auto()
    COUNTS = enum.auto()
    OPTIONS = enum.auto()
    MAINT_MODE = enum.auto()
    NODES = enum.auto()
    RESOURCES = enum.auto()
    ATTRIBUTES = enum.auto()
    FAILCOUNTS = enum.auto()
    OPERATIONS = enum.auto()
    FAILURES = enum.auto()
    FENCING_FAILED = enum.auto()
    FENCING_SUCCEEDED = enum.auto()
    FENCING_PENDING = enum.auto()
    TICKETS = enum.auto()
    BANS = enum.auto()
    SUMMARY = STACK | DC | TIMES | COUNTS | MAINT_MODE
    FENCING = FENCING_FAILED | FENCING_SUCCEEDED | FENCING_PENDING


NOTHING = Section(0)
EVERYTHING = ~NOTHING
#: What is shown when nobody asks for more (text and HTML).
USUAL = Section.SUMMARY | Section.NODES | Section.RESOURCES | Section.FAILURES

#: The words of --include and --exclude.
SECTION_WORDS: dict[str, Section] = {
    "attributes": Section.ATTRIBUTES, "bans": Section.BANS, "counts": Section.COUNTS,
    "dc": Section.DC, "failcounts": Section.FAILCOUNTS, "failures": Section.FAILURES,
    "fencing": Section.FENCING, "fencing-failed": Section.FENCING_FAILED,
    "fencing-pending": Section.FENCING_PENDING, "fencing-succeeded": Section.FENCING_SUCCEEDED,
    "maint-mode": Section.MAINT_MODE, "nodes": Section.NODES, "operations": Section.OPERATIONS,
    "options": Section.OPTIONS, "resources": Section.RESOURCES, "stack": Section.STACK,
    "summary": Section.SUMMARY, "tickets": Section.TICKETS, "times": Section.TIMES,
}


class Release(enum.Enum):
    """Whose words, attributes and reading of a CIB: they changed between releases of Pacemaker.

    TWO is what crm_mon 2.1 prints of a CIB, THREE what crm_mon and crm_simulate 3.0 print.
    """

    TWO = "2.1"
    THREE = "3.0"


#: The feature set of the first release whose words are those of THREE.
_THREE_SINCE = (3, 20)


def release_of(feature_set: str) -> Release:
    """Whose words people expect of a CIB with this crm_feature_set: those of the release that wrote it. A CIB that does
    not say is an old one.
    """
    return Release.THREE if feature_set_parts(feature_set) >= _THREE_SINCE else Release.TWO


def feature_set_parts(feature_set: str) -> tuple[int, ...]:
    """The numbers of a crm_feature_set, to compare; nothing where there are none."""
    return tuple(int(part) for part in feature_set.split(".") if part.isascii() and part.isdecimal())


class Format(enum.StrEnum):
    TEXT = "text"
    XML = "xml"
    HTML = "html"
    JSON = "json"


def usual_sections(output: Format) -> Section:
    """The sections of a format when no option changes them: machines get everything."""
    return EVERYTHING if output in (Format.XML, Format.JSON) else USUAL


def all_sections(output: Format) -> Section:
    """What `all` means in a format: text leaves out the cluster options."""
    return EVERYTHING & ~Section.OPTIONS if output is Format.TEXT else EVERYTHING


class UnknownSection(BadUsage):
    id = "section-unknown"
    exit_code = 64


class StatusOptions(Struct, frozen=True):
    """What to show and how much of it.

    `inactive`: also what does not run; `by_node`: resources below their node; `details`: ids, instances one by one,
    what a bundle implies; `failed_detail`: failures in technical words; `pending`: actions in flight (a live status
    has it always); `only_node` and `only_resource` are a name or a tag, "" for all; `ban_prefix` narrows the bans;
    `release` None: that of the cluster itself.
    """

    sections: Section = USUAL
    inactive: bool = False
    by_node: bool = False
    details: bool = False
    failed_detail: bool = False
    brief: bool = False
    timing: bool = False
    pending: bool = True
    description: bool = False
    only_node: str = ""
    only_resource: str = ""
    ban_prefix: str = ""
    fence_level: int = 0
    release: Release | None = None

    def shows(self, wanted: Section) -> bool:
        """Whether any of the wanted sections is shown."""
        return bool(self.sections & wanted)


def include(
    sections: Section, words: str, output: Format, ban_prefix: str = ""
) -> tuple[Section, str]:
    """The sections after one --include, and the prefix of bans. Raises UnknownSection."""
    for word in words.split(","):
        if word == "all":
            sections = all_sections(output)
        elif word.startswith("bans"):
            sections |= Section.BANS
            ban_prefix = word[5:] if word[4:5] == ":" else ""
        elif word in ("default", "defaults"):
            sections |= usual_sections(output)
        elif word == "none":
            sections = NOTHING
        elif word.lower() in SECTION_WORDS:
            sections |= SECTION_WORDS[word.lower()]
        else:
            raise _unknown("--include", ("bans[:PREFIX]" if w == "bans" else w for w in _words()))
    return sections, ban_prefix


def exclude(sections: Section, words: str, output: Format) -> Section:
    """The sections after one --exclude. Raises UnknownSection."""
    for word in words.split(","):
        if word == "all":
            sections = NOTHING
        elif word == "none":
            sections = all_sections(output)
        elif word.lower() in SECTION_WORDS:
            sections &= ~SECTION_WORDS[word.lower()]
        else:
            raise _unknown("--exclude", (w for w in _words() if w != "default"))
    return sections


def _words() -> list[str]:
    words = [*SECTION_WORDS, "all", "default", "none"]
    return sorted(words, key=lambda word: (word != "all", word))


def _unknown(option: str, words: object) -> UnknownSection:
    assert hasattr(words, "__iter__")
    return UnknownSection(f"{option} options: " + ", ".join(words))
