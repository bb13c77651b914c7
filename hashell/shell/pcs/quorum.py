"""The noun quorum: votes, and the options by which they are counted.

They stand in corosync.conf where the cluster runs on corosync (or where --corosync_conf names such a file), else in the
settings of each node.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hashell.errors import BadUsage, NotFound, Refused
from hashell.shell.grammar.words import Command, Danger
from hashell.shell.pcs.call import Call, pairs
from hashell.shell.pcs.root import need

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE = "hashell.shell.pcs.quorum"
COMMANDS = (
    Command("", "", "The options of quorum.", f"{_HERE}:config", aliases=("config",)),
    Command("status", "", "Votes and quorum.", f"{_HERE}:status"),
    Command("update", "NAME=VALUE...", "Change options of quorum; an empty value removes one.", f"{_HERE}:update",
            danger=Danger.CHANGES),
    Command("expected-votes", "COUNT", "Count with so many votes from now on, until the next start.",
            f"{_HERE}:expected_votes", danger=Danger.INTERRUPTS),
    Command("unblock", "", "Do not wait for the nodes that are still away.", f"{_HERE}:unblock",
            danger=Danger.INTERRUPTS),
)
_RESTART = "the nodes count so after their next start: change it on each, then restart them one by one"


def status(call: Call, words: list[str]) -> int:
    from hashell.commands.quorum import status_lines

    return call.lines(list(status_lines(call.session.client.info())))


def conf_of(call: Call) -> Path | None:
    """The corosync.conf that says it, if one does."""
    if "--corosync_conf" in call.options:
        return Path(call.options["--corosync_conf"])
    from hashell.shell.crm.corosync import conf_path

    client = call.session.client
    on_corosync = client.kind == "pacemaker" or (client.kind == "hashelld" and client.info().engine == "corosync")
    return conf_path() if on_corosync else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"Unable to read {path}: {error}", "name a corosync.conf") from None


def config(call: Call, words: list[str]) -> int:
    return call.lines(_config_lines(call))


def _config_lines(call: Call) -> Iterator[str]:
    from hashell.commands import setup
    from hashell.shell.pcs.setting_up import QUORUM
    from hashell.values import corosync_edit

    path = conf_of(call)
    if path is not None:
        text = _read(path)
        values = {name: (*corosync_edit.values(text, f"quorum.{name}"), "")[0] for name in QUORUM}
    else:
        values = setup.quorum_settings(QUORUM)
    yield "Options:"
    yield from (f" {name}: {value}" for name, value in values.items() if value)
    if path is not None and (model := corosync_edit.values(text, "quorum.device.model")):
        yield "Device:"
        yield f"  Model: {model[0]}"
        for name in ("host", "algorithm", "tie_breaker", "tls"):
            yield from (f"    {name}: {value}" for value in corosync_edit.values(text, f"quorum.device.net.{name}"))


def update(call: Call, words: list[str]) -> int:
    from hashell.commands import setup
    from hashell.shell.pcs.setting_up import check_quorum
    from hashell.values import corosync_edit

    given = pairs(words)
    if not given:
        raise BadUsage("usage: pcs quorum update NAME=VALUE…", "give name=value")
    check_quorum(given)
    path = conf_of(call)
    if path is None:
        if call.session.client.kind == "file":
            raise Refused(
                "a CIB file does not say how votes are counted", "name a corosync.conf with --corosync_conf FILE"
            )
        setup.change_settings(given)
        call.session.err(f"INFO: changed on this node; {_RESTART}")
        return 0
    from hashell.cib.files import write_whole
    from hashell.values.corosync_conf import parse

    text = _read(path)
    for name, value in given.items():
        place = f"quorum.{name}"
        if value:
            text = corosync_edit.set_value(text, place, value)
        elif corosync_edit.values(text, place):
            text = corosync_edit.delete(text, place)
    parse(text, str(path))
    write_whole(path, text.encode(), 0o644)
    call.session.err("INFO: corosync counts so after its next start; `pcs cluster sync` sends the file to the nodes")
    return 0


def expected_votes(call: Call, words: list[str]) -> int:
    need(words, 1, 1, "quorum expected-votes COUNT")
    if not words[0].isdigit() or not int(words[0]):
        raise BadUsage(f"'{words[0]}' is not a valid number of votes", "give a number above 0")
    return _tell_corosync(
        call, "corosync-quorumtool", "-e", words[0],
        way="a node that is gone for good: `pcs cluster node delete NODE`; a larger cluster from the start: `expect` "
        "in the settings",
    )


def unblock(call: Call, words: list[str]) -> int:
    question = "If nodes that are waited for still run, data may be damaged. Are they off?"
    if not (call.has("--yes") or call.force) and not call.session.confirm(question):
        raise Refused("quorum unblock: the cluster still waits", "answer yes, or give --yes")
    return _tell_corosync(
        call, "corosync-cmapctl", "-s", "quorum.cancel_wait_for_all", "u8", "1",
        way="vouch for each node that is off: `pcs stonith confirm NODE`",
    )


def _tell_corosync(call: Call, *words: str, way: str) -> int:
    """Only corosync can be told while it runs."""
    import shutil
    import subprocess

    if conf_of(call) is None:
        raise Refused("votes of this cluster are counted by its own layer, which is told by its settings", way)
    program = shutil.which(words[0])
    if program is None:
        raise NotFound(f"{words[0]} is not installed here", "run it on a node of the cluster")
    try:
        done = subprocess.run([program, *words[1:]], capture_output=True, text=True, check=False, timeout=30)
    except subprocess.TimeoutExpired:
        raise Refused(f"{words[0]} did not end within 30 s", "see whether corosync runs") from None
    if done.returncode:
        raise Refused(f"{words[0]}: {(done.stderr or done.stdout).strip()}", "see whether corosync runs")
    call.out(done.stdout)
    return 0
