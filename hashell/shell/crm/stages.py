"""The stages of `cluster init` and `cluster join`, one by one: what each comes to here, and which there are not.

Source: crmsh's manual, "cluster init", "cluster join".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.errors import BadUsage, Refused

if TYPE_CHECKING:
    from hashell.shell.session import Session

#: Stages that there is nothing to do for → why, and the way.
_NOT_HERE = {
    "csync2": ("files are sent by ssh when they change", "`cluster copy FILE`, `cluster diff FILE`"),
    "sbd": ("a node that must not go on is ended by its own watchdog", "see `hashelld --help`; `configure primitive "
            "… stonith:…` for fence devices"),
    "qdevice": ("votes are counted by the members", "a third vote without resources: `hashelld --arbiter` on a third "
                "machine"),
    "ocfs2": ("a cluster file system needs kernel and tools of its own", "make it by hand, then a primitive Filesystem "
              "on a clone of its lock manager"),
    "gfs2": ("a cluster file system needs kernel and tools of its own", "make it by hand, then a primitive Filesystem "
             "on a clone of its lock manager"),
}
_OTHER_WORDS = {"csync2_remote": "csync2", "ssh_remote": "ssh", "ssh_merge": "ssh", "storage": "ocfs2", "vgfs": "ocfs2"}
STAGES = ("ssh", "corosync", "cluster", "admin", *_NOT_HERE, *_OTHER_WORDS)
#: Options of crmsh with a value that say nothing here: the cluster layer finds its interfaces, devices are resources.
IGNORED_VALUES = ("-i", "-t", "-w", "-s", "-o", "-g", "-m", "--interface", "--transport", "--watchdog")
IGNORED = ("-y", "-q", "-S", "-x", "-C", "-F", "--yes", "--quiet")


def run(session: Session, stage: str, nodes: list[str], admin_ip: str, name: str) -> int:
    """One stage. Raises Refused for those that there are not."""
    from hashell.shell.crm import cluster

    stage = _OTHER_WORDS.get(stage, stage)
    if stage in _NOT_HERE:
        why, way = _NOT_HERE[stage]
        raise Refused(f"cluster init {stage} is not needed here: {why}", way)
    if stage == "ssh":
        return _reach(session, nodes)
    if stage == "corosync":
        return cluster.init(session, [*(("-n", name) if name else ()), *nodes])
    if stage == "cluster":
        return cluster.enable(session, nodes) or cluster.start(session, nodes)
    return admin(session, admin_ip)


def _reach(session: Session, nodes: list[str]) -> int:
    """Whether the machines named can be reached without a password."""
    from hashell.commands import ssh
    from hashell.errors import HashellError

    if not nodes:
        raise BadUsage("init ssh: a node is missing", "init ssh -N NODE …")
    worst = 0
    for node in nodes:
        try:
            ssh.run(node, "true")
            session.err(f"INFO: {node} can be reached")
        except HashellError as error:
            ssh.told(session.err, f"init ssh {node}", node, error)
            worst = error.exit_code
    return worst


def admin(session: Session, address: str) -> int:
    """The address at which the cluster is administered, wherever it runs."""
    import ipaddress

    from hashell.commands import creation

    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise BadUsage(f"init admin: {address!r} is no address", "init admin -A 10.0.0.9") from None
    env = session.env()
    operations = [{"name": "monitor", "interval": "10", "timeout": "20"}]
    creation.create(
        env, creation.Wanted(
            "admin-ip", "ocf:heartbeat:IPaddr2", {"ip": address}, operations=operations, default_operations=False,
        ),
    )
    session.finish(env)
    session.err(f"INFO: admin-ip is {address}")
    return 0
