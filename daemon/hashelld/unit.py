"""The unit by which systemd runs a node: `hashelld --systemd-unit > /etc/systemd/system/hashelld.service`."""

from __future__ import annotations

import shutil
import sys

#: Why each line is as it is stands beside it: whoever edits the unit reads it there.
_TEXT = """\
[Unit]
Description=Node daemon of the hashell cluster
Wants=network-online.target
After=network-online.target time-sync.target dbus.service
StartLimitIntervalSec=60
StartLimitBurst=20

[Service]
Type=notify
NotifyAccess=main
ExecStart={program} --settings /etc/hashell/hashelld.toml
# A daemon that fails comes back at once and takes over what runs; its peers have noticed meanwhile.
Restart=on-failure
RestartSec=200ms
# Services belong to the cluster, not to this unit: they outlive a daemon that dies.
KillMode=process
OOMPolicy=continue
TasksMax=infinity
LimitNOFILE=65536
# A loop that stands still is ended here, and sooner by its own heartbeat process: somebody starts it again.
WatchdogSec=30
WatchdogSignal=SIGKILL
Environment=HASHELL_STALL_ACTION=kill
# Leaving means stopping or moving all that runs here: longer than the cluster's shutdown-escalation (20 min).
TimeoutStopSec=25min
TimeoutStartSec=5min
RuntimeDirectory=hashell
RuntimeDirectoryPreserve=yes
StateDirectory=hashell
StateDirectoryMode=0700

[Install]
WantedBy=multi-user.target
"""


def text() -> str:
    """The unit, with the path of this installation's daemon in it."""
    program = shutil.which("hashelld") or f"{sys.executable} -m hashelld"
    return _TEXT.format(program=program)
