"""Main: `hashell simulate`, with crm_simulate's options and words.

Source: tools/crm_simulate.c of Pacemaker 3.0; lib/pacemaker/pcmk_simulate.c.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lxml import etree

from hashell.cib.document import Cib
from hashell.cib.files import load_cib, save_cib
from hashell.errors import BadUsage, HashellError
from hashell.rules.iso8601 import parse_moment
from hashell.scheduler.schedule import Wanted
from hashell.simulate import inject
from hashell.simulate.run import Decision, FailureWish, decide, walk, with_status
from hashell.simulate.source import zone
from hashell.simulate.text import change_lines, score_lines
from hashell.state.cluster_state import ClusterState, read_cluster_state
from hashell.transition.dot import dot_text
from hashell.transition.runner import RunState
from hashell.transition.xml import graph_to_xml
from hashell.values.integers import leading_integer

#: What a tool of Pacemaker ends with when a transition made no sense.
_INVALID_TRANSITION = 75


class BadDate(BadUsage):
    id = "date-bad"


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
    parser = argparse.ArgumentParser(
        prog="hashell simulate", allow_abbrev=False,
        description="Show what the cluster would do, and what would come of it.",
    )
    parser.add_argument("-V", "--verbose", action="count", default=0)
    parser.add_argument("-Q", "--quiet", action="store_true", help="only what is essential")
    parser.add_argument("--output-as", choices=("text", "xml"), default="text")
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

    def listing(self, heading: str, lines: Iterable[str], *, always: bool = False) -> None:
        """A heading and bullets; in quiet mode only what is essential, without either."""
        if not self.quiet:
            self.spacer()
            self.line(f"{heading}:")
        if not self.quiet or always:
            for text in lines:
                self.line(text if self._plain else f"  * {text}")
        self.printed = True


def main(argv: list[str]) -> int:
    """Run one command line; the exit code. What is wrong with it is said on standard error."""
    options = _parser().parse_args(argv)
    try:
        if options.output_to:
            with Path(options.output_to).open("w", encoding="utf-8") as file:
                return _Run(options, file.write).run()
        return _Run(options, sys.stdout.write).run()
    except HashellError as error:
        print(f"hashell simulate: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"hashell simulate: {error.strerror}: {error.filename}", file=sys.stderr)
        return 73


class _Run:
    def __init__(self, options: argparse.Namespace, write: Callable[[str], object]) -> None:
        self.options = options
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
        return with_status(load_cib(path))

    def _live(self) -> Cib:
        import importlib

        choose = importlib.import_module("hashell.client.choose")
        with choose.open_client(self.options.attach, read_only=True) as client:
            cib = client.cib()
            assert isinstance(cib, Cib)
            return with_status(cib)

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
            cib = self._inject(cib)
            now_s = self._moment(cib)
        if options.save_input:
            save_cib(options.save_input, cib)
        if not self.schedules:
            self._keep(cib)
            return 0
        decision = decide(cib, now_s, 1, self.wanted, zone(now_s))
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
        self._show_status(state, status.CURRENT, pending=True)

    def _show_status(
        self, state: ClusterState, heading: str, *, pending: bool = False
    ) -> None:
        from hashell.status import simulate as status

        self.out.spacer()
        for line in status.render_simulate_status(
            state, heading, attributes=self.options.show_attrs,
            fail_counts=self.options.show_failcounts, pending=pending,
        ):
            self.out.line(line)
        self.out.printed = True

    def _show_decision(self, decision: Decision) -> None:
        options, out = self.options, self.out
        if options.show_scores or options.show_utilization:
            heading = "Assignment Scores" if options.show_scores else "Utilization Information"
            if options.show_scores and options.show_utilization:
                heading = "Assignment Scores and Utilization Information"
            out.listing(heading, score_lines(decision.schedule.lines), always=True)
        if options.save_graph:
            Path(options.save_graph).write_bytes(graph_to_xml(decision.graph, pretty=True))
        if options.save_dotfile:
            Path(options.save_dotfile).write_text(
                dot_text(decision.schedule.dot_nodes, decision.schedule.dot_edges),
                encoding="utf-8",
            )
        if not out.quiet:
            out.listing("Transition Summary", change_lines(decision.schedule.changes))

    def _walk(self, decision: Decision) -> int:
        out = self.out
        wishes = [FailureWish(text) for text in self.options.op_fail]
        result = walk(decision, wishes, self.clock_s)
        if not out.quiet:
            out.listing("Executing Cluster Transition", result.lines)
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
            save_cib(self.options.save_output, cib)
        source = self.options.xml_file or self.options.cib
        if self.options.in_place and source and source != "-":
            save_cib(source, cib)

    # Events -------------------------------------------------------------------------------------

    def _inject(self, cib: Cib) -> Cib:
        events = self.events
        root = cib.copy_root()
        configure = bool(events.up)
        lines: list[str] = []
        if events.quorum is not None:
            lines.append(f"Setting quorum: {events.quorum}")
            root.set("have-quorum", events.quorum)
        if events.watchdog is not None:
            lines.append(f"Setting watchdog: {events.watchdog}")
            inject.set_watchdog(root, events.watchdog)
        for node in events.up:
            lines.append(f"Bringing node {node} online")
            inject.set_node(root, node, up=True, configure=configure)
        for node in events.down:
            lines.append(f"Taking node {node} offline")
            inject.node_down(root, node, configure=configure)
        for node in events.fail:
            lines.append(f"Failing node {node}")
            inject.node_fail(root, node, configure=configure)
        for words, tickets, attribute, value in (
            ("Granting ticket {}", events.granted, "granted", True),
            ("Revoking ticket {}", events.revoked, "granted", False),
            ("Making ticket {} standby", events.standby, "standby", True),
            ("Activating ticket {}", events.activated, "standby", False),
        ):
            for ticket in tickets:
                lines.append(words.format(ticket))
                inject.set_ticket(root, ticket, attribute, value)
        moment = self._moment(cib, announce=False)
        state = read_cluster_state(cib, moment, zone(moment))
        for spec in events.operations:
            lines.append(f"Injecting {spec} into the configuration")
            lines.extend(self._inject_operation(root, state, spec))
        self.out.listing("Performing Requested Modifications", lines)
        return Cib(root)

    def _inject_operation(
        self, root: etree._Element, state: ClusterState, spec: str
    ) -> Sequence[str]:
        from hashell.scheduler.actions import split_key

        key, at, tail = spec.partition("@")
        node, equals, code = tail.partition("=")
        if not at or not equals or leading_integer(code) is None:
            raise inject.BadInjection(
                f"Invalid operation spec: {spec}", "RESOURCE_TASK_INTERVAL@NODE=CODE"
            )
        name, task, interval_ms = split_key(key)
        resource = state.find(name)
        if resource is None:
            raise inject.BadInjection(f"Invalid resource name: {name or key}")
        config = resource.config
        rc = leading_integer(code) or 0
        holder = inject.node_state(root, node, configure=bool(self.events.up))
        result = inject.Result(
            name, task, interval_ms, rc, 0, "Simulated action result", self.clock_s
        )
        fatal = state.configuration.options.start_failure_is_fatal
        lines = inject.count_failure(
            holder, result, name, infinity=task == "stop" or (task == "start" and fatal)
        )
        history = inject.resource_history(
            holder, name, name, inject.Agent(config.standard, config.provider, config.type)
        )
        inject.record(history, result, node)
        return lines

    # Profile ------------------------------------------------------------------------------------

    def _profile(self, folder: Path) -> int:
        """Time the scheduling of every XML file of a folder."""
        lines = []
        for path in sorted(folder.glob("*.xml")):
            cib = with_status(load_cib(path))
            now_s = self._moment(cib, announce=False)
            begin = time.process_time()
            for _ in range(max(self.options.repeat, 1)):
                decide(cib, now_s, 1, self.wanted, zone(now_s))
            lines.append(f"Testing {path} ... {time.process_time() - begin:.2f} secs")
        self.out.listing("Timings", lines)
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
