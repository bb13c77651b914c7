"""The options of `hashell monitor`: crm_mon's, and hashell's own. One row an option, read by parser and help.

Source: crm_mon(8), 2.1; how words are taken apart follows GLib's parser, which crm_mon uses.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

from msgspec import Struct, field
from msgspec.structs import replace

from hashell.errors import BadUsage
from hashell.status.options import (
    Format,
    Release,
    StatusOptions,
    exclude,
    include,
    usual_sections,
)
from hashell.values.intervals import parse_interval_ms


class Takes(enum.Enum):
    """Whether an option has a value: never, always, or when one follows."""

    NOTHING = 0
    VALUE = 1
    PERHAPS = 2


class Row(Struct, frozen=True):
    """One option. `short` is one letter or empty; `value` names its value in the help; hidden rows have no help."""

    short: str
    long: str
    takes: Takes
    help: str = ""
    value: str = ""
    group: str = "Display"


_N, _V, _P = Takes.NOTHING, Takes.VALUE, Takes.PERHAPS

ROWS = (
    Row("1", "one-shot", _N, "print the status once and end", group="Output"),
    Row("", "watch", _N, "print it again whenever it has changed, looking as often as -i says", group="Output"),
    Row("d", "daemonize", _N, "do that in the background (with --output-to)", group="Output"),
    Row("", "output-as", _V, "console (on a terminal), text, xml, html, json, none", "FORMAT",
        "Output"),
    Row("", "output-to", _V, 'a file to write to, "-" for standard output', "FILE", "Output"),
    Row("", "html-cgi", _N, "add headers for a CGI to HTML", group="Output"),
    Row("", "html-stylesheet", _V, "link to a style sheet from HTML", "URI", "Output"),
    Row("", "html-title", _V, "title of the HTML page", "TITLE", "Output"),
    Row("", "text-fancy", _N, group="Output"),
    Row("I", "include", _V, "sections to add, joined by commas (--include=list: which)",
        "SECTIONS"),
    Row("U", "exclude", _V, "sections to leave out", "SECTIONS"),
    Row("", "node", _V, "only this node, or the nodes with this tag", "NODE"),
    Row("", "resource", _V, "only this resource, or the resources with this tag", "RESOURCE"),
    Row("n", "group-by-node", _N, "resources below the node where they run"),
    Row("r", "inactive", _N, "also resources that do not run"),
    Row("f", "failcounts", _N, "fail counts of resources"),
    Row("o", "operations", _N, "history of operations"),
    Row("t", "timing-details", _N, "history of operations with times"),
    Row("c", "tickets", _N, "tickets"),
    Row("m", "fence-history", _P, "fencing: 0 off, 1 failed and pending, 2 successful, 3 all",
        "LEVEL"),
    Row("L", "neg-locations", _P, "constraints that keep resources away (with this prefix)",
        "PREFIX"),
    Row("A", "show-node-attributes", _N, "attributes of nodes"),
    Row("D", "hide-headers", _N, "without the summary"),
    Row("R", "show-detail", _N, "ids of nodes, instances of clones one by one"),
    Row("", "show-description", _N, "descriptions of resources"),
    Row("b", "brief", _N, "count resources instead of naming them"),
    Row("", "release", _V, "whose words: 2.1 or 3.0 (else those of the release that wrote the CIB)", "RELEASE"),
    Row("s", "simple-status", _N, "one line, for monitoring systems"),
    Row("j", "pending", _N),
    Row("i", "interval", _V, "how often to look again, at least (5 s)", "TIME", "Screen"),
    Row("", "theme", _V, "colours of the screen", "NAME", "Screen"),
    Row("", "view", _V, "the view to begin with: overview, timeline, logs …", "NAME", "Screen"),
    Row("", "picture", _V, "draw the screen into a new SVG file, and end", "FILE", "Screen"),
    Row("", "size", _V, "with --picture: columns and rows (120x40)", "SIZE", "Screen"),
    Row("", "record", _V, "write down all that is heard, for --replay", "FILE", "Screen"),
    Row("", "replay", _V, "show a recording: on a screen, as a timeline, with -1 its status", "FILE", "Cluster"),
    Row("", "speed", _V, "how many times as fast a recording plays", "NUMBER", "Screen"),
    Row("", "at", _V, "with --replay: the moment (02:13:07, or -90s before the end)", "TIME", "Cluster"),
    Row("", "probe", _V, "a service to ask, as [NAME=]tcp:HOST:PORT, [NAME=]http://…, [NAME=]command:WORDS; "
        ",budget=TIME: how long it may be away", "PROBE", "Screen"),
    Row("", "cib", _V, "show a CIB file (also the variable CIB_file)", "FILE", "Cluster"),
    Row("", "attach", _V, "hashelld, pacemaker, ssh://HOST, or the path of a socket", "WHERE", "Cluster"),
    Row("", "also", _V, "one more cluster (as --attach) or CIB file, in a tab; several times", "WHERE", "Screen"),
    Row("", "read-only", _N, "refuse every change", group="Cluster"),
    Row("", "write", _N, "change a Pacemaker cluster, which is only looked at else", group="Cluster"),
    Row("x", "xml-file", _V, "", "FILE", "Cluster"),
    Row("Q", "quiet", _N, "without times", group="Other"),
    Row("V", "verbose", _N, group="Other"),
    Row("?", "help", _N, "this text", group="Other"),
    Row("", "help-all", _N, group="Other"),
    Row("$", "version", _N, "the version", group="Other"),
    Row("h", "as-html", _V, "", "FILE", "Output"),
    Row("X", "as-xml", _N, group="Output"),
    Row("N", "disable-ncurses", _N, group="Output"),
    Row("w", "web-cgi", _N, group="Output"),
    Row("p", "pid-file", _V, group="Output"),
    Row("E", "external-agent", _V, group="Events"),
    Row("e", "external-recipient", _V, group="Events"),
    Row("W", "watch-fencing", _N, group="Events"),
)
_BY_LONG = {row.long: row for row in ROWS}
_BY_SHORT = {row.short: row for row in ROWS if row.short}


class UnknownOption(BadUsage):
    id = "option-unknown"
    exit_code = 64


class BadOptionValue(BadUsage):
    id = "option-value"
    exit_code = 64


class MonitorOptions(Struct, frozen=True):
    """A command line, understood. `output` None: a screen, if there is a terminal."""

    status: StatusOptions
    output: Format | None = None
    silent: bool = False
    one_shot: bool = False
    watch: bool = False
    background: bool = False
    simple: bool = False
    legacy_xml: bool = False
    output_to: str = ""
    html_cgi: bool = False
    live_only: bool = False
    html_stylesheet: str = ""
    html_title: str = "Cluster Status"
    cib: str = ""
    attach: str = ""
    read_only: bool = False
    write: bool = False
    theme: str = ""
    record: str = ""
    replay: str = ""
    speed: float = 1.0
    at: str = ""
    view: str = ""
    picture: str = ""
    size: str = ""
    also: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    interval_ms: int = 5000
    show_help: bool = False
    show_version: bool = False


def words_of(argv: list[str]) -> Iterator[tuple[Row, str | None]]:
    """Each option with its value, in order; short options may stand together. Raises UnknownOption, BadOptionValue.
    """
    place = 0
    while place < len(argv):
        word = argv[place]
        place += 1
        if word.startswith("--") and len(word) > 2:
            name, equals, value = word[2:].partition("=")
            row = _BY_LONG.get(name)
            if row is None:
                raise UnknownOption(f"unknown option --{name}", "see hashell monitor --help")
            found: str | None = value if equals else None
            if equals and row.takes is _N:
                raise BadOptionValue(f"--{name} takes no value", f"leave out ={value}")
            if not equals and row.takes is not _N:
                found, place = _next(argv, place, row, f"--{name}")
            yield row, found
        elif word.startswith("-") and len(word) > 1:
            rest = word[1:]
            while rest:
                letter, rest = rest[0], rest[1:]
                row = _BY_SHORT.get(letter)
                if row is None:
                    raise UnknownOption(f"unknown option -{letter}", "see hashell monitor --help")
                if row.takes is _N:
                    yield row, None
                    continue
                if rest:
                    found = rest.removeprefix("=")
                    rest = ""
                else:
                    found, place = _next(argv, place, row, f"-{letter}")
                yield row, found
        else:
            raise UnknownOption(f"{word!r} is no option", "hashell monitor takes options only")


def _next(argv: list[str], place: int, row: Row, spelt: str) -> tuple[str | None, int]:
    """The value that follows as a word of its own."""
    there = place < len(argv)
    if row.takes is _V:
        if not there:
            raise BadOptionValue(f"{spelt} lacks its value", f"write {spelt} {row.value}")
        return argv[place], place + 1
    if there and not argv[place].startswith("-"):
        return argv[place], place + 1
    return None, place


#: Options that only switch sections: what they include or exclude.
_SECTIONS = {
    "failcounts": ("include", "failcounts"), "operations": ("include", "failcounts,operations"),
    "timing-details": ("include", "operations"), "tickets": ("include", "tickets"),
    "show-node-attributes": ("include", "attributes"), "hide-headers": ("exclude", "summary"),
}
#: Options that only set a detail of the status.
_DETAILS = {
    "group-by-node": "by_node", "inactive": "inactive", "show-detail": "details",
    "brief": "brief", "timing-details": "timing", "show-description": "description",
}
#: How much fencing history each level of -m asks for.
_FENCING = {
    0: ("exclude", "fencing"), 1: ("include", "fencing-failed,fencing-pending"),
    2: ("include", "fencing"), 3: ("include", "fencing"),
}
#: Options that set a field of their own.
_FIELDS = {
    "cib": "cib", "xml-file": "cib", "attach": "attach", "theme": "theme",
    "view": "view", "picture": "picture", "size": "size", "record": "record", "replay": "replay", "at": "at",
    "output-to": "output_to", "html-stylesheet": "html_stylesheet", "html-title": "html_title",
}
#: Options that may be given several times.
_SEVERAL = {"probe": "probes", "also": "also"}
_FLAGS = {
    "one-shot": "one_shot", "read-only": "read_only", "write": "write", "html-cgi": "html_cgi",
    "watch": "watch", "daemonize": "background",
    "help": "show_help", "help-all": "show_help", "version": "show_version",
}


class _Reading(Struct):
    """What is gathered while the words are read: sections apply only when the format is known."""

    detail: dict[str, bool | str | int] = field(default_factory=dict)
    fields: dict[str, bool | str | int | float | tuple[str, ...]] = field(default_factory=dict)
    before: list[tuple[str, str]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    output: str = ""
    release: Release | None = None
    #: An option that is about events, which a status that is printed once does not wait for.
    events: str = ""


def read(argv: list[str]) -> MonitorOptions:
    """The options that a command line means. Raises BadUsage with the exit code of crm_mon."""
    reading = _Reading()
    _fence_level(reading, 1)
    for row, value in words_of(argv):
        _take(reading, row, value)
    output, silent = _output(reading)
    _check(reading, output)
    sections, prefix = usual_sections(output or Format.TEXT), ""
    for how, words in [*reading.before, *reading.asked]:
        if how == "include":
            sections, prefix = include(sections, words, output or Format.TEXT, prefix)
        else:
            sections = exclude(sections, words, output or Format.TEXT)
    machine = output in (Format.XML, Format.JSON)
    if machine:
        reading.detail |= {"inactive": True, "timing": True}
    status = replace(
        StatusOptions(), sections=sections, ban_prefix=prefix, release=reading.release, **reading.detail,
    )
    return MonitorOptions(
        status, output, silent=silent, **reading.fields,  # type: ignore[arg-type]
    )


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.1 <= speed <= 1000.0:
        raise BadOptionValue(f"--speed {text} is no speed", "give a number from 0.1 to 1000")
    return speed


def _release(word: str) -> Release:
    """By its name, or by that of a later one of the same series (3.0.2)."""
    for release in Release:
        if word == release.value or word.startswith(f"{release.value}."):
            return release
    known = " or ".join(release.value for release in Release)
    raise BadOptionValue(f"invalid value for --release: {word}", f"use {known}")


def _fence_level(reading: _Reading, level: int) -> None:
    reading.detail["fence_level"] = level
    reading.before.append(_FENCING[level])


def _take(reading: _Reading, row: Row, value: str | None) -> None:
    name = row.long
    if row.group == "Events":
        reading.events = f"--{name}"
    if name in _SEVERAL:
        before = reading.fields.get(_SEVERAL[name], ())
        assert isinstance(before, tuple)
        reading.fields[_SEVERAL[name]] = (*before, value or "")
    elif name == "speed":
        reading.fields["speed"] = _speed(value or "")
    elif name in _DETAILS:
        reading.detail[_DETAILS[name]] = True
    if name in _SECTIONS:
        reading.asked.append(_SECTIONS[name])
    if name in _FLAGS:
        reading.fields[_FLAGS[name]] = True
    if name in _FIELDS:
        reading.fields[_FIELDS[name]] = value or ""
    match name:
        case "include" | "exclude":
            reading.asked.append((name, value or ""))
        case "neg-locations":
            reading.asked.append(("include", f"bans:{value}" if value else "bans"))
        case "fence-history":
            if value is not None and value not in ("0", "1", "2", "3"):
                raise BadOptionValue(f"--fence-history={value}: fence history must be 0-3")
            _fence_level(reading, 2 if value is None else int(value))
        case "release":
            reading.release = _release(value or "")
        case "node":
            reading.detail["only_node"] = value or ""
        case "resource":
            reading.detail["only_resource"] = value or ""
        case "quiet":
            reading.before.append(("exclude", "times"))
        case "interval":
            milliseconds = parse_interval_ms(value)
            if milliseconds is None:
                raise BadOptionValue(f"invalid value for -i: {value}", "write 5, 5s, 2min or PT5S")
            reading.fields["interval_ms"] = max(milliseconds, 100)
        case "output-as":
            reading.output = value or ""
        case "simple-status":
            reading.fields |= {"simple": True, "one_shot": True}
        case "xml-file":
            reading.fields["one_shot"] = True
        case "watch-fencing":
            _fence_level(reading, 0)
        case "disable-ncurses":
            reading.output = reading.output or "text"
        case "as-html":
            reading.output = "html"
            reading.fields["output_to"] = value or ""
        case "as-xml":
            reading.output = "xml"
            reading.fields["legacy_xml"] = True
        case "web-cgi":
            reading.output = "html"
            reading.fields |= {"html_cgi": True, "live_only": True}


def _check(reading: _Reading, output: Format | None) -> None:
    """Refuse what cannot be meant together. Raises BadUsage."""
    fields = reading.fields
    if reading.events and (output is None or fields.get("watch") or fields.get("background")):
        raise UnknownOption(
            f"{reading.events} is not part of hashell monitor",
            "cluster nodes run alert agents themselves: see alerts in the CIB",
        )
    if fields.get("background"):
        fields["watch"] = True
        if fields.get("output_to", "-") in ("", "-"):
            raise BadOptionValue("--daemonize needs a file to write to", "add --output-to=FILE")
    if fields.get("watch") and fields.get("one_shot"):
        raise BadOptionValue("--watch and --one-shot contradict one another", "leave out one")


def _output(reading: _Reading) -> tuple[Format | None, bool]:
    """The format, None for a screen; and whether nothing is to be printed at all."""
    word = reading.output
    if word in ("", "console"):
        printed = any(reading.fields.get(name) for name in ("one_shot", "watch", "background"))
        once = printed or reading.fields.get("output_to") not in (None, "-")
        return (Format.TEXT if once else None), False
    if word == "none":
        return Format.TEXT, True
    try:
        return Format(word), False
    except ValueError:
        raise BadOptionValue(
            f"invalid value for --output-as: {word}",
            "use console, text, xml, html, json or none",
        ) from None


def help_text() -> str:
    """The options by group, as --help prints them."""
    lines = ["Usage: hashell monitor [OPTION…]", ""]
    lines.append("The status of a cluster, on a screen or once.")
    groups: dict[str, list[Row]] = {}
    for row in ROWS:
        if row.help:
            groups.setdefault(row.group, []).append(row)
    for group, rows in groups.items():
        lines += ["", f"{group} options:"]
        for row in rows:
            short = f"-{row.short}, " if row.short else "    "
            value = f"={row.value}" if row.value else ""
            lines.append(f"  {short}{f'--{row.long}{value}':<32}{row.help}")
    return "\n".join(lines) + "\n"
