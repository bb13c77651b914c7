"""Main: `hashell simulate`, with crm_simulate's options and words.

Source: tools/crm_simulate.c of Pacemaker 3.0; lib/pacemaker/pcmk_simulate.c.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from lxml import etree

from hashell import __version__
from hashell.cib.document import Cib
from hashell.cib.files import load_cib, save_cib
from hashell.errors import BadUsage, HashellError, NotFound, NotReachable
from hashell.exit_codes import ExitCode
from hashell.rules.iso8601 import parse_moment
from hashell.scheduler.schedule import Wanted
from hashell.simulate import inject
from hashell.simulate.arguments import PacemakerParser
from hashell.simulate.run import PRETENDING, Decision, FailureWish, decide, decide_on, walk, with_status
from hashell.simulate.source import LiveCib, zone
from hashell.simulate.text import change_lines, injected_step, score_lines
from hashell.state.cluster_state import ClusterState, read_cluster_state
from hashell.transition.dot import dot_text
from hashell.transition.runner import RunState
from hashell.transition.xml import graph_to_xml
from hashell.values.integers import leading_integer

if TYPE_CHECKING:
    from hashell.simulate.report import Report

#: What a tool of Pacemaker ends with when a transition made no sense.
_INVALID_TRANSITION = 1
#: `RESOURCE_TASK_INTERVAL@NODE=CODE`
_OPERATION = re.compile(r"[^@=]+_[^@=]+_[0-9]+@[^=]+=.+")


class BadDate(BadUsage):
    id = "date-bad"
    exit_code = ExitCode.USAGE


class WrongUsage(BadUsage):
    id = "usage-wrong"
    exit_code = ExitCode.USAGE


class CannotWrite(HashellError):
    id = "cannot-write"
    exit_code = ExitCode.CANNOT_CREATE


class NoInput(HashellError):
    id = "no-input"
    exit_code = ExitCode.NO_INPUT


@dataclass
class Events:
    """What is to happen to the cluster before it is scheduled."""

    up: list[str] = field(default_factory=list)
    down: list[str] = field(default_factory=list)
    fail: list[str] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    granted: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    standby: list[str] = field(default_factory=list)
    activated: list[str] = field(default_factory=list)
    quorum: str | None = None
    watchdog: str | None = None

    @property
    def any(self) -> bool:
        return any((
            self.up, self.down, self.fail, self.operations, self.granted, self.revoked,
            self.standby, self.activated, self.watchdog,
        ))


def _parser() -> argparse.ArgumentParser:
    parser = PacemakerParser(
        prog="hashell simulate", allow_abbrev=False,
        description="Show what the cluster would do, and what would come of it.",
    )
    parser.add_argument("-V", "--verbose", action="count", default=0, help="what is odd about the input, too")
    parser.add_argument("-$", "--version", action="version", version=f"hashell {__version__}")
    parser.add_argument("-Q", "--quiet", action="store_true", help="only what is essential")
    parser.add_argument("--output-as", choices=("text", "xml", "json"), default="text")
    parser.add_argument("--output-to", metavar="FILE")
    source = parser.add_argument_group("where the cluster comes from")
    source.add_argument("-x", "--xml-file", metavar="FILE", help="a CIB (- for standard input)")
    source.add_argument("-p", "--xml-pipe", action="store_true", help="a CIB on standard input")
    source.add_argument("-L", "--live-check", action="store_true", help="the cluster as it is now")
    source.add_argument("--cib", metavar="FILE", help="as --xml-file")
    source.add_argument("--attach", default="", metavar="KIND", help="which cluster -L asks")
    work = parser.add_argument_group("what to do")
    work.add_argument("-R", "--run", action="store_true", help="show which actions would be taken")
    work.add_argument("-S", "--simulate", action="store_true", help="and what would come of them")
    work.add_argument("-X", "--in-place", action="store_true", help="and write that to the input")
    work.add_argument("-A", "--show-attrs", action="store_true")
    work.add_argument("-c", "--show-failcounts", action="store_true")
    work.add_argument("-s", "--show-scores", action="store_true")
    work.add_argument("-U", "--show-utilization", action="store_true")
    work.add_argument("-j", "--pending", action="store_true", help=argparse.SUPPRESS)
    work.add_argument("-P", "--profile", metavar="DIR", help="time every XML file of a folder")
    work.add_argument("-N", "--repeat", metavar="N", type=int, default=1)
    what_if = parser.add_argument_group("what if")
    for letter, name, meta in (
        ("u", "node-up", "NODE"), ("d", "node-down", "NODE"), ("f", "node-fail", "NODE"),
        ("i", "op-inject", "OPSPEC"), ("F", "op-fail", "OPSPEC"), ("g", "ticket-grant", "TICKET"),
        ("r", "ticket-revoke", "TICKET"), ("b", "ticket-standby", "TICKET"),
        ("e", "ticket-activate", "TICKET"),
    ):
        what_if.add_argument(
            f"-{letter}", f"--{name}", action="append", default=[], metavar=meta
        )
    what_if.add_argument("-t", "--set-datetime", metavar="DATETIME")
    what_if.add_argument("-q", "--quorum", metavar="QUORUM")
    what_if.add_argument("-w", "--watchdog", metavar="DEVICE")
    keep = parser.add_argument_group("what to keep")
    keep.add_argument("-I", "--save-input", metavar="FILE")
    keep.add_argument("-O", "--save-output", metavar="FILE")
    keep.add_argument("-G", "--save-graph", metavar="FILE")
    keep.add_argument("-D", "--save-dotfile", metavar="FILE")
    keep.add_argument("-a", "--all-actions", action="store_true")
    return parser


class _Output:
    """Text in blocks, with an empty line between blocks that ask for one."""

    def __init__(self, write: Callable[[str], object], *, quiet: bool, plain: bool) -> None:
        self._write = write
        self.quiet = quiet
        self._plain = plain
        self.printed = False

    def line(self, text: str) -> None:
        self._write(text + "\n")

    def info(self, text: str) -> None:
        if not self.quiet:
            self.line(text)

    def spacer(self) -> None:
        if self.printed and not self.quiet:
            self.line("")

    def listing(self, heading: str, lines: Iterable[str], *, always: bool = False, aside: str = "") -> None:
        """A heading and bullets; in quiet mode only what is essential, without either. Lines that begin with `aside`
        have no bullet.
        """
        if not self.quiet:
            self.spacer()
            self.line(f"{heading}:")
        if not self.quiet or always:
            for text in lines:
                bare = self._plain or (aside and text.startswith(aside))
                self.line(text if bare else f"  * {text}")
        self.printed = True


def main(argv: list[str], live: LiveCib | None = None) -> int:
    """Run one command line; the exit code. What is wrong with it is said on standard error.

    `live` gives the CIB of a running cluster, for --live-check.
    """
    options = _parser().parse_args(argv)
    report = None
    if options.output_as != "text":
        from hashell.simulate.report import Report

        report = Report(" ".join(["crm_simulate", *argv]), as_json=options.output_as == "json")
    try:
        with contextlib.ExitStack() as files:
            write: Callable[[str], object] = sys.stdout.write
            if options.output_to and options.output_to != "-":
                write = files.enter_context(_opened(options.output_to)).write
            return _perform(options, live, report, write)
    except HashellError as error:
        print(f"hashell simulate: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"hashell simulate: {error.strerror}: {error.filename}", file=sys.stderr)
        return ExitCode.CANNOT_CREATE


def _opened(path: str) -> TextIO:
    """A file to write to. Raises CannotWrite."""
    try:
        return Path(path).open("w", encoding="utf-8")
    except OSError as error:
        raise CannotWrite(f"{path} cannot be written: {error.strerror}", "check the directory") from None


def _perform(
    options: argparse.Namespace, live: LiveCib | None, report: Report | None, write: Callable[[str], object]
) -> int:
    """Run; a document is written in any case, also about what went wrong."""
    if report is None:
        return _Run(options, write, live).run()
    try:
        code = _Run(options, lambda text: None, live, report).run()
    except HashellError as error:
        write(report.end(error.exit_code, "Error occurred", [str(error)]))
        return error.exit_code
    write(report.end(code, "OK" if code == 0 else "An invalid transition was produced"))
    return code


class _Run:
    def __init__(
        self, options: argparse.Namespace, write: Callable[[str], object], live: LiveCib | None = None,
        report: Report | None = None,
    ) -> None:
        self.options = options
        self.live = live
        self.report = report
        scores = options.show_scores or options.show_utilization
        self.out = _Output(
            write, quiet=options.quiet, plain=options.quiet and options.show_scores
        )
        self.wanted = Wanted(
            scores=options.show_scores, utilization=options.show_utilization,
            dot=bool(options.save_dotfile), all_actions=options.all_actions,
            verbose=options.verbose > 0, sanitized=not options.live_check,
        )
        self.simulates = options.simulate or options.in_place or bool(options.op_fail)
        self.schedules = self.simulates or options.run or scores or bool(
            options.save_graph or options.save_dotfile
        )
        self.clock_s = int(time.time())
        self.events = Events(
            options.node_up, options.node_down, options.node_fail, options.op_inject,
            options.ticket_grant, options.ticket_revoke, options.ticket_standby,
            options.ticket_activate, options.quorum, options.watchdog,
        )

    def run(self) -> int:
        if self.options.repeat < 1:
            raise WrongUsage(f"-N {self.options.repeat} repeats nothing", "a number from 1 on")
        for spec in self.options.op_fail:
            if not _OPERATION.fullmatch(spec):
                raise inject.BadInjection(f"Invalid failed operation: {spec}", "RESOURCE_TASK_INTERVAL@NODE=CODE")
        if self.options.profile:
            return self._profile(Path(self.options.profile))
        return self._simulate(self._load())

    # Input --------------------------------------------------------------------------------------

    def _load(self) -> Cib:
        options = self.options
        path = options.xml_file or options.cib
        if options.live_check and not path:
            return self._live()
        if options.xml_pipe or path is None:
            path = os.environ.get("CIB_file") if not options.xml_pipe else None  # noqa: SIM112
            path = path or "-"
        try:
            return with_status(load_cib(path))
        except NotFound as error:
            raise NoInput(error.message, error.hint) from None

    def _live(self) -> Cib:
        if self.live is None:
            raise NotReachable("no running cluster can be asked from here", "name a file with --xml-file")
        return with_status(self.live(self.options.attach))

    # One simulation -----------------------------------------------------------------------------

    def _moment(self, cib: Cib, *, announce: bool = True) -> int:
        """When it is: as asked for, as the input says, or now."""
        asked = self.options.set_datetime
        if asked:
            moment = parse_moment(asked, zone(self.clock_s), self.clock_s)
            if moment is None:
                raise BadDate(f"{asked!r} is no date", "use ISO 8601, for example 2024-05-01T12:00")
            if announce:
                self.out.info(f"Setting effective cluster time: {asked}")
            return moment.epoch_s
        recorded = leading_integer(cib.root.get("execution-date", ""))
        if recorded:
            if announce:
                shown = datetime.fromtimestamp(recorded, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
                self.out.info(f"Using the original execution date of: {shown}")
            return recorded
        return self.clock_s

    def _simulate(self, cib: Cib) -> int:
        out, options = self.out, self.options
        if cib.root.get("validate-with") == "none":
            print(
                'Schema validation of configuration is disabled (support for validate-with set to "none" is '
                "deprecated and will be removed in a future release)", file=sys.stderr,
            )
        now_s = self._moment(cib)
        state: ClusterState | None = None
        if not out.quiet:
            state = read_cluster_state(cib, now_s, zone(now_s))
            self._show_opening(state)
        if self.events.any:
            cib, state = self._inject(cib), None
            now_s = self._moment(cib)
        if options.save_input:
            _save(options.save_input, cib)
        if not self.schedules:
            self._keep(cib)
            return 0
        if state is None:
            state = read_cluster_state(cib, now_s, zone(now_s))
        decision = decide_on(state, 1, self.wanted)
        self._show_decision(decision)
        if not self.simulates:
            self._keep(cib)
            return 0
        return self._walk(decision)

    def _show_opening(self, state: ClusterState) -> None:
        from hashell.status import simulate as status

        for block in status.opening(state):
            self.out.spacer()
            self.out.line(block)
            self.out.printed = True
        if self.options.verbose:
            _complain(state.problems)
        self._show_status(state, status.CURRENT, pending=True)

    def _show_status(
        self, state: ClusterState, heading: str, *, pending: bool = False
    ) -> None:
        from hashell.status import simulate as status

        if self.report is not None:
            part = "cluster_status" if heading == status.CURRENT else "revised_cluster_status"
            self.report.status(
                state, part, attributes=self.options.show_attrs, fail_counts=self.options.show_failcounts
            )
            return
        self.out.spacer()
        for line in status.render_simulate_status(
            state, heading, attributes=self.options.show_attrs,
            fail_counts=self.options.show_failcounts, pending=pending,
        ):
            self.out.line(line)
        self.out.printed = True

    def _show_decision(self, decision: Decision) -> None:
        options, out = self.options, self.out
        schedule = decision.schedule
        if options.verbose:
            _complain((*schedule.notices, *(one for one in schedule.problems if one not in decision.state.problems)))
        if self.report is not None:
            self._report_decision(self.report, decision)
        if options.show_scores or options.show_utilization:
            heading = "Assignment Scores" if options.show_scores else "Utilization Information"
            if options.show_scores and options.show_utilization:
                heading = "Assignment Scores and Utilization Information"
            out.listing(heading, score_lines(schedule.lines), always=True)
        if options.save_graph:
            with _opened(options.save_graph) as file:
                file.write(graph_to_xml(decision.graph, pretty=True).decode())
        if options.save_dotfile:
            with _opened(options.save_dotfile) as file:
                file.write(dot_text(schedule.dot_nodes, schedule.dot_edges))
        if not out.quiet:
            out.listing("Transition Summary", change_lines(schedule.changes))

    def _report_decision(self, report: Report, decision: Decision) -> None:
        from hashell.simulate.report import change_items, score_items

        options = self.options
        if options.show_scores or options.show_utilization:
            name = "allocations" if options.show_scores else "utilizations"
            if options.show_scores and options.show_utilization:
                name = "allocations_utilizations"
            report.part(name, score_items(decision.schedule.lines))
        if not self.out.quiet:
            report.part("actions", change_items(decision.schedule.changes))

    def _walk(self, decision: Decision) -> int:
        out = self.out
        wishes = [FailureWish(text) for text in self.options.op_fail]
        result = walk(decision, wishes, self.clock_s, configure=bool(self.events.up))
        if not out.quiet:
            out.listing("Executing Cluster Transition", result.lines, aside=PRETENDING)
            if self.report is not None:
                self.report.part("transition", result.steps)
        code = 0
        if result.state is RunState.STUCK:
            sys.stdout.flush()
            print("Transition failed: terminated", file=sys.stderr)
            print("An invalid transition was produced", file=sys.stderr)
            code = _INVALID_TRANSITION
        self._keep(result.cib)
        if out.quiet:
            return code
        now_s = self._moment(result.cib)
        from hashell.status.simulate import REVISED

        self._show_status(read_cluster_state(result.cib, now_s, zone(now_s)), REVISED)
        return code

    def _keep(self, cib: Cib) -> None:
        """Write what came of it where that was asked for."""
        if self.options.save_output:
            _save(self.options.save_output, cib)
        source = self.options.xml_file or self.options.cib
        if self.options.in_place and source and source != "-":
            _save(source, cib)

    # Events -------------------------------------------------------------------------------------

    def _inject(self, cib: Cib) -> Cib:
        events = self.events
        moment = self._moment(cib, announce=False)
        state = read_cluster_state(cib, moment, zone(moment))
        for node in (*events.down, *events.fail):
            if state.node_named(node) is None and node not in events.up:
                raise inject.BadInjection(
                    f"no node is called {node}", "nodes: " + ", ".join(one.name for one in state.nodes.values())
                )
        root = cib.copy_root()
        configure = bool(events.up)
        lines: list[str] = []
        items: list[tuple[str, Mapping[str, str]]] = []
        if events.quorum is not None:
            lines.append(f"Setting quorum: {events.quorum}")
            root.set("have-quorum", events.quorum)
        if events.watchdog is not None:
            lines.append(f"Setting watchdog: {events.watchdog}")
            inject.set_watchdog(root, events.watchdog)
        for node in events.up:
            lines.append(f"Bringing node {node} online")
            items.append(("modify_node", {"action": "Online", "node": node}))
            inject.set_node(root, node, up=True, configure=configure)
        for node in events.down:
            lines.append(f"Taking node {node} offline")
            items.append(("modify_node", {"action": "Offline", "node": node}))
            inject.node_down(root, node, configure=configure)
        for node in events.fail:
            lines.append(f"Failing node {node}")
            items.append(("modify_node", {"action": "Failing", "node": node}))
            inject.node_fail(root, node, configure=configure)
        for words, tickets, attribute, value in (
            ("Granting ticket {}", events.granted, "granted", True),
            ("Revoking ticket {}", events.revoked, "granted", False),
            ("Making ticket {} standby", events.standby, "standby", True),
            ("Activating ticket {}", events.activated, "standby", False),
        ):
            for ticket in tickets:
                lines.append(words.format(ticket))
                verb = "Standby" if words.startswith("Making") else words.split()[0]
                items.append(("modify_ticket", {"action": verb, "ticket": ticket}))
                inject.set_ticket(root, ticket, attribute, value)
        for spec in events.operations:
            lines.append(f"Injecting {spec} into the configuration")
            items.append(("inject_spec", {"spec": spec}))
            try:
                injected = self._inject_operation(root, state, spec)
            except inject.NoSuchOperation as error:
                print(error.message, file=sys.stderr)
                continue
            for one in injected:
                lines.append(one.text)
                items.append(injected_step(one))
        self.out.listing("Performing Requested Modifications", lines)
        if self.report is not None and not self.out.quiet:
            values = {"quorum": events.quorum, "watchdog": events.watchdog}
            self.report.part(
                "modifications", items, {name: value for name, value in values.items() if value is not None}
            )
        return Cib(root)

    def _inject_operation(
        self, root: etree._Element, state: ClusterState, spec: str
    ) -> Sequence[inject.Injected]:
        from hashell.scheduler.actions import split_key

        key, _, tail = spec.partition("@")
        node, _, code = tail.partition("=")
        found = (key, node, code if leading_integer(code) is not None else "")
        if not all(found):
            count = found.index("")
            raise inject.NoSuchOperation(f"Invalid operation spec: {spec}.  Only found {count} fields")
        name, task, interval_ms = split_key(key)
        resource = state.find(name)
        if resource is None:
            raise inject.NoSuchOperation(f"Invalid resource name: {name or '(null)'}")
        config = resource.config
        rc = leading_integer(code) or 0
        holder = inject.node_state(root, node, configure=bool(self.events.up))
        result = inject.Result(
            name, task, interval_ms, rc, 0, "Simulated action result", self.clock_s
        )
        fatal = state.configuration.options.start_failure_is_fatal
        injected = inject.count_failure(
            holder, result, name, infinity=task == "stop" or (task == "start" and fatal)
        )
        history = inject.resource_history(
            holder, name, name, inject.Agent(config.standard, config.provider, config.type)
        )
        inject.record(history, result, node)
        return injected

    # Profile ------------------------------------------------------------------------------------

    def _profile(self, folder: Path) -> int:
        """Time the scheduling of every XML file of a folder."""
        lines = []
        items = []
        if not folder.is_dir():
            raise NoInput(f"{folder} is no folder", "name a folder with CIBs in *.xml")
        for path in sorted(folder.glob("*.xml")):
            try:
                cib = with_status(load_cib(path))
            except HashellError as error:
                print(f"hashell simulate: {error}", file=sys.stderr)
                continue
            now_s = self._moment(cib, announce=False)
            begin = time.process_time()
            for _ in range(max(self.options.repeat, 1)):
                decide(cib, now_s, 1, self.wanted, zone(now_s))
            taken_s = time.process_time() - begin
            lines.append(f"Testing {path} ... {taken_s:.2f} secs")
            items.append(("timing", {"file": str(path), "duration": f"{taken_s:.2f}"}))
        self.out.listing("Timings", lines)
        if self.report is not None:
            self.report.part("timings", items)
        return 0


def _complain(texts: Iterable[str]) -> None:
    """What is odd about the input; the result is not among it."""
    for text in texts:
        print(f"warning: {text}", file=sys.stderr)


def _save(path: str, cib: Cib) -> None:
    """Write a CIB. Raises CannotWrite."""
    try:
        save_cib(path, cib)
    except HashellError as error:
        raise CannotWrite(error.message, error.hint) from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
