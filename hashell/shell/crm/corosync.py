"""The corosync level: corosync.conf looked at, changed, compared and sent to the nodes; what corosync itself says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hashell.errors import BadInput, BadUsage, NotFound, Refused
from hashell.shell.grammar.words import Command, Danger, Level

if TYPE_CHECKING:
    from hashell.shell.session import Session

_HERE = "hashell.shell.crm.corosync"
#: The file, unless corosync's own variable says another. Source: corosync(8).
CONF = "/etc/corosync/corosync.conf"
VARIABLE = "COROSYNC_MAIN_CONFIG_FILE"
#: What `status` is asked for → the program of corosync that knows it.
PROGRAMS = {
    "ring": ("corosync-cfgtool", "-s"),
    "quorum": ("corosync-quorumtool", "-siH"),
    "qdevice": ("corosync-qdevice-tool", "-sv"),
    "qnetd": ("corosync-qnetd-tool", "-lv"),
    "cpg": ("corosync-cpgtool", "-e"),
}
PROGRAM_TIMEOUT_S = 10
_C, _I = Danger.CHANGES, Danger.INTERRUPTS


def _command(name: str, usage: str, help: str, danger: Danger = Danger.READS, aliases: tuple[str, ...] = (),
             example: str = "", function: str = "") -> Command:
    return Command(name, usage, help, f"{_HERE}:{function or name.replace('-', '_')}", aliases=aliases, danger=danger,
                   example=example)


LEVEL = Level(
    "corosync", "corosync.conf and corosync itself, for clusters that run on it.",
    commands=(
        _command("show", "", "The file as it is on this node."),
        _command("get", "COROSYNCPATH", "A value, or all of that path.", example="get totem.token"),
        _command("set", "COROSYNCPATH TEXT [COUNT]", "Change a value; comments and order stay.", _C,
                 example="set totem.token 3000\nset nodelist.node.ring0_addr 10.0.0.7 1", function="set_value"),
        _command("del", "COROSYNCPATH [COUNT]", "Take a value out.", _C, function="delete"),
        _command("add-node", "ADDRESS [NODE]", "One more node in the list.", _C, ("add", "add_node")),
        _command("del-node", "NODE", "Take a node out of the list.", _I, ("del_node",)),
        _command("link", "(show|add LINKADDRESS=VALUE... [options LINKOPTION=VALUE...]"
                 "|update COUNT {LINKADDRESS=VALUE} [options LINKOPTION=VALUE...]|remove COUNT)",
                 "The links of knet: networks that stand in for one another.", _C,
                 example="link show\nlink add node1=10.0.1.1 node2=10.0.1.2\nlink remove 1"),
        _command("check", "", "Read the file strictly; every mistake with its line."),
        _command("edit", "", "Change the file in an editor; what is wrong is told before it is kept.", _C),
        _command("diff", "[--checksum] {NODE}", "Compare this node's file with that of others (over ssh)."),
        _command("pull", "NODE", "Take another node's file here.", _C),
        _command("push", "{NODE}", "Send this node's file to others.", _C),
        _command("reload", "", "Let corosync read the file again, on all nodes.", _C),
        _command("log", "", "What corosync wrote to its log file."),
        _command("status", "[(ring|quorum|qdevice|qnetd|cpg)]", "What corosync says of itself."),
    ),
)


def conf_path() -> Path:
    return Path(os.environ.get(VARIABLE) or CONF)


def read_text() -> str:
    """The file. Raises NotFound, Refused."""
    path = conf_path()
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(
            f"{path} does not exist: this node has no corosync", "clusters of hashelld need none: see `cluster status`"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read: {error}", f"or name another file in {VARIABLE}") from None


def keep(session: Session, text: str) -> None:
    """Write the file unless it would be wrong; the one before is kept beside it."""
    from hashell.cib.files import write_whole
    from hashell.values.corosync_conf import BadCorosyncConf, parse

    path = conf_path()
    try:
        parse(text, str(path))
    except BadCorosyncConf as error:
        if not session.options.force:
            raise
        session.err(f"WARNING: {error}")
    if path.is_file():
        write_whole(path.with_name(path.name + ".before"), path.read_bytes())
    write_whole(path, text.encode(), 0o644)
    session.err(f"INFO: {path} is changed on this node; `corosync push`, then `corosync reload`, makes it count")


def show(session: Session, words: list[str]) -> int:
    from hashell.shell.output import page

    page(session, read_text())
    return 0


def get(session: Session, words: list[str]) -> int:
    from hashell.values import corosync_edit

    found = corosync_edit.values(read_text(), words[0])
    if not found:
        raise NotFound(f"corosync.conf has no {words[0]}", "see `corosync show`")
    session.out("".join(f"{value}\n" for value in found))
    return 0


def _index(word: str) -> int:
    if not word.isdigit():
        raise BadUsage(f"{word!r} is no index", "count from 0")
    return int(word)


def set_value(session: Session, words: list[str]) -> int:
    from hashell.values import corosync_edit

    index = _index(words[2]) if len(words) > 2 else None
    keep(session, corosync_edit.set_value(read_text(), words[0], words[1], index))
    return 0


def delete(session: Session, words: list[str]) -> int:
    from hashell.values import corosync_edit

    keep(session, corosync_edit.delete(read_text(), words[0], _index(words[1]) if len(words) > 1 else None))
    return 0


def add_node(session: Session, words: list[str]) -> int:
    from hashell.values import corosync_edit

    keep(session, corosync_edit.add_node(read_text(), words[1] if len(words) > 1 else words[0], words[0].split(",")))
    return 0


def del_node(session: Session, words: list[str]) -> int:
    from hashell.values import corosync_edit

    text = corosync_edit.remove_node(read_text(), words[0])
    if not session.confirm(f"Take {words[0]} out of corosync.conf?"):
        raise Refused(f"{words[0]} stays", "confirm, or use --force")
    keep(session, text)
    return 0


def link(session: Session, words: list[str]) -> int:
    from hashell.values import corosync_edit

    text, verb = read_text(), words[0].lower()
    if verb == "show":
        for number, addresses in sorted(corosync_edit.links(text).items()):
            session.out(f"Link {number}:\n")
            session.out("".join(f"  {name}: {address}\n" for name, address in addresses.items()))
            options = corosync_edit.link_options(text, number)
            if options:
                session.out("  options: " + " ".join(f"{key}={value}" for key, value in options.items()) + "\n")
        return 0
    place = words.index("options") if "options" in words else len(words)
    odd = next((word for word in [*words[2:place], *words[place + 1 :]] if "=" not in word), "")
    if odd and verb != "remove":
        raise BadUsage(f"link {verb}: '{odd}' does not fit here", "write NODE=ADDRESS … options NAME=VALUE …")
    addresses = dict(word.split("=", 1) for word in words[1:place] if "=" in word)
    options = dict(word.split("=", 1) for word in words[place + 1 :] if "=" in word)
    if verb == "add":
        text = corosync_edit.add_link(text, addresses, options)
    elif verb == "update":
        text = corosync_edit.update_link(text, _index(words[1]), addresses, options)
    else:
        text = corosync_edit.remove_link(text, _index(words[1]))
    keep(session, text)
    return 0


def check(session: Session, words: list[str]) -> int:
    from hashell.values.corosync_conf import parse

    conf = parse(read_text(), str(conf_path()))
    session.out(f"{conf.cluster_name}: {len(conf.nodes)} nodes, {conf.votes} votes, nothing is wrong\n")
    return 0


def edit(session: Session, words: list[str]) -> int:
    import shlex
    import subprocess
    import tempfile

    from hashell.errors import HashellError

    if not session.interactive and session.ask is None:
        raise BadUsage("an editor needs a terminal", "use `corosync set`")
    before = read_text()
    editor = session.settings["editor"] or os.environ.get("EDITOR") or os.environ.get("VISUAL") or "vi"
    with tempfile.TemporaryDirectory(prefix="hashell-") as folder:
        path = Path(folder) / "corosync.conf"
        path.write_text(before, encoding="utf-8")
        while True:
            subprocess.run([*shlex.split(editor), str(path)], check=False)
            after = path.read_text(encoding="utf-8")
            if after == before:
                session.err("INFO: nothing was changed")
                return 0
            try:
                keep(session, after)
                return 0
            except BadInput as error:
                session.err(f"ERROR: {error}")
                if not session.confirm("Edit again?"):
                    session.err("INFO: nothing was changed")
                    return HashellError.exit_code


def _others(words: list[str]) -> list[str]:
    """The nodes that are named, or all of the file but this one."""
    from hashell.values import corosync_edit

    named = [word for word in words if not word.startswith("--")]
    if named:
        return named
    here = {os.uname().nodename, os.uname().nodename.partition(".")[0]}
    found = [name for name in corosync_edit.node_names(read_text()) if name not in here]
    if not found:
        raise BadUsage("corosync.conf names no other node", "name one")
    return found


def diff(session: Session, words: list[str]) -> int:
    """1 where a file differs, as diff has it."""
    import difflib
    import hashlib

    from hashell.commands import ssh

    mine, code = read_text(), 0
    path = str(conf_path())
    if "--checksum" in words:
        session.out(f"{hashlib.sha256(mine.encode()).hexdigest()}  {os.uname().nodename}\n")
    for host in _others(list(dict.fromkeys(words))):
        theirs = ssh.read(host, path).decode(errors="replace")
        code |= int(theirs != mine)
        if "--checksum" in words:
            session.out(f"{hashlib.sha256(theirs.encode()).hexdigest()}  {host}\n")
            continue
        here = f"{os.uname().nodename}:{path}"
        lines = difflib.unified_diff(mine.splitlines(), theirs.splitlines(), here, f"{host}:{path}", lineterm="")
        session.out("".join(f"{line}\n" for line in lines))
    return code


def pull(session: Session, words: list[str]) -> int:
    from hashell.commands import ssh

    keep(session, ssh.read(words[0], str(conf_path())).decode(errors="replace"))
    return 0


def push(session: Session, words: list[str]) -> int:
    from hashell.commands import ssh
    from hashell.errors import HashellError

    text, failed = read_text().encode(), 0
    for host in _others(list(dict.fromkeys(words))):
        try:
            ssh.write(host, str(conf_path()), text)
            session.err(f"INFO: sent to {host}")
        except HashellError as error:
            ssh.told(session.err, f"push to {host}", host, error)
            failed = error.exit_code
    return failed


def _program(name: str, *arguments: str) -> tuple[int, str]:
    import shutil
    import subprocess

    found = shutil.which(name)
    if found is None:
        raise NotFound(f"{name} is not installed here", "it comes with corosync; without it see `cluster status`")
    try:
        done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False,
                              timeout=PROGRAM_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise Refused(f"{name} did not end within {PROGRAM_TIMEOUT_S} s", "see the log of corosync") from None
    return done.returncode, (done.stdout + done.stderr).rstrip() + "\n"


def reload(session: Session, words: list[str]) -> int:
    from hashell.values.corosync_conf import parse

    parse(read_text(), str(conf_path()))
    code, said = _program("corosync-cfgtool", "-R")
    if code:
        raise Refused(f"corosync did not take it: {said.strip()}", "see `corosync log`")
    session.err("INFO: corosync read its file again")
    return 0


def log(session: Session, words: list[str]) -> int:
    from hashell.shell.output import page
    from hashell.values import corosync_edit

    found = corosync_edit.values(read_text(), "logging.logfile")
    if not found:
        raise NotFound("corosync.conf names no log file", "see `journalctl -u corosync`, or set logging.logfile")
    try:
        page(session, Path(found[-1]).read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise Refused(f"{found[-1]} cannot be read: {error.strerror}", "be root, or see `journalctl -u corosync`"
                      ) from None
    return 0


def status(session: Session, words: list[str]) -> int:
    code, said = _program(*PROGRAMS[words[0].lower() if words else "ring"])
    session.out(said)
    return code
